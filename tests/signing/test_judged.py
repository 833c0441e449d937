"""What the stand-in signs, before judges that others have written: right documents hold, mistakes do not.

Where a judge cannot see a mistake, the table says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ksef_mock.signing.mistakes import Mistake
from ksef_mock.signing.stand_in import ALGORITHMS, Service
from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import submit
from tests.signing.judges import ABSENT, ALL, JUDGES
from tests.signing.test_stand_in import PESEL, unsigned
from tests.support import NIP, Api

FORMS = ("enveloped", "enveloping")
each_form = pytest.mark.parametrize("form", FORMS)

#: Algorithms that are newer than the xmlsec1 of some systems (libxmlsec 1.2).
NEW = [name for name in ALGORITHMS if "MGF1" in name or "sha3-" in name]


@pytest.mark.parametrize("judge", ALL)
def test_judge_is_at_hand(judge: str) -> None:
    if judge in ABSENT:
        pytest.skip(ABSENT[judge])
    assert judge in JUDGES


@each_form
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_in_both_forms(
    ksef_mock: MockServer, api: Api, tmp_path: Path, algorithm: str, form: Any
) -> None:
    document = ksef_mock.sign(unsigned(api), f"nip:{NIP}", form=form, algorithm=algorithm)
    assert f'#{algorithm}"'.encode() in document
    assert api.status(submit(api, document))["code"] == 200
    asked = [name for name in JUDGES if not (name == "xmlsec1" and algorithm in NEW)]
    assert [name for name in asked if not JUDGES[name](document, tmp_path)] == []


@each_form
@pytest.mark.parametrize(
    ("signer", "by"),
    [
        (signer, by)
        for signer in (f"pesel:{PESEL}", f"nip:{NIP}", f"seal:{NIP}")
        for by in Service
        if not (signer.startswith("seal") and by is Service.TRUSTED_PROFILE)
    ],
)
@pytest.mark.usefixtures("owner")
def test_every_signer(
    ksef_mock: MockServer, api: Api, tmp_path: Path, signer: str, by: Service, form: Any
) -> None:
    document = ksef_mock.sign(unsigned(api), signer, by=by, form=form)
    assert api.status(submit(api, document))["code"] == 200
    assert [name for name, judge in JUDGES.items() if not judge(document, tmp_path)] == []


#: KSeF's texts of 9105.
DIGEST = "Nieprawidłowa wartość skrótu dla referencji wskazującej na element '{}'."
VALUE = "Podpis zweryfikowany negatywnie."
FORMAT = "Format podpisu niezgodny z akceptowanymi profilami XAdES."

PLAIN = "XAdES is nothing but data to it"
TIME = "it compares the signing time with nothing"
PLAIN_JUDGES = {"xmlsec1": PLAIN, "xmlsec": PLAIN}


@dataclass
class Verdicts:
    """What becomes of a mistake."""

    #: A word of what the mock tells alone.
    explained: str
    #: The detail of KSeF's answer, if there is one.
    detail: str | None
    code: int = 9105
    #: Judges that do not refuse it, and why.
    blind: dict[str, str] = field(default_factory=dict)
    #: The forms in which it can be made.
    forms: tuple[str, ...] = FORMS


CONTENT = {"enveloped": "", "enveloping": "Content-"}
MISTAKES: dict[Mistake, Verdicts] = {
    Mistake.DER_ECDSA: Verdicts("DER-encoded", VALUE, blind={"xmlsec1": "some versions take both forms"}),
    Mistake.REINDENT: Verdicts("indentation", DIGEST),
    Mistake.UNINDENT: Verdicts("indentation", DIGEST),
    Mistake.LINE_ENDS: Verdicts("line ends", DIGEST),
    Mistake.NO_XADES: Verdicts("not XAdES", FORMAT, blind=PLAIN_JUDGES),
    Mistake.WRONG_CERTIFICATE: Verdicts("private key of the certificate", VALUE),
    Mistake.WRONG_SIGNING_CERTIFICATE: Verdicts("certificate in KeyInfo", VALUE, blind=PLAIN_JUDGES),
    Mistake.WRONG_CANONICALIZATION: Verdicts("instead of", VALUE, forms=("enveloped",)),
    Mistake.HASHED_TWICE: Verdicts("hashed once more", VALUE),
    Mistake.SIGNED_CONTENT: Verdicts("instead of SignedInfo", VALUE, forms=("enveloped",)),
    Mistake.LOCAL_TIME: Verdicts("local time", VALUE, blind=PLAIN_JUDGES | {"signxml": TIME}),
    Mistake.CHANGED: Verdicts("is not that of", DIGEST),
    Mistake.SIGNATURE_LEFT_IN: Verdicts("still unfinished", DIGEST, forms=("enveloped",)),
    Mistake.NO_ENVELOPED_TRANSFORM: Verdicts("is missing", DIGEST, forms=("enveloped",)),
    Mistake.RAW_PROPERTIES: Verdicts("as it stands in the document", DIGEST),
    Mistake.OTHER_DIGEST: Verdicts("xmlenc#sha512, while", DIGEST),
    Mistake.HEX_DIGEST: Verdicts("hexadecimal", DIGEST),
    Mistake.BASE64_TWICE: Verdicts("base64 twice", VALUE),
    Mistake.PEM_CERTIFICATE: Verdicts("PEM file", None, 21115),
    Mistake.PKCS12_CERTIFICATE: Verdicts("PKCS#12", None, 21115),
    Mistake.PLACEHOLDER: Verdicts("placeholder", None, 9103),
    # Where KSeF takes it, nobody refuses it but who forbids SHA-1 altogether.
    Mistake.SHA1: Verdicts("SHA-1", "Podpis złożony z użyciem niewspieranego algorytmu kryptograficznego."),
}
OLD = "it takes SHA-1, as KSeF does on TEST"
MISTAKES[Mistake.SHA1].blind.update(xmlsec1=OLD, xmlsec=OLD, signxml=OLD)


def test_no_mistake_is_forgotten() -> None:
    assert list(Mistake) == sorted(MISTAKES, key=list(Mistake).index)


@pytest.fixture(scope="module")
def strict() -> Iterator[tuple[MockServer, Api]]:
    """A mock that takes no SHA-1 and enforces XAdES, as the most severe of the real ones."""
    with MockServer(profile="demo") as mock:
        api = Api(mock.url)
        yield mock, api
        api.close()


@pytest.mark.parametrize(
    ("mistake", "form"), [(mistake, form) for mistake, found in MISTAKES.items() for form in found.forms]
)
def test_mistake_is_refused_by_all_that_can_see_it(
    strict: tuple[MockServer, Api], tmp_path: Path, mistake: Mistake, form: str
) -> None:
    (mock, api), expected = strict, MISTAKES[mistake]
    document = mock.sign(unsigned(api), f"nip:{NIP}", mistake=mistake, form=form)  # type: ignore[arg-type]
    refused = submit(api, document)
    assert refused.status_code == 400
    (said,) = refused.json()["exception"]["exceptionDetailList"]
    assert said["exceptionCode"] == expected.code
    (detail,) = said.get("details", [None])
    if expected.detail is DIGEST:
        assert detail is not None
        element = "SignedProperties-" if mistake is Mistake.RAW_PROPERTIES else CONTENT[form]
        begin, end = DIGEST.split("{}")
        assert detail.startswith(begin + element)
        assert detail.endswith(end)
    else:
        assert detail == expected.detail
    failed = [
        decision.reason
        for decision in mock.journal.last("/auth/xades-signature").decisions
        if decision.outcome == "failed"
    ]
    assert expected.explained in failed[0]

    verdicts = {
        judge: holds(document, tmp_path)
        for judge, holds in JUDGES.items()
        if "some versions" not in expected.blind.get(judge, "")
    }
    assert verdicts == {judge: judge in expected.blind for judge in verdicts}


@each_form
def test_mistake_that_makes_no_difference_is_named(ksef_mock: MockServer, api: Api, form: Any) -> None:
    for mistake, expected in MISTAKES.items():
        if form not in expected.forms:
            with pytest.raises(ValueError, match=mistake):
                ksef_mock.sign(unsigned(api), f"nip:{NIP}", mistake=mistake, form=form)


def test_mistakes_need_a_document_in_which_they_show(ksef_mock: MockServer) -> None:
    for mistake in (Mistake.UNINDENT, Mistake.LINE_ENDS):
        with pytest.raises(ValueError, match=mistake):
            ksef_mock.sign("<a/>", f"nip:{NIP}", mistake=mistake)
