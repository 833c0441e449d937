"""What a mock knows from its start on: a YAML or JSON file of persons, tokens, permissions, invoices, ...

The file is checked strictly, as a whole, before anything of it is set up; what is wrong is named by its path
(`persons[1].pesel`). Its members are those of `Seed`. Read from a file every scalar is taken as its member
wants it, so that a NIP need not be quoted and a PESEL keeps its leading zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from ksef_mock.core.bodies import WarningText
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.expected import explained
from ksef_mock.core.fault import Fault
from ksef_mock.core.identifiers import Identifier, is_context_identifier, is_subject_identifier
from ksef_mock.core.lighthouse import AnnouncementOrder, Breakdown, Scenario
from ksef_mock.core.permissions import Permission
from ksef_mock.core.text import counted
from ksef_mock.crypto.authority import fingerprint_of
from ksef_mock.crypto.certificate import load_pem_certificates
from ksef_mock.ksef.invoices.bodies import InvoiceSeed
from ksef_mock.ksef.limits.bodies import (
    CollectiveIdentifierLimitsOverride,
    RateLimitsOverride,
    RateOverride,
    SetSessionLimitsRequest,
    SetSubjectLimitsRequest,
)
from ksef_mock.ksef.limits.limits import CONTEXT_LIMITS, RATE_LIMITS
from ksef_mock.ksef.peppol.bodies import ProviderSeed
from ksef_mock.ksef.subjects.bodies import Description, Nip, Pesel
from ksef_mock.ksef.subjects.subjects import SubjectType
from ksef_mock.ksef.tokens.tokens import DEFAULT_DESCRIPTION, TokenStatus

if TYPE_CHECKING:
    pass

T = TypeVar("T")


class SeedError(ValueError):
    """The seed cannot be read, or an entry of it makes no sense; the message names it."""


class _Entry(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A member or an item of the file."""


class SeedClock(_Entry):
    """The time at the start."""

    #: ISO 8601; UTC unless it names an offset. None: real time.
    time: datetime | None = None
    #: Whether it stands still from then on.
    frozen: bool = False


class SeedPerson(_Entry):
    """A natural person, as POST /testdata/person makes one."""

    nip: Nip
    pesel: Pesel
    description: Description = "Osoba testowa"
    is_bailiff: bool = False
    is_deceased: bool = False
    created_date: datetime | None = None


class SeedUnit(_Entry):
    """A unit below an organisation."""

    nip: Nip
    description: Description = "Jednostka testowa"


class SeedSubject(_Entry):
    """A VAT group, a local government or an enforcement authority, as POST /testdata/subject makes one."""

    nip: Nip
    type: SubjectType
    description: Description = "Podmiot testowy"
    subunits: tuple[SeedUnit, ...] = ()
    created_date: datetime | None = None


class SeedIdentifier(_Entry):
    """An identifier of a context or a subject."""

    type: str
    value: str

    def checked(self, is_valid: Callable[[Identifier], bool], what: str) -> Identifier:
        """
        Raises:
            SeedError: it is none of a context or a subject, whichever is asked for.
        """
        identifier = Identifier(self.type, self.value)
        if not is_valid(identifier):
            raise SeedError(f"{identifier} is no identifier of a {what}")
        return identifier


class SeedToken(_Entry):
    """A KSeF token of a NIP, or of another context that has tokens."""

    nip: Nip | None = None
    context: SeedIdentifier | None = None
    #: Its text; generated if None.
    token: str | None = None
    permissions: tuple[Permission, ...] = tuple(Permission)
    description: str = DEFAULT_DESCRIPTION
    status: TokenStatus = TokenStatus.ACTIVE

    def owner(self) -> Identifier:
        """
        Raises:
            SeedError: not exactly one of nip and context is given, or it is none.
        """
        if (self.nip is None) is (self.context is None):
            raise SeedError("exactly one of nip and context is needed")
        if self.context is not None:
            return self.context.checked(is_context_identifier, "context")
        assert self.nip is not None
        return Identifier("Nip", self.nip)


class SeedGrant(_Entry):
    """What somebody may do in the context of a NIP, as POST /testdata/permissions grants it."""

    nip: Nip
    authorized: SeedIdentifier
    permissions: tuple[Permission, ...]
    description: Description = "Uprawnienie testowe"

    def holder(self) -> Identifier:
        """
        Raises:
            SeedError: `authorized` is no identifier of a subject.
        """
        return self.authorized.checked(is_subject_identifier, "subject")


class SeedCertificate(_Entry):
    """A certificate that was revoked or suspended: by a PEM file, PEM text or its fingerprint.

    The file's path begins at the folder of the seed.
    """

    file: str | None = None
    pem: str | None = None
    fingerprint: str | None = None
    status: Literal["revoked", "suspended"] = "revoked"


class SeedSessionLimits(SetSessionLimitsRequest):
    """The same as in /testdata; what API 2.7 added may be left out."""

    collective_identifier: CollectiveIdentifierLimitsOverride = msgspec.field(
        default_factory=lambda: CollectiveIdentifierLimitsOverride(
            CONTEXT_LIMITS.collective_identifier.max_invoices
        )
    )


class SeedRateLimits(RateLimitsOverride):
    """The same as in /testdata; what API 2.7 added may be left out."""

    collective_identifier: RateOverride = msgspec.field(
        default_factory=lambda: RateOverride(*msgspec.structs.astuple(RATE_LIMITS.collective_identifier))
    )


