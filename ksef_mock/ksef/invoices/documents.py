"""What a FA, FA_RR or PEF document says of itself: who, to whom, how much, of which kind.

Tolerant: what is missing or makes no sense is None, whether the document is valid or not. Sources of the
names: OpenAPI (InvoiceMetadata), the ministry's schemas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import TypeAlias

import msgspec
from lxml import etree

from ksef_mock.core.identifiers import CONTEXT_PATTERNS
from ksef_mock.ksef.invoices.forms import BY_TAG, Form
from ksef_mock.ksef.invoices.metadata import (
    AuthorizedSubject,
    Buyer,
    InvoiceType,
    PartyIdentifier,
    Seller,
    ThirdSubject,
)

#: RodzajFaktury -> OpenAPI: InvoiceType.
FA_TYPES: dict[str, InvoiceType] = {
    "VAT": "Vat",
    "ZAL": "Zal",
    "KOR": "Kor",
    "ROZ": "Roz",
    "UPR": "Upr",
    "KOR_ZAL": "KorZal",
    "KOR_ROZ": "KorRoz",
}
RR_TYPES: dict[str, InvoiceType] = {"VAT_RR": "VatRr", "KOR_VAT_RR": "KorVatRr"}
#: PEF has no RodzajFaktury; KSeF 1.0 called its kinds so.
PEF_TYPES: dict[str, InvoiceType] = {"VAT_PEF": "VatPef", "VAT_PEF_SP": "VatPefSp", "KOR_PEF": "KorPef"}
#: Part of the ProfileID of a specialised PEF invoice, `urn:fdc:www.efaktura.gov.pl:ver2.0:plinv:ver1.4`.
_SPECIAL = ":www.efaktura.gov.pl:ver2.0:plinv:"
_NONE = PartyIdentifier("None")
_ZERO = Decimal()
_AMOUNT = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,10})?").fullmatch
#: The sums of VAT by rate, in the invoice's currency and in PLN.
_VAT = frozenset(f"P_14_{rate}" for rate in range(10))
_VAT_IN_PLN = frozenset(f"P_14_{rate}W" for rate in range(10))
#: There may be 10,000 of them, and nothing that is read here comes after them.
_LINES = ("FaWiersz", "FakturaRRWiersz")
#: Characters that are kept (OpenAPI: InvoiceMetadata): of a name and of any other text; of a number; of what
#: identifies a party.
_LONGEST, _LONGEST_NUMBER, _LONGEST_IDENTIFIER = 512, 256, 50
#: Elements by their local names.
_Parts: TypeAlias = dict[str, etree._Element]
#: UNCL1001: a self-billed invoice or credit note.
_SELF_BILLED = ("389", "261")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What was read. Amounts in `currency`, that of the VAT in PLN; texts with their blanks collapsed."""

    #: By the root element; None if it is none of KSeF's.
    form: Form | None
    #: kodSystemowy, wersjaSchemy and the text of KodFormularza, as they stand there; PEF has none.
    form_code: tuple[str | None, str | None, str | None] | None = None
    #: P_2, P_4C, or UBL's ID.
    number: str | None = None
    #: P_1, P_4B, or UBL's IssueDate, as written: YYYY-MM-DD in a valid document.
    issue_date: str | None = None
    seller: Seller | None = None
    buyer: Buyer = Buyer(_NONE)
    net: Decimal = Decimal()
    gross: Decimal = Decimal()
    vat: Decimal = Decimal()
    currency: str | None = None
    #: RodzajFaktury; of PEF, which has none, a key of `PEF_TYPES`.
    kind: str | None = None
    invoice_type: InvoiceType | None = None
    is_self_invoicing: bool = False
    has_attachment: bool = False
    third_subjects: tuple[ThirdSubject, ...] = ()
    authorized_subject: AuthorizedSubject | None = None

    @property
    def duplicate_key(self) -> tuple[str, str, str] | None:
        """What no two accepted invoices have in common: the seller's NIP, RodzajFaktury, and the number."""
        if self.seller is None or self.kind is None or self.number is None:
            return None
        return self.seller.nip, self.kind, self.number


def read(root: etree._Element) -> Document:
    """What a parsed document says. Linear in its size."""
    form = BY_TAG.get(str(root.tag))
    if form is not None and form.is_pef:
        return _read_ubl(root, form)
    parts = _parts(root)
    if "FakturaRR" in parts:
        return _read_rr(root, parts, form)
    return _read_fa(root, parts, form)


# -- FA and FA_RR -----------------------------------------------------------------------------------------


