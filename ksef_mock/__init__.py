"""A faithful, fast, stateful simulator of the authentication API of KSeF (API v2)."""

__version__ = "0.1.0"
