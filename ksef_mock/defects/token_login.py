"""Defects of the login with a KSeF token: the ciphers, and what is checked of the plaintext."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ksef_mock.clock import unix_milliseconds
from ksef_mock.core.codes import SUCCESS, Code, StatusDetail
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import Identifier, is_context_identifier
from ksef_mock.core.ip_policy import AllowedIps
from ksef_mock.core.permissions import Permission
from ksef_mock.defects.catalogue import defect
from ksef_mock.defects.mock import LOGINS, Ask, Mock
from ksef_mock.ksef.keys.keys import PublishedKey
from ksef_mock.ksef.keys.token_cipher import Decrypted, Scheme, Undecryptable

_PATH = "/auth/ksef-token"


# -- ciphers ----------------------------------------------------------------------------------------------


@defect("OAEP takes SHA-256 for MGF1 too.")
def mgf1_with_sha1_is_accepted(mock: Mock) -> None:
    """A KSeF token encrypted by OAEP-SHA256 with MGF1-SHA1 is decrypted."""
    _also_opens(mock, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA256(), None))  # noqa: S303


@defect("OAEP takes SHA-256.")
def oaep_with_sha1_is_accepted(mock: Mock) -> None:
    """A KSeF token encrypted by OAEP-SHA1 is decrypted."""
    _also_opens(mock, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))  # noqa: S303


@defect("RSA is padded by OAEP.")
def pkcs1_padding_is_accepted(mock: Mock) -> None:
    """A KSeF token encrypted by PKCS#1 v1.5 is decrypted."""
    _also_opens(mock, padding.PKCS1v15())


@defect("RSA-OAEP with SHA-256 is the documented encryption.")
def rsa_is_refused(mock: Mock) -> None:
    """A KSeF token encrypted by RSA is not decrypted."""
    _opens_not(mock, Scheme.RSA_OAEP)


@defect("EC, Java layout: nonce, ciphertext, tag; the shared secret is the AES key.")
def ec_java_layout_is_refused(mock: Mock) -> None:
    """A KSeF token in the layout of the official Java client is not decrypted."""
    _opens_not(mock, Scheme.EC_JAVA)


@defect("EC, C# layout: nonce, tag, ciphertext; the AES key is SHA-256 of the shared secret.")
def ec_csharp_layout_is_refused(mock: Mock) -> None:
    """A KSeF token in the layout of the official C# client is not decrypted."""
    _opens_not(mock, Scheme.EC_CSHARP)


@defect("EC, C# layout with the raw shared secret, as third parties send it.")
def ec_csharp_layout_with_raw_secret_is_refused(mock: Mock) -> None:
    """A KSeF token in the C# layout under the raw shared secret is not decrypted."""
    _opens_not(mock, Scheme.EC_CSHARP_RAW)


@defect("EC, Java layout with the hashed shared secret, as third parties send it.")
def ec_java_layout_with_hashed_secret_is_refused(mock: Mock) -> None:
    """A KSeF token in the Java layout under the hashed shared secret is not decrypted."""
    _opens_not(mock, Scheme.EC_JAVA_HASHED)


@defect("The tag of AES-GCM is verified.")
def gcm_tag_is_not_checked(mock: Mock) -> None:
    """A KSeF token encrypted by EC in the Java layout is decrypted whatever its tag is."""

    def attempt(ciphertext: bytes, key: PublishedKey) -> Decrypted | None:
        if not isinstance(key.private_key, ec.EllipticCurvePrivateKey) or len(ciphertext) < 2:
            return None
        end = 2 + ciphertext[1]
        ephemeral = load_der_public_key(ciphertext[:end])
        if not isinstance(ephemeral, ec.EllipticCurvePublicKey):
            return None
        secret = key.private_key.exchange(ec.ECDH(), ephemeral)
        nonce, sealed = ciphertext[end : end + 12], ciphertext[end + 12 : -16]
        counter = modes.CTR(nonce + b"\0\0\0\2")
        return Decrypted(
            Cipher(algorithms.AES(secret), counter).decryptor().update(sealed), key, Scheme.EC_JAVA
        )

    _also(mock, attempt)


