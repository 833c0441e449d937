from __future__ import annotations

import pytest

from ksef_mock.core.ip_policy import ADDRESS_PATTERN, MASK_PATTERN, RANGE_PATTERN, AllowedIps


@pytest.mark.parametrize(
    ("policy", "client", "admitted"),
    [
        (AllowedIps(addresses=("192.0.2.1",)), "192.0.2.1", True),
        (AllowedIps(addresses=("192.0.2.1",)), "192.0.2.2", False),
        (AllowedIps(addresses=("192.0.2.1",)), "::ffff:192.0.2.1", True),
        (AllowedIps(addresses=("192.0.2.1",)), "::1", False),
        (AllowedIps(addresses=("192.0.2.1",)), "nonsense", False),
        (AllowedIps(addresses=("192.0.2.1",)), "", False),
        (AllowedIps(ranges=("10.0.0.5-10.0.0.9",)), "10.0.0.4", False),
        (AllowedIps(ranges=("10.0.0.5-10.0.0.9",)), "10.0.0.5", True),
        (AllowedIps(ranges=("10.0.0.5-10.0.0.9",)), "10.0.0.9", True),
        (AllowedIps(ranges=("10.0.0.5-10.0.0.9",)), "10.0.0.10", False),
        (AllowedIps(ranges=("10.0.0.9-10.0.0.5",)), "10.0.0.7", False),
        (AllowedIps(masks=("172.16.0.0/12",)), "172.31.255.255", True),
        (AllowedIps(masks=("172.16.0.0/12",)), "172.32.0.0", False),
        (AllowedIps(masks=("192.0.2.77/24",)), "192.0.2.1", True),
        (AllowedIps(masks=("192.0.2.1/32",)), "192.0.2.1", True),
        (AllowedIps(masks=("192.0.2.1/32",)), "192.0.2.2", False),
        (AllowedIps(masks=("0.0.0.0/0",)), "203.0.113.9", True),
        (AllowedIps(masks=("0.0.0.0/0",)), "2001:db8::1", False),
        (AllowedIps(("192.0.2.1",), ("10.0.0.5-10.0.0.9",), ("172.16.0.0/12",)), "10.0.0.6", True),
        (AllowedIps(("192.0.2.1",), ("10.0.0.5-10.0.0.9",), ("172.16.0.0/12",)), "10.0.1.6", False),
    ],
)
def test_who_is_admitted(policy: AllowedIps, client: str, admitted: bool) -> None:
    assert policy.admits(client) is admitted


def test_policy_without_entries_is_none() -> None:
    assert not AllowedIps()
    assert AllowedIps(masks=("0.0.0.0/0",))


@pytest.mark.parametrize("text", ["0.0.0.0", "255.255.255.255", "192.168.1.10"])
def test_addresses(text: str) -> None:
    assert ADDRESS_PATTERN.fullmatch(text)
    assert RANGE_PATTERN.fullmatch(f"{text}-{text}")
    assert MASK_PATTERN.fullmatch(f"{text}/0")
    assert MASK_PATTERN.fullmatch(f"{text}/32")


@pytest.mark.parametrize(
    "text",
    ["", "256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ", "\u0661.2.3.4", "1.2.3.4\n", "::1"],
)
def test_what_is_no_address(text: str) -> None:
    assert not ADDRESS_PATTERN.fullmatch(text)
    assert not RANGE_PATTERN.fullmatch(f"{text}-1.2.3.4")
    assert not MASK_PATTERN.fullmatch(f"{text}/8")


@pytest.mark.parametrize("prefix", ["33", "-1", "08", "", "8 "])
def test_what_is_no_prefix_length(prefix: str) -> None:
    assert not MASK_PATTERN.fullmatch(f"10.0.0.0/{prefix}")
