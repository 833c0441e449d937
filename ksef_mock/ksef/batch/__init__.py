"""Batch sessions: a package of invoices is declared, uploaded in parts, unpacked and judged."""
