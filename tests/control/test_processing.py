"""Events of KSeF's own: a planned stop of processing, a session under maintenance, slow days."""

from __future__ import annotations

import importlib
import pkgutil
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import fields

import ksef_mock.ksef
from ksef_mock.cli import main
from ksef_mock.clock import to_datetime
from ksef_mock.core.fault import InvalidFault
from ksef_mock.core.waiting import Delay
from ksef_mock.settings import Settings
from ksef_mock.state.store import Table
from ksef_mock.system.processing import WAITING
from ksef_mock.testing import MockServer
from tests.batch.sender import Sender, invoices, zipped
from tests.certificates.test_certificates import OWNER, csr, enroll, log_in, subject
from tests.sending.test_online import erp_of, good
from tests.support import NIP, OTHER_NIP, Api, b64, error

GRANT = {
    "subjectIdentifier": {"type": "Pesel", "value": "90010112349"},
    "permissions": ["InvoiceRead"],
    "description": "an accountant",
    "subjectDetails": {
        "subjectDetailsType": "PersonByIdentifier",
        "personById": {"firstName": "Anna", "lastName": "Nowak"},
    },
}


def begun(mock: MockServer, api: Api) -> httpx.Response:
    body = api.token_request(mock.issue_token(NIP))
    submitted = api.call("POST", "/auth/ksef-token", json=body)
    assert submitted.status_code == 202
    return submitted


def test_stopped_processing_takes_work_and_finishes_none(ksef_mock: MockServer, api: Api) -> None:
    ksef_mock.clock.freeze()
    before = begun(ksef_mock, api)
    ksef_mock.stop_processing(600)
    meanwhile = begun(ksef_mock, api)
    assert api.status(before)["code"] == 200
    ksef_mock.clock.advance(seconds=599)
    assert api.status(meanwhile)["code"] == 100
    ksef_mock.clock.advance(seconds=1)
    assert api.status(meanwhile)["code"] == 200
    assert api.status(begun(ksef_mock, api))["code"] == 200


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_cancelled_stop_releases_what_it_kept_waiting(
    serve: Callable[..., tuple[MockServer, Api]], tmp_path: Path, store: str
) -> None:
    where = "memory" if store == "memory" else f"sqlite:{tmp_path / 'state.db'}"
    ksef_mock, api = serve(settings=Settings(store=where))
    ksef_mock.clock.freeze()
    ksef_mock.clock.set(datetime(2026, 5, 4, 12, tzinfo=UTC))
    erp = erp_of(ksef_mock, api)
    session = erp.open()
    ksef_mock.stop_processing(600)
    login = begun(ksef_mock, api)
    invoice = erp.sent(session, good())
    reference = invoice["referenceNumber"]
    assert invoice["status"]["code"] == 150
    assert erp.closed(session)["status"]["code"] == 170
    ksef_mock.clock.advance(seconds=60)
    ksef_mock.resume_processing()
    assert api.status(login)["code"] == 200
    tokens = api.redeem(login.json()["authenticationToken"]["token"]).json()
    assert tokens["accessToken"]["validUntil"] == "2026-05-04T12:16:00+00:00"
    accepted = erp.invoice(session, reference)
    assert accepted["status"]["code"] == 200
    assert accepted["acquisitionDate"] == "2026-05-04T12:01:00+00:00"
    ended = erp.status(session)
    assert ended["status"]["code"] == 200
    assert ended["successfulInvoiceCount"] == 1
    ksef_mock.clock.advance(seconds=60)
    dates = {"dateType": "PermanentStorage", "from": "2026-05-04T12:01:00Z", "to": "2026-05-04T12:02:00Z"}
    query = {"subjectType": "Subject1", "dateRange": dates}
    found = erp.call("POST", "/invoices/query/metadata", json=query).json()["invoices"]
    assert [each["ksefNumber"] for each in found] == [accepted["ksefNumber"]]
    assert found[0]["acquisitionDate"] == accepted["acquisitionDate"]


