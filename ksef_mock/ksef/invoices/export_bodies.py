"""Bodies of /invoices/exports, named as in the OpenAPI document. Members without a value are absent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeAlias

import msgspec

from ksef_mock.clock import Instant, iso
from ksef_mock.core.bodies import Body, StatusInfo
from ksef_mock.core.codes import (
    EXPORT_STATUS_DESCRIPTIONS,
    EXPORT_STATUS_DETAILS,
    ExportStatus,
)
from ksef_mock.core.dates import day
from ksef_mock.ksef.invoices.bodies import InvoiceQueryFilters, shown_hwm
from ksef_mock.ksef.invoices.exports import Export, Package, Part
from ksef_mock.ksef.invoices.metadata import DateType
from ksef_mock.ksef.invoices.packing import Compression
from ksef_mock.ksef.keys.bodies import EncryptionInfo

#: Makes the link to a part, and says until when it is valid.
PartLink: TypeAlias = Callable[[Export, int], tuple[str, Instant]]


class InvoiceExportRequest(Body):
    """OpenAPI: InvoiceExportRequest."""

    encryption: EncryptionInfo
    filters: InvoiceQueryFilters
    only_metadata: bool = False
    compression_type: Annotated[Compression, msgspec.Meta(extra={"dotnet": "CompressionType"})] | None = None


class ExportInvoicesResponse(Body):
    """OpenAPI: ExportInvoicesResponse."""

    reference_number: str


class InvoicePackagePart(Body):
    """OpenAPI: InvoicePackagePart."""

    ordinal_number: int
    part_name: str
    method: str
    url: str
    part_size: int
    part_hash: str
    encrypted_part_size: int
    encrypted_part_hash: str
    expiration_date: str

    @classmethod
    def of(cls, export: Export, number: int, part: Part, link: PartLink) -> InvoicePackagePart:
        url, expires_at = link(export, number)
        return cls(
            ordinal_number=number,
            part_name=export.part_name(number),
            method="GET",
            url=url,
            part_size=part.size,
            part_hash=part.hash,
            encrypted_part_size=part.sealed.size,
            encrypted_part_hash=part.sealed_hash,
            expiration_date=iso(expires_at),
        )


class InvoicePackage(Body):
    """OpenAPI: InvoicePackage."""

    invoice_count: int
    size: int
    parts: list[InvoicePackagePart]
    is_truncated: bool
    compression_type: Compression
    last_issue_date: str | None = None
    last_invoicing_date: str | None = None
    last_permanent_storage_date: str | None = None
    permanent_storage_hwm_date: str | None = None

    @classmethod
    def of(cls, export: Export, package: Package, link: PartLink) -> InvoicePackage:
        last, by = package.truncated_at, export.query.date_type
        return cls(
            invoice_count=package.count,
            size=package.size,
            parts=[
                InvoicePackagePart.of(export, number, part, link)
                for number, part in enumerate(package.parts, 1)
            ],
            is_truncated=last is not None,
            compression_type=export.compression,
            last_issue_date=None if last is None or by is not DateType.ISSUE else day(last),
            last_invoicing_date=None if last is None or by is not DateType.INVOICING else iso(last),
            last_permanent_storage_date=(
                None if last is None or by is not DateType.PERMANENT_STORAGE else iso(last)
            ),
            permanent_storage_hwm_date=shown_hwm(export.query, export.hwm),
        )


class InvoiceExportStatusResponse(Body):
    """OpenAPI: InvoiceExportStatusResponse."""

    status: StatusInfo
    completed_date: str | None = None
    package_expiration_date: str | None = None
    package: InvoicePackage | None = None

    @classmethod
    def of(cls, export: Export, now: Instant, link: PartLink) -> InvoiceExportStatusResponse:
        code = export.status(now)
        detail = EXPORT_STATUS_DETAILS.get(code)
        status = StatusInfo(int(code), EXPORT_STATUS_DESCRIPTIONS[code], None if detail is None else [detail])
        if code is ExportStatus.RUNNING:
            return cls(status)
        if code is not ExportStatus.SUCCESS or export.package is None:
            return cls(status, iso(export.completed_at))
        return cls(
            status,
            iso(export.completed_at),
            iso(export.expires_at),
            InvoicePackage.of(export, export.package, link),
        )
