"""A faithful, fast, stateful simulator of KSeF, Poland's national e-invoicing system (API v2)."""

__version__ = "0.1.0"