@pytest.mark.parametrize("cancelled", [True, False])
def test_everything_that_waits_is_kept_and_released(ksef_mock: MockServer, api: Api, cancelled: bool) -> None:
    ksef_mock.clock.freeze()
    owner = log_in(ksef_mock, api, ksef_mock.pki.qualified(OWNER))
    ksef_mock.stop_processing(600)

    def call(method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = api.call(method, path, bearer=owner, **options)
        assert answer.is_success, answer.text
        body: dict[str, Any] = answer.json()
        return body

    token = call("POST", "/tokens", json={"permissions": ["InvoiceRead"], "description": "a token"})
    data = call("GET", "/certificates/enrollments/data")
    key = ec.generate_private_key(ec.SECP256R1())
    enrolled = enroll(api, owner, csr=b64(csr(subject(data), key, hashes.SHA256()))).json()
    granted = call("POST", "/permissions/persons/grants", json=GRANT)

    def shown() -> list[Any]:
        return [
            call("GET", f"/tokens/{token['referenceNumber']}")["status"],
            call("GET", f"/certificates/enrollments/{enrolled['referenceNumber']}")["status"]["code"],
            call("GET", f"/permissions/operations/{granted['referenceNumber']}")["status"]["code"],
        ]

    assert shown() == ["Pending", 100, 100]
    if cancelled:
        ksef_mock.resume_processing()
    else:
        ksef_mock.clock.advance(seconds=600)
    assert shown() == ["Active", 200, 200]


def test_package_is_released_with_its_invoices(ksef_mock: MockServer, api: Api) -> None:
    ksef_mock.clock.freeze()
    sender = Sender.of(ksef_mock, api)
    ksef_mock.stop_processing(600)
    batch = sender.open(zipped(invoices(3)))
    sender.upload(batch)
    sender.closed(batch)
    assert sender.status(batch)["status"]["code"] == 150
    ksef_mock.clock.advance(seconds=60)
    ksef_mock.resume_processing()
    ended = sender.ended(batch)
    assert ended["status"]["code"] == 200
    assert ended["successfulInvoiceCount"] == 3
    released = to_datetime(ksef_mock.clock.now())
    assert {datetime.fromisoformat(each["acquisitionDate"]) for each in sender.invoices(batch)} == {released}


def test_another_stop_takes_the_place_of_the_first(ksef_mock: MockServer, api: Api) -> None:
    ksef_mock.clock.freeze()
    ksef_mock.stop_processing(60)
    login = begun(ksef_mock, api)
    ksef_mock.stop_processing(600)
    ksef_mock.clock.advance(seconds=599)
    assert api.status(login)["code"] == 100
    ksef_mock.clock.advance(seconds=1)
    assert api.status(login)["code"] == 200


def test_stop_keeps_what_was_unfinished_when_it_was_planned(
    serve: Callable[..., tuple[MockServer, Api]],
) -> None:
    mock, api = serve(settings=Settings(delay=Delay(seconds=30)))
    mock.clock.freeze()
    login = begun(mock, api)
    mock.stop_processing(600, in_seconds=10)
    mock.clock.advance(seconds=30)
    assert api.status(login)["code"] == 100
    mock.resume_processing()
    assert api.status(login)["code"] == 200
    # Its own delay goes on: a stop that is cancelled at once changes nothing.
    login = begun(mock, api)
    mock.stop_processing(600)
    mock.resume_processing()
    assert api.status(login)["code"] == 100
    mock.clock.advance(seconds=30)
    assert api.status(login)["code"] == 200


def test_no_record_that_waits_is_forgotten() -> None:
    waiting = {
        value.name
        for module in pkgutil.walk_packages(ksef_mock.ksef.__path__, "ksef_mock.ksef.")
        for value in vars(importlib.import_module(module.name)).values()
        if isinstance(value, Table) and any(field.name == "wait" for field in fields(value.record))
    }
    assert waiting == {table.name for table in WAITING}


def test_planned_stop_begins_by_the_clock(ksef_mock: MockServer, api: Api) -> None:
    ksef_mock.clock.freeze()
    options = ["--url", ksef_mock.url]
    assert (
        CliRunner().invoke(main, ["processing", "stop", "--for", "60", "--in", "30", *options]).exit_code == 0
    )
    assert api.status(begun(ksef_mock, api))["code"] == 200
    ksef_mock.clock.advance(seconds=30)
    assert api.status(begun(ksef_mock, api))["code"] == 100
    assert CliRunner().invoke(main, ["processing", "resume", *options]).exit_code == 0
    assert api.status(begun(ksef_mock, api))["code"] == 200
    refused = httpx.post(f"{ksef_mock.url}/_mock/processing/stop", json={"forSeconds": -1})
    assert refused.status_code == 400


def test_session_under_maintenance(ksef_mock: MockServer, api: Api) -> None:
    erp = erp_of(ksef_mock, api)
    session, other, closed = erp.open(), erp.open(), erp.open()
    erp.close(closed)
    ksef_mock.faults.add(path=f"/sessions/online/{session.reference}/*", name="session-maintenance", times=1)
    stranger = erp_of(ksef_mock, api, OTHER_NIP)
    # Whom KSeF would refuse anyway learns nothing of it.
    path = f"/v2/sessions/online/{session.reference}/invoices"
    assert httpx.post(f"{ksef_mock.url}{path}", json={}).status_code == 401
    assert stranger.send(session, good(seller=OTHER_NIP)).status_code == 403
    assert error(erp.call("POST", path.removeprefix("/v2"), json={}))[0] == 21405

    refused = erp.send(session, good())
    assert refused.status_code == 400
    assert error(refused) == (
        21184,
        "Sesja tymczasowo niedostępna.",
        [
            f"Trwają prace serwisowe i sesja {session.reference} jest tymczasowo niedostępna. Spróbuj "
            "ponownie później lub otwórz nową sesję, aby wysłać kolejne faktury."
        ],
    )
    # Sending alone is refused, and in this session alone; later it takes invoices again.
    assert erp.sent(other, good())["status"]["code"] == 200
    assert erp.sent(session, good())["status"]["code"] == 200
    ksef_mock.faults.add(name="session-maintenance")
    assert error(erp.send(closed, good()))[0] == 21180
    assert error(erp.send(other, good()))[0] == 21184
    assert erp.close(session).status_code == 204


@pytest.mark.parametrize(
    "where",
    [{"path": "/auth/*"}, {"path": "/sessions/online/*/close"}, {"method": "GET"}],
)
def test_maintenance_where_nothing_is_sent_is_no_fault(ksef_mock: MockServer, where: dict[str, Any]) -> None:
    with pytest.raises(InvalidFault, match="session-maintenance"):
        ksef_mock.faults.add(name="session-maintenance", **where)


@pytest.mark.parametrize(
    ("chance", "seconds"), [(0, 0), (25, 0.5), (50, 1), (75, 6), (90, 9), (95, 9), (100, 9)]
)
def test_a_delay_drawn_lies_straight_between_its_percentiles(
    monkeypatch: pytest.MonkeyPatch, chance: float, seconds: float
) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: low + (high - low) * chance / 100)
    assert Delay(percentiles=((50, 1), (82, 7.4), (90, 9))).begin(0).ends_at / 1e9 == pytest.approx(seconds)


def test_delays_by_percentiles(serve: Callable[..., tuple[MockServer, Api]]) -> None:
    drawn = {Delay(percentiles=((50, 1), (100, 11))).begin(0).ends_at / 1e9 for _ in range(100)}
    assert len(drawn) > 1
    assert min(drawn) >= 0
    assert max(drawn) <= 11
    mock, api = serve(settings=Settings(delay=Delay(percentiles=((1, 5), (100, 5)))))
    mock.clock.freeze()
    login = begun(mock, api)
    assert api.status(login)["code"] in (100, 200)
    mock.clock.advance(seconds=5)
    assert api.status(login)["code"] == 200


@pytest.mark.parametrize(
    "points", [((0, 1),), ((101, 1),), ((50, 2), (40, 3)), ((50, 2), (60, 1)), ((50, -1),)]
)
def test_percentiles_that_make_no_sense(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="percentiles"):
        Delay(percentiles=points)
