"""How much goes into a package of an export. Apart from the other rules: settings name it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExportLimits:
    """The defaults are KSeF's (OpenAPI 2.9.0, POST /invoices/exports)."""

    invoices: int = 10_000
    #: Octets of the archive, the file with the metadata aside.
    octets: int = 1_000_000_000
    #: Octets of a part before its encryption.
    part_octets: int = 50_000_000

    def __post_init__(self) -> None:
        if min(self.invoices, self.octets, self.part_octets) < 1:
            raise ValueError("the limits of exports are at least 1")
