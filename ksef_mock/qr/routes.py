"""GET /invoice/… and /certificate/…: a page, 200 whatever it says; its report as JSON to who accepts that."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, exchange_of, system_of
from ksef_mock.gateway.addresses import path_asked
from ksef_mock.qr import pages
from ksef_mock.qr.links import CertificateLink, InvoiceLink, UnreadableLink, read
from ksef_mock.qr.report import Code, Report
from ksef_mock.qr.verification import unreadable, verify_certificate, verify_invoice
from ksef_mock.xades.report import Outcome


async def invoice(request: Request) -> Response:
    """KOD I."""
    return await _answer(request, Code.INVOICE)


async def certificate(request: Request) -> Response:
    """KOD II."""
    return await _answer(request, Code.CERTIFICATE)


async def _answer(request: Request, code: Code) -> Response:
    system = system_of(request)
    link: InvoiceLink | CertificateLink | None = None
    try:
        link = read(_address(request))
    except UnreadableLink as error:
        report = unreadable(code, str(error))
    else:
        if isinstance(link, InvoiceLink):
            report = await verify_invoice(system, link)
        else:
            report = await verify_certificate(system, link)
    _record(request, report)
    seller = "" if link is None else link.seller
    if "application/json" in request.headers.get("accept", "").lower():
        points = [{"holds": holds, "text": text} for holds, text in pages.points(report, seller)]
        body = report.to_dict() | {"verdict": pages.verdict(report), "points": points}
        return answer(body)
    return Response(pages.page(report, seller), headers=pages.HEADERS, media_type="text/html")


def _address(request: Request) -> str:
    """The link as it was opened, not decoded: what is signed is its text."""
    host = request.headers.get("host", "")
    return f"{request.scope['scheme']}://{host}{path_asked(request.scope)}"


def _record(request: Request, report: Report) -> None:
    exchange = exchange_of(request)
    for result in report.results:
        match result.outcome:
            case Outcome.PASSED:
                exchange.passed(result.check, result.reason)
            case Outcome.FAILED:
                why = f" ({result.explanation})" if result.explanation else ""
                exchange.failed(result.check, result.reason + why)


ROUTES = [
    Route("/invoice/{rest:path}", invoice, methods=["GET"]),
    Route("/certificate/{rest:path}", certificate, methods=["GET"]),
]