def _read_fa(root: etree._Element, top: _Parts, form: Form | None) -> Document:
    parts = _parts(top.get("Fa"))
    currency = _text(parts.get("KodWaluty"))
    kind = _text(parts.get("RodzajFaktury"))
    of_vat = _VAT if currency == "PLN" else _VAT_IN_PLN
    net = vat = _ZERO
    for name, part in parts.items():
        if name.startswith("P_13_"):
            net += _amount(part)
        elif name in of_vat:
            vat += _amount(part)
    return Document(
        form=form,
        form_code=_form_code(top),
        number=_number(parts.get("P_2")),
        issue_date=_text(parts.get("P_1")),
        seller=_seller(top.get("Podmiot1")),
        buyer=_buyer(top.get("Podmiot2")),
        net=net,
        gross=_amount(parts.get("P_15")),
        vat=vat,
        currency=currency,
        kind=kind,
        invoice_type=FA_TYPES.get(kind or ""),
        is_self_invoicing=_text(_child(parts.get("Adnotacje"), "P_17")) == "1",
        has_attachment="Zalacznik" in top,
        third_subjects=_third_subjects(root) if "Podmiot3" in top else (),
        authorized_subject=_authorized(top.get("PodmiotUpowazniony")),
    )


def _read_rr(root: etree._Element, top: _Parts, form: Form | None) -> Document:
    parts = _parts(top["FakturaRR"])
    currency = _text(parts.get("KodWaluty"))
    kind = _text(parts.get("RodzajFaktury"))
    return Document(
        form=form,
        form_code=_form_code(top),
        number=_number(parts.get("P_4C")),
        issue_date=_text(parts.get("P_4B")),
        seller=_seller(top.get("Podmiot1")),
        buyer=_buyer(top.get("Podmiot2")),
        net=_amount(parts.get("P_11_1")),
        gross=_amount(parts.get("P_12_1")),
        vat=_amount(parts.get("P_11_2" if currency == "PLN" else "P_11_2W")),
        currency=currency,
        kind=kind,
        invoice_type=RR_TYPES.get(kind or ""),
        third_subjects=_third_subjects(root) if "Podmiot3" in top else (),
    )


def _parts(body: etree._Element | None) -> _Parts:
    """The children by their local names, the first of each, up to the lines; none without a body."""
    parts: _Parts = {}
    if body is None:
        return parts
    for child in body.iterchildren("*"):
        name = child.tag.rpartition("}")[2]
        if name in _LINES:
            break
        parts.setdefault(name, child)
    return parts


def _child(parent: etree._Element | None, name: str) -> etree._Element | None:
    """The first child of a local name: where only one is asked for, that is faster than `_parts`."""
    if parent is not None:
        for child in parent.iterchildren(f"{{*}}{name}"):
            return child
    return None


def _form_code(top: _Parts) -> tuple[str | None, str | None, str | None] | None:
    element = _child(top.get("Naglowek"), "KodFormularza")
    if element is None:
        return None
    return element.get("kodSystemowy"), element.get("wersjaSchemy"), _text(element)


def _seller(party: etree._Element | None) -> Seller | None:
    data = _data(party)
    nip = data.get("NIP")
    return None if nip is None else Seller(nip, data.get("Nazwa"))


def _buyer(party: etree._Element | None) -> Buyer:
    data = _data(party)
    return Buyer(_identifier(data), data.get("Nazwa"))


def _data(party: etree._Element | None) -> dict[str, str | None]:
    """What identifies a party: the texts of DaneIdentyfikacyjne."""
    return {name: _text(part) for name, part in _parts(_child(party, "DaneIdentyfikacyjne")).items()}


def _identifier(data: dict[str, str | None]) -> PartyIdentifier:
    if nip := data.get("NIP"):
        return PartyIdentifier("Nip", nip[:_LONGEST_IDENTIFIER])
    if unit := data.get("IDWew"):
        return PartyIdentifier("InternalId", unit[:_LONGEST_IDENTIFIER])
    if number := data.get("NrVatUE"):
        country = (data.get("KodUE") or "")[:_LONGEST_IDENTIFIER]
        return PartyIdentifier("VatUe", f"{country}{number}"[:_LONGEST_IDENTIFIER])
    other = data.get("NrID")
    return PartyIdentifier("Other", other[:_LONGEST_IDENTIFIER]) if other else _NONE


def _third_subjects(root: etree._Element) -> tuple[ThirdSubject, ...]:
    return tuple(_third(party) for party in root.iterchildren("{*}Podmiot3"))


