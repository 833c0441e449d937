"""The published keys and their rotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.clock import Instant, from_datetime, to_datetime
from ksef_mock.core.environment import TokenKey
from ksef_mock.core.text import visible
from ksef_mock.dashboard.forms import Form, Unusable, done, read_form
from ksef_mock.dashboard.frame import framed, guarded, newest_entries, read_journal
from ksef_mock.dashboard.logins import moment, plain
from ksef_mock.ksef.keys.keys import PublishedKey, Usage
from ksef_mock.system.system import System
from ksef_mock.trail.journal import Entry


@dataclass(frozen=True, slots=True)
class KeyView:
    """A published key."""

    algorithm: str
    public_key_id: str
    certificate_id: str
    valid_from: datetime
    valid_to: datetime
    #: Whether a client that follows the documentation chooses it: valid, with the latest `validFrom`.
    chosen: bool


@dataclass(frozen=True, slots=True)
class KeyGroup:
    """The published keys of one usage, in the order of publication."""

    usage: str
    purpose: str
    keys: Sequence[KeyView]


@dataclass(frozen=True, slots=True)
class KeyUser:
    """A client that has encrypted for a key, as far as the journal remembers."""

    context: str
    client_ip: str
    #: The first words of its User-Agent; "" if that is kept no more.
    agent: str
    requests: int
    #: The last of them, and its number in the journal.
    last: datetime
    number: int
    #: Whether that was after the key was withdrawn.
    still: bool


@dataclass(frozen=True, slots=True)
class WithdrawnView:
    """A key that is published no more."""

    usage: str
    algorithm: str
    public_key_id: str
    at: datetime
    users: Sequence[KeyUser]


@dataclass(frozen=True, slots=True)
class KeysView:
    """All published keys, and the algorithm setting behind them: rsa, ec or both."""

    groups: Sequence[KeyGroup]
    algorithm: str
    withdrawn: Sequence[WithdrawnView]


#: Requests that are looked at for each withdrawn key, users that are shown, characters of a User-Agent.
_LOOKED_AT, _USERS, _LONGEST_AGENT = 500, 20, 80

_PURPOSES = {
    Usage.TOKEN: "encrypts KSeF tokens at login",
    Usage.SYMMETRIC_KEY: "encrypts the AES keys of invoice sessions",
}


async def keys_view(system: System) -> KeysView:
    """The keys as GET /security/public-key-certificates publishes them."""
    published = await system.keys.published()
    now = system.clock.now()
    groups = []
    for usage in Usage:
        keys = [key for key in published if key.usage is usage]
        chosen = _chosen(keys, now)
        groups.append(KeyGroup(usage.value, _PURPOSES[usage], [_key(key, key is chosen) for key in keys]))
    return KeysView(groups, system.shared.value.token_key, await _withdrawn(system))


async def _withdrawn(system: System) -> list[WithdrawnView]:
    """The keys that were withdrawn last, each with who used it, those who still do first."""
    keys = system.keys.withdrawn()
    used: dict[str, list[Entry]] = {}
    for entry in await newest_entries(system) if keys else ():
        named = entry.facts.get("publicKey")
        if named is not None:
            used.setdefault(named, []).append(entry)
    return [
        WithdrawnView(
            each.key.usage.value,
            each.key.algorithm.value,
            each.key.public_key_id,
            to_datetime(each.at),
            await _users(system, used.get(each.key.public_key_id, ()), each.at),
        )
        for each in keys
    ]


async def _users(system: System, entries: Sequence[Entry], withdrawn_at: Instant) -> list[KeyUser]:
    users: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries[-_LOOKED_AT:]:
        users.setdefault((await _context_of(system, entry), entry.client_ip), []).append(entry)
    found = [
        KeyUser(
            context,
            client_ip,
            await _agent_of(system, requests[-1]),
            len(requests),
            moment(requests[-1]),
            requests[-1].sequence,
            from_datetime(moment(requests[-1])) >= withdrawn_at,
        )
        for (context, client_ip), requests in users.items()
    ]
    return sorted(found, key=lambda user: (user.still, user.last), reverse=True)[:_USERS]


async def _context_of(system: System, entry: Entry) -> str:
    context = plain(entry.facts.get("context"))
    if context is None and entry.operation is not None:
        operation = await system.operations.find(entry.operation)
        context = None if operation is None else plain(operation.context)
    return "" if context is None else f"{context['type']} {context['value']}"


async def _agent_of(system: System, entry: Entry) -> str:
    try:
        wire = (await read_journal(system, lambda: system.journal.get(entry.sequence)))[1]
    except LookupError:
        return ""
    headers = [] if wire is None else wire.headers
    agent = next((value for name, value in headers if name == b"user-agent"), b"")
    return visible(agent.decode("latin-1"))[:_LONGEST_AGENT]


def _chosen(keys: Sequence[PublishedKey], now: Instant) -> PublishedKey | None:
    valid = [key for key in keys if key.valid_from <= now < key.valid_to]
    return max(valid, key=lambda key: key.valid_from, default=None)


def _key(key: PublishedKey, chosen: bool) -> KeyView:
    return KeyView(
        key.algorithm.value,
        key.public_key_id,
        key.certificate_id,
        to_datetime(key.valid_from),
        to_datetime(key.valid_to),
        chosen,
    )


@guarded
async def keys(request: Request) -> Response:
    """GET /_mock/ui/keys: the published keys and their rotation."""
    view = await keys_view(system_of(request))
    return await framed(request, "keys", "keys.html", keys=view)


@guarded
async def change_keys(request: Request) -> Response:
    """POST /_mock/ui/keys. `do`: rotate, emergency, recertify (a `usage`); withdraw (an `id`); publish."""
    form = await read_form(request)
    controls = system_of(request).controls
    match form["do"]:
        case "rotate" | "emergency" as kind:
            await controls.rotate(_usage(form), emergency=kind == "emergency")
            what = "rotated"
        case "recertify":
            await controls.recertify(_usage(form))
            what = "recertified"
        case "withdraw":
            if not await controls.withdraw(form["id"]):
                raise Unusable(f"no key {form['id'][:64]} is published")
            what = "withdrawn"
        case "publish":
            algorithm = form["algorithm"]
            if algorithm not in get_args(TokenKey):
                raise Unusable(f"the algorithm is {', '.join(get_args(TokenKey))}, not {algorithm!r}")
            await controls.publish(cast("TokenKey", algorithm))
            what = "published"
        case other:
            raise Unusable(f"keys know no {other!r}")
    exchange_of(request).noted("keys", f"{form['do']} {form['usage'] or form['id'] or form['algorithm']}")
    return done(form, what)


def _usage(form: Form) -> Usage:
    try:
        return Usage(form["usage"])
    except ValueError:
        raise Unusable(f"the usage is {' or '.join(Usage)}") from None


ROUTES = [
    Route("/ui/keys", keys, methods=["GET"]),
    Route("/ui/keys", change_keys, methods=["POST"]),
]
