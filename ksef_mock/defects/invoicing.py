"""Defects of who issues whose invoices, who finds them, and what is told of each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest, KsefError
from ksef_mock.core.identifiers import Identifier
from ksef_mock.defects.catalogue import defect, table
from ksef_mock.defects.mock import Answer, Ask, Mock
from ksef_mock.ksef.invoices.documents import Document
from ksef_mock.ksef.invoices.invoices import Found, Invoices, Query
from ksef_mock.ksef.invoices.rules import Ground, Rights

_OPEN = "/sessions/online"
_QUERY = "/invoices/query/metadata"

_Break: TypeAlias = Callable[[Mock], None]
#: Says why the context may issue an invoice; the last argument is what KSeF would say.
_Judge: TypeAlias = Callable[[Rights, Document, Ground | None], Ground | None]


# -- who issues whose invoices ----------------------------------------------------------------------------


class _Judged:
    """The rights of a context, judged by somebody else."""

    def __init__(self, rights: Rights, judge: _Judge) -> None:
        self._rights = rights
        self._judge = judge

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rights, name)

    def ground(self, document: Document) -> Ground | None:
        return self._judge(self._rights, document, self._rights.ground(document))


def _judging(judge: _Judge) -> _Break:
    def break_(mock: Mock) -> None:
        def make(of: Any) -> Any:
            async def judged(*arguments: Any, **options: Any) -> Any:
                return _Judged(await of(*arguments, **options), judge)

            return judged

        mock.replace(mock.system.reception._rights, "of", make)

    return break_


def _given(rights: Rights, document: Document, permission: str) -> bool:
    seller = "" if document.seller is None else document.seller.nip
    return permission in rights.authorizations.get(seller, ())


def _is_buyer(rights: Rights, document: Document) -> bool:
    return document.buyer.identifier.value == rights.context.value


def _never(ground: Ground) -> _Judge:
    return lambda _rights, _document, found: None if found is ground else found


def _also(condition: Callable[[Rights, Document], bool], ground: Ground) -> _Judge:
    return lambda rights, document, found: found or (ground if condition(rights, document) else None)


def _is_authorized_subject(rights: Rights, document: Document) -> bool:
    authorized = document.authorized_subject
    return authorized is not None and authorized.nip == rights.context.nip


def _is_of_the_firm(rights: Rights, document: Document) -> bool:
    seller = document.seller
    return rights.context.type == "NipVatUe" and seller is not None and seller.nip == rights.context.nip


RIGHTS = table(
    "invoicing",
    (
        (name, summary, rule, _judging(judge))
        for name, summary, rule, judge in (
            (
                "self-invoicing-without-p17",
                "SelfInvoicing lets a buyer issue an invoice that P_17 calls none of self-invoicing.",
                "SelfInvoicing is for invoices whose P_17 is 1.",
                _also(
                    lambda rights, document: (
                        _given(rights, document, "SelfInvoicing") and _is_buyer(rights, document)
                    ),
                    Ground.SELF_INVOICING,
                ),
            ),
            (
                "self-invoicing-for-any-buyer",
                "SelfInvoicing lets issue invoices to anybody.",
                "SelfInvoicing is for invoices whose buyer is the context.",
                _also(
                    lambda rights, document: (
                        _given(rights, document, "SelfInvoicing") and document.is_self_invoicing
                    ),
                    Ground.SELF_INVOICING,
                ),
            ),
            (
                "rr-invoicing-of-any-form",
                "RRInvoicing lets issue FA.",
                "RRInvoicing is for FA_RR.",
                _also(lambda rights, document: _given(rights, document, "RRInvoicing"), Ground.RR_INVOICING),
            ),
            (
                "self-invoicing-is-refused",
                "A buyer may not invoice itself though it was authorized.",
                "SelfInvoicing lets a buyer issue the seller's invoices.",
                _never(Ground.SELF_INVOICING),
            ),
            (
                "tax-representatives-are-refused",
                "A tax representative may not issue though he was authorized.",
                "TaxRepresentative lets issue the seller's invoices.",
                _never(Ground.TAX_REPRESENTATIVE),
            ),
            (
                "rr-invoicing-is-refused",
                "A buyer may not issue a farmer's FA_RR though it was authorized.",
                "RRInvoicing lets a buyer issue a farmer's FA_RR.",
                _never(Ground.RR_INVOICING),
            ),
            (
                "pef-providers-are-refused",
                "A Peppol provider may not issue PEF though it was authorized.",
                "PefInvoicing lets a Peppol provider issue PEF.",
                _never(Ground.PEF_INVOICING),
            ),
            (
                "pef-providers-need-no-authorization",
                "A Peppol provider issues PEF of anybody.",
                "A Peppol provider issues PEF of those who authorized it.",
                _also(lambda rights, _: rights.context.type == "PeppolId", Ground.PEF_INVOICING),
            ),
            (
                "members-are-refused",
                "Members of a VAT group or a local government may not issue its invoices.",
                "Members of a VAT group or a local government issue its invoices.",
                _never(Ground.UNIT),
            ),
            (
                "bailiffs-are-refused",
                "A bailiff may not issue a debtor's invoice.",
                "A bailiff who is the authorized subject issues the debtor's invoice.",
                _never(Ground.ENFORCEMENT),
            ),
            (
                "bailiffs-issue-in-any-role",
                "A bailiff issues as an authorized subject in whatever role.",
                "A bailiff issues as an authorized subject in the roles 1 and 2.",
                _also(_is_authorized_subject, Ground.ENFORCEMENT),
            ),
            (
                "eu-entities-are-refused",
                "An EU entity may not invoice itself.",
                "An EU entity invoices itself in its own context.",
                _never(Ground.EU_SELF_INVOICING),
            ),
            (
                "eu-entities-issue-whatever-they-like",
                "An EU entity issues any invoice of the firm.",
                "An EU entity issues invoices to itself alone.",
                _also(_is_of_the_firm, Ground.EU_SELF_INVOICING),
            ),
        )
    ),
)


@defect("An authorization that was revoked lets nobody issue any more.")
def revoked_authorizations_go_on(mock: Mock) -> None:
    """Who has issued an invoice for a seller once may go on, whatever is revoked."""
    issued: dict[tuple[Identifier, str], Ground] = {}

    def judge(rights: Rights, document: Document, found: Ground | None) -> Ground | None:
        key = (rights.context, "" if document.seller is None else document.seller.nip)
        if found is not None:
            issued[key] = found
        return found or issued.get(key)

    _judging(judge)(mock)


@defect("A session of PEF_KOR opens for Peppol providers.")
def pef_corrections_have_no_sessions(mock: Mock) -> None:
    """No session opens for PEF_KOR."""

    def judge(ask: Ask) -> KsefError | None:
        form = (ask.json() or {}).get("formCode") or {}
        refused = form.get("systemCode") == "PEF_KOR (3)"
        return BadRequest(Code.VALIDATION, "Wskazany kod formularza nie jest wspierany.") if refused else None

    mock.refuse(judge, method="POST", path=_OPEN)


# -- who finds them ---------------------------------------------------------------------------------------


def _finds_nothing(subject: str, context: str | None = None) -> _Break:
    """Whoever asks as this subject (in a context of this type) finds nothing."""

    def break_(mock: Mock) -> None:
        invoices: Invoices = mock.system.invoices

        def make(find: Any) -> Any:
            async def found(who: Identifier, query: Query, **how: Any) -> Found:
                if query.subject_type == subject and context in (None, who.type):
                    return Found((), has_more=False, is_truncated=False)
                result: Found = await find(who, query, **how)
                return result

            return found

        mock.replace(invoices, "find", make)

    return break_


PARTS = table(
    "invoicing",
    (
        (
            f"{who}-find-nothing",
            f"A query as {subject} finds nothing.",
            f"Whom an invoice names finds it as {subject}.",
            _finds_nothing(subject),
        )
        for who, subject in (
            ("buyers", "Subject2"),
            ("third-subjects", "Subject3"),
            ("authorized-subjects", "SubjectAuthorized"),
        )
    ),
)


@defect("An EU entity finds what names it as the buyer.")
def eu_entities_find_nothing(mock: Mock) -> None:
    """A query in the context of an EU entity finds nothing."""
    _finds_nothing("Subject2", "NipVatUe")(mock)


@defect("Nobody finds an invoice that does not name him.")
def metadata_show_to_everybody(mock: Mock) -> None:
    """Whoever knows the number of an invoice finds its metadata."""
    invoices: Invoices = mock.system.invoices

    def make(find: Any) -> Any:
        async def found(who: Identifier, query: Query, **how: Any) -> Found:
            known = await invoices.get(query.ksef_number or "")
            if known is not None:
                return Found((known,), has_more=False, is_truncated=False)
            result: Found = await find(who, query, **how)
            return result

        return found

    mock.replace(invoices, "find", make)


# -- what is told of each kind ----------------------------------------------------------------------------


def _retold(change: Callable[[dict[str, Any]], object]) -> _Break:
    def edit(answer: Any) -> None:
        for each in answer["invoices"]:
            change(each)

    return lambda mock: mock.edit_json(edit, method="POST", path=_QUERY, status=200)


def _of_kind(kind: str, **members: Any) -> _Break:
    return _retold(lambda each: each.update(members) if each["invoiceType"] == kind else None)


def _buyers_identifier(change: Callable[[dict[str, Any]], object]) -> _Break:
    return _retold(lambda each: change(each["buyer"]["identifier"]))


def _without_country(identifier: dict[str, Any]) -> None:
    if identifier["type"] == "VatUe":
        identifier["value"] = identifier["value"][2:]


def _renamed(kind: str, to: str) -> Callable[[dict[str, Any]], None]:
    def change(identifier: dict[str, Any]) -> None:
        if identifier["type"] == kind:
            identifier["type"] = to

    return change


def _of_thirds(change: Callable[[dict[str, Any]], object]) -> _Break:
    return _retold(lambda each: [change(third) for third in each.get("thirdSubjects", ())])


def _vat_of_the_document(each: dict[str, Any]) -> None:
    if each["currency"] != "PLN":
        each["vatAmount"] = round(each["grossAmount"] - each["netAmount"], 2)


def _without_empty_list(each: dict[str, Any]) -> None:
    if not each["thirdSubjects"]:
        del each["thirdSubjects"]


TOLD = table(
    "invoicing",
    (
        (
            "refund-of-fa-rr-is-not-told",
            "vatAmount of a FA_RR is 0.",
            "vatAmount of a FA_RR is the refund.",
            _of_kind("VatRr", vatAmount=0.0),
        ),
        (
            "fa-rr-is-told-as-fa",
            "A FA_RR is of the type Vat.",
            "A FA_RR is of the type VatRr.",
            _of_kind("VatRr", invoiceType="Vat"),
        ),
        (
            "special-pef-is-told-as-plain",
            "A specialised PEF is of the type VatPef.",
            "A specialised PEF is of the type VatPefSp.",
            _of_kind("VatPefSp", invoiceType="VatPef"),
        ),
        (
            "pef-correction-is-told-as-plain",
            "A PEF_KOR is of the type VatPef.",
            "A PEF_KOR is of the type KorPef.",
            _of_kind("KorPef", invoiceType="VatPef"),
        ),
        (
            "pef-is-told-as-fa",
            "The form of a PEF is told as FA (3).",
            "The form of a PEF is that of its session.",
            _of_kind("VatPef", formCode={"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"}),
        ),
        (
            "pef-has-no-amounts",
            "grossAmount of a PEF is 0.",
            "grossAmount of a PEF is its TaxInclusiveAmount.",
            _of_kind("VatPef", grossAmount=0.0),
        ),
        (
            "vat-ue-of-a-buyer-has-no-country",
            "The VAT UE number of a buyer is told without its country.",
            "The VAT UE number of a buyer begins with its country.",
            _buyers_identifier(_without_country),
        ),
        (
            "foreign-buyers-have-no-identifier",
            "A buyer with an identifier of another kind is told as None.",
            "A buyer with an identifier of another kind is told as Other.",
            _buyers_identifier(_renamed("Other", "None")),
        ),
        (
            "internal-identifiers-are-told-as-nip",
            "A third subject with an internal identifier is told as Nip.",
            "A third subject with an internal identifier is told as InternalId.",
            _of_thirds(lambda third: _renamed("InternalId", "Nip")(third["identifier"])),
        ),
        (
            "roles-of-third-subjects-are-not-told",
            "The role of a third subject is 0.",
            "The role of a third subject is that of the document.",
            _of_thirds(lambda third: third.update(role=0)),
        ),
        (
            "authorized-subject-is-not-told",
            "authorizedSubject is absent.",
            "authorizedSubject is told where there is one.",
            _retold(lambda each: each.pop("authorizedSubject", None)),
        ),
        (
            "no-third-subjects-are-absent",
            "thirdSubjects is absent where there is none.",
            "thirdSubjects is an empty list where there is none.",
            _retold(_without_empty_list),
        ),
        (
            "vat-is-told-in-the-currency-of-the-invoice",
            "vatAmount is in the currency of the invoice.",
            "vatAmount is in PLN.",
            _retold(_vat_of_the_document),
        ),
    ),
)


def _ignored(name: str) -> _Break:
    return lambda mock: mock.edit_body(lambda body: body.pop(name, None), method="POST", path=_QUERY)


FILTERS = table(
    "invoicing",
    (
        (
            f"filter-{''.join(f'-{each.lower()}' if each.isupper() else each for each in name)}-is-ignored",
            f"{name} is ignored in queries for metadata.",
            f"{name} narrows a query for metadata.",
            _ignored(name),
        )
        for name in (
            "formType",
            "invoiceTypes",
            "isSelfInvoicing",
            "hasAttachment",
            "invoicingMode",
            "currencyCodes",
            "amount",
            "buyerIdentifier",
            "invoiceNumber",
            "sellerNip",
        )
    ),
)


@defect("Both bounds of an amount are included.")
def amounts_end_before_their_bound(mock: Mock) -> None:
    """A query with amount.to finds nothing."""

    def change(answer: Answer) -> None:
        asked = answer.ask.json()
        if isinstance(asked, dict) and (asked.get("amount") or {}).get("to") is not None:
            answer.body = b'{"hasMore":false,"isTruncated":false,"invoices":[]}'

    mock.edit_answer(change, method="POST", path=_QUERY, status=200)
