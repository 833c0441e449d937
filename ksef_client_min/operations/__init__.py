"""The operations of the API, one module for each group; each function makes a `Call`."""

__all__ = ["auth", "certificates", "invoices", "limits", "security", "sending", "tokens"]
