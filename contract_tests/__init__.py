"""Pytest support for projects that talk to KSeF."""
