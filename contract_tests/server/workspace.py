"""What the requirements of one run share: the connection, an owner's login and KSeF token, cleaning up."""

from __future__ import annotations

import contextlib
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from contract_tests.common.exchange import Exchange
from contract_tests.server.identity import Credentials
from contract_tests.server.pacing import Pacer
from contract_tests.server.reply import Reply
from contract_tests.server.targets import Target

_PATIENCE = 30.0
#: Polls for work that goes on behind an answer: some 40 seconds in all; once it did not come, 1 second.
_MOST_POLLS, _FEW_POLLS = 24, 4
#: A request that was answered with 429 is repeated this often, if Retry-After is no longer than this.
_REPEATS, _LONGEST_RETRY = 3, 120


@dataclass(frozen=True)
class Session:
    """A finished login."""

    nip: str
    #: Reference number of the authentication operation.
    reference: str
    authentication_token: str
    access_token: str
    refresh_token: str


@dataclass(frozen=True)
class Owner:
    """The owner of a NIP, logged in with a certificate, and a KSeF token with all permissions."""

    credentials: Credentials
    session: Session
    token: str
    token_reference: str


class Workspace:
    """One run's dealings with one target."""

    def __init__(self, target: Target, *, share: float = 1.0) -> None:
        """`share`: the part of the target's rate limits that this run may use."""
        self.target = target
        self.owner: Owner | None = None
        #: Why there is no owner: found out once, told to every requirement that needs one.
        self.no_owner: str | None = None
        self._http = httpx.Client(timeout=_PATIENCE, follow_redirects=False, trust_env=target.shared)
        self._pacer = Pacer(share=share) if target.shared and not target.is_local else None
        self._sessions: list[Session] = []
        self._tokens: list[tuple[Session, str]] = []
        self._variants: dict[str, Workspace] = {}
        self._in_vain: set[str] = set()

    def send(
        self,
        method: str,
        path: str,
        *,
        prefix: str | None = None,
        headers: Mapping[str, str] | None = None,
        bearer: str | None = None,
        patient: bool = True,
        record: Callable[[Exchange], None] | None = None,
        **content: Any,
    ) -> Reply:
        """Send one request.

        Args:
            path: without the prefix of the API.
            patient: wait and repeat after a 429 of a target that is not ours.
            content: as httpx takes it: `json`, `content`, `params`.

        Raises:
            httpx.TransportError: no answer came.
        """
        sent = dict(headers or {})
        if bearer is not None:
            sent["Authorization"] = f"Bearer {bearer}"
        url = self.target.url + (self.target.prefix if prefix is None else prefix) + path
        for attempt in range(_REPEATS + 1):
            if self._pacer is not None:
                self._pacer.wait(path, _context_of(bearer))
            request = self._http.build_request(method, url, headers=sent, **content)
            begin = time.perf_counter()
            response = self._http.send(request)
            exchange = Exchange.of(response, (time.perf_counter() - begin) * 1_000)
            delay = _retry_after(response)
            if not (patient and self.target.shared) or delay is None or attempt == _REPEATS:
                break
            time.sleep(delay)
        if record is not None:
            record(exchange)
        return Reply(response, exchange)

    def polls(self, awaited: str) -> Iterator[int]:
        """The polls to wait for something with, apart in time where the target is not ours.

        What has not come once in all that time is not waited for as long again.
        """
        number = _FEW_POLLS if awaited in self._in_vain else _MOST_POLLS
        for attempt in range(number):
            if attempt and self.target.shared:
                time.sleep(min(0.1 * 2**attempt, 2.0))
            yield attempt
        self._in_vain.add(awaited)

    def started_session(self, session: Session) -> None:
        """Remember a session, to end it when the run is over."""
        self._sessions.append(session)

    def made_token(self, session: Session, reference: str) -> None:
        """Remember a KSeF token, to revoke it when the run is over."""
        self._tokens.append((session, reference))

    def forget(self) -> None:
        """The target was reset: nothing that was made on it is there any more."""
        self.owner = self.no_owner = None
        self._sessions.clear()
        self._tokens.clear()

    def worn_out(self, session: Session) -> bool:
        """Whether this context's share of the hourly rate limit is used up."""
        return self._pacer is not None and self._pacer.exhausted(_context_of(session.access_token))

    def variant(self, target: Target) -> Workspace:
        """The workspace of another instance."""
        known = self._variants.get(target.url)
        if known is None:
            known = self._variants[target.url] = Workspace(target)
        return known

    def close(self) -> list[str]:
        """Revoke the KSeF tokens and end the sessions that were made; returns what could not be undone."""
        left: list[str] = []
        if self.target.shared:
            for session, reference in self._tokens:
                if not self._undo(f"/tokens/{reference}", session):
                    left.append(f"KSeF token {reference} of NIP {session.nip}")
            for session in self._sessions:
                with contextlib.suppress(httpx.TransportError):
                    reply = self.send("DELETE", "/auth/sessions/current", bearer=session.refresh_token)
                    # 400 and 401: it has ended already.
                    if reply.status in (204, 400, 401):
                        continue
                left.append(f"session {session.reference} of NIP {session.nip}")
        self._http.close()
        for variant in self._variants.values():
            variant.close()
        return left

    def _undo(self, path: str, session: Session) -> bool:
        try:
            reply = self.send("DELETE", path, bearer=session.access_token)
            if reply.status == 401:
                refreshed = self.send("POST", "/auth/token/refresh", bearer=session.refresh_token)
                if refreshed.status == 200:
                    reply = self.send("DELETE", path, bearer=refreshed.at("accessToken", "token"))
        except httpx.TransportError:
            return False
        # 400: it is revoked already.
        return reply.status in (204, 400)


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified; empty if it is none."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _context_of(bearer: str | None) -> str:
    return str(claims_of(bearer).get("civ", "")) if bearer else ""


def _retry_after(response: httpx.Response) -> int | None:
    if response.status_code != 429:
        return None
    value = response.headers.get("retry-after", "")
    seconds = int(value) if value.isascii() and value.isdigit() else 1
    return seconds if seconds <= _LONGEST_RETRY else None
