"""KOD II: what its page says, and which mistake a wrong signature is."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ksef_mock.crypto.pki import Purpose, Role, seal
from ksef_mock.qr.verification import public_key
from ksef_mock.testing import MockServer
from tests.certificates.test_certificates import OWNER, csr, enroll, log_in, subject
from tests.crypto.genuine import as_ksef_issues
from tests.support import NIP, OTHER_NIP, Api, b64
from tests.world import World

HASH = "UtQp9Gpc51y-u3xApZjIjgkpZ01js-J8KflSPW8WzIE"
REAL = "qr-test.ksef.mf.gov.pl"
SHA256, SHA1, SHA512 = hashes.SHA256(), hashes.SHA1(), hashes.SHA512()  # as a mistake


def pss(salt: Any = 32, mgf: Any = SHA256) -> padding.PSS:
    return padding.PSS(padding.MGF1(mgf), salt)


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def digest(octets: bytes) -> bytes:
    hashed = hashes.Hash(SHA256)
    hashed.update(octets)
    return hashed.finalize()


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2_048)


@dataclass
class Issuer:
    """Somebody with an Offline certificate."""

    mock: MockServer
    key: Any
    serial: str
    reference: str

    def link(self, address: str = REAL, context: str = f"Nip/{NIP}", seller: str = NIP) -> str:
        """What is signed."""
        return f"{address}/certificate/{context}/{seller}/{self.serial}/{HASH}"

    def sign(
        self, text: str | bytes, algorithm: Any = SHA256, scheme: Any = None, *, der: bool = False
    ) -> bytes:
        octets = text.encode() if isinstance(text, str) else text
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(octets, scheme or pss(), algorithm)
        signature: bytes = self.key.sign(octets, ec.ECDSA(algorithm))
        r, s = decode_dss_signature(signature)
        return signature if der else r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def report(self, link: str, signature: bytes | str) -> dict[str, Any]:
        """What the page says of a link, opened at the mock's own address."""
        written = signature if isinstance(signature, str) else base64url(signature)
        path = link.partition("/certificate/")[2]
        answer = httpx.get(
            f"{self.mock.url}/qr/certificate/{path}/{written}", headers={"accept": "application/json"}
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


def issuer(mock: MockServer, api: Api, key: Any, kind: str = "Offline", bearer: str | None = None) -> Issuer:
    bearer = bearer or log_in(mock, api, mock.pki.qualified(OWNER, key="ec"))
    data = api.call("GET", "/certificates/enrollments/data", bearer=bearer).json()
    request = csr(subject(data), key, SHA256)
    answer = enroll(api, bearer, csr=b64(request), certificateType=kind)
    assert answer.status_code == 202, answer.text
    reference = answer.json()["referenceNumber"]
    status = api.call("GET", f"/certificates/enrollments/{reference}", bearer=bearer).json()
    return Issuer(mock, key, status["certificateSerialNumber"], reference)


@pytest.fixture(params=["rsa", "ec"])
def holder(request: pytest.FixtureRequest, ksef_mock: MockServer, api: Api) -> Issuer:
    """The owner of NIP."""
    key = rsa_key() if request.param == "rsa" else ec.generate_private_key(ec.SECP256R1())
    return issuer(ksef_mock, api, key)


@pytest.fixture
def by_rsa(ksef_mock: MockServer, api: Api) -> Issuer:
    return issuer(ksef_mock, api, rsa_key())


@pytest.fixture
def by_ec(ksef_mock: MockServer, api: Api) -> Issuer:
    return issuer(ksef_mock, api, ec.generate_private_key(ec.SECP256R1()))


def outcomes(body: dict[str, Any]) -> dict[str, str]:
    return {each["check"]: each["outcome"] for each in body["results"]}


def result(body: dict[str, Any], check: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in body["results"] if each["check"] == check)
    return found


def test_link_of_the_real_host_is_opened_there(by_ec: Issuer) -> None:
    """The path that is signed is the one of the link, though the mock has its pages elsewhere."""
    link = by_ec.link()
    path = link.removeprefix(REAL)
    for signature, ok in ((by_ec.sign(link), True), (by_ec.sign(link.replace("/cert", "/qr/cert")), False)):
        answer = httpx.get(
            f"{by_ec.mock.url}{path}/{base64url(signature)}",
            headers={"host": REAL, "accept": "application/json"},
        )
        assert answer.json()["ok"] is ok


def explained(body: dict[str, Any], check: str = "signature") -> str:
    found = result(body, check)
    assert found["outcome"] == "failed"
    return str(found["explanation"])


# -- right ones -------------------------------------------------------------------------------------------


def test_right_link_passes_every_check(holder: Issuer) -> None:
    link = holder.link()
    body = holder.report(link, holder.sign(link))
    assert set(outcomes(body).values()) == {"passed"}
    assert (body["code"], body["ok"], body["verdict"]) == ("KOD II", True, "Weryfikacja prawidłowa")
    assert [each["text"] for each in body["points"]] == [
        "Certyfikat istnieje",
        "Certyfikat jest aktywny",
        "Podpis wystawcy jest prawidłowy",
        "Wystawca posiada uprawnienia do wystawienia faktury",
    ]


def test_page_says_the_same(holder: Issuer) -> None:
    link = holder.link()
    good, bad = (
        httpx.get(f"{holder.mock.url}/qr/certificate/{link.partition('/certificate/')[2]}/{signature}")
        for signature in (base64url(holder.sign(link)), "test")
    )
    assert (good.status_code, good.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Weryfikacja prawidłowa" in good.text
    assert "Podpis wystawcy jest prawidłowy" in good.text
    assert "Szczegóły walidacji" not in good.text
    assert bad.status_code == 200
    for sentence in (
        "Weryfikacja nieprawidłowa",
        "Szczegóły walidacji",
        "Podpis wystawcy nie jest prawidłowy",
    ):
        assert sentence in bad.text
    assert "Certyfikat istnieje" in bad.text


def test_link_made_for_the_mock_itself_may_keep_http(holder: Issuer) -> None:
    address = f"{holder.mock.url}/qr"
    for signed in (address, address.removeprefix("http://")):
        link = holder.link(signed)
        assert holder.report(link, holder.sign(link))["ok"]


def test_link_opened_by_its_host_name(holder: Issuer) -> None:
    link = holder.link()
    path = link.removeprefix(REAL)
    answer = httpx.get(
        f"{holder.mock.url}{path}/{base64url(holder.sign(link))}/",
        headers={"host": REAL, "accept": "application/json"},
    )
    assert answer.json()["ok"]


def test_ecdsa_may_be_der(by_ec: Issuer) -> None:
    link = by_ec.link()
    body = by_ec.report(link, by_ec.sign(link, der=True))
    assert body["ok"]
    assert "DER" in result(body, "signature")["reason"]


def test_unused_bits_of_the_last_character_count_for_nothing(holder: Issuer) -> None:
    link = holder.link()
    written = base64url(holder.sign(link))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(written[-1])
    assert last % 16 == 0
    for other in alphabet[last : last + 16]:
        assert holder.report(link, written[:-1] + other)["ok"]
    assert not holder.report(link, written[:-1] + alphabet[(last + 16) % 64])["ok"]


def test_hash_and_document_are_not_looked_at(holder: Issuer) -> None:
    link = holder.link().replace(HASH, base64url(digest(b"anything")))
    assert holder.report(link, holder.sign(link))["ok"]


# -- wrong signatures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (lambda link: f"https://{link}", "signed with https:// in front"),
        (lambda link: f"{link}/", "signed with a slash at the end"),
        (lambda link: f"https://{link}/", "https:// in front; and the link was signed with a slash"),
        (lambda link: link.replace("qr-test", "qr-demo"), "host of another environment (demo, "),
        (lambda link: link.replace("qr-test", "qr"), "host of another environment (prod, "),
        (
            lambda link: link.replace(REAL, "ksef-test.mf.gov.pl/client-app"),
            "address of the pages until 2025-12",
        ),
        (lambda link: link.partition("/")[2], "without its host"),
        (lambda link: f"{link}\n", "line feed"),
        (lambda link: link.encode("utf-16-le"), "UTF-16"),
        (lambda link: link.replace(HASH, base64.urlsafe_b64decode(f"{HASH}=").hex()), "hash in hex"),
        (lambda _: HASH, "the hash of the invoice was signed instead of the link"),
        (lambda link: digest(link.encode()), "hashed twice: its SHA-256"),
        (lambda link: digest(link.encode()).hex(), "hashed twice: the hex of its SHA-256"),
        (lambda link: base64.b64encode(digest(link.encode())), "hashed twice: the Base64 of its SHA-256"),
    ],
)
def test_what_was_signed_instead_is_named(holder: Issuer, change: Any, mistake: str) -> None:
    link = holder.link()
    body = holder.report(link, holder.sign(change(link)))
    assert mistake in explained(body)
    assert result(body, "signature")["cause"] == "wrong signature"
    assert outcomes(body)["right of the context"] == "passed"


