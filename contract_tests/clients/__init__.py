"""Client conformance: what a KSeF client does when KSeF behaves as it really does.

The mirror of the conformance suite. For each situation of the catalogue a mock is started and set up, the
client's command runs against it, and what the client has sent, together with its exit code, says whether it
survived.

    situations/     the catalogue: how each situation comes about, and what is right in it
    catalogue.py    what a situation is
    stage.py        the mock as a situation sets it up: hooks on requests, faults, changed answers
    tap.py          the layer around the mock that records requests and carries out the hooks
    observed.py     what the client has done, and the judgements on it
    command.py      the client's process: environment, time limit, output
    runner.py       all situations, several at a time
    report.py       verdicts and evidence; JSON
    reports/        terminal, JUnit XML, HTML
    cli.py          `ksef-conformance client`
"""

from contract_tests.clients.catalogue import Situation
from contract_tests.clients.command import CommandNotFound
from contract_tests.clients.report import Report, Result, Verdict
from contract_tests.clients.runner import check, meet

__all__ = ["CommandNotFound", "Report", "Result", "Situation", "Verdict", "check", "meet"]
