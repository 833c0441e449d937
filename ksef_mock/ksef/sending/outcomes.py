"""What becomes of an invoice that was verified: accepted, a duplicate, or refused."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ksef_mock.clock import SECOND
from ksef_mock.core.text import Allowance
from ksef_mock.ksef.invoices.invoices import Acceptance, Invoices
from ksef_mock.ksef.invoices.metadata import FormCode
from ksef_mock.ksef.invoices.report import Cause, Check, CheckResult, Report
from ksef_mock.ksef.invoices.rules import InvoiceStatus, duplicate
from ksef_mock.ksef.sending import rules
from ksef_mock.ksef.sending.session import SentInvoice, Session
from ksef_mock.state.store import Write

#: Characters of an invoice's number that are kept (OpenAPI), and of a reason.
_LONGEST_NUMBER = 256
_LONGEST_REASON = 1_000
#: Octets of a refused invoice's details that are kept.
_DETAILS = 65_536


class Outcomes:
    """Decides, with KSeF's other invoices in view."""

    def __init__(self, invoices: Invoices, storage_delay: float) -> None:
        """`storage_delay`: seconds from an invoice's acceptance until it is stored for good."""
        self._invoices = invoices
        self._storage_delay = storage_delay

    async def of(
        self,
        sent: SentInvoice,
        session: Session,
        report: Report,
        *,
        offline: bool,
        corrected_hash: str | None = None,
    ) -> tuple[SentInvoice, Sequence[Write]]:
        """The invoice as it ends, and the writes that its acceptance consists in.

        Args:
            sent: as it came, with its ordinal number.
            offline: declared so by the client.
            corrected_hash: of the refused file, if it is a technical correction.
        """
        document = report.document
        if not report.ok or document is None:
            return _refused(sent, report), ()
        original = await self._invoices.original(document)
        if original is None:
            return self._accepted(sent, session, report, offline, corrected_hash)
        report.failed(
            Check.DUPLICATE,
            Cause.DUPLICATE,
            f"seller, kind and number are those of {original.ksef_number}",
            InvoiceStatus.DUPLICATE,
            duplicate(original.ksef_number, original.session),
            extensions={
                "originalSessionReferenceNumber": original.session,
                "originalKsefNumber": original.ksef_number,
            },
        )
        return _refused(sent, report), ()

    def _accepted(
        self,
        sent: SentInvoice,
        session: Session,
        report: Report,
        offline: bool,
        corrected_hash: str | None,
    ) -> tuple[SentInvoice, Sequence[Write]]:
        document, octets = report.document, report.octets
        assert document is not None
        assert octets is not None
        report.passed(Check.DUPLICATE)
        accepted = Acceptance(
            form=FormCode(session.system_code, session.schema_version, session.form_value),
            mode=rules.invoicing_mode(offline, document.issue_date, sent.invoiced_at),
            session=session.reference,
            context=session.context,
            invoiced_at=sent.invoiced_at,
            acquired_at=sent.acquired_at,
            stored_at=sent.acquired_at + round(self._storage_delay * SECOND),
            hash_of_corrected=corrected_hash,
        )
        invoice, writes = self._invoices.acceptance(
            document, octets, accepted, sent.hash if sent.hash == report.digest else report.digest
        )
        return (
            msgspec.structs.replace(
                _read(sent, report),
                code=InvoiceStatus.SUCCESS,
                ksef_number=invoice.content.ksef_number,
                mode=accepted.mode,
                stored_at=invoice.stored_at,
            ),
            writes,
        )


def _reason_of(result: CheckResult) -> str:
    """What was found, for people: the reason, the values behind it, the mistake that explains it."""
    parts = [result.reason, *(f"{name}: {value}" for name, value in result.evidence.items())]
    if result.explanation is not None:
        parts.append(result.explanation)
    return "; ".join(filter(None, parts))[:_LONGEST_REASON]


def _refused(sent: SentInvoice, report: Report) -> SentInvoice:
    failure = report.failure
    assert failure is not None
    return msgspec.structs.replace(
        _read(sent, report),
        code=report.status,
        details=_kept(failure.details),
        extensions=failure.extensions,
        failures=tuple((str(each.check), _reason_of(each)) for each in report.failures),
    )


def _kept(details: Sequence[str]) -> tuple[str, ...]:
    """Of sentences that may repeat what the document says what is kept: of ordinary ones all."""
    allowance = Allowance(_DETAILS)
    kept = (allowance.take(detail) for detail in details)
    return tuple(detail for detail in kept if detail != "…")


def _read(sent: SentInvoice, report: Report) -> SentInvoice:
    """With what the document says."""
    document = report.document
    if document is None:
        return sent
    return msgspec.structs.replace(
        sent,
        number=None if document.number is None else document.number[:_LONGEST_NUMBER],
        issue_date=document.issue_date,
        seller_nip=None if document.seller is None else document.seller.nip,
    )
