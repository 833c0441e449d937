"""What a mock knows from its start on: a YAML or JSON file of persons, tokens, permissions, invoices, ...

The file is checked strictly, as a whole, before anything of it is set up; what is wrong is named by its path
(`persons[1].pesel`). Its members are those of `Seed`. Read from a file every scalar is taken as its member
wants it, so that a NIP need not be quoted and a PESEL keeps its leading zeros.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
from cryptography import x509

from ksef_mock.auth.ksef_tokens import DEFAULT_DESCRIPTION, Permission, TokenStatus
from ksef_mock.auth.subjects import SubjectType, SubUnit
from ksef_mock.clock import iso
from ksef_mock.crypto.pki import fingerprint_of
from ksef_mock.errors import BadRequest
from ksef_mock.fault import Fault
from ksef_mock.identifiers import Identifier, is_context_identifier, is_subject_identifier
from ksef_mock.limits import PRODUCTION_RATE_LIMITS
from ksef_mock.state.store import Table
from ksef_mock.warning import WarningText
from ksef_mock.wire_invoices import InvoiceSeed
from ksef_mock.wire_limits import (
    RateLimitsOverride,
    SetRateLimitsRequest,
    SetSessionLimitsRequest,
    SetSubjectLimitsRequest,
)
from ksef_mock.wire_peppol import ProviderSeed
from ksef_mock.wire_testdata import Description, Nip, Pesel

if TYPE_CHECKING:
    from ksef_mock.system import System

T = TypeVar("T")

_LARGEST_FILE = 10_000_000


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


class SeedLimits(_Entry):
    """Limits in the context of a NIP, in the words of /testdata/limits and /testdata/rate-limits."""

    nip: Nip
    session: SetSessionLimitsRequest | None = None
    rate_limits: Literal["production"] | RateLimitsOverride | None = None
    #: Of the NIP as a subject.
    certificates: SetSubjectLimitsRequest | None = None


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
    peppol_providers: tuple[ProviderSeed, ...] = ()
    faults: tuple[Fault, ...] = ()

    def summary(self) -> str:
        """What is in it, in a few words."""
        counts = [
            f"{len(value)} {_WORDS.get(name, name)}"
            for name, value in msgspec.structs.asdict(self).items()
            if isinstance(value, tuple) and value
        ]
        return ", ".join(counts) or "nothing"


_WORDS = {"blocked": "blocked contexts", "peppol_providers": "Peppol providers"}


class Planted(msgspec.Struct, frozen=True):
    """The mark of a store that has been seeded, or is being."""

    at: int
    #: False: somebody is at it, or ended in the middle.
    complete: bool = True


PLANTED: Table[Planted] = Table("planted-seed", Planted)
_KEY = "seed"
#: Seconds: how long to wait for another process that seeds the same store, and how often to look.
_PATIENCE, _PAUSE = 10.0, 0.05


def load_seed(path: Path) -> Seed:
    """The seed in a file: JSON if its name ends in .json, else YAML.

    Raises:
        SeedError: it cannot be read, is malformed, or an entry of it is wrong.
        ModuleNotFoundError: it is YAML, and PyYAML is not installed.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise SeedError(f"{path}: {error.strerror or error}") from None
    if len(content) > _LARGEST_FILE:
        raise SeedError(f"{path}: larger than {_LARGEST_FILE:,} bytes")
    try:
        document = json.loads(content) if path.suffix.lower() == ".json" else _yaml(content)
        return read_seed(document, path.parent)
    except SeedError as error:
        raise SeedError(f"{path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise SeedError(f"{path}: {error}") from None


def read_seed(document: Any, folder: Path | None = None) -> Seed:
    """A seed from plain dictionaries, lists and scalars.

    Args:
        folder: where the files are that it names; the current one if None.

    Raises:
        SeedError: an entry of it is wrong.
    """
    try:
        seed = msgspec.convert({} if document is None else document, Seed, strict=False)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at `$")
        place = where.rstrip("`").lstrip(".")
        raise SeedError(f"{place}: {said}" if place else said) from None
    certificates: list[SeedCertificate] = []
    for place, certificate in _placed("certificates", seed.certificates):
        with _at(place):
            certificates.append(_resolved(certificate, folder or Path()))
    for place, token in _placed("tokens", seed.tokens):
        with _at(place):
            token.owner()
    for place, grant in _placed("permissions", seed.permissions):
        with _at(f"{place}.authorized"):
            grant.holder()
    for place, fault in _placed("faults", seed.faults):
        with _at(place):
            fault.checked()
    return msgspec.structs.replace(seed, certificates=tuple(certificates))


async def plant(system: System, seed: Seed, *, patience: float = _PATIENCE) -> bool:
    """Set everything up, in the order of the members; False if the mock's store has been seeded before.

    If another process is at it, its end is waited for, `patience` seconds at most.

    Raises:
        SeedError: two entries contradict each other, or an earlier process has ended in the middle of it.
        StoreUnavailable: a remote store cannot be reached.
    """
    begun = Planted(system.clock.now(), complete=False)
    if not await system.store.insert(PLANTED, _KEY, begun, None):
        await _wait_for_another(system, patience)
        return False
    await _plant(system, seed)
    await system.store.swap(PLANTED, _KEY, begun, Planted(begun.at), None)
    return True


async def _wait_for_another(system: System, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        mark = await system.store.get(PLANTED, _KEY)
        if mark is None or mark.complete:  # None: the store was emptied meanwhile, by a reset that seeds it
            return
        if time.monotonic() >= deadline:
            raise SeedError(
                f"the store was seeded only in part: whoever began at {iso(mark.at)} has not finished."
                " Empty the store (remove the file, or reset the mock that uses it)"
            )
        await asyncio.sleep(_PAUSE)


async def _plant(system: System, seed: Seed) -> None:
    controls, subjects, limits = system.controls, system.subjects, system.limits
    if seed.clock.frozen:
        await controls.freeze()
    if seed.clock.time is not None:
        await controls.set_clock(seed.clock.time)
    if seed.warning is not None:
        await controls.warn(seed.warning)
    for place, person in _placed("persons", seed.persons):
        with _at(place):
            await subjects.create_person(
                person.nip,
                person.pesel,
                description=person.description,
                is_bailiff=person.is_bailiff,
                is_deceased=person.is_deceased,
                created_at=person.created_date,
            )
    for place, subject in _placed("subjects", seed.subjects):
        with _at(place):
            await subjects.create_subject(
                subject.nip,
                subject.type,
                description=subject.description,
                subunits=[SubUnit(unit.nip, unit.description) for unit in subject.subunits],
                created_at=subject.created_date,
            )
    for place, token in _placed("tokens", seed.tokens):
        with _at(place):
            await system.tokens.issue(
                token.owner(),
                token.permissions,
                description=token.description,
                text=token.token,
                status=token.status,
            )
    for place, grant in _placed("permissions", seed.permissions):
        for permission in grant.permissions:
            with _at(place):
                await system.permissions.grant(
                    Identifier("Nip", grant.nip),
                    grant.holder(),
                    permission,
                    description=grant.description,
                )
    for nip in seed.blocked:
        await system.permissions.block(Identifier("Nip", nip))
    for nip in seed.attachments:
        await system.attachments.allow(nip)
    for certificate in seed.certificates:
        assert certificate.fingerprint is not None  # `read_seed` has found it out
        if certificate.status == "revoked":
            await system.revocations.revoke_by(certificate.fingerprint)
        else:
            await system.revocations.suspend_by(certificate.fingerprint)
    for entry in seed.limits:
        context = Identifier("Nip", entry.nip)
        if entry.session is not None:
            await limits.set_context(context, entry.session.limits())
        if entry.rate_limits == "production":
            await limits.set_rates(context, PRODUCTION_RATE_LIMITS)
        elif entry.rate_limits is not None:
            await limits.set_rates(context, SetRateLimitsRequest(entry.rate_limits).limits())
        if entry.certificates is not None:
            await limits.set_subject(context, entry.certificates.limits())
    for place, invoice in _placed("invoices", seed.invoices):
        with _at(place):
            if not await system.invoices.add(invoice.invoice(system.clock.now())):
                raise SeedError(f"there are two with the number {invoice.ksef_number}")
    for place, provider in _placed("peppolProviders", seed.peppol_providers):
        with _at(place):
            if not await system.providers.register(provider.provider(system.clock.now())):
                raise SeedError(f"there are two with the id {provider.id}")
    for place, fault in _placed("faults", seed.faults):
        with _at(place):
            await system.faults.add(fault)


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


def _resolved(entry: SeedCertificate, folder: Path) -> SeedCertificate:
    given = [value for value in (entry.file, entry.pem, entry.fingerprint) if value is not None]
    if len(given) != 1:
        raise SeedError("exactly one of file, pem and fingerprint is needed")
    if entry.fingerprint is not None:
        fingerprint = entry.fingerprint.upper().replace(":", "")
        if not is_subject_identifier(Identifier("Fingerprint", fingerprint)):
            raise SeedError("fingerprint: 64 hex digits, the SHA-256 of the certificate")
        return SeedCertificate(fingerprint=fingerprint, status=entry.status)
    try:
        pem = (folder / entry.file).read_bytes() if entry.file is not None else (entry.pem or "").encode()
        certificate = x509.load_pem_x509_certificate(pem)
    except OSError as error:
        raise SeedError(f"file: {entry.file}: {error.strerror or error}") from None
    except ValueError:
        raise SeedError(f"{'pem' if entry.file is None else 'file'}: no certificate in PEM") from None
    return SeedCertificate(fingerprint=fingerprint_of(certificate), status=entry.status)


def _yaml(content: bytes) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "a seed in YAML needs PyYAML: pip install 'ksef-mock[seed]', or write it in JSON"
        ) from None

    class Loader(yaml.BaseLoader):
        """Leaves every scalar the text that it is; refuses a key that stands twice."""

    def mapping(loader: Loader, node: yaml.MappingNode) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str) or key in found:
                line = key_node.start_mark.line + 1
                raise SeedError(f"line {line}: the key {key!r} stands twice, or is no text")
            found[key] = loader.construct_object(value_node, deep=True)
        return found

    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    try:
        return yaml.load(content, Loader)  # noqa: S506  # a BaseLoader makes nothing but texts
    except yaml.YAMLError as error:
        raise SeedError(f"no YAML: {' '.join(str(error).split())}") from None
