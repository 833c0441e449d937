"""What libxmlsec says of a signature that was judged here: the same, or one of the two is wrong.

For people who doubt a verdict. libxmlsec looks at the plain signature only, the digests and the value; it
knows nothing of XAdES, of KSeF's rules, or of why. It is an extra (`ksef-mock[judge]`); no server asks it.
"""

from __future__ import annotations

from importlib import metadata

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from ksef_mock.core.installed import how_to_install
from ksef_mock.xades.document import find_signature
from ksef_mock.xades.parsing import parse
from ksef_mock.xades.reading import Reading
from ksef_mock.xades.report import Check, Report

#: What must be right before a library that follows URIs and runs transforms may see a stranger's document.
_SAFE = (
    Check.ENCODING,
    Check.WELL_FORMEDNESS,
    Check.ONE_SIGNATURE,
    Check.FORM,
    Check.ALGORITHMS,
    Check.TRANSFORMS,
)


class Missing(Exception):
    """libxmlsec is not installed, or does not work here; the message says what to do."""


class Unasked(Exception):
    """libxmlsec is not asked about this document; the message says why."""


class Opinion(msgspec.Struct, frozen=True):
    """Two verdicts on the digests and the value of a signature."""

    #: Name and version of the other judge.
    judge: str
    #: Whether the signature holds: for the other judge, and here.
    holds: bool
    holds_here: bool
    #: What the other judge says of a signature that does not hold.
    reason: str = ""

    @property
    def agrees(self) -> bool:
        return self.holds is self.holds_here

    def to_dict(self) -> dict[str, str | bool]:
        """JSON-ready."""
        return {
            "judge": self.judge,
            "holds": self.holds,
            "holdsHere": self.holds_here,
            "agrees": self.agrees,
            "reason": self.reason,
        }

    def __str__(self) -> str:
        verdict = "holds" if self.holds else f"does not hold ({self.reason})"
        if self.agrees:
            return f"{self.judge} agrees: the plain signature {verdict}."
        return (
            f"{self.judge} disagrees: the plain signature {verdict}, which ksef-mock denies. "
            "We may be wrong; please report it with the document."
        )


def second_opinion(reading: Reading, report: Report) -> Opinion:
    """Ask libxmlsec about the document of a `report`.

    Raises:
        Missing: the library cannot be used here.
        Unasked: the document is none that it may see, or has no signature to judge.
    """
    if reading.root is None or reading.signature is None or report.certificate is None:
        raise Unasked("there is no signature with a certificate that could be judged")
    wrong = [check for check in _SAFE if not report.passed(check)]
    if wrong:
        raise Unasked(f"it is not asked about a document whose {wrong[0]} is wrong")
    uris = [reference.uri for reference in report.facts.references]
    if not all(uri == "" or (uri or "").startswith("#") for uri in uris):
        raise Unasked("it is not asked about a document with references that lead out of it")
    try:
        import xmlsec
    except ImportError as error:
        raise Missing(f"{how_to_install('judge')} ({error})") from None
    except Exception as error:  # xmlsec.Error, whose name is not to be had then
        libxml = ".".join(map(str, etree.LIBXML_VERSION))
        raise Missing(
            f"xmlsec does not work beside lxml {etree.__version__} with libxml2 {libxml}: {error}. "
            "Both must be built with one libxml2: pip install --upgrade lxml xmlsec"
        ) from None
    # A tree of its own: libxmlsec tells the document's Ids to libxml2.
    root = parse(reading.octets).getroot()
    context = xmlsec.SignatureContext()
    name = f"libxmlsec (xmlsec {metadata.version('xmlsec')})"
    holds_here = report.passed(Check.REFERENCES) and report.passed(Check.SIGNATURE_VALUE)
    try:
        for attribute in ("Id", "ID", "id"):
            for element in root.iterfind(f".//*[@{attribute}]"):
                context.register_id(element, attribute)
        certificate = report.certificate.public_bytes(Encoding.DER)
        context.key = xmlsec.Key.from_memory(certificate, xmlsec.constants.KeyDataFormatCertDer)
        context.verify(find_signature(root))
    except xmlsec.Error as error:
        return Opinion(name, holds=False, holds_here=holds_here, reason=str(error.args[-1]))
    return Opinion(name, holds=True, holds_here=holds_here)
