"""The invoices that the suite sends are valid by the ministry's schemas."""

from __future__ import annotations

import pytest
from lxml import etree

from contract_tests.server import documents
from ksef_mock.ksef.invoices.forms import FA3, FA_RR, PEF, PEF_KOR, Form
from ksef_mock.ksef.invoices.schemas import Schemas
from tests.invoices.test_schemas import OFFICIAL, needs_official

SELLER, BUYER = "5265877635", "7762811692"
ABROAD = "<KodUE>DE</KodUE><NrVatUE>123456789</NrVatUE>"
UNIT = f"<IDWew>{BUYER}-12345</IDWew>"


@needs_official
@pytest.mark.parametrize(
    ("form", "document"),
    [
        (FA3, documents.fa(SELLER)),
        (FA3, documents.fa(SELLER, buyer=ABROAD, third=(UNIT, 2), authorized=(BUYER, 3), currency="EUR")),
        (FA_RR, documents.fa_rr(SELLER, BUYER)),
        (PEF, documents.pef(SELLER, BUYER)),
        (PEF, documents.pef(SELLER, BUYER, is_special=True)),
        (PEF_KOR, documents.pef(SELLER, BUYER, is_correction=True)),
    ],
)
def test_what_the_suite_sends_is_valid(form: Form, document: bytes) -> None:
    schema = Schemas(OFFICIAL / "schemas").of(form)
    assert schema is not None
    assert [fault.message for fault in schema.faults(etree.fromstring(document))] == []
