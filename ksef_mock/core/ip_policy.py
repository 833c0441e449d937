"""The IP policy of a login: the addresses from which its access token may be used.

Source: OpenAPI AllowedIps (patterns, at most 10 of each kind) and the AuthTokenRequest schema 2.1.
"""

from __future__ import annotations

import ipaddress
import re

import msgspec

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]|[0-9])"
_ADDRESS = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
ADDRESS_PATTERN = re.compile(_ADDRESS)
RANGE_PATTERN = re.compile(rf"{_ADDRESS}-{_ADDRESS}")
MASK_PATTERN = re.compile(rf"{_ADDRESS}/(?:0|[1-9]|[12][0-9]|3[0-2])")

#: At most this many entries of each kind.
MAX_ENTRIES = 10


class AllowedIps(msgspec.Struct, frozen=True):
    """IPv4 addresses (`192.168.0.10`), ranges (`10.0.0.1-10.0.0.254`) and masks (`172.16.0.0/16`)."""

    addresses: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.addresses or self.ranges or self.masks)

    def admits(self, client_ip: str) -> bool:
        """Whether a request from `client_ip` satisfies the policy. An IPv6 client never satisfies one."""
        try:
            address = ipaddress.ip_address(client_ip)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address):
            mapped = address.ipv4_mapped
            if mapped is None:
                return False
            address = mapped
        return (
            str(address) in self.addresses
            or any(_in_range(address, entry) for entry in self.ranges)
            or any(address in ipaddress.IPv4Network(mask, strict=False) for mask in self.masks)
        )


def _in_range(address: ipaddress.IPv4Address, entry: str) -> bool:
    first, last = entry.split("-")
    return ipaddress.IPv4Address(first) <= address <= ipaddress.IPv4Address(last)
