"""`python -m tests.docs.picture`: the picture of the dashboard in the README, made with headless Chromium."""

from __future__ import annotations

from contextlib import closing

from ksef_client_min import Credentials, KsefAuthenticationError, KsefClient
from ksef_mock.crypto.pki import person
from ksef_mock.testing import MockServer
from tests.chromium import chromium
from tests.dashboard.support import refused_signature
from tests.docs.snippets import ROOT
from tests.support import NIP, Api

PICTURE = ROOT / "docs" / "dashboard.png"


def some_logins(mock: MockServer) -> None:
    """Logins that work, and some that do not, for reasons of which KSeF says little."""
    token = mock.issue_token(NIP)
    owner = mock.pki.qualified(person("Jan", "Kowalski", nip=NIP))
    with KsefClient(mock.url) as ksef, closing(Api(mock.url)) as api:
        ksef.login_with_token(token, nip=NIP)
        for wrong in (token[:-1], token.replace(NIP, "1111111111")):
            try:
                ksef.login_with_token(wrong, nip=NIP)
            except KsefAuthenticationError:
                continue
        ksef.login_with_certificate(Credentials(owner.certificate, owner.key), nip=NIP)
        refused_signature(mock, api)


def main() -> None:
    with MockServer() as mock, chromium() as browser:
        some_logins(mock)
        page = browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme="light").new_page()
        page.goto(f"{mock.url}/_mock/")
        page.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
