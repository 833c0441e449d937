"""`ksef-mock verify`: the verdict, the explanation, the octets, the exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding

from ksef_mock.cli import main
from ksef_mock.clock import Clock
from ksef_mock.core.installed import how_to_install
from ksef_mock.crypto.pki import Pki, Role, person
from tests.xades import signer
from tests.xades.signer import NOW, Credentials, Signer, credentials, der_value

AT = NOW.isoformat()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "signed.xml"
    path.write_bytes(Signer().sign())
    return path


@pytest.fixture
def indented(tmp_path: Path) -> Path:
    path = tmp_path / "indented.xml"
    path.write_bytes(Signer().sign().replace(b"<Nip>", b"\n  <Nip>"))
    return path


def verify(*arguments: object, at: str = AT, stdin: bytes | None = None) -> Result:
    command = ["verify", *map(str, arguments), "--at", at]
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, command, input=stdin)


def test_right_document_exits_0(good: Path) -> None:
    result = verify(good)
    assert result.exit_code == 0, result.output
    assert "Nothing is wrong with this document" in result.output


def test_document_can_come_from_stdin(good: Path) -> None:
    assert verify("-", stdin=good.read_bytes()).exit_code == 0


def test_wrong_digest_exits_1_and_shows_the_answer_the_explanation_and_the_octets(indented: Path) -> None:
    result = verify(indented)
    assert result.exit_code == 1
    assert "400, 9105 Nieprawidłowy podpis." in result.output
    assert "Nieprawidłowa wartość skrótu dla referencji wskazującej na element ''." in result.output
    assert "Likely:    white space" in result.output
    assert "<ContextIdentifier>↵\n··<Nip>5265877635</Nip>" in result.output


def test_the_verdict_comes_first_and_what_could_not_be_made_is_folded(indented: Path) -> None:
    lines = verify(indented).output.splitlines()
    assert lines[0] == "KSeF refuses this document: references."
    assert any(line.endswith("more could not be made; --all lists them") for line in lines)
    whole = verify(indented, "--all").output
    assert len([line for line in whole.splitlines() if line.startswith("-  ")]) > 1
    assert "--all lists them" not in whole


def test_several_documents_have_a_report_each(good: Path, indented: Path, tmp_path: Path) -> None:
    result = verify(good, indented, "--octets", tmp_path / "octets")
    assert result.exit_code == 1
    assert f"{good}:\nNothing is wrong" in result.output
    assert f"{indented}:\nKSeF refuses" in result.output
    assert (tmp_path / "octets" / "indented.xml" / "reference-1.bin").exists()
    reports = json.loads(verify(good, indented, "--json").stdout)
    assert [(each["file"], each["ok"]) for each in reports] == [(str(good), True), (str(indented), False)]
    assert verify(good, good).exit_code == 0


def test_a_failure_of_our_own_is_not_a_wrong_document(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ksef_mock.ksef.auth.offline.read_and_verify", lambda *_: 1 / 0)
    result = verify(good)
    assert result.exit_code == 3
    assert result.stderr == "Error: ksef-mock itself has failed: ZeroDivisionError: division by zero\n"


@pytest.mark.parametrize("encoding", ["cp1252", "cp1250"])
def test_a_terminal_with_few_characters_gets_those_that_it_has(indented: Path, encoding: str) -> None:
    command = [sys.executable, "-m", "ksef_mock.cli", "verify", str(indented), "--at", AT]
    ran = subprocess.run(
        command,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        timeout=60,
        check=False,
    )
    said = ran.stdout.decode(encoding)
    assert ran.returncode == 1, ran.stderr
    assert "x  references" in said
    assert "+  encoding" in said
    assert "\\n\n\\x20\\x20<Nip>" in said
    assert "podpisane" in said or "Nieprawid" in said


def test_attributes_have_names_and_no_numbers(good: Path) -> None:
    certificate = json.loads(verify(good, "--json").stdout)["certificate"]
    assert "2.5.4." not in certificate["subject"] + certificate["issuer"]
    assert "serialNumber=" in certificate["subject"]


def test_octets_are_written_as_they_were_hashed(indented: Path, tmp_path: Path) -> None:
    folder = tmp_path / "octets"
    report = json.loads(verify(indented, "--json", "--octets", folder).stdout)
    assert sorted(path.name for path in folder.iterdir()) == [
        "reference-1.bin",
        "reference-2.bin",
        "signed-info.bin",
    ]
    octets = (folder / "reference-1.bin").read_bytes()
    assert len(octets) == report["references"][0]["octets"]
    assert b"\n  <Nip>" in octets
    assert (folder / "signed-info.bin").read_bytes().startswith(b"<ds:SignedInfo")


def test_json_has_every_check_and_nothing_else_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "der.xml"
    path.write_bytes(Signer(value=der_value(credentials())).sign())
    result = verify(path, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["failure"] == "signature value"
    assert report["answer"] == {
        "code": 9105,
        "description": "Nieprawidłowy podpis.",
        "details": ["Podpis zweryfikowany negatywnie."],
    }
    (value,) = [result for result in report["results"] if result["check"] == "signature value"]
    assert "DER" in value["explanation"]


def test_expired_certificate_is_a_status(good: Path) -> None:
    result = verify(good, at="2077-01-01")
    assert result.exit_code == 1
    assert "202, then status 460" in result.output
    assert "Nieważny certyfikat" in result.output


def test_carriage_returns_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "cr.xml"
    path.write_bytes(Signer().sign().replace(b"<Nip>", b"&#13;<Nip>"))
    assert "&#xD;" in verify(path).output


@pytest.mark.parametrize(("trusted", "exit_code"), [(True, 0), (False, 1)])
def test_other_environments_need_a_trusted_chain(tmp_path: Path, trusted: bool, exit_code: int) -> None:
    clock = Clock()
    clock.set(NOW)
    pki = Pki(clock)
    credential = pki.qualified(person("Jan", "Kowalski", nip="5265877635"), key="ec")
    anchor, path = tmp_path / "ca.pem", tmp_path / "signed.xml"
    anchor.write_bytes(pki.authority(Role.QUALIFIED).certificate.public_bytes(Encoding.PEM))
    path.write_bytes(Signer(credentials=Credentials(credential.key, credential.certificate)).sign())
    options = ["--trust", anchor] if trusted else []
    result = verify(path, "--profile", "prod", *options)
    assert result.exit_code == exit_code, result.output
    assert ("400, 21115 Nieprawidłowy certyfikat." in result.output) is not trusted


@pytest.mark.parametrize(
    "arguments", [["--at", "yesterday"], ["--trust", "signed.xml"], ["--profile", "moon"], ["no-such.xml"]]
)
def test_misuse_exits_2_with_one_readable_line(
    good: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(good.parent)
    result = CliRunner().invoke(main, ["verify", good.name, *arguments])
    assert result.exit_code == 2
    assert "Error: " in result.output
    assert "Traceback" not in result.output


def test_any_bytes_get_a_report(tmp_path: Path) -> None:
    path = tmp_path / "random.xml"
    path.write_bytes(b"\x00\xff<not xml")
    result = verify(path)
    assert result.exit_code == 1
    assert "21217 Nieprawidłowe kodowanie znaków." in result.output


def test_second_opinion_agrees_with_both_verdicts(good: Path, indented: Path) -> None:
    agreed = verify(good, "--second-opinion")
    assert (agreed.exit_code, "agrees: the plain signature holds." in agreed.output) == (0, True)
    agreed = verify(indented, "--second-opinion")
    assert (agreed.exit_code, "agrees: the plain signature does not hold" in agreed.output) == (1, True)
    opinion = json.loads(verify(indented, "--second-opinion", "--json").stdout)["secondOpinion"]
    assert (opinion["agrees"], opinion["holds"], opinion["holdsHere"]) == (True, False, False)


def test_second_opinion_that_differs_says_that_we_may_be_wrong(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def canonicalize_wrongly(selection: object, method: object) -> bytes:
        return b"something else"

    monkeypatch.setattr("ksef_mock.xades.verification.canonicalize", canonicalize_wrongly)
    result = verify(good, "--second-opinion")
    assert result.exit_code == 1
    assert "disagrees: the plain signature holds" in result.output
    assert "We may be wrong" in result.output


def test_second_opinion_is_not_asked_about_what_could_lead_it_astray(tmp_path: Path) -> None:
    away = signer.Reference("file:///etc/passwd", octets=lambda _: Path("/etc/passwd").read_bytes())
    led_away = Signer(references=[away, signer.enveloped_reference(), signer.properties_reference()]).sign()
    for number, document in enumerate((led_away, b"<a/>", b"no XML")):
        path = tmp_path / f"{number}.xml"
        path.write_bytes(document)
        result = verify(path, "--second-opinion")
        assert "No second opinion: " in result.stderr
        assert result.exit_code == 1


def test_second_opinion_needs_its_library(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xmlsec", None)
    result = verify(good, "--second-opinion")
    assert result.exit_code == 2
    assert how_to_install("judge") in result.output


def test_second_opinion_needs_one_libxml2(
    good: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # What xmlsec does at its import beside an lxml that was built with another libxml2.
    mismatch = "raise RuntimeError('lxml & xmlsec libxml2 library version mismatch')"
    (tmp_path / "xmlsec.py").write_text(mismatch)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "xmlsec", raising=False)
    result = verify(good, "--second-opinion")
    assert result.exit_code == 2
    assert "version mismatch" in result.output
    assert "pip install --upgrade lxml xmlsec" in result.output
