"""Seeds: what is in them is there from the start on and after a reset; what is wrong is named."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from ksef_mock.app import create_app
from ksef_mock.clock import Clock, to_datetime
from ksef_mock.core.identifiers import Identifier
from ksef_mock.crypto.pki import person, seal
from ksef_mock.seed.files import load_seed
from ksef_mock.seed.model import SeedError, read_seed
from ksef_mock.settings import Settings
from ksef_mock.state import MemoryStore
from ksef_mock.system.planting import PLANTED, Planted, plant
from ksef_mock.system.system import System
from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import outcome
from tests.support import NIP, OTHER_NIP, Api

EXAMPLE = Path(__file__).parents[2] / "examples" / "seed.yaml"
PESEL = "90010112349"
TEXT = "20260301-EC-0123456789-ABCDEF0123-4F|nip-5265877635|" + "0123456789abcdef" * 4

Serve = Callable[[Any], tuple[MockServer, Api]]


@pytest.fixture
def planted(serve: Any) -> Serve:
    return lambda seed: serve(seed=seed)


# -- the example ------------------------------------------------------------------------------------------


def test_the_example_is_all_there_from_the_start_and_after_a_reset(planted: Serve) -> None:
    mock, api = planted(EXAMPLE)
    for _ in range(2):
        assert to_datetime(mock.clock.now()).isoformat()[:16] == "2026-03-01T08:00"
        login = api.login(TEXT)
        tokens = api.call("GET", "/tokens", bearer=login.access_token).json()["tokens"]
        assert {token["description"] for token in tokens} == {"Token wydany przez ksef-mock", "Tylko odczyt"}
        limits = api.call("GET", "/limits/subject", bearer=login.access_token).json()
        assert limits["certificate"] == {"maxCertificates": 2}
        found = api.call(
            "POST",
            "/invoices/query/metadata",
            bearer=login.access_token,
            json={
                "subjectType": "Subject1",
                "dateRange": {"dateType": "Invoicing", "from": "2026-02-01T00:00:00Z"},
            },
        )
        assert [invoice["invoiceNumber"] for invoice in found.json()["invoices"]] == ["FV/1/2026"]
        revoked = api.status(api.submit(api.token_request("a-revoked-token", nip="8432123452")))
        assert revoked["details"] == ["Token unieważniony"]
        owner = mock.pki.self_signed(person("Anna", "Nowak", pesel=PESEL), key="ec")
        assert outcome(mock, api, owner, context="<Nip>8432123452</Nip>")["code"] == 200
        deceased = mock.pki.self_signed(person("Jan", "Zmarły", nip="1111111111"), key="ec")
        assert outcome(mock, api, deceased, context="<Nip>1111111111</Nip>")["code"] == 470
        blocked = mock.pki.self_signed(seal("Firma", nip="3333333333"), key="ec")
        assert outcome(mock, api, blocked, context="<Nip>3333333333</Nip>")["code"] == 480
        assert api.http.get("/peppol/query").json()["peppolProviders"][0]["id"] == "PPL123456"
        assert api.http.get("/sessions/x").status_code == 503
        mock.reset()


def test_the_command_takes_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ksef_mock.cli", "serve", "--port", "0", "--seed", str(EXAMPLE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        seed = next(line for line in process.stdout if line.startswith("Seed:"))
        url = ready.split()[-1]
        api = Api(url)
        assert api.login(TEXT)
        api.close()
        process.terminate()
    assert seed.startswith("Seed:  2 persons, 1 subject, 3 tokens, ")


# -- a store that others use too --------------------------------------------------------------------------

BLOCKED = read_seed({"blocked": [NIP]})


def at_a_store(scenario: Callable[[System], Coroutine[Any, Any, None]]) -> None:
    async def prepared() -> None:
        system = System(Settings())
        await system.catch_up()
        await scenario(system)
        await system.close()

    asyncio.run(prepared())


def test_a_store_that_another_process_is_seeding_is_waited_for() -> None:
    async def scenario(system: System) -> None:
        begun = Planted(1, complete=False)
        assert await system.store.insert(PLANTED, "seed", begun, None)
        waiting = asyncio.create_task(plant(system, BLOCKED, patience=60))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert await system.store.swap(PLANTED, "seed", begun, Planted(1), None)
        assert not await waiting
        assert not await system.permissions.is_blocked(Identifier("Nip", NIP))

    at_a_store(scenario)


def test_a_store_that_was_seeded_in_part_is_no_base_to_start_from() -> None:
    async def scenario(system: System) -> None:
        contradictory = read_seed({"tokens": [{"nip": NIP, "token": "the-same-text"}] * 2})
        with pytest.raises(SeedError, match=r"tokens\[1\]"):
            await plant(system, contradictory)
        with pytest.raises(SeedError, match="seeded only in part"):
            await plant(system, BLOCKED, patience=0)
        await system.reset()
        assert await plant(system, BLOCKED)

    at_a_store(scenario)


# -- each member ------------------------------------------------------------------------------------------


def test_nothing_at_all_is_a_seed(planted: Serve, tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text("# nothing yet\n")
    mock, _ = planted(tmp_path / "seed.yaml")
    assert mock.settings.seed is not None
    assert mock.settings.seed.summary() == "nothing"


def test_clock_warning_and_attachments(planted: Serve) -> None:
    mock, api = planted(
        {
            "clock": {"time": "2026-01-02T03:04:05", "frozen": True},
            "warning": "[1]: Przerwa",
            "attachments": [NIP],
        }
    )
    assert to_datetime(mock.clock.now()).isoformat() == "2026-01-02T03:04:05+00:00"
    assert api.http.post("/auth/challenge").headers["x-system-warning"] == "[1]: Przerwa"
    access_token = api.login(mock.issue_token(NIP)).access_token
    consent = api.call("GET", "/permissions/attachments/status", bearer=access_token)
    assert consent.json()["isAttachmentAllowed"] is True


def test_certificates_from_files_texts_and_fingerprints(serve: Any, tmp_path: Path) -> None:
    first, _ = serve()
    owners = [first.pki.self_signed(seal("Firma", nip=NIP), key="ec") for _ in range(3)]
    (tmp_path / "old.pem").write_bytes(owners[0].certificate_pem)
    document = {
        "certificates": [
            {"file": "old.pem"},
            {"pem": owners[1].certificate_pem.decode(), "status": "suspended"},
            {"fingerprint": owners[2].fingerprint.lower()},
        ]
    }
    (tmp_path / "seed.json").write_text(json.dumps(document))
    mock, api = serve(seed=tmp_path / "seed.json")
    details = [outcome(mock, api, owner)["details"] for owner in owners]
    assert details == [["Certyfikat odwołany"], ["Certyfikat zawieszony"], ["Certyfikat odwołany"]]


def test_tokens_of_other_contexts_and_limits_of_sessions(planted: Serve) -> None:
    sizes = {"maxInvoiceSizeInMB": 2, "maxInvoiceWithAttachmentSizeInMB": 4, "maxInvoices": 5}
    mock, api = planted(
        {
            "tokens": [
                {"context": {"type": "InternalId", "value": f"{NIP}-12345"}, "token": "internal"},
                {"nip": OTHER_NIP, "token": "pending", "status": "Pending"},
            ],
            "limits": [{"nip": NIP, "session": {"onlineSession": sizes, "batchSession": sizes}}],
        }
    )
    context = {"contextIdentifier": {"type": "InternalId", "value": f"{NIP}-12345"}}
    assert api.login("internal", **context)
    access_token = api.login(mock.issue_token(NIP)).access_token
    assert api.limits(access_token).json()["onlineSession"] == sizes


def test_yaml_keeps_leading_zeros_and_quotes_are_optional(tmp_path: Path) -> None:
    (tmp_path / "seed.yml").write_text("persons: [{nip: 5265877635, pesel: 02270803628, isBailiff: yes}]")
    with pytest.raises(SeedError, match="isBailiff"):
        load_seed(tmp_path / "seed.yml")
    (tmp_path / "seed.yml").write_text("persons: [{nip: 5265877635, pesel: 02270803628, isBailiff: true}]")
    (entry,) = load_seed(tmp_path / "seed.yml").persons
    assert (entry.nip, entry.pesel, entry.is_bailiff) == (NIP, "02270803628", True)


def test_a_store_is_seeded_once() -> None:
    seed = read_seed({"tokens": [{"nip": NIP, "token": "fixed"}]})

    async def scenario() -> list[bool]:
        store = MemoryStore(Clock())
        systems = [create_app(Settings(seed=seed), store).state.system for _ in range(2)]
        for system in systems:
            await system.populate()
        found = [await systems[1].tokens.find("fixed") is not None]
        await systems[1].reset()
        return [*found, await systems[0].tokens.find("fixed") is not None]

    assert asyncio.run(scenario()) == [True, True]


# -- what is wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ([], "expected an object with clock, "),
        ({"person": []}, "person: unknown here, expected "),
        ({"persons": {}}, "persons: expected a list, each "),
        ({"persons": [{"nip": NIP}]}, "persons[0].pesel: missing, expected a PESEL: eleven digits"),
        ({"persons": [{"nip": "12", "pesel": PESEL}]}, "persons[0].nip: "),
        ({"persons": [{"nip": NIP, "pesel": PESEL, "age": 5}]}, "persons[0].age: unknown here"),
        ({"persons": [{"nip": NIP, "pesel": PESEL, "description": "x"}]}, "persons[0].description: "),
        ({"subjects": [{"nip": NIP, "type": "Bank"}]}, "subjects[0].type: expected one of "),
        ({"tokens": [{}]}, "tokens[0]: exactly one of nip and context"),
        ({"tokens": [{"nip": NIP, "permissions": ["All"]}]}, "tokens[0].permissions[0]: "),
        ({"tokens": [{"nip": NIP, "status": "Lost"}]}, "tokens[0].status: "),
        ({"tokens": [{"context": {"type": "Nip", "value": "1"}}]}, "tokens[0]: Nip:1 is no identifier"),
        (
            {
                "permissions": [
                    {"nip": NIP, "authorized": {"type": "Nip", "value": NIP}, "permissions": []},
                    {"nip": NIP, "authorized": {"type": "Pesel", "value": "1"}, "permissions": []},
                ]
            },
            "permissions[1].authorized: Pesel:1 is no identifier",
        ),
        ({"blocked": ["1"]}, "blocked[0]: "),
        ({"certificates": [{}]}, "certificates[0]: exactly one of file, pem and fingerprint"),
        ({"certificates": [{"file": "nowhere.pem"}]}, "certificates[0]: file: nowhere.pem: No such file"),
        ({"certificates": [{"pem": "x"}]}, "certificates[0]: pem: no certificate"),
        ({"certificates": [{"fingerprint": "AB"}]}, "certificates[0]: fingerprint: 64 hex digits"),
        ({"limits": [{"nip": NIP, "rateLimits": "none"}]}, "limits[0].rateLimits: "),
        ({"invoices": [{}]}, "invoices[0].seller: missing"),
        ({"faults": [{"path": "/auth/*"}]}, "faults[0]: exactly one effect is needed"),
        ({"clock": {"time": "noon"}}, "clock.time: "),
        ({"warning": "no code"}, "warning: "),
    ],
)
def test_wrong_entries_are_named_by_their_path(document: Any, named: str) -> None:
    with pytest.raises(SeedError) as caught:
        read_seed(document)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (
            {"persons": [{"nip": NIP, "pesel": PESEL}, {"nip": OTHER_NIP, "pesel": PESEL}]},
            "persons[1]: PESEL 90010112349 is a known person's",
        ),
        ({"subjects": [{"nip": NIP, "type": "JST"}] * 2}, f"subjects[1]: NIP {NIP} is known already"),
        (
            {
                "subjects": [
                    {"nip": NIP, "type": "EnforcementAuthority", "subunits": [{"nip": OTHER_NIP}]},
                ]
            },
            "subjects[0]: ",
        ),
        ({"tokens": [{"nip": NIP, "token": "x"}] * 2}, "tokens[1]: a KSeF token with this text exists"),
        (
            {"tokens": [{"context": {"type": "PeppolId", "value": "PPL123456"}}]},
            "tokens[0]: a context of type 'PeppolId' has no KSeF tokens",
        ),
        ({"peppolProviders": [{"id": "PPL123456", "name": "x"}] * 2}, "peppolProviders[1]: "),
        ({"invoices": [{"seller": {"nip": NIP}, "currency": "XXQ"}]}, "invoices[0]: "),
    ],
)
def test_entries_that_contradict_each_other_are_named_too(document: Any, named: str) -> None:
    mock = MockServer(seed=document)
    with pytest.raises(SeedError) as caught:
        mock.start()
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("seed.yaml", "persons: [", "no YAML"),
        ("seed.yaml", "a: 1\nwarning: x\na: 2\n", "line 3: the key 'a' stands twice"),
        ("seed.yaml", "{[1]: 2}", "or is no text"),
        ("seed.yaml", "\x00", "no YAML"),
        ("seed.json", "{", "Expecting property name"),
        ("seed.json", '{"persons": [], "blocked": [], "persons": []}', "the key 'persons' stands twice"),
        ("seed.json", '{"persons": [{"nip": "1", "pesel": "2", "nip": "3"}]}', "the key 'nip' stands twice"),
        ("seed.json", '{"persons": 1}', "persons: expected a list, each "),
        ("seed.json", "[" * 100_000, "recursion"),
    ],
)
def test_malformed_files_are_named(tmp_path: Path, name: str, content: str, named: str) -> None:
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(SeedError) as caught:
        load_seed(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert named in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="No such file"):
        load_seed(tmp_path / "nowhere.yaml")
    with pytest.raises(SeedError, match="directory"):
        load_seed(tmp_path)


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "seed.json").write_text('{"persons": [{"nip": "1", "pesel": "2"}]}')
    command = [sys.executable, "-m", "ksef_mock.cli", "serve", "--port", "0", "--seed", "seed.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "Invalid value for --seed: seed.json: persons[0].nip: " in done.stderr
    assert "Traceback" not in done.stderr


def test_without_pyyaml_json_works_and_yaml_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "seed.json").write_text('{"blocked": ["5265877635"]}')
    (tmp_path / "seed.yaml").write_text("blocked: [5265877635]")
    code = (
        "import sys; sys.modules['yaml'] = None\n"
        "from pathlib import Path\n"
        "from ksef_mock.seed.files import load_seed\n"
        "print(load_seed(Path('seed.json')).summary())\n"
        "try: load_seed(Path('seed.yaml'))\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    summary, refused = done.stdout.splitlines()
    assert summary == "1 blocked context"
    assert re.fullmatch(
        r"a seed in YAML needs PyYAML: pip install .*\[seed\]\", or write it in JSON", refused
    )
