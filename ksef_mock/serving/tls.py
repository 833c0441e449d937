"""TLS for the mock: a certificate authority that stays, and certificates that it issues for a server's names.

The authority is kept in a folder, so that a truststore made once goes on working.
Whoever trusts it trusts it for few names: its name constraints (RFC 5280, 4.2.1.10) leave out all but this
machine, private networks, names reserved for tests, and KSeF's own addresses, which lead clients that know no
others to the mock. It signs server certificates only; the authorities whose certificates log in are others
(`ksef_mock.crypto.pki`).
"""

from __future__ import annotations

import os
import ssl
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ksef_mock.clock import Clock, to_datetime
from ksef_mock.core.folders import state_folder
from ksef_mock.crypto.authority import (
    Authority,
    Extension,
    Validity,
    authentication_usage,
    end_entity_extensions,
)

#: KSeF's addresses: API, web portal, QR verification and Lighthouse of each environment, and the addresses
#: that the API had at first.
GATEWAYS = (
    *(
        f"{service}{environment}.ksef.mf.gov.pl"
        for environment in ("-test", "-demo", "")
        for service in ("api", "ap", "qr", "api-latarnia")
    ),
    "ksef-test.mf.gov.pl",
    "ksef-demo.mf.gov.pl",
    "ksef.mf.gov.pl",
)
#: What every server certificate names; `ksef-mock` is the usual name of the service in a container network.
HOSTS = ("localhost", "127.0.0.1", "::1", "ksef-mock", *GATEWAYS)

#: The authority may certify these names and all below them: KSeF's, and those that nobody can own
#: (RFC 2606, RFC 6761, RFC 6762, RFC 8375, and ICANN's reservation of .internal).
_PERMITTED_NAMES = (
    "ksef.mf.gov.pl",
    "ksef-test.mf.gov.pl",
    "ksef-demo.mf.gov.pl",
    "ksef-mock",
    "localhost",
    "test",
    "example",
    "internal",
    "local",
    "home.arpa",
)
#: … and these addresses: loopback, private (RFC 1918, RFC 4193) and link-local ones.
_PERMITTED_NETWORKS: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)

_AUTHORITY_LIFE = timedelta(days=3_652)
#: What clients take at most from a CA that a user has added (825 days) less some room.
_SERVER_LIFE = timedelta(days=800)
#: An authority that lives shorter than this is replaced: its server certificates would not live long.
_TOO_OLD = timedelta(days=30)

_AUTHORITY_FILE = "authority.pem"
#: The certificate alone, in the authority's folder.
CERTIFICATE_FILE = "ca.pem"


class BrokenAuthority(Exception):
    """The folder of the authority cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """What a TLS server shows, and the key that proves it; both PEM. Picklable, for worker processes."""

    #: The server's certificate, then those between it and the authority.
    chain_pem: bytes
    key_pem: bytes = field(repr=False)

    @classmethod
    def load(cls, certificate: Path, key: Path) -> ServerCertificate:
        """One's own certificate and key (not encrypted).

        Raises:
            OSError: a file cannot be read.
            ValueError: they are no PEM files of a certificate and its key.
        """
        own = cls(certificate.read_bytes(), key.read_bytes())
        try:
            own.context()
        except ssl.SSLError as error:
            raise ValueError(
                f"{certificate} and {key} are no certificate with its unencrypted key: {error.reason}"
            ) from None
        return own

    def context(self) -> ssl.SSLContext:
        """A server's TLS context: TLS 1.2 or newer, HTTP/1.1.

        Raises:
            ssl.SSLError: certificate and key do not belong together, or are none.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # OpenSSL's interface takes file names only. A folder of mkdtemp is its owner's alone.
        with tempfile.TemporaryDirectory(prefix="ksef-mock-") as folder:
            chain, key = Path(folder, "chain.pem"), Path(folder, "key.pem")
            chain.write_bytes(self.chain_pem)
            key.write_bytes(self.key_pem)
            context.load_cert_chain(chain, key, password=_no_password)
        return context


