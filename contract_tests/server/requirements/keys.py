"""GET /security/public-key-certificates, and the three rotations."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import requirement
from contract_tests.server.expect import equal, fail, true
from contract_tests.server.probe import TOKEN_USAGE, Probe, PublishedKey

_PATH = "/security/public-key-certificates"
_SOURCE = f"OpenAPI GET {_PATH}"
_SYMMETRIC = "SymmetricKeyEncryption"


@requirement(
    "KSEF-KEYS-001",
    "The published keys are answered with 200, as an array of the documented shape.",
    source=f"{_SOURCE}: PublicKeyCertificate",
    read_only=True,
)
def are_answered(ctx: Probe) -> None:
    ctx.get(_PATH).answers(200, shapes.PUBLIC_KEYS)


@requirement(
    "KSEF-KEYS-002",
    "The published keys need no authentication, and a bearer token that is worth nothing does no harm.",
    source=f"{_SOURCE}: no security",
    read_only=True,
)
def are_public(ctx: Probe) -> None:
    ctx.get(_PATH, bearer="worth.nothing.here").answers(200, shapes.PUBLIC_KEYS)


@requirement(
    "KSEF-KEYS-003",
    "certificate is a certificate in DER, and certificateId is its SHA-256.",
    source=f"{_SOURCE}: certificateId; documented",
    read_only=True,
)
def certificate_id_is_its_hash(ctx: Probe) -> None:
    for key in _all(ctx):
        der = base64.b64decode(key.entry["certificate"])
        equal("certificateId", key.entry["certificateId"], _sha256(der))


@requirement(
    "KSEF-KEYS-004",
    "publicKeyId is the SHA-256 of the certificate's SubjectPublicKeyInfo.",
    source=f"{_SOURCE}: publicKeyId; documented",
    read_only=True,
)
def public_key_id_is_its_hash(ctx: Probe) -> None:
    for key in _all(ctx):
        spki = key.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        equal("publicKeyId", key.id, _sha256(spki))


@requirement(
    "KSEF-KEYS-005",
    "validFrom and validTo are those of the certificate.",
    source=f"{_SOURCE}: validFrom, validTo",
    read_only=True,
)
def validity_is_that_of_the_certificate(ctx: Probe) -> None:
    for key in _all(ctx):
        certificate = key.certificate
        for name, moment in (
            ("validFrom", certificate.not_valid_before_utc),
            ("validTo", certificate.not_valid_after_utc),
        ):
            equal(name, datetime.fromisoformat(key.entry[name]), moment)


@requirement(
    "KSEF-KEYS-006",
    "The certificates name Ministerstwo Finansów as their subject.",
    source="documented",
    read_only=True,
)
def subject_is_the_ministry(ctx: Probe) -> None:
    for key in _all(ctx):
        names = [name.value for name in key.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        equal("common name of the subject", names, ["Ministerstwo Finansów"])


@requirement(
    "KSEF-KEYS-007",
    "For both usages a key is published that is valid now.",
    source=f"{_SOURCE}: PublicKeyCertificateUsage",
    read_only=True,
)
def both_usages_have_a_valid_key(ctx: Probe) -> None:
    now = datetime.now(UTC)
    for usage in (TOKEN_USAGE, _SYMMETRIC):
        keys = [key.certificate for key in _all(ctx) if usage in key.entry["usage"]]
        if not any(key.not_valid_before_utc <= now < key.not_valid_after_utc for key in keys):
            fail(f"a key for {usage} that is valid now", f"{len(keys)} keys, none valid")


@requirement(
    "KSEF-KEYS-008",
    "The first key for KSeF tokens is an RSA key of at least 2048 bits.",
    source="documented: RSA-OAEP; some clients know RSA alone and take the first key",
    read_only=True,
)
def first_token_key_is_rsa(ctx: Probe) -> None:
    key = ctx.published_keys()[0].public_key
    if not isinstance(key, rsa.RSAPublicKey):
        fail("an RSA key first", type(key).__name__)
    true("size of the key", key.key_size >= 2048, expected="2048 bits or more", received=key.key_size)


@requirement(
    "KSEF-KEYS-009",
    "The keys for symmetric keys and for KSeF tokens are different ones.",
    source="documented: each usage has its own certificate",
    severity="should",
    read_only=True,
)
def usages_have_their_own_keys(ctx: Probe) -> None:
    for key in _all(ctx):
        equal("usages of one key", len(key.entry["usage"]), 1)


@requirement(
    "KSEF-KEYS-010",
    "An unknown publicKeyId is refused with 21470, naming it.",
    source="OpenAPI POST /auth/ksef-token: 21470",
)
def unknown_key_is_refused(ctx: Probe) -> None:
    unknown = _sha256(b"no key of anybody")
    ctx.submit_token(ctx.token_request(publicKeyId=unknown)).refused(
        21470, f"Klucz o identyfikatorze {unknown} nie jest wspierany."
    )


@requirement(
    "KSEF-KEYS-011",
    "The publicKeyId of a key of the other usage is refused with 21470.",
    source="OpenAPI POST /auth/ksef-token: 21470",
)
def key_of_the_other_usage_is_refused(ctx: Probe) -> None:
    others = ctx.published_keys(_SYMMETRIC)
    if not others:
        fail(f"a published key for {_SYMMETRIC}", "none")
    other = others[0]
    ctx.submit_token(ctx.token_request(key=other)).refused(
        21470, f"Klucz o identyfikatorze {other.id} nie jest wspierany."
    )


@requirement(
    "KSEF-KEYS-012",
    "Re-certification publishes the same key under another certificate: publicKeyId stays.",
    source="documented: rotation of certificates",
    needs={Capability.KEY_ROTATION},
)
def recertification_keeps_the_key(ctx: Probe) -> None:
    before = ctx.rsa_key()
    ctx.controls.recertify()
    after = ctx.rsa_key()
    equal("publicKeyId", after.id, before.id)
    true(
        "certificateId",
        after.entry["certificateId"] != before.entry["certificateId"],
        expected="another one than before",
        received=after.entry["certificateId"],
    )
    ctx.ends(ctx.start_token_login(key=before), 200)


@requirement(
    "KSEF-KEYS-013",
    "A planned rotation publishes old and new key side by side, and both are taken.",
    source="documented: planned rotation",
    needs={Capability.KEY_ROTATION},
)
def planned_rotation_takes_both(ctx: Probe) -> None:
    old = ctx.rsa_key()
    ctx.controls.rotate()
    known = {key.id for key in ctx.published_keys()}
    new = [key for key in ctx.published_keys() if key.id != old.id and _is_rsa(key)]
    if old.id not in known or not new:
        fail(
            "the old key and a new one",
            f"{len(known)} keys, the old one {'in' if old.id in known else 'out'}",
        )
    ctx.ends(ctx.start_token_login(key=old), 200)
    ctx.ends(ctx.start_token_login(key=new[-1]), 200)


@requirement(
    "KSEF-KEYS-014",
    "After an emergency rotation the old key is not published and refused with 21470; the new one is taken.",
    source="documented: emergency rotation; OpenAPI POST /auth/ksef-token: 21470",
    needs={Capability.KEY_ROTATION},
)
def emergency_rotation_refuses_the_old_key(ctx: Probe) -> None:
    old = ctx.rsa_key()
    ctx.controls.rotate(emergency=True)
    new = ctx.rsa_key()
    if old.id in {key.id for key in ctx.published_keys()}:
        fail("the old key gone", "it is still published")
    ctx.submit_token(ctx.token_request(key=old)).refused(
        21470, f"Klucz o identyfikatorze {old.id} nie jest wspierany."
    )
    ctx.ends(ctx.start_token_login(key=new), 200)


@requirement(
    "KSEF-KEYS-015",
    "Without publicKeyId a token for a withdrawn key cannot be read: 450, Nieprawidłowe szyfrowanie tokena",
    source="documented: emergency rotation; detail seen on TEST",
    needs={Capability.KEY_ROTATION},
)
def withdrawn_key_opens_nothing(ctx: Probe) -> None:
    old = ctx.rsa_key()
    ctx.controls.rotate(emergency=True)
    started = ctx.start_token_login(key=old, publicKeyId=None)
    ctx.ends(started, 450, "Nieprawidłowe szyfrowanie tokena")


@requirement(
    "KSEF-KEYS-016",
    "During a planned rotation a token encrypted to the old key is read without publicKeyId too.",
    source="documented: planned rotation; several clients never send publicKeyId",
    needs={Capability.KEY_ROTATION},
)
def old_key_works_without_its_id(ctx: Probe) -> None:
    old = ctx.rsa_key()
    ctx.controls.rotate()
    ctx.ends(ctx.start_token_login(key=old, publicKeyId=None), 200)


@requirement(
    "KSEF-KEYS-017",
    "Once the old key of a planned rotation is withdrawn it is neither published nor taken.",
    source="documented: planned rotation; OpenAPI POST /auth/ksef-token: 21470",
    needs={Capability.KEY_ROTATION},
)
def planned_rotation_ends(ctx: Probe) -> None:
    old = ctx.rsa_key()
    ctx.controls.rotate()
    ctx.controls.withdraw(old.id)
    if old.id in {key.id for key in ctx.published_keys()}:
        fail("the old key gone", "it is still published")
    ctx.submit_token(ctx.token_request(key=old)).refused(21470)
    ctx.ends(ctx.start_token_login(), 200)


def _all(ctx: Probe) -> list[PublishedKey]:
    return [*ctx.published_keys(), *ctx.published_keys(_SYMMETRIC)]


def _is_rsa(key: PublishedKey) -> bool:
    return isinstance(key.public_key, rsa.RSAPublicKey)


def _sha256(octets: bytes) -> str:
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()
