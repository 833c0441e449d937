"""The login with a signed AuthTokenRequest over HTTP: each rule with both verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from ksef_mock.clock import Clock
from ksef_mock.crypto.pki import Credential, Pki, Purpose, person, seal
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.support import NIP, OTHER_NIP, Api, error
from tests.xades.signer import DS, Credentials, Signer, der_value, request_xml

Serve = Callable[..., tuple[MockServer, Api]]

PESEL = "90010112349"
CERTIFICATE_ERROR = "Uwierzytelnianie zakończone niepowodzeniem z powodu błędu certyfikatu"
OWNER = person("Jan", "Kowalski", nip=NIP)
ACCOUNTANT = person("Anna", "Nowak", pesel=PESEL)


def signed(
    mock: MockServer,
    api: Api,
    credential: Credential,
    *,
    context: str = f"<Nip>{NIP}</Nip>",
    challenge: str | None = None,
    subject: str = "certificateSubject",
    policy: str = "",
    version: str = "2.1",
    **changes: Any,
) -> bytes:
    """A right document of `credential`, but for `changes`."""
    now = datetime.fromtimestamp(mock.clock.now() / 1e9, UTC)
    signer = Signer(
        credentials=Credentials(credential.key, credential.certificate),
        request=request_xml(
            challenge=challenge or api.challenge()["challenge"],
            context=context,
            subject=subject,
            policy=policy,
            version=version,
        ),
        **{"signing_time": now.isoformat(timespec="seconds"), **changes},
    )
    return signer.sign()


_ATTRIBUTES = {
    "CN": NameOID.COMMON_NAME,
    "C": NameOID.COUNTRY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "GN": NameOID.GIVEN_NAME,
    "SN": NameOID.SURNAME,
    "SERIAL": NameOID.SERIAL_NUMBER,
    "ORGID": NameOID.ORGANIZATION_IDENTIFIER,
}


def named(attributes: dict[str, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(_ATTRIBUTES[key], value) for key, value in attributes.items()])


def submit(api: Api, document: bytes, **options: Any) -> httpx.Response:
    headers = {"Content-Type": "application/xml", **options.pop("headers", {})}
    return api.call("POST", "/auth/xades-signature", content=document, headers=headers, **options)


def outcome(mock: MockServer, api: Api, credential: Credential, **options: Any) -> dict[str, Any]:
    """The status of a login with `credential`."""
    return api.status(submit(api, signed(mock, api, credential, **options)))


def failed(mock: MockServer) -> dict[str, str]:
    """The checks that failed in the last XAdES login, with their reasons."""
    decisions = mock.journal.last("/auth/xades-signature").decisions
    return {decision.check: decision.reason for decision in decisions if decision.outcome == "failed"}


# -- who gets in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["rsa", "ec"])
def test_owner_logs_in_and_the_tokens_work(ksef_mock: MockServer, api: Api, key: Any) -> None:
    submitted = submit(api, signed(ksef_mock, api, ksef_mock.pki.self_signed(OWNER, key=key)))
    assert api.status(submitted)["code"] == 200
    tokens = api.redeem(submitted.json()["authenticationToken"]["token"]).json()
    access_token = tokens["accessToken"]["token"]
    claims = jwt.decode(access_token, options={"verify_signature": False})
    assert json.loads(claims["per"]) == ["Owner"]
    assert (claims["cit"], claims["civ"]) == ("Nip", NIP)
    assert json.loads(claims["asi"]) == {"type": "Nip", "value": NIP}
    assert "trn" not in claims
    assert api.limits(access_token).status_code == 200
    assert api.refresh(tokens["refreshToken"]["token"]).status_code == 200
    assert failed(ksef_mock) == {}


@pytest.mark.parametrize(
    ("make", "method", "code"),
    [
        (lambda pki: pki.qualified(OWNER), "QualifiedSignature", "xades.qualified-signature"),
        (lambda pki: pki.qualified(seal("Firma", nip=NIP)), "QualifiedSeal", "xades.qualified-seal"),
        (lambda pki: pki.trusted_profile(OWNER), "TrustedProfile", "xades.trusted-profile"),
        (lambda pki: pki.ksef(OWNER), "InternalCertificate", "xades.ksef-certificate"),
        (lambda pki: pki.self_signed(OWNER), "QualifiedSignature", "xades.qualified-signature"),
        (lambda pki: pki.self_signed(seal("Firma", nip=NIP)), "QualifiedSeal", "xades.qualified-seal"),
    ],
)
def test_each_kind_of_certificate_has_its_authentication_method(
    ksef_mock: MockServer, api: Api, make: Callable[[Any], Credential], method: str, code: str
) -> None:
    submitted = submit(api, signed(ksef_mock, api, make(ksef_mock.pki)))
    started = submitted.json()
    body = api.call(
        "GET", f"/auth/{started['referenceNumber']}", bearer=started["authenticationToken"]["token"]
    ).json()
    assert body["status"]["code"] == 200
    assert body["authenticationMethod"] == method
    assert body["authenticationMethodInfo"]["category"] == "XadesSignature"
    assert body["authenticationMethodInfo"]["code"] == code


@pytest.mark.parametrize("form", ["enveloped", "enveloping"])
def test_both_forms_are_accepted(ksef_mock: MockServer, api: Api, form: str) -> None:
    assert outcome(ksef_mock, api, ksef_mock.pki.self_signed(OWNER), form=form)["code"] == 200


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_both_schema_versions_are_accepted(ksef_mock: MockServer, api: Api, version: str) -> None:
    document = signed(ksef_mock, api, ksef_mock.pki.self_signed(OWNER), version=version)
    assert api.status(submit(api, document))["code"] == 200


@pytest.mark.parametrize("value", ["false", "False", "true"])
def test_chain_verification_can_be_asked_for(ksef_mock: MockServer, api: Api, value: str) -> None:
    document = signed(ksef_mock, api, ksef_mock.pki.self_signed(OWNER))
    status = api.status(submit(api, document, params={"verifyCertificateChain": value}))
    assert status["code"] == (460 if value == "true" else 200)
    document = signed(ksef_mock, api, ksef_mock.pki.qualified(OWNER))
    assert api.status(submit(api, document, params={"verifyCertificateChain": value}))["code"] == 200


# -- certificates that end in 460 -------------------------------------------------------------------------


def refused_for(status: dict[str, Any], detail: str) -> bool:
    return status == {"code": 460, "description": CERTIFICATE_ERROR, "details": [detail]}


def test_expired_certificate(ksef_mock: MockServer, api: Api) -> None:
    credential = ksef_mock.pki.self_signed(OWNER)
    end = credential.certificate.not_valid_after_utc
    ksef_mock.clock.set(end)
    ksef_mock.clock.advance(seconds=-5)
    assert outcome(ksef_mock, api, credential)["code"] == 200
    ksef_mock.clock.advance(seconds=10)
    assert refused_for(outcome(ksef_mock, api, credential), "Nieważny certyfikat")


def test_certificate_that_is_not_valid_yet(ksef_mock: MockServer, api: Api) -> None:
    credential = ksef_mock.pki.self_signed(OWNER)
    ksef_mock.clock.advance(seconds=-2 * 86_400)
    assert refused_for(outcome(ksef_mock, api, credential), "Nieważny certyfikat")


@pytest.mark.parametrize(
    ("withdraw", "detail"),
    [
        (MockServer.revoke_certificate, "Certyfikat odwołany"),
        (MockServer.suspend_certificate, "Certyfikat zawieszony"),
    ],
)
def test_withdrawn_certificate(
    ksef_mock: MockServer,
    api: Api,
    withdraw: Callable[[MockServer, x509.Certificate], None],
    detail: str,
) -> None:
    credential, other = ksef_mock.pki.qualified(OWNER), ksef_mock.pki.qualified(OWNER)
    withdraw(ksef_mock, credential.certificate)
    assert refused_for(outcome(ksef_mock, api, credential), detail)
    assert outcome(ksef_mock, api, other)["code"] == 200


def test_offline_certificate_cannot_log_in(ksef_mock: MockServer, api: Api) -> None:
    credential = ksef_mock.pki.ksef(OWNER, Purpose.OFFLINE)
    assert refused_for(outcome(ksef_mock, api, credential), "Niepoprawny certyfikat")


def test_failed_login_cannot_be_redeemed(ksef_mock: MockServer, api: Api) -> None:
    submitted = submit(api, signed(ksef_mock, api, ksef_mock.pki.ksef(OWNER, Purpose.OFFLINE)))
    assert error(api.redeem(submitted.json()["authenticationToken"]["token"]))[0] == 21301


# -- the environments -------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["demo", "prod"])
def test_self_signed_certificate_is_for_test_only(serve: Serve, profile: str) -> None:
    mock, api = serve(profile=profile)
    refusal = error(submit(api, signed(mock, api, mock.pki.self_signed(OWNER))))
    assert refusal == (21115, "Nieprawidłowy certyfikat.", [])


@pytest.mark.parametrize("profile", ["demo", "prod"])
@pytest.mark.parametrize("withdraw", [False, True])
def test_a_chain_to_nowhere_counts_before_what_is_found_out_later(
    serve: Serve, profile: str, withdraw: bool
) -> None:
    mock, api = serve(profile=profile)
    nobodys, qualified = mock.pki.self_signed(OWNER), mock.pki.qualified(OWNER)
    if withdraw:
        mock.revoke_certificate(nobodys.certificate)
        mock.revoke_certificate(qualified.certificate)
    else:
        mock.clock.advance(days=4000)
    assert error(submit(api, signed(mock, api, nobodys)))[0] == 21115
    assert outcome(mock, api, qualified)["code"] == 460


def test_what_refuses_counts_before_expiry(ksef_mock: MockServer, api: Api) -> None:
    nameless = ksef_mock.pki.self_signed(named({"CN": "Jan"}))
    complete = ksef_mock.pki.self_signed(OWNER)
    ksef_mock.clock.advance(days=4000)
    assert error(submit(api, signed(ksef_mock, api, nameless)))[0] == 21115
    assert outcome(ksef_mock, api, complete)["code"] == 460


@pytest.mark.parametrize("profile", ["demo", "prod"])
def test_qualified_certificate_takes_its_issuers_time(serve: Serve, profile: str) -> None:
    mock, api = serve(profile=profile)
    mock.clock.freeze()
    submitted = submit(api, signed(mock, api, mock.pki.qualified(OWNER)))
    assert api.status(submitted)["code"] == 100
    assert error(api.redeem(submitted.json()["authenticationToken"]["token"]))[2] == [
        "Status uwierzytelniania (100) nie pozwala na pobranie tokenów."
    ]
    mock.clock.advance(seconds=2.9)
    assert api.status(submitted)["code"] == 100
    mock.clock.advance(seconds=0.1)
    assert api.status(submitted)["code"] == 200


def test_ksef_certificate_takes_no_time(serve: Serve) -> None:
    mock, api = serve(profile="prod")
    assert outcome(mock, api, mock.pki.ksef(OWNER))["code"] == 200


def test_certificate_of_another_mocks_authority_is_not_trusted(serve: Serve, ksef_mock: MockServer) -> None:
    mock, api = serve(profile="demo")
    mock.pki.qualified(OWNER)  # both mocks have a CA of that name
    response = submit(api, signed(mock, api, ksef_mock.pki.qualified(OWNER)))
    # The name is known and the signature wrong, unless the key identifier says that it is another CA.
    assert error(response)[0] == 21115


_PLAIN = "sig-001: Format podpisu niezgodny z akceptowanymi profilami XAdES"


def test_plain_xml_signature_is_accepted_on_prod_with_a_warning(serve: Serve) -> None:
    mock, api = serve(profile="prod")
    plain = signed(mock, api, mock.pki.ksef(OWNER), with_properties=False)
    accepted = submit(api, plain)
    assert accepted.status_code == 202
    assert accepted.headers["X-System-Warning"] == _PLAIN
    assert "X-System-Warning" not in submit(api, signed(mock, api, mock.pki.ksef(OWNER))).headers


@pytest.mark.parametrize("options", [Settings(profile="demo"), Settings(profile="prod", enforce_xades=True)])
def test_plain_xml_signature_is_refused_where_xades_is_enforced(serve: Serve, options: Settings) -> None:
    mock, api = serve(settings=options)
    response = submit(api, signed(mock, api, mock.pki.ksef(OWNER), with_properties=False))
    assert error(response)[0] == 9105
    assert error(response)[2] == ["Format podpisu niezgodny z akceptowanymi profilami XAdES."]


@pytest.mark.parametrize("profile", ["test", "demo", "prod"])
def test_sha_1_is_for_test_only(serve: Serve, profile: str) -> None:
    mock, api = serve(profile=profile)
    response = submit(api, signed(mock, api, mock.pki.ksef(OWNER), digest=f"{DS}sha1"))
    if profile == "test":
        assert response.status_code == 202
    else:
        unsupported = "Podpis złożony z użyciem niewspieranego algorytmu kryptograficznego."
        assert error(response)[0] == 9105
        assert error(response)[2] == [unsupported]


def test_feature_header_enforces_xades_early(serve: Serve) -> None:
    mock, api = serve(profile="prod")
    document = signed(mock, api, mock.pki.ksef(OWNER), with_properties=False)
    response = submit(api, document, headers={"X-KSeF-Feature": "other, enforce-xades-compliance"})
    assert error(response)[0] == 9105
    assert "signed properties" in failed(mock)


def test_test_environment_enforces_xades(ksef_mock: MockServer, api: Api) -> None:
    document = signed(ksef_mock, api, ksef_mock.pki.self_signed(OWNER), with_properties=False)
    assert error(submit(api, document))[0] == 9105


# -- permissions ------------------------------------------------------------------------------------------


def prepare(api: Api, path: str, body: dict[str, Any]) -> None:
    response = api.call("POST", f"/testdata/{path}", json=body)
    assert response.status_code == 200, response.text


def test_stranger_has_no_permissions(ksef_mock: MockServer, api: Api) -> None:
    status = outcome(ksef_mock, api, ksef_mock.pki.self_signed(ACCOUNTANT))
    assert (status["code"], status["details"]) == (415, ["Brak przypisanych uprawnień"])


def test_owner_of_one_nip_is_a_stranger_to_another(ksef_mock: MockServer, api: Api) -> None:
    credential = ksef_mock.pki.self_signed(OWNER)
    assert outcome(ksef_mock, api, credential, context=f"<Nip>{OTHER_NIP}</Nip>")["code"] == 415


def test_grant_opens_the_context_and_its_removal_closes_it(ksef_mock: MockServer, api: Api) -> None:
    credential = ksef_mock.pki.self_signed(ACCOUNTANT)
    parties = {
        "contextIdentifier": {"type": "Nip", "value": NIP},
        "authorizedIdentifier": {"type": "Pesel", "value": PESEL},
    }
    permissions = [{"permissionType": "InvoiceRead", "description": "reads invoices"}]
    prepare(api, "permissions", parties | {"permissions": permissions})
    submitted = submit(api, signed(ksef_mock, api, credential))
    assert api.status(submitted)["code"] == 200
    token = api.redeem(submitted.json()["authenticationToken"]["token"]).json()["accessToken"]["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert json.loads(claims["per"]) == ["InvoiceRead"]
    prepare(api, "permissions/revoke", parties)
    assert outcome(ksef_mock, api, credential)["code"] == 415


def test_pesel_and_nip_of_a_registered_person_are_the_same_person(ksef_mock: MockServer, api: Api) -> None:
    credential = ksef_mock.pki.self_signed(ACCOUNTANT)
    assert outcome(ksef_mock, api, credential)["code"] == 415
    prepare(api, "person", {"nip": NIP, "pesel": PESEL, "isBailiff": False, "description": "sole proprietor"})
    assert outcome(ksef_mock, api, credential)["code"] == 200
    prepare(api, "person/remove", {"nip": NIP})
    assert outcome(ksef_mock, api, credential)["code"] == 415


def test_deceased_person(ksef_mock: MockServer, api: Api) -> None:
    body = {"nip": NIP, "pesel": PESEL, "isBailiff": False, "description": "passed away", "isDeceased": True}
    prepare(api, "person", body)
    status = outcome(ksef_mock, api, ksef_mock.pki.self_signed(ACCOUNTANT))
    assert (status["code"], status["details"]) == (
        470,
        ["Próba wykorzystania metod autoryzacyjnych osoby zmarłej"],
    )


def test_blocked_context(ksef_mock: MockServer, api: Api) -> None:
    credential = ksef_mock.pki.self_signed(OWNER)
    context = {"contextIdentifier": {"type": "Nip", "value": NIP}}
    prepare(api, "context/block", context)
    assert outcome(ksef_mock, api, credential)["code"] == 480
    prepare(api, "context/unblock", context)
    assert outcome(ksef_mock, api, credential)["code"] == 200


def test_fingerprint_of_a_certificate_without_identifiers(ksef_mock: MockServer, api: Api) -> None:
    credential = ksef_mock.pki.self_signed(person("Anna", "Nowak"))
    assert error(submit(api, signed(ksef_mock, api, credential)))[0] == 21115
    assert outcome(ksef_mock, api, credential, subject="certificateFingerprint")["code"] == 415
    prepare(
        api,
        "permissions",
        {
            "contextIdentifier": {"type": "Nip", "value": NIP},
            "authorizedIdentifier": {"type": "Fingerprint", "value": credential.fingerprint},
            "permissions": [{"permissionType": "InvoiceWrite", "description": "writes invoices"}],
        },
    )
    assert outcome(ksef_mock, api, credential, subject="certificateFingerprint")["code"] == 200


def test_ip_policy_of_the_document_holds_for_the_access_token(ksef_mock: MockServer, api: Api) -> None:
    def access_token(address: str) -> str:
        policy = (
            f"<AuthorizationPolicy><AllowedIps><Ip4Address>{address}</Ip4Address></AllowedIps>"
            "</AuthorizationPolicy>"
        )
        document = signed(ksef_mock, api, ksef_mock.pki.self_signed(OWNER), policy=policy)
        submitted = submit(api, document)
        assert api.status(submitted)["code"] == 200
        redeemed = api.redeem(submitted.json()["authenticationToken"]["token"])
        token: str = redeemed.json()["accessToken"]["token"]
        return token

    assert api.limits(access_token("127.0.0.1")).status_code == 200
    response = api.limits(access_token("192.0.2.1"))
    assert (response.status_code, response.json()["reasonCode"]) == (403, "ip-not-allowed")


# -- the challenge ----------------------------------------------------------------------------------------


def test_unknown_challenge_is_refused(ksef_mock: MockServer, api: Api) -> None:
    challenge = "20250514-CR-226FB7B000-3ACF9BE4C0-10"
    document = signed(ksef_mock, api, ksef_mock.pki.self_signed(OWNER), challenge=challenge)
    assert error(submit(api, document)) == (21111, "Nieprawidłowe wyzwanie autoryzacyjne.", [])


def test_replayed_document_is_refused(ksef_mock: MockServer, api: Api) -> None:
    document = signed(ksef_mock, api, ksef_mock.pki.self_signed(OWNER))
    assert submit(api, document).status_code == 202
    assert error(submit(api, document))[0] == 21111
    assert "already used" in failed(ksef_mock)["challenge"]


def test_expired_challenge_is_refused(ksef_mock: MockServer, api: Api) -> None:
    document = signed(ksef_mock, api, ksef_mock.pki.self_signed(OWNER))
    ksef_mock.clock.advance(seconds=600)
    assert error(submit(api, document))[0] == 21111


def test_refused_document_leaves_its_challenge_usable(ksef_mock: MockServer, api: Api) -> None:
    challenge = api.challenge()["challenge"]
    credential = ksef_mock.pki.self_signed(OWNER)
    spoiled = signed(ksef_mock, api, credential, challenge=challenge, value=lambda value: value[::-1])
    assert error(submit(api, spoiled))[0] == 9105
    assert submit(api, signed(ksef_mock, api, credential, challenge=challenge)).status_code == 202


def test_of_concurrent_submissions_of_one_document_exactly_one_is_accepted(
    ksef_mock: MockServer, api: Api
) -> None:
    document = signed(ksef_mock, api, ksef_mock.pki.self_signed(OWNER))
    apis = [Api(ksef_mock.url) for _ in range(6)]
    with ThreadPoolExecutor(len(apis)) as pool:
        statuses = sorted(pool.map(lambda each: submit(each, document).status_code, apis))
    for each in apis:
        each.close()
    assert statuses == [202] + [400] * 5


# -- documents that are refused at once -------------------------------------------------------------------


def _twice(document: bytes) -> bytes:
    begin, end = document.index(b"<ds:Signature"), document.index(b"</ds:Signature>") + 15
    return document[:end] + document[begin:end] + document[end:]


def _unsigned(document: bytes) -> bytes:
    begin, end = document.index(b"<ds:Signature"), document.index(b"</ds:Signature>") + 15
    return document[:begin] + document[end:]


BAD_DOCUMENTS: dict[str, tuple[Callable[[bytes], bytes], int, str]] = {
    "empty": (lambda _: b"", 21001, "Nieczytelna treść."),
    "not XML": (lambda _: b"{}", 21001, "Nieczytelna treść."),
    "document type": (lambda d: b"<!DOCTYPE a>" + d.partition(b"?>")[2], 21001, "Nieczytelna treść."),
    "UTF-16": (lambda d: d.decode().encode("utf-16"), 21217, "Nieprawidłowe kodowanie znaków."),
    "not UTF-8": (
        lambda d: d.replace(b"Challenge>2", b"Challenge>\xff2"),
        21217,
        "Nieprawidłowe kodowanie znaków.",
    ),
    "no signature": (_unsigned, 9102, "Brak podpisu."),
    "two signatures": (_twice, 9103, "Przekroczona liczba dozwolonych podpisów."),
    "another root": (
        lambda d: b"<a>" + d.partition(b"?>")[2] + b"</a>",
        9101,
        "Nieprawidłowy dokument.",
    ),
    "schema": (
        lambda d: d.replace(b"SubjectIdentifierType>", b"SubjectIdentifier>"),
        21401,
        "Dokument nie jest zgodny ze schemą (xsd).",
    ),
    "another NIP": (
        lambda d: d.replace(f"<Nip>{NIP}".encode(), f"<Nip>{OTHER_NIP}".encode()),
        9105,
        "Nieprawidłowy podpis.",
    ),
}


@pytest.mark.parametrize("case", BAD_DOCUMENTS)
@pytest.mark.parametrize("problem_details", [False, True])
def test_bad_document_is_refused_with_its_code_in_both_formats(
    ksef_mock: MockServer, case: str, problem_details: bool
) -> None:
    change, code, description = BAD_DOCUMENTS[case]
    api = Api(ksef_mock.url, problem_details=problem_details)
    response = submit(api, change(signed(ksef_mock, api, ksef_mock.pki.self_signed(OWNER))))
    api.close()
    assert error(response)[:2] == (code, description)


def test_wrong_digest_has_the_detail_seen_on_test(ksef_mock: MockServer, api: Api) -> None:
    document = signed(ksef_mock, api, ksef_mock.pki.self_signed(OWNER))
    response = submit(api, document.replace(f"<Nip>{NIP}".encode(), f"<Nip>{OTHER_NIP}".encode()))
    detail = "Nieprawidłowa wartość skrótu dla referencji wskazującej na element ''."
    assert error(response) == (9105, "Nieprawidłowy podpis.", [detail])
    assert set(failed(ksef_mock)) >= {"references"}


def test_wrong_signature_value_has_the_detail_seen_on_test_and_an_explanation(
    ksef_mock: MockServer, api: Api
) -> None:
    credential = ksef_mock.pki.self_signed(OWNER, key="ec")
    credentials = Credentials(credential.key, credential.certificate)
    response = submit(api, signed(ksef_mock, api, credential, value=der_value(credentials)))
    assert error(response) == (9105, "Nieprawidłowy podpis.", ["Podpis zweryfikowany negatywnie."])
    assert "DER" in (ksef_mock.journal.last().reason or "")


def test_schema_error_carries_the_validators_text(ksef_mock: MockServer, api: Api) -> None:
    document = signed(ksef_mock, api, ksef_mock.pki.self_signed(OWNER), context="<Nip>123</Nip>")
    code, _, details = error(submit(api, document))
    assert code == 21401
    assert "123" in details[0]


def test_seal_with_a_given_name_is_refused(ksef_mock: MockServer, api: Api) -> None:
    name = x509.Name(
        [*seal("Firma", nip=NIP), *person("Jan", "Kowalski").get_attributes_for_oid(x509.NameOID.GIVEN_NAME)]
    )
    response = submit(api, signed(ksef_mock, api, ksef_mock.pki.self_signed(name)))
    assert error(response)[:2] == (21115, "Nieprawidłowy certyfikat.")
    assert "givenName" in failed(ksef_mock)["signer identity"]


@pytest.mark.parametrize("key", ["rsa-1024", "p-192"])
def test_small_key_is_refused(ksef_mock: MockServer, api: Api, key: Any) -> None:
    response = submit(api, signed(ksef_mock, api, ksef_mock.pki.self_signed(OWNER, key=key)))
    assert error(response)[0] == 21115


def test_subject_names_nobody_in_a_compound_context_until_permitted(ksef_mock: MockServer, api: Api) -> None:
    """The ministry's own example document names the subject in a NipVatUe context."""
    context = f"<NipVatUe>{NIP}-DE123456789</NipVatUe>"
    assert outcome(ksef_mock, api, ksef_mock.pki.self_signed(OWNER), context=context)["code"] == 415


