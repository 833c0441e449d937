"""A signed document that is pasted in, and the report on it: that of `ksef-mock verify`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import system_of
from ksef_mock.dashboard.forms import Unusable, read_form
from ksef_mock.dashboard.frame import framed, guarded
from ksef_mock.dashboard.logins import CheckView
from ksef_mock.dashboard.pages.login import Octets, checks_of, octets_of
from ksef_mock.ksef.auth.offline import inspect
from ksef_mock.ksef.auth.xades_login import facts_of

#: Octets of a document; in a form each of its characters may take three.
_LONGEST = 262_144


@dataclass(frozen=True, slots=True)
class Judged:
    """What KSeF would say of a document."""

    failure: CheckView | None
    checks: Sequence[CheckView]
    report: dict[str, Any]
    octets: Sequence[Octets]


@guarded
async def empty(request: Request) -> Response:
    """GET /_mock/ui/verify: where to paste a document."""
    return await framed(request, "verify", "verify.html", text="", judged=None)


@guarded
async def judge(request: Request) -> Response:
    """POST /_mock/ui/verify. `document`: XML, or the same in Base64; judged by this mock's rules and CAs."""
    text = (await read_form(request, 3 * _LONGEST))["document"].strip()
    document = _octets(text)
    if not document:
        raise Unusable("there is no document: paste a signed AuthTokenRequest")
    system = system_of(request)
    _, report = await inspect(document, system.clock.now(), system.settings.environment, trust=system.trust)
    facts = facts_of(report)
    checks = checks_of(facts["xades"])
    failure = next((check for check in checks if check.outcome == "failed"), None)
    judged = Judged(failure, checks, facts["xades"], octets_of(facts))
    return await framed(request, "verify", "verify.html", text=text, judged=judged)


def _octets(text: str) -> bytes:
    """The document. Browsers end the lines of a form in CR LF, which no XML parser passes on."""
    if not text.startswith("<"):
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            pass  # then it is to be judged as it is
    return text.replace("\r\n", "\n").encode()


ROUTES = [
    Route("/ui/verify", empty, methods=["GET"]),
    Route("/ui/verify", judge, methods=["POST"]),
]