# -- plaintext --------------------------------------------------------------------------------------------


@defect("The timestamp begins after the last bar: a KSeF token contains bars itself.")
def plaintext_is_split_at_the_first_bar(mock: Mock) -> None:
    """The plaintext is split at its first bar."""

    def split(plaintext: bytes) -> tuple[str, str] | None:
        text, bar, timestamp = plaintext.decode("utf-8", "replace").partition("|")
        return (text, timestamp) if bar else None

    mock.replace(mock.system.token_login, "_split", lambda _: split)


@defect("The timestamp in the plaintext is that of the challenge, in ms.")
def timestamp_in_plaintext_is_ignored(mock: Mock) -> None:
    """Whatever stands after the bar is accepted."""
    _expects_timestamp(mock, lambda _, expected: expected)


@defect("The timestamp in the plaintext is that of the challenge, in ms.")
def timestamp_in_plaintext_may_be_in_seconds(mock: Mock) -> None:
    """A timestamp in seconds is accepted too."""
    _expects_timestamp(mock, lambda received, expected: expected if received == expected[:-3] else received)


@defect("The timestamp in the plaintext is that of the challenge, exactly.")
def timestamp_in_plaintext_may_be_off_by_one(mock: Mock) -> None:
    """A timestamp that is one millisecond off is accepted."""

    def read(received: str, expected: str) -> str:
        near = {str(int(expected) + 1), str(int(expected) - 1)}
        return expected if received in near else received

    _expects_timestamp(mock, read)


@defect("A KSeF token opens the context that it is of, and no other.")
def token_opens_any_context(mock: Mock) -> None:
    """The context of the login is not compared with that of the KSeF token."""
    _forgives(mock, StatusDetail.TOKEN_CONTEXT)


@defect("A revoked KSeF token ends the login in 450, Token unieważniony.")
def revoked_token_is_accepted(mock: Mock) -> None:
    """A revoked KSeF token logs in."""
    _forgives(mock, StatusDetail.TOKEN_REVOKED)


@defect("A pending KSeF token ends the login in 450, Token nieaktywny.")
def pending_token_is_accepted(mock: Mock) -> None:
    """A KSeF token that is not active yet logs in."""
    _forgives(mock, StatusDetail.TOKEN_INACTIVE)


@defect("A KSeF token can do no more than its author: nothing left is 415.")
def token_outlives_its_authors_permissions(mock: Mock) -> None:
    """A KSeF token logs in though its author has lost every permission."""

    def make(original: Any) -> Any:
        async def admit_token(author: Any, context: Any, permissions: Any) -> Any:
            decision = await original(author, context, permissions)
            return dataclasses.replace(decision, verdict=SUCCESS, permissions=tuple(permissions))

        return admit_token

    mock.replace(mock.system.permissions, "admit_token", make)


@defect("A login with a KSeF token has that token's permissions.")
def token_login_has_all_permissions(mock: Mock) -> None:
    """A login with a KSeF token has every permission there is."""

    def make(original: Any) -> Any:
        async def admit_token(author: Any, context: Any, permissions: Any) -> Any:
            decision = await original(author, context, permissions)
            return dataclasses.replace(
                decision, permissions=tuple(Permission) if decision.permissions else ()
            )

        return admit_token

    mock.replace(mock.system.permissions, "admit_token", make)


# -- answers ----------------------------------------------------------------------------------------------


@defect("What is wrong inside of the ciphertext is found out by the status: the call answers 202.")
def bad_token_is_refused_at_once(mock: Mock) -> None:
    """A login with a bad KSeF token is answered with 400."""

    def make(original: Any) -> Any:
        async def submit(login: Any, exchange: Any) -> Any:
            operation = await original(login, exchange)
            if operation.verdict != SUCCESS:
                raise BadRequest(Code.VALIDATION, operation.verdict.detail or "")
            return operation

        return submit

    mock.replace(mock.system.token_login, "submit", make)


