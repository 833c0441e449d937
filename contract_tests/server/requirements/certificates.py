"""KSeF certificates: /certificates, and the logins with them."""

from __future__ import annotations

import base64
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, fail, true
from contract_tests.server.identity import (
    ORGANIZATION_IDENTIFIER,
    Credentials,
    PrivateKey,
    organization,
    owner_of,
    private_key,
    random_nip,
    self_signed,
)
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.workspace import Session
from ksef_client_min.certificates import load_der_certificate

_ENROLL = "OpenAPI POST /certificates/enrollments"
_QUERY = "OpenAPI POST /certificates/query"
_REVOKE = "OpenAPI POST /certificates/{certificateSerialNumber}/revoke"
_OWN = {Capability.SELF_SIGNED}
_LIMITED = {Capability.SELF_SIGNED, Capability.TEST_DATA}

_LIMIT = shapes.obj(remaining=shapes.integer, limit=shapes.integer)
_LIMITS = shapes.obj(canRequest=shapes.boolean, enrollment=_LIMIT, certificate=_LIMIT)
_STARTED = shapes.obj(referenceNumber=shapes.pattern(r".{36}"), timestamp=shapes.timestamp)
_SERIAL = shapes.pattern(r"[0-9A-F]{16}")
_STATUS = shapes.obj(
    {"certificateSerialNumber": _SERIAL}, requestDate=shapes.timestamp, status=shapes.STATUS_INFO
)
_RETRIEVED = shapes.obj(
    certificates=shapes.array(
        shapes.obj(
            certificate=shapes.base64_text(),
            certificateName=shapes.text,
            certificateSerialNumber=_SERIAL,
            certificateType=shapes.choice("Authentication", "Offline"),
        )
    )
)
_LISTED = shapes.obj(
    certificates=shapes.array(
        shapes.obj(
            {"lastUseDate": shapes.timestamp},
            certificateSerialNumber=_SERIAL,
            name=shapes.text,
            type=shapes.choice("Authentication", "Offline"),
            commonName=shapes.text,
            status=shapes.choice("Active", "Blocked", "Revoked", "Expired"),
            subjectIdentifier=shapes.obj(type=shapes.text, value=shapes.text),
            validFrom=shapes.timestamp,
            validTo=shapes.timestamp,
            requestDate=shapes.timestamp,
        )
    ),
    hasMore=shapes.boolean,
)
_ATTRIBUTES = {
    "givenName": NameOID.GIVEN_NAME,
    "surname": NameOID.SURNAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "organizationName": NameOID.ORGANIZATION_NAME,
    "organizationIdentifier": ORGANIZATION_IDENTIFIER,
    "commonName": NameOID.COMMON_NAME,
    "countryName": NameOID.COUNTRY_NAME,
}
_MOST_POLLS = 60


# -- before a request -------------------------------------------------------------------------------------


@requirement(
    "KSEF-CERT-101",
    "The data for a CSR are the subject of the certificate that was logged in with.",
    source="OpenAPI GET /certificates/enrollments/data: CertificateEnrollmentDataResponse",
    needs=_OWN,
)
def enrollment_data_are_the_signers(ctx: Probe) -> None:
    person_nip, seal_nip = random_nip(), random_nip()
    signer = owner_of(person_nip)
    seal = self_signed(organization(nip=seal_nip))
    for credentials, nip in ((signer, person_nip), (seal, seal_nip)):
        session = ctx.login_with_certificate(credentials, nip=nip)
        data = _data(ctx, session)
        subject = credentials.certificate.subject
        expected = {
            member: str(subject.get_attributes_for_oid(oid)[0].value)
            for member, oid in _ATTRIBUTES.items()
            if subject.get_attributes_for_oid(oid)
        }
        equal("data for a CSR", {name: value for name, value in data.items() if value is not None}, expected)


@requirement(
    "KSEF-CERT-102",
    "After a login with a KSeF token there are no data for a CSR (25001), and no request is taken (25002).",
    source=f"OpenAPI GET /certificates/enrollments/data: 25001; {_ENROLL}: 25002",
)
def token_login_cannot_enroll(ctx: Probe) -> None:
    session = ctx.login_with_token()
    ctx.get("/certificates/enrollments/data", bearer=session.access_token).refused(25001)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Jan Kowalski")])
    _order(ctx, session, _csr(subject)).refused(25002)


