"""What KSeF decides of an invoice: statuses, limits, who may invoice for whom. Pure.

Sources: OpenAPI 2.9.0 (SessionInvoiceStatusResponse), weryfikacja-faktury.md, kody-qr.md, uprawnienia.md, and
answers of TEST and production where a sentence is not documented.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum, StrEnum

import msgspec

from ksef_mock.core.identifiers import Identifier
from ksef_mock.ksef.invoices.documents import Document


class InvoiceStatus(IntEnum):
    """Codes of an invoice's status."""

    ACCEPTED_FOR_PROCESSING = 100
    IN_PROGRESS = 150
    SUCCESS = 200
    SESSION_ERROR = 405
    NO_RIGHT = 410
    NO_ATTACHMENT_HERE = 415
    FILE_ERROR = 430
    DECRYPTION_ERROR = 435
    DUPLICATE = 440
    INVALID = 450
    UNKNOWN_ERROR = 500
    CANCELLED = 550


INVOICE_STATUS_DESCRIPTIONS: dict[InvoiceStatus, str] = {
    InvoiceStatus.ACCEPTED_FOR_PROCESSING: "Faktura przyjęta do dalszego przetwarzania",
    InvoiceStatus.IN_PROGRESS: "Trwa przetwarzanie",
    InvoiceStatus.SUCCESS: "Sukces",
    InvoiceStatus.SESSION_ERROR: "Przetwarzanie anulowane z powodu błędu sesji",
    InvoiceStatus.NO_RIGHT: "Nieprawidłowy zakres uprawnień",
    InvoiceStatus.NO_ATTACHMENT_HERE: "Brak możliwości wysyłania faktury z załącznikiem",
    InvoiceStatus.FILE_ERROR: "Błąd weryfikacji pliku faktury",
    InvoiceStatus.DECRYPTION_ERROR: "Błąd odszyfrowania pliku",
    InvoiceStatus.DUPLICATE: "Duplikat faktury",
    InvoiceStatus.INVALID: "Błąd weryfikacji semantyki dokumentu faktury",
    InvoiceStatus.UNKNOWN_ERROR: "Nieznany błąd (500)",
    InvoiceStatus.CANCELLED: "Operacja została anulowana przez system",
}

#: Of what is not well-formed, and of octets that are no UTF-8 (seen on TEST).
NOT_XML = "Nieprawidłowy XML"
#: Padding or key (seen on TEST).
NOT_DECRYPTED = "Plik niepoprawnie zaszyfrowany"