class TlsAuthority:
    """The certificate authority that clients are told to trust."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    @classmethod
    def create(cls) -> TlsAuthority:
        """A new one, kept nowhere. Its times are real ones: clients judge TLS by their own clocks."""
        validity = Validity.since(Clock().now(), _AUTHORITY_LIFE)
        constraints = x509.NameConstraints(
            permitted_subtrees=[
                *map(x509.DNSName, _PERMITTED_NAMES),
                *map(x509.IPAddress, _PERMITTED_NETWORKS),
            ],
            excluded_subtrees=None,
        )
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        extensions = (Extension(constraints, critical=True), Extension(usage))
        return cls(
            Authority.create("KSeF Mock TLS CA", validity=validity, extensions=extensions, path_length=0)
        )

    @classmethod
    def kept_in(cls, folder: Path) -> TlsAuthority:
        """The one of this folder, made if there is none yet. Several processes may ask at once.

        The folder gets `authority.pem` (certificate and key) and `ca.pem` (the certificate).

        Raises:
            BrokenAuthority: what is there is broken or readable by others, or the folder cannot be written.
        """
        path = folder / _AUTHORITY_FILE
        try:
            authority = _load(path)
            if authority is None or authority._expires_soon():
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                replaced = authority is not None
                authority = cls.create()
                _write_private(path, authority._pem, replace=replaced)
                # Another process may have been first; then its authority is the one.
                authority = _load(path) or authority
            certificate = folder / CERTIFICATE_FILE
            if not certificate.exists() or certificate.read_bytes() != authority.certificate_pem:
                _write_private(certificate, authority.certificate_pem, replace=True)
        except OSError as error:
            raise BrokenAuthority(f"{error.filename or folder}: {error.strerror or error}") from None
        return authority

    @property
    def certificate(self) -> x509.Certificate:
        return self._authority.certificate

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(self, hosts: Iterable[str] = ()) -> ServerCertificate:
        """A certificate for `HOSTS` and these names and addresses, with a new P-256 key.

        0.0.0.0 and ::, which servers listen on and clients do not ask for, are left out.

        Raises:
            ValueError: a host is neither a name nor an address, or one that this authority may not certify.
        """
        asked_for = (host for host in hosts if host not in ("0.0.0.0", "::"))  # noqa: S104
        names = [_general_name(host) for host in dict.fromkeys((*HOSTS, *asked_for))]
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._authority.certify(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ksef-mock")]),
            key.public_key(),
            validity=Validity.since(Clock().now(), _SERVER_LIFE),
            extensions=(
                *end_entity_extensions(authentication_usage()),
                Extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])),
                Extension(x509.SubjectAlternativeName(names)),
            ),
        )
        return ServerCertificate(
            certificate.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )

    @property
    def _pem(self) -> bytes:
        key = self._authority.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self.certificate_pem + key

    def _expires_soon(self) -> bool:
        return self.certificate.not_valid_after_utc - to_datetime(Clock().now()) < _TOO_OLD


def default_folder() -> Path:
    """Where the authority is kept unless told otherwise."""
    return state_folder() / "tls"


def _load(path: Path) -> TlsAuthority | None:
    """
    Raises:
        OSError: the file is there and cannot be read.
        BrokenAuthority: it holds no certificate with its key, or others can read it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            pem = file.read()
    except FileNotFoundError:
        return None
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise BrokenAuthority(f"{path} holds a private key and others may read it: chmod 600 {path}")
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise BrokenAuthority(f"{path} holds no certificate with its key: remove it for a new one") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise BrokenAuthority(f"{path}: the key is not that of the certificate: remove it for a new one")
    return TlsAuthority(Authority(key, certificate))


def _write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file as a whole, for its owner only; one that is there stays unless `replace`."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
    try:
        with open(handle, "wb") as file:
            file.write(content)
        if replace:
            os.replace(name, path)
        else:
            with suppress(FileExistsError):
                os.link(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _general_name(host: str) -> x509.GeneralName:
    address: IPv4Address | IPv6Address
    try:
        address = ip_address(host)
    except ValueError:
        return x509.DNSName(_permitted_name(host))
    if not any(address in network for network in _PERMITTED_NETWORKS):
        raise ValueError(_not_permitted(host))
    return x509.IPAddress(address)


def _permitted_name(host: str) -> str:
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    labels = name.split(".")
    if not all(label.replace("-", "").isalnum() for label in labels):
        raise ValueError(f"{host!r} is neither a host name nor an IP address")
    if not any(name == permitted or name.endswith(f".{permitted}") for permitted in _PERMITTED_NAMES):
        raise ValueError(_not_permitted(host))
    return name


def _not_permitted(host: str) -> str:
    return (
        f"the mock's CA may not certify {host!r}: only private addresses, and names in "
        f"{', '.join(_PERMITTED_NAMES)}; use a certificate of your own"
    )


def _no_password() -> str:
    # Without this OpenSSL would ask for it on the terminal.
    return ""
