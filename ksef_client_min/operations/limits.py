"""Limits of the context, the subject and the API; see the OpenAPI document for the members."""

from __future__ import annotations

from typing import Any

from ksef_client_min.call import Call, Send


def context() -> Call[dict[str, Any]]:
    """GET /limits/context."""
    return Call(Send("GET", "/limits/context"), dict[str, Any])


def subject() -> Call[dict[str, Any]]:
    """GET /limits/subject."""
    return Call(Send("GET", "/limits/subject"), dict[str, Any])


def rates() -> Call[dict[str, Any]]:
    """GET /rate-limits."""
    return Call(Send("GET", "/rate-limits"), dict[str, Any])