#: Characters that XML 1.0 discourages and KSeF refuses (weryfikacja-faktury.md): on TEST and DEMO at once, on
#: production from 2026-10-19. In UTF-8, by the octets that they begin with, which most documents do not hold.
_DISCOURAGED = {
    b"\x7f": re.compile(rb"\x7f"),
    b"\xc2": re.compile(rb"\xc2[\x80-\x84\x86-\x9f]"),
    b"\xef": re.compile(rb"\xef\xb7[\x90-\xaf]"),
    **{
        lead: re.compile(lead + rb"[\x8f\x9f\xaf\xbf]\xbf[\xbe\xbf]")
        for lead in (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4")
    },
}


def discouraged(octets: bytes) -> str | None:
    """The first discouraged character of a text in UTF-8, character references aside."""
    found = [
        match for lead, form in _DISCOURAGED.items() if lead in octets and (match := form.search(octets))
    ]
    return min(found, key=re.Match.start)[0].decode() if found else None


def wrong_size(declared: int) -> str:
    """Seen on TEST."""
    return f"Rozmiar faktury nie zgadza się z zadeklarowaną wartością: '{declared}'."


def too_large(most: int) -> str:
    """A sentence of our own."""
    return f"Rozmiar faktury przekracza dopuszczalną wartość: '{most}'."


def wrong_hash(declared: str) -> str:
    """As the sentence that is known of a batch's package; of an invoice none has been seen."""
    return f"Skrót SHA-256 faktury nie jest zgodny z zadeklarowanym skrótem: '{declared}'."


def no_right(context: Identifier, seller: str) -> str:
    """Seen on TEST and production since December 2025; of contexts other than a NIP never."""
    return (
        f"Kontekst {context.value} nie jest uprawniony do wystawienia faktury w imieniu sprzedawcy"
        f" (NIP: {seller})"
    )


def no_consent(seller: str) -> str:
    """Asserted by the official client's tests."""
    return f"Sprzedawca {seller} nie posiada zgody do wysyłania faktur z załącznikami"


def duplicate(ksef_number: str, session: str) -> str:
    """Seen on TEST and production."""
    return (
        f"Duplikat faktury. Faktura o numerze KSeF: {ksef_number} została już prawidłowo przesłana"
        f" do systemu w sesji: {session}"
    )


class Ground(StrEnum):
    """Why a context may issue an invoice of a seller."""

    OWN = "the context is the seller"
    SELF_INVOICING = "the buyer issues it, whom the seller has authorized (SelfInvoicing)"
    EU_SELF_INVOICING = "the buyer is the EU entity of this context, which issues it"
    TAX_REPRESENTATIVE = "the seller's tax representative issues it (TaxRepresentative)"
    RR_INVOICING = "the buyer issues it for the farmer (RRInvoicing)"
    PEF_INVOICING = "a Peppol provider issues it, whom the seller has authorized (PefInvoicing)"
    UNIT = "seller and context belong to one VAT group or local government"
    ENFORCEMENT = "an enforcement authority or bailiff issues it"


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a context may issue invoices, as far as that does not depend on the invoice."""

    context: Identifier
    #: NIP of a seller -> what he has authorized the context to (`SelfInvoicing`, `TaxRepresentative`, …).
    authorizations: Mapping[str, frozenset[str]] = {}
    #: NIPs of the units below the context's entity, and of those above it.
    relatives: frozenset[str] = frozenset()
    #: Whether the caller holds EnforcementOperations there.
    enforces: bool = False
    #: Sellers that have consented to attachments; None: nobody asked.
    consents: frozenset[str] | None = None

    def ground(self, document: Document) -> Ground | None:
        """Why the context may issue this invoice; None if it may not."""
        if document.seller is None:
            return None
        seller, buyer = document.seller.nip, document.buyer.identifier
        given = self.authorizations.get(seller, frozenset())
        nip = self.context.nip
        authorized = document.authorized_subject
        is_pef = document.form is not None and document.form.is_pef
        is_buyer = buyer.type == "Nip" and buyer.value == nip
        if self.context.type == "PeppolId":
            return Ground.PEF_INVOICING if is_pef and "PefInvoicing" in given else None
        if self.context.type == "NipVatUe":
            is_entity = buyer.type == "VatUe" and buyer.value == self.context.value[11:]
            own = seller == nip and is_entity and document.is_self_invoicing
            return Ground.EU_SELF_INVOICING if own else None
        if seller == nip:
            return Ground.OWN
        if is_buyer and document.is_self_invoicing and "SelfInvoicing" in given:
            return Ground.SELF_INVOICING
        if is_buyer and document.invoice_type in ("VatRr", "KorVatRr") and "RRInvoicing" in given:
            return Ground.RR_INVOICING
        if "TaxRepresentative" in given:
            return Ground.TAX_REPRESENTATIVE
        if self.enforces and authorized is not None and authorized.nip == nip and authorized.role in (1, 2):
            return Ground.ENFORCEMENT
        return Ground.UNIT if seller in self.relatives else None

    def possible(self, seller: str) -> Ground | None:
        """Why the context may issue invoices of a seller, provided that they are as this asks for.

        For KOD II, which says nothing of the invoice but whose it is. None: it may issue none of them.
        """
        given = self.authorizations.get(seller, frozenset())
        own = seller == self.context.nip
        if self.context.type == "PeppolId":
            return Ground.PEF_INVOICING if "PefInvoicing" in given else None
        if self.context.type == "NipVatUe":
            return Ground.EU_SELF_INVOICING if own else None
        if own:
            return Ground.OWN
        for permission, ground in _BY_AUTHORIZATION.items():
            if permission in given:
                return ground
        if self.enforces:
            return Ground.ENFORCEMENT
        return Ground.UNIT if seller in self.relatives else None


#: What a seller authorizes others to -> why they may issue his invoices then.
_BY_AUTHORIZATION = {
    "SelfInvoicing": Ground.SELF_INVOICING,
    "RRInvoicing": Ground.RR_INVOICING,
    "TaxRepresentative": Ground.TAX_REPRESENTATIVE,
}


def has_nip_checksum(nip: str) -> bool:
    """Whether the last digit of a NIP is its checksum (weights 6, 5, 7, 2, 3, 4, 5, 6, 7; modulo 11)."""
    weights = (6, 5, 7, 2, 3, 4, 5, 6, 7)
    return sum(weight * int(digit) for weight, digit in zip(weights, nip, strict=False)) % 11 == int(nip[9])
