"""Those who judge what the stand-in signs: other libraries, each with the certificate in KeyInfo.

A judge returns whether the signature holds for it. None of them is KSeF: the chain, and who the signer is,
they are not asked.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from lxml import etree
from signxml import DigestAlgorithm, SignatureMethod  # type: ignore[attr-defined]
from signxml.exceptions import InvalidInput, SignXMLException
from signxml.xades import XAdESSignatureConfiguration, XAdESVerifier  # type: ignore[attr-defined]

from tests.judges.programs import Absent, load_xmlsec
from tests.xades.signer import DS
from tests.xades.xmlsec1 import XMLSEC1, xmlsec1_accepts

Judge: TypeAlias = Callable[[bytes, Path], bool]

_CERTIFICATE = re.compile(rb"<ds:X509Certificate>([^<]+)<")


def xmlsec(document: bytes, _folder: Path) -> bool:
    """PyPI xmlsec, with a libxmlsec of its own, which may be of another version."""
    library = load_xmlsec()
    root = etree.fromstring(document)
    try:
        context = library.SignatureContext()
        context.key = library.Key.from_memory(_certificate(document), library.KeyFormat.CERT_DER)
        for element in root.iter("*"):
            if element.get("Id"):
                context.register_id(element, "Id")
        context.verify(next(root.iter(f"{{{DS}}}Signature")))
    except library.Error:
        return False
    return True


def signxml(document: bytes, _folder: Path) -> bool:
    """PyPI signxml, which knows XAdES: the two references, SigningCertificate, the schema."""
    try:
        certificate = load_der_x509_certificate(_certificate(document))
        pem = certificate.public_bytes(Encoding.PEM).decode()
        XAdESVerifier().verify(document, x509_cert=pem, expect_config=_EXPECTED)
    except (SignXMLException, InvalidInput, ValueError, etree.LxmlError):
        return False
    return True


def _certificate(document: bytes) -> bytes:
    found = _CERTIFICATE.search(document)
    assert found is not None
    return base64.b64decode(found[1])


_EXPECTED = XAdESSignatureConfiguration(
    require_x509=True,
    location=".//",
    expect_references=2,
    signature_methods=frozenset(SignatureMethod),
    digest_algorithms=frozenset(DigestAlgorithm),
)


def _absent() -> Mapping[str, str]:
    absent = {}
    if XMLSEC1 is None:
        absent["xmlsec1"] = "the program is not installed (apt-get install xmlsec1)"
    try:
        load_xmlsec()
    except Absent as reason:
        absent["xmlsec"] = str(reason)
    return absent


#: xmlsec1, the program, knows plain signatures alone.
ALL: Mapping[str, Judge] = {"xmlsec1": xmlsec1_accepts, "xmlsec": xmlsec, "signxml": signxml}
#: Those that this machine lacks, and why.
ABSENT = _absent()
JUDGES = {name: judge for name, judge in ALL.items() if name not in ABSENT}
