"""Invoices outside of a mock: what has to be kept of one so that another mock knows the same.

The document, as it was sent, and a record of what it does not say. An invoice that was seeded by its metadata
has no document: then the record holds the metadata. The form of a record is told in docs/invoices.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ksef_mock.clock import Instant, iso
from ksef_mock.core import dates
from ksef_mock.core.bodies import Body, TypedIdentifier
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.expected import explained
from ksef_mock.core.identifiers import Identifier, is_context_identifier
from ksef_mock.ksef.invoices.bodies import InvoiceMetadata, InvoiceSeed
from ksef_mock.ksef.invoices.forms import BY_CODE
from ksef_mock.ksef.invoices.invoices import Acceptance, Invoices
from ksef_mock.ksef.invoices.metadata import FormCode, Invoice, InvoicingMode, KsefNumber, Sha256
from ksef_mock.ksef.invoices.numbers import has_checksum
from ksef_mock.ksef.invoices.schemas import Schemas
from ksef_mock.ksef.invoices.verification import Rules, verify

#: Bytes of an order to import: several of the largest invoices.
LARGEST_ORDER = 32_000_000
#: Invoices on a page: one has megabytes at most.
_PAGE = 20


class PortableInvoice(Body, forbid_unknown_fields=True):
    """An invoice as it is carried from one mock to another."""

    ksef_number: KsefNumber
    #: What follows is needed with a document, but for the last members.
    form_code: FormCode | None = None
    invoicing_mode: InvoicingMode | None = None
    #: With 7 decimals, so that the same moments come back.
    invoicing_date: str | None = None
    acquisition_date: str | None = None
    permanent_storage_date: str | None = None
    #: Reference number of the session that it came in.
    session: str | None = None
    #: Of the login that sent it.
    context: TypedIdentifier | None = None
    #: Of the document; one that was changed since is refused.
    invoice_hash: Sha256 | None = None
    hash_of_corrected_invoice: Sha256 | None = None
    #: Instead of all these, where there is no document.
    metadata: InvoiceSeed | None = None
    #: XML; on disk a file of its own.
    document: str | None = None

    @classmethod
    def of(cls, invoice: Invoice, document: bytes | None) -> PortableInvoice:
        content = invoice.content
        if document is None:
            seed = msgspec.convert(msgspec.to_builtins(InvoiceMetadata.of(invoice)), InvoiceSeed)
            return cls(content.ksef_number, metadata=seed)
        context = invoice.context
        return cls(
            ksef_number=content.ksef_number,
            form_code=content.form_code,
            invoicing_mode=content.invoicing_mode,
            invoicing_date=iso(invoice.invoiced_at),
            acquisition_date=iso(invoice.acquired_at),
            permanent_storage_date=iso(invoice.stored_at),
            session=invoice.session,
            context=None if context is None else TypedIdentifier.of(context),
            invoice_hash=content.invoice_hash,
            hash_of_corrected_invoice=content.hash_of_corrected_invoice,
            document=document.decode(),
        )

    def acceptance(self) -> Acceptance:
        """How the document was accepted.

        Raises:
            ValueError: a member is missing, or makes no sense.
        """
        if self.form_code is None or self.form_code not in BY_CODE:
            raise ValueError("formCode: one of KSeF's is needed beside a document")
        if self.invoicing_mode is None:
            raise ValueError("invoicingMode: Online or Offline is needed beside a document")
        if not self.session:
            raise ValueError("session: the reference number of a session is needed beside a document")
        context = None if self.context is None else Identifier(self.context.type, self.context.value)
        if context is not None and not is_context_identifier(context):
            raise ValueError(f"context: {context} is no identifier of a context")
        return Acceptance(
            form=self.form_code,
            mode=self.invoicing_mode,
            session=self.session,
            context=context,
            invoiced_at=_moment("invoicingDate", self.invoicing_date),
            acquired_at=_moment("acquisitionDate", self.acquisition_date),
            stored_at=_moment("permanentStorageDate", self.permanent_storage_date),
            hash_of_corrected=self.hash_of_corrected_invoice,
            ksef_number=self.ksef_number,
        )


class PortablePage(Body):
    """GET /_mock/invoices/export: some invoices, the newest first."""

    invoices: list[PortableInvoice]
    #: `after` of the next page; absent on the last.
    continuation: str | None = None


async def carried_page(invoices: Invoices, continuation: str | None) -> PortablePage:
    """
    Raises:
        BadRequest: 21418, the continuation token is not one of ours.
    """
    page = await invoices.page(_PAGE, continuation)
    carried = [PortableInvoice.of(each, await invoices.file(each.content.ksef_number)) for each in page.items]
    return PortablePage(carried, page.continuation)


class ImportOrder(Body, forbid_unknown_fields=True):
    """POST /_mock/invoices/import."""

    #: `PortableInvoice`s: each is read by itself, so that each can be wrong by itself.
    invoices: tuple[dict[str, Any], ...]
    #: Only say what would become of them.
    dry_run: bool = False


class NotImported(Body):
    """An invoice that was not imported, and why."""

    #: Place in the order, from 0 on.
    index: int
    reason: str


class ImportResult(Body):
    """What became of them."""

    #: That were not known.
    imported: int
    #: That were there already, the same.
    known: int
    failed: list[NotImported]


@dataclass(frozen=True, slots=True)
class Importer:
    """Takes invoices in, each as if KSeF had accepted it when its record says."""

    invoices: Invoices
    schemas: Schemas

    async def import_all(self, carried: Sequence[dict[str, Any]], *, dry_run: bool = False) -> ImportResult:
        """Import invoices one by one; what fails is named, and the others are imported all the same.

        Args:
            dry_run: import nothing; that two of them are duplicates of each other does not show then.
        """
        imported = known = 0
        failed: list[NotImported] = []
        for index, each in enumerate(carried):
            try:
                if await self._import(_read(each), dry_run=dry_run):
                    imported += 1
                else:
                    known += 1
            except ValueError as error:
                failed.append(NotImported(index, str(error)))
            await asyncio.sleep(0)
        return ImportResult(imported, known, failed)

    async def _import(self, carried: PortableInvoice, *, dry_run: bool) -> bool:
        """Whether it is new.

        Raises:
            ValueError: KSeF would not have accepted it so; the message says why.
        """
        number = carried.ksef_number
        if not has_checksum(number):
            raise ValueError(f"ksefNumber: the last two digits of {number} are not its checksum")
        if carried.document is None:
            return await self._import_metadata(carried, dry_run=dry_run)
        if carried.metadata is not None:
            raise ValueError("metadata: not beside a document")
        accepted, file = carried.acceptance(), carried.document.encode()
        rules = Rules(
            form=BY_CODE[accepted.form],
            schemas=self.schemas,
            is_interactive=False,
            is_correction=accepted.hash_of_corrected is not None,
        )
        report = await asyncio.to_thread(verify, file, rules, at=accepted.invoiced_at)
        if report.failure is not None:
            raise ValueError(f"{report.failure.check}: {report.failure.reason}")
        document = report.document
        assert document is not None
        assert document.seller is not None
        if document.seller.nip != number[:10]:
            raise ValueError(f"ksefNumber: begins with {number[:10]}, the seller is {document.seller.nip}")
        invoice, _ = self.invoices.acceptance(document, file, accepted)
        if carried.invoice_hash not in (None, invoice.content.invoice_hash):
            raise ValueError(
                f"invoiceHash: the document's is {invoice.content.invoice_hash}: it was changed since, by an "
                "editor or by Git's conversion of line ends; without this member it is taken as it is"
            )
        present = await self.invoices.get(number)
        if present is not None:
            return _same(present, invoice)
        original = await self.invoices.original(document)
        if original is None and not dry_run:
            taken = await self.invoices.accept(document, file, accepted)
            original = None if isinstance(taken, Invoice) else taken
        if original is not None:
            raise ValueError(f"it is a duplicate of {original.ksef_number}")
        return True

    async def _import_metadata(self, carried: PortableInvoice, *, dry_run: bool) -> bool:
        if carried.metadata is None:
            raise ValueError("there is neither a document nor metadata")
        try:
            invoice = carried.metadata.invoice(0)
        except BadRequest as error:
            raise ValueError(f"metadata: {error.reason}") from None
        if invoice.content.ksef_number != carried.ksef_number:
            raise ValueError("metadata.ksefNumber: another than the record's")
        present = await self.invoices.get(carried.ksef_number)
        if present is not None:
            return _same(present, invoice)
        return dry_run or await self.invoices.add(invoice)


def _read(carried: dict[str, Any]) -> PortableInvoice:
    """
    Raises:
        ValueError: it is none; the message names the member.
    """
    try:
        return msgspec.convert(carried, PortableInvoice)
    except msgspec.ValidationError as error:
        raise ValueError(explained(error, carried, PortableInvoice)) from None


def _same(present: Invoice, carried: Invoice) -> bool:
    """False: what is carried is not new.

    Raises:
        ValueError: it says something else than what is there.
    """
    if present == carried:
        return False
    names = [
        name
        for part, other in ((present, carried), (present.content, carried.content))
        for name in part.__struct_fields__
        if getattr(part, name) != getattr(other, name) and name != "content"
    ]
    raise ValueError(f"there is another invoice with this number; they differ in {', '.join(names)}")


def _moment(name: str, text: str | None) -> Instant:
    try:
        return dates.exact(text or "")
    except ValueError:
        raise ValueError(f"{name}: a moment in ISO 8601 is needed beside a document") from None