@pytest.mark.parametrize("with_identifier", [True, False])
def test_provider_logs_in_and_is_registered(ksef_mock: MockServer, api: Api, with_identifier: bool) -> None:
    provider = "PPL000017" if with_identifier else "PPL000018"
    subject = {"O": "Dostawca usług", "ORGID": provider, "CN": provider, "C": "PL"}
    if not with_identifier:
        del subject["ORGID"]
    credential = ksef_mock.pki.self_signed(named(subject))
    context = f"<PeppolId>{provider}</PeppolId>"
    submitted = submit(api, signed(ksef_mock, api, credential, context=context))
    status = api.status(submitted)
    assert status["code"] == 200, status
    operation = submitted.json()
    token = operation["authenticationToken"]["token"]
    told = api.call("GET", f"/auth/{operation['referenceNumber']}", bearer=token)
    assert told.json()["authenticationMethod"] == "PeppolSignature"
    listed = api.call("GET", "/peppol/query").json()["peppolProviders"]
    assert [(each["id"], each["name"]) for each in listed if each["id"] == provider] == [
        (provider, "Dostawca usług")
    ]


def test_complete_subject_without_an_identifier_is_a_conflict(ksef_mock: MockServer, api: Api) -> None:
    for attributes, code in (
        ({"GN": "Jan", "SN": "Kowalski", "SERIAL": "PESEL-1234567890", "CN": "J K", "C": "PL"}, 21406),
        ({"O": "Firma", "ORGID": "VATDE-123", "CN": "Firma", "C": "PL"}, 21406),
        ({"GN": "Jan", "SN": "Kowalski", "CN": "J K", "C": "PL"}, 21115),
        ({"GN": "Jan", "SERIAL": "PESEL-1234567890", "CN": "J K", "C": "PL"}, 21115),
        ({"CN": "J K"}, 21115),
    ):
        credential = ksef_mock.pki.self_signed(named(attributes))
        assert error(submit(api, signed(ksef_mock, api, credential)))[0] == code


