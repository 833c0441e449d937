"""Signers of other people: what each can write, and one run of each over all of it.

A job is a line of nine members, split by tabs: the file to write; the key, to which `.pem`, `.der` (both
PKCS#8) and for RSA `.xml` (RSAKeyValue) are added; the certificate in DER (`.pem` is added for PEM);
SignatureMethod; c14n; prefix of the signature's elements, empty for a default namespace; the file with the
request; SigningTime; the layout of the properties, `plain` or `indented`. Digests are SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.xades.xades import XAdESDataObjectFormat, XAdESSigner

from ksef_mock.testing import MockServer
from tests.once import once
from tests.support import Api
from tests.third_party.node_client import install
from tests.xades.signer import C14N, C14N11, DS, ENVELOPED, EXC, SHA256, XADES, credentials, request_xml

HERE = Path(__file__).parent
_CACHE = Path(__file__).parents[2] / ".cache"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
#: The signature method of each kind of key.
METHODS = {"rsa": f"{_MORE}rsa-sha256", "ec": f"{_MORE}ecdsa-sha256", "SECP384R1": f"{_MORE}ecdsa-sha384"}
LAYOUTS = ("plain", "indented")
_SHORT = {C14N: "c14n10", C14N11: "c14n11", EXC: "exclusive"}
#: Seconds for one run of a program.
_PATIENCE = 900


class Absent(Exception):
    """A program is not installed; the message says which, and how to install it."""


@dataclass(frozen=True)
class Case:
    """One document to sign."""

    program: str
    key: str
    c14n: str
    prefix: str
    layout: str

    @property
    def file(self) -> str:
        return f"{self.program}-{self.key}-{_SHORT[self.c14n]}-{self.prefix or 'default'}-{self.layout}.xml"

    def __str__(self) -> str:
        return self.file.removesuffix(".xml")


@dataclass(frozen=True)
class Program:
    """A signer that is not ours: what it can write, and how it is run over a file of jobs."""

    run: Callable[[Path, Path], None]
    c14n: tuple[str, ...] = (C14N, C14N11, EXC)
    prefixes: tuple[str, ...] = ("ds", "")
    keys: tuple[str, ...] = tuple(METHODS)

    def cases(self, name: str) -> Iterator[Case]:
        for key, c14n, prefix, layout in product(self.keys, self.c14n, self.prefixes, LAYOUTS):
            yield Case(name, key, c14n, prefix, layout)


@dataclass(frozen=True)
class Job:
    """The members of a job by name."""

    output: str
    key: str
    certificate: str
    method: str
    c14n: str
    prefix: str
    request: str
    time: str
    layout: str


def prepare(folder: Path) -> None:
    """Keys, certificates, requests with a challenge each, the jobs of each program, the mock's snapshot."""
    folder.mkdir()
    for kind in METHODS:
        _write_credentials(folder, kind)
    cases = [case for name, program in PROGRAMS.items() for case in program.cases(name)]
    with MockServer() as mock:
        api = Api(mock.url)
        time = datetime.fromtimestamp(mock.clock.now() // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for case in cases:
            root = etree.fromstring(request_xml(challenge=api.challenge()["challenge"]).encode())
            if case.layout == "indented":
                etree.indent(root, "    ")
            request = f"request-{case.file}"
            (folder / request).write_bytes(etree.tostring(root))
            job = (
                case.file,
                case.key,
                f"{case.key}.cer",
                METHODS[case.key],
                case.c14n,
                case.prefix,
                request,
                time,
            )
            with (folder / f"{case.program}.jobs").open("a") as jobs:
                jobs.write("\t".join((*job, case.layout)) + "\n")
        api.close()
        (folder / "snapshot").write_bytes(mock.snapshot())
        (folder / "time").write_text(time)


def sign(program: str, prepared: Path, folder: Path) -> None:
    """One run of a program over its jobs; it leaves the documents in `folder`.

    Raises:
        Absent: it is not installed.
    """
    shutil.copytree(prepared, folder)
    PROGRAMS[program].run(folder / f"{program}.jobs", folder)


def _write_credentials(folder: Path, kind: str) -> None:
    own = credentials(kind)
    (folder / f"{kind}.cer").write_bytes(own.certificate.public_bytes(Encoding.DER))
    (folder / f"{kind}.cer.pem").write_bytes(own.certificate.public_bytes(Encoding.PEM))
    for name, encoding in (("der", Encoding.DER), ("pem", Encoding.PEM)):
        key = own.key.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{kind}.{name}").write_bytes(key)
    if isinstance(own.key, rsa.RSAPrivateKey):
        (folder / f"{kind}.xml").write_text(_rsa_key_value(own.key))


def _rsa_key_value(key: rsa.RSAPrivateKey) -> str:
    numbers, half, whole = key.private_numbers(), key.key_size // 16, key.key_size // 8
    public = numbers.public_numbers
    members = (
        ("Modulus", public.n, whole),
        ("Exponent", public.e, 3),
        ("P", numbers.p, half),
        ("Q", numbers.q, half),
        ("DP", numbers.dmp1, half),
        ("DQ", numbers.dmq1, half),
        ("InverseQ", numbers.iqmp, half),
        ("D", numbers.d, whole),
    )
    texts = (
        f"<{name}>{base64.b64encode(number.to_bytes(size, 'big')).decode()}</{name}>"
        for name, number, size in members
    )
    return f"<RSAKeyValue>{''.join(texts)}</RSAKeyValue>"


# ---- the programs


def _program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Absent(f"the program {name} is not installed (apt-get install {package})")
    return found


def _run(*command: str | Path, folder: Path) -> None:
    done = subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


def _mono(jobs: Path, folder: Path) -> None:
    packages = "mono-mcs mono-runtime libmono-system-security4.0-cil libmono-system-xml4.0-cil"
    compiler, runtime = _program("mcs", packages), _program("mono", packages)
    libraries = ["-r:System.Security.dll", "-r:System.Xml.dll"]
    _run(compiler, "-nologo", *libraries, "-out:Sign.exe", HERE / "mono" / "Sign.cs", folder=folder)
    _run(runtime, "Sign.exe", jobs, _program("openssl", "openssl"), folder=folder)


def _jdk(jobs: Path, folder: Path) -> None:
    _program("javac", "default-jdk-headless")
    _run(_program("java", "default-jdk-headless"), HERE / "java" / "Sign.java", jobs, folder=folder)


def _dss(jobs: Path, folder: Path) -> None:
    java = _program("java", "default-jdk-headless")
    _run(java, "-cp", f"{_dss_libraries()}/*", HERE / "dss" / "Sign.java", jobs, folder=folder)


def _dss_libraries() -> Path:
    """DSS and what it needs, of the versions in pom.xml, fetched from Maven Central once."""
    maven, pom = _program("mvn", "maven"), HERE / "dss" / "pom.xml"
    target = _CACHE / f"dss-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    _CACHE.mkdir(exist_ok=True)

    def fetch(folder: Path) -> None:
        goal = ("dependency:copy-dependencies", f"-DoutputDirectory={folder}")
        try:
            _run(maven, "-q", "-B", "-f", pom, *goal, folder=HERE)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            raise Absent(f"DSS cannot be fetched from Maven Central: {str(error)[:300]}") from None

    return once(target, fetch)


def _xml_crypto(jobs: Path, folder: Path) -> None:
    modules = install(HERE / "node")
    _run(_program("node", "nodejs npm"), HERE / "node" / "sign.mjs", jobs, modules, folder=folder)


def _xmlsec1(jobs: Path, folder: Path) -> None:
    xmlsec1 = _program("xmlsec1", "xmlsec1")
    for job in _read(jobs):
        template = folder / f"template-{job.output}"
        template.write_bytes(_template(job, folder))
        keys = ["--privkey-pem", f"{job.key}.pem,{job.certificate}.pem"]
        ids = ["--id-attr:Id", f"{XADES}:SignedProperties"]
        _run(xmlsec1, "--sign", *keys, *ids, "--output", job.output, template, folder=folder)


def _xmlsec(jobs: Path, folder: Path) -> None:
    xmlsec = load_xmlsec()
    for job in _read(jobs):
        root = etree.fromstring(_template(job, folder))
        signature = xmlsec.tree.find_node(root, xmlsec.constants.NodeSignature)
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_file(str(folder / f"{job.key}.pem"), xmlsec.constants.KeyDataFormatPem)
        context.key.load_cert_from_file(
            str(folder / f"{job.certificate}.pem"), xmlsec.constants.KeyDataFormatCertPem
        )
        (properties,) = root.iter(f"{{{XADES}}}SignedProperties")
        context.register_id(properties, "Id")
        context.sign(signature)
        (folder / job.output).write_bytes(etree.tostring(root))


def _signxml(jobs: Path, folder: Path) -> None:
    for job in _read(jobs):
        xades = XAdESSigner(
            signature_algorithm=SignatureMethod(job.method),
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=CanonicalizationMethod(job.c14n),
            data_object_format=XAdESDataObjectFormat(Description="AuthTokenRequest", MimeType="text/xml"),
        )
        key, certificate = (
            (folder / f"{job.key}.pem").read_bytes(),
            (folder / f"{job.certificate}.pem").read_text(),
        )
        root = etree.parse(folder / job.request).getroot()
        (folder / job.output).write_bytes(etree.tostring(xades.sign(root, key=key, cert=certificate)))


def load_xmlsec() -> Any:
    """The module `xmlsec`.

    Raises:
        Absent: it cannot be used here; the message says why.
    """
    try:
        import xmlsec
    except ImportError as error:
        raise Absent(f"xmlsec cannot be imported: {error}") from None
    except Exception as error:  # xmlsec.Error, of which nobody can import the name then
        raise Absent(f"xmlsec does not work beside this lxml: {error}") from None
    return xmlsec


def _read(jobs: Path) -> list[Job]:
    return [Job(*line.split("\t")) for line in jobs.read_text().splitlines()]


def _template(job: Job, folder: Path) -> bytes:
    """A request with a signature that lacks digests and value, for libxmlsec to fill in."""
    d = f"{job.prefix}:" if job.prefix else ""
    gap = "\n" if job.layout == "indented" else ""
    certificate = base64.b64encode(hashlib.sha256((folder / job.certificate).read_bytes()).digest()).decode()
    canonical = f'<{d}Transform Algorithm="{job.c14n}"/>'
    digest = f'<{d}DigestMethod Algorithm="{SHA256}"/>'
    references: Sequence[tuple[str, str]] = (
        ('URI=""', f'<{d}Transform Algorithm="{ENVELOPED}"/>{gap}{canonical}'),
        ('URI="#SignedProperties" Type="http://uri.etsi.org/01903#SignedProperties"', canonical),
    )
    lines = (
        f'<{d}Signature xmlns{":" * bool(job.prefix)}{job.prefix}="{DS}" Id="Signature">',
        f"<{d}SignedInfo>",
        f'<{d}CanonicalizationMethod Algorithm="{job.c14n}"/>',
        f'<{d}SignatureMethod Algorithm="{job.method}"/>',
        *(
            f"<{d}Reference {attributes}><{d}Transforms>{gap}{transforms}</{d}Transforms>{gap}{digest}"
            f"<{d}DigestValue/></{d}Reference>"
            for attributes, transforms in references
        ),
        f"</{d}SignedInfo>",
        f"<{d}SignatureValue/>",
        f"<{d}KeyInfo><{d}X509Data><{d}X509Certificate/></{d}X509Data></{d}KeyInfo>",
        f'<{d}Object><xades:QualifyingProperties xmlns:xades="{XADES}" Target="#Signature">',
        '<xades:SignedProperties Id="SignedProperties"><xades:SignedSignatureProperties>',
        f"<xades:SigningTime>{job.time}</xades:SigningTime>",
        "<xades:SigningCertificateV2><xades:Cert>",
        f"<xades:CertDigest>{digest}<{d}DigestValue>{certificate}</{d}DigestValue></xades:CertDigest>",
        "</xades:Cert></xades:SigningCertificateV2>",
        "</xades:SignedSignatureProperties></xades:SignedProperties>",
        f"</xades:QualifyingProperties></{d}Object>",
        f"</{d}Signature>",
    )
    root = etree.parse(folder / job.request).getroot()
    root.append(etree.fromstring(gap.join(lines)))
    return etree.tostring(root)


#: .NET's SignedXml knows no c14n 1.1 and writes no prefix; xml-crypto knows no c14n 1.1. signxml writes XAdES
#: with a prefix only, and wrongly with exclusive c14n (see tests/xades/test_oracles.py).
PROGRAMS = {
    "mono": Program(_mono, c14n=(C14N, EXC), prefixes=("",)),
    "jdk": Program(_jdk),
    "dss": Program(_dss, prefixes=("ds",)),
    "xmlsec1": Program(_xmlsec1),
    "xmlsec": Program(_xmlsec),
    "xml-crypto": Program(_xml_crypto, c14n=(C14N, EXC)),
    "signxml": Program(_signxml, c14n=(C14N, C14N11), prefixes=("ds",)),
}
