"""The stand-in for those who sign outside of KSeF: right documents, and wrong ones in the usual ways."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from ksef_mock.cli import main
from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import submit
from tests.support import NIP, Api

PESEL = "90010112349"


def unsigned(api: Api) -> str:
    return f"""<?xml version="1.0" encoding="utf-8"?>
<AuthTokenRequest xmlns="http://ksef.mf.gov.pl/auth/token/2.0">
    <Challenge>{api.challenge()["challenge"]}</Challenge>
    <ContextIdentifier>
        <Nip>{NIP}</Nip>
    </ContextIdentifier>
    <SubjectIdentifierType>certificateSubject</SubjectIdentifierType>
</AuthTokenRequest>
"""


def test_by_http(ksef_mock: MockServer, api: Api) -> None:
    url = f"{ksef_mock.url}/_mock/sign"
    asked = httpx.post(url, json={"xml": unsigned(api), "as": f"seal:{NIP}", "form": "enveloping"})
    assert asked.status_code == 200
    assert api.status(submit(api, asked.json()["xml"].encode()))["code"] == 200

    headers = {"Content-Type": "application/xml"}
    plain = httpx.post(url, params={"as": f"nip:{NIP}"}, content=unsigned(api), headers=headers)
    assert plain.headers["content-type"].startswith("application/xml")
    assert api.status(submit(api, plain.content))["code"] == 200


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({}, "as"),
        ({"as": "somebody"}, "pesel:"),
        ({"as": "nip:12"}, "NIP"),
        ({"as": f"seal:{NIP}", "by": "trusted-profile"}, "seals"),
        ({"as": f"nip:{NIP}", "algorithm": "hmac-sha1"}, "algorithm"),
        ({"as": f"nip:{NIP}", "mistake": "none"}, "mistake"),
        ({"as": f"nip:{NIP}", "mistake": "der-ecdsa", "algorithm": "rsa-sha256"}, "ECDSA"),
        ({"as": f"nip:{NIP}", "unknown": "1"}, "unknown"),
    ],
)
def test_orders_that_make_no_sense(ksef_mock: MockServer, order: dict[str, str], said: str) -> None:
    url = f"{ksef_mock.url}/_mock/sign"
    for asked in (
        httpx.post(url, json={"xml": "<a>\n</a>", **order}),
        httpx.post(url, params=order, content="<a>\n</a>", headers={"Content-Type": "application/xml"}),
    ):
        assert asked.status_code == 400
        assert said in asked.json()["exception"]["exceptionDetailList"][0]["details"][0]


@pytest.mark.parametrize("document", ["", "no XML", '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'])
def test_what_is_never_signed(ksef_mock: MockServer, document: str) -> None:
    asked = httpx.post(f"{ksef_mock.url}/_mock/sign", json={"xml": document, "as": f"nip:{NIP}"})
    assert asked.status_code == 400


def test_command(ksef_mock: MockServer, api: Api, tmp_path: Path) -> None:
    (tmp_path / "unsigned.xml").write_text(unsigned(api))
    signed = tmp_path / "signed.xml"
    arguments = ["sign", str(tmp_path / "unsigned.xml"), "--as", f"nip:{NIP}", "--url", ksef_mock.url]
    done = CliRunner().invoke(main, [*arguments, "-o", str(signed)])
    assert done.exit_code == 0, done.output
    assert api.status(submit(api, signed.read_bytes()))["code"] == 200

    wrong = CliRunner().invoke(main, [*arguments, "--mistake", "hashed-twice"])
    assert submit(api, wrong.stdout_bytes).status_code == 400
    refused = CliRunner().invoke(main, [*arguments, "--mistake", "nonsense"])
    assert refused.exit_code == 1
    assert "hashed-twice" in refused.output or "mistake" in refused.output
