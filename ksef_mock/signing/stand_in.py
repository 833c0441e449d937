"""The stand-in for whoever signs outside of KSeF, with certificates of the mock's own authorities.

What podpis.gov.pl and the cloud services produce is not public; documented is an enveloped XAdES-BES by the
service's own certificate, and that is what this makes unless told otherwise.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from cryptography import x509

from ksef_mock.clock import SECOND
from ksef_mock.core.expected import NIP, PESEL, one_of, wrong
from ksef_mock.core.identifiers import Identifier, is_subject_identifier
from ksef_mock.crypto.pki import Credential, KeyKind, Pki, person, seal
from ksef_mock.signing.mistakes import Mistake, sign_wrongly
from ksef_mock.xades.algorithms import SIGNATURES, Ecdsa, Forbidden
from ksef_mock.xades.parsing import NotWellFormed
from ksef_mock.xades.signing import Form, Style, sign

#: By the part of the identifier that people write, `ecdsa-sha256`.
ALGORITHMS = {uri.rpartition("#")[2]: uri for uri in SIGNATURES}

_SIGNERS = "pesel:PESEL, nip:NIP or seal:NIP"
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=31)]


class Service(StrEnum):
    """Who vouches for the signer."""

    TRUSTED_PROFILE = "trusted-profile"
    QUALIFIED = "qualified"
    KSEF = "ksef"


class SignOrder(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """How a document is to be signed."""

    #: `pesel:90010112349`, `nip:5265877635` (a person) or `seal:5265877635` (an organisation).
    signer: Annotated[str, msgspec.Meta(description=_SIGNERS)] = msgspec.field(name="as")
    #: By default the Trusted Profile for a PESEL, a qualified certificate otherwise.
    by: Service | None = None
    form: Form = "enveloped"
    #: One of `ALGORITHMS`, or its identifier. By default RSA PKCS#1 v1.5 with SHA-256.
    algorithm: str | None = None
    mistake: Mistake | None = None
    given_name: _Name = "Anna"
    surname: _Name = "Nowak"
    organization: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "Firma sp. z o.o."

    @property
    def kind(self) -> str:
        """pesel, nip or seal."""
        return self.signer.partition(":")[0]

    def service(self) -> Service:
        """Who vouches.

        Raises:
            ValueError: the Trusted Profile is asked for a seal.
        """
        if self.kind == "seal" and self.by is Service.TRUSTED_PROFILE:
            raise ValueError("by: the Trusted Profile is of persons, it has no seals")
        return self.by or (Service.TRUSTED_PROFILE if self.kind == "pesel" else Service.QUALIFIED)

    def subject(self) -> x509.Name:
        """
        Raises:
            ValueError: `as` names nobody.
        """
        kind, _, value = self.signer.partition(":")
        if kind not in ("pesel", "nip", "seal"):
            raise ValueError(wrong("as", _SIGNERS, self.signer))
        of = "Pesel" if kind == "pesel" else "Nip"
        if not is_subject_identifier(Identifier(of, value)):
            raise ValueError(wrong("as", PESEL if kind == "pesel" else NIP, value))
        if kind == "seal":
            return seal(self.organization, nip=value)
        return person(self.given_name, self.surname, **{kind: value})

    def method(self) -> str | None:
        """The identifier of the signature method; None: the usual one of the key.

        Raises:
            ValueError: KSeF allows none of that name.
        """
        if self.algorithm is None:
            # The one mistake that needs such a key.
            return ALGORITHMS["ecdsa-sha256"] if self.mistake is Mistake.DER_ECDSA else None
        uri = ALGORITHMS.get(self.algorithm, self.algorithm)
        if uri not in SIGNATURES:
            raise ValueError(wrong("algorithm", one_of(ALGORITHMS), self.algorithm))
        return uri


def sign_as(xml: bytes, order: SignOrder, pki: Pki, now: int) -> bytes:
    """The document, signed with a new certificate of the person or organisation. Takes a tenth of a second.

    Args:
        now: ns since the epoch, the mock's time.

    Raises:
        ValueError: the order makes no sense, or `xml` cannot be signed; the message says why.
    """
    subject, service, method = order.subject(), order.service(), order.method()
    key: KeyKind = "ec" if method is not None and isinstance(SIGNATURES[method], Ecdsa) else "rsa"
    style = Style(form=order.form, signature_method=method)
    at = datetime.fromtimestamp(now // SECOND, UTC)
    signer = _credential(pki, service, subject, key)
    try:
        if order.mistake is None:
            return sign(xml, signer.certificate, signer.key, style, at=at)
        other = _credential(pki, service, subject, key)
        return sign_wrongly(xml, signer, other, style, at, order.mistake)
    except (NotWellFormed, Forbidden) as error:
        raise ValueError(f"the document cannot be signed: {error}") from None


def _credential(pki: Pki, service: Service, subject: x509.Name, key: KeyKind) -> Credential:
    match service:
        case Service.TRUSTED_PROFILE:
            return pki.trusted_profile(subject, key=key)
        case Service.QUALIFIED:
            return pki.qualified(subject, key=key)
        case Service.KSEF:
            return pki.ksef(subject, key=key)
