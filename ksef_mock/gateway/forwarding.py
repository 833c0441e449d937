"""Whose address a request comes from when trusted proxies stand in between.

`X-Forwarded-For` can be written by anybody. Each trusted proxy appends the address of its own peer, so the
header is read from its end: the first address that is not a trusted proxy's is the client's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TrustedProxies:
    """The proxies that are believed."""

    def __init__(self, proxies: Iterable[str]) -> None:
        """`proxies`: IPv4 or IPv6 addresses (`127.0.0.1`) or networks (`10.0.0.0/8`).

        Raises:
            ValueError: one is neither.
        """
        self._networks = [ipaddress.ip_network(proxy, strict=False) for proxy in proxies]

    def client_ip(self, peer: str, forwarded_for: Iterable[str]) -> str:
        """The address of the client whose request `peer` has sent.

        Args:
            forwarded_for: the values of all X-Forwarded-For headers, in order.
        """
        client = _address(peer)
        hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
        while client is not None and hops and self._trusts(client):
            before = _address(hops.pop())
            if before is None:
                break  # what does not name an address is not believed, nor anything before it
            client = before
        return peer if client is None else str(client)

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def _address(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
