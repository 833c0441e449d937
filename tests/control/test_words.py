"""Words in errors of /_mock: each order names the member that is wrong, what is expected, what was given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from starlette.routing import Route

from ksef_mock.control import (
    api,
    certificates,
    clock,
    keys,
    lighthouse,
    processing,
    sign,
    tenants,
    warning,
)
from ksef_mock.control.routes import ROUTES
from ksef_mock.core.expected import explained
from ksef_mock.core.fault import Fault
from ksef_mock.core.lighthouse import AnnouncementOrder
from ksef_mock.ksef.invoices.bodies import SeedInvoicesRequest
from ksef_mock.ksef.invoices.portable import ImportOrder
from ksef_mock.ksef.peppol.bodies import SeedProvidersRequest
from ksef_mock.testing import MockServer
from tests.support import NIP

ORDERS: dict[str, type[msgspec.Struct]] = {
    "POST /tokens": api.TokenOrder,
    "POST /certificates": certificates.CertificateOrder,
    "POST /certificates/revoke": certificates.CertificateChoice,
    "POST /certificates/suspend": certificates.CertificateChoice,
    "POST /certificates/reinstate": certificates.CertificateChoice,
    "POST /clock/advance": clock.ClockAdvance,
    "POST /clock/set": clock.ClockSet,
    "POST /faults": Fault,
    "POST /invoices": SeedInvoicesRequest,
    "POST /invoices/import": ImportOrder,
    "POST /keys/rotate": keys.Rotation,
    "POST /keys/recertify": keys.Recertification,
    "POST /keys/withdraw": keys.WithdrawalOrder,
    "PUT /keys/algorithm": keys.AlgorithmOrder,
    "POST /lighthouse/messages": AnnouncementOrder,
    "POST /lighthouse/end": lighthouse.EndOrder,
    "POST /lighthouse/correct": lighthouse.CorrectionOrder,
    "POST /lighthouse/play": lighthouse.PlayOrder,
    "PUT /lighthouse/breakdown": lighthouse.BreakdownOrder,
    "POST /peppol-providers": SeedProvidersRequest,
    "POST /processing/stop": processing.StopOrder,
    "POST /sign": sign.DocumentOrder,
    "POST /tenants": tenants.TenantOrder,
    "PUT /system-warning": warning.SystemWarning,
}
#: Orders without a body of JSON.
OTHERS = {"POST /reset", "POST /clock/freeze", "POST /clock/resume", "PUT /snapshot"}


def refusal(mock: MockServer, order: str, body: Any) -> str:
    """The words with which an order is refused."""
    method, _, path = order.partition(" ")
    response = httpx.request(
        method,
        f"{mock.url}/_mock{path}",
        content=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "X-Error-Format": "problem-details"},
    )
    problem = response.json()
    assert 400 <= response.status_code < 500, problem
    details = [each for error in problem.get("errors", ()) for each in error["details"]]
    return "; ".join(details) or str(problem["detail"])


def test_every_order_is_here() -> None:
    known = {
        f"{method} {route.path}"
        for route in ROUTES
        if isinstance(route, Route)
        for method in (route.methods or ())
        if method in ("POST", "PUT", "PATCH")
    }
    assert known == ORDERS.keys() | OTHERS


def members() -> Iterator[Any]:
    for order, model in ORDERS.items():
        for field in msgspec.structs.fields(model):
            yield pytest.param(order, field.encode_name, id=f"{order} {field.encode_name}")


@pytest.mark.parametrize(("order", "member"), list(members()))
def test_member_of_the_wrong_type_is_named_with_what_is_expected(
    ksef_mock: MockServer, order: str, member: str
) -> None:
    # A value that fits nowhere.
    for given, shown in (({"a": 1}, "an object"), ([["x"]], "a list")):
        said = refusal(ksef_mock, order, {member: given})
        if said.startswith((f"{member}[0]: ", f"{member}.a: ")):
            continue  # a list or an object is right there, what is in it is not
        is_whole = said.startswith(f"{member}: expected ") and said.endswith(f", got {shown}")
        assert is_whole or ": missing, expected " in said, said  # of another member that is needed


@pytest.mark.parametrize("order", ORDERS)
def test_unknown_members_are_told_the_known_ones(ksef_mock: MockServer, order: str) -> None:
    said = refusal(ksef_mock, order, {"nonsense": 1})
    if "missing" not in said:
        assert said.startswith("nonsense: unknown here, expected ")
    first = msgspec.structs.fields(ORDERS[order])[0].encode_name
    assert first in said


@pytest.mark.parametrize("order", ORDERS)
def test_what_is_no_json_is_said_to_be_none(ksef_mock: MockServer, order: str) -> None:
    assert refusal(ksef_mock, order, b"{no").startswith("the body is no JSON: ")
    assert refusal(ksef_mock, order, b"1 and more").startswith("the body is no JSON: ")
    assert refusal(ksef_mock, order, [1]).startswith("expected an object with ")


@pytest.mark.parametrize(
    ("order", "body", "said"),
    [
        ("POST /clock/advance", {}, "seconds: missing, expected a number"),
        ("POST /clock/advance", b"", "the body is empty, expected JSON"),
        ("POST /clock/advance", {"seconds": 1e99}, "what leads to a year from 1970 to 2249, got 1e+99"),
        ("POST /clock/set", {"time": "yesterday"}, "time: expected a moment in ISO 8601, such as '2026-"),
        ("POST /clock/set", {"time": "9999-01-01T00:00:00Z"}, "time: expected what leads to a year"),
        ("POST /tokens", {"nip": "123"}, "nip: expected a NIP: ten digits such as '5265877635', got \"123\""),
        ("POST /tokens", {"nip": NIP, "permissions": ["Read"]}, "permissions[0]: expected one of "),
        ("POST /tokens", {"nip": NIP, "token": ""}, "token: a KSeF token is 1 to "),
        ("POST /certificates", {"key": "dsa"}, "key: expected one of ec, p-192, rsa, rsa-1024, got \"dsa\""),
        ("POST /certificates", {"pesel": "1"}, "pesel: expected a PESEL: eleven digits"),
        ("POST /certificates", {"surname": ""}, "surname: expected a text of 1 to 31 characters, got \"\""),
        ("POST /certificates", {"pkcs12Password": "s3cr3t" * 90}, "got a text of 540 characters"),
        ("POST /certificates", {"validFrom": "0001-01-01T00:00:00Z"}, "validFrom: expected a moment from"),
        ("POST /certificates/revoke", {"fingerprint": "x"}, "fingerprint: expected 64 hex digits"),
        ("POST /certificates/revoke", {"serialNumber": "x"}, "serialNumber: expected the hex digits of one"),
        ("POST /certificates/revoke", {"certificate": "x"}, "certificate: expected PEM, or Base64 of DER"),
        ("POST /faults", {"status": 99}, "status: expected a final HTTP status such as 404 or 503, got 99"),
        ("POST /faults", {"method": "fetch", "cut": True}, "method: expected one of CONNECT, DELETE, GET"),
        ("POST /faults", {"times": 0, "cut": True}, "times: expected a number from 1 to 1000000, got 0"),
        ("POST /faults", {"path": "x", "cut": True}, "path: expected a pattern of at most 256 characters"),
        ("POST /faults", {"outcome": {"status": 1}}, "outcome.status: expected one of 200, 415, 425"),
        ("POST /faults", {"outcome": {}}, "outcome.status: missing, expected a whole number"),
        ("POST /faults", {"hold": {"poll": 1}}, "hold.poll: unknown here, expected polls, seconds"),
        ("POST /invoices", {"invoices": [{"seller": {"nip": "1"}}]}, "invoices[0].seller.nip: expected a "),
        ("POST /invoices", {"documents": ["x"]}, "documents[0]: well-formedness: "),
        ("POST /keys/withdraw", {"publicKeyId": "x"}, "publicKeyId: expected one of "),
        ("POST /lighthouse/play", {"name": "x"}, "name: expected one of outage, total-outage"),
        ("PUT /lighthouse/breakdown", {"slowSeconds": -1}, "slowSeconds: expected a number from 0 to "),
        ("POST /peppol-providers", {"providers": [{"id": "x", "name": "y"}]}, "providers[0].id: expected a "),
        ("POST /processing/stop", {"forSeconds": 0}, "forSeconds: expected a number above 0"),
        ("POST /processing/stop", {"forSeconds": 1, "inSeconds": -1}, "inSeconds: expected a number from 0"),
        ("POST /sign", {"xml": "<a/>", "as": "jan"}, "as: expected pesel:PESEL, nip:NIP or seal:"),
        ("PUT /system-warning", {"warning": "no code"}, "warning: expected '[code]: message'"),
    ],
)  # fmt: skip
def test_order_is_refused_in_full(ksef_mock: MockServer, order: str, body: Any, said: str) -> None:
    assert said in refusal(ksef_mock, order, body)


def test_secrets_are_not_repeated(ksef_mock: MockServer) -> None:
    for body in ({"pkcs12Password": "s3cr3t" * 50}, {"nip": NIP, "pkcs12Password": ["s3cr3t"]}):
        assert "s3cr3t" not in refusal(ksef_mock, "POST /certificates", body)
    assert "s3cr3t" not in refusal(ksef_mock, "POST /tokens", {"nip": NIP, "token": "s3cr3t x"})


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=x", 'limit: expected a whole number from 0 to 2147483648, got "x"'),
        ("limit=-1", 'limit: expected a whole number from 0 to 2147483648, got "-1"'),
        ("after=99999999999", "after: expected a whole number"),
        ("code=x", "code: expected a whole number"),
        ("failed=maybe", 'failed: expected true or false, got "maybe"'),
        ("status=9", 'status: expected a status such as 404, or a class such as 4xx, got "9"'),
        ("method=fetch", "method: expected one of CONNECT, DELETE, GET"),
    ],
)
def test_filters_of_the_journal_too(ksef_mock: MockServer, query: str, said: str) -> None:
    for path in ("/journal", "/journal/count", "/journal/stream"):
        assert said in refusal(ksef_mock, f"GET {path}?{query}", b"")


def test_place_that_only_msgspec_knows_keeps_its_words() -> None:
    # Keys of a mapping: no order has them yet.
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert({"a": {"b": 1}}, dict[str, dict[str, str]])
    assert "Expected `str`, got `int`" in explained(caught.value, {"a": {"b": 1}}, dict[str, dict[str, str]])
