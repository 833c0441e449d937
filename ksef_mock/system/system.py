"""One simulated KSeF: its settings, clock, state and keys. Nothing is shared between two of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import msgspec

from ksef_mock.clock import SECOND, Clock, Instant
from ksef_mock.core.expected import chosen
from ksef_mock.core.identifiers import Identifier, is_context_identifier
from ksef_mock.core.permissions import Permission
from ksef_mock.ksef.tokens.tokens import KsefToken
from ksef_mock.settings import FirstToken, Settings
from ksef_mock.state import Store
from ksef_mock.state.look import Look
from ksef_mock.state.shared import Shared
from ksef_mock.state.store import Put, Table
from ksef_mock.system.parts import Parts


class _Tried(msgspec.Struct, frozen=True):
    """The mark of somebody who has asked whether the store can be written to."""

    at: Instant


_TRIED: Table[_Tried] = Table("store-tried", _Tried)


class System(Parts):
    """Everything behind the HTTP interface. Used from one event loop."""

    def __init__(
        self, settings: Settings | None = None, store: Store | None = None, clock: Clock | None = None
    ) -> None:
        """`store`: instead of the one that the settings name.

        Raises:
            ValueError: the settings name a store that cannot be used, or a CA file that is none.
            OSError: the store's file cannot be opened or made.
        """
        super().__init__(settings, store, clock)
        shared = self.shared
        self.clock.share(
            lambda step: shared.change(
                lambda record: msgspec.structs.replace(record, clock=step(record.clock))
            )
        )
        shared.on_change(self._adopt)

    @property
    def warning(self) -> str | None:
        """`X-System-Warning` of every answer of the API."""
        return self.shared.value.warning

    async def catch_up(self) -> None:
        """See what other processes of the mock have changed; at the start of each request.

        Raises:
            StoreUnavailable: a remote store cannot be reached.
        """
        await self.shared.catch_up()

    def look(self) -> Look | None:
        """The view of a request that begins now; None if it has to `catch_up` beforehand."""
        version = self.shared.version
        if version is None or not self.store.confirms_version:
            return None
        return Look(version)

    async def try_store(self) -> None:
        """
        Raises:
            StoreUnavailable: nothing can be kept at present.
        """
        if not self.store.is_local:
            now = self.clock.now()
            await self.store.commit(Put(_TRIED, "store", _Tried(now), now + SECOND))

    async def close(self) -> None:
        """Let go of the store, in which everything stays, and of documents that nobody has looked at yet."""
        if "xades_login" in vars(self):  # else nobody has sent a document
            self.xades_login.close()
        if "exports" in vars(self):
            await self.exports.close()
        if "batches" in vars(self):
            await self.batches.processing.close()
        await self.store.close()

    async def populate(self) -> None:
        """Set up what the settings say is there from the start, unless the store has it already.

        Raises:
            SeedError: two entries of the seed contradict each other.
            ValueError: the text of the first token is that of another NIP's.
        """
        if self.settings.seed is not None:
            from ksef_mock.system.planting import plant

            await plant(self, self.settings.seed)
        if self.settings.first_token is not None:
            await self._issue_first(self.settings.first_token)

    async def _issue_first(self, first: FirstToken) -> None:
        context = Identifier("Nip", first.nip)
        known = await self.tokens.find(first.text)
        if known is None:
            try:
                await self.issue_token(context, text=first.text)
            except ValueError:  # another process was faster
                known = await self.tokens.find(first.text)
        if known is not None and known.context != context:
            raise ValueError(f"the token of NIP {first.nip} has the text of one of {known.context}")

    async def resume(self) -> None:
        """Go on with what processes before this one were in the middle of."""
        if not self.store.is_local:  # else there were none
            from ksef_mock.ksef.sending.session import PROCESSED_NOW

            if await self.store.newest(PROCESSED_NOW, 1):
                await self.batches.processing.resume()

    async def reset(self) -> None:
        """Back to the state of the start: what the seed says, no JWT valid, real time, the first keys."""
        await self.controls.reset()
        await self.populate()

    def begin(self) -> None:
        """Begin to make the keys, in the background; without this they are made at the first need."""
        threading.Thread(target=lambda: self.keys.begin(), name="ksef-mock-begin", daemon=True).start()

    def _adopt(self, record: Shared) -> None:
        self.clock.state = record.clock
        self.jwts.use_secret(record.secret)

    async def issue_token(
        self,
        context: Identifier,
        permissions: Sequence[str] | None = None,
        *,
        author: Identifier | None = None,
        text: str | None = None,
    ) -> tuple[KsefToken, str]:
        """An active KSeF token of `context`, with all permissions unless told otherwise.

        Raises:
            ValueError: the context identifier or a permission is not one of KSeF's, or `text` is taken.
        """
        if not is_context_identifier(context):
            raise ValueError(f"{context.value!r} is no valid context identifier of type {context.type!r}")
        granted = [chosen(Permission, name) for name in (Permission if permissions is None else permissions)]
        return await self.tokens.issue(context, granted, author=author, text=text)
