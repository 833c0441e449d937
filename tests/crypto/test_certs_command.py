from __future__ import annotations

import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from ksef_mock.commands.certs import PASSWORD, certs
from ksef_mock.crypto.chain import load_anchors
from ksef_mock.crypto.pki import Role, role_of
from ksef_mock.crypto.samples import NIP, PESEL, SEAL_NIP, samples

COMMITTED = Path(__file__).parents[2] / "certs"

UNTRUSTED = "400, 21115"
BY_FINGERPRINT = "QualifiedSignature with `certificateFingerprint`, else 400, 21115"

#: Name of the sample -> what it names, the answer without a chain, the answer with one.
GOOD = {
    "qualified-person-pesel": (f"Pesel {PESEL}", "QualifiedSignature", "QualifiedSignature"),
    "qualified-person-nip": (f"Nip {NIP}", "QualifiedSignature", "QualifiedSignature"),
    "qualified-seal": (f"Nip {SEAL_NIP}", "QualifiedSeal", "QualifiedSeal"),
    "trusted-profile": (f"Pesel {PESEL}", "TrustedProfile", "TrustedProfile"),
    "ksef-authentication": (f"Nip {NIP}", "InternalCertificate", "InternalCertificate"),
    "self-signed-person": (f"Nip {NIP}", "QualifiedSignature", UNTRUSTED),
    "self-signed-seal": (f"Nip {SEAL_NIP}", "QualifiedSeal", UNTRUSTED),
    "fingerprint-person": ("fingerprint only", BY_FINGERPRINT, BY_FINGERPRINT),
    "ksef-offline": (f"Nip {NIP}", "460, Niepoprawny certyfikat", "460, Niepoprawny certyfikat"),
}
ANSWERS = {f"{name}-{key}": answers for name, answers in GOOD.items() for key in ("rsa", "ec")} | {
    "wrong-expired": (f"Nip {NIP}", "460, Nieważny certyfikat", "460, Nieważny certyfikat"),
    "wrong-not-yet-valid": (f"Nip {NIP}", "460, Nieważny certyfikat", "460, Nieważny certyfikat"),
    "wrong-rsa-1024": (f"Nip {NIP}", "400, 21115", "400, 21115"),
    "wrong-p-192": (f"Nip {NIP}", "400, 21115", "400, 21115"),
    "wrong-no-identifier": ("fingerprint only", BY_FINGERPRINT, UNTRUSTED),
    "wrong-seal-with-given-name": ("fingerprint only", BY_FINGERPRINT, UNTRUSTED),
    "wrong-person-without-surname": ("fingerprint only", BY_FINGERPRINT, UNTRUSTED),
    "wrong-untrusted-issuer": (f"Nip {NIP}", "QualifiedSignature", UNTRUSTED),
    "wrong-forged-issuer": (
        f"Nip {NIP}",
        "QualifiedSignature",
        "460, Błąd weryfikacji łańcucha certyfikatów",
    ),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certs") / "new"
    result = CliRunner().invoke(certs, ["--out", str(folder), "--years", "25"])
    assert result.exit_code == 0, result.output
    assert str(folder / "README.md") in result.output
    return folder


def table(readme: Path) -> dict[str, tuple[str, str, str]]:
    """Name -> the last three columns of the README's table."""
    rows = {}
    for line in readme.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            name, _, names, lenient, strict = (cell.strip() for cell in line.strip("|").split("|"))
            rows[name.strip("`")] = (names, lenient, strict)
    return rows


def certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())


def test_the_readme_says_what_the_mock_answers_to_each(written: Path) -> None:
    assert table(written / "README.md") == ANSWERS


def test_each_certificate_has_its_key(written: Path) -> None:
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for name in ANSWERS:
        key = load_pem_private_key((written / f"{name}.key").read_bytes(), None)
        expected = key.public_key().public_bytes(*spki)
        assert certificate(written, name).public_key().public_bytes(*spki) == expected, name


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_private_keys_are_for_their_owner_only(written: Path) -> None:
    private = [path for path in written.iterdir() if path.suffix in (".key", ".p12")]
    assert private
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_pkcs12_files_open_with_the_password_of_the_readme(written: Path) -> None:
    assert f"password `{PASSWORD}`" in (written / "README.md").read_text(encoding="utf-8")
    containers = sorted(written.glob("*.p12"))
    assert len(containers) == 6
    for path in containers:
        _, found, _ = pkcs12.load_key_and_certificates(path.read_bytes(), PASSWORD.encode())
        assert found == certificate(written, path.stem)


def test_cas_state_their_roles(written: Path) -> None:
    found = {path.stem: role_of(*load_anchors([path])) for path in (written / "ca").iterdir()}
    expected = {"qualified": Role.QUALIFIED, "trusted-profile": Role.TRUSTED_PROFILE, "ksef": Role.KSEF}
    assert found == expected


def test_validity_is_as_long_as_asked_for(written: Path) -> None:
    made = certificate(written, "qualified-seal-ec")
    assert made.not_valid_after_utc - made.not_valid_before_utc == 25 * timedelta(days=365.25)


def test_writing_again_replaces_everything(tmp_path: Path) -> None:
    for _ in range(2):
        assert CliRunner().invoke(certs, ["--out", str(tmp_path)]).exit_code == 0
    assert len(list(tmp_path.glob("*.pem"))) == len(ANSWERS)
    key = load_pem_private_key((tmp_path / "qualified-seal-ec.key").read_bytes(), None)
    assert key.public_key() == certificate(tmp_path, "qualified-seal-ec").public_key()


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert CliRunner().invoke(certs, ["--out", str(tmp_path / "file")]).exit_code == 2


def test_the_committed_samples_are_those_of_the_command() -> None:
    assert table(COMMITTED / "README.md") == ANSWERS
    assert {path.stem for path in COMMITTED.glob("*.pem")} == set(ANSWERS) == {s.name for s in samples()}


def test_the_committed_samples_last_for_decades() -> None:
    for name in ANSWERS:
        if not name.startswith(("wrong-expired", "wrong-not-yet-valid")):
            assert certificate(COMMITTED, name).not_valid_after_utc > datetime(2050, 1, 1, tzinfo=UTC), name


def test_sample_numbers_have_right_checksums() -> None:
    for nip in (NIP, SEAL_NIP):
        assert sum(w * int(d) for w, d in zip((6, 5, 7, 2, 3, 4, 5, 6, 7), nip, strict=False)) % 11 == int(
            nip[9]
        )
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    assert sum(w * int(d) for w, d in zip(weights, PESEL, strict=True)) % 10 == 0
