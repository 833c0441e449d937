"""KSeF tokens over HTTP: generation, the statuses, the list with its filters, revocation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest

from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.waiting import Delay
from ksef_mock.crypto.pki import person, seal
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.support import NIP, OTHER_NIP, Api, complaint, error
from tests.tokens.logins import access_token, grant, own

Serve = Callable[..., tuple[MockServer, Api]]

PESEL = "90010112349"
OWNER = person("Jan", "Kowalski", nip=NIP)
SEAL = seal("Firma Testowa sp. z o.o.", nip=NIP)
ACCOUNTANT = person("Anna", "Nowak", pesel=PESEL)
DESCRIPTION = "Wystawianie i przeglądanie faktur."
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{0,6}[1-9])?\+00:00")


@pytest.fixture
def owner(ksef_mock: MockServer, api: Api) -> str:
    """Access token of the owner of NIP, logged in with a certificate."""
    return access_token(ksef_mock, api, OWNER)


def generate(
    api: Api, bearer: str, *permissions: str, description: str = DESCRIPTION, **changes: Any
) -> httpx.Response:
    body = {"permissions": list(permissions), "description": description, **changes}
    return api.call("POST", "/tokens", bearer=bearer, json=body)


def generated(api: Api, bearer: str, *permissions: str, description: str = DESCRIPTION) -> tuple[str, str]:
    """Reference number and text of a new token."""
    response = generate(api, bearer, *permissions, description=description)
    assert response.status_code == 202, response.text
    body = response.json()
    return body["referenceNumber"], body["token"]


def show(api: Api, bearer: str, reference: str) -> dict[str, Any]:
    response = api.call("GET", f"/tokens/{reference}", bearer=bearer)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def listed(api: Api, bearer: str, query: str = "") -> list[str]:
    """Reference numbers on the first page of the list."""
    response = api.call("GET", f"/tokens?{query}", bearer=bearer)
    assert response.status_code == 200, response.text
    return [item["referenceNumber"] for item in response.json()["tokens"]]


def revoke(api: Api, bearer: str, reference: str) -> httpx.Response:
    return api.call("DELETE", f"/tokens/{reference}", bearer=bearer)


def login_status(api: Api, token: str, nip: str = NIP) -> dict[str, Any]:
    return api.status(api.submit(api.token_request(token, nip=nip)))


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


# -- generation -------------------------------------------------------------------------------------------


def test_generated_token_logs_in_with_its_permissions(api: Api, owner: str) -> None:
    reference, text = generated(api, owner, "InvoiceRead", "InvoiceWrite")
    assert re.fullmatch(rf"{reference}\|nip-{NIP}\|[0-9a-f]{{64}}", text)
    login = api.login(text)
    (used,) = [item for item in listed(api, login.access_token) if item == reference]
    assert show(api, login.access_token, used)["requestedPermissions"] == ["InvoiceRead", "InvoiceWrite"]


def test_token_is_shown_as_it_was_asked_for(api: Api, owner: str) -> None:
    reference, _ = generated(api, owner, "InvoiceRead")
    shown = show(api, owner, reference)
    assert DATE.fullmatch(shown.pop("dateCreated"))
    assert shown == {
        "referenceNumber": reference,
        "authorIdentifier": {"type": "Nip", "value": NIP},
        "contextIdentifier": {"type": "Nip", "value": NIP},
        "description": DESCRIPTION,
        "requestedPermissions": ["InvoiceRead"],
        "status": "Active",
    }


def test_text_of_a_token_is_shown_once_and_kept_as_a_hash(
    ksef_mock: MockServer, api: Api, owner: str
) -> None:
    reference, text = generated(api, owner, "InvoiceRead")
    secret = text.rpartition("|")[2]
    assert secret not in api.call("GET", f"/tokens/{reference}", bearer=owner).text
    assert secret not in api.call("GET", "/tokens", bearer=owner).text
    assert secret not in repr(ksef_mock._running.store.__dict__)
    assert secret not in httpx.get(f"{ksef_mock.url}/_mock/journal").text


def test_permission_asked_for_twice_counts_once(api: Api, owner: str) -> None:
    reference, _ = generated(api, owner, "InvoiceRead", "InvoiceRead")
    assert show(api, owner, reference)["requestedPermissions"] == ["InvoiceRead"]


def test_token_of_an_internal_id_names_it(ksef_mock: MockServer, api: Api) -> None:
    context = Identifier("InternalId", f"{NIP}-12345")
    own(ksef_mock, context, Identifier("Nip", NIP))
    _, text = generated(api, access_token(ksef_mock, api, OWNER, context), "InvoiceRead")
    assert f"|internalId-{NIP}-12345|" in text
    body = api.token_request(text, contextIdentifier={"type": "InternalId", "value": context.value})
    assert api.status(api.submit(body))["code"] == 200


@pytest.mark.parametrize(("kind", "value"), [("NipVatUe", f"{NIP}-DE123456789"), ("PeppolId", "PPL123456")])
def test_other_contexts_have_no_tokens_26002(ksef_mock: MockServer, api: Api, kind: str, value: str) -> None:
    context = Identifier(kind, value)
    credential = ksef_mock.pki.self_signed(OWNER, key="ec")
    own(ksef_mock, context, Identifier("Fingerprint", credential.fingerprint))
    bearer = access_token(ksef_mock, api, credential, context, subject="certificateFingerprint")
    response = generate(api, bearer, "InvoiceRead")
    assert error(response) == (
        26002,
        "Nie można wygenerować tokena dla obecnego typu kontekstu.",
        [f"Aktualny typ kontekstu: {kind}. Dozwolone typy kontekstu: Nip, InternalId."],
    )


def test_permission_that_the_author_lacks_is_26001(ksef_mock: MockServer, api: Api) -> None:
    grant(api, "Pesel", PESEL, "InvoiceRead", "CredentialsRead")
    accountant = access_token(ksef_mock, api, ACCOUNTANT)
    assert generate(api, accountant, "InvoiceRead").status_code == 202
    assert error(generate(api, accountant, "InvoiceRead", "InvoiceWrite")) == (
        26001,
        "Nie można nadać tokenowi uprawnień których nie posiadasz.",
        ["Brakujące uprawnienia: InvoiceWrite."],
    )


def test_token_can_make_a_token_that_is_not_stronger(ksef_mock: MockServer, api: Api) -> None:
    bearer = api.login(ksef_mock.issue_token(NIP, ["InvoiceRead"])).access_token
    assert generate(api, bearer, "InvoiceRead").status_code == 202
    assert error(generate(api, bearer, "CredentialsManage"))[0] == 26001


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"description": "1234"}, "description"),
        ({"description": "x" * 257}, "description"),
        ({"description": None}, "description"),
        ({"permissions": ["InvoiceRead", "Nothing"]}, "$.permissions[1]"),
        ({"permissions": "InvoiceRead"}, "$.permissions"),
        ({"permissions": [1]}, "$.permissions[0]"),
    ],
)
def test_order_that_is_unreadable_or_invalid_is_named(
    api: Api, owner: str, changes: dict[str, Any], field: str
) -> None:
    assert complaint(generate(api, owner, "InvoiceRead", **changes)) == field


@pytest.mark.parametrize("description", ["12345", "x" * 256])
def test_description_may_have_5_to_256_characters(api: Api, owner: str, description: str) -> None:
    reference, _ = generated(api, owner, "InvoiceRead", description=description)
    assert show(api, owner, reference)["description"] == description


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/tokens"), ("GET", "/tokens"), ("DELETE", "/tokens/x")]
)
def test_without_an_access_token_nothing_is_done(api: Api, ksef_token: str, method: str, path: str) -> None:
    login = api.login(ksef_token)
    for bearer, status in ((None, 401), (login.refresh_token, 403), (login.authentication_token, 403)):
        assert api.call(method, path, bearer=bearer, json={}).status_code == status


# -- statuses ---------------------------------------------------------------------------------------------


def test_new_token_is_pending_for_the_polls_of_the_delay_and_no_good_until_then(serve: Serve) -> None:
    mock, api = serve(delay=Delay(polls=2))
    bearer = patient_login(mock, api)
    reference, text = generated(api, bearer, "InvoiceRead")
    assert show(api, bearer, reference)["status"] == "Pending"
    submitted = api.submit(api.token_request(text))
    statuses = [api.status(submitted) for _ in range(3)]
    assert statuses[-1]["details"] == ["Token nieaktywny"]
    assert [show(api, bearer, reference)["status"] for _ in range(2)] == ["Pending", "Active"]
    submitted = api.submit(api.token_request(text))
    assert [api.status(submitted)["code"] for _ in range(3)] == [100, 100, 200]


def test_new_token_is_pending_until_the_clock_has_passed_the_delay(serve: Serve) -> None:
    mock, api = serve(delay=Delay(seconds=3))
    bearer = patient_login(mock, api)
    mock.clock.freeze()
    reference, _ = generated(api, bearer, "InvoiceRead")
    mock.clock.advance(seconds=2.9)
    assert show(api, bearer, reference)["status"] == "Pending"
    mock.clock.advance(seconds=0.1)
    assert show(api, bearer, reference)["status"] == "Active"


def test_revoked_token_is_revoking_first_and_no_good_from_the_start(serve: Serve) -> None:
    mock, api = serve(delay=Delay(polls=1))
    text = mock.issue_token(NIP, ["InvoiceRead"])
    reference = text.partition("|")[0]
    bearer = patient_login(mock, api)
    assert revoke(api, bearer, reference).status_code == 204
    assert listed(api, bearer, "status=Revoking") == [reference]
    submitted = api.submit(api.token_request(text))
    assert [api.status(submitted) for _ in range(2)][1]["details"] == ["Token unieważniony"]
    assert [show(api, bearer, reference)["status"] for _ in range(2)] == ["Revoking", "Revoked"]
    assert listed(api, bearer, "status=Revoking") == []


def patient_login(mock: MockServer, api: Api) -> str:
    """Log in to a mock with a delay."""
    submitted = api.submit(api.token_request(mock.issue_token(NIP)))
    while api.status(submitted)["code"] == 100:
        mock.clock.advance(seconds=1)
    bearer: str = api.redeem(submitted.json()["authenticationToken"]["token"]).json()["accessToken"]["token"]
    return bearer


def test_last_use_is_that_of_the_last_successful_login(ksef_mock: MockServer, api: Api, owner: str) -> None:
    reference, text = generated(api, owner, "InvoiceRead")
    assert "lastUseDate" not in show(api, owner, reference)
    api.login(text)
    first = show(api, owner, reference)["lastUseDate"]
    assert DATE.fullmatch(first)
    assert login_status(api, text, OTHER_NIP)["code"] == 450  # not of this context: no use
    assert show(api, owner, reference)["lastUseDate"] == first
    ksef_mock.clock.advance(seconds=60)
    api.login(text)
    assert show(api, owner, reference)["lastUseDate"] > first


def test_tokens_of_the_control_interface_are_listed_too(ksef_mock: MockServer, api: Api, owner: str) -> None:
    by_python = ksef_mock.issue_token(NIP, ["InvoiceRead"]).partition("|")[0]
    order = {"nip": NIP, "permissions": ["InvoiceWrite"]}
    by_http = httpx.post(f"{ksef_mock.url}/_mock/tokens", json=order).json()["referenceNumber"]
    assert listed(api, owner) == [by_http, by_python]
    assert show(api, owner, by_http)["authorIdentifier"] == {"type": "Nip", "value": NIP}


# -- who sees what ----------------------------------------------------------------------------------------


def test_without_credentials_permissions_an_author_sees_his_own_tokens(
    ksef_mock: MockServer, api: Api, owner: str
) -> None:
    grant(api, "Pesel", PESEL, "InvoiceRead")
    accountant = access_token(ksef_mock, api, ACCOUNTANT)
    foreign, _ = generated(api, owner, "InvoiceRead")
    mine, text = generated(api, accountant, "InvoiceRead")
    assert listed(api, accountant) == [mine]
    assert listed(api, owner) == [mine, foreign]
    refused = api.call("GET", f"/tokens/{foreign}", bearer=accountant)
    assert (refused.status_code, refused.json()["reasonCode"]) == (403, "insufficient-resource-access")
    assert revoke(api, accountant, foreign).status_code == 403
    assert revoke(api, accountant, mine).status_code == 204
    assert login_status(api, text)["details"] == ["Token unieważniony"]


def test_nip_and_pesel_of_one_person_are_one_author(ksef_mock: MockServer, api: Api) -> None:
    grant(api, "Pesel", PESEL, "InvoiceRead")
    reference, _ = generated(api, access_token(ksef_mock, api, ACCOUNTANT), "InvoiceRead")
    grant(api, "Nip", OTHER_NIP, "InvoiceRead")
    by_nip = access_token(ksef_mock, api, person("Anna", "Nowak", nip=OTHER_NIP))
    assert listed(api, by_nip) == []
    linked = {"nip": OTHER_NIP, "pesel": PESEL, "isBailiff": False, "description": "Anna Nowak"}
    assert api.call("POST", "/testdata/person", json=linked).status_code == 200
    assert listed(api, by_nip) == [reference]
    assert revoke(api, by_nip, reference).status_code == 204


def test_after_a_token_login_without_credentials_permissions_the_authors_tokens_can_be_read_by_number(
    ksef_mock: MockServer, api: Api
) -> None:
    grant(api, "Pesel", PESEL, "InvoiceRead")
    text = ksef_mock.issue_token(NIP, ["InvoiceRead"])
    other = ksef_mock.issue_token(NIP, ["InvoiceRead"]).partition("|")[0]
    bearer = api.login(text).access_token
    assert listed(api, bearer) == [text.partition("|")[0]]
    assert show(api, bearer, other)["referenceNumber"] == other
    foreign, _ = generated(api, access_token(ksef_mock, api, ACCOUNTANT), "InvoiceRead")
    assert api.call("GET", f"/tokens/{foreign}", bearer=bearer).status_code == 403
    assert revoke(api, bearer, other).status_code == 403
    assert revoke(api, bearer, text.partition("|")[0]).status_code == 204


def test_reading_credentials_does_not_include_revoking_them(ksef_mock: MockServer, api: Api) -> None:
    foreign = ksef_mock.issue_token(NIP).partition("|")[0]
    bearer = api.login(ksef_mock.issue_token(NIP, ["CredentialsRead"])).access_token
    assert foreign in listed(api, bearer)
    assert show(api, bearer, foreign)["status"] == "Active"
    assert revoke(api, bearer, foreign).status_code == 403


def test_tokens_of_another_context_are_out_of_reach(ksef_mock: MockServer, api: Api, owner: str) -> None:
    foreign = ksef_mock.issue_token(OTHER_NIP).partition("|")[0]
    assert listed(api, owner) == []
    assert api.call("GET", f"/tokens/{foreign}", bearer=owner).status_code == 403
    assert revoke(api, owner, foreign).status_code == 403


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_unknown_token_is_21405(api: Api, owner: str, method: str) -> None:
    unknown = "20251001-EC-220B0CE000-E228129563-96"
    assert error(api.call(method, f"/tokens/{unknown}", bearer=owner)) == (
        21405,
        "Błąd walidacji danych wejściowych.",
        [f"Token o numerze referencyjnym {unknown} nie został znaleziony."],
    )
    assert error(api.call(method, "/tokens/20251001-EC", bearer=owner))[0] == 21405


def test_token_is_revoked_once(api: Api, owner: str) -> None:
    reference, text = generated(api, owner, "InvoiceRead")
    login = api.login(text)
    assert revoke(api, owner, reference).status_code == 204
    assert error(revoke(api, owner, reference))[2] == [
        f"Token o numerze referencyjnym {reference} nie jest aktywny."
    ]
    assert error(api.refresh(login.refresh_token))[0] == 21301


# -- the list ---------------------------------------------------------------------------------------------


def test_pages_lead_through_all_tokens_newest_first(ksef_mock: MockServer, api: Api, owner: str) -> None:
    issued = [ksef_mock.issue_token(NIP).partition("|")[0] for _ in range(25)]
    pages: list[list[str]] = []
    headers: dict[str, str] = {}
    while True:
        body = api.call("GET", "/tokens?pageSize=10", bearer=owner, headers=headers).json()
        pages.append([item["referenceNumber"] for item in body["tokens"]])
        if not body.get("continuationToken"):
            break
        headers = {"x-continuation-token": body["continuationToken"]}
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [reference for page in pages for reference in page] == issued[::-1]


def test_page_that_is_just_full_is_the_last(ksef_mock: MockServer, api: Api, owner: str) -> None:
    for _ in range(10):
        ksef_mock.issue_token(NIP)
    body = api.call("GET", "/tokens", bearer=owner).json()
    assert len(body["tokens"]) == 10
    assert "continuationToken" not in body


def test_continuation_token_of_somebody_else_is_21418(api: Api, owner: str) -> None:
    for garbage in ("garbage", "W10=", "WzEsMl0="):
        response = api.call("GET", "/tokens", bearer=owner, headers={"x-continuation-token": garbage})
        assert error(response)[0] == 21418


def test_status_filter_takes_several_values(ksef_mock: MockServer, api: Api, owner: str) -> None:
    text = ksef_mock.issue_token(NIP)
    ksef_mock.revoke_token(text)
    revoked, active = text.partition("|")[0], ksef_mock.issue_token(NIP).partition("|")[0]
    assert listed(api, owner, "status=Active") == [active]
    assert listed(api, owner, "status=Revoked") == [revoked]
    assert listed(api, owner, "status=Revoked&status=Active") == [active, revoked]
    assert listed(api, owner, "status=Pending&status=Failed&status=Revoking") == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("description=PRZEGLĄD", True),
        ("description=faktur.", True),
        ("description=rachunk", False),
        (f"authorIdentifier={NIP[2:6]}", True),
        ("authorIdentifier=999", False),
        ("authorIdentifierType=Nip", True),
        ("authorIdentifierType=Pesel", False),
        (f"authorIdentifier={NIP}&authorIdentifierType=Fingerprint", False),
        (f"authorIdentifier={NIP}&authorIdentifierType=Nip&description=faktur&status=Active", True),
    ],
)
def test_text_filters_search_whatever_the_case(api: Api, owner: str, query: str, found: bool) -> None:
    reference, _ = generated(api, owner, "InvoiceRead")
    assert listed(api, owner, query) == ([reference] if found else [])


def test_filter_finds_matches_behind_any_number_of_others(
    ksef_mock: MockServer, api: Api, owner: str
) -> None:
    reference, _ = generated(api, owner, "InvoiceRead")
    for _ in range(30):
        ksef_mock.issue_token(NIP)
    assert listed(api, owner, "description=faktur&pageSize=10") == [reference]


@pytest.mark.parametrize(
    "query",
    [
        "status=Active&status=Gone",
        "authorIdentifierType=Regon",
        "pageSize=many",
        "pageSize=",
        "pageSize=1.5",
        f"pageSize={2**31}",
    ],
)
def test_unreadable_filter_is_21001(api: Api, owner: str, query: str) -> None:
    assert error(api.call("GET", f"/tokens?{query}", bearer=owner))[0] == 21001


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        (
            "description=ab",
            "The length of 'description' must be at least 3 characters. You entered 2 characters.",
        ),
        (
            "authorIdentifier=12",
            "The length of 'authorIdentifier' must be at least 3 characters. You entered 2 characters.",
        ),
        ("pageSize=9", "'pageSize' must be between 10 and 100. You entered 9."),
        ("pageSize=101", "'pageSize' must be between 10 and 100. You entered 101."),
    ],
)
def test_invalid_filter_is_21405(api: Api, owner: str, query: str, detail: str) -> None:
    assert error(api.call("GET", f"/tokens?{query}", bearer=owner))[::2] == (21405, [detail])


@pytest.mark.parametrize("query", ["status=active", "STATUS=ACTIVE", "authorIdentifierType=nip"])
def test_filters_are_read_in_any_case(ksef_mock: MockServer, api: Api, owner: str, query: str) -> None:
    ksef_mock.issue_token(NIP)
    assert len(listed(api, owner, query)) == 1


def test_what_a_token_makes_is_noted_or_refused_as_the_settings_say(serve: Serve) -> None:
    body = {"permissions": ["InvoiceRead"], "description": DESCRIPTION}
    for refuses in (False, True):
        mock, api = serve(settings=Settings(refuse_tokens_by_tokens=refuses))
        bearer = api.login(mock.issue_token(NIP)).access_token
        answer = api.call("POST", "/tokens", bearer=bearer, json=body)
        decisions = mock.journal.last("/tokens").decisions
        if refuses:
            assert (answer.status_code, answer.json()["reasonCode"]) == (403, "auth-method-not-allowed")
        else:
            assert answer.status_code == 202
            assert any("only XAdES" in decision.reason for decision in decisions)
        by_certificate = access_token(mock, api, SEAL)
        assert api.call("POST", "/tokens", bearer=by_certificate, json=body).status_code == 202
        assert not any("XAdES" in each.reason for each in mock.journal.last("/tokens").decisions)


def test_a_token_says_of_its_author_what_the_certificate_said(ksef_mock: MockServer, api: Api) -> None:
    by_certificate = access_token(ksef_mock, api, SEAL)
    _, text = generated(api, by_certificate, "CredentialsManage", "InvoiceRead")
    by_token = api.login(text).access_token
    _, made_by_token = generated(api, by_token, "InvoiceRead")
    said = [
        claims_of(each)["sud"] for each in (by_certificate, by_token, api.login(made_by_token).access_token)
    ]
    assert said[0] == said[1] == said[2]
    assert list(json.loads(said[0])) == [
        "subjectIdentifier",
        "commonName",
        "countryName",
        "organizationName",
        "organizationIdentifier",
    ]
