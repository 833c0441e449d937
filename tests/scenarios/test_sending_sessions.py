"""Whose a session is: who sees it, who closes it, and how it is found again."""

from __future__ import annotations

import httpx
import pytest

from tests.scenarios.sending import BUYER, SELLER, THIRD, logged_in
from tests.sending.erp import Erp, Session
from tests.sending.templates import filled, form_of, needs_official
from tests.support import Api, error
from tests.world import World

pytestmark = needs_official


def one_sent(erp: Erp) -> Session:
    session = erp.open()
    assert erp.sent(session, filled("fa-3", SELLER))["status"]["code"] == 200
    return session


def refused(answer: httpx.Response, reason: str = "insufficient-resource-access") -> None:
    assert answer.status_code == 403, answer.text
    assert answer.json()["reasonCode"] == reason


def writer(world: World, owner: Erp, nip: str) -> Erp:
    """Somebody who may write invoices in the owner's context."""
    assert world.grant_person(owner.access, ("Nip", nip), "InvoiceWrite") == 200
    return logged_in(world, nip, SELLER)


def test_any_login_of_the_owner_closes_it(world: World) -> None:
    owner = logged_in(world, SELLER)
    session = one_sent(owner)
    later = logged_in(world, SELLER)
    assert later.closed(session)["status"]["code"] == 200


def test_a_refreshed_token_closes_it(api: Api, world: World) -> None:
    login = api.login(world.mock.issue_token(SELLER), nip=SELLER)
    session = one_sent(Erp(api, login.access_token, SELLER))
    refreshed = api.refresh(login.refresh_token).json()["accessToken"]["token"]
    assert Erp(api, refreshed, SELLER).closed(session)["status"]["code"] == 200


def test_another_writer_neither_sees_nor_closes_the_owners(world: World) -> None:
    owner = logged_in(world, SELLER)
    session = one_sent(owner)
    (invoice,) = owner.call("GET", f"/sessions/{session.reference}/invoices").json()["invoices"]
    other = writer(world, owner, BUYER)
    for path in ("", "/invoices", "/invoices/failed", f"/invoices/{invoice['referenceNumber']}"):
        refused(other.call("GET", f"/sessions/{session.reference}{path}"))
    refused(other.call("GET", f"/sessions/{session.reference}/invoices/ksef/{invoice['ksefNumber']}/upo"))
    refused(other.close(session))
    refused(other.send(session, filled("fa-3", SELLER)))
    refused(other.call("GET", f"/invoices/ksef/{invoice['ksefNumber']}"), "missing-permissions")
    assert other.call("GET", "/sessions?sessionType=Online").json()["sessions"] == []
    assert owner.status(session)["status"]["code"] == 100


def test_writers_do_not_close_each_others_but_the_owner_does(world: World) -> None:
    owner = logged_in(world, SELLER)
    first, second = writer(world, owner, BUYER), writer(world, owner, THIRD)
    session = one_sent(first)
    refused(second.close(session))
    assert owner.closed(session)["status"]["code"] == 200
    assert first.status(session)["status"]["code"] == 200


def test_introspection_sees_and_does_not_close(world: World) -> None:
    owner = logged_in(world, SELLER)
    session = one_sent(owner)
    assert world.grant_person(owner.access, ("Nip", BUYER), "Introspection") == 200
    auditor = logged_in(world, BUYER, SELLER)
    assert auditor.status(session)["successfulInvoiceCount"] == 1
    (listed,) = auditor.call("GET", "/sessions?sessionType=Online").json()["sessions"]
    assert listed["referenceNumber"] == session.reference
    refused(auditor.close(session), "missing-permissions")


@pytest.mark.parametrize("template", ["fa-2", "fa-3"])
def test_each_context_has_its_own(world: World, template: str) -> None:
    mine, theirs = logged_in(world, SELLER), logged_in(world, BUYER)
    first, second = mine.open(form=form_of(template)), mine.open(form=form_of(template))
    assert [mine.status(each)["status"]["code"] for each in (first, second)] == [100, 100]
    other = theirs.open(form=form_of(template))
    assert theirs.status(other)["status"]["code"] == 100
    refused(theirs.call("GET", f"/sessions/{first.reference}"))
    assert mine.closed(first)["status"]["code"] == 440


def test_sessions_are_found_by_their_status(world: World) -> None:
    one, two = logged_in(world, SELLER), logged_in(world, SELLER)
    still_open, cancelled, done = (
        one.open(form=form_of("fa-2")),
        two.open(form=form_of("fa-2")),
        one_sent(one),
    )
    one.closed(cancelled)
    one.closed(done)

    def listed(*statuses: str) -> dict[str, tuple[int, int, int, int]]:
        params = {"sessionType": "Online", "statuses": list(statuses), "pageSize": 10}
        found = one.call("GET", "/sessions", params=params).json()["sessions"]
        return {
            each["referenceNumber"]: (
                each["status"]["code"],
                each["totalInvoiceCount"],
                each["successfulInvoiceCount"],
                each["failedInvoiceCount"],
            )
            for each in found
        }

    assert listed("InProgress") == {still_open.reference: (100, 0, 0, 0)}
    assert listed("InProgress", "Cancelled") == {
        still_open.reference: (100, 0, 0, 0),
        cancelled.reference: (440, 0, 0, 0),
    }
    assert listed("Succeeded") == {done.reference: (200, 1, 1, 0)}
    assert listed("Failed") == {}


def test_a_session_takes_as_many_invoices_as_the_context_may_send(world: World) -> None:
    owner = logged_in(world, SELLER)
    limits = world.api.call("GET", "/limits/context", bearer=owner.access).json()
    lower = limits | {"onlineSession": limits["onlineSession"] | {"maxInvoices": 2}}
    assert world.post("/testdata/limits/context/session", owner.access, lower).status_code == 200
    session = owner.open()
    for _ in range(2):
        assert owner.sent(session, filled("fa-3", SELLER))["status"]["code"] == 200
    assert error(owner.send(session, filled("fa-3", SELLER))) == (
        21155,
        "Przekroczono dozwoloną liczbę faktur w sesji.",
        [f"Sesja o numerze referencyjnym {session.reference} osiągnęła dozwolony limit liczby faktur 2."],
    )
    assert owner.status(session)["invoiceCount"] == 2
    assert owner.sent(owner.open(), filled("fa-3", SELLER))["status"]["code"] == 200
