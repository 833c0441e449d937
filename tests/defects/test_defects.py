"""Deliberate defects: each can be given to a mock, and stays in that one."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest

from ksef_mock.app import create_app
from ksef_mock.defects import Mock, Outdated, UnknownDefect, catalogue
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.support import NIP, Api, error

Serve = Callable[..., tuple[MockServer, Api]]


def test_there_are_defects_of_every_area() -> None:
    areas = Counter(defect.area for defect in catalogue().values())
    assert set(areas) == {
        "answers",
        "batch",
        "bodies",
        "certificates",
        "challenges",
        "collective",
        "invoicing",
        "exports",
        "jwts",
        "keys",
        "operations",
        "permissions",
        "resources",
        "sending",
        "testdata",
        "token_login",
        "xades_login",
    }
    assert min(areas.values()) >= 10


def test_each_defect_says_in_a_sentence_what_is_wrong_and_which_rule_it_breaks() -> None:
    for defect in catalogue().values():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", defect.name)
        for sentence in (defect.summary, defect.rule):
            assert sentence.endswith("."), defect.name
            assert "\n" not in sentence, defect.name
        assert defect.summary != defect.rule


def test_what_each_defect_replaces_is_there() -> None:
    create_app(Settings(defects=tuple(catalogue())))


def test_a_defect_of_something_that_is_gone_is_an_error() -> None:
    mock = Mock(create_app())
    with pytest.raises(Outdated, match="Challenges has no 'no_such_method' any more"):
        mock.replace(mock.system.challenges, "no_such_method", lambda present: present)


def test_an_unknown_defect_is_refused_with_the_list() -> None:
    with pytest.raises(UnknownDefect, match=r"no defect 'typo'; there are: .*challenge-can-be-reused"):
        create_app(Settings(defects=("typo",)))


def test_a_broken_and_a_sound_mock_live_side_by_side(serve: Serve) -> None:
    broken, broken_api = serve(
        settings=Settings(defects=("challenge-can-be-reused", "timestamp-has-3-digits"))
    )
    sound, sound_api = serve()
    for mock, api, is_broken in ((broken, broken_api, True), (sound, sound_api, False)):
        challenge = api.http.post("/auth/challenge").json()
        assert challenge["timestamp"].endswith("Z") is is_broken
        body = api.token_request(mock.issue_token(NIP), challenge=challenge)
        assert api.http.post("/auth/ksef-token", json=body).status_code == 202
        second = api.http.post("/auth/ksef-token", json=body)
        assert second.status_code == (202 if is_broken else 400)
    assert error(second)[0] == 21111


def test_defects_add_up(serve: Serve) -> None:
    _, api = serve(settings=Settings(defects=("retry-after-is-missing", "login-is-answered-with-200")))
    assert api.http.post("/auth/ksef-token", json=api.token_request("unknown")).status_code == 200


def test_a_broken_mock_can_be_reset(serve: Serve) -> None:
    mock, api = serve(settings=Settings(defects=("jwt-is-valid-at-its-exp",)))
    login = api.login(mock.issue_token(NIP))
    mock.reset()
    assert api.limits(login.access_token).status_code == 401
    assert api.limits(api.login(mock.issue_token(NIP)).access_token).status_code == 200


def test_a_body_that_is_too_large_is_refused_by_a_broken_mock_too(serve: Serve) -> None:
    _, api = serve(settings=Settings(defects=("problem-details-are-not-given",), max_body=1_000))
    assert api.http.post("/auth/challenge", content=b"x" * 1_001).status_code == 413
    assert api.http.post("/auth/challenge", content=iter([b"x" * 600] * 3)).status_code == 413


def test_the_option_is_hidden() -> None:
    command = [sys.executable, "-m", "ksef_mock.cli", "serve", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "--defect" not in text
    assert "--delay-polls" in text
