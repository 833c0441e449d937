"""The login with a KSeF token: what is checked, in which order, and how each failure ends.

Refused at submission (400): an unsupported key id, a challenge that cannot be used. Everything inside of the
ciphertext is found out by the asynchronous operation: the call answers 202 and the status turns to 450.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from ksef_mock.clock import iso, unix_milliseconds
from ksef_mock.core.codes import SUCCESS, Status, StatusDetail, Verdict
from ksef_mock.core.exchange import Exchange
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.ip_policy import AllowedIps
from ksef_mock.core.methods import AuthenticationMethod
from ksef_mock.core.references import Kind, issued_at
from ksef_mock.core.text import masked
from ksef_mock.ksef.auth.challenge import Challenge, Challenges
from ksef_mock.ksef.auth.faulted import faulted
from ksef_mock.ksef.auth.operation import Operation
from ksef_mock.ksef.auth.operations import Operations
from ksef_mock.ksef.keys.keys import KeyRing, PublishedKey, Usage, unknown_key
from ksef_mock.ksef.keys.token_cipher import Decrypted, Undecryptable, decrypt, diagnose
from ksef_mock.ksef.permissions.permissions import Permissions
from ksef_mock.ksef.tokens.tokens import KsefToken, KsefTokens, TokenStatus
from ksef_mock.state.look import LOOK
from ksef_mock.state.store import Store
from ksef_mock.trail.faults import Faults

_STATUS_DETAILS = {
    TokenStatus.PENDING: StatusDetail.TOKEN_INACTIVE,
    TokenStatus.FAILED: StatusDetail.TOKEN_INACTIVE,
    TokenStatus.REVOKING: StatusDetail.TOKEN_REVOKED,
    TokenStatus.REVOKED: StatusDetail.TOKEN_REVOKED,
}


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """A well-formed POST /auth/ksef-token."""

    challenge: str
    context: Identifier
    encrypted_token: bytes
    public_key_id: str | None
    allowed_ips: AllowedIps | None


class _Opened(NamedTuple):
    """A token that could be decrypted; None in place of its parts if it is not made of them."""

    decrypted: Decrypted
    parts: tuple[str, str] | None


class TokenAuthenticator:
    """Turns a token login into an authentication operation."""

    def __init__(
        self,
        store: Store,
        keys: KeyRing,
        challenges: Challenges,
        tokens: KsefTokens,
        permissions: Permissions,
        operations: Operations,
        faults: Faults,
    ) -> None:
        self._store = store
        self._keys = keys
        self._challenges = challenges
        self._tokens = tokens
        self._permissions = permissions
        self._operations = operations
        self._faults = faults
        self._decrypt = decrypt
        self._split = split

    async def submit(self, login: TokenLogin, exchange: Exchange) -> Operation:
        """Start the operation; the challenge is spent only if this succeeds.

        Raises:
            BadRequest: 21470 for the key id, 21111 for the challenge.
        """
        exchange.about(login.challenge, login.context)
        published = await self._keys.published()
        keys = self._select(published, login.public_key_id, exchange)
        opened = self._open(login, keys)
        await self._read_ahead(login, opened)
        challenge = await self._challenges.find(login.challenge)
        exchange.passed("challenge", f"{challenge.value}, issued to {challenge.client_ip}")
        verdict, token = await self._judge(login, challenge, opened, published, exchange)
        permissions: tuple[str, ...] = ()
        if token is not None and verdict == SUCCESS:
            verdict, permissions = await self._admit(token, exchange)
        operation = self._operations.prepare(
            method=AuthenticationMethod.TOKEN,
            context=login.context,
            subject=token.author if token is not None else login.context,
            permissions=permissions,
            token=token.reference if token is not None else None,
            details=token.author_details if token is not None else None,
            allowed_ips=login.allowed_ips,
            verdict=verdict,
        )
        operation = await faulted(operation, self._faults, exchange)
        spent = self._challenges.spend(challenge, operation.reference)
        used = [self._tokens.use(token)] if token is not None and operation.verdict == SUCCESS else []
        return await self._operations.start(operation, spent, *used)

    def _select(
        self, published: tuple[PublishedKey, ...], public_key_id: str | None, exchange: Exchange
    ) -> list[PublishedKey]:
        keys = [key for key in published if key.usage is Usage.TOKEN]
        if public_key_id is None:
            exchange.noted("public key", "no publicKeyId sent: every published key is tried")
            return keys
        exchange.encrypted_for(public_key_id)
        keys = [key for key in keys if key.public_key_id == public_key_id]
        if not keys:
            raise unknown_key(public_key_id, published, self._keys.withdrawn())
        exchange.passed("public key", f"{public_key_id} ({keys[0].algorithm})")
        return keys

    def _open(self, login: TokenLogin, keys: list[PublishedKey]) -> _Opened | Undecryptable:
        try:
            opened = self._decrypt(login.encrypted_token, keys)
        except Undecryptable as error:
            return error
        return _Opened(opened, self._split(opened.plaintext))

    async def _read_ahead(self, login: TokenLogin, opened: _Opened | Undecryptable) -> None:
        """What a login with the context's own token reads, which most are."""
        if LOOK.get() is None:
            return  # nothing is any way off
        needs = [*self._challenges.needs(login.challenge)]
        if isinstance(opened, _Opened) and opened.parts is not None:
            needs += self._tokens.needs(opened.parts[0])
            nip = login.context.nip
            if nip is not None:
                needs += self._permissions.needs(Identifier("Nip", nip), login.context)
        await self._store.prefetch(*needs)

    async def _judge(
        self,
        login: TokenLogin,
        challenge: Challenge,
        found: _Opened | Undecryptable,
        published: tuple[PublishedKey, ...],
        exchange: Exchange,
    ) -> tuple[Verdict, KsefToken | None]:
        def refuse(check: str, detail: StatusDetail, reason: str) -> Verdict:
            exchange.failed(check, reason)
            return Verdict(Status.TOKEN_ERROR, detail)

        if isinstance(found, Undecryptable):
            cause = self._withdrawn(login, exchange) or diagnose(login.encrypted_token, published)
            reason = str(found) if cause is None else f"{found}; {cause}"
            return refuse("decryption", StatusDetail.TOKEN_ENCRYPTION, reason), None
        opened, parts = found
        exchange.encrypted_for(opened.key.public_key_id)
        exchange.passed("decryption", f"{opened.scheme}, key {opened.key.public_key_id}")

        if parts is None:
            return refuse(
                "payload",
                StatusDetail.TOKEN_ENCODING,
                "the plaintext is not UTF-8 text of the form token|timestamp",
            ), None
        text, timestamp = parts
        exchange.facts.decrypted = {
            "scheme": opened.scheme.value,
            "publicKeyId": opened.key.public_key_id,
            "token": masked(text),
            "timestamp": timestamp[:20],
        }

        expected = unix_milliseconds(challenge.issued_at)
        if timestamp != str(expected):
            return refuse("timestamp", StatusDetail.TOKEN_TIME, _why_wrong(timestamp, expected)), None
        exchange.passed("timestamp", f"{timestamp} ms, that of the challenge")

        token = await self._tokens.find(text)
        if token is None:
            return refuse(
                "token",
                StatusDetail.TOKEN_INVALID,
                f"no KSeF token {masked(text)} was issued here{await self._unlike(text)}",
            ), None
        if token.context != login.context:
            return refuse(
                "token",
                StatusDetail.TOKEN_CONTEXT,
                f"the token is of {token.context}, the login of {login.context}",
            ), token
        detail = _STATUS_DETAILS.get(token.status)
        if detail is not None:
            return refuse("token", detail, f"the token {token.reference} is {token.status}"), token
        exchange.passed("token", f"{token.reference} of {token.context}")
        return SUCCESS, token

    def _withdrawn(self, login: TokenLogin, exchange: Exchange) -> str | None:
        """That a withdrawn key opens the ciphertext, if one does."""
        for each in self._keys.withdrawn():
            if isinstance(self._open(login, [each.key]), _Opened):
                exchange.encrypted_for(each.key.public_key_id)
                return f"it is encrypted for {each}"
        return None

    async def _unlike(self, text: str) -> str:
        """What else can be said of a text that is no token's."""
        number = text.partition("|")[0]
        if await self._tokens.get(number) is not None:
            return ": one of that number was, with another text"
        # A number of our own making has its moment in it, even after a reset has forgotten the token.
        moment = issued_at(number, Kind.KSEF_TOKEN)
        if moment is None:
            return ""
        return f", not since the reset: its number is of {iso(moment)}, from before it or from another mock"

    async def _admit(self, token: KsefToken, exchange: Exchange) -> tuple[Verdict, tuple[str, ...]]:
        decision = await self._permissions.admit_token(token.author, token.context, token.permissions)
        if decision.verdict == SUCCESS:
            exchange.passed("permission", decision.reason)
        else:
            exchange.failed("permission", decision.reason)
        return decision.verdict, decision.permissions


def split(plaintext: bytes) -> tuple[str, str] | None:
    """KSeF token and timestamp; None if the plaintext is not UTF-8 text of the form `token|timestamp`."""
    # A KSeF token contains bars itself, so the timestamp begins after the last one.
    try:
        text, bar, timestamp = plaintext.decode().rpartition("|")
    except UnicodeDecodeError:
        return None
    return (text, timestamp) if bar and _TIME.fullmatch(timestamp) else None


#: A number or a date: what else stands behind the last bar, the end of a token for one, is no timestamp.
_TIME = re.compile(r"[+-]?[0-9][0-9T:.+Z-]{0,39}\s*", re.ASCII)


def _why_wrong(timestamp: str, expected: int) -> str:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 20):
        return f"the timestamp is not a whole number of milliseconds, expected {expected}"
    received = int(timestamp)
    hint = ""
    if received == expected // 1_000:
        hint = ": these are seconds, KSeF takes milliseconds"
    elif abs(received - expected) in (3_600_000, 7_200_000):
        hint = ": off by a time zone, the challenge's timestamp is UTC"
    return (
        f"the timestamp is {received}, that of the challenge {expected} ms ({received - expected:+d}){hint}"
    )
