"""Keeps secrets out of reports: what is recorded of requests and answers is masked first.

Of a JWT the signature goes, so that it is worth nothing while its claims can still be read; of a KSeF token
the secret third part; of everything else that is called a token, all but its first characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

_JWT = re.compile(r"\b(eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")
_KSEF_TOKEN = re.compile(r"([0-9]{8}-EC-[0-9A-F-]{24}\|[A-Za-z]{1,12}-[^|\s\"]{1,40}\|)[^\s\"|]+")
#: Members of bodies whose text is a secret whatever it looks like.
_SECRET_MEMBERS = frozenset({"token", "encryptedToken", "encryptedSymmetricKey"})
_SECRET_HEADERS = frozenset({"authorization", "x-mock-control-token", "cookie", "set-cookie"})
_MASK = "…masked"


def masked_text(text: str) -> str:
    """`text` without the secrets that can be recognised in it."""
    text = _JWT.sub(rf"\1.{_MASK}", text)
    return _KSEF_TOKEN.sub(rf"\1{_MASK}", text)


def masked_body(body: str, content_type: str) -> str:
    """A body without its secrets; JSON is read, so that members are known by name."""
    if "json" in content_type:
        # What is no JSON, or nested deeper than anybody reads, is masked as text.
        with suppress(ValueError, RecursionError):
            return json.dumps(_without_secrets(json.loads(body)), ensure_ascii=False, indent=2)
    return masked_text(body)


def masked_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers without credentials."""
    return [
        (name, _masked_credentials(value) if name.lower() in _SECRET_HEADERS else masked_text(value))
        for name, value in headers
    ]


def _without_secrets(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [_without_secrets(member, name) for member in value]
    if not isinstance(value, str):
        return value
    recognised = masked_text(value)
    if name in _SECRET_MEMBERS and recognised == value:
        return _shortened(value)
    return recognised


def _masked_credentials(value: str) -> str:
    recognised = masked_text(value)
    if recognised != value:
        return recognised
    scheme, space, credentials = value.partition(" ")
    return f"{scheme}{space}{_shortened(credentials)}" if space else _shortened(value)


def _shortened(secret: str) -> str:
    visible = secret[:4] if len(secret) >= 16 else ""
    return f"{visible}{_MASK} ({len(secret)} characters)"
