"""`ksef-mock verify-invoice`: what KSeF would say of an invoice, and why. Offline."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ksef_mock.commands.findings import (
    Judgement,
    all_option,
    documents_argument,
    judge_each,
    moment_option,
    own_failures,
    print_checks,
    print_facts,
    print_verdict,
)

if TYPE_CHECKING:
    from ksef_mock.core.environment import ProfileName
    from ksef_mock.ksef.invoices.report import Report

_FORMS = ("FA2", "FA3", "FA_RR", "PEF", "PEF_KOR")


@click.command("verify-invoice")
@documents_argument
@click.option(
    "--form",
    type=click.Choice(_FORMS, case_sensitive=False),
    help="The form that the session is opened for; default: the document's own, FA3 where it has none.",
)
@click.option("--nip", help="The context that sends it: whether it may invoice for the seller.")
@click.option(
    "--schemas",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The ministry's repository, for the schemas of other forms than FA3.",
)
@click.option(
    "--profile",
    default="test",
    show_default=True,
    type=click.Choice(["test", "demo", "prod"]),
    help="Whose rules: production looks at the checksums of NIPs, and took discouraged characters until"
    " 2026-10-19.",
)
@click.option("--batch", is_flag=True, help="Sent in a batch session, which takes attachments.")
@moment_option
@all_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON; an array of several.")
@own_failures()
def verify_invoice(
    documents: tuple[Path, ...],
    form: str | None,
    nip: str | None,
    schemas: Path | None,
    profile: ProfileName,
    batch: bool,
    at: datetime,
    show_all: bool,
    as_json: bool,
) -> None:
    """Check each invoice DOCUMENT (- for stdin) as KSeF does, and say what is wrong with it.

    Exit code: 0 nothing is wrong, 1 something is, 2 the command was not understood, 3 ksef-mock has failed.
    """
    # Imported here: `ksef-mock --help` needs none of it.
    from ksef_mock.clock import from_datetime
    from ksef_mock.core.dates import day
    from ksef_mock.core.environment import PROFILES
    from ksef_mock.core.identifiers import CONTEXT_PATTERNS, Identifier
    from ksef_mock.ksef.invoices.forms import BY_NAME
    from ksef_mock.ksef.invoices.rules import Rights
    from ksef_mock.ksef.invoices.schemas import Schemas
    from ksef_mock.ksef.invoices.verification import Rules, form_of, verify

    if nip is not None and CONTEXT_PATTERNS["Nip"].fullmatch(nip) is None:
        raise click.BadParameter(f"{nip!r} is no NIP", param_hint="--nip")
    try:
        known = Schemas(schemas)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--schemas") from None

    moment = from_datetime(at)

    def judge(_document: Path, octets: bytes) -> Judgement:
        report = verify(
            octets,
            Rules(
                form=form_of(octets) if form is None else BY_NAME[form.upper()],
                schemas=known,
                checks_checksums=profile == "prod",
                strict_xml=PROFILES[profile].refuses_loose_xml(day(moment)),
                is_interactive=not batch,
            ),
            at=moment,
            rights=None if nip is None else Rights(context=Identifier("Nip", nip)),
        )
        return Judgement(report.ok, report.to_dict(), lambda: _print(report, at, show_all))

    judge_each(documents, judge, as_json=as_json)


def _print(report: Report, moment: datetime, show_all: bool) -> None:
    failure = report.failure
    print_verdict(
        f"KSeF refuses this invoice: {failure.check.value}." if failure else None,
        f"Nothing is wrong with this invoice as of {moment.isoformat()}.",
    )
    if failure is not None:
        status = report.to_dict()["status"]
        said = "\n".join([f"status {status['code']}: {status['description']}", *status["details"]])
        facts = {"KSeF says": said, "Because": failure.reason, "Likely": failure.explanation}
        print_facts(facts | failure.evidence)
    print_checks(
        ((result.outcome.value, result.check.value, result.reason) for result in report.results), show_all
    )
