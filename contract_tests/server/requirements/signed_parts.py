"""POST /auth/xades-signature: the signed properties, algorithms and keys of a signed document."""

from __future__ import annotations

from contract_tests.server.catalogue import family, requirement
from contract_tests.server.identity import owner_of, random_nip
from contract_tests.server.probe import Probe
from contract_tests.server.requirements.signed_documents import (
    ALGORITHMS,
    MD5_URI,
    OWN,
    XSLT_URI,
    is_accepted,
    key_value,
)
from contract_tests.server.signer import (
    DS,
    ENVELOPED,
    EXC,
    Transform,
    enveloped_reference,
    key_info,
    properties_reference,
)

# -- SignedProperties -------------------------------------------------------------------------------------


@requirement(
    "KSEF-XADES-158",
    "A plain XML Signature without SignedProperties is refused: 9105.",
    source="documented: XAdES is enforced on TEST since schema 2.1",
    needs=OWN,
)
def properties_must_be_there(ctx: Probe) -> None:
    ctx.submit(with_properties=False).refused(9105)


@requirement(
    "KSEF-XADES-159",
    "SignedProperties that no reference covers are refused: 9105.",
    source="ETSI EN 319 132-1, 4.4",
    needs=OWN,
)
def properties_must_be_signed(ctx: Probe) -> None:
    ctx.submit(references=(enveloped_reference(),)).refused(9105)


@family(
    {"KSEF-XADES-160": None, "KSEF-XADES-161": "2099-01-01T00:00:00Z"},
    lambda time: f"A SigningTime {'in the future' if time else 'that is missing'} is refused: 9105.",
    source="ETSI EN 319 132-1, 5.2.1",
    needs=OWN,
)
def wrong_signing_time_is_refused(ctx: Probe, time: str | None) -> None:
    ctx.submit(signing_time=time).refused(9105)


@requirement(
    "KSEF-XADES-162",
    "Without SigningCertificate a signature is refused: 9105.",
    source="ETSI EN 319 132-1, 5.2.2",
    needs=OWN,
)
def signing_certificate_must_be_there(ctx: Probe) -> None:
    ctx.submit(signing_certificate=()).refused(9105)


@requirement(
    "KSEF-XADES-163",
    "A SigningCertificate that names another certificate is refused: 9105.",
    source="ETSI EN 319 132-1, 5.2.2",
    needs=OWN,
)
def signing_certificate_must_match(ctx: Probe) -> None:
    ctx.submit(certificate_octets=lambda octets: octets + b"\0").refused(9105)


# -- algorithms and keys ----------------------------------------------------------------------------------


@requirement(
    "KSEF-XADES-164",
    "A transform that is not permitted (XSLT) is refused: 9105.",
    source=ALGORITHMS,
    needs=OWN,
)
def other_transform_is_refused(ctx: Probe) -> None:
    sheet = (
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
        '<xsl:template match="/"><xsl:copy-of select="."/></xsl:template></xsl:stylesheet>'
    )
    steps = (Transform(ENVELOPED), Transform(XSLT_URI, sheet), Transform(EXC))
    references = (enveloped_reference(*steps), properties_reference(Transform(EXC)))
    ctx.submit(references=references).refused(9105)


@requirement(
    "KSEF-XADES-165",
    "A digest method that is not permitted (MD5) is refused: 9105.",
    source=ALGORITHMS,
    needs=OWN,
)
def other_digest_is_refused(ctx: Probe) -> None:
    references = (enveloped_reference(digest=MD5_URI), properties_reference(Transform(EXC)))
    ctx.submit(references=references).refused(9105)


@requirement(
    "KSEF-XADES-166",
    "A signature method that is not permitted (HMAC) is refused: 9105.",
    source=ALGORITHMS,
    needs=OWN,
)
def other_method_is_refused(ctx: Probe) -> None:
    ctx.submit(method=f"{DS}hmac-sha1").refused(9105)


@family(
    {"KSEF-XADES-167": "rsa-1024", "KSEF-XADES-168": "ec-224"},
    "A signature with an {} key is refused: 21115.",
    source=ALGORITHMS,
    needs=OWN,
)
def small_key_is_refused(ctx: Probe, kind: str) -> None:
    nip = random_nip()
    ctx.submit(owner_of(nip, kind), nip=nip).refused(21115)


@requirement(
    "KSEF-XADES-169",
    "A key beside the certificate in KeyInfo that is not the certificate's is refused: 9105.",
    source="XML Signature 4.5: all of KeyInfo names one key",
    severity="should",
    needs=OWN,
)
def other_key_value_is_refused(ctx: Probe) -> None:
    nip = random_nip()
    owner = owner_of(nip)
    for number, verdict in ((0, 202), (1, 400)):
        info = key_info(owner.der, extra=key_value(number))
        reply = ctx.submit(owner, nip=nip, key_info=info)
        if verdict == 202:
            is_accepted(ctx, reply)
        else:
            reply.refused(9105)
