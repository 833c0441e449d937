"""The stand-in for those who sign outside of KSeF: right documents, and wrong ones in the usual ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from ksef_mock.cli import main
from ksef_mock.settings import Settings
from ksef_mock.signing.mistakes import Mistake
from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import submit
from tests.support import NIP, Api
from tests.xades.xmlsec1 import XMLSEC1, xmlsec1_accepts

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


@pytest.fixture
def owner(ksef_mock: MockServer) -> None:
    """The person with the PESEL may act for the NIP."""
    grant = {
        "contextIdentifier": {"type": "Nip", "value": NIP},
        "authorizedIdentifier": {"type": "Pesel", "value": PESEL},
        "permissions": [{"permissionType": "InvoiceRead", "description": "accountant"}],
    }
    httpx.post(f"{ksef_mock.url}/v2/testdata/permissions", json=grant).raise_for_status()


@pytest.mark.parametrize("form", ["enveloped", "enveloping"])
@pytest.mark.parametrize(
    ("signer", "options"),
    [
        (f"pesel:{PESEL}", {}),
        (f"nip:{NIP}", {"by": "qualified"}),
        (f"seal:{NIP}", {}),
        (f"nip:{NIP}", {"by": "ksef", "algorithm": "ecdsa-sha256"}),
        (f"seal:{NIP}", {"algorithm": "sha512-rsa-MGF1"}),
    ],
)
def test_who_signs_logs_in(
    ksef_mock: MockServer, api: Api, owner: None, tmp_path: Path, signer: str, options: Any, form: Any
) -> None:
    document = ksef_mock.sign(unsigned(api), signer, form=form, **options)
    assert api.status(submit(api, document))["code"] == 200
    # Not every xmlsec1 knows the names of RSA-PSS.
    if XMLSEC1 is not None and "MGF1" not in options.get("algorithm", ""):
        assert xmlsec1_accepts(document, tmp_path)


#: What KSeF says of each mistake, a word of the explanation, and whether xmlsec1 takes the signature.
DIGEST = "Nieprawidłowa wartość skrótu dla referencji wskazującej na element ''."
VALUE = "Podpis zweryfikowany negatywnie."
MISTAKES = {
    Mistake.DER_ECDSA: (VALUE, "DER-encoded", None),  # xmlsec1 1.2 takes both forms, 1.3 one
    Mistake.REINDENT: (DIGEST, "indentation", False),
    Mistake.LINE_ENDS: (DIGEST, "line ends", False),
    Mistake.NO_XADES: ("Format podpisu niezgodny z akceptowanymi profilami XAdES.", "not XAdES", True),
    Mistake.WRONG_CERTIFICATE: (VALUE, "private key of the certificate", False),
    Mistake.WRONG_SIGNING_CERTIFICATE: (VALUE, "certificate in KeyInfo", True),
    Mistake.WRONG_CANONICALIZATION: (VALUE, "instead of", False),
    Mistake.HASHED_TWICE: (VALUE, "hashed once more", False),
    Mistake.SIGNED_CONTENT: (VALUE, "instead of SignedInfo", False),
    Mistake.LOCAL_TIME: (VALUE, "local time", True),
    Mistake.CHANGED: (DIGEST, "is not that of", False),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_refused_and_explained(
    ksef_mock: MockServer, api: Api, tmp_path: Path, mistake: Mistake
) -> None:
    detail, explained, plain = MISTAKES[mistake]
    document = ksef_mock.sign(unsigned(api), f"nip:{NIP}", mistake=mistake)
    refused = submit(api, document)
    assert refused.status_code == 400
    (said,) = refused.json()["exception"]["exceptionDetailList"]
    assert (said["exceptionCode"], said["details"]) == (9105, [detail])
    failed = [
        decision.reason
        for decision in ksef_mock.journal.last("/auth/xades-signature").decisions
        if decision.outcome == "failed"
    ]
    assert explained in failed[0]
    if plain is not None and XMLSEC1 is not None:
        assert xmlsec1_accepts(document, tmp_path) is plain


def test_sha1_is_refused_where_ksef_does(serve: Any) -> None:
    for settings, expected in ((Settings(), 202), (Settings(profile="prod"), 400)):
        mock, api = serve(settings=settings)
        document = mock.sign(unsigned(api), f"nip:{NIP}", mistake="sha1")
        assert submit(api, document).status_code == expected
        assert b"rsa-sha1" in document


def test_every_mistake_is_tested() -> None:
    assert {*MISTAKES, Mistake.SHA1} == set(Mistake)


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
