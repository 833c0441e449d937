"""Who may log in with a certificate: trust, identity, permissions in the context."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal
from contract_tests.server.identity import (
    Credentials,
    organization,
    owner_of,
    person,
    random_nip,
    random_pesel,
    self_signed,
)
from contract_tests.server.probe import Probe
from contract_tests.server.signer import key_info
from contract_tests.server.targets import Issuer

_SUBJECT = "documented: subject of a signing certificate"
_STATUS = "OpenAPI GET /auth/{referenceNumber}"
_OWN = {Capability.SELF_SIGNED}
_ISSUED = {Capability.ISSUER}
_GRANTED = {Capability.SELF_SIGNED, Capability.TEST_DATA}
_CHAIN = {"verifyCertificateChain": "true"}
_NAMES = {
    NameOID.GIVEN_NAME: "givenName",
    NameOID.SURNAME: "surname",
    NameOID.COUNTRY_NAME: "country",
}
_NOBODY = "Brak przypisanych uprawnień"


# -- trust ------------------------------------------------------------------------------------------------


@family(
    {"KSEF-XADES-201": (-60, -1), "KSEF-XADES-202": (1, 60)},
    lambda days: f"A certificate that {'has expired' if days[1] < 0 else 'is not valid yet'} ends in 460.",
    source=f"{_STATUS}: 460, Nieważny certyfikat",
    needs=_OWN,
)
def certificate_out_of_its_time(ctx: Probe, days: tuple[int, int]) -> None:
    nip, now = random_nip(), datetime.now(UTC)
    begin, end = (now + timedelta(days=each) for each in days)
    credentials = self_signed(person(nip=nip), valid_from=begin, valid_to=end)
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip)), 460, "Nieważny certyfikat")


@family(
    {"KSEF-XADES-203": False, "KSEF-XADES-204": True},
    lambda suspended: f"A certificate that was {'suspended' if suspended else 'revoked'} ends in 460.",
    source=f"{_STATUS}: 460, Certyfikat odwołany, Certyfikat zawieszony",
    needs=_ISSUED,
)
def withdrawn_certificate(ctx: Probe, suspended: bool) -> None:
    nip = random_nip()
    credentials = ctx.controls.issue("qualified", person(nip=nip))
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip)), 200)
    ctx.controls.revoke(credentials.certificate, suspended=suspended)
    detail = "Certyfikat zawieszony" if suspended else "Certyfikat odwołany"
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip)), 460, detail)


@requirement(
    "KSEF-XADES-205",
    "TEST takes a certificate of nobody's, unless verifyCertificateChain asks for a chain: then 460.",
    source="OpenAPI POST /auth/xades-signature: verifyCertificateChain; Niezaufany łańcuch certyfikatów",
    needs=_OWN,
)
def chain_is_verified_if_asked_for(ctx: Probe) -> None:
    nip = random_nip()
    credentials = owner_of(nip)
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip)), 200)
    document = ctx.signer(credentials, nip=nip).sign()
    started = ctx.started(ctx.submit_signed(document, params=_CHAIN))
    ctx.ends(started, 460, "Niezaufany łańcuch certyfikatów")


_CERTIFICATES: dict[str, tuple[Issuer, str, str]] = {
    "KSEF-XADES-206": ("qualified", "person", "QualifiedSignature"),
    "KSEF-XADES-207": ("qualified", "seal", "QualifiedSeal"),
    "KSEF-XADES-208": ("trusted-profile", "person", "TrustedProfile"),
    "KSEF-XADES-209": ("ksef", "person", "InternalCertificate"),
}


@family(
    _CERTIFICATES,
    lambda case: f"A {case[0]} certificate of a {case[1]} logs in as {case[2]}, with a chain.",
    source="OpenAPI: AuthenticationMethod",
    needs=_ISSUED,
)
def method_is_that_of_the_certificate(ctx: Probe, case: tuple[Issuer, str, str]) -> None:
    issuer, who, method = case
    nip = random_nip()
    subject = person(nip=nip) if who == "person" else organization(nip=nip)
    credentials = ctx.controls.issue(issuer, subject)
    document = _with_chain(ctx, credentials, nip)
    reply = ctx.ends(ctx.started(ctx.submit_signed(document, params=_CHAIN)), 200)
    equal("authenticationMethod", reply.at("authenticationMethod"), method)


@requirement(
    "KSEF-XADES-210",
    "A KSeF certificate of type Offline does not log in: 460, Niepoprawny certyfikat.",
    source=f"{_STATUS}: 460; OpenAPI: CertificateType",
    needs=_ISSUED,
)
def offline_certificate(ctx: Probe) -> None:
    nip = random_nip()
    credentials = ctx.controls.issue("ksef-offline", person(nip=nip))
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip)), 460, "Niepoprawny certyfikat")


@requirement(
    "KSEF-XADES-211",
    "Outside of TEST the status stays 100 while the issuer of a qualified certificate is asked.",
    source="documented: seconds until certificates are verified",
    needs={Capability.SETTINGS, Capability.ISSUER, Capability.MOVABLE_CLOCK},
)
def issuer_is_asked(ctx: Probe) -> None:
    demo = ctx.beside(profile="demo")
    demo.freeze()
    nip = random_nip()
    credentials = demo.controls.issue("qualified", person(nip=nip))
    started = demo.started(demo.submit_signed(_with_chain(demo, credentials, nip)))
    equal("status code at first", demo.poll(started).answers(200).at("status", "code"), 100)
    demo.advance(60)
    demo.ends(started, 200)


# -- identity ---------------------------------------------------------------------------------------------


@family(
    {
        "KSEF-XADES-212": NameOID.GIVEN_NAME,
        "KSEF-XADES-213": NameOID.SURNAME,
        "KSEF-XADES-214": NameOID.COUNTRY_NAME,
    },
    lambda oid: f"A person's certificate without {_NAMES[oid]} is refused: 21115.",
    source=_SUBJECT,
    needs=_OWN,
)
def incomplete_person_is_refused(ctx: Probe, oid: x509.ObjectIdentifier) -> None:
    nip = random_nip()
    ctx.submit(self_signed(person(nip=nip, without=(oid,))), nip=nip).refused(21115)


@requirement(
    "KSEF-XADES-215",
    "A seal logs in as the owner of its NIP; with the name of a person in it it is refused: 21115.",
    source=_SUBJECT,
    needs=_OWN,
)
def seal_is_no_person(ctx: Probe) -> None:
    nip = random_nip()
    seal = organization(nip=nip)
    ctx.ends(ctx.started(ctx.submit(self_signed(seal), nip=nip)), 200)
    named = x509.Name([*seal, x509.NameAttribute(NameOID.GIVEN_NAME, "Jan")])
    ctx.submit(self_signed(named), nip=nip).refused(21115)


@requirement(
    "KSEF-XADES-216",
    "A certificate without an identifier in its subject is refused: 21115.",
    source=_SUBJECT,
    needs=_OWN,
)
def anonymous_certificate_is_refused(ctx: Probe) -> None:
    ctx.submit(self_signed(person()), nip=random_nip()).refused(21115)


@requirement(
    "KSEF-XADES-217",
    "certificateFingerprint names the signer by the certificate: with a permission for it he logs in.",
    source="XSD SubjectIdentifierType; OpenAPI POST /testdata/permissions",
    needs=_GRANTED,
)
def fingerprint_logs_in(ctx: Probe) -> None:
    nip = random_nip()
    credentials = self_signed(person())
    by_fingerprint = {"subject": "certificateFingerprint"}
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip, request=by_fingerprint)), 415, _NOBODY)
    ctx.grant_test_data(nip, ("Fingerprint", credentials.fingerprint), "InvoiceRead")
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip, request=by_fingerprint)), 200)


@requirement(
    "KSEF-XADES-218",
    "In a NipVatUe context the owner of its NIP is nobody until permitted: 415, or 21117 at once.",
    source="the ministry's example of a request; OpenAPI POST /auth/xades-signature: 21117",
    needs=_OWN,
)
def subject_in_a_compound_context(ctx: Probe) -> None:
    nip = random_nip()
    context = f"<NipVatUe>{nip}-DE123456789</NipVatUe>"
    reply = ctx.submit(nip=nip, request={"context": context})
    if reply.status == 400:
        reply.refused(21117)
    else:
        ctx.ends(ctx.started(reply), 415, _NOBODY)


# -- permissions ------------------------------------------------------------------------------------------


@requirement(
    "KSEF-XADES-219",
    "Whoever is not the owner and has been granted nothing ends in 415.",
    source=f"{_STATUS}: 415",
    needs=_OWN,
)
def stranger_is_not_admitted(ctx: Probe) -> None:
    reply = ctx.submit(owner_of(random_nip()), nip=random_nip())
    ctx.ends(ctx.started(reply), 415, _NOBODY)


@requirement(
    "KSEF-XADES-220",
    "A permission lets its holder log in, and only until it is revoked.",
    source="OpenAPI POST /testdata/permissions, /testdata/permissions/revoke",
    needs=_GRANTED,
)
def permission_lets_in(ctx: Probe) -> None:
    nip, pesel = random_nip(), random_pesel()
    credentials = self_signed(person(pesel=pesel))
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip)), 415, _NOBODY)
    ctx.grant_test_data(nip, ("Pesel", pesel), "InvoiceRead")
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip)), 200)
    lost = {
        "contextIdentifier": {"type": "Nip", "value": nip},
        "authorizedIdentifier": {"type": "Pesel", "value": pesel},
    }
    ctx.post("/testdata/permissions/revoke", json=lost).answers(200)
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip)), 415, _NOBODY)


@requirement(
    "KSEF-XADES-221",
    "A person registered with a NIP and a PESEL is the owner of that NIP's context by either.",
    source="OpenAPI POST /testdata/person",
    needs=_GRANTED,
)
def person_is_known_by_both(ctx: Probe) -> None:
    nip, pesel = random_nip(), random_pesel()
    credentials = self_signed(person(pesel=pesel))
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip)), 415, _NOBODY)
    _register(ctx, nip, pesel)
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip)), 200)


@requirement(
    "KSEF-XADES-222",
    "A deceased person's certificate ends in 470.",
    source=f"{_STATUS}: 470; OpenAPI POST /testdata/person: isDeceased",
    needs=_GRANTED,
)
def deceased_person(ctx: Probe) -> None:
    nip = random_nip()
    _register(ctx, nip, random_pesel(), isDeceased=True)
    reply = ctx.submit(owner_of(nip), nip=nip)
    ctx.ends(ctx.started(reply), 470, "Próba wykorzystania metod autoryzacyjnych osoby zmarłej")


@requirement(
    "KSEF-XADES-223",
    "Logins to a blocked context end in 480, and in 200 again once it is unblocked.",
    source=f"{_STATUS}: 480; OpenAPI POST /testdata/context/block",
    needs=_GRANTED,
)
def blocked_context(ctx: Probe) -> None:
    nip = random_nip()
    credentials = owner_of(nip)
    context = {"contextIdentifier": {"type": "Nip", "value": nip}}
    ctx.post("/testdata/context/block", json=context).answers(200)
    reply = ctx.settled(ctx.started(ctx.submit(credentials, nip=nip)))
    equal("status code", reply.at("status", "code"), 480)
    ctx.post("/testdata/context/unblock", json=context).answers(200)
    ctx.ends(ctx.started(ctx.submit(credentials, nip=nip)), 200)


@requirement(
    "KSEF-DATA-101",
    "An organisation, or a person, whose NIP is known already is refused: 30001.",
    source="OpenAPI POST /testdata/subject, /testdata/person: 30001",
    needs={Capability.TEST_DATA},
)
def known_nip_is_refused(ctx: Probe) -> None:
    subject = {"subjectNip": random_nip(), "subjectType": "VatGroup", "description": "ksef-conformance"}
    ctx.post("/testdata/subject", json=subject).answers(200)
    ctx.post("/testdata/subject", json=subject).refused(30001)
    ctx.post("/testdata/subject/remove", json={"subjectNip": subject["subjectNip"]}).answers(200)


# -- means ------------------------------------------------------------------------------------------------


def _with_chain(ctx: Probe, credentials: Credentials, nip: str) -> bytes:
    """A signed login whose KeyInfo has the issuers' certificates too."""
    ders = [credentials.der, *(each.public_bytes(Encoding.DER) for each in credentials.chain)]
    return ctx.signer(credentials, nip=nip, key_info=key_info(*ders)).sign()


def _register(ctx: Probe, nip: str, pesel: str, **changes: Any) -> None:
    body = {"nip": nip, "pesel": pesel, "isBailiff": False, "description": "ksef-conformance"}
    ctx.post("/testdata/person", json=body | changes).answers(200)
