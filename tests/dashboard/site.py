"""All pages of the dashboard, found as a reader finds them: from link to link."""

from __future__ import annotations

import re
from collections import deque
from urllib.parse import urlsplit

from lxml import html
from starlette.routing import Route

from ksef_mock.dashboard.door import HOME
from ksef_mock.dashboard.routes import ROUTES
from tests.dashboard.support import Dashboard

#: Pages of one route that are looked at: rows differ in what they have to show.
_OF_A_ROUTE = 3
#: Files and events, which are no pages, and what nobody leads to.
_NO_PAGES = {"/ui/static/{name}", "/ui/events"}
_NOWHERE = f"{HOME}ui/nothing"


def routes() -> dict[str, re.Pattern[str]]:
    """What can be asked for by GET: path as it is written in the code, and the pattern of it."""
    return {
        route.path: route.path_regex
        for route in ROUTES
        if isinstance(route, Route) and "GET" in (route.methods or ()) and route.path not in _NO_PAGES
    }


def pages(dashboard: Dashboard) -> dict[str, list[str]]:
    """Addresses of pages that links lead to, by the route that answers, some of each.

    Routes that nothing leads to have none; those of downloads have addresses that are no pages.
    """
    found: dict[str, list[str]] = {path: [] for path in routes()}
    waiting, seen = deque([HOME, _NOWHERE]), {HOME, _NOWHERE}
    while waiting:
        address = waiting.popleft()
        path = urlsplit(address).path.removeprefix(HOME[:-1])
        route = next(route for route, pattern in routes().items() if pattern.match(path))
        if len(found[route]) == _OF_A_ROUTE:
            continue
        found[route].append(address)
        answer = dashboard.http.get(address)
        if answer.status_code == 303:  # the page has another address
            found[route].pop()
            waiting.append(answer.headers["location"])
            continue
        assert answer.status_code == (404 if address == _NOWHERE else 200), f"{address}: {answer.text}"
        if not answer.headers["content-type"].startswith("text/html"):
            assert answer.headers["content-disposition"].startswith("attachment"), address
            found[route].pop()
            found[route].append(f"{address}#file")
            continue
        for link in (anchor.get("href", "") for anchor in html.fromstring(answer.text).iter("a")):
            if link.startswith(HOME) and link not in seen:
                seen.add(link)
                waiting.append(link)
    return found


def shown(dashboard: Dashboard) -> list[str]:
    """The addresses of those that are pages."""
    return [
        address
        for addresses in pages(dashboard).values()
        for address in addresses
        if not address.endswith("#file")
    ]
