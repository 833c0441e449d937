"""UPO 4-3: the ministry's signed confirmation of an invoice, or of all good invoices of a session.

Source: the schema upo-v4-3.xsd and its six examples. Where they disagree with each other the examples are
followed: the name of the receiver has the environment's suffix though the schema fixes it without, and the
range of a page is inclusive though the schema says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from xml.sax.saxutils import escape

from ksef_mock.clock import Instant, to_datetime
from ksef_mock.core.dates import warsaw
from ksef_mock.core.environment import ProfileName
from ksef_mock.core.identifiers import Identifier
from ksef_mock.crypto.pki import Credential
from ksef_mock.xades.canonical import C14N
from ksef_mock.xades.signing import Style, sign

NAMESPACE = "http://upo.schematy.mf.gov.pl/KSeF/v4-3"

#: Documents on a page of a session's UPO (the schema's maxOccurs).
PAGE = 10_000

#: Type of the context -> its element in IdKontekstu.
_CONTEXTS = {
    "Nip": "Nip",
    "InternalId": "IdWewnetrzny",
    "NipVatUe": "IdZlozonyVatUE",
    "PeppolId": "IdDostawcyUslugPeppol",
}

#: What follows the receiver's name (the examples; the name of DEMO and the absence of one for production are
#: stated by the documentation).
_SUFFIXES: dict[ProfileName, str] = {
    "test": " - środowisko testowe (TE)",
    "demo": " - środowisko przedprodukcyjne (TR)",
    "prod": "",
}


@dataclass(frozen=True, slots=True)
class Login:
    """How the session's owner had logged in."""

    context: Identifier
    #: Reference number of the KSeF token; None for a login with a signed document.
    token: str | None = None
    #: Base64 SHA-256 of the signed AuthTokenRequest as received.
    document_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An accepted invoice."""

    seller_nip: str
    ksef_number: str
    number: str
    #: P_1, as YYYY-MM-DD.
    issue_date: str
    #: When it was sent.
    invoiced_at: Instant
    #: When it was given its number.
    acquired_at: Instant
    #: Base64 SHA-256 of the file.
    hash: str
    #: `Online` or `Offline`.
    mode: str


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page stands in the UPO of a session; numbers begin at 1."""

    number: int
    pages: int
    #: Documents on all pages.
    total: int

    @property
    def first(self) -> int:
        return (self.number - 1) * PAGE + 1

    @property
    def last(self) -> int:
        return min(self.number * PAGE, self.total)


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a session's invoices: `FA (3)` and `1-0E`."""

    system_code: str
    schema_version: str

    @property
    def schema_file(self) -> str:
        return f"Schemat_{self.system_code.replace(' ', '')}_v{self.schema_version}.xsd"


#: What a verifier in the wild (ksef4j) expects: inclusive C14N, and a reference to `#SignedProperties`.
_STYLE = Style(canonicalization=C14N, unique_ids=False)

_Node: TypeAlias = tuple[str, "str | Sequence[_Node]"]


def document(
    profile: ProfileName,
    session: str,
    login: Login,
    form: Form,
    invoices: Sequence[Confirmed],
    page: Page | None = None,
) -> bytes:
    """The UPO, not yet signed.

    Args:
        session: reference number.
        page: of the UPO of a session; None for the UPO of one invoice.
    """
    proof = (
        ("NumerReferencyjnyTokenaKSeF", login.token)
        if login.token is not None
        else ("SkrotDokumentuUwierzytelniajacego", login.document_hash or "")
    )
    described: list[_Node] = []
    if page is not None:
        described = [
            (
                "OpisPotwierdzenia",
                [
                    ("Strona", str(page.number)),
                    ("LiczbaStron", str(page.pages)),
                    ("ZakresDokumentowOd", str(page.first)),
                    ("ZakresDokumentowDo", str(page.last)),
                    ("CalkowitaLiczbaDokumentow", str(page.total)),
                ],
            )
        ]
    content: list[_Node] = [
        ("NazwaPodmiotuPrzyjmujacego", f"Ministerstwo Finansów{_SUFFIXES[profile]}"),
        ("NumerReferencyjnySesji", session),
        (
            "Uwierzytelnienie",
            [("IdKontekstu", [(_CONTEXTS[login.context.type], login.context.value)]), proof],
        ),
        *described,
        ("NazwaStrukturyLogicznej", form.schema_file),
        ("KodFormularza", form.system_code),
        *(("Dokument", _described(invoice)) for invoice in invoices),
    ]
    body = "".join(_written(node) for node in content)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<Potwierdzenie xmlns="{NAMESPACE}">{body}</Potwierdzenie>'
    ).encode()


def signed(upo: bytes, ministry: Credential, at: Instant) -> bytes:
    """The UPO with the ministry's enveloped XAdES signature, made at the moment `at`."""
    certificate, key = ministry.certificate, ministry.key
    return sign(upo, certificate, key, _STYLE, chain=ministry.chain, at=to_datetime(at))


def _described(invoice: Confirmed) -> list[_Node]:
    return [
        ("NipSprzedawcy", invoice.seller_nip),
        ("NumerKSeFDokumentu", invoice.ksef_number),
        ("NumerFaktury", invoice.number),
        ("DataWystawieniaFaktury", invoice.issue_date),
        ("DataPrzeslaniaDokumentu", _local(invoice.invoiced_at)),
        ("DataNadaniaNumeruKSeF", _local(invoice.acquired_at)),
        ("SkrotDokumentu", invoice.hash),
        ("TrybWysylki", invoice.mode),
    ]


def _written(node: _Node) -> str:
    name, content = node
    inside = escape(content) if isinstance(content, str) else "".join(map(_written, content))
    return f"<{name}>{inside}</{name}>"


def _local(moment: Instant) -> str:
    # As in the examples: milliseconds, with the offset of Warsaw.
    return to_datetime(moment).astimezone(warsaw()).isoformat(timespec="milliseconds")
