"""The lines of a FA, FA_RR or PEF document, for people to read. Tolerant: what is missing is "".

Source of the names: the ministry's schemas.
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

#: Characters of a value that are kept.
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class Line:
    """One line, as it is written there; amounts in the currency of the invoice."""

    number: str
    name: str
    quantity: str
    unit: str
    price: str
    #: Net; gross where only that is stated.
    amount: str
    #: Of VAT: `23`, `zw`, `np I`, …
    rate: str


#: By the local name of a line: where its values stand, the first that is there counts.
_PATHS: dict[str, tuple[str, ...]] = {
    "FaWiersz": ("NrWierszaFa", "P_7", "P_8B", "P_8A", "P_9A|P_9B", "P_11|P_11A", "P_12"),
    "FakturaRRWiersz": ("NrWierszaFa", "P_5", "P_6B", "P_6A", "P_7", "P_8|P_11", "P_9"),
    "InvoiceLine": (
        "ID",
        "Item/Name",
        "InvoicedQuantity",
        "InvoicedQuantity/@unitCode",
        "Price/PriceAmount",
        "LineExtensionAmount",
        "Item/ClassifiedTaxCategory/Percent",
    ),
    "CreditNoteLine": (
        "ID",
        "Item/Name",
        "CreditedQuantity",
        "CreditedQuantity/@unitCode",
        "Price/PriceAmount",
        "LineExtensionAmount",
        "Item/ClassifiedTaxCategory/Percent",
    ),
}


def lines(root: etree._Element, most: int) -> tuple[list[Line], int]:
    """The first `most` lines of a parsed document, and how many it has."""
    found: list[Line] = []
    count = 0
    for body in (root, *root.iterchildren("{*}Fa", "{*}FakturaRR")):
        for element in body.iterchildren(*(f"{{*}}{name}" for name in _PATHS)):
            count += 1
            if len(found) < most:
                paths = _PATHS[etree.QName(element).localname]
                found.append(Line(*(_value(element, path) for path in paths)))
    return found, count


def _value(line: etree._Element, paths: str) -> str:
    for path in paths.split("|"):
        steps, _, attribute = path.partition("/@")
        element = line.find("/".join(f"{{*}}{step}" for step in steps.split("/")))
        if element is not None:
            text = element.get(attribute) if attribute else element.text
            return " ".join((text or "").split())[:_LONGEST]
    return ""
