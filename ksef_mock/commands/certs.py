"""`ksef-mock certs`: writes the sample certificates, and a README with what the mock answers to each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ksef_mock.commands.files import write_private

if TYPE_CHECKING:
    from ksef_mock.clock import Clock
    from ksef_mock.crypto.pki import Credential, Pki, Role
    from ksef_mock.crypto.samples import Sample

#: Of every PKCS#12 file; the README tells it.
PASSWORD = "ksef-mock"

_YEAR = timedelta(days=365.25)


@click.command()
@click.option(
    "--out",
    default="certs",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to; files of the same names are replaced.",
)
@click.option(
    "--years", default=30, show_default=True, type=click.IntRange(1, 100), help="How long they are valid."
)
def certs(out: Path, years: int) -> None:
    """Write sample certificates with their keys: to log in with, and to be refused with.

    They are issued by CAs made for the occasion, whose certificates go to OUT/ca; start the mock with
    --trust for each of them to have it believe those CAs.
    """
    # Imported here: `ksef-mock --help` needs none of it.
    from ksef_mock.clock import Clock
    from ksef_mock.crypto.pki import Pki, Role
    from ksef_mock.crypto.samples import samples

    clock = Clock()
    pki = Pki(clock, valid_for=years * _YEAR)
    made = [(sample, sample.make(pki)) for sample in samples()]
    (out / "ca").mkdir(parents=True, exist_ok=True)
    for role in Role:
        (out / "ca" / _authority_file(role)).write_bytes(_pem(pki, role))
    for sample, credential in made:
        _write(out, sample, credential)
    (out / "README.md").write_text(_readme(made, pki, clock), encoding="utf-8")
    click.echo(f"{len(made)} certificates and {len(Role)} CAs in {out}; see {out / 'README.md'}")


def _write(out: Path, sample: Sample, credential: Credential) -> None:
    (out / f"{sample.name}.pem").write_bytes(credential.certificate_pem)
    write_private(out / f"{sample.name}.key", credential.key_pem)
    if sample.pkcs12:
        write_private(out / f"{sample.name}.p12", credential.pkcs12(PASSWORD, name=sample.name))


def _authority_file(role: Role) -> str:
    return f"{role.name.lower().replace('_', '-')}.pem"


def _pem(pki: Pki, role: Role) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return pki.authority(role).certificate.public_bytes(Encoding.PEM)


def _readme(made: Iterable[tuple[Sample, Credential]], pki: Pki, clock: Clock) -> str:
    rows = []
    for sample, credential in made:
        answers = (_answer(credential, pki, clock, strict=strict) for strict in (False, True))
        cells = (f"`{sample.name}`", sample.about, _names(credential), *answers)
        rows.append(f"| {' | '.join(cells)} |")
    return _README.format(password=PASSWORD, rows="\n".join(rows))


def _names(credential: Credential) -> str:
    from ksef_mock.xades.identity import SubjectIdentifierType, SubjectRefused, signer_of

    try:
        identifier = signer_of(credential.certificate, SubjectIdentifierType.SUBJECT).identifier
    except SubjectRefused:
        return "fingerprint only"
    return f"{identifier.type} {identifier.value}"


def _answer(credential: Credential, pki: Pki, clock: Clock, *, strict: bool) -> str:
    """What becomes of a right signature with this certificate, as far as the certificate goes."""
    from ksef_mock.crypto.chain import is_strong
    from ksef_mock.ksef.auth.trust import TrustPolicy, TrustService
    from ksef_mock.ksef.certificates.revocations import Revocations
    from ksef_mock.state import MemoryStore
    from ksef_mock.xades.identity import SubjectIdentifierType, SubjectRefused, signer_of
    from ksef_mock.xades.report import Refusal

    certificate = credential.certificate
    if not is_strong(certificate.public_key()):
        return "400, 21115"
    service = TrustService(pki, Revocations(MemoryStore(clock), clock), TrustPolicy(requires_chain=strict))
    trust = asyncio.run(service.judge(certificate, credential.chain, at=clock.now()))
    if isinstance(trust.result.consequence, Refusal):
        return f"400, {int(trust.result.consequence.code)}"
    if trust.verdict is not None:
        return f"460, {trust.verdict.detail}"
    try:
        signer_of(certificate, SubjectIdentifierType.SUBJECT)
    except SubjectRefused:
        return f"{trust.method} with `certificateFingerprint`, else 400, 21115"
    return str(trust.method)


_README = """\
# Sample certificates

For trying things out by hand. Made by `ksef-mock certs`, which replaces them all. The private keys are
public knowledge: never trust these certificates or their CAs for anything but the mock.

- `NAME.pem`, `NAME.key`: certificate and private key (PKCS#8, no password), both PEM.
- `NAME.p12`: the same in one PKCS#12 file, password `{password}`; of a few.
- `ca/qualified.pem`, `ca/trusted-profile.pem`, `ca/ksef.pem`: the CAs. A mock believes them if it is
  started with `--trust certs/ca/qualified.pem --trust certs/ca/trusted-profile.pem --trust
  certs/ca/ksef.pem`.

Without those options the mock does not know these CAs: the profiles demo and prod refuse all certificates
here as untrusted, and test takes each that is otherwise in order for a qualified one.

Whoever the certificate names by NIP is the owner in the context of that NIP and needs nothing else. PESEL
and fingerprint need a permission in the context first (`POST /testdata/permissions`); or, for a PESEL, a
person to whom it belongs (`POST /testdata/person`, which makes the PESEL as good as the NIP).

The answers below hold for a document that is right in every other respect, and with the CAs trusted. A
word is the `authenticationMethod` of a login that the certificate does not stop. A number is the status
of the operation, or HTTP status 400 with KSeF's exception code. A chain is asked for by demo and prod,
and by test if the request says `verifyCertificateChain=true`.

| Name | What it is | Names | No chain asked for | Chain asked for |
| --- | --- | --- | --- | --- |
{rows}
"""
