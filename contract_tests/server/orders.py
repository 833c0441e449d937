"""Right bodies of the operations that requirements order something with, and bodies with one fault."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from contract_tests.server.reply import Reply

DESCRIPTION: Final = "ksef-conformance"
#: A member that is not there.
ABSENT: Final = object()
#: For documentation, nobody's: NIP, PESEL, fingerprint, Peppol provider.
NIP: Final = "1111111111"
PESEL: Final = "44051401359"
FINGERPRINT: Final = "A1" * 32
PROVIDER: Final = "PPL123456"

PERSON: Final[dict[str, Any]] = {
    "subjectDetailsType": "PersonByIdentifier",
    "personById": {"firstName": "Jan", "lastName": "Kowalski"},
}
#: A person known by a certificate's fingerprint, with an identifier and without one.
PERSON_BY_FINGERPRINT: Final[dict[str, Any]] = {
    "subjectDetailsType": "PersonByFingerprintWithIdentifier",
    "personByFpWithId": {
        "firstName": "Jan",
        "lastName": "Kowalski",
        "identifier": {"type": "Pesel", "value": PESEL},
    },
}
STRANGER_BY_FINGERPRINT: Final[dict[str, Any]] = {
    "subjectDetailsType": "PersonByFingerprintWithoutIdentifier",
    "personByFpNoId": {
        "firstName": "John",
        "lastName": "Smith",
        "birthDate": "1980-02-29",
        "idDocument": {"type": "Passport", "number": "AB1234567", "country": "DE"},
    },
}
_ENTITY: Final[dict[str, Any]] = {"fullName": "Example sp. z o.o.", "address": "Some Street 1, Berlin"}


_LIMITS: Final = {"maxInvoiceSizeInMB": 1, "maxInvoiceWithAttachmentSizeInMB": 3, "maxInvoices": 10}


def identifier(kind: str, value: str) -> dict[str, str]:
    """`{"type": …, "value": …}`."""
    return {"type": kind, "value": value}


#: Operation -> its path and a right body. `{nip}` in a text stands for the NIP of the context.
ORDERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "person grant": (
        "/permissions/persons/grants",
        {
            "subjectIdentifier": identifier("Pesel", PESEL),
            "permissions": ["InvoiceRead"],
            "description": DESCRIPTION,
            "subjectDetails": PERSON,
        },
    ),
    "entity grant": (
        "/permissions/entities/grants",
        {
            "subjectIdentifier": identifier("Nip", NIP),
            "permissions": [{"type": "InvoiceRead", "canDelegate": True}],
            "description": DESCRIPTION,
            "subjectDetails": {"fullName": "Example sp. z o.o."},
        },
    ),
    "authorization": (
        "/permissions/authorizations/grants",
        {
            "subjectIdentifier": identifier("Nip", NIP),
            "permission": "SelfInvoicing",
            "description": DESCRIPTION,
            "subjectDetails": {"fullName": "Example sp. z o.o."},
        },
    ),
    "indirect grant": (
        "/permissions/indirect/grants",
        {
            "subjectIdentifier": identifier("Pesel", PESEL),
            "targetIdentifier": {"type": "AllPartners"},
            "permissions": ["InvoiceRead"],
            "description": DESCRIPTION,
            "subjectDetails": PERSON,
        },
    ),
    "sub-unit grant": (
        "/permissions/subunits/grants",
        {
            "subjectIdentifier": identifier("Pesel", PESEL),
            "contextIdentifier": identifier("InternalId", "{unit}"),
            "description": DESCRIPTION,
            "subunitName": "Warehouse",
            "subjectDetails": PERSON,
        },
    ),
    "EU administration grant": (
        "/permissions/eu-entities/administration/grants",
        {
            "subjectIdentifier": identifier("Fingerprint", FINGERPRINT),
            "contextIdentifier": identifier("NipVatUe", "{nip}-DE123456789"),
            "description": DESCRIPTION,
            "euEntityName": "Beispiel GmbH",
            "subjectDetails": {"subjectDetailsType": "EntityByFingerprint", "entityByFp": _ENTITY},
            "euEntityDetails": _ENTITY,
        },
    ),
    "EU entity grant": (
        "/permissions/eu-entities/grants",
        {
            "subjectIdentifier": identifier("Fingerprint", FINGERPRINT),
            "permissions": ["InvoiceRead"],
            "description": DESCRIPTION,
            "subjectDetails": {"subjectDetailsType": "EntityByFingerprint", "entityByFp": _ENTITY},
        },
    ),
    "personal query": ("/permissions/query/personal/grants", {}),
    "person query": (
        "/permissions/query/persons/grants",
        {"queryType": "PermissionsInCurrentContext"},
    ),
    "sub-unit query": ("/permissions/query/subunits/grants", {}),
    "entity query": ("/permissions/query/entities/grants", {}),
    "subordinate query": ("/permissions/query/subordinate-entities/roles", {}),
    "authorization query": ("/permissions/query/authorizations/grants", {"queryType": "Granted"}),
    "EU entity query": ("/permissions/query/eu-entities/grants", {}),
    "certificate query": ("/certificates/query", {}),
    "certificate retrieval": (
        "/certificates/retrieve",
        {"certificateSerialNumbers": ["0123456789ABCDEF"]},
    ),
    "organisation": (
        "/testdata/subject",
        {
            "subjectNip": NIP,
            "subjectType": "VatGroup",
            "subunits": [{"subjectNip": "2222222222", "description": DESCRIPTION}],
            "description": DESCRIPTION,
        },
    ),
    "person": (
        "/testdata/person",
        {"nip": NIP, "pesel": PESEL, "isBailiff": False, "description": DESCRIPTION},
    ),
    "test permission": (
        "/testdata/permissions",
        {
            "contextIdentifier": identifier("Nip", NIP),
            "authorizedIdentifier": identifier("Pesel", PESEL),
            "permissions": [{"permissionType": "InvoiceRead", "description": DESCRIPTION}],
        },
    ),
    "test revocation": (
        "/testdata/permissions/revoke",
        {
            "contextIdentifier": identifier("Nip", NIP),
            "authorizedIdentifier": identifier("Pesel", PESEL),
        },
    ),
    "attachment": ("/testdata/attachment", {"nip": NIP}),
    "attachment revocation": ("/testdata/attachment/revoke", {"nip": NIP}),
    "block": ("/testdata/context/block", {"contextIdentifier": identifier("Nip", NIP)}),
    "context limits": (
        "/testdata/limits/context/session",
        {
            "onlineSession": _LIMITS,
            "batchSession": _LIMITS,
            "collectiveIdentifier": {"maxInvoices": 500},
        },
    ),
}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in the body of an operation."""

    #: A key of `ORDERS`.
    order: str
    #: Names and positions that lead to the member.
    member: tuple[str | int, ...]
    #: What stands there instead; `ABSENT` takes the member away.
    value: Any
    #: What is wrong, after the name of the member: "is missing".
    why: str
    #: Whether no value of that type can be read at all (21001), instead of one that breaks a rule (21405).
    unreadable: bool = False

    def __str__(self) -> str:
        name = ".".join(str(step) for step in self.member)
        told = "is unreadable, 21001" if self.unreadable else "is refused with 21405"
        return f"{self.order[0].upper()}{self.order[1:]}: a body whose {name} {self.why} {told}."

    def body(self, **context: str) -> Any:
        """The right body with this fault in it; `context` fills in what depends on who asks."""
        return changed(body_of(self.order, **context), self.member, self.value)

    @property
    def path(self) -> str:
        return ORDERS[self.order][0]

    def expect(self, reply: Reply) -> None:
        """
        Raises:
            Failed: it was not refused for this.
        """
        reply.refused(21001 if self.unreadable else 21405, None)


