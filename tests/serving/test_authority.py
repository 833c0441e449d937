"""The CA of the mock's TLS: where it is kept, whom it vouches for, whom it does not."""

from __future__ import annotations

import datetime
import multiprocessing
import os
import pickle
import ssl
import stat
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from ksef_mock.clock import Clock
from ksef_mock.crypto.authority import Extension, Validity, authentication_usage, end_entity_extensions
from ksef_mock.crypto.pki import Pki, Role
from ksef_mock.serving import tls
from ksef_mock.serving.tls import (
    GATEWAYS,
    HOSTS,
    BrokenAuthority,
    ServerCertificate,
    TlsAuthority,
    default_folder,
)


def certificate_of(issued: ServerCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(issued.chain_pem)


def subject_of(host: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def verify(authority: TlsAuthority, certificate: x509.Certificate, host: str) -> None:
    """By an implementation that is not ours: the verifier of pyca/cryptography."""
    builder = PolicyBuilder().store(Store([authority.certificate])).time(datetime.datetime.now(datetime.UTC))
    builder.build_server_verifier(subject_of(host)).verify(certificate, [])


# -- kept in a folder -------------------------------------------------------------------------------------


def test_authority_survives(tmp_path: Path) -> None:
    first = TlsAuthority.kept_in(tmp_path / "tls")
    again = TlsAuthority.kept_in(tmp_path / "tls")
    assert first.certificate == again.certificate
    assert (tmp_path / "tls" / "ca.pem").read_bytes() == first.certificate_pem
    verify(first, certificate_of(again.issue()), "localhost")


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_its_key_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    TlsAuthority.kept_in(tmp_path / "deep" / "tls")
    assert stat.S_IMODE((tmp_path / "deep" / "tls").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "deep" / "tls" / "authority.pem").stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_can_read_is_not_used(tmp_path: Path, mode: int) -> None:
    TlsAuthority.kept_in(tmp_path)
    (tmp_path / "authority.pem").chmod(mode)
    with pytest.raises(BrokenAuthority, match="chmod 600"):
        TlsAuthority.kept_in(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_broken_file_is_an_error_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "authority.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(BrokenAuthority, match="no certificate with its key"):
        TlsAuthority.kept_in(tmp_path)
    assert path.read_bytes() == content


def test_key_of_another_certificate_is_an_error(tmp_path: Path) -> None:
    for name in ("one", "two"):
        TlsAuthority.kept_in(tmp_path / name)
    one, two = (tmp_path / name / "authority.pem" for name in ("one", "two"))
    certificate, _, key = one.read_bytes().partition(b"-----BEGIN PRIVATE KEY-----")
    two.write_bytes(certificate + two.read_bytes()[two.read_bytes().index(b"-----BEGIN PRIVATE KEY-----") :])
    assert key
    with pytest.raises(BrokenAuthority, match="not that of the certificate"):
        TlsAuthority.kept_in(tmp_path / "two")


def test_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BrokenAuthority, match="file"):
        TlsAuthority.kept_in(tmp_path / "file" / "tls")


def test_one_that_is_about_to_expire_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_AUTHORITY_LIFE", datetime.timedelta(days=29))
    old = TlsAuthority.kept_in(tmp_path)
    monkeypatch.undo()
    new = TlsAuthority.kept_in(tmp_path)
    assert new.certificate != old.certificate
    assert (tmp_path / "ca.pem").read_bytes() == new.certificate_pem
    assert TlsAuthority.kept_in(tmp_path).certificate == new.certificate


def kept(folder: Path) -> bytes:
    return TlsAuthority.kept_in(folder).certificate_pem


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert len(set(pool.map(kept, [tmp_path / "tls"] * 9, chunksize=1))) == 1
    assert {path.name for path in (tmp_path / "tls").iterdir()} == {"authority.pem", "ca.pem"}


@pytest.mark.skipif(sys.platform == "win32", reason="XDG is for Unix")
def test_default_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    assert default_folder() == Path("/somewhere/ksef-mock/tls")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/jan")
    assert default_folder() == Path("/home/jan/.local/state/ksef-mock/tls")


# -- whom it vouches for ----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", HOSTS)
def test_server_certificate_is_good_for_every_default_name(host: str) -> None:
    authority = TlsAuthority.create()
    verify(authority, certificate_of(authority.issue()), host)


def test_default_names_cover_ksef_of_every_environment() -> None:
    assert {"api-test.ksef.mf.gov.pl", "api-demo.ksef.mf.gov.pl", "api.ksef.mf.gov.pl"} <= set(GATEWAYS)
    assert {"ap-test.ksef.mf.gov.pl", "qr.ksef.mf.gov.pl", "api-latarnia-demo.ksef.mf.gov.pl"} <= set(
        GATEWAYS
    )


@pytest.mark.parametrize(
    "host", ["192.168.1.7", "10.9.8.7", "172.31.0.2", "fd00::7", "KSEF.test", "a.b.internal", "dom.local"]
)
def test_more_names_can_be_asked_for(host: str) -> None:
    authority = TlsAuthority.create()
    verify(authority, certificate_of(authority.issue([host])), host.lower())


def test_addresses_to_listen_on_are_not_named() -> None:
    authority = TlsAuthority.create()
    plain, any_address = (certificate_of(authority.issue(hosts)) for hosts in ([], ["0.0.0.0", "::"]))
    names = [c.extensions.get_extension_for_class(x509.SubjectAlternativeName) for c in (plain, any_address)]
    assert names[0] == names[1]


@pytest.mark.parametrize(
    "host",
    ["example.com", "mf.gov.pl", "evil-ksef.mf.gov.pl", "8.8.8.8", "2001:db8::1", "172.32.0.1", "test.pl"],
)
def test_it_refuses_to_name_what_it_may_not(host: str) -> None:
    with pytest.raises(ValueError, match="may not certify"):
        TlsAuthority.create().issue([host])


@pytest.mark.parametrize("host", ["", "a b", "*.test", "http://x.test", "a..test", "x" * 64 + ".test"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="neither a host name nor an IP address"):
        TlsAuthority.create().issue([host])


def forged(authority: TlsAuthority, host: str, usage: x509.ObjectIdentifier) -> x509.Certificate:
    """What a thief of the key would issue."""
    return authority._authority.certify(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]),
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        validity=Validity.since(Clock().now(), datetime.timedelta(days=30)),
        extensions=(
            *end_entity_extensions(authentication_usage()),
            Extension(x509.ExtendedKeyUsage([usage])),
            Extension(x509.SubjectAlternativeName([subject_of(host)])),
        ),
    )


def test_forgery_is_made_as_the_others_are() -> None:
    authority = TlsAuthority.create()
    verify(authority, forged(authority, "ksef.test", ExtendedKeyUsageOID.SERVER_AUTH), "ksef.test")


@pytest.mark.parametrize("host", ["example.com", "gov.pl", "podatki.gov.pl", "8.8.8.8", "2001:db8::1"])
def test_clients_refuse_it_for_any_other_name_even_if_its_key_is_stolen(host: str) -> None:
    authority = TlsAuthority.create()
    with pytest.raises(VerificationError):
        verify(authority, forged(authority, host, ExtendedKeyUsageOID.SERVER_AUTH), host)


def test_it_is_not_an_authority_that_logs_in() -> None:
    authority = TlsAuthority.create()
    pki = Pki(Clock())
    assert authority.certificate.public_key() not in [pki.authority(r).certificate.public_key() for r in Role]
    usage = authority.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert authority.certificate.extensions.get_extension_for_class(x509.NameConstraints).critical


# -- server certificates ----------------------------------------------------------------------------------


def test_server_certificate_goes_to_worker_processes_and_hides_its_key() -> None:
    issued = TlsAuthority.create().issue()
    assert pickle.loads(pickle.dumps(issued)) == issued
    assert b"PRIVATE KEY" in issued.key_pem
    assert "PRIVATE KEY" not in repr(issued)
    assert issued.context().minimum_version == ssl.TLSVersion.TLSv1_2


def test_own_certificate_is_loaded(tmp_path: Path) -> None:
    issued = TlsAuthority.create().issue()
    (tmp_path / "cert.pem").write_bytes(issued.chain_pem)
    (tmp_path / "key.pem").write_bytes(issued.key_pem)
    assert ServerCertificate.load(tmp_path / "cert.pem", tmp_path / "key.pem") == issued


def test_own_certificate_with_another_key_is_refused(tmp_path: Path) -> None:
    authority = TlsAuthority.create()
    (tmp_path / "cert.pem").write_bytes(authority.issue().chain_pem)
    (tmp_path / "key.pem").write_bytes(authority.issue().key_pem)
    with pytest.raises(ValueError, match="no certificate with its unencrypted key"):
        ServerCertificate.load(tmp_path / "cert.pem", tmp_path / "key.pem")