@defect("An accepted login is answered with 202.")
def login_is_answered_with_200(mock: Mock) -> None:
    """An accepted login is answered with 200."""

    def change(answer: Any) -> None:
        answer.status = 200

    mock.edit_answer(change, path=LOGINS, status=202)


@defect("The answer to a login has the reference number of the operation.")
def login_lacks_reference_number(mock: Mock) -> None:
    """The answer to a login has no referenceNumber."""
    mock.edit_json(lambda body: body.pop("referenceNumber"), path=LOGINS, status=202)


@defect("An unknown KSeF token ends the login in 450, Nieprawidłowy token.")
def unknown_token_has_other_detail(mock: Mock) -> None:
    """An unknown KSeF token is called inactive."""
    mock.rename_detail(StatusDetail.TOKEN_INVALID, StatusDetail.TOKEN_INACTIVE)


@defect("A wrong timestamp ends the login in 450, Nieprawidłowy czas tokena.")
def wrong_timestamp_has_other_detail(mock: Mock) -> None:
    """A wrong timestamp is called an invalid token."""
    mock.rename_detail(StatusDetail.TOKEN_TIME, StatusDetail.TOKEN_INVALID)


@defect("A revoked KSeF token ends the login in 450, Token unieważniony.")
def revoked_token_has_other_detail(mock: Mock) -> None:
    """A revoked KSeF token is called inactive."""
    mock.rename_detail(StatusDetail.TOKEN_REVOKED, StatusDetail.TOKEN_INACTIVE)


@defect("A pending KSeF token ends the login in 450, Token nieaktywny.")
def pending_token_has_other_detail(mock: Mock) -> None:
    """A pending KSeF token is called revoked."""
    mock.rename_detail(StatusDetail.TOKEN_INACTIVE, StatusDetail.TOKEN_REVOKED)


@defect("What cannot be decrypted ends the login in 450, Nieprawidłowe szyfrowanie tokena.")
def undecryptable_token_has_other_detail(mock: Mock) -> None:
    """What cannot be decrypted is called an invalid token."""
    mock.rename_detail(StatusDetail.TOKEN_ENCRYPTION, StatusDetail.TOKEN_INVALID)


@defect("A malformed body is refused with 21405.")
def context_identifier_is_not_validated(mock: Mock) -> None:
    """A context identifier that breaks the pattern of its type is taken for the owner's."""

    def change(ask: Ask) -> None:
        body = ask.json()
        context = body.get("contextIdentifier") if isinstance(body, dict) else None
        if not isinstance(context, dict):
            return
        given = Identifier(str(context.get("type")), str(context.get("value")))
        if not is_context_identifier(given):
            body["contextIdentifier"] = {"type": "Nip", "value": "5265877635"}
            ask.body = msgspec.json.encode(body)

    mock.edit_request(change, method="POST", path=_PATH)


@defect("authorizationPolicy may be null: clients send it so.")
def null_policy_is_refused(mock: Mock) -> None:
    """A login with "authorizationPolicy": null is refused with 21405."""

    def judge(ask: Ask) -> BadRequest | None:
        body = ask.json()
        if isinstance(body, dict) and body.get("authorizationPolicy", ...) is None:
            return BadRequest(Code.VALIDATION, "Nieprawidłowa wartość pola 'authorizationPolicy'.")
        return None

    mock.refuse(judge, method="POST", path=_PATH)


# -- IP policy --------------------------------------------------------------------------------------------


@defect("The IP policy of a login holds for each use of its access token.")
def ip_policy_is_ignored(mock: Mock) -> None:
    """The IP policy of a login is forgotten."""
    _changes_policy(mock, lambda _: None)


