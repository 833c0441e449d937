"""Certyfikaty klucza publicznego."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, system_of
from ksef_mock.ksef.keys import bodies as keys_bodies


async def public_key_certificates(request: Request) -> Response:
    """GET /security/public-key-certificates."""
    published = await system_of(request).keys.published()
    return answer([keys_bodies.PublicKeyCertificate.of(key) for key in published])


ROUTES = [Route("/security/public-key-certificates", public_key_certificates, methods=["GET"])]