@requirement(
    "KSEF-CERT-103",
    "A request uses up one of the requests, and its certificate one of the certificates.",
    source="OpenAPI GET /certificates/limits: CertificateLimitsResponse",
    needs=_OWN,
)
def limits_count_down(ctx: Probe) -> None:
    session = ctx.new_session()
    before = ctx.get("/certificates/limits", bearer=session.access_token).answers(200, _LIMITS)
    equal("canRequest", before.at("canRequest"), True)
    issued(ctx, session)
    after = ctx.get("/certificates/limits", bearer=session.access_token).answers(200, _LIMITS)
    for name in ("enrollment", "certificate"):
        equal(f"{name}.remaining", after.at(name, "remaining"), before.at(name, "remaining") - 1)
        equal(f"{name}.limit", after.at(name, "limit"), before.at(name, "limit"))


# -- requests ---------------------------------------------------------------------------------------------


@family(
    {"KSEF-CERT-104": "ec", "KSEF-CERT-105": "rsa"},
    "A CSR with a right {} key is answered with 202, and a certificate of this key and subject is issued.",
    source=f"{_ENROLL}: allowed keys",
    needs=_OWN,
)
def certificate_is_issued(ctx: Probe, kind: str) -> None:
    session = ctx.new_session()
    key = _new_key(kind)
    credentials, serial = issued(ctx, session, key=key)
    certificate = credentials.certificate
    equal("key of the certificate", certificate.public_key() == key.public_key(), True)
    equal("serial number of the certificate", f"{certificate.serial_number:016X}", serial)
    equal(
        "subject of the certificate",
        {name.oid: name.value for name in certificate.subject},
        {name.oid: name.value for name in _subject(_data(ctx, session))},
    )


@requirement(
    "KSEF-CERT-106",
    "A CSR whose subject differs in one letter from that of the login is refused with 25003.",
    source=f"{_ENROLL}: 25003",
    needs=_OWN,
)
def other_subject_is_refused(ctx: Probe) -> None:
    session = ctx.new_session()
    data = _data(ctx, session)
    changed = _subject(data | {"surname": f"{data['surname']}a"})
    _order(ctx, session, _csr(changed)).refused(25003)
    _order(ctx, session, _csr(_subject(data))).answers(202, _STARTED)


@requirement(
    "KSEF-CERT-107",
    "A CSR with a spoiled signature, and what is no CSR, are refused with 25004.",
    source=f"{_ENROLL}: 25004",
    needs=_OWN,
)
def spoiled_csr_is_refused(ctx: Probe) -> None:
    session = ctx.new_session()
    csr = _csr(_subject(_data(ctx, session)))
    _order(ctx, session, csr[:-1] + bytes([csr[-1] ^ 1])).refused(25004)
    _order(ctx, session, b"no CSR").refused(25004)


@family(
    {"KSEF-CERT-122": "ec", "KSEF-CERT-123": "rsa"},
    "A CSR with an {} key may be signed with SHA-1.",
    source=f"{_ENROLL}: allowed hash functions",
    needs=_OWN,
)
def sha1_csr_is_taken(ctx: Probe, kind: str) -> None:
    session = ctx.new_session()
    csr = _sha1_csr(_subject(_data(ctx, session)), kind)
    _order(ctx, session, csr[:-1] + bytes([csr[-1] ^ 1])).refused(25004)
    _order(ctx, session, csr).answers(202, _STARTED)


@family(
    {"KSEF-CERT-108": "ec-384", "KSEF-CERT-109": "rsa-3072"},
    "A CSR with an {} key is refused with 25010.",
    source=f"{_ENROLL}: allowed keys, 25010",
    needs=_OWN,
)
def other_key_is_refused(ctx: Probe, kind: str) -> None:
    session = ctx.new_session()
    csr = _csr(_subject(_data(ctx, session)), private_key(kind))
    _order(ctx, session, csr).refused(25010)


