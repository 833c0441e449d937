"""The pages for people: the sentences of the real ones, and below them what only the mock says.

Sources of the sentences: tests of the official Java client and reports of integrators; marked are those that
nobody has seen. No template engine: these pages are part of KSeF, and have to work in every installation.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import escape

from ksef_mock.qr.report import Check, Code, Report
from ksef_mock.xades.report import Outcome

FOUND = "Faktura znajduje się w KSeF"
NOT_FOUND = "Faktura nie została znaleziona w KSeF"
VALID = "Weryfikacja prawidłowa"
INVALID = "Weryfikacja nieprawidłowa"

#: (if it holds, if it does not).
_POINTS: dict[Check, tuple[str, str]] = {
    Check.CERTIFICATE: ("Certyfikat istnieje", "Certyfikat nie istnieje"),  # the second: inferred
    Check.ACTIVE: ("Certyfikat jest aktywny", "Certyfikat nie jest aktywny"),  # the second: inferred
    # Inferred, and shown only where it is wrong: the real page has four points.
    Check.CERTIFICATE_TYPE: ("", "Certyfikat nie jest typu Offline"),
    Check.SIGNATURE: ("Podpis wystawcy jest prawidłowy", "Podpis wystawcy nie jest prawidłowy"),
}
_HAS_RIGHT = "Wystawca posiada uprawnienia do wystawienia faktury"
_HAS_NO_RIGHT = "Wystawca nie posiada uprawnień do wystawiania faktury w imieniu {seller}"
#: Characters of the seller's NIP that a sentence repeats.
_SHOWN = 64

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.4rem}.good{color:#14713a}.bad{color:#b3261e}dt{color:#555}dd{margin:0 0 .5rem}"
    "aside{margin-top:2rem;border-top:1px solid #ccc;font-size:.9rem;overflow-wrap:anywhere}"
)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    f"frame-ancestors 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def verdict(report: Report) -> str:
    """The sentence at the top."""
    if report.code is Code.INVOICE:
        return FOUND if report.ok else NOT_FOUND
    return VALID if report.ok else INVALID


def points(report: Report, seller: str) -> Iterator[tuple[bool, str]]:
    """The points of KOD II that could be looked at: whether each holds, and its sentence."""
    for check, (good, bad) in _POINTS.items():
        outcome = report.outcome(check)
        if outcome is Outcome.PASSED and good:
            yield True, good
        elif outcome is Outcome.FAILED:
            yield False, bad
    rights = {report.outcome(Check.HOLDER), report.outcome(Check.CONTEXT)}
    if rights == {Outcome.PASSED}:
        yield True, _HAS_RIGHT
    elif Outcome.FAILED in rights:
        yield False, _HAS_NO_RIGHT.format(seller=seller[:_SHOWN])


def page(report: Report, seller: str) -> str:
    """The whole page.

    Args:
        seller: as the link names it.
    """
    heading = escape(verdict(report))
    good = "good" if report.ok else "bad"
    return (
        f'<!DOCTYPE html>\n<html lang="pl"><head><meta charset="utf-8"><title>{heading}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style></head>\n"
        f'<body><main><h1 class="{good}">{heading}</h1>\n{"".join(_details(report, seller))}</main>\n'
        f"{''.join(_why(report))}</body></html>\n"
    )


def _details(report: Report, seller: str) -> Iterator[str]:
    if report.code is Code.CERTIFICATE:
        if not report.ok:
            yield "<h2>Szczegóły walidacji</h2>\n"
        yield "<ul>\n"
        for holds, sentence in points(report, seller):
            yield f'<li class="{"good" if holds else "bad"}">{escape(sentence)}</li>\n'
        yield "</ul>\n"
    elif report.invoice is not None:
        content = report.invoice.content
        yield "<dl>"
        for name, value in (
            ("Numer KSeF", content.ksef_number),
            ("Tryb wystawienia faktury", content.invoicing_mode),
        ):
            yield f"<dt>{name}</dt><dd>{escape(value)}</dd>\n"
        yield "</dl>\n"


def _why(report: Report) -> Iterator[str]:
    """What the real pages do not tell."""
    yield f'<aside lang="en"><h2>ksef-mock, {report.code}</h2><dl>\n'
    for result in report.results:
        if result.outcome is Outcome.SKIPPED:
            continue
        yield f"<dt>{result.check}: {result.outcome}</dt><dd>{escape(result.reason)}"
        if result.explanation is not None:
            yield f"<br><strong>{escape(result.explanation)}</strong>"
        yield "</dd>\n"
    yield "</dl></aside>\n"