def _third(party: etree._Element) -> ThirdSubject:
    buyer = _buyer(party)
    return ThirdSubject(buyer.identifier, _role(party.find("{*}Rola"), 11) or 0, buyer.name)


def _authorized(party: etree._Element | None) -> AuthorizedSubject | None:
    seller = _seller(party)
    role = None if party is None else _role(party.find("{*}RolaPU"), 3)
    return None if seller is None or role is None else AuthorizedSubject(seller.nip, role, seller.name)


def _role(element: etree._Element | None, most: int) -> int | None:
    text = _text(element) or ""
    return int(text) if re.fullmatch("[0-9]{1,2}", text) and 1 <= int(text) <= most else None


# -- PEF: UBL -------------------------------------------------------------------------------------------


def _read_ubl(root: etree._Element, form: Form) -> Document:
    kind = _pef_kind(root, form)
    code = _text(root.find("{*}InvoiceTypeCode" if form.root == "Invoice" else "{*}CreditNoteTypeCode"))
    currency = _text(root.find("{*}DocumentCurrencyCode"))
    seller = _ubl_party(root.find("{*}AccountingSupplierParty/{*}Party"))
    totals = root.find("{*}LegalMonetaryTotal")
    amounts = _parts(totals)
    vat = (
        amount for amount in root.iterfind("{*}TaxTotal/{*}TaxAmount") if amount.get("currencyID") == "PLN"
    )
    return Document(
        form=form,
        number=_number(root.find("{*}ID")),
        issue_date=_text(root.find("{*}IssueDate")),
        seller=Seller(seller.identifier.value, seller.name)
        if seller.identifier.type == "Nip" and seller.identifier.value
        else None,
        buyer=_ubl_party(root.find("{*}AccountingCustomerParty/{*}Party")),
        net=_amount(amounts.get("TaxExclusiveAmount")),
        gross=_amount(amounts.get("TaxInclusiveAmount")),
        vat=_amount(next(vat, None)),
        currency=currency,
        kind=kind,
        invoice_type=PEF_TYPES[kind],
        is_self_invoicing=code in _SELF_BILLED,
        has_attachment=root.find("{*}AdditionalDocumentReference/{*}Attachment") is not None,
    )


def _pef_kind(root: etree._Element, form: Form) -> str:
    if form.root != "Invoice":
        return "KOR_PEF"
    # The ministry's own generator of PDFs tells specialised invoices (faktura specjalizowana) by this.
    is_special = _SPECIAL in (_text(root.find("{*}ProfileID")) or "")
    return "VAT_PEF_SP" if is_special else "VAT_PEF"


def _ubl_party(party: etree._Element | None) -> Buyer:
    if party is None:
        return Buyer(_NONE)
    name = _text(party.find("{*}PartyLegalEntity/{*}RegistrationName")) or _text(
        party.find("{*}PartyName/{*}Name")
    )
    numbers = list(_ubl_numbers(party))
    for number in numbers:
        if CONTEXT_PATTERNS["Nip"].fullmatch(number.removeprefix("PL")):
            return Buyer(PartyIdentifier("Nip", number.removeprefix("PL")), name)
    for number in numbers:
        is_vat_ue = re.fullmatch("[A-Z]{2}[0-9A-Z+*]{1,12}", number) is not None
        return Buyer(PartyIdentifier("VatUe" if is_vat_ue else "Other", number), name)
    return Buyer(_NONE, name)


def _ubl_numbers(party: etree._Element) -> Iterator[str]:
    for path in ("{*}PartyTaxScheme/{*}CompanyID", "{*}PartyLegalEntity/{*}CompanyID"):
        for element in party.iterfind(path):
            number = _text(element)
            if number:
                yield number[:_LONGEST_IDENTIFIER]


# -- values -----------------------------------------------------------------------------------------------


def _text(element: etree._Element | None) -> str | None:
    """The text with blanks collapsed, as xs:token; None if there is no element or nothing in it.

    Without a schema at hand nobody has looked how long it is: what is beyond all that is kept is cut.
    """
    if element is None:
        return None
    # Nearly all elements hold nothing but text, which needs no iterator.
    text = "".join(map(str, element.itertext())) if len(element) else str(element.text or "")
    return " ".join(text.split())[:_LONGEST] or None


def _number(element: etree._Element | None) -> str | None:
    text = _text(element)
    return None if text is None else text[:_LONGEST_NUMBER]


def _amount(element: etree._Element | None) -> Decimal:
    text = _text(element)
    return _ZERO if text is None or not _AMOUNT(text) else Decimal(text)
