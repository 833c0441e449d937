"""KSeF tokens: `REFERENCE|nip-NIP|64 hex digits`, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from ksef_mock.clock import Clock, Instant
from ksef_mock.identifiers import Identifier
from ksef_mock.references import Kind, new_reference
from ksef_mock.state.store import Store, Table


class Permission(StrEnum):
    """What a KSeF token may be used for (OpenAPI: TokenPermissionType)."""

    INVOICE_READ = "InvoiceRead"
    INVOICE_WRITE = "InvoiceWrite"
    CREDENTIALS_READ = "CredentialsRead"
    CREDENTIALS_MANAGE = "CredentialsManage"
    SUBUNIT_MANAGE = "SubunitManage"
    ENFORCEMENT_OPERATIONS = "EnforcementOperations"
    INTROSPECTION = "Introspection"


class TokenStatus(StrEnum):
    """OpenAPI: AuthenticationTokenStatus."""

    PENDING = "Pending"
    ACTIVE = "Active"
    REVOKING = "Revoking"
    REVOKED = "Revoked"
    FAILED = "Failed"


class KsefToken(msgspec.Struct, frozen=True, kw_only=True):
    """A KSeF token as the server knows it: everything but its text."""

    reference: str
    digest: str
    context: Identifier
    author: Identifier
    permissions: tuple[str, ...]
    created_at: Instant
    status: TokenStatus = TokenStatus.ACTIVE


class TokenDigest(msgspec.Struct, frozen=True):
    """Leads from the hash of a token's text to its reference number."""

    reference: str


TOKENS: Table[KsefToken] = Table("ksef-token", KsefToken)
_DIGESTS: Table[TokenDigest] = Table("ksef-token-digest", TokenDigest)


class KsefTokens:
    """The KSeF tokens of one mock."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def issue(
        self,
        context: Identifier,
        permissions: Sequence[Permission],
        *,
        author: Identifier | None = None,
        text: str | None = None,
        status: TokenStatus = TokenStatus.ACTIVE,
    ) -> tuple[KsefToken, str]:
        """A new token and its text. The author is the context itself unless told otherwise.

        Args:
            text: use this text instead of a generated one, e.g. to match a fixed configuration.

        Raises:
            ValueError: `text` is in use by another token.
        """
        now = self._clock.now()
        reference = new_reference(Kind.KSEF_TOKEN, now)
        if text is None:
            text = f"{reference}|{_prefix(context)}|{secrets.token_hex(32)}"
        token = KsefToken(
            reference=reference,
            digest=_digest(text),
            context=context,
            author=author or context,
            permissions=tuple(permissions),
            created_at=now,
            status=status,
        )
        if not await self._store.insert(_DIGESTS, token.digest, TokenDigest(reference), None):
            raise ValueError("a KSeF token with this text exists")
        await self._store.insert(TOKENS, reference, token, None)
        return token, text

    async def find(self, text: str) -> KsefToken | None:
        """The token with this text, whatever its status."""
        entry = await self._store.get(_DIGESTS, _digest(text))
        return None if entry is None else await self._store.get(TOKENS, entry.reference)

    async def get(self, reference: str) -> KsefToken | None:
        return await self._store.get(TOKENS, reference)

    async def set_status(self, reference: str, status: TokenStatus) -> bool:
        """Move a token to another status; False if there is no such token."""
        while (token := await self.get(reference)) is not None:
            changed = msgspec.structs.replace(token, status=status)
            if await self._store.swap(TOKENS, reference, token, changed, None):
                return True
        return False


def _prefix(context: Identifier) -> str:
    return f"{context.type[0].lower()}{context.type[1:]}-{context.value}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
