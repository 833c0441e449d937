"""The tenants of a mock: mocks of their own, with nothing in common but the process and its address.

A tenant is a whole simulated KSeF: store, clock, keys, CAs, journal, metrics, controls. So nothing that is
done to one shows in another, and everything that works with a mock works with a tenant. Their number is
bounded, and who has not been asked for anything for long makes room: whoever made it has probably crashed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from ksef_mock.clock import Clock
from ksef_mock.core.identifiers import Identifier
from ksef_mock.ksef.tokens.tokens import new_text
from ksef_mock.settings import FirstToken, Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from ksef_mock.system.system import System

#: A tenant's address is the mock's own and this, its name behind it.
PATH = "/t/"
#: Names a tenant instead; clients send it where their address cannot have a path.
HEADER = "X-KSeF-Mock-Tenant"
#: Real seconds without a request after which a tenant is gone, unless it was made with others.
IDLE = 3_600.0
LONGEST_IDLE = 30 * 86_400.0

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)


#: Of the first token where nobody names one.
_NIP = "5265877635"


class NoTenant(ValueError):
    """It cannot be made; the message says why."""


def first_token(own: Settings, nip: str | None, text: str | None) -> FirstToken:
    """The first token of a tenant: of the NIP of the mock's own, with a new text, unless told otherwise.

    Raises:
        ValueError: the NIP is none, or the text no token's.
    """
    nip = nip or (_NIP if own.first_token is None else own.first_token.nip)
    return FirstToken(nip, text or new_text(Identifier("Nip", nip), Clock().now()))


class Tenant:
    """One of them. Used from the event loop of its mock."""

    def __init__(self, name: str, app: Starlette, idle: float | None) -> None:
        """`idle`: real seconds without a request after which it is gone; None: never."""
        self.name = name
        self.app = app
        self.idle = idle
        self._used = monotonic()
        self._busy = 0
        self.removed = False

    @property
    def system(self) -> System:
        system: System = self.app.state.system
        return system

    @property
    def path(self) -> str:
        """What stands before all of its paths."""
        return PATH + self.name

    @property
    def unused(self) -> float:
        """Real seconds since it was last asked for something."""
        return 0.0 if self._busy else monotonic() - self._used

    @property
    def expired(self) -> bool:
        return self.idle is not None and self.unused >= self.idle

    def enter(self) -> None:
        """A request begins, which `leave` ends."""
        self._busy += 1

    async def leave(self) -> None:
        self._busy -= 1
        self._used = monotonic()
        if self.removed and not self._busy:
            await self._close()

    async def remove(self) -> None:
        """End what waits for news, and let go of everything once its last request is answered."""
        self.removed = True
        self.system.closing.set()
        if not self._busy:
            await self._close()

    async def _close(self) -> None:
        # What a process has frozen (`core.heap`) is never collected: little must hang on it.
        await self.system.store.clear()
        self.system.journal.clear()
        await self.system.close()


class Tenants:
    """Those of one mock. Used from its event loop."""

    def __init__(self, settings: Settings, make: Callable[[Settings], Starlette]) -> None:
        """
        Args:
            settings: the mock's own, which tenants have unless told otherwise.
            make: makes the application of a tenant.
        """
        self.settings = settings
        self._make = make
        self._known: dict[str, Tenant] = {}

    @property
    def limit(self) -> int:
        """As many there can be at a time."""
        return self.settings.max_tenants

    def all(self) -> list[Tenant]:
        """Those that there are, in the order in which they were made."""
        return [tenant for tenant in self._known.values() if not tenant.expired]

    def get(self, name: str) -> Tenant | None:
        """The tenant of this name; None if there is none, or none any more."""
        tenant = self._known.get(name)
        return None if tenant is None or tenant.expired else tenant

    async def add(self, name: str | None, settings: Settings, idle: float | None = IDLE) -> Tenant:
        """A new tenant; its keys are made when something needs them.

        Args:
            name: letters, digits, `.`, `_` and `-`, 63 at most; None: one is made up.

        Raises:
            NoTenant: the name is none, or taken; there is no room; the mock has a remote store.
            SeedError: two entries of the seed contradict each other.
            ValueError: the seed has the text of the first token for another NIP.
        """
        if {self.settings.store, settings.store} != {"memory"}:
            raise NoTenant(
                "tenants keep their state in memory, and so must their mock: this one is told to use another "
                "store (--store)"
            )
        if name is None:
            name = secrets.token_hex(6)
        elif _NAME.fullmatch(name) is None:
            raise NoTenant(
                f"name: {name[:64]!r} is none: 1 to 63 letters, digits, '.', '_' and '-', of which the first "
                "is a letter or a digit"
            )
        await self._sweep()
        if name in self._known:
            raise NoTenant(f"name: there is a tenant {name!r} already")
        if len(self._known) >= self.limit:
            raise NoTenant(
                f"there are {self.limit} tenants already, and there is no room for more (--max-tenants): "
                "remove those that are not needed any more"
            )
        tenant = self._known[name] = Tenant(name, self._make(settings), idle)
        try:
            await tenant.system.populate()
        except BaseException:
            await self.remove(name)
            raise
        return tenant

    async def remove(self, name: str) -> bool:
        """Forget a tenant and all that it knows; False if there is none of this name."""
        tenant = self._known.pop(name, None)
        if tenant is None:
            return False
        gone = tenant.expired
        await tenant.remove()
        return not gone

    def closing(self) -> None:
        """The server stops: end what waits for news."""
        for tenant in self._known.values():
            tenant.system.closing.set()

    async def close(self) -> None:
        """Forget all of them."""
        for name in list(self._known):
            await self.remove(name)

    async def _sweep(self) -> None:
        for name in [name for name, tenant in self._known.items() if tenant.expired]:
            await self.remove(name)