@pytest.mark.parametrize(
    ("scheme", "mistake"),
    [
        (pss(padding.PSS.MAX_LENGTH), "maximum length (222 octets) instead of 32"),
        (pss(0), "0 octets instead of 32"),
        (pss(20), "20 octets instead of 32"),
        (pss(33), "another length than 32"),
        (padding.PKCS1v15(), "PKCS#1 v1.5 instead of PSS"),
        (pss(32, SHA1), "MGF1 of PSS used SHA-1"),
    ],
)
def test_padding_of_rsa_is_named(by_rsa: Issuer, scheme: Any, mistake: str) -> None:
    link = by_rsa.link()
    assert mistake in explained(by_rsa.report(link, by_rsa.sign(link, scheme=scheme)))


def test_other_hash_is_named(holder: Issuer) -> None:
    link = holder.link()
    assert explained(holder.report(link, holder.sign(link, SHA512))) == "SHA-512 was used instead of SHA-256"


def test_three_mistakes_at_once_are_named_together(by_rsa: Issuer) -> None:
    link = by_rsa.link()
    wrong = by_rsa.sign(digest(f"https://{link}".encode()), scheme=padding.PKCS1v15())
    said = explained(by_rsa.report(link, wrong)).split("; and ")
    assert len(said) == 3


