"""Authentication operations in the store: start, status, tokens, sessions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from ksef_mock.clock import SECOND, Clock, Instant
from ksef_mock.core import codes as core_codes
from ksef_mock.core.codes import Code, Verdict
from ksef_mock.core.environment import Lifetimes
from ksef_mock.core.errors import BadRequest, Gone
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.ip_policy import AllowedIps
from ksef_mock.core.methods import AuthenticationMethod
from ksef_mock.core.references import Kind as ReferenceKind
from ksef_mock.core.references import issued_at, new_reference
from ksef_mock.core.waiting import Delay
from ksef_mock.crypto.subject_name import SubjectAttributes, SubjectName
from ksef_mock.ksef.access.principal import Principal
from ksef_mock.ksef.auth import operation as machine
from ksef_mock.ksef.auth import rules as auth_rules
from ksef_mock.ksef.auth.challenge import already_used
from ksef_mock.ksef.auth.jwts import Issued, JwtService
from ksef_mock.ksef.auth.operation import OPERATIONS, Operation, Standing, State
from ksef_mock.ksef.permissions.permissions import Permissions
from ksef_mock.ksef.tokens.tokens import TOKENS, KsefTokens, TokenStatus
from ksef_mock.state.look import LOOK
from ksef_mock.state.paging import Page, page
from ksef_mock.state.store import Get, Index, Insert, Need, Store, Swap, Unindex, Write
from ksef_mock.state.update import update

#: Logins that a process remembers whose they are.
_REMEMBERED = 4_096


class Operations:
    """Drives the state machine of `ksef_mock.auth.operation` against a store."""

    def __init__(
        self,
        lifetimes: Lifetimes,
        delay: Delay,
        clock: Clock,
        store: Store,
        jwts: JwtService,
        tokens: KsefTokens,
        permissions: Permissions,
    ) -> None:
        self._lifetimes = lifetimes
        self._delay = delay
        self._clock = clock
        self._store = store
        self._jwts = jwts
        self._tokens = tokens
        self._permissions = permissions
        # The oldest first. A `dict` takes the longer to find its first member the more have left before.
        self._seen: OrderedDict[str, tuple[Identifier, Identifier, str | None]] = OrderedDict()

    def prepare(
        self,
        *,
        method: AuthenticationMethod,
        context: Identifier,
        subject: Identifier,
        verdict: Verdict,
        permissions: tuple[str, ...] = (),
        token: str | None = None,
        allowed_ips: AllowedIps | None = None,
        signer: SubjectName | None = None,
        details: SubjectAttributes | None = None,
        request_digest: bytes | None = None,
        extra_delay: float = 0.0,
    ) -> Operation:
        """A new operation, not yet in the store; `extra_delay` seconds are added to the configured delay."""
        now = self._clock.now()
        return Operation(
            reference=new_reference(ReferenceKind.AUTHENTICATION, now),
            started_at=now,
            method=method,
            context=context,
            subject=subject,
            permissions=permissions,
            token=token,
            allowed_ips=allowed_ips,
            signer=signer,
            details=details,
            request_digest=request_digest,
            verdict=verdict,
            wait=self._delay.begin(now, extra_delay),
        )

    async def start(self, operation: Operation, spent: Swap, *also: Write) -> Operation:
        """Put a prepared operation into the store and spend its challenge, in one step with `also`.

        Raises:
            BadRequest: 21111, another login has used the challenge meanwhile.
        """
        inserted = Insert(OPERATIONS, operation.reference, operation, self._forgotten_at(operation))
        if operation.verdict == core_codes.SUCCESS:
            until = operation.started_at + self._lifetimes.authentication_token * SECOND
            started = await self._store.commit(spent, inserted, _listed(operation, until), *also)
        else:
            started = await self._store.commit(spent, inserted, *also)
        if not started:
            raise already_used("a concurrent login")
        self._remember(operation)
        return operation

    async def find(self, reference: str) -> Operation | None:
        """The operation with this reference number; None if it is unknown or forgotten."""
        return await self._store.get(OPERATIONS, reference)

    async def count(self) -> int:
        """How many operations are remembered."""
        return await self._store.count(OPERATIONS)

    async def poll(self, reference: str, principal: Principal) -> Operation:
        """The operation as a status poll sees it.

        Raises:
            BadRequest: 21304, no such operation.
            Forbidden: it is somebody else's.
            Gone: it was started more than 7 days ago.
        """
        operation = await self._store.get(OPERATIONS, reference)
        # The record may be gone too by then; the reference number itself tells when it was issued.
        started_at = operation.started_at if operation else issued_at(reference, ReferenceKind.AUTHENTICATION)
        if started_at is not None and self._is_gone(started_at):
            raise Gone(reason=f"operation {reference} was started more than 7 days ago")
        if operation is None:
            raise _no_operation(reference)
        auth_rules.require_own_login(principal, operation)
        self._remember(operation)
        settled = self._settled(operation)
        if settled.state is not State.IN_PROGRESS:
            return settled  # as anybody can tell from what is stored
        return await self._advance(operation, lambda found: machine.poll(found, self._clock.now()))

    async def redeem(self, reference: str) -> tuple[Issued, Issued]:
        """The access token and the refresh token, once: of concurrent calls exactly one gets them.

        Raises:
            BadRequest: 21301 (not successful, redeemed before, KSeF token revoked, no permission left,
                context blocked), 21304, 21308 (the person has died since).
        """
        await self._read_ahead(reference)
        operation = await self._find(reference)
        standing = await self._require_standing(operation, State.SUCCEEDED, machine.NOT_REDEEMABLE)
        redeemed = await self._advance(
            operation,
            lambda found: machine.redeem(self._settled(found), self._clock.now(), self._lifetimes, standing),
            lambda redeemed: [
                _listed(redeemed, redeemed.refresh_expires_at),
                Index(_ALL, reference, redeemed.started_at, redeemed.refresh_expires_at),
            ],
        )
        return self._jwts.access_token(redeemed), self._jwts.refresh_token(redeemed)

    async def refresh(self, reference: str) -> Issued:
        """A new access token, with the permissions that hold now; the refresh token goes on as it is.

        Raises:
            BadRequest: 21301 (session or KSeF token revoked, no permission left, context blocked), 21304,
                21308 (the person has died since).
        """
        await self._read_ahead(reference)
        operation = await self._find(reference)
        standing = await self._require_standing(operation, State.REDEEMED, machine.NOT_REFRESHABLE)
        refreshed = await self._advance(
            operation, lambda found: machine.refresh(self._settled(found), self._clock.now(), standing)
        )
        return self._jwts.access_token(refreshed)

    async def sessions(self, principal: Principal, size: int, continuation: str | None) -> Page[Operation]:
        """A page of the subject's active sessions in its context, newest first.

        Active is a session from its login's success to its end: revocation, expiry of the refresh token, or
        of the authentication token if that was never redeemed.

        Raises:
            BadRequest: 21418, the continuation token is not one of ours.
        """
        index = _sessions_of(principal.context, principal.subject)
        return await page(self._store, index, size, continuation, self._active)

    async def revoke(self, reference: str, principal: Principal) -> None:
        """End a session of the same subject in the same context.

        Raises:
            BadRequest: 21405, there is no such active session.
            Forbidden: it is somebody else's.
        """
        operation = await self._store.get(OPERATIONS, reference)
        if operation is None:
            raise _no_session(reference)
        auth_rules.require_own_login(principal, operation)
        try:
            await self.end(operation)
        except machine.IllegalTransition:
            raise _no_session(reference) from None

    async def of_anybody(self, size: int, continuation: str | None) -> Page[Operation]:
        """A page of all sessions whose tokens were redeemed, newest first; for people, not for clients.

        Raises:
            BadRequest: 21418, the continuation token is not one of ours.
        """
        return await page(self._store, _ALL, size, continuation, self._active)

    async def end(self, operation: Operation) -> None:
        """End a session, whoever wants it.

        Raises:
            IllegalTransition: the login has not succeeded, or the session has ended before.
        """
        reference = operation.reference
        await self._advance(
            operation,
            lambda found: machine.revoke(self._settled(found)),
            lambda revoked: [
                Unindex(_sessions_of(revoked.context, revoked.subject), reference),
                Unindex(_ALL, reference),
            ],
        )

    async def _active(self, reference: str) -> Operation | None:
        operation = await self._store.get(OPERATIONS, reference)
        if operation is None:
            return None
        settled = self._settled(operation)
        return settled if settled.state in (State.SUCCEEDED, State.REDEEMED) else None

    def _remember(self, operation: Operation) -> None:
        """Whose login it is never changes: what a process has seen of it saves it a look later."""
        if LOOK.get() is None:
            return  # nothing is any way off
        self._seen[operation.reference] = (operation.subject, operation.context, operation.token)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    async def _read_ahead(self, reference: str) -> None:
        if LOOK.get() is None:
            return  # nothing is any way off
        needs: list[Need] = [Get(OPERATIONS, reference)]
        if reference in self._seen:
            subject, context, token = self._seen[reference]
            needs += self._permissions.needs(subject, context)
            if token is not None:
                needs.append(Get(TOKENS, token))
        await self._store.prefetch(*needs)

    async def _find(self, reference: str) -> Operation:
        operation = await self._store.get(OPERATIONS, reference)
        if operation is None:
            raise _no_operation(reference)
        return operation

    async def _advance(
        self,
        operation: Operation,
        step: Callable[[Operation], Operation],
        also: Callable[[Operation], Iterable[Write]] = lambda _: (),
    ) -> Operation:
        """Apply `step` atomically: whoever loses the race looks again at what the winner has left.

        `also`: writes that follow from the new record and are made with it.
        """
        advanced = await update(
            self._store,
            OPERATIONS,
            operation.reference,
            step,
            known=operation,
            expires_at=self._forgotten_at,
            also=also,
        )
        if advanced is None:
            raise _no_operation(operation.reference)
        return advanced

    async def _require_standing(self, operation: Operation, state: State, refusal: str) -> Standing:
        """What the subject is now, which may be more or less than at the login."""
        if self._settled(operation).state is not state:
            return Standing()  # it is refused for its own state
        if operation.token is None:
            decision = await self._permissions.admit(operation.subject, operation.context)
        else:
            token = await self._tokens.get(operation.token)
            if token is None or token.status in (TokenStatus.REVOKING, TokenStatus.REVOKED):
                raise BadRequest(Code.NOT_AUTHORIZED, "Token KSeF został unieważniony.")
            decision = await self._permissions.admit_token(token.author, token.context, token.permissions)
        auth_rules.require_standing(decision, refusal)
        return Standing(decision.permissions, await self._permissions.roles_in(operation.context))

    def _settled(self, operation: Operation) -> Operation:
        return machine.settle(operation, self._clock.now())

    def _is_gone(self, started_at: Instant) -> bool:
        return self._clock.now() >= started_at + self._lifetimes.operation_status * SECOND

    def _forgotten_at(self, operation: Operation) -> Instant:
        # A session outlives the status: redeemed at the last moment, its refresh token starts only then.
        longest_session = self._lifetimes.authentication_token + self._lifetimes.refresh_token
        return operation.started_at + max(self._lifetimes.operation_status, longest_session) * SECOND


def _no_operation(reference: str) -> BadRequest:
    return BadRequest(
        Code.NOT_AUTHENTICATED,
        f"Operacja uwierzytelniania o numerze referencyjnym {reference} nie została znaleziona.",
    )


def _no_session(reference: str) -> BadRequest:
    return BadRequest(
        Code.VALIDATION, f"Aktywna sesja o numerze referencyjnym {reference} nie została znaleziona."
    )


def _listed(operation: Operation, until: Instant | None) -> Index:
    """The write that lists the operation as a session until it ends."""
    index = _sessions_of(operation.context, operation.subject)
    return Index(index, operation.reference, operation.started_at, until)


#: Index of all sessions whose tokens were redeemed.
_ALL = "sessions"


def _sessions_of(context: Identifier, subject: Identifier) -> str:
    return f"sessions:{context}:{subject}"