def body_of(order: str, **context: str) -> dict[str, Any]:
    """A right body of its own, with `{nip}` and the like filled in."""
    filled: dict[str, Any] = _filled(ORDERS[order][1], context)
    return filled


def changed(body: Any, member: tuple[str | int, ...], value: Any) -> Any:
    """A copy of a body with another value at a member."""
    body = copy.deepcopy(body)
    place = body
    for step in member[:-1]:
        place = place[step]
    if value is ABSENT:
        del place[member[-1]]
    else:
        place[member[-1]] = value
    return body


def recased(value: Any) -> Any:
    """A body as ASP.NET's own clients may send it: the names of all members in PascalCase."""
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:]: recased(member) for name, member in value.items()}
    return [recased(each) for each in value] if isinstance(value, list) else value


def _filled(value: Any, context: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(member, context) for name, member in value.items()}
    if isinstance(value, list):
        return [_filled(each, context) for each in value]
    return value.format(**context) if isinstance(value, str) and "{" in value else value


def internal_identifier(nip: str, number: int = 1) -> str:
    """An internal identifier below a NIP, with a right check digit."""
    body = f"{nip}{number:04}"
    digit = sum(int(each) * (1 if position % 2 == 0 else 3) for position, each in enumerate(body)) % 10
    return f"{nip}-{number:04}{digit}"
