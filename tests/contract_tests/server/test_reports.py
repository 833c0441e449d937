"""The forms of a report, the comparison of two, and the command that writes them."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lxml import etree
from rich.console import Console

from contract_tests.cli import main
from contract_tests.common import junit
from contract_tests.common.exchange import Exchange, Message
from contract_tests.server.diff import Kind, compare, got_worse
from contract_tests.server.mock_target import DEFAULTS, mock_target
from contract_tests.server.report import SCHEMA, Report, Result, Verdict
from contract_tests.server.reports import html, terminal
from contract_tests.server.runner import run
from ksef_mock.core.environment import Lifetimes
from ksef_mock.testing import MockServer

ANSWER = Exchange(
    "POST",
    "http://127.0.0.1/v2/auth/challenge",
    400,
    1.5,
    Message((("accept", "*/*"),), ""),
    Message((("content-type", "application/json"),), '{"a": "<script>alert(1)</script>"}'),
    "21405 wrong",
)


def result(number: int, verdict: Verdict, message: str = "", *exchanges: Exchange) -> Result:
    identifier = f"KSEF-CHAL-{number:03}"
    return Result(identifier, f"Sentence {number} <b>.", "a test", "must", verdict, message, 2.5, exchanges)


def report(*results: Result) -> Report:
    return Report("mock", "http://127.0.0.1", "2026-03-01T12:00:00+00:00", "1.0", list(results), 1.0)


EXAMPLE = report(
    result(1, Verdict.PASSED, "", ANSWER),
    result(2, Verdict.FAILED, "expected <x>, received \x00 & \ud800y".replace("\ud800", ""), ANSWER),
    result(3, Verdict.SKIPPED, "needs a clock that can be moved"),
    result(4, Verdict.ERROR, "the check broke"),
)


def test_json_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(EXAMPLE.to_json(), "utf-8")
    assert Report.read(path) == EXAMPLE
    assert json.loads(path.read_text())["schema"] == SCHEMA == "ksef-conformance-report/1.1"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("not json", "is no report"),
        ("[]", "is no report"),
        ("{}", "is no report"),
        ('{"schema": "ksef-conformance-report/2.0", "results": []}', "has the schema"),
        ('{"schema": "ksef-conformance-report/1.7", "results": [{}]}', "is damaged"),
    ],
)
def test_what_is_no_report_is_named(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=complaint):
        Report.read(path)


def test_junit_has_a_suite_for_each_area_and_a_case_for_each_requirement() -> None:
    root = etree.fromstring(junit.document(EXAMPLE, "ksef"))
    assert [root.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["4", "1", "1", "1"]
    (suite,) = root
    assert suite.get("name") == "Challenge"
    assert suite[0].get("name") == "KSEF-CHAL-001 Sentence 1 <b>."
    assert [[child.tag for child in case] for case in suite] == [[], ["failure"], ["skipped"], ["error"]]
    (failure,) = suite.iter("failure")
    assert "POST /v2/auth/challenge: 400" in str(failure.text)


def test_page_needs_nothing_else_and_runs_nothing_that_it_was_told() -> None:
    page = html.page(EXAMPLE)
    assert re.findall(r"(?:src|href)=[\"'](?!#)", page) == []
    assert "@import" not in page
    assert "<script>alert" not in page
    assert "Sentence 1 &lt;b&gt;." in page
    root = etree.HTML(page)
    assert root is not None
    shown = root.xpath("//main/section/details/@id")
    assert shown == [f"KSEF-CHAL-{number:03}" for number in (2, 4, 1, 3)]  # what failed first
    assert root.xpath("//details[@open]/@id") == ["KSEF-CHAL-002", "KSEF-CHAL-004"]


def test_page_begins_with_the_answer_the_areas_and_the_causes() -> None:
    same = [result(number, Verdict.FAILED, "expected 1, received 2") for number in (5, 6)]
    page = html.page(report(*EXAMPLE.results, *same))
    root: Any = etree.HTML(page)
    assert root.xpath("//h1/@class") == ["bad"]
    assert root.xpath("string(//title)").startswith("✗")
    assert "does not meet 3 of 5 requirements" in root.xpath("string(//p[contains(@class, 'answer')])")
    assert root.xpath("//nav//a/@href") == ["#area-CHAL"]
    assert root.xpath("//section[@class='causes']//li[1]//a/text()") == ["KSEF-CHAL-005", "KSEF-CHAL-006"]
    assert root.xpath("//pre")
    assert not root.xpath("//pre[not(@tabindex='0' and @aria-label)]")


def test_page_of_a_target_that_conforms_is_green() -> None:
    root: Any = etree.HTML(html.page(report(result(1, Verdict.PASSED))))
    assert root.xpath("//h1/@class") == ["good"]
    assert "meets the one requirement that was" in root.xpath("string(//p[contains(@class, 'answer')])")


WICKED = "\x1b[2J\x1b]0;owned\x07 \u202egnp.exe\r\nPASSED [bold]\u2028\x9b"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_nothing_of_a_tested_server_reaches_the_terminal_raw(is_terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=is_terminal, color_system=None, width=300)
    bad = result(1, Verdict.FAILED, WICKED, replace(ANSWER, url=f"http://x/{WICKED}"))
    with terminal.Progress(console, 1) as progress:
        progress.end(bad)
    ended = report(bad)
    ended.target, ended.left_behind, ended.aborted = WICKED, [WICKED], WICKED
    terminal.summary(ended, console)
    text = out.getvalue()
    if is_terminal:  # the live line moves the cursor by itself
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text.replace("\x1b[2J", "\x1b[2J!"))
        assert "[2J!" not in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]", text)
    assert "owned" in text


def test_outside_of_a_terminal_a_finding_is_one_line() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=False, width=40)
    with terminal.Progress(console, 1) as progress:
        progress.end(result(1, Verdict.FAILED, "expected\none thing, " + "received another " * 10, ANSWER))
    (line,) = out.getvalue().splitlines()
    assert line.startswith("FAILED KSEF-CHAL-001 Sentence 1 <b>: expected⏎one thing")


def test_difference_tells_worse_better_new_gone_and_other_answers() -> None:
    other = replace(ANSWER, status=403)
    before = report(
        result(1, Verdict.PASSED),
        result(2, Verdict.FAILED, "no"),
        result(3, Verdict.PASSED),
        result(4, Verdict.PASSED, "", ANSWER),
        result(5, Verdict.PASSED),
        result(7, Verdict.PASSED, "", ANSWER),
    )
    after = report(
        result(1, Verdict.FAILED, "no"),
        result(2, Verdict.PASSED),
        result(3, Verdict.SKIPPED, "why"),
        result(4, Verdict.PASSED, "", other),
        result(6, Verdict.PASSED),
        result(7, Verdict.PASSED, "", replace(ANSWER, duration=99.0)),
    )
    changes = {change.id[-1]: change.kind for change in compare(before, after)}
    assert changes == {
        "1": Kind.WORSE,
        "2": Kind.BETTER,
        "3": Kind.OTHERWISE,
        "4": Kind.ANSWER,
        "5": Kind.GONE,
        "6": Kind.NEW,
    }
    assert got_worse(compare(before, after))
    assert not got_worse(compare(after, before)) or compare(after, before)[1].kind is Kind.WORSE


def test_new_requirement_counts_as_worse_only_if_it_fails() -> None:
    empty = report()
    assert got_worse(compare(empty, report(result(1, Verdict.FAILED, "no"))))
    assert not got_worse(compare(empty, report(result(1, Verdict.PASSED))))


def test_two_runs_of_the_same_mock_do_not_differ() -> None:
    areas = ["CHAL", "SESS", "JWT"]
    assert compare(run("mock", areas), run("mock", areas)) == []


def test_what_never_is_the_same_is_not_compared() -> None:
    reference, nip = "20260301-AU-0123456789-ABCDEF0123-4F", "5265877635"
    first = replace(ANSWER, url=f"http://one/v2/auth/{reference}", outcome=f"21304 {reference} {nip}")
    second = replace(first, url=first.url.replace("4F", "5A"), outcome=first.outcome.replace("4F", "5A"))
    assert first.fingerprint == second.fingerprint


# -- the command ------------------------------------------------------------------------------------------


def test_command_runs_writes_all_reports_and_exits_with_0(tmp_path: Path) -> None:
    files = {name: tmp_path / f"report.{name}" for name in ("json", "junit", "html")}
    options = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    done = CliRunner().invoke(main, ["run", "mock", "--only", "KSEF-KEYS-00?", *options])
    assert done.exit_code == 0, done.output
    assert "Published keys and their rotation" in done.output
    assert all(path.stat().st_size for path in files.values())


def test_command_exits_with_1_where_the_target_differs(tmp_path: Path) -> None:
    sound, odd = tmp_path / "sound.json", tmp_path / "odd.json"
    sound.write_text(run("mock", ["KSEF-CHAL-013"]).to_json(), "utf-8")
    target = mock_target(replace(DEFAULTS, lifetimes=Lifetimes(challenge=599)))
    odd.write_text(run(target, ["KSEF-CHAL-013"]).to_json(), "utf-8")

    worse = CliRunner().invoke(main, ["diff", str(sound), str(odd)])
    assert worse.exit_code == 1
    assert "worse KSEF-CHAL-013" in worse.output
    assert CliRunner().invoke(main, ["diff", str(odd), str(sound)]).exit_code == 0
    assert CliRunner().invoke(main, ["diff", str(odd), str(odd)]).output.endswith("no difference\n")


def test_command_exits_with_1_for_a_target_that_lacks_something() -> None:
    with MockServer(lifetimes=Lifetimes(access_token=60)) as mock:
        done = CliRunner().invoke(main, ["run", mock.url, "--only", "KSEF-JWT-011"])
    assert done.exit_code == 1
    assert "expected 900, received 60" in done.output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run", "prod"], "PRODUCTION"),
        (["run", "http://127.0.0.1:9"], "cannot be reached"),
        (["run", "nonsense"], "no target"),
        (["run", "mock", "--only", "NOTHING"], "no requirement matches 'NOTHING'"),
        (["list", "--only", "NOTHING"], "no requirement matches 'NOTHING'"),
        (
            ["run", "mock", "--only", "KSEF-KEYS-001", "--json", "/nowhere/report.json"],
            "/nowhere/report.json",
        ),
        (["diff", __file__, __file__], "is no report"),
    ],
)
def test_command_says_what_is_wrong(arguments: list[str], complaint: str) -> None:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code != 0
    assert complaint in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_list_shows_each_requirement() -> None:
    done = CliRunner().invoke(main, ["list", "--only", "KSEF-CHAL-00[12]"])
    assert done.exit_code == 0
    assert "KSEF-CHAL-001" in done.output
    assert "2 requirements" in done.output


# -- as pytest items --------------------------------------------------------------------------------------


def test_pytest_items_carry_verdict_reason_and_evidence(
    pytester: pytest.Pytester, ksef_mock: MockServer
) -> None:
    ksef_mock.faults.add(path="/security/*", status=503)
    arguments = ("--pyargs", "contract_tests", "-k", "KSEF-KEYS-001 or KSEF-HEAD-014", "-rs", "-q")
    done = pytester.runpytest_subprocess(*arguments, "--ksef-target", ksef_mock.url)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.assert_outcomes(failed=1, skipped=1)
    done.stdout.fnmatch_lines_random(
        [
            "*test_requirement[[]KSEF-KEYS-001[]]*",
            "*expected status 200, received 503*",
            "*SKIPPED*needs a second instance with other settings*",
        ]
    )


def test_installing_the_mock_leaves_a_project_alone_that_has_such_a_package(
    pytester: pytest.Pytester,
) -> None:
    package = pytester.mkpydir("contract_tests")
    (package / "conftest.py").write_text("import pytest\n\n@pytest.fixture\ndef own():\n    return 'own'\n")
    (package / "helper.py").write_text("HELP = 'own'\n")
    (package / "test_it.py").write_text(
        "from contract_tests.helper import HELP\n\ndef test_it(own, ksef_mock):\n    assert HELP == own\n"
    )
    for arguments in ((), ("contract_tests",), ("--pyargs", "contract_tests", "-n", "2")):
        done = pytester.runpytest_subprocess("-q", "-W", "error", *arguments)
        assert done.ret == pytest.ExitCode.OK
        done.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("target", "workers", "complaint"),
    [("http://127.0.0.1:9", "0", "cannot be reached"), ("prod", "2", "PRODUCTION")],
)
def test_pytest_stops_at_once_with_a_clear_word(
    pytester: pytest.Pytester, target: str, workers: str, complaint: str
) -> None:
    arguments = (
        "--pyargs",
        "contract_tests",
        "-k",
        "KSEF-KEYS",
        "-q",
        "-n",
        workers,
        "--ksef-target",
        target,
    )
    done = pytester.runpytest_subprocess(*arguments)
    assert done.ret != 0
    assert complaint in done.stdout.str() + done.stderr.str()
    assert "Traceback" not in done.stdout.str()


def test_command_that_is_stopped_cleans_up_and_exits_with_130(ksef_mock: MockServer) -> None:
    ksef_mock.faults.add(path="/auth/token/refresh", delay_seconds=1)
    command = [sys.executable, "-m", "contract_tests", "run", ksef_mock.url, "--only", "REFRESH"]
    run_ = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while not ksef_mock.faults.states()[0].acted:  # from now on the run waits for an answer
        assert run_.poll() is None
        time.sleep(0.02)
    run_.send_signal(signal.SIGTERM)
    output, _ = run_.communicate(timeout=300)
    assert run_.returncode == 130
    assert "interrupted" in output
    assert "left behind" not in output
    ended = [entry for entry in ksef_mock.journal.entries() if entry.method == "DELETE"]
    assert ended
    assert {entry.status for entry in ended} == {204}