@pytest.mark.parametrize(
    ("write", "mistake"),
    [
        (lambda octets: f"{base64url(octets)}==", "has padding (=)"),
        (lambda octets: base64url(octets).replace("-", "%2B").replace("_", "%2F") + "%3D%3D", "has padding"),
        (lambda octets: octets.hex(), "in hex instead of Base64URL"),
        (lambda octets: base64url(base64url(octets).encode()), "in Base64 twice"),
    ],
)
def test_how_the_signature_is_written_is_named(holder: Issuer, write: Any, mistake: str) -> None:
    link = holder.link()
    assert mistake in explained(holder.report(link, write(holder.sign(link))))


def test_what_no_mistake_explains_has_no_explanation(holder: Issuer) -> None:
    link = holder.link()
    for signature in ("test", base64url(bytes(64)), "A" * 342, "a", "%C5%BC", "A" * 5_000):
        body = holder.report(link, signature)
        assert result(body, "signature")["explanation"] is None
        assert outcomes(body)["signature"] == "failed"


def test_signature_by_another_certificate_of_the_holder_is_named(
    ksef_mock: MockServer, api: Api, by_ec: Issuer
) -> None:
    other = issuer(ksef_mock, api, ec.generate_private_key(ec.SECP256R1()), "Authentication")
    link = by_ec.link()
    assert f"certificate {other.serial} (Authentication) was used" in explained(
        by_ec.report(link, other.sign(link))
    )


# -- certificates -----------------------------------------------------------------------------------------


def test_certificate_for_logins_is_refused(ksef_mock: MockServer, api: Api) -> None:
    wrong = issuer(ksef_mock, api, rsa_key(), "Authentication")
    link = wrong.link()
    body = wrong.report(link, wrong.sign(link))
    assert (body["failure"], result(body, "certificate type")["cause"]) == (
        "certificate type",
        "not for offline invoices",
    )
    assert outcomes(body)["signature"] == "passed"


@pytest.mark.parametrize(
    ("number", "mistake"),
    [
        (lambda holder: holder.reference, "referenceNumber of the request"),
        (lambda holder: str(int(holder.serial, 16)), "in decimal"),
        (lambda holder: ":".join(holder.serial[i : i + 2] for i in range(0, 16, 2)), "16 hex digits"),
        (lambda _: "0123456789ABCDEF", "None"),
    ],
)
def test_unknown_serial_number(by_ec: Issuer, number: Any, mistake: str) -> None:
    by_ec.serial = number(by_ec)
    link = by_ec.link()
    body = by_ec.report(link, by_ec.sign(link))
    assert mistake in explained(body, "certificate")
    assert outcomes(body)["signature"] == "skipped"
    assert [each["text"] for each in body["points"]] == ["Certyfikat nie istnieje"]