@family(
    {"KSEF-CERT-110": "1234", "KSEF-CERT-111": "Nazwa z / ukośnikiem"},
    "A certificate is not called {!r}: 21405.",
    source=f"{_ENROLL}: certificateName",
    needs=_OWN,
)
def wrong_name_is_refused(ctx: Probe, name: str) -> None:
    session = ctx.new_session()
    _order(ctx, session, _csr(_subject(_data(ctx, session))), certificateName=name).refused(21405)


@requirement(
    "KSEF-CERT-112",
    "The last certificate of the limit is issued, one more is refused with 25007.",
    source=f"{_ENROLL}: 25007",
    needs=_LIMITED,
)
def certificate_limit_holds(ctx: Probe) -> None:
    session = ctx.new_session()
    _set_limits(ctx, session, enrollments=5, certificates=1)
    issued(ctx, session)
    _order(ctx, session, _csr(_subject(_data(ctx, session)))).refused(25007)


@requirement(
    "KSEF-CERT-113",
    "The last request of the limit is taken, one more is refused with 25006.",
    source=f"{_ENROLL}: 25006",
    needs=_LIMITED,
)
def enrollment_limit_holds(ctx: Probe) -> None:
    session = ctx.new_session()
    _set_limits(ctx, session, enrollments=1, certificates=5)
    issued(ctx, session)
    _order(ctx, session, _csr(_subject(_data(ctx, session)))).refused(25006)


# -- certificates -----------------------------------------------------------------------------------------


@requirement(
    "KSEF-CERT-114",
    "A certificate of type Authentication logs in as InternalCertificate.",
    source="documented; OpenAPI: AuthenticationMethod",
    needs=_OWN,
)
def authentication_certificate_logs_in(ctx: Probe) -> None:
    session = ctx.new_session()
    credentials, _ = issued(ctx, session)
    used = ctx.login_with_certificate(credentials, nip=session.nip)
    status = ctx.get(f"/auth/{used.reference}", bearer=used.access_token).answers(200)
    equal("authenticationMethod", status.at("authenticationMethod"), "InternalCertificate")


@requirement(
    "KSEF-CERT-115",
    "A certificate of type Offline does not log in.",
    source="documented; OpenAPI: CertificateType",
    needs=_OWN,
)
def offline_certificate_does_not_log_in(ctx: Probe) -> None:
    session = ctx.new_session()
    credentials, _ = issued(ctx, session, certificateType="Offline")
    reply = ctx.submit(credentials, nip=session.nip)
    if reply.status != 400:
        equal("status of the login", ctx.settled(ctx.started(reply)).at("status", "code"), 460)


@requirement(
    "KSEF-CERT-116",
    "A revoked certificate is listed as Revoked, and a login with it ends in 460, Certyfikat odwołany.",
    source=f"{_REVOKE}; OpenAPI GET /auth/{{referenceNumber}}: 460",
    needs=_OWN,
)
def revoked_certificate_is_dead(ctx: Probe) -> None:
    session = ctx.new_session()
    credentials, serial = issued(ctx, session)
    equal("status before", listed(ctx, session).at("certificates", 0, "status"), "Active")
    _revoke(ctx, session, serial).answers(204)
    true(
        "status after",
        listed(ctx, session).at("certificates", 0, "status") in ("Blocked", "Revoked"),
        expected="Blocked or Revoked",
        received="another",
    )
    ctx.ends(ctx.started(ctx.submit(credentials, nip=session.nip)), 460, "Certyfikat odwołany")


@requirement(
    "KSEF-CERT-117",
    "A certificate is revoked once: 25009.",
    source=f"{_REVOKE}: 25009",
    needs=_OWN,
)
def is_revoked_once(ctx: Probe) -> None:
    session = ctx.new_session()
    _, serial = issued(ctx, session)
    _revoke(ctx, session, serial).answers(204)
    _revoke(ctx, session, serial).refused(25009)


