"""Latarnia, the ministry's lighthouse: whether KSeF is available, for everybody, without a login."""