def test_active_means_now(ksef_mock: MockServer, by_ec: Issuer) -> None:
    link = by_ec.link()
    signature = by_ec.sign(link)
    assert by_ec.report(link, signature)["ok"]
    revoked = httpx.post(f"{ksef_mock.url}/_mock/certificates/revoke", json={"serialNumber": by_ec.serial})
    assert revoked.status_code == 200
    body = by_ec.report(link, signature)
    assert (body["failure"], result(body, "active")["cause"]) == ("active", "revoked")


@pytest.mark.parametrize("how", ["revoke", "suspend"])
def test_certificate_that_the_mock_has_made_without_a_request(ksef_mock: MockServer, how: str) -> None:
    controls = f"{ksef_mock.url}/_mock/certificates"
    order = {"kind": "ksef", "purpose": "Offline", "organization": "Firma", "nip": NIP, "key": "ec"}
    made = httpx.post(controls, json=order).json()
    key = load_pem_private_key(made["privateKeyPem"].encode(), None)
    holder = Issuer(ksef_mock, key, made["serialNumber"], "")
    link = holder.link()
    assert holder.report(link, holder.sign(link))["ok"]
    assert httpx.post(f"{controls}/{how}", json={"serialNumber": holder.serial}).status_code == 200
    body = holder.report(link, holder.sign(link))
    assert (body["failure"], result(body, "active")["cause"]) == ("active", "revoked")


def test_expired_certificate(ksef_mock: MockServer, by_ec: Issuer) -> None:
    link = by_ec.link()
    ksef_mock.clock.advance(days=731)
    assert result(by_ec.report(link, by_ec.sign(link)), "active")["cause"] == "expired"


def test_key_of_a_certificate_as_genuine_ones_are_written(ksef_mock: MockServer) -> None:
    credential = ksef_mock.pki.ksef(OWNER, Purpose.OFFLINE, key="ec")
    der = as_ksef_issues(credential.certificate, ksef_mock.pki.authority(Role.KSEF))
    assert public_key(der) == credential.key.public_key()


# -- rights -----------------------------------------------------------------------------------------------


def test_context_has_to_be_the_one_in_which_the_holder_may_invoice(world: World, by_ec: Issuer) -> None:
    bearer = world.log_in(world.certificate(seal("Druga", nip=OTHER_NIP)), ("Nip", OTHER_NIP))
    world.grant_person(bearer, ("Nip", NIP), "InvoiceWrite")
    link = by_ec.link(seller=OTHER_NIP)
    body = by_ec.report(link, by_ec.sign(link))
    assert outcomes(body)["right of the holder"] == "passed"
    assert f"has to be Nip/{OTHER_NIP}" in explained(body, "right of the context")
    assert f"Wystawca nie posiada uprawnień do wystawiania faktury w imieniu {OTHER_NIP}" in [
        each["text"] for each in body["points"]
    ]
    link = by_ec.link(context=f"Nip/{OTHER_NIP}", seller=OTHER_NIP)
    assert by_ec.report(link, by_ec.sign(link))["ok"]


def test_context_whom_the_seller_has_authorized(world: World, by_ec: Issuer) -> None:
    bearer = world.log_in(world.certificate(seal("Druga", nip=OTHER_NIP)), ("Nip", OTHER_NIP))
    link = by_ec.link(seller=OTHER_NIP)
    signature = by_ec.sign(link)
    assert by_ec.report(link, signature)["failure"] == "right of the context"
    world.grant_authorization(bearer, ("Nip", NIP), "SelfInvoicing")
    body = by_ec.report(link, signature)
    assert body["ok"]
    assert "SelfInvoicing" in result(body, "right of the context")["reason"]


def test_holder_without_any_right_there(by_ec: Issuer) -> None:
    link = by_ec.link(context=f"Nip/{OTHER_NIP}", seller=OTHER_NIP)
    body = by_ec.report(link, by_ec.sign(link))
    assert body["failure"] == "right of the holder"
    assert explained(body, "right of the holder") == "None"


def test_no_context(by_ec: Issuer) -> None:
    link = by_ec.link(context="Pesel/90010112349")
    assert by_ec.report(link, by_ec.sign(link))["failure"] == "link"
