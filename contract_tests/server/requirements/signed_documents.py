"""POST /auth/xades-signature: the documents and signatures that are accepted, and those that are not."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, utils
from lxml import etree

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal
from contract_tests.server.identity import owner_of, private_key, random_nip
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.signer import (
    C14N,
    C14N_METHODS,
    DIGESTS,
    ECDSA_METHODS,
    ENVELOPED,
    EXC,
    NOT_SIGNATURE,
    NS,
    PKCS1_METHODS,
    PSS_METHODS,
    Reference,
    Transform,
    b64,
    canonical,
    enveloped_reference,
    properties_reference,
    request_xml,
    without_signature,
)

_SOURCE = "OpenAPI POST /auth/xades-signature"
ALGORITHMS = "documented: permitted algorithms of XAdES signatures"
_FORMS = "documented: permitted forms of XAdES signatures"
_SEEN = f"{_SOURCE}: 9105; details seen on TEST"
_NEGATIVE = "Podpis zweryfikowany negatywnie."
OWN = {Capability.SELF_SIGNED}
XSLT_URI = "http://www.w3.org/TR/1999/REC-xslt-19991116"
MD5_URI = "http://www.w3.org/2001/04/xmldsig-more#md5"


def _ids(first: int, values: list[str]) -> dict[str, str]:
    return {f"KSEF-XADES-{first + position}": value for position, value in enumerate(values)}


def _short(uri: str) -> str:
    return uri.rpartition("/")[2]


# -- what is accepted -------------------------------------------------------------------------------------


@family(
    _ids(101, [*PKCS1_METHODS, *PSS_METHODS, *ECDSA_METHODS]),
    lambda uri: f"The signature method {_short(uri)} is accepted.",
    source=ALGORITHMS,
    needs=OWN,
)
def signature_method_is_accepted(ctx: Probe, uri: str) -> None:
    kind = "ec" if "ecdsa" in uri else "rsa"
    nip = random_nip()
    is_accepted(ctx, ctx.submit(owner_of(nip, kind), nip=nip, method=uri))


@family(
    _ids(121, list(DIGESTS)),
    lambda uri: f"The digest method {_short(uri)} is accepted, of references and of SigningCertificate.",
    source=ALGORITHMS,
    needs=OWN,
)
def digest_method_is_accepted(ctx: Probe, uri: str) -> None:
    is_accepted(ctx, ctx.submit(digest=uri))


@family(
    _ids(131, list(C14N_METHODS)),
    lambda uri: f"SignedInfo canonicalised by {_short(uri)} is accepted.",
    source=ALGORITHMS,
    needs=OWN,
)
def canonicalization_is_accepted(ctx: Probe, uri: str) -> None:
    is_accepted(ctx, ctx.submit(c14n=uri))


@family(
    {"KSEF-XADES-137": "2.0", "KSEF-XADES-138": "2.1"},
    "An AuthTokenRequest of schema {} is accepted.",
    source="XSD AuthTokenRequest 2.0 and 2.1",
    needs=OWN,
)
def schema_is_accepted(ctx: Probe, version: str) -> None:
    is_accepted(ctx, ctx.submit(request={"version": version}))


@family(
    {"KSEF-XADES-139": "enveloped", "KSEF-XADES-140": "enveloping"},
    "An {} signature is accepted.",
    source=_FORMS,
    needs=OWN,
)
def form_is_accepted(ctx: Probe, form: str) -> None:
    is_accepted(ctx, ctx.submit(form=form))


@family(
    {"KSEF-XADES-141": "ec-384", "KSEF-XADES-142": "ec-521", "KSEF-XADES-143": "rsa-3072"},
    "A signature with an {} key is accepted.",
    source=ALGORITHMS,
    needs=OWN,
)
def key_is_accepted(ctx: Probe, kind: str) -> None:
    nip = random_nip()
    is_accepted(ctx, ctx.submit(owner_of(nip, kind), nip=nip))


@family(
    {"KSEF-XADES-144": (2,), "KSEF-XADES-145": (1, 2)},
    lambda versions: f"SigningCertificate of version {' and '.join(map(str, versions))} is accepted.",
    source=_FORMS,
    needs=OWN,
)
def signing_certificate_is_accepted(ctx: Probe, versions: tuple[int, ...]) -> None:
    is_accepted(ctx, ctx.submit(signing_certificate=versions))


@requirement(
    "KSEF-XADES-146",
    "However the issuer is spelled in SigningCertificate: the digest decides.",
    source="seen in public clients",
    needs=OWN,
)
def issuer_may_be_spelled_otherwise(ctx: Probe) -> None:
    nip = random_nip()
    owner = owner_of(nip)
    serial = (
        f"<ds:X509IssuerName>CN=Jan Kowalski, SERIALNUMBER=TINPL-{nip}, SN=Kowalski, G=Jan, C=PL"
        "</ds:X509IssuerName>"
        f"<ds:X509SerialNumber>{owner.certificate.serial_number}</ds:X509SerialNumber>"
    )
    is_accepted(ctx, ctx.submit(owner, nip=nip, issuer_serial=serial))


@requirement(
    "KSEF-XADES-147",
    "A reference without Transforms is canonicalised by inclusive c14n 1.0.",
    source="XML Signature 4.4.3.2; seen in public clients",
    needs=OWN,
)
def reference_needs_no_transforms(ctx: Probe) -> None:
    is_accepted(ctx, ctx.submit(references=(enveloped_reference(), properties_reference())))


@family(
    {
        "KSEF-XADES-148": (NOT_SIGNATURE, Transform(EXC)),
        "KSEF-XADES-149": (Transform(ENVELOPED), Transform(C14N)),
        "KSEF-XADES-150": (Transform(ENVELOPED),),
    },
    lambda steps: f"The transforms {', '.join(_short(step.algorithm) for step in steps)} are accepted.",
    source=ALGORITHMS,
    needs=OWN,
)
def transforms_are_accepted(ctx: Probe, steps: tuple[Transform, ...]) -> None:
    references = (enveloped_reference(*steps), properties_reference(Transform(EXC)))
    is_accepted(ctx, ctx.submit(references=references))


# -- what was signed --------------------------------------------------------------------------------------


@requirement(
    "KSEF-XADES-151",
    "A document that was changed after signing is refused: 9105, and the detail names the element ''.",
    source=_SEEN,
    needs=OWN,
)
def changed_document_is_refused(ctx: Probe) -> None:
    document = ctx.signer(request={"policy": ""}).sign()
    changed = document.replace(b"certificateSubject", b"certificateFingerprint")
    detail = "Nieprawidłowa wartość skrótu dla referencji wskazującej na element ''."
    ctx.submit_signed(changed).refused(9105, detail)


@requirement(
    "KSEF-XADES-152",
    "SignedProperties that were changed after signing are refused: 9105, and the detail names their Id.",
    source=_SEEN,
    needs=OWN,
)
def changed_properties_are_refused(ctx: Probe) -> None:
    def change(root: etree._Element) -> None:
        time = root.find(".//xades:SigningTime", NS)
        assert time is not None
        time.text = (time.text or "").replace("Z", "+00:00")

    detail = "Nieprawidłowa wartość skrótu dla referencji wskazującej na element 'props'."
    ctx.submit(finish=change).refused(9105, detail)


@family(
    {"KSEF-XADES-153": "ec", "KSEF-XADES-154": "rsa"},
    "A signature value ({}) that differs in one bit is refused: 9105.",
    source=_SEEN,
    needs=OWN,
)
def changed_value_is_refused(ctx: Probe, kind: str) -> None:
    nip = random_nip()
    reply = ctx.submit(owner_of(nip, kind), nip=nip, value=lambda value: value[:-1] + bytes([value[-1] ^ 1]))
    reply.refused(9105, _NEGATIVE)


@requirement(
    "KSEF-XADES-155",
    "A DER-encoded ECDSA value is refused: 9105.",
    source="RFC 9231, 2.3.6: R and S side by side",
    needs=OWN,
)
def der_value_is_refused(ctx: Probe) -> None:
    def der(value: bytes) -> bytes:
        r, s = int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")
        return utils.encode_dss_signature(r, s)

    nip = random_nip()
    ctx.submit(owner_of(nip, "ec"), nip=nip, value=der).refused(9105, _NEGATIVE)


@requirement(
    "KSEF-XADES-156",
    "A signature that does not cover the AuthTokenRequest is refused: 9105.",
    source=f"{_SOURCE}: 9105",
    needs=OWN,
)
def request_must_be_signed(ctx: Probe) -> None:
    ctx.submit(references=(properties_reference(Transform(EXC)),)).refused(9105)


@requirement(
    "KSEF-XADES-157",
    "A signature with an empty list of references is refused: 9105.",
    source="seen from a public client with a broken XML library",
    needs=OWN,
)
def empty_reference_list_is_refused(ctx: Probe) -> None:
    ctx.submit(references=()).refused(9105)


# -- the document -----------------------------------------------------------------------------------------


@family(
    {"KSEF-XADES-170": b"", "KSEF-XADES-171": b"no XML", "KSEF-XADES-172": b"<AuthTokenRequest>"},
    lambda octets: f"{octets.decode() or 'An empty body'} is refused: 21001.",
    source=f"{_SOURCE}: 21001",
)
def unreadable_document_is_refused(ctx: Probe, octets: bytes) -> None:
    ctx.submit_signed(octets).refused(21001)


@requirement(
    "KSEF-XADES-173",
    "A document type declaration is refused: 21001, whatever it declares.",
    source=f"{_SOURCE}: 21001; security of XML: no DTD",
    needs=OWN,
)
def document_type_is_refused(ctx: Probe) -> None:
    ctx.submit(declaration="<!DOCTYPE AuthTokenRequest>").refused(21001)
    ctx.submit(declaration='<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>').refused(21001)


@requirement(
    "KSEF-XADES-174",
    "A document in UTF-16 is refused: 21217.",
    source=f"{_SOURCE}: 21217",
    needs=OWN,
)
def other_encoding_is_refused(ctx: Probe) -> None:
    text = ctx.signer(declaration='<?xml version="1.0" encoding="UTF-16"?>').sign().decode()
    ctx.submit_signed(text.encode("utf-16")).refused(21217)


@requirement(
    "KSEF-XADES-175",
    "A document without a signature is refused: 9102.",
    source=f"{_SOURCE}: 9102",
)
def unsigned_document_is_refused(ctx: Probe) -> None:
    nip = random_nip()
    document = request_xml(context=f"<Nip>{nip}</Nip>", challenge=ctx.challenge().value)
    ctx.submit_signed(document.encode()).refused(9102)


@requirement(
    "KSEF-XADES-176",
    "A document with two signatures is refused: 9103.",
    source=f"{_SOURCE}: 9103",
    needs=OWN,
)
def second_signature_is_refused(ctx: Probe) -> None:
    document = ctx.signer().sign()
    begin, end = document.index(b"<ds:Signature "), document.index(b"</ds:Signature>") + 15
    ctx.submit_signed(document[:end] + document[begin:end] + document[end:]).refused(9103)


@requirement(
    "KSEF-XADES-177",
    "A detached signature, beside the AuthTokenRequest in an element around both, is refused: 9101.",
    source=f"{_FORMS}: enveloped or enveloping",
    needs=OWN,
)
def detached_signature_is_refused(ctx: Probe) -> None:
    def detach(root: etree._Element) -> None:
        around = etree.Element("Documents")
        signature = root.find("ds:Signature", NS)
        assert signature is not None
        around.extend((root, signature))

    reply = ctx.submit(
        request={"attributes": ' Id="request"'},
        references=(Reference("#request", (Transform(EXC),)), properties_reference(Transform(EXC))),
        prepare=detach,
    )
    reply.refused(9101)


@requirement(
    "KSEF-XADES-178",
    "A signed request inside of another one (signature wrapping) is refused: 9101.",
    source="security of XML Signature: what is read is what was signed",
    needs=OWN,
)
def wrapped_request_is_refused(ctx: Probe) -> None:
    nip, challenge = random_nip(), ctx.challenge()

    def wrap(root: etree._Element) -> None:
        forged = request_xml(context=f"<Nip>{random_nip()}</Nip>", challenge=challenge.value)
        etree.fromstring(forged).append(root)

    original = Reference(
        "#original",
        (Transform(ENVELOPED), Transform(EXC)),
        octets=lambda root: canonical(without_signature(root), EXC),
    )
    reply = ctx.submit(
        nip=nip,
        challenge=challenge,
        request={"attributes": ' Id="original"'},
        references=(original, properties_reference(Transform(EXC))),
        finish=wrap,
    )
    reply.refused(9101)


@family(
    {
        "KSEF-XADES-179": ("<Challenge>", "<Extra/><Challenge>"),
        "KSEF-XADES-180": ("certificateSubject", "certificateColour"),
        "KSEF-XADES-181": ("</AuthTokenRequest>", "<Extra/></AuthTokenRequest>"),
    },
    lambda change: f"A document with {change[1]} is refused: 21401, with the validator's text as details.",
    source=f"{_SOURCE}: 21401; XSD AuthTokenRequest",
    needs=OWN,
)
def invalid_document_is_refused(ctx: Probe, change: tuple[str, str]) -> None:
    signer = ctx.signer()
    signer.request = signer.request.replace(*change)
    code, _, details = ctx.submit_signed(signer.sign()).refused(21401).error()
    equal(f"details of {code}", bool(details), True)


@requirement(
    "KSEF-XADES-182",
    "A comment inside of a value is refused: who stops reading there reads what was not signed.",
    source="security of XML Signature: canonicalisation leaves comments out",
    severity="should",
    needs=OWN,
)
def comment_inside_of_a_value_is_refused(ctx: Probe) -> None:
    nip = random_nip()
    split = f"<Nip>{nip[:5]}<!-- -->{nip[5:]}</Nip>"
    equal("status", ctx.submit(nip=nip, request={"context": split}).status, 400)


@requirement(
    "KSEF-XADES-183",
    "A challenge that was never issued, in a document that is right otherwise, is refused: 21111.",
    source=f"{_SOURCE}: 21111",
    needs=OWN,
)
def unknown_challenge_is_refused(ctx: Probe) -> None:
    value = ctx.challenge().value
    other = f"{value[:-1]}{'0' if value[-1] != '0' else '1'}"
    ctx.submit(request={"challenge": other}).refused(21111)


# -- means ------------------------------------------------------------------------------------------------


def is_accepted(ctx: Probe, reply: Reply) -> None:
    ctx.ends(ctx.started(reply.answers(202, shapes.STARTED)), 200)


def key_value(number: int) -> str:
    """The public key of the EC key with this number as a KeyValue."""
    key: Any = private_key("ec", number)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    numbers = key.public_key().public_numbers()
    point = b"\4" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    return (
        '<ds:KeyValue><e:ECKeyValue xmlns:e="http://www.w3.org/2009/xmldsig11#">'
        '<e:NamedCurve URI="urn:oid:1.2.840.10045.3.1.7"/>'
        f"<e:PublicKey>{b64(point)}</e:PublicKey></e:ECKeyValue></ds:KeyValue>"
    )
