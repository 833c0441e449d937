"""A pasted document gets the report of `ksef-mock verify`."""

from __future__ import annotations

import base64

import pytest
from lxml import html

from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import signed
from tests.dashboard.support import OWNER, Dashboard, Page
from tests.support import Api


def paste(dashboard: Dashboard, text: str, status: int = 200) -> Page:
    response = dashboard.http.post("/_mock/ui/verify", data={"document": text})
    assert response.status_code == status, response.text
    return Page(response, html.fromstring(response.text))


@pytest.mark.parametrize("base64ed", [False, True])
def test_a_right_document(ksef_mock: MockServer, dashboard: Dashboard, api: Api, base64ed: bool) -> None:
    document = signed(ksef_mock, api, ksef_mock.pki.qualified(OWNER))
    text = base64.encodebytes(document).decode() if base64ed else document.decode()
    page = paste(dashboard, text)
    assert "Nothing is wrong with this document" in page.text
    assert "failed:" not in page.text


def test_a_wrong_document_has_its_cause_first(ksef_mock: MockServer, dashboard: Dashboard, api: Api) -> None:
    document = signed(ksef_mock, api, ksef_mock.pki.qualified(OWNER))
    page = paste(dashboard, document.decode().replace("<ContextIdentifier>", "<ContextIdentifier>  "))
    (verdict,) = page.all("//section[contains(@class, 'verdict')]")
    assert "Refused: references" in verdict
    assert "Likely: white space between elements was added after signing" in verdict
    assert "400, 9105 Nieprawidłowy podpis." in verdict
    assert page.all("//section[@aria-labelledby='checks']//details/summary")[0].endswith("checks passed")


@pytest.mark.parametrize("text", ["", "no XML", "<a/>", "<script>alert(1)</script>", "\0", "AAAA"])
def test_anything_may_be_pasted(dashboard: Dashboard, text: str) -> None:
    page = paste(dashboard, text, 200 if text else 400)
    assert "<script>alert" not in page.response.text


def test_nothing_is_pasted_from_elsewhere(ksef_mock: MockServer, dashboard: Dashboard) -> None:
    response = dashboard.http.post(
        "/_mock/ui/verify", data={"document": "<a/>"}, headers={"Origin": "http://x"}
    )
    assert response.status_code == 403
    assert len(ksef_mock.journal) == 1
