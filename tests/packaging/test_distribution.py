"""What `pip install` brings, and that it is enough."""

from __future__ import annotations

import json
import re
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from email.parser import Parser
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, Installation
from tests.xades.signer import NOW, Signer

PACKAGES = {"ksef_mock", "ksef_client_min", "contract_tests"}
#: Distributions beside ksef-mock itself that the server may bring.
AT_MOST = 12
#: What only extras bring.
OF_EXTRAS = {"httpx", "rich", "jinja2", "redis", "yaml", "pytest", "jwt"}


def imported(installation: Installation, code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after `code`."""
    code = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = installation.run("python", "-c", code)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


# -- files ------------------------------------------------------------------------------------------------


def test_wheel_has_the_three_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    roots = {name.partition("/")[0] for name in names}
    (metadata,) = roots - PACKAGES
    assert re.fullmatch(r"ksef_mock-[\d.]+\.dist-info", metadata)
    assert roots >= PACKAGES
    foreign = [
        n for n in names if re.search(r"\.(pem|key|p12|crt|der|pyc|md)$|(^|/)(tests?|certs|bench)/", n)
    ]
    assert foreign == []


def test_wheel_has_every_file_of_the_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.partition("/")[0] in PACKAGES}
    sources = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == sources
    assert {"ksef_mock/py.typed", "ksef_mock/xades/schemas/auth-token-request-2.1.xsd"} <= packed


def test_sdist_has_what_building_and_testing_take_and_no_leftovers(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "Makefile", "PKG-INFO"} <= names
    roots = {name.partition("/")[0] for name in names}
    assert PACKAGES | {"tests", "docs", "examples", "bench", "certs"} <= roots
    assert [n for n in names if re.search(r"(^|/)(\.venv|\.cache|__pycache__|node_modules)(/|$)", n)] == []


def test_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert metadata["Version"] == project["version"]
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Provides-Extra", [])) == {
        "all",
        "client",
        "conformance",
        "dashboard",
        "judge",
        "pytest",
        "redis",
        "seed",
    }


# -- without extras ---------------------------------------------------------------------------------------


def test_server_brings_at_most_twelve_distributions(bare: Installation) -> None:
    listed = bare.run("python", "-m", "pip", "list", "--format=json", "--disable-pip-version-check")
    names = {each["name"].lower() for each in json.loads(listed.stdout)}
    brought = names - {"pip", "setuptools", "wheel", "ksef-mock", "ksef_mock"}
    assert "starlette" in brought
    assert len(brought) <= AT_MOST, sorted(brought)


def test_import_loads_next_to_nothing(bare: Installation) -> None:
    assert imported(bare, "import ksef_mock") - imported(bare, "") == {"ksef_mock"}


@pytest.mark.parametrize("extras", ["", "all"], ids=["bare", "all"])
def test_server_imports_nothing_of_the_extras(install: Callable[..., Installation], extras: str) -> None:
    installation = install(extras or "bare", extras)
    code = "import ksef_mock.cli\nfrom ksef_mock.testing import MockServer\nMockServer().start().stop()"
    modules = imported(installation, code)
    assert {"ksef_mock", "starlette", "uvicorn"} <= modules
    assert modules & OF_EXTRAS == set()


LOGIN = """
import base64, json, urllib.request
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from ksef_mock.testing import MockServer


def call(method, path, body=None, bearer=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{mock.url}/v2{path}", data, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


with MockServer() as mock:
    token = mock.issue_token("5265877635")
    challenge = call("POST", "/auth/challenge")
    keys = call("GET", "/security/public-key-certificates")
    (key,) = (each for each in keys if "KsefTokenEncryption" in each["usage"])
    public_key = x509.load_der_x509_certificate(base64.b64decode(key["certificate"])).public_key()
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    secret = public_key.encrypt(f"{token}|{challenge['timestampMs']}".encode(), oaep)
    login = call("POST", "/auth/ksef-token", {
        "challenge": challenge["challenge"],
        "contextIdentifier": {"type": "Nip", "value": "5265877635"},
        "encryptedToken": base64.b64encode(secret).decode(),
    })
    bearer = login["authenticationToken"]["token"]
    print(call("GET", f"/auth/{login['referenceNumber']}", bearer=bearer)["status"]["code"])
    print(*call("POST", "/auth/token/redeem", bearer=bearer))
"""


def test_whole_login_without_any_extra(bare: Installation) -> None:
    done = bare.run("python", "-W", "error", "-c", LOGIN)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["200", "accessToken", "refreshToken"]


def test_commands_of_the_server_need_no_extra(bare: Installation, tmp_path: Path) -> None:
    made = bare.run("ksef-mock", "certs", "--out", tmp_path / "certs")
    assert (made.returncode, made.stderr) == (0, "")
    assert (tmp_path / "certs" / "README.md").is_file()

    (tmp_path / "signed.xml").write_bytes(Signer().sign())
    verified = bare.run("ksef-mock", "verify", tmp_path / "signed.xml", "--at", NOW.isoformat())
    assert (verified.returncode, verified.stderr) == (0, "")
    assert "Nothing is wrong with this document" in verified.stdout


@pytest.mark.parametrize(
    ("extra", "command"),
    [
        ("client", ["ksef", "auth", "whoami"]),
        ("conformance", ["ksef-conformance", "list"]),
        ("redis", ["ksef-mock", "serve", "--port", "0", "--store", "redis://127.0.0.1:1/0"]),
        ("seed", ["ksef-mock", "serve", "--port", "0", "--seed", "seed.yaml"]),
    ],
)
def test_command_without_its_extra_says_in_one_line_what_to_install(
    bare: Installation, wheel: Path, extra: str, command: list[str]
) -> None:
    (bare.folder / "seed.yaml").write_text("tokens: []\n")
    done = bare.run(*command)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("Error: "))
    assert f'pip install "{wheel}[{extra}]"' in line


def test_client_says_what_it_needs_and_the_rest_of_it_works(bare: Installation, wheel: Path) -> None:
    done = bare.run("python", "-c", "from ksef_client_min import KsefClient")
    assert done.stderr.endswith(f'KsefClient needs httpx: pip install "{wheel}[client]"\n')
    assert imported(bare, "from ksef_client_min import TEST, Credentials, load_pem") & OF_EXTRAS == set()


# -- with extras ------------------------------------------------------------------------------------------


def test_plugin_needs_nothing_but_pytest(install: Callable[..., Installation], tmp_path: Path) -> None:
    with_pytest = install("pytest", "", "pytest")
    (tmp_path / "test_it.py").write_text(
        "import sys\n\n"
        "def test_loaded_lazily(request):\n"
        "    assert request.config.pluginmanager.hasplugin('ksef_mock')\n"
        "    assert 'starlette' not in sys.modules\n\n"
        "def test_served(ksef_mock, ksef_token):\n"
        "    assert ksef_mock.url.startswith('http://127.0.0.1:')\n"
        "    assert {'httpx', 'rich', 'jinja2'}.isdisjoint(sys.modules)\n"
    )
    done = with_pytest.run("python", "-m", "pytest", "-q", "-W", "error", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_all_brings_the_client(install: Callable[..., Installation]) -> None:
    everything = install("all", "all")
    code = "from ksef_client_min import AsyncKsefClient, KsefClient\nimport jinja2, pytest, redis, rich, yaml"
    assert everything.run("python", "-c", code).stderr == ""
    assert everything.run("ksef", "--version").stdout.startswith("ksef, version ")