@requirement(
    "KSEF-CERT-118",
    "After a login with a KSeF token no certificate is revoked: 403 auth-method-not-allowed.",
    source=f"{_REVOKE}: not after a login with a KSeF token",
    needs=_OWN,
)
def token_login_revokes_nothing(ctx: Probe) -> None:
    owner = ctx.new_owner()
    _, serial = issued(ctx, owner.session)
    session = ctx.login_with_token(owner.token, nip=owner.session.nip)
    _revoke(ctx, session, serial).problem(403, reason="auth-method-not-allowed")
    equal("status after", listed(ctx, owner.session).at("certificates", 0, "status"), "Active")


@requirement(
    "KSEF-CERT-119",
    "A certificate is retrieved by its holder, and not by others.",
    source="OpenAPI POST /certificates/retrieve: RetrieveCertificatesResponse",
    needs=_OWN,
)
def certificates_of_others_stay_hidden(ctx: Probe) -> None:
    session, stranger = ctx.new_session(), ctx.new_session()
    credentials, serial = issued(ctx, session, certificateName="Moj certyfikat")
    found = _retrieve(ctx, session, serial).answers(200, _RETRIEVED)
    equal("certificateName", found.at("certificates", 0, "certificateName"), "Moj certyfikat")
    equal("certificate", base64.b64decode(found.at("certificates", 0, "certificate")), credentials.der)
    reply = _retrieve(ctx, stranger, serial)
    if reply.status == 200:
        equal("certificates for a stranger", reply.at("certificates"), [])


# -- the list ---------------------------------------------------------------------------------------------


@requirement(
    "KSEF-CERT-120",
    "name, type, status and certificateSerialNumber filter the list of certificates, newest first.",
    source=f"{_QUERY}: QueryCertificatesRequest, requestDate descending",
    needs=_OWN,
)
def filters_count(ctx: Probe) -> None:
    session = ctx.new_session()
    _, first = issued(ctx, session, certificateName="Pierwszy certyfikat")
    _, second = issued(ctx, session, certificateName="Drugi certyfikat", certificateType="Offline")
    _revoke(ctx, session, first).answers(204)
    cases: tuple[tuple[dict[str, Any], list[str]], ...] = (
        ({}, [second, first]),
        ({"name": "pierwszy"}, [first]),
        ({"type": "Offline"}, [second]),
        ({"status": "Active"}, [second]),
        ({"certificateSerialNumber": first}, [first]),
    )
    for filters, expected in cases:
        reply = listed(ctx, session, **filters)
        found = [each["certificateSerialNumber"] for each in reply.at("certificates")]
        equal(f"certificates with {filters or 'no filter'}", found, expected)


@requirement(
    "KSEF-CERT-121",
    "More than a page of certificates comes in pages, and hasMore says whether there is another.",
    source=f"{_QUERY}: pageSize, pageOffset, hasMore",
    needs=_LIMITED,
)
def list_comes_in_pages(ctx: Probe) -> None:
    session = ctx.new_session()
    _set_limits(ctx, session, enrollments=20, certificates=20)
    made = [issued(ctx, session)[1] for _ in range(11)]
    first, second = (
        listed(ctx, session, parameters={"pageSize": "10", "pageOffset": offset}) for offset in ("0", "1")
    )
    found = [
        each["certificateSerialNumber"] for reply in (first, second) for each in reply.at("certificates")
    ]
    equal("certificates on both pages", sorted(found), sorted(made))
    equal("hasMore of both pages", [first.at("hasMore"), second.at("hasMore")], [True, False])


# -- means ------------------------------------------------------------------------------------------------


def _data(ctx: Probe, session: Session) -> dict[str, Any]:
    reply = ctx.get("/certificates/enrollments/data", bearer=session.access_token).answers(200)
    data = reply.json()
    if not isinstance(data, dict) or not set(data) <= set(_ATTRIBUTES):
        fail("the attributes of a subject", data, what="data for a CSR")
    return data


def _subject(data: dict[str, Any]) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(oid, data[member])
            for member, oid in _ATTRIBUTES.items()
            if data.get(member) is not None
        ]
    )


