"""The operations of the API, one module for each group; each function makes a `Call`."""

from ksef_client_min.operations import auth, certificates, invoices, limits, security, tokens

__all__ = ["auth", "certificates", "invoices", "limits", "security", "tokens"]