@defect("An IP policy may contain ranges, both ends included.")
def ip_range_excludes_its_end(mock: Mock) -> None:
    """The last address of a range is not admitted."""

    def change(policy: AllowedIps) -> AllowedIps:
        shorter = []
        for entry in policy.ranges:
            first, last = entry.split("-")
            shorter.append(f"{first}-{ipaddress.IPv4Address(int(ipaddress.IPv4Address(last)) - 1)}")
        return AllowedIps(policy.addresses, tuple(shorter), policy.masks)

    _changes_policy(mock, change)


@defect("An IP policy may contain masks.")
def ip_masks_are_ignored(mock: Mock) -> None:
    """A mask admits its first address only."""

    def change(policy: AllowedIps) -> AllowedIps:
        first = tuple(mask.partition("/")[0] for mask in policy.masks)
        return AllowedIps((*policy.addresses, *first), policy.ranges)

    _changes_policy(mock, change)


def _changes_policy(mock: Mock, change: Callable[[AllowedIps], AllowedIps | None]) -> None:
    def make(original: Any) -> Any:
        def access_token(operation: Any, *rest: Any, **options: Any) -> Any:
            policy = operation.allowed_ips
            changed = msgspec.structs.replace(operation, allowed_ips=change(policy) if policy else None)
            return original(changed, *rest, **options)

        return access_token

    mock.replace(mock.system.jwts, "access_token", make)


# -- tools ------------------------------------------------------------------------------------------------


def _also(mock: Mock, attempt: Callable[[bytes, PublishedKey], Decrypted | None]) -> None:
    """Try something else with what cannot be decrypted."""

    def make(original: Any) -> Any:
        def decrypt(ciphertext: bytes, keys: Sequence[PublishedKey]) -> Decrypted:
            try:
                opened: Decrypted = original(ciphertext, keys)
            except Undecryptable:
                for key in keys:
                    try:
                        found = attempt(ciphertext, key)
                    except ValueError:
                        continue
                    if found is not None:
                        return found
                raise
            return opened

        return decrypt

    mock.replace(mock.system.token_login, "_decrypt", make)


def _also_opens(mock: Mock, scheme: padding.AsymmetricPadding) -> None:
    def attempt(ciphertext: bytes, key: PublishedKey) -> Decrypted | None:
        if not isinstance(key.private_key, rsa.RSAPrivateKey):
            return None
        return Decrypted(key.private_key.decrypt(ciphertext, scheme), key, Scheme.RSA_OAEP)

    _also(mock, attempt)


def _opens_not(mock: Mock, scheme: Scheme) -> None:
    def make(original: Any) -> Any:
        def decrypt(ciphertext: bytes, keys: Sequence[PublishedKey]) -> Decrypted:
            opened: Decrypted = original(ciphertext, keys)
            if opened.scheme is scheme:
                raise Undecryptable(f"{scheme} is refused by a defect")
            return opened

        return decrypt

    mock.replace(mock.system.token_login, "_decrypt", make)


def _expects_timestamp(mock: Mock, read: Callable[[str, str], str]) -> None:
    """Read the timestamp of the plaintext, given the expected one, in another way."""

    def judging(original: Any) -> Any:
        async def judge(request: Any, challenge: Any, found: Any, *rest: Any) -> Any:
            parts = getattr(found, "parts", None)  # of what could be decrypted
            if parts is not None:
                expected = str(unix_milliseconds(challenge.issued_at))
                found = found._replace(parts=(parts[0], read(parts[1], expected)))
            return await original(request, challenge, found, *rest)

        return judge

    mock.replace(mock.system.token_login, "_judge", judging)


def _forgives(mock: Mock, detail: StatusDetail) -> None:
    """Let a KSeF token that was found log in in spite of this detail."""

    def make(original: Any) -> Any:
        async def judge(*arguments: Any) -> Any:
            verdict, token = await original(*arguments)
            if token is not None and verdict.detail == detail:
                return SUCCESS, token
            return verdict, token

        return judge

    mock.replace(mock.system.token_login, "_judge", make)
