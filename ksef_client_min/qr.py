"""The links inside of the QR codes on an invoice: KOD I (look it up) and KOD II (who issued it offline)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import date

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from ksef_client_min.credentials import Credentials, PrivateKey
from ksef_client_min.environments import ENVIRONMENTS, Environment

_PSS = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32)


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """What the links say of an invoice."""

    seller_nip: str
    #: P_1.
    issue_date: date


def facts_of(document: bytes) -> InvoiceFacts:
    """Read an invoice of the ministry's own forms (FA, FA_RR).

    Raises:
        ValueError: it is no such invoice: not XML, or without the seller's NIP or P_1.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"not XML: {error}") from None
    nip = root.findtext("{*}Podmiot1/{*}DaneIdentyfikacyjne/{*}NIP")
    issued = root.findtext("{*}Fa/{*}P_1") or root.findtext("{*}FakturaRR/{*}P_4A")
    if nip is None or issued is None:
        raise ValueError("no invoice with a seller's NIP and a date of issue (P_1)")
    return InvoiceFacts(nip.strip(), date.fromisoformat(issued.strip()))


def invoice_link(environment: str | Environment, document: bytes, facts: InvoiceFacts | None = None) -> str:
    """KOD I.

    Args:
        environment: an `Environment`, or the address of a mock.
        document: the invoice as it is sent: the link has its SHA-256.
        facts: else they are read in the document.

    Raises:
        ValueError: see `facts_of`.
    """
    found = facts or facts_of(document)
    return f"{qr_root(environment)}/invoice/{found.seller_nip}/{found.issue_date:%d-%m-%Y}/{_hash(document)}"


def certificate_link(
    environment: str | Environment,
    document: bytes,
    credentials: Credentials,
    context: tuple[str, str],
    seller_nip: str | None = None,
) -> str:
    """KOD II, signed.

    Args:
        environment: an `Environment`, or the address of a mock.
        document: the invoice as it will be sent.
        credentials: a KSeF certificate of type Offline, and its key.
        context: type (Nip, InternalId, NipVatUe, PeppolId) and value of the context that will send it.
        seller_nip: else it is read in the document.

    Raises:
        ValueError: see `facts_of`; the key is neither RSA nor EC.
    """
    seller = seller_nip or facts_of(document).seller_nip
    serial = f"{credentials.certificate.serial_number:016X}"
    kind, value = context
    link = f"{qr_root(environment)}/certificate/{kind}/{value}/{seller}/{serial}/{_hash(document)}"
    return f"{link}/{_base64url(_signature(credentials.key, link.removeprefix('https://')))}"


def qr_root(environment: str | Environment) -> str:
    """Where the links of an environment lead to: its name, itself, or the address of a mock."""
    known = ENVIRONMENTS.get(environment) if isinstance(environment, str) else environment
    if known is not None:
        return known.qr
    assert isinstance(environment, str)
    return f"{environment.rstrip('/').removesuffix('/v2')}/qr"


def _signature(key: PrivateKey, text: str) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(text.encode(), _PSS, hashes.SHA256())
    # Both halves side by side (IEEE P1363), as the documentation has it first.
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    size = (key.curve.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _hash(document: bytes) -> str:
    return _base64url(hashlib.sha256(document).digest())


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
