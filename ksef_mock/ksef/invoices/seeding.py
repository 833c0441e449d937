"""Documents that KSeF is to know without anybody having sent them."""

from __future__ import annotations

from ksef_mock.clock import Instant
from ksef_mock.core.references import Kind, new_reference
from ksef_mock.ksef.invoices.invoices import Acceptance, Invoices
from ksef_mock.ksef.invoices.metadata import Invoice
from ksef_mock.ksef.invoices.schemas import Schemas
from ksef_mock.ksef.invoices.verification import Rules, form_of, verify


async def add_document(invoices: Invoices, schemas: Schemas, file: bytes, now: Instant) -> Invoice:
    """Accept an invoice at once, stored for good, as if its seller had sent it online.

    Args:
        file: XML of any form.

    Raises:
        ValueError: KSeF would refuse it; the message says why.
    """
    form = form_of(file)
    report = verify(file, Rules(form=form, schemas=schemas, is_interactive=False), at=now)
    if report.failure is not None:
        raise ValueError(f"{report.failure.check}: {report.failure.reason}")
    assert report.document is not None
    accepted = await invoices.accept(
        report.document,
        file,
        Acceptance(
            form=form.code,
            mode="Online",
            session=new_reference(Kind.ONLINE_SESSION, now),
            invoiced_at=now,
            acquired_at=now,
            stored_at=now,
        ),
    )
    if isinstance(accepted, Invoice):
        return accepted
    raise ValueError(f"it is a duplicate of {accepted.ksef_number}")
