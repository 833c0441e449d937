"""Signed links: what they look like, for how long they open, and that nobody makes or changes one."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from ksef_mock.clock import SECOND, Instant
from ksef_mock.ksef.sending.storage import Link, Refusal, Storage

NOW: Instant = 1_780_000_000 * SECOND + 7
PATH = "/01/20260528-so-0000000000-0000000000-00/session-upo/upo_00.xml"
LIFETIME = 3 * 86_400
STORAGE = Storage(b"secret")


def link(permission: str = "r") -> Link:
    return STORAGE.link("https://ksef.test", PATH, NOW, LIFETIME, permission=permission)


def query(made: Link) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(made.url).query))


def test_it_looks_like_azure_s() -> None:
    made = link()
    assert made.url.startswith(f"https://ksef.test/storage{PATH}?")
    parts = query(made)
    assert list(parts) == ["skoid", "sktid", "skt", "ske", "sks", "skv", "sv", "st", "se", "sr", "sp", "sig"]
    assert (parts["st"], parts["skt"], parts["se"], parts["ske"]) == (
        "2026-05-28T20:21:40Z",
        "2026-05-28T20:26:40Z",
        "2026-05-31T20:26:40Z",
        "2026-06-04T20:26:40Z",
    )
    assert made.expires_at == 1_780_000_000 * SECOND + LIFETIME * SECOND


def test_it_opens_until_it_expires() -> None:
    made = link()
    parts = query(made)
    assert STORAGE.check(PATH, parts, NOW) is None
    assert STORAGE.check(PATH, parts, made.expires_at - 1) is None
    assert STORAGE.check(PATH, parts, made.expires_at) is Refusal.EXPIRED
    assert STORAGE.check(PATH, parts, NOW - 301 * SECOND) is Refusal.EXPIRED


@pytest.mark.parametrize("name", query(link()))
def test_no_part_of_it_can_be_changed_or_left_out(name: str) -> None:
    parts = query(link())
    assert STORAGE.check(PATH, parts | {name: parts[name] + "A"}, NOW) is Refusal.SIGNATURE
    del parts[name]
    assert STORAGE.check(PATH, parts, NOW) is Refusal.SIGNATURE


def test_it_opens_nothing_else() -> None:
    assert STORAGE.check(PATH + "x", query(link()), NOW) is Refusal.SIGNATURE
    assert STORAGE.check(PATH, query(link("w")), NOW) is Refusal.SIGNATURE
    assert Storage(b"another").check(PATH, query(link()), NOW) is Refusal.SIGNATURE
    assert STORAGE.check(PATH, {}, NOW) is Refusal.SIGNATURE
