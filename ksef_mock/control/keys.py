"""GET /_mock/keys, POST /_mock/keys/rotate, /recertify, /withdraw, PUT /_mock/keys/algorithm."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, system_of
from ksef_mock.clock import iso
from ksef_mock.control.bodies import read_order
from ksef_mock.core.environment import TokenKey
from ksef_mock.core.errors import NotFound
from ksef_mock.core.expected import one_of, wrong
from ksef_mock.ksef.keys.keys import PublishedKey, Usage
from ksef_mock.system.system import System


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """POST /_mock/keys/rotate. Planned: old and new keys side by side; emergency: the old vanish at once."""

    usage: Usage = Usage.TOKEN
    emergency: bool = False


class Recertification(msgspec.Struct, forbid_unknown_fields=True):
    """POST /_mock/keys/recertify: same keys, new certificates."""

    usage: Usage = Usage.TOKEN


class WithdrawalOrder(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """POST /_mock/keys/withdraw: stop publishing and accepting a key."""

    public_key_id: str


class AlgorithmOrder(msgspec.Struct, forbid_unknown_fields=True):
    """PUT /_mock/keys/algorithm: publish keys of these kinds from now on, as `serve --token-key` does."""

    algorithm: TokenKey


class KeyBody(msgspec.Struct, rename="camel"):
    """A published key."""

    public_key_id: str
    certificate_id: str
    usage: str
    #: `RSA-2048` or `P-256`.
    algorithm: str
    valid_from: str
    valid_to: str
    #: Whether the call that this answers has made it or its certificate.
    new: bool


class KeysBody(msgspec.Struct, rename="camel"):
    """All published keys in the order of publication; the answer of every change too."""

    algorithm: str
    keys: list[KeyBody]


async def keys(request: Request) -> Response:
    """What is published."""
    return await _listed(system_of(request))


async def rotate(request: Request) -> Response:
    """New keys."""
    system = system_of(request)
    order = await read_order(request, Rotation, default=Rotation())
    return await _listed(system, await system.controls.rotate(order.usage, emergency=order.emergency))


async def recertify(request: Request) -> Response:
    """New certificates."""
    system = system_of(request)
    order = await read_order(request, Recertification, default=Recertification())
    return await _listed(system, await system.controls.recertify(order.usage))


async def withdraw(request: Request) -> Response:
    """One key less."""
    system = system_of(request)
    order = await read_order(request, WithdrawalOrder)
    if not await system.controls.withdraw(order.public_key_id):
        published = [key.public_key_id for key in await system.keys.published()]
        raise NotFound(reason=wrong("publicKeyId", one_of(published), order.public_key_id))
    return await _listed(system)


async def algorithm(request: Request) -> Response:
    """Other kinds of keys: what is missing is made, what is not wanted any more goes."""
    system = system_of(request)
    order = await read_order(request, AlgorithmOrder)
    before = {key.certificate_id for key in await system.keys.published()}
    after = await system.controls.publish(order.algorithm)
    return await _listed(system, (key for key in after if key.certificate_id not in before))


async def _listed(system: System, new: Iterable[PublishedKey] = ()) -> Response:
    made = {key.certificate_id for key in new}
    return answer(
        KeysBody(
            system.shared.value.token_key,
            [
                KeyBody(
                    key.public_key_id,
                    key.certificate_id,
                    key.usage.value,
                    key.algorithm.value,
                    iso(key.valid_from),
                    iso(key.valid_to),
                    key.certificate_id in made,
                )
                for key in await system.keys.published()
            ],
        )
    )


ROUTES = [
    Route("/keys", keys, methods=["GET"]),
    Route("/keys/rotate", rotate, methods=["POST"]),
    Route("/keys/recertify", recertify, methods=["POST"]),
    Route("/keys/withdraw", withdraw, methods=["POST"]),
    Route("/keys/algorithm", algorithm, methods=["PUT"]),
]
