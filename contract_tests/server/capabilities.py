"""What a target can do beyond answering requests."""

from __future__ import annotations

from enum import StrEnum


class Capability(StrEnum):
    """What a target must be able to do, beyond answering HTTP, for a requirement to be checked on it."""

    MOVABLE_CLOCK = "a clock that can be moved"
    SECOND_ADDRESS = "requests from a second IP address"
    KEY_ROTATION = "rotation of its encryption keys on demand"
    FAULTS = "faults on demand"
    SETTINGS = "a second instance with other settings"
    ISSUER = "a certification authority that issues certificates for tests"
    SELF_SIGNED = "logins with self-signed certificates"
    TEST_DATA = "the operations under /testdata"

    @property
    def short(self) -> str:
        """The name for tables."""
        return self.name.lower().replace("_", " ")
