"""POST /auth/ksef-token: what is accepted, how each mistake ends, what is refused at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from contract_tests.server import cipher, shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.cipher import Layout
from contract_tests.server.expect import equal, fail, one_of
from contract_tests.server.identity import random_nip
from contract_tests.server.probe import PROBLEM_DETAILS, Challenge, Probe, Started

_SOURCE = "OpenAPI POST /auth/ksef-token"
_STATUS = "OpenAPI GET /auth/{referenceNumber}: status 450"
_ENCRYPTION = "Nieprawidłowe szyfrowanie tokena"
_ENCODING = "Nieprawidłowe kodowanie tokena"
_TIME = "Nieprawidłowy czas tokena"
_INVALID = "Nieprawidłowy token"
#: With the context after it: `nip-5265877635`.
_OTHER_CONTEXT = "Token nie może być użyty w kontekście "
#: All other details that a failed token login is known to end with.
_DETAILS = (
    "Nieprawidłowe wyzwanie autoryzacyjne",
    _INVALID,
    _TIME,
    "Token unieważniony",
    "Token nieaktywny",
    _ENCRYPTION,
    _ENCODING,
)


# -- accepted ---------------------------------------------------------------------------------------------


@requirement(
    "KSEF-TOKEN-001",
    "A token login is answered with 202, a reference number and an authentication token.",
    source=f"{_SOURCE}: AuthenticationInitResponse",
)
def is_started(ctx: Probe) -> None:
    ctx.submit_token(ctx.token_request()).answers(202, shapes.STARTED)


@requirement(
    "KSEF-TOKEN-002",
    "A token encrypted with RSA-OAEP, SHA-256 for label and MGF1, logs in: status 200.",
    source=f"{_SOURCE}: RSA-OAEP with SHA-256",
)
def rsa_logs_in(ctx: Probe) -> None:
    ctx.ends(ctx.start_token_login(key=ctx.rsa_key()), 200)


@requirement(
    "KSEF-TOKEN-003",
    "publicKeyId may be absent, and null.",
    source=f"{_SOURCE}: publicKeyId is not required",
)
def public_key_id_is_optional(ctx: Probe) -> None:
    ctx.ends(ctx.start_token_login(publicKeyId=None), 200)
    body = ctx.token_request() | {"publicKeyId": None}
    ctx.ends(ctx.started(ctx.submit_token(body)), 200)


@requirement(
    "KSEF-TOKEN-004",
    "authorizationPolicy may be null, and members that are not documented are ignored.",
    source="seen in public clients",
)
def policy_may_be_null(ctx: Probe) -> None:
    body = ctx.token_request() | {"authorizationPolicy": None, "comment": "from a client"}
    ctx.ends(ctx.started(ctx.submit_token(body)), 200)


@requirement(
    "KSEF-TOKEN-005",
    "The status of a token login names the method Token, of the category Token.",
    source="OpenAPI: AuthenticationMethod, AuthenticationMethodInfo",
)
def method_is_token(ctx: Probe) -> None:
    reply = ctx.settled(ctx.start_token_login())
    equal("authenticationMethod", reply.at("authenticationMethod"), "Token")
    equal("category", reply.at("authenticationMethodInfo", "category"), "Token")


@family(
    {
        "KSEF-TOKEN-006": Layout.JAVA,
        "KSEF-TOKEN-007": Layout.CSHARP,
        "KSEF-TOKEN-008": Layout.CSHARP_RAW,
        "KSEF-TOKEN-009": Layout.JAVA_HASHED,
    },
    lambda layout: f"A token encrypted for the EC key logs in: {layout.value}.",
    source="the official Java and C# clients, and those that mix them",
)
def ec_logs_in(ctx: Probe, layout: Layout) -> None:
    key, challenge = ctx.ec_key(), ctx.challenge()
    plaintext = f"{ctx.owner.token}|{challenge.timestamp_ms}".encode()
    ciphertext = cipher.ecies(plaintext, _ec(key.public_key), layout)
    ctx.ends(ctx.start_token_login(challenge=challenge, key=key, ciphertext=ciphertext), 200)


@requirement(
    "KSEF-TOKEN-010",
    "A token encrypted for the EC key logs in without publicKeyId too, whatever other keys are published.",
    source="several public clients never send publicKeyId",
)
def ec_logs_in_without_key_id(ctx: Probe) -> None:
    ctx.ends(ctx.start_token_login(key=ctx.ec_key(), publicKeyId=None), 200)


# -- ciphertexts that cannot be read ----------------------------------------------------------------------

Encrypt = Callable[[bytes, rsa.RSAPublicKey], bytes]

_WRONG_RSA: dict[str, tuple[str, Encrypt]] = {
    "KSEF-TOKEN-011": (
        "OAEP with SHA-256 but MGF1 with SHA-1",
        lambda octets, key: cipher.oaep(octets, key, mgf1=hashes.SHA1()),  # noqa: S303
    ),
    "KSEF-TOKEN-012": (
        "OAEP with SHA-1",
        lambda octets, key: cipher.oaep(
            octets,
            key,
            algorithm=hashes.SHA1(),  # noqa: S303
            mgf1=hashes.SHA1(),  # noqa: S303
        ),
    ),
    "KSEF-TOKEN-013": ("the padding of PKCS#1 v1.5", cipher.pkcs1),
    "KSEF-TOKEN-014": (
        "OAEP with a label",
        lambda octets, key: cipher.oaep(octets, key, label=b"KSeF"),
    ),
    "KSEF-TOKEN-015": ("nothing but random octets", lambda _, key: os.urandom(key.key_size // 8)),
    "KSEF-TOKEN-016": ("fewer octets than the key has", lambda _, key: os.urandom(key.key_size // 8 - 1)),
}


@family(
    _WRONG_RSA,
    lambda case: f"A token encrypted with {case[0]} is accepted and ends in 450, {_ENCRYPTION}",
    source=f"{_SOURCE}: RSA-OAEP with SHA-256; detail documented since API 2.6.1",
)
def wrong_rsa_is_not_read(ctx: Probe, case: tuple[str, Encrypt]) -> None:
    key, challenge = ctx.rsa_key(), ctx.challenge()
    public_key = key.public_key
    if not isinstance(public_key, rsa.RSAPublicKey):
        fail("an RSA key", type(public_key).__name__)
    ciphertext = case[1](f"{ctx.owner.token}|{challenge.timestamp_ms}".encode(), public_key)
    ctx.ends(ctx.start_token_login(challenge=challenge, key=key, ciphertext=ciphertext), 450, _ENCRYPTION)


@requirement(
    "KSEF-TOKEN-017",
    f"A token encrypted to the key for symmetric keys ends in 450, {_ENCRYPTION}",
    source=f"{_SOURCE}: the key dedicated to it; detail documented since API 2.6.1",
)
def key_of_the_other_usage_is_not_tried(ctx: Probe) -> None:
    for key in ctx.published_keys("SymmetricKeyEncryption"):
        ctx.ends(ctx.start_token_login(key=key, publicKeyId=None), 450, _ENCRYPTION)


@requirement(
    "KSEF-TOKEN-018",
    f"An EC ciphertext with one bit of its tag changed ends in 450, {_ENCRYPTION}",
    source="AES-GCM: the tag authenticates; detail documented since API 2.6.1",
)
def damaged_tag_is_not_read(ctx: Probe) -> None:
    key, challenge = ctx.ec_key(), ctx.challenge()
    plaintext = f"{ctx.owner.token}|{challenge.timestamp_ms}".encode()
    for layout in (Layout.JAVA, Layout.CSHARP):
        ciphertext = cipher.ecies(plaintext, _ec(key.public_key), layout, damaged=True)
        started = ctx.start_token_login(challenge=challenge, key=key, ciphertext=ciphertext)
        ctx.ends(started, 450, _ENCRYPTION)
        challenge = ctx.challenge()


@requirement(
    "KSEF-TOKEN-019",
    f"An ephemeral key on another curve than the published key's ends in 450, {_ENCRYPTION}",
    source="the official clients: P-256; detail documented since API 2.6.1",
)
def other_curve_is_not_read(ctx: Probe) -> None:
    key = ctx.ec_key()
    ciphertext = cipher.ecies(b"text|1", _ec(key.public_key), curve=ec.SECP384R1())
    ctx.ends(ctx.start_token_login(key=key, ciphertext=ciphertext), 450, _ENCRYPTION)


# -- what is inside ---------------------------------------------------------------------------------------

Timestamp = Callable[[Challenge], object]

_WRONG_TIMES: dict[str, tuple[str, Timestamp]] = {
    "KSEF-TOKEN-020": (
        "a millisecond later than the challenge's",
        lambda challenge: challenge.timestamp_ms + 1,
    ),
    "KSEF-TOKEN-021": (
        "a millisecond earlier than the challenge's",
        lambda challenge: challenge.timestamp_ms - 1,
    ),
    "KSEF-TOKEN-022": ("in seconds", lambda challenge: challenge.timestamp_ms // 1_000),
    "KSEF-TOKEN-023": (
        "an hour off, as by a time zone",
        lambda challenge: challenge.timestamp_ms + 3_600_000,
    ),
    "KSEF-TOKEN-024": ("written as a date", lambda challenge: challenge.timestamp),
}


@family(
    _WRONG_TIMES,
    lambda case: f"A token with a timestamp {case[0]} ends in 450, {_TIME}.",
    source=f"{_SOURCE}: the challenge's timestamp, in milliseconds; {_STATUS}",
)
def wrong_timestamp_ends(ctx: Probe, case: tuple[str, Timestamp]) -> None:
    challenge = ctx.challenge()
    plaintext = f"{ctx.owner.token}|{case[1](challenge)}"
    ctx.ends(ctx.start_token_login(challenge=challenge, plaintext=plaintext), 450, _TIME)


@requirement(
    "KSEF-TOKEN-025",
    f"A token with the timestamp of another challenge ends in 450, {_TIME}.",
    source=f"{_SOURCE}: the challenge's timestamp; {_STATUS}",
)
def timestamp_of_another_challenge_ends(ctx: Probe) -> None:
    first = ctx.challenge()
    for _ in range(50):
        second = ctx.challenge()
        if second.timestamp_ms != first.timestamp_ms:
            break
    else:
        fail("another timestamp of another challenge", first.timestamp)
    plaintext = f"{ctx.owner.token}|{first.timestamp_ms}"
    ctx.ends(ctx.start_token_login(challenge=second, plaintext=plaintext), 450, _TIME)


@requirement(
    "KSEF-TOKEN-026",
    f"A KSeF token that nobody has issued ends in 450, {_INVALID}.",
    source=_STATUS,
)
def unknown_token_ends(ctx: Probe) -> None:
    nip = ctx.session.nip
    invented = f"20251010-EC-1DCE3E3000-12ECB5B36E-45|nip-{nip}|{'0' * 64}"
    ctx.ends(ctx.start_token_login(invented, nip=nip), 450, _INVALID)


@requirement(
    "KSEF-TOKEN-027",
    f"A KSeF token with one character of its secret changed ends in 450, {_INVALID}.",
    source=_STATUS,
)
def changed_token_ends(ctx: Probe) -> None:
    token = ctx.owner.token
    changed = token[:-1] + ("0" if token[-1] != "0" else "1")
    ctx.ends(ctx.start_token_login(changed, nip=ctx.session.nip), 450, _INVALID)


@requirement(
    "KSEF-TOKEN-028",
    "A KSeF token in the context of another NIP ends in 450, and the detail names that context.",
    source=f"{_STATUS}; text recorded in August 2026",
)
def token_of_another_context_ends(ctx: Probe) -> None:
    nip = random_nip()
    detail = f"Token nie może być użyty w kontekście nip-{nip}"
    ctx.ends(ctx.start_token_login(ctx.owner.token, nip=nip), 450, detail)


@requirement(
    "KSEF-TOKEN-029",
    "A plaintext without a timestamp, and one that is not UTF-8, end in 450.",
    source=f"{_SOURCE}: token|timestamp; {_STATUS}",
)
def plaintext_without_timestamp_ends(ctx: Probe) -> None:
    for plaintext in ("no bar at all", b"\xff\xfe|1", ctx.owner.token):
        _ends_in_450(ctx, ctx.start_token_login(plaintext=plaintext))


@requirement(
    "KSEF-TOKEN-030",
    "A revoked KSeF token ends in 450, Token unieważniony.",
    source=_STATUS,
)
def revoked_token_ends(ctx: Probe) -> None:
    owner = ctx.owner
    token, reference = ctx.new_token(owner.session)
    ctx.ends(ctx.start_token_login(token, nip=owner.session.nip), 200)
    ctx.delete(f"/tokens/{reference}", bearer=owner.session.access_token).answers(204)
    ctx.ends(ctx.start_token_login(token, nip=owner.session.nip), 450, "Token unieważniony")


@requirement(
    "KSEF-TOKEN-031",
    "A KSeF token that is not active yet ends in 450, Token nieaktywny.",
    source=_STATUS,
    needs={Capability.SETTINGS},
)
def pending_token_ends(ctx: Probe) -> None:
    slow = ctx.beside(delay_polls=3)
    session = slow.new_session()
    order = {"permissions": ["InvoiceRead"], "description": "not active yet"}
    made = slow.post("/tokens", bearer=session.access_token, json=order).answers(202, shapes.GENERATED_TOKEN)
    started = slow.start_token_login(made.at("token"), nip=session.nip)
    slow.ends(started, 450, "Token nieaktywny")


# -- refused at once --------------------------------------------------------------------------------------


@family(
    {
        "KSEF-TOKEN-032": "challenge",
        "KSEF-TOKEN-033": "contextIdentifier",
        "KSEF-TOKEN-034": "encryptedToken",
    },
    "A token login without {} is refused with 21405.",
    source=f"{_SOURCE}: required members, 21405",
)
def missing_member_is_refused(ctx: Probe, member: str) -> None:
    body = ctx.token_request()
    del body[member]
    ctx.submit_token(body).refused(21405, None)


@dataclass(frozen=True)
class Wrong:
    """A member with a value that its description excludes."""

    member: str
    value: Any
    why: str
    #: 21001: no such value can be read at all; 21405: it breaks a rule.
    code: int = 21405


@family(
    {
        "KSEF-TOKEN-035": Wrong(
            "contextIdentifier", {"type": "Regon", "value": "123456785"}, "is of an unknown type", 21001
        ),
        "KSEF-TOKEN-036": Wrong("contextIdentifier", {"type": "Nip", "value": "123"}, "is no NIP"),
        "KSEF-TOKEN-037": Wrong(
            "contextIdentifier", {"type": "Nip", "value": "0265877635"}, "is a NIP that begins with 0"
        ),
        "KSEF-TOKEN-038": Wrong(
            "contextIdentifier", {"type": "InternalId", "value": "5265877635"}, "is no internal identifier"
        ),
        "KSEF-TOKEN-039": Wrong(
            "contextIdentifier", {"type": "NipVatUe", "value": "5265877635-XX1"}, "is no NipVatUe"
        ),
        "KSEF-TOKEN-040": Wrong(
            "contextIdentifier", {"type": "PeppolId", "value": "PL123456"}, "is no PeppolId"
        ),
        "KSEF-TOKEN-041": Wrong("contextIdentifier", "5265877635", "is a text", 21001),
        "KSEF-TOKEN-042": Wrong("encryptedToken", "not Base64!", "is not Base64"),
        "KSEF-TOKEN-043": Wrong("encryptedToken", "", "is empty"),
        "KSEF-TOKEN-044": Wrong("encryptedToken", 12345, "is a number", 21001),
        "KSEF-TOKEN-045": Wrong("publicKeyId", "short", "has not 44 characters"),
    },
    lambda wrong: f"A token login whose {wrong.member} {wrong.why} is refused with {wrong.code}.",
    source=f"{_SOURCE}: 21405, 21001 since API 2.9.0; XSD TNIP, TIID, TNipVatUE, TPeppolId",
)
def wrong_member_is_refused(ctx: Probe, wrong: Wrong) -> None:
    ctx.submit_token(ctx.token_request() | {wrong.member: wrong.value}).refused(wrong.code, None)


@family(
    {
        "KSEF-TOKEN-046": {"type": "InternalId", "value": "5265877635-12345"},
        "KSEF-TOKEN-047": {"type": "NipVatUe", "value": "5265877635-DE123456789"},
        "KSEF-TOKEN-048": {"type": "PeppolId", "value": "PPL123456"},
    },
    lambda context: f"A token login in a context of the type {context['type']} is accepted.",
    source="OpenAPI: AuthenticationContextIdentifierType",
)
def every_context_type_is_accepted(ctx: Probe, context: dict[str, str]) -> None:
    started = ctx.start_token_login(contextIdentifier=context)
    _ends_in_450(ctx, started)


@requirement(
    "KSEF-TOKEN-049",
    "A challenge that is malformed is refused with 21111.",
    source=f"{_SOURCE}: 21111",
)
def malformed_challenge_is_refused(ctx: Probe) -> None:
    body = ctx.token_request()
    for challenge in ("nonsense", body["challenge"][:-1], body["challenge"].lower()):
        ctx.submit_token(body | {"challenge": challenge}).refused(21111)


@requirement(
    "KSEF-TOKEN-050",
    "A refusal of the input is problem+json with the code 21405 when X-Error-Format asks for it.",
    source=f"{_SOURCE}: 21405; OpenAPI: BadRequestProblemDetails",
)
def refusal_as_problem_details(ctx: Probe) -> None:
    body = ctx.token_request() | {"encryptedToken": "not Base64!"}
    reply = ctx.submit_token(body, headers=PROBLEM_DETAILS).refused(21405, None)
    equal("content type", reply.content_type, "application/problem+json")


# -- the IP policy ----------------------------------------------------------------------------------------

_HERE = "203.0.113.7"


@family(
    {
        "KSEF-TOKEN-051": {"ip4Addresses": ["198.51.100.1", _HERE]},
        "KSEF-TOKEN-052": {"ip4Ranges": ["203.0.113.7-203.0.113.9"]},
        "KSEF-TOKEN-053": {"ip4Masks": ["203.0.113.0/29"]},
    },
    lambda policy: f"The access token of a login with {next(iter(policy))} works from these addresses alone.",
    source="OpenAPI: AllowedIps, 403 ip-not-allowed",
    needs={Capability.SECOND_ADDRESS},
)
def policy_holds_for_the_access_token(ctx: Probe, policy: dict[str, list[str]]) -> None:
    session = ctx.login_with_token(authorizationPolicy={"allowedIps": policy})
    ctx.get("/limits/context", bearer=session.access_token, address=_HERE).answers(200)
    for address in ("203.0.113.6" if "ip4Masks" not in policy else "203.0.113.8", "198.51.100.2"):
        refused = ctx.get("/limits/context", bearer=session.access_token, address=address)
        refused.problem(403, reason="ip-not-allowed")
        equal("security.clientIp", refused.at("security", "clientIp"), address)


@requirement(
    "KSEF-TOKEN-054",
    "An access token whose login excludes our address is refused with 403 ip-not-allowed.",
    source="OpenAPI: AllowedIps, 403 ip-not-allowed",
)
def policy_excludes_us(ctx: Probe) -> None:
    # An address for documentation: nobody's.
    policy = {"allowedIps": {"ip4Addresses": ["192.0.2.1"]}}
    session = ctx.login_with_token(authorizationPolicy=policy)
    ctx.get("/limits/context", bearer=session.access_token).problem(403, reason="ip-not-allowed")


@family(
    {
        "KSEF-TOKEN-055": ("an address out of range", {"ip4Addresses": ["256.1.1.1"]}),
        "KSEF-TOKEN-056": ("a range that is none", {"ip4Ranges": ["10.0.0.1"]}),
        "KSEF-TOKEN-057": ("a mask beyond 32 bits", {"ip4Masks": ["10.0.0.0/33"]}),
        "KSEF-TOKEN-058": ("eleven addresses", {"ip4Addresses": [f"10.0.0.{n}" for n in range(1, 12)]}),
    },
    lambda case: f"An IP policy with {case[0]} is refused with 21405.",
    source="OpenAPI: AllowedIps (patterns, at most 10 entries)",
)
def wrong_policy_is_refused(ctx: Probe, case: tuple[str, dict[str, list[str]]]) -> None:
    body = ctx.token_request(authorizationPolicy={"allowedIps": case[1]})
    ctx.submit_token(body).refused(21405, None)


@requirement(
    "KSEF-TOKEN-059",
    "An IP policy with ten addresses is accepted.",
    source="OpenAPI: AllowedIps (at most 10 entries)",
)
def ten_addresses_are_accepted(ctx: Probe) -> None:
    policy = {"allowedIps": {"ip4Addresses": [f"10.0.0.{n}" for n in range(1, 11)]}}
    ctx.started(ctx.submit_token(ctx.token_request(authorizationPolicy=policy)))


def _ends_in_450(ctx: Probe, started: Started) -> None:
    """450 with any one of the known details: which one is not documented."""
    reply = ctx.settled(started)
    equal("code of the status", reply.at("status", "code"), 450)
    details = reply.at("status").get("details") or []
    equal("number of details", len(details), 1)
    if not str(details[0]).startswith(_OTHER_CONTEXT):
        one_of("detail of the status", details[0], _DETAILS)


def _ec(key: cipher.PublicKey) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        fail("an EC key", type(key).__name__)
    return key