class SeedLimits(_Entry):
    """Limits in the context of a NIP, in the words of /testdata/limits and /testdata/rate-limits."""

    nip: Nip
    session: SeedSessionLimits | None = None
    rate_limits: Literal["production"] | SeedRateLimits | None = None
    #: Of the NIP as a subject.
    certificates: SetSubjectLimitsRequest | None = None


class SeedLighthouse(_Entry):
    """What the lighthouse tells at the start: a scenario, messages, or both."""

    play: Scenario | None = None
    messages: tuple[AnnouncementOrder, ...] = ()
    #: How it fails itself.
    breakdown: Breakdown | None = None


class Seed(_Entry):
    """The file."""

    clock: SeedClock = msgspec.field(default_factory=SeedClock)
    #: `X-System-Warning` of every answer.
    warning: WarningText | None = None
    persons: tuple[SeedPerson, ...] = ()
    subjects: tuple[SeedSubject, ...] = ()
    tokens: tuple[SeedToken, ...] = ()
    permissions: tuple[SeedGrant, ...] = ()
    #: NIPs in whose context nobody can log in.
    blocked: tuple[Nip, ...] = ()
    #: NIPs that may send attachments.
    attachments: tuple[Nip, ...] = ()
    certificates: tuple[SeedCertificate, ...] = ()
    limits: tuple[SeedLimits, ...] = ()
    invoices: tuple[InvoiceSeed, ...] = ()
    #: XML.
    documents: tuple[str, ...] = ()
    #: What `ksef-mock export` has written; their paths begin at the folder of the seed.
    invoice_folders: tuple[str, ...] = ()
    peppol_providers: tuple[ProviderSeed, ...] = ()
    faults: tuple[Fault, ...] = ()
    lighthouse: SeedLighthouse = msgspec.field(default_factory=SeedLighthouse)

    def summary(self) -> str:
        """What is in it, in a few words."""
        counts = [
            counted(len(value), _WORDS.get(name, name))
            for name, value in msgspec.structs.asdict(self).items()
            if isinstance(value, tuple) and value
        ]
        return ", ".join(counts) or "nothing"


_WORDS = {
    "blocked": "blocked contexts",
    "peppol_providers": "Peppol providers",
    "invoice_folders": "invoice folders",
}


def read_seed(document: Any, folder: Path | None = Path()) -> Seed:
    """A seed from plain dictionaries, lists and scalars.

    Args:
        folder: where the files are that it names; None: it may name none.

    Raises:
        SeedError: an entry of it is wrong.
    """
    try:
        seed = msgspec.convert({} if document is None else document, Seed, strict=False)
    except msgspec.ValidationError as error:
        raise SeedError(explained(error, document, Seed)) from None
    certificates: list[SeedCertificate] = []
    for place, certificate in _placed("certificates", seed.certificates):
        with _at(place):
            certificates.append(_resolved(certificate, folder))
    for place, token in _placed("tokens", seed.tokens):
        with _at(place):
            token.owner()
    for place, grant in _placed("permissions", seed.permissions):
        with _at(f"{place}.authorized"):
            grant.holder()
    for place, fault in _placed("faults", seed.faults):
        with _at(place):
            fault.checked()
    folders: list[str] = []
    for place, name in _placed("invoiceFolders", seed.invoice_folders):
        path = (folder or Path()) / name
        if not path.is_dir():
            raise SeedError(f"{place}: {path} is no folder")
        folders.append(str(path))
    return msgspec.structs.replace(seed, certificates=tuple(certificates), invoice_folders=tuple(folders))


def _placed(name: str, entries: Iterable[T]) -> Iterator[tuple[str, T]]:
    return ((f"{name}[{number}]", entry) for number, entry in enumerate(entries))


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Name the entry that something is wrong with."""
    try:
        yield
    except BadRequest as error:
        raise SeedError(f"{place}: {error.reason}") from None
    except ValueError as error:
        raise SeedError(f"{place}: {error}") from None


def _resolved(entry: SeedCertificate, folder: Path | None) -> SeedCertificate:
    given = [value for value in (entry.file, entry.pem, entry.fingerprint) if value is not None]
    if len(given) != 1:
        raise SeedError("exactly one of file, pem and fingerprint is needed")
    if entry.fingerprint is not None:
        fingerprint = entry.fingerprint.upper().replace(":", "")
        if not is_subject_identifier(Identifier("Fingerprint", fingerprint)):
            raise SeedError("fingerprint: 64 hex digits, the SHA-256 of the certificate")
        return SeedCertificate(fingerprint=fingerprint, status=entry.status)
    if entry.file is not None and folder is None:
        raise SeedError("file: no files can be named here: pem takes the certificate itself")
    try:
        file = None if entry.file is None else (folder or Path()) / entry.file
        pem = (entry.pem or "").encode() if file is None else file.read_bytes()
        certificate = load_pem_certificates(pem)[0]
    except OSError as error:
        raise SeedError(f"file: {entry.file}: {error.strerror or error}") from None
    except ValueError:
        raise SeedError(f"{'pem' if entry.file is None else 'file'}: no certificate in PEM") from None
    return SeedCertificate(fingerprint=fingerprint_of(certificate), status=entry.status)
