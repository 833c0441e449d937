"""The ministry's invoices with placeholders, filled in as the tests of its own clients do."""

from __future__ import annotations

import re
from uuid import uuid4

from lxml import etree

from tests.invoices.test_schemas import OFFICIAL, needs_official

__all__ = ["FORMS", "filled", "form_of", "needs_official", "with_value"]

#: By the name of the file, without its ending.
FORMS = {
    "fa-2": ("FA (2)", "1-0E", "FA"),
    "fa-3": ("FA (3)", "1-0E", "FA"),
    "fa-rr-1": ("FA_RR (1)", "1-1E", "FA_RR"),
    "fa-3-pef": ("PEF (3)", "2-1", "PEF"),
    "fa-3-pef-correction": ("PEF_KOR (3)", "2-1", "PEF"),
}


def form_of(name: str) -> dict[str, str]:
    """The form code of a session that takes this invoice."""
    code = FORMS.get(name, FORMS["fa-3"])
    return dict(zip(("systemCode", "schemaVersion", "value"), code, strict=True))


def filled(name: str, nip: str, **values: str) -> bytes:
    """An invoice; `values`: what stands for other placeholders than the seller's NIP and the number."""
    text = (OFFICIAL / "invoices" / f"{name}.xml").read_text("utf-8")
    known = {"nip": nip, "supplier_nip": nip, "invoice_number": str(uuid4())} | values
    for placeholder, value in known.items():
        text = text.replace(f"#{placeholder}#", value)
    left = set(re.findall("#[a-z_A-Z]+#", text)) - {"#compliant#", "#extended#"}  # those belong to Peppol
    assert not left, left
    return text.encode()


def with_value(document: bytes, element: str, value: str) -> bytes:
    """The document with another text in the first element of that name."""
    root = etree.fromstring(document)
    found = root.find(f".//{{*}}{element}")
    assert found is not None, element
    found.text = value
    return etree.tostring(root)
