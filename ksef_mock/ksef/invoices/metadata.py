"""What KSeF knows of an invoice (OpenAPI: InvoiceMetadata), and the parts that it consists of."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.core import expected
from ksef_mock.core.identifiers import CONTEXT_PATTERNS, Identifier

_NIP = CONTEXT_PATTERNS["Nip"].pattern
#: 36 characters, with one more hyphen, are numbers of KSeF 1.0.
KSEF_NUMBER = (
    rf"{_NIP}-(?:20[2-9][0-9]|2[1-9][0-9]{{2}}|[3-9][0-9]{{3}})(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"-[0-9A-F]{6}-?[0-9A-F]{6}-[0-9A-F]{2}"
)

Nip: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"^{_NIP}\Z", description=expected.NIP)]
KsefNumber: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=rf"^{KSEF_NUMBER}\Z", description=expected.KSEF_NUMBER)
]
InvoiceNumber: TypeAlias = Annotated[str, msgspec.Meta(max_length=256)]
Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=512)]
IdentifierValue: TypeAlias = Annotated[str, msgspec.Meta(max_length=50)]
Sha256: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9A-Za-z+/]{43}=\Z", description=expected.SHA256)
]
BuyerType: TypeAlias = Literal["Nip", "VatUe", "Other", "None"]
PartyType: TypeAlias = Literal["Nip", "InternalId", "VatUe", "Other", "None"]
InvoicingMode: TypeAlias = Literal["Online", "Offline"]
InvoiceType: TypeAlias = Literal[
    "Vat",
    "Zal",
    "Kor",
    "Roz",
    "Upr",
    "KorZal",
    "KorRoz",
    "VatPef",
    "VatPefSp",
    "KorPef",
    "VatRr",
    "KorVatRr",
]


class SubjectType(StrEnum):
    """OpenAPI: InvoiceQuerySubjectType. The part that the context plays in an invoice."""

    SELLER = "Subject1"
    BUYER = "Subject2"
    THIRD = "Subject3"
    AUTHORIZED = "SubjectAuthorized"


class DateType(StrEnum):
    """OpenAPI: InvoiceQueryDateType."""

    ISSUE = "Issue"
    INVOICING = "Invoicing"
    PERMANENT_STORAGE = "PermanentStorage"


class _Part(
    msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """Kept as it is answered, and as it is seeded: so many that the collector must not look into them."""


class Seller(_Part, frozen=True):
    """OpenAPI: InvoiceMetadataSeller."""

    nip: Nip
    name: Name | None = None


class PartyIdentifier(_Part, frozen=True):
    """OpenAPI: InvoiceMetadataBuyerIdentifier, InvoiceMetadataThirdSubjectIdentifier."""

    type: PartyType
    value: IdentifierValue | None = None


class Buyer(_Part, frozen=True):
    """OpenAPI: InvoiceMetadataBuyer."""

    identifier: PartyIdentifier
    name: Name | None = None


class FormCode(_Part, frozen=True):
    """OpenAPI: FormCode."""

    system_code: str
    schema_version: str
    value: str


class ThirdSubject(_Part, frozen=True):
    """OpenAPI: InvoiceMetadataThirdSubject."""

    identifier: PartyIdentifier
    role: Annotated[int, msgspec.Meta(ge=0, le=11)]
    name: Name | None = None


class AuthorizedSubject(_Part, frozen=True):
    """OpenAPI: InvoiceMetadataAuthorizedSubject."""

    nip: Nip
    role: Annotated[int, msgspec.Meta(ge=1, le=3)]
    name: Name | None = None


class Content(_Part, frozen=True, kw_only=True):
    """OpenAPI: InvoiceMetadata, without its dates. Amounts in `currency`, that of the VAT in PLN."""

    ksef_number: KsefNumber
    invoice_number: InvoiceNumber
    seller: Seller
    buyer: Buyer
    net_amount: float
    gross_amount: float
    vat_amount: float
    currency: str
    invoicing_mode: InvoicingMode
    invoice_type: InvoiceType
    form_code: FormCode
    is_self_invoicing: bool
    has_attachment: bool
    invoice_hash: Sha256
    hash_of_corrected_invoice: Sha256 | None = None
    third_subjects: tuple[ThirdSubject, ...] = ()
    authorized_subject: AuthorizedSubject | None = None


#: The attribute of an `Invoice` that each date is.
_DATES = {
    DateType.ISSUE: "issued_at",
    DateType.INVOICING: "invoiced_at",
    DateType.PERMANENT_STORAGE: "stored_at",
}


class Invoice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An invoice that KSeF knows."""

    content: Content
    #: Midnight in Warsaw on the day of issue.
    issued_at: Instant
    invoiced_at: Instant
    acquired_at: Instant
    stored_at: Instant
    #: Reference number of the session that it came in; None of a seeded one.
    session: str | None = None
    #: Of the login that sent it, where that is known.
    context: Identifier | None = None

    @property
    def parties(self) -> Iterator[tuple[SubjectType, Identifier]]:
        """Who may see it, and as what."""
        content = self.content
        yield SubjectType.SELLER, Identifier("Nip", content.seller.nip)
        if content.buyer.identifier.type == "Nip" and content.buyer.identifier.value:
            yield SubjectType.BUYER, Identifier("Nip", content.buyer.identifier.value)
        elif content.buyer.identifier.type == "VatUe":
            # An EU entity has a context with each Polish firm that lets it invoice itself.
            compound = f"{content.seller.nip}-{content.buyer.identifier.value}"
            yield SubjectType.BUYER, Identifier("NipVatUe", compound)
        for third in content.third_subjects:
            if third.identifier.type in ("Nip", "InternalId") and third.identifier.value:
                yield SubjectType.THIRD, Identifier(third.identifier.type, third.identifier.value)
        if content.authorized_subject is not None:
            yield SubjectType.AUTHORIZED, Identifier("Nip", content.authorized_subject.nip)

    def involves(self, context: Identifier) -> bool:
        """Whether the context is one of its parties."""
        return any(party == context for _, party in self.parties)

    def dated(self, date_type: DateType) -> Instant:
        """The date of this type."""
        moment: Instant = getattr(self, _DATES[date_type])
        return moment