def _new_key(kind: str = "ec") -> PrivateKey:
    # A new one each time: KSeF certifies a key for one subject only.
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def _sha1_csr(subject: x509.Name, kind: str) -> bytes:
    """A CSR signed with SHA-1, which the library does not make: another's body, signed anew."""
    key = _new_key(kind)
    body = x509.load_der_x509_csr(_csr(subject, key)).tbs_certrequest_bytes
    if isinstance(key, rsa.RSAPrivateKey):
        algorithm = _SHA1_WITH_RSA
        signature = key.sign(body, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - KSeF allows it
    else:
        algorithm = _ECDSA_WITH_SHA1
        signature = key.sign(body, ec.ECDSA(hashes.SHA1()))  # noqa: S303 - KSeF allows it
    return _der(0x30, body + algorithm + _der(0x03, b"\0" + signature))


#: AlgorithmIdentifiers in DER (RFC 3279, 2.2).
_SHA1_WITH_RSA = bytes.fromhex("300d06092a864886f70d0101050500")
_ECDSA_WITH_SHA1 = bytes.fromhex("300906072a8648ce3d0401")


def _der(tag: int, contents: bytes) -> bytes:
    size = len(contents)
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, *((size,) if size < 0x80 else (0x80 | len(length), *length)))) + contents


def _csr(subject: x509.Name, key: PrivateKey | None = None) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key or _new_key(), hashes.SHA256()).public_bytes(Encoding.DER)


def _order(ctx: Probe, session: Session, csr: bytes, **changes: Any) -> Reply:
    body = {
        "certificateName": "ksef-conformance",
        "certificateType": "Authentication",
        "csr": base64.b64encode(csr).decode(),
    }
    return ctx.post("/certificates/enrollments", bearer=session.access_token, json=body | changes)


def csr_of(ctx: Probe, session: Session) -> bytes:
    """A right CSR for this login, in DER."""
    return _csr(_subject(_data(ctx, session)))


def ordered_certificate(ctx: Probe, session: Session) -> Reply:
    """A right request for a certificate."""
    return _order(ctx, session, csr_of(ctx, session))


def issued(
    ctx: Probe, session: Session, *, key: PrivateKey | None = None, **changes: Any
) -> tuple[Credentials, str]:
    """A new certificate with its key, and its serial number as the API writes it."""
    key = key or _new_key()
    started = _order(ctx, session, _csr(_subject(_data(ctx, session)), key), **changes).answers(202, _STARTED)
    path = f"/certificates/enrollments/{started.at('referenceNumber')}"
    for _ in range(_MOST_POLLS):
        reply = ctx.get(path, bearer=session.access_token).answers(200, _STATUS)
        if reply.at("status", "code") != 100:
            break
    equal("status of the request", reply.at("status", "code"), 200)
    serial = str(reply.at("certificateSerialNumber"))
    found = _retrieve(ctx, session, serial).answers(200, _RETRIEVED)
    try:
        der = base64.b64decode(found.at("certificates", 0, "certificate"))
        certificate = load_der_certificate(der)
    except ValueError:
        fail("a certificate in DER", found.at("certificates", 0, "certificate"))
    return Credentials(key, certificate), serial


def _retrieve(ctx: Probe, session: Session, serial: str) -> Reply:
    body = {"certificateSerialNumbers": [serial]}
    return ctx.post("/certificates/retrieve", bearer=session.access_token, json=body)


def _revoke(ctx: Probe, session: Session, serial: str) -> Reply:
    return ctx.post(
        f"/certificates/{serial}/revoke",
        bearer=session.access_token,
        json={"revocationReason": "Unspecified"},
    )


def listed(
    ctx: Probe, session: Session, *, parameters: dict[str, str] | None = None, **filters: Any
) -> Reply:
    """What a query for certificates finds."""
    reply = ctx.post(
        "/certificates/query", bearer=session.access_token, json=filters, params=parameters or {}
    )
    return reply.answers(200, _LISTED)


def _set_limits(ctx: Probe, session: Session, *, enrollments: int, certificates: int) -> None:
    body = {
        "subjectIdentifierType": "Nip",
        "enrollment": {"maxEnrollments": enrollments},
        "certificate": {"maxCertificates": certificates},
    }
    ctx.post("/testdata/limits/subject/certificate", bearer=session.access_token, json=body).answers(200)
