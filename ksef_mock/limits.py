"""Limits as KSeF documents them.

Source: the examples of GET /limits/context and GET /rate-limits, which agree with `x-rate-limits` throughout.
"""

from __future__ import annotations

import msgspec


class SessionLimits(
    msgspec.Struct,
    frozen=True,
    rename={
        "max_invoice_size": "maxInvoiceSizeInMB",
        "max_invoice_with_attachment_size": "maxInvoiceWithAttachmentSizeInMB",
        "max_invoices": "maxInvoices",
    },
):
    """Sizes in MB, and the number of invoices of one session."""

    max_invoice_size: int = 1
    max_invoice_with_attachment_size: int = 3
    max_invoices: int = 10_000


class ContextLimits(msgspec.Struct, frozen=True, rename="camel"):
    """OpenAPI: EffectiveContextLimits."""

    online_session: SessionLimits = SessionLimits()
    batch_session: SessionLimits = SessionLimits()


class Rate(msgspec.Struct, frozen=True, rename="camel"):
    """Requests in a sliding window of a second, a minute, an hour."""

    per_second: int
    per_minute: int
    per_hour: int


class RateLimits(msgspec.Struct, frozen=True, rename="camel"):
    """OpenAPI: EffectiveApiRateLimits."""

    online_session: Rate = Rate(10, 30, 120)
    batch_session: Rate = Rate(10, 20, 60)
    invoice_send: Rate = Rate(10, 30, 180)
    invoice_status: Rate = Rate(30, 120, 1200)
    session_list: Rate = Rate(5, 10, 60)
    session_invoice_list: Rate = Rate(10, 20, 200)
    session_misc: Rate = Rate(10, 120, 1200)
    invoice_metadata: Rate = Rate(8, 16, 20)
    invoice_export: Rate = Rate(8, 16, 20)
    invoice_export_status: Rate = Rate(10, 60, 600)
    invoice_download: Rate = Rate(8, 16, 64)
    other: Rate = Rate(10, 30, 120)


CONTEXT_LIMITS = ContextLimits()
RATE_LIMITS = RateLimits()
