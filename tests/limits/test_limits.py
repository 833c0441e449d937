"""Limits of contexts and subjects over HTTP: the documented ones, and their change on TEST."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ksef_mock.crypto.pki import person
from ksef_mock.testing import MockServer
from tests import openapi
from tests.support import NIP, OTHER_NIP, Api, complaint, error
from tests.world import World

Serve = Callable[..., tuple[MockServer, Api]]

SESSION = {"maxInvoiceSizeInMB": 1, "maxInvoiceWithAttachmentSizeInMB": 3, "maxInvoices": 10_000}
CONTEXT = {"onlineSession": SESSION, "batchSession": SESSION, "collectiveIdentifier": {"maxInvoices": 500}}
SUBJECT = {"enrollment": {"maxEnrollments": 300}, "certificate": {"maxCertificates": 100}}
ONLINE = {"maxInvoiceSizeInMB": 5, "maxInvoiceWithAttachmentSizeInMB": 10, "maxInvoices": 100_000}
BATCH = {"maxInvoiceSizeInMB": 0, "maxInvoiceWithAttachmentSizeInMB": 0, "maxInvoices": 0}
LIMITS = {"onlineSession": ONLINE, "batchSession": BATCH, "collectiveIdentifier": {"maxInvoices": 3}}
SESSION_PATH = "/testdata/limits/context/session"
CERTIFICATE_PATH = "/testdata/limits/subject/certificate"


@pytest.fixture
def bearer(api: Api, ksef_token: str) -> str:
    return api.login(ksef_token).access_token


def get(api: Api, path: str, bearer: str) -> Any:
    response = api.call("GET", path, bearer=bearer)
    assert response.status_code == 200
    return response.json()


def done(api: Api, method: str, path: str, bearer: str, **options: Any) -> None:
    response = api.call(method, path, bearer=bearer, **options)
    assert (response.status_code, response.content) == (200, b"")


def test_defaults_are_the_documented_ones(api: Api, bearer: str) -> None:
    assert get(api, "/limits/context", bearer) == CONTEXT
    assert get(api, "/limits/subject", bearer) == SUBJECT


def test_rate_limits_are_those_of_the_document(api: Api, bearer: str) -> None:
    shown = get(api, "/rate-limits", bearer)
    assert shown["anonymous"] == {"perSecond": 60, "perMinute": -1, "perHour": -1}
    assert shown["global"] == {"perSecond": 75, "perMinute": -1, "perHour": -1}
    if openapi.available():
        answer = json.loads(openapi.DOCUMENT.read_text())["paths"]["/rate-limits"]["get"]["responses"]["200"]
        assert shown == answer["content"]["application/json"]["example"]


def test_what_cannot_be_set_of_the_rate_limits_is_ignored(api: Api, bearer: str) -> None:
    shown = get(api, "/rate-limits", bearer)
    changed = rates(anonymous={"perSecond": 1, "perMinute": 1, "perHour": 1}, onlineSessionClose={})
    done(api, "POST", "/testdata/rate-limits", bearer, json={"rateLimits": shown | changed})
    assert get(api, "/rate-limits", bearer) == shown | rates()


def test_session_limits_of_a_context_are_set_and_restored(api: Api, bearer: str) -> None:
    changed = {**LIMITS, "collectiveIdentifier": {"maxInvoices": 2}}
    done(api, "POST", SESSION_PATH, bearer, json=changed)
    assert get(api, "/limits/context", bearer) == changed
    again = {"onlineSession": BATCH, "batchSession": ONLINE, "collectiveIdentifier": {"maxInvoices": 5_000}}
    done(api, "POST", SESSION_PATH, bearer, json=again)
    assert get(api, "/limits/context", bearer) == again
    done(api, "DELETE", SESSION_PATH, bearer)
    assert get(api, "/limits/context", bearer) == CONTEXT
    done(api, "DELETE", SESSION_PATH, bearer)  # nothing to restore is no error


@pytest.mark.parametrize(
    ("order", "effective"),
    [
        (
            {"enrollment": {"maxEnrollments": 1}, "certificate": {"maxCertificates": 0}},
            {"enrollment": {"maxEnrollments": 1}, "certificate": {"maxCertificates": 0}},
        ),
        (
            {"subjectIdentifierType": "Nip", "enrollment": {"maxEnrollments": 3}},
            {**SUBJECT, "enrollment": {"maxEnrollments": 3}},
        ),
        ({"enrollment": None, "certificate": {"maxCertificates": None}}, SUBJECT),
        ({}, SUBJECT),
    ],
)
def test_certificate_limits_of_a_subject_are_set_and_restored(
    api: Api, bearer: str, order: dict[str, Any], effective: dict[str, Any]
) -> None:
    done(api, "POST", CERTIFICATE_PATH, bearer, json=order)
    assert get(api, "/limits/subject", bearer) == effective
    done(api, "DELETE", CERTIFICATE_PATH, bearer)
    assert get(api, "/limits/subject", bearer) == SUBJECT


def test_limits_of_others_stay_as_they_are(ksef_mock: MockServer, api: Api, bearer: str) -> None:
    other = api.login(ksef_mock.issue_token(OTHER_NIP), nip=OTHER_NIP).access_token
    done(api, "POST", SESSION_PATH, bearer, json=LIMITS)
    done(api, "POST", CERTIFICATE_PATH, bearer, json={"enrollment": {"maxEnrollments": 1}})
    done(api, "POST", "/testdata/rate-limits", bearer, json={"rateLimits": rates()})
    assert get(api, "/limits/context", other) == CONTEXT
    assert get(api, "/limits/subject", other) == SUBJECT
    assert get(api, "/rate-limits", other)["other"] == {"perSecond": 10, "perMinute": 30, "perHour": 120}


def test_limits_of_a_context_hold_for_each_of_its_logins(
    ksef_mock: MockServer, api: Api, bearer: str
) -> None:
    done(api, "POST", SESSION_PATH, bearer, json=LIMITS)
    second = api.login(ksef_mock.issue_token(NIP)).access_token
    assert get(api, "/limits/context", second)["onlineSession"] == ONLINE


def test_everything_that_is_missing_or_out_of_bounds_is_told_at_once(api: Api, bearer: str) -> None:
    limits = {"onlineSession": {**ONLINE, "maxInvoices": 100_001, "maxInvoiceSizeInMB": -1}}
    code, _, details = error(api.call("POST", SESSION_PATH, bearer=bearer, json=limits))
    assert (code, details) == (
        21405,
        [
            "'onlineSession.maxInvoiceSizeInMB' must be between 0 and 5. You entered -1.",
            "'onlineSession.maxInvoices' must be between 0 and 100000. You entered 100001.",
            "'batchSession' must not be empty.",
            "'collectiveIdentifier' must not be empty.",
        ],
    )


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (SESSION_PATH, {"onlineSession": ONLINE, "batchSession": BATCH}, "collectiveIdentifier"),
        (
            SESSION_PATH,
            {**LIMITS, "collectiveIdentifier": {"maxInvoices": 1}},
            "collectiveIdentifier.maxInvoices",
        ),
        (
            SESSION_PATH,
            {**LIMITS, "collectiveIdentifier": {"maxInvoices": 5_001}},
            "collectiveIdentifier.maxInvoices",
        ),
        (
            SESSION_PATH,
            {**LIMITS, "onlineSession": {**ONLINE, "maxInvoiceSizeInMB": 6}},
            "onlineSession.maxInvoiceSizeInMB",
        ),
        (
            SESSION_PATH,
            {**LIMITS, "batchSession": {**BATCH, "maxInvoiceWithAttachmentSizeInMB": 11}},
            "batchSession.maxInvoiceWithAttachmentSizeInMB",
        ),
        (
            SESSION_PATH,
            {**LIMITS, "onlineSession": {**ONLINE, "maxInvoices": 100_001}},
            "onlineSession.maxInvoices",
        ),
        (
            SESSION_PATH,
            {**LIMITS, "onlineSession": {**ONLINE, "maxInvoices": -1}},
            "onlineSession.maxInvoices",
        ),
        (
            SESSION_PATH,
            {**LIMITS, "onlineSession": {**ONLINE, "maxInvoices": 1.5}},
            "$.onlineSession.maxInvoices",
        ),
        (CERTIFICATE_PATH, {"subjectIdentifierType": "Regon"}, "$.subjectIdentifierType"),
        (CERTIFICATE_PATH, {"enrollment": {"maxEnrollments": -1}}, "enrollment.maxEnrollments"),
        (CERTIFICATE_PATH, {"certificate": {"maxCertificates": 2**31}}, "$.certificate.maxCertificates"),
        ("/testdata/rate-limits", {}, "rateLimits"),
    ],
)
def test_limit_that_is_unreadable_or_invalid_is_named(
    api: Api, bearer: str, path: str, body: dict[str, Any], field: str
) -> None:
    assert complaint(api.call("POST", path, bearer=bearer, json=body)) == field


def test_a_number_without_an_upper_bound_is_told_the_lower_one_alone(api: Api, bearer: str) -> None:
    body = {"enrollment": {"maxEnrollments": -1}}
    assert error(api.call("POST", CERTIFICATE_PATH, bearer=bearer, json=body))[2] == [
        "'enrollment.maxEnrollments' must be greater than or equal to '0'."
    ]
    done(api, "POST", CERTIFICATE_PATH, bearer, json={"enrollment": {"maxEnrollments": 2**31 - 1}})


def rates(**groups: Any) -> dict[str, Any]:
    """Rates for all groups: 50 a second, 100 a minute, 150 an hour but for `groups`."""
    names = [
        *("onlineSession", "batchSession", "invoiceSend", "invoiceStatus", "sessionList"),
        *("sessionInvoiceList", "sessionMisc", "invoiceMetadata", "invoiceExport"),
        *("invoiceExportStatus", "invoiceDownload", "collectiveIdentifier", "other"),
    ]
    return {name: {"perSecond": 50, "perMinute": 100, "perHour": 150} for name in names} | groups


def test_rate_limits_are_set_and_restored(api: Api, bearer: str) -> None:
    documented = get(api, "/rate-limits", bearer)
    changed = rates(other={"perSecond": 7, "perMinute": 8, "perHour": 9})
    done(api, "POST", "/testdata/rate-limits", bearer, json={"rateLimits": changed})
    assert get(api, "/rate-limits", bearer) == documented | changed
    done(api, "DELETE", "/testdata/rate-limits", bearer)
    assert get(api, "/rate-limits", bearer) == documented
    done(api, "POST", "/testdata/rate-limits/production", bearer)
    assert get(api, "/rate-limits", bearer) == documented


@pytest.mark.parametrize("value", [0, -1, 2**31, "10", None])
def test_rate_that_would_admit_nothing_or_is_no_int32_is_refused(api: Api, bearer: str, value: Any) -> None:
    body = {"rateLimits": rates(sessionMisc={"perSecond": 1, "perMinute": value, "perHour": 1})}
    found = complaint(api.call("POST", "/testdata/rate-limits", bearer=bearer, json=body))
    readable = (isinstance(value, int) and value < 2**31) or value is None
    assert found == ("" if readable else "$.") + "rateLimits.sessionMisc.perMinute"


@pytest.mark.parametrize("group", rates())
def test_rates_are_at_most_ten_times_those_of_production(api: Api, bearer: str, group: str) -> None:
    production = get(api, "/rate-limits", bearer)[group]
    most = {window: 10 * limit for window, limit in production.items()}
    done(api, "POST", "/testdata/rate-limits", bearer, json={"rateLimits": rates(**{group: most})})
    for window in most:
        body = {"rateLimits": rates(**{group: most | {window: most[window] + 1}})}
        code, _, details = error(api.call("POST", "/testdata/rate-limits", bearer=bearer, json=body))
        assert code == 21405
        assert f"'rateLimits.{group}.{window}'" in details[0]


def test_persons_have_limits_of_their_own(ksef_mock: MockServer, api: Api) -> None:
    world = World(ksef_mock, api)
    world.test_data(
        "permissions",
        contextIdentifier={"type": "Nip", "value": NIP},
        authorizedIdentifier={"type": "Pesel", "value": "90010112349"},
        permissions=[{"permissionType": "InvoiceRead", "description": "dane testowe"}],
    )
    anna = world.log_in(world.certificate(person("Anna", "Nowak", pesel="90010112349")), ("Nip", NIP))
    assert get(api, "/limits/subject", anna) == {
        "enrollment": {"maxEnrollments": 12},
        "certificate": {"maxCertificates": 6},
    }


ENDPOINTS = [
    ("POST", SESSION_PATH),
    ("DELETE", SESSION_PATH),
    ("POST", CERTIFICATE_PATH),
    ("DELETE", CERTIFICATE_PATH),
    ("POST", "/testdata/rate-limits"),
    ("DELETE", "/testdata/rate-limits"),
    ("POST", "/testdata/rate-limits/production"),
]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_limits_are_changed_by_bearers_of_access_tokens_only(
    api: Api, ksef_token: str, method: str, path: str
) -> None:
    for bearer, status in ((None, 401), (api.login(ksef_token).refresh_token, 403)):
        assert api.call(method, path, bearer=bearer, json={}).status_code == status


@pytest.mark.parametrize("profile", ["demo", "prod"])
def test_limits_are_changed_on_test_only(serve: Serve, profile: str) -> None:
    mock, api = serve(profile=profile)
    bearer = api.login(mock.issue_token(NIP)).access_token
    for method, path in ENDPOINTS:
        assert api.call(method, path, bearer=bearer, json={}).status_code == 404
    assert get(api, "/limits/context", bearer) == CONTEXT