# -- HTTP -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_wrong_content_type_is_415(api: Api, content_type: str) -> None:
    assert submit(api, b"<a/>", headers={"Content-Type": content_type}).status_code == 415


def test_content_type_may_have_a_charset(ksef_mock: MockServer, api: Api) -> None:
    document = signed(ksef_mock, api, ksef_mock.pki.self_signed(OWNER))
    headers = {"Content-Type": "application/xml; charset=utf-8"}
    assert submit(api, document, headers=headers).status_code == 202


def test_ten_megabytes_are_413(api: Api) -> None:
    assert submit(api, b"<a>" + b" " * 10_000_000 + b"</a>").status_code == 413


@pytest.mark.parametrize("value", ["", "1", "yes"])
def test_verify_certificate_chain_is_a_boolean(api: Api, value: str) -> None:
    assert error(submit(api, b"<a/>", params={"verifyCertificateChain": value}))[0] == 21001


@given(body=st.binary(max_size=400))
@settings(max_examples=60)
def test_no_bytes_make_it_fail(api: Api, body: bytes) -> None:
    assert submit(api, body).status_code == 400


@given(data=st.data())
@settings(max_examples=60)
def test_no_change_of_a_right_document_makes_it_fail(
    ksef_mock: MockServer, api: Api, data: st.DataObject
) -> None:
    document = bytearray(signed(ksef_mock, api, one_credential()))
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(document) - 1))
        end = min(len(document), begin + data.draw(st.integers(0, 40)))
        document[begin:end] = data.draw(st.binary(max_size=40))
    assert submit(api, bytes(document)).status_code in (202, 400)


@cache
def one_credential() -> Credential:
    """The same key for every example: to make one takes longer than the example."""
    return Pki(Clock()).self_signed(OWNER, key="ec")
