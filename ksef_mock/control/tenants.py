"""/_mock/tenants: mocks of their own in the same process, one for each test that runs beside others."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, public_address
from ksef_mock.control.bodies import read_order
from ksef_mock.core.codes import Code
from ksef_mock.core.environment import Lifetimes, ProfileName, RateLimiting, TokenKey
from ksef_mock.core.errors import BadRequest, NotFound
from ksef_mock.core.waiting import Delay
from ksef_mock.lighthouse.app import PREFIX
from ksef_mock.settings import Settings
from ksef_mock.tenants.registry import HEADER, IDLE, LONGEST_IDLE, Tenant, Tenants, first_token

_Unset = msgspec.UnsetType
_UNSET = msgspec.UNSET


_Polls = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=30 * 86_400)]
_Lifetime = Annotated[int, msgspec.Meta(ge=1, le=3_652 * 86_400)]


class DelayOrder(msgspec.Struct, forbid_unknown_fields=True):
    """How long delayed work stays unfinished: `ksef_mock.core.waiting.Delay`."""

    polls: _Polls = 0
    seconds: _Seconds = 0.0
    percentiles: tuple[tuple[float, float], ...] = ()


class LifetimesOrder(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Whole seconds, each as documented unless it is here: `ksef_mock.core.environment.Lifetimes`."""

    challenge: _Lifetime | _Unset = _UNSET
    authentication_token: _Lifetime | _Unset = _UNSET
    access_token: _Lifetime | _Unset = _UNSET
    refresh_token: _Lifetime | _Unset = _UNSET
    operation_status: _Lifetime | _Unset = _UNSET


class TenantOrder(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """POST /_mock/tenants. What is absent is as the mock itself has it; the token is a new one."""

    #: Letters, digits, `.`, `_` and `-`, 63 at most; absent: one is made up.
    name: str | None = None
    #: Of the first token, and its text.
    nip: str | None = None
    token: str | None = None
    profile: ProfileName | _Unset = _UNSET
    token_key: TokenKey | _Unset = _UNSET
    delay: DelayOrder | _Unset = _UNSET
    lifetimes: LifetimesOrder | _Unset = _UNSET
    rate_limits: RateLimiting | _Unset = _UNSET
    #: What stands in a seed file (docs/seed.md); null: nothing.
    seed: dict[str, Any] | _Unset | None = _UNSET
    storage_delay: _Seconds | _Unset = _UNSET
    enforce_xades: bool | _Unset = _UNSET
    strict_signatures: bool | _Unset = _UNSET
    refuse_tokens_by_tokens: bool | _Unset = _UNSET
    lighthouse_cors: bool | _Unset = _UNSET
    journal_size: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | _Unset = _UNSET
    #: Real seconds without a request after which it is gone.
    idle_seconds: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_IDLE)] = IDLE


class Header(msgspec.Struct):
    """What names the tenant at the mock's own address."""

    name: str
    value: str


class TenantDelivery(msgspec.Struct, rename="camel", omit_defaults=True):
    """A tenant: where it is, and how it is left."""

    name: str
    profile: str
    #: The base URL: clients add /v2.
    url: str
    lighthouse_url: str
    qr_url: str
    pages_url: str
    header: Header
    #: Of its first token.
    nip: str | None
    #: Real seconds: it is gone after so many without a request; so many have passed.
    idle_seconds: float | None
    unused_seconds: float
    #: The text of its first token; told once, to whoever has made it.
    token: str | None = None


class TenantsDelivery(msgspec.Struct):
    """GET /_mock/tenants."""

    tenants: list[TenantDelivery]
    #: As many there can be at a time.
    limit: int


def settings_of(order: TenantOrder, own: Settings) -> Settings:
    """What the tenant of this order is told, where `own` are the settings of the mock itself.

    Raises:
        ValueError: a value makes no sense; the message says why.
    """
    changes: dict[str, Any] = {
        name: value
        for name, value in msgspec.structs.asdict(order).items()
        if value is not _UNSET and name not in ("name", "nip", "token", "idle_seconds")
    }
    if not isinstance(order.delay, _Unset):
        changes["delay"] = Delay(**msgspec.structs.asdict(order.delay))
    if not isinstance(order.lifetimes, _Unset):
        given = msgspec.structs.asdict(order.lifetimes)
        lifetimes: Lifetimes = replace(
            own.lifetimes, **{name: value for name, value in given.items() if value is not _UNSET}
        )
        changes["lifetimes"] = lifetimes
    if isinstance(order.seed, dict):
        from ksef_mock.seed.model import read_seed

        # Whoever may give orders to the mock need not be who may read the files of its machine.
        try:
            changes["seed"] = read_seed(order.seed, None)
        except ValueError as error:
            raise ValueError(f"seed.{error}") from None
    # A hundred mocks in one process have not a hundred times as many beside it.
    return replace(own, batch_processes=0, first_token=first_token(own, order.nip, order.token), **changes)


async def add(request: Request) -> Response:
    """Make a tenant."""
    tenants = _tenants_of(request)
    order = await read_order(request, TenantOrder, default=TenantOrder())
    try:
        # A seed may be long, and is read without the event loop.
        settings = await asyncio.to_thread(settings_of, order, tenants.settings)
        tenant = await tenants.add(order.name, settings, order.idle_seconds)
    except ValueError as error:
        raise BadRequest(Code.VALIDATION, str(error)) from None
    delivery = _delivery(tenant, public_address(request))
    assert settings.first_token is not None
    delivery.token = settings.first_token.text
    return answer(delivery, 201)


async def show(request: Request) -> Response:
    """All tenants."""
    tenants = _tenants_of(request)
    base = public_address(request)
    return answer(TenantsDelivery([_delivery(tenant, base) for tenant in tenants.all()], tenants.limit))


async def remove(request: Request) -> Response:
    """Forget a tenant and all that it knows."""
    name: str = request.path_params["name"]
    if not await _tenants_of(request).remove(name):
        raise NotFound(reason=f"there is no tenant {name[:64]!r}, or not any more")
    return Response(status_code=204)


def _tenants_of(request: Request) -> Tenants:
    tenants: Tenants | None = request.app.state.tenants
    if tenants is None:
        raise NotFound(reason="a tenant has no tenants of its own: they are those of the mock it is in")
    return tenants


def _delivery(tenant: Tenant, base: str) -> TenantDelivery:
    settings, url = tenant.system.settings, base + tenant.path
    return TenantDelivery(
        name=tenant.name,
        profile=settings.profile,
        url=url,
        lighthouse_url=url + PREFIX,
        qr_url=f"{url}/qr",
        pages_url=f"{url}/_mock/",
        header=Header(HEADER, tenant.name),
        nip=None if settings.first_token is None else settings.first_token.nip,
        idle_seconds=tenant.idle,
        unused_seconds=round(tenant.unused, 3),
    )


ROUTES = [
    Route("/tenants", add, methods=["POST"]),
    Route("/tenants", show, methods=["GET"]),
    Route("/tenants/{name:path}", remove, methods=["DELETE"]),
]
