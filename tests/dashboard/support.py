"""Logins of every kind for the dashboard to show, and a reader of its pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from lxml import html

from ksef_mock.crypto.pki import person
from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import signed, submit
from tests.support import NIP, Api

#: A name of ill will.
HOSTILE = "<script>alert(1)</script>\"'&"
OWNER = person("Jan", "Kowalski", nip=NIP)


@dataclass(frozen=True)
class Page:
    """A page as its reader sees it."""

    response: httpx.Response
    root: html.HtmlElement

    @property
    def text(self) -> str:
        """All text, white space as one blank."""
        return _flat(self.root)

    def all(self, selector: str) -> list[str]:
        """The text of each element that fits an XPath."""
        return [_flat(element) for element in self.root.xpath(selector)]

    def links(self) -> list[str]:
        return [str(href) for href in self.root.xpath("//a/@href")]


def _flat(element: html.HtmlElement) -> str:
    return re.sub(r"\s+", " ", str(element.text_content())).strip()


class Dashboard:
    """A browser without JavaScript."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"Origin": url}, timeout=60)

    def get(self, path: str = "/_mock/", status: int = 200) -> Page:
        response = self.http.get(path)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        return Page(response, html.fromstring(response.text))

    def login(self, row: int = 0) -> Page:
        """The page of a login in the list, the newest being row 0."""
        return self.get(self.get().root.xpath("//tbody/tr//a/@href")[row])


def refused_signature(mock: MockServer, api: Api) -> httpx.Response:
    """A signed document into which somebody put white space afterwards."""
    owner = mock.pki.qualified(OWNER)
    document = signed(mock, api, owner).replace(b"<ContextIdentifier>", b"<ContextIdentifier>  ")
    return submit(api, document)


#: Start a mock with other settings; look at one.
Serve = Callable[..., tuple[MockServer, Api]]
Browse = Callable[[MockServer], Dashboard]
