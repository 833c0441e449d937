"""What a requirement works with: plain HTTP that is recorded, logins in one call, the controls of a mock."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from contract_tests.common.exchange import Exchange
from contract_tests.server import cipher, shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.codes import STATUS_DESCRIPTIONS
from contract_tests.server.expect import Failed, Skipped, equal, fail
from contract_tests.server.identity import Credentials, owner_of, random_nip
from contract_tests.server.reply import Reply
from contract_tests.server.signer import Signer, request_xml
from contract_tests.server.targets import Controls, Target, Variant
from contract_tests.server.workspace import Owner, Session, Workspace, claims_of

TOKEN_USAGE = "KsefTokenEncryption"
#: Asks for errors as problem+json.
PROBLEM_DETAILS = {"X-Error-Format": "problem-details"}
#: The permissions of the shared KSeF token.
PERMISSIONS = (
    "InvoiceRead",
    "InvoiceWrite",
    "CredentialsRead",
    "CredentialsManage",
    "SubunitManage",
    "Introspection",
)


@dataclass(frozen=True)
class Challenge:
    """An answered POST /auth/challenge."""

    value: str
    timestamp: str
    timestamp_ms: int
    client_ip: str

    @property
    def moment(self) -> datetime:
        """When it was issued, by the target's clock."""
        return datetime.fromtimestamp(self.timestamp_ms / 1_000, UTC)


@dataclass(frozen=True)
class PublishedKey:
    """An entry of GET /security/public-key-certificates."""

    entry: dict[str, Any] = field(repr=False)
    certificate: x509.Certificate

    @property
    def id(self) -> str:
        """publicKeyId."""
        return str(self.entry["publicKeyId"])

    @property
    def public_key(self) -> cipher.PublicKey:
        key = self.certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            return key
        raise Failed(f"expected a published RSA or EC key, received {type(key).__name__}")


@dataclass(frozen=True)
class Started:
    """An accepted login: the answer 202."""

    reference: str
    #: The authentication token.
    token: str
    valid_until: str
    reply: Reply


class Needing(Protocol):
    """What a probe needs to know of the requirement that it serves."""

    @property
    def id(self) -> str: ...

    @property
    def needs(self) -> frozenset[Capability]: ...


