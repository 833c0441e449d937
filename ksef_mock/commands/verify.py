"""`ksef-mock verify`: what KSeF would say of a signed AuthTokenRequest, and why. Offline."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ksef_mock.commands.findings import (
    LINES,
    Judgement,
    all_option,
    documents_argument,
    judge_each,
    moment_option,
    own_failures,
    print_checks,
    print_facts,
    print_verdict,
    with_white_space,
)
from ksef_mock.core.text import visible

if TYPE_CHECKING:
    from ksef_mock.core.environment import Profile, ProfileName
    from ksef_mock.crypto.certificate import Certificate
    from ksef_mock.xades import Reading, Report
    from ksef_mock.xades.second_opinion import Opinion

#: Of the octets that were hashed this many are shown; a file has all of them.
_SHOWN = 4_000


@click.command()
@documents_argument
@moment_option
@click.option(
    "--profile",
    default="test",
    show_default=True,
    type=click.Choice(["test", "demo", "prod"]),
    help="Whose rules: test takes self-signed certificates and SHA-1, prod takes plain XML Signatures.",
)
@click.option(
    "--enforce-xades", is_flag=True, help="As with X-KSeF-Feature: refuse plain XML Signatures in prod too."
)
@click.option(
    "--trust",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM file with trusted CA certificates; repeatable.",
)
@all_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON; an array of several.")
@click.option(
    "--octets",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write what was hashed to files in this folder: each reference, and SignedInfo.",
)
@click.option(
    "--second-opinion",
    is_flag=True,
    help="Ask libxmlsec too whether the plain signature holds; needs the extra `judge`.",
)
@own_failures()
def verify(
    documents: tuple[Path, ...],
    at: datetime,
    profile: ProfileName,
    enforce_xades: bool,
    trust: tuple[Path, ...],
    show_all: bool,
    as_json: bool,
    octets: Path | None,
    second_opinion: bool,
) -> None:
    """Check each signed AuthTokenRequest DOCUMENT (- for stdin) as KSeF does, and say what is wrong with it.

    Exit code: 0 nothing is wrong, 1 something is, 2 the command was not understood, 3 ksef-mock has failed.
    """
    # Imported here: `ksef-mock --help` needs none of it.
    from ksef_mock.clock import from_datetime
    from ksef_mock.core.environment import PROFILES
    from ksef_mock.ksef.auth.offline import inspect

    anchors = _load_anchors(trust)
    # What only the mock takes, and KSeF nowhere, is wrong here.
    rules = replace(PROFILES[profile], takes_lxml_octets=False)

    def judge(document: Path, content: bytes) -> Judgement:
        reading, report = asyncio.run(
            inspect(content, from_datetime(at), rules, enforce_xades=enforce_xades, anchors=anchors)
        )
        if octets is not None:
            _write_octets(report, _folder_of(document, documents, octets))
        opinion = _second_opinion(reading, report) if second_opinion else None

        def show() -> None:
            _print(report, at, rules, show_all)
            if opinion is not None:
                click.secho(str(opinion), fg="green" if opinion.agrees else "red")

        more = {} if opinion is None else {"secondOpinion": opinion.to_dict()}
        return Judgement(report.ok, report.to_dict() | more, show)

    judge_each(documents, judge, as_json=as_json)


def _load_anchors(paths: tuple[Path, ...]) -> tuple[Certificate, ...]:
    from ksef_mock.crypto.chain import load_anchors

    try:
        return load_anchors(paths)
    except (OSError, ValueError) as error:
        raise click.BadParameter(str(error), param_hint="--trust") from None


def _second_opinion(reading: Reading, report: Report) -> Opinion | None:
    from ksef_mock.xades.second_opinion import Missing, Unasked, second_opinion

    try:
        return second_opinion(reading, report)
    except Missing as error:
        raise click.UsageError(f"--second-opinion: {error}") from None
    except Unasked as error:
        click.secho(f"No second opinion: {error}.", err=True, dim=True)
        return None


def _folder_of(document: Path, documents: Sequence[Path], folder: Path) -> Path:
    """Where the octets of one of these documents go: in a folder of its name, if there are several."""
    if len(documents) == 1:
        return folder
    same = [each for each in documents if each.name == document.name]
    return folder / (document.name if len(same) == 1 else f"{same.index(document) + 1}-{document.name}")


def _write_octets(report: Report, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, reference in enumerate(report.facts.references, 1):
        if reference.octets is not None:
            (folder / f"reference-{number}.bin").write_bytes(reference.octets)
    if report.facts.signed_info is not None:
        (folder / "signed-info.bin").write_bytes(report.facts.signed_info)


def _print(report: Report, moment: datetime, rules: Profile, show_all: bool) -> None:
    failure = report.failure
    print_verdict(
        f"KSeF refuses this document: {failure.check.value}." if failure else None,
        f"Nothing is wrong with this document as of {moment.isoformat()}.",
    )
    _print_because(report)
    if report.ok and not report.facts.is_xades:
        click.echo(f"KSeF accepts it with X-System-Warning: {rules.plain_signature_warning}")
    results = ((result.outcome.value, result.check.value, result.reason) for result in report.results)
    print_checks(results, show_all)


def _print_because(report: Report) -> None:
    answer = report.to_dict()["answer"]
    failure = report.failure
    if failure is None or answer is None:
        return
    if "code" in answer:
        said = f"400, {answer['code']} {answer['description']} {' '.join(answer['details'])}"
    else:
        said = f"202, then status {answer['status']}: {answer['description']} ({answer['detail']})"
    facts = {"KSeF says": said.strip(), "Because": failure.reason, "Likely": failure.explanation}
    print_facts(facts | failure.evidence)
    _print_octets(report)


def _print_octets(report: Report) -> None:
    for number, reference in enumerate(report.facts.references, 1):
        if reference.octets is None or reference.computed_digest == reference.stated_digest:
            continue
        total = len(reference.octets)
        click.echo()
        click.secho(
            f"Reference {number} (URI {reference.uri!r}): the {total} octets that were hashed", bold=True
        )
        text = visible(reference.octets[:_SHOWN].decode("utf-8", "backslashreplace"), keep=LINES + "\t")
        click.echo(with_white_space(text))
        if total > _SHOWN:
            click.secho(f"… {total - _SHOWN} more; --octets FOLDER writes all of them", dim=True)
