"""KSeF tokens: the secrets that programs log in with."""

from __future__ import annotations

from collections.abc import Sequence

from ksef_client_min.call import Call, Send, after
from ksef_client_min.models import GeneratedToken, KsefToken, KsefTokenPage

_NOTHING = type(None)


def generate(permissions: Sequence[str], description: str) -> Call[GeneratedToken]:
    """POST /tokens. The token's text is in this answer and never again."""
    body = {"permissions": list(permissions), "description": description}
    return Call(Send("POST", "/tokens", json=body), GeneratedToken)


def query(
    *,
    statuses: Sequence[str] = (),
    description: str | None = None,
    author: tuple[str, str] | None = None,
    page_size: int = 10,
    continuation_token: str | None = None,
) -> Call[KsefTokenPage]:
    """GET /tokens. `author` is type (Nip, Pesel, Fingerprint) and value."""
    params: dict[str, str | Sequence[str]] = {"pageSize": str(page_size)}
    if statuses:
        params["status"] = list(statuses)
    if description is not None:
        params["description"] = description
    if author is not None:
        params["authorIdentifierType"], params["authorIdentifier"] = author
    return Call(Send("GET", "/tokens", params=params, headers=after(continuation_token)), KsefTokenPage)


def get(reference_number: str) -> Call[KsefToken]:
    """GET /tokens/{referenceNumber}."""
    return Call(Send("GET", f"/tokens/{reference_number}"), KsefToken)


def revoke(reference_number: str) -> Call[None]:
    """DELETE /tokens/{referenceNumber}."""
    return Call(Send("DELETE", f"/tokens/{reference_number}"), _NOTHING)
