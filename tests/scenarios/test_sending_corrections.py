"""A refused invoice that was made offline is sent again, corrected, with the hash of the refused one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ksef_mock.clock import to_datetime
from tests.scenarios.sending import SELLER, logged_in
from tests.sending.erp import sha256
from tests.sending.templates import filled, needs_official, with_value
from tests.support import error
from tests.world import World

pytestmark = needs_official


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same session", "another session"])
def test_a_refused_invoice_is_corrected(world: World, elsewhere: bool) -> None:
    erp = logged_in(world, SELLER)
    session = erp.open()
    right = filled("fa-3", SELLER)
    tomorrow = (to_datetime(world.mock.clock.now()) + timedelta(days=2)).date().isoformat()
    wrong = with_value(right, "P_1", tomorrow)
    refused = erp.sent(session, wrong, offlineMode=True)
    assert (refused["status"]["code"], refused["invoiceHash"]) == (450, sha256(wrong))
    if elsewhere:
        assert erp.closed(session)["status"]["code"] == 445
        session = erp.open()
    accepted = erp.sent(session, right, offlineMode=True, hashOfCorrectedInvoice=refused["invoiceHash"])
    assert (accepted["status"]["code"], accepted["invoicingMode"]) == (200, "Offline")
    assert erp.closed(session)["status"]["code"] == 200

    # The metadata name the refused file.
    start = (to_datetime(world.mock.clock.now()) - timedelta(days=1)).isoformat()
    filters = {"subjectType": "Subject1", "dateRange": {"dateType": "Invoicing", "from": start}}
    (found,) = erp.call("POST", "/invoices/query/metadata", json=filters).json()["invoices"]
    assert found["hashOfCorrectedInvoice"] == refused["invoiceHash"]

    # Now it is over: neither the refused nor the accepted file can be corrected any more.
    session = erp.open()
    for digest, code in ((refused["invoiceHash"], 21166), (accepted["invoiceHash"], 21167)):
        again = {"offlineMode": True, "hashOfCorrectedInvoice": digest}
        assert error(erp.send(session, filled("fa-3", SELLER), **again))[0] == code


def test_a_correction_may_have_an_attachment(world: World) -> None:
    erp = logged_in(world, SELLER)
    session = erp.open()
    document = filled("fa-3-with-attachment", SELLER)
    correction: dict[str, Any] = {"offlineMode": True, "hashOfCorrectedInvoice": sha256(b"refused once")}
    status = erp.sent(session, document, **correction)["status"]
    assert (status["code"], status["details"]) == (
        410,
        [f"Sprzedawca {SELLER} nie posiada zgody do wysyłania faktur z załącznikami"],
    )
    world.test_data("attachment", nip=SELLER)
    assert erp.sent(session, document, **correction)["status"]["code"] == 200
