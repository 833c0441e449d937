"""Host names led to a server inside of this process, for clients that know no other addresses.

One mechanism serves every library that uses Python's own sockets and TLS, whatever it is called: http.client,
urllib3, requests, httpx, aiohttp, with threads as with asyncio. As long as something is captured,

1. each of its names is resolved to an address of 127.0.0.0/8 that stands for the name, and is nobody's;
2. a socket that connects to port 443 of that is connected to the server, at 127.0.0.1;
3. TLS for its names is made with a context that trusts the server's CA and nobody else, in the place of the
   client's own, which may be older than the capture and is left as it is.

Everything else goes the way that it goes anyhow. The names are captured for the whole process: clients work
in threads of their own. When the last capture ends, all functions are those of before.

It fails closed. A connection that reaches a captured name past this module (by a proxy, by an address that
was resolved earlier) ends in its handshake, for the real host has no certificate of the server's CA.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeAlias

#: The one port of a captured name at which there is something.
_HTTPS = 443
_PROXIES = ("no_proxy", "NO_PROXY")

_Function: TypeAlias = Callable[..., Any]

_lock = threading.RLock()
#: The captures that there are, the latest last. Replaced, never changed: read without the lock.
_active: tuple[Capture, ...] = ()
#: The address that stands for each name, and the other way round. Clients keep what they have resolved, so it
#: is the same in all captures of the process.
_addresses: dict[str, str] = {}
_names: dict[str, str] = {}


class Capture:
    """A context manager that may be entered once at a time; several may be active, also in several threads.

    Of two that capture the same name the one that was entered later has it, until it is left.
    """

    def __init__(self, hosts: Iterable[str], port: int, ca_pem: str) -> None:
        """
        Args:
            hosts: in lower case, without a dot at the end.
            port: of the server, which speaks TLS at 127.0.0.1.
            ca_pem: the CA that issued its certificate for all of these hosts.
        """
        self.hosts = frozenset(hosts)
        self.port = port
        with _lock:
            for host in sorted(self.hosts - set(_addresses)):
                number = len(_addresses) + 1
                _addresses[host] = f"127.64.{number // 256}.{number % 256}"
                _names[_addresses[host]] = host
        self.context = ssl.create_default_context(cadata=ca_pem)
        self.context.set_alpn_protocols(["http/1.1"])

    def __enter__(self) -> Self:
        _change(lambda active: (*active, self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _change(lambda active: tuple(each for each in active if each is not self))


def _name(host: object) -> str:
    """A host name, however a client writes it; "" if it is none."""
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("latin-1")
    return host.lower().removesuffix(".") if isinstance(host, str) else ""


def _of(host: object) -> Capture | None:
    """Whose a host name is."""
    name = _name(host)
    return next((each for each in reversed(_active) if name in each.hosts), None)


def _resolved(host: Any) -> Any:
    """What is to be resolved in the place of a host name."""
    return host if _of(host) is None else _addresses[_name(host)]


def _target(address: Any) -> Any:
    """Where a socket that is told to connect to `address` connects to.

    Raises:
        ConnectionRefusedError: to the server, but not to its one port.
    """
    if not isinstance(address, tuple) or len(address) < 2:
        return address
    host, port = address[:2]
    capture = _of(_names.get(host, host))
    if capture is None:
        return address
    if port != _HTTPS:
        raise ConnectionRefusedError(errno.ECONNREFUSED, f"port {port} of a captured host is not served")
    return ("127.0.0.1", capture.port)


# -- what takes the place of the real functions: each is made around the one that it replaces ---------------


def _resolving(original: _Function) -> _Function:
    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        return original(_resolved(host), *arguments, **options)

    return resolve


def _resolving_method(original: _Function) -> _Function:
    def resolve(self: Any, host: Any, *arguments: Any, **options: Any) -> Any:
        return original(self, _resolved(host), *arguments, **options)

    return resolve


def _connecting(original: _Function) -> _Function:
    def connect(self: Any, address: Any) -> Any:
        return original(self, _target(address))

    return connect


def _connecting_ex(original: _Function) -> _Function:
    def connect_ex(self: Any, address: Any) -> Any:
        try:
            address = _target(address)
        except ConnectionRefusedError as refusal:
            return refusal.errno
        return original(self, address)

    return connect_ex


def _wrapping_socket(original: _Function) -> _Function:
    def wrap_socket(
        self: ssl.SSLContext,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> Any:
        capture = None if server_side else _of(server_hostname)
        context, session = (self, session) if capture is None else (capture.context, None)
        return original(
            context,
            sock,
            server_side,
            do_handshake_on_connect,
            suppress_ragged_eofs,
            server_hostname,
            session,
        )

    return wrap_socket


def _wrapping_bio(original: _Function) -> _Function:
    def wrap_bio(
        self: ssl.SSLContext,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> Any:
        capture = None if server_side else _of(server_hostname)
        context, session = (self, session) if capture is None else (capture.context, None)
        return original(context, incoming, outgoing, server_side, server_hostname, session)

    return wrap_bio


class _Place(NamedTuple):
    """A function by the object that has it, and what is made around it."""

    owner: Any
    name: str
    make: Callable[[_Function], _Function]


def _places() -> list[_Place]:
    places = [
        _Place(socket, "getaddrinfo", _resolving),
        _Place(socket, "gethostbyname", _resolving),
        _Place(socket, "gethostbyname_ex", _resolving),
        _Place(socket.socket, "connect", _connecting),
        _Place(socket.socket, "connect_ex", _connecting_ex),
        _Place(ssl.SSLContext, "wrap_socket", _wrapping_socket),
        _Place(ssl.SSLContext, "wrap_bio", _wrapping_bio),
    ]
    if importlib.util.find_spec("aiodns") is not None:
        # aiohttp resolves by it where it is installed, past Python's sockets.
        resolver = importlib.import_module("aiodns").DNSResolver
        places += [
            _Place(resolver, name, _resolving_method)
            for name in ("getaddrinfo", "gethostbyname")
            if hasattr(resolver, name)
        ]
    if sys.platform == "win32":
        # asyncio connects there without the method of sockets.
        from asyncio.windows_events import IocpProactor

        def connecting(original: _Function) -> _Function:
            return lambda self, conn, address: original(self, conn, _target(address))

        places.append(_Place(IocpProactor, "connect", connecting))
    return places


class _Replaced(NamedTuple):
    """What stands where, and what stood there; `inherited`: nothing did, but in a base class."""

    owner: Any
    name: str
    mine: _Function
    original: _Function
    inherited: bool


_replaced: list[_Replaced] = []
#: Variables of the environment: what they were (None: unset), and what they have been set to.
_environment: dict[str, tuple[str | None, str]] = {}


def _change(step: Callable[[tuple[Capture, ...]], tuple[Capture, ...]]) -> None:
    global _active  # functions of the process are replaced once, whoever captures
    with _lock:
        active = step(_active)
        if active and not _replaced:
            _replace()
        _active = active
        _restore_environment()
        if active:
            _go_past_proxies({host for each in active for host in each.hosts})
        else:
            _put_back()


def _replace() -> None:
    for owner, name, make in _places():
        original = getattr(owner, name)
        mine = make(original)
        _replaced.append(_Replaced(owner, name, mine, original, name not in vars(owner)))
        setattr(owner, name, mine)


def _put_back() -> None:
    while _replaced:
        owner, name, mine, original, inherited = _replaced.pop()
        if vars(owner).get(name) is not mine:
            continue  # somebody has replaced it in turn, and still calls it: it captures nothing any more
        if inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, original)


def _go_past_proxies(hosts: set[str]) -> None:
    """A proxy resolves names itself, and would find the real ones."""
    before = {name: os.environ.get(name) for name in _PROXIES}
    excepted = next(filter(None, before.values()), "")
    if excepted.strip() == "*":  # all hosts are, and the star counts only if it stands alone
        return
    said = ",".join(filter(None, (excepted, *sorted(hosts))))
    for name, value in before.items():
        os.environ[name] = said
        _environment[name] = value, said


def _restore_environment() -> None:
    for name, (before, said) in _environment.items():
        if os.environ.get(name) != said:
            continue
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
    _environment.clear()