class Probe:
    """The means of one requirement. Whatever it sends is recorded as evidence."""

    def __init__(self, workspace: Workspace, requirement: Needing) -> None:
        self._workspace = workspace
        self._requirement = requirement
        self.exchanges: list[Exchange] = []
        #: Whether the target is no longer as the others expect it.
        self.disturbed = False

    # -- HTTP ---------------------------------------------------------------------------------------------

    @property
    def target(self) -> Target:
        return self._workspace.target

    def request(self, method: str, path: str, *, address: str | None = None, **options: Any) -> Reply:
        """Send a request and record it.

        Args:
            path: without the prefix of the API, e.g. `/auth/challenge`.
            address: the IP address it seems to come from (needs SECOND_ADDRESS).
            options: `bearer`, `headers`, `prefix`, `patient`, and as httpx takes them `json`, `content`,
                `params`.

        Raises:
            httpx.TransportError: no answer came.
        """
        if self.target.read_only and method not in ("GET", "HEAD", "OPTIONS"):
            raise PermissionError(f"{method} {path}: nothing is changed on production")
        if address is not None:
            self._require(Capability.SECOND_ADDRESS)
            options["headers"] = {**(options.get("headers") or {}), "X-Forwarded-For": address}
        return self._workspace.send(method, path, record=self.exchanges.append, **options)

    def get(self, path: str, **options: Any) -> Reply:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Reply:
        return self.request("POST", path, **options)

    def delete(self, path: str, **options: Any) -> Reply:
        return self.request("DELETE", path, **options)

    def skip(self, reason: str) -> NoReturn:
        """Leave the requirement unchecked on this target.

        Raises:
            Skipped: always.
        """
        raise Skipped(reason)

    # -- challenge and keys -------------------------------------------------------------------------------

    def challenge(self) -> Challenge:
        """A new challenge."""
        body = self.post("/auth/challenge").answers(200, shapes.CHALLENGE).json()
        return Challenge(body["challenge"], body["timestamp"], body["timestampMs"], body["clientIp"])

    def published_keys(self, usage: str = TOKEN_USAGE) -> list[PublishedKey]:
        """All published keys of this usage, in the order of the answer."""
        entries = self.get("/security/public-key-certificates").answers(200, shapes.PUBLIC_KEYS).json()
        return [_published(entry) for entry in entries if usage in entry["usage"]]

    def rsa_key(self) -> PublishedKey:
        """The RSA key to encrypt KSeF tokens to: of several, the one whose validity begins last."""
        return self._key(rsa.RSAPublicKey, "RSA")

    def ec_key(self) -> PublishedKey:
        """The same for EC.

        Raises:
            Skipped: the target publishes none.
        """
        return self._key(ec.EllipticCurvePublicKey, "EC")

    # -- login with a KSeF token --------------------------------------------------------------------------

    def token_request(
        self,
        token: str | None = None,
        *,
        nip: str | None = None,
        challenge: Challenge | None = None,
        key: PublishedKey | None = None,
        plaintext: str | bytes | None = None,
        ciphertext: bytes | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """The body of a right POST /auth/ksef-token, but for `changes`: other members; None removes one.

        Args:
            token: the shared owner's KSeF token unless told otherwise; `nip` is then the owner's.
            plaintext: what to encrypt instead of `token|timestampMs`.
            ciphertext: what to send instead of encrypting.
        """
        if token is None or nip is None:
            owner = self.owner
            token, nip = token or owner.token, nip or owner.session.nip
        challenge = challenge or self.challenge()
        key = key or self.any_key()
        if plaintext is None:
            plaintext = f"{token}|{challenge.timestamp_ms}"
        if ciphertext is None:
            octets = plaintext.encode() if isinstance(plaintext, str) else plaintext
            ciphertext = cipher.encrypted(octets, key.public_key)
        body: dict[str, Any] = {
            "challenge": challenge.value,
            "contextIdentifier": {"type": "Nip", "value": nip},
            "encryptedToken": base64.b64encode(ciphertext).decode(),
            "publicKeyId": key.id,
        }
        return {name: value for name, value in (body | changes).items() if value is not None}

    def submit_token(self, body: Any, **options: Any) -> Reply:
        """POST /auth/ksef-token."""
        return self.post("/auth/ksef-token", json=body, **options)

    def start_token_login(self, *arguments: Any, **changes: Any) -> Started:
        """Submit a token login (as `token_request`) that must be accepted."""
        return self.started(self.submit_token(self.token_request(*arguments, **changes)))

    def login_with_token(self, *arguments: Any, **changes: Any) -> Session:
        """A whole token login (as `token_request`) that must succeed."""
        return self.finish(self.start_token_login(*arguments, **changes))

    def any_key(self) -> PublishedKey:
        """A key to encrypt KSeF tokens to, RSA if there is one."""
        keys = self.published_keys()
        for key in keys:
            if isinstance(key.public_key, rsa.RSAPublicKey):
                return key
        if not keys:
            fail(f"a published key for {TOKEN_USAGE}", "none")
        return keys[0]

    # -- login with a signed document ---------------------------------------------------------------------

    def signer(
        self,
        credentials: Credentials | None = None,
        *,
        nip: str | None = None,
        challenge: Challenge | None = None,
        request: dict[str, Any] | None = None,
        **how: Any,
    ) -> Signer:
        """A signer of a right login, but for `how`: fields of `Signer`.

        Args:
            credentials: an owner's of `nip`, unless told otherwise; `nip` is random then.
            request: arguments of `request_xml` that differ.
        """
        nip = nip or random_nip()
        credentials = credentials or owner_of(nip)
        challenge = challenge or self.challenge()
        document = {"context": f"<Nip>{nip}</Nip>", "challenge": challenge.value} | (request or {})
        how.setdefault("signing_time", challenge.moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
        return Signer(credentials=credentials, request=request_xml(**document), **how)

    def submit_signed(self, document: bytes, **options: Any) -> Reply:
        """POST /auth/xades-signature."""
        headers = {"Content-Type": "application/xml", **options.pop("headers", {})}
        return self.post("/auth/xades-signature", content=document, headers=headers, **options)

    def submit(self, *arguments: Any, **how: Any) -> Reply:
        """Sign (as `signer`) and submit."""
        return self.submit_signed(self.signer(*arguments, **how).sign())

    def login_with_certificate(
        self, credentials: Credentials | None = None, *, nip: str, **how: Any
    ) -> Session:
        """A whole login with a signed document (as `signer`) that must succeed."""
        started = self.started(self.submit(credentials, nip=nip, **how))
        return self.finish(started, nip=nip)

    # -- after the submission -----------------------------------------------------------------------------

    def started(self, reply: Reply) -> Started:
        """The accepted login behind an answer, which must be a 202 of the documented shape."""
        body = reply.answers(202, shapes.STARTED).json()
        token = body["authenticationToken"]
        return Started(body["referenceNumber"], token["token"], token["validUntil"], reply)

    def poll(self, started: Started, bearer: str | None = None) -> Reply:
        """GET /auth/{referenceNumber}, with the authentication token unless told otherwise."""
        return self.get(f"/auth/{started.reference}", bearer=bearer or started.token)

    def settled(self, started: Started) -> Reply:
        """The first status of a login that is not 100."""
        for _ in self._workspace.polls("the end of a login"):
            reply = self.poll(started).answers(200, shapes.OPERATION_STATUS)
            if reply.at("status", "code") != 100:
                return reply
        raise Failed("expected an end of the login, received status 100 again and again")

    def ends(self, started: Started, code: int, *details: str) -> Reply:
        """Expect that a login ends in this status, with its documented description and these details."""
        reply = self.settled(started)
        status = reply.at("status")
        received = (status["code"], status["description"].strip(), tuple(status.get("details") or ()))
        expected = (code, STATUS_DESCRIPTIONS.get(code, ""), details)
        if received != expected:
            fail(expected, received, what="status of the login")
        return reply

    def redeem(self, started: Started) -> Reply:
        """POST /auth/token/redeem."""
        return self.post("/auth/token/redeem", bearer=started.token)

    def refresh(self, session: Session) -> Reply:
        """POST /auth/token/refresh."""
        return self.post("/auth/token/refresh", bearer=session.refresh_token)

    def finish(self, started: Started, *, nip: str | None = None) -> Session:
        """Wait for the login's success and redeem it."""
        self.ends(started, 200)
        body = self.redeem(started).answers(200, shapes.TOKENS).json()
        session = Session(
            nip or str(claims_of(body["accessToken"]["token"]).get("civ", "")),
            started.reference,
            started.token,
            body["accessToken"]["token"],
            body["refreshToken"]["token"],
        )
        self._workspace.started_session(session)
        return session

    # -- what is shared -----------------------------------------------------------------------------------

    @property
    def owner(self) -> Owner:
        """The owner that all requirements share. Use the session and the token, do not use them up.

        Raises:
            Skipped: the target lets no owner log in; the reason is that of the first attempt.
        """
        workspace = self._workspace
        known = workspace.owner
        if known is not None and not workspace.worn_out(known.session):
            return known
        if workspace.no_owner is not None:
            raise Skipped(workspace.no_owner)
        # What is done for everybody is nobody's evidence.
        maker = Probe(workspace, self._requirement)
        try:
            workspace.owner = maker.new_owner()
        except (Failed, Skipped) as failure:
            workspace.no_owner = f"needs an owner's login and KSeF token, and there is none: {failure}"
            raise Skipped(workspace.no_owner) from None
        return workspace.owner

    @property
    def session(self) -> Session:
        """The shared owner's session."""
        return self.owner.session

    def new_owner(self) -> Owner:
        """An owner of a random NIP for this requirement alone: logged in, with a KSeF token."""
        self._require_self_signed()
        nip = random_nip()
        credentials = owner_of(nip)
        session = self.login_with_certificate(credentials, nip=nip)
        token, reference = self.new_token(session)
        return Owner(credentials, session, token, reference)

    def new_session(self) -> Session:
        """A login with a certificate as the owner of a random NIP, for this requirement alone."""
        self._require_self_signed()
        return self.login_with_certificate(nip=random_nip())

    def new_token(
        self,
        session: Session,
        permissions: Sequence[str] = PERMISSIONS,
        description: str = "ksef-conformance",
    ) -> tuple[str, str]:
        """A new, active KSeF token: its text and its reference number."""
        order = {"permissions": list(permissions), "description": description}
        body = self.post("/tokens", bearer=session.access_token, json=order).answers(202).json()
        shapes.GENERATED_TOKEN(body, "body")
        reference = body["referenceNumber"]
        self._workspace.made_token(session, reference)
        for _ in self._workspace.polls("an active KSeF token"):
            status = self.get(f"/tokens/{reference}", bearer=session.access_token).answers(200).at("status")
            if status != "Pending":
                equal("status of the new KSeF token", status, "Active")
                return body["token"], reference
        raise Failed("expected an active KSeF token, received status Pending again and again")

    def made_token(self, session: Session, reference: str) -> None:
        """Have a KSeF token revoked when the run is over; `new_token` does that by itself."""
        self._workspace.made_token(session, reference)

    def grant_test_data(self, nip: str, authorized: tuple[str, str], *permissions: str) -> None:
        """POST /testdata/permissions: let somebody, (type, value), do something in the context of a NIP."""
        self._require(Capability.TEST_DATA)
        granted = [{"permissionType": name, "description": "ksef-conformance"} for name in permissions]
        order = {
            "contextIdentifier": {"type": "Nip", "value": nip},
            "authorizedIdentifier": {"type": authorized[0], "value": authorized[1]},
            "permissions": granted,
        }
        self.post("/testdata/permissions", json=order).answers(200)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Ask again, apart in time on a target that is not ours, until the condition holds.

        Raises:
            Failed: it does not; `what` says what was waited for.
        """
        for _ in self._workspace.polls(what):
            if condition():
                return
        raise Failed(f"expected {what}, received something else again and again")

    # -- what only a mock can do --------------------------------------------------------------------------

    @property
    def controls(self) -> Controls:
        """The target's controls, for whatever the requirement `needs`. The target is reset afterwards.

        Raises:
            RuntimeError: the requirement does not say that it needs any.
        """
        controls = self.target.controls
        if controls is None or not self._requirement.needs:
            raise RuntimeError(f"{self._requirement.id} uses controls without needing a capability")
        self.disturbed = True
        return controls

    def freeze(self) -> None:
        """Stop the target's clock."""
        self._require(Capability.MOVABLE_CLOCK)
        self.controls.freeze()

    def advance(self, seconds: float) -> None:
        """Move the target's clock on."""
        self._require(Capability.MOVABLE_CLOCK)
        self.controls.advance(seconds)

    def set_clock(self, moment: datetime) -> None:
        """Set the target's clock, exact to the microsecond."""
        self._require(Capability.MOVABLE_CLOCK)
        self.controls.set_clock(moment)

    def beside(self, **settings: Any) -> Probe:
        """A probe of another instance, newly reset, that differs in these settings (as `Variant`).

        Its evidence is this requirement's.
        """
        self._require(Capability.SETTINGS)
        assert self.target.controls is not None
        other = self.target.controls.variant(Variant(**settings))
        assert other.controls is not None
        other.controls.reset()
        workspace = self._workspace.variant(other)
        workspace.forget()
        probe = Probe(workspace, self._requirement)
        probe.exchanges = self.exchanges
        return probe

    def _require(self, capability: Capability) -> None:
        if capability not in self._requirement.needs:
            raise RuntimeError(f"{self._requirement.id} does not say that it needs {capability}")

    def _require_self_signed(self) -> None:
        if Capability.SELF_SIGNED not in self.target.capabilities:
            raise Skipped(self.target.lacking([Capability.SELF_SIGNED]))

    def _key(self, kind: type, name: str) -> PublishedKey:
        keys = [key for key in self.published_keys() if isinstance(key.public_key, kind)]
        if not keys:
            raise Skipped(f"the target publishes no {name} key for {TOKEN_USAGE}")
        return max(keys, key=lambda key: key.certificate.not_valid_before_utc)


def _published(entry: dict[str, Any]) -> PublishedKey:
    try:
        return PublishedKey(entry, x509.load_der_x509_certificate(base64.b64decode(entry["certificate"])))
    except ValueError:
        fail("an X.509 certificate in DER", entry["certificate"], what="certificate")
