"""What the end of a session, a blocked context or another's login forbids."""

from __future__ import annotations

from ksef_mock.core.codes import Code, Reason, Status, StatusDetail
from ksef_mock.core.errors import BadRequest, Forbidden
from ksef_mock.ksef.access.principal import Kind, Principal
from ksef_mock.ksef.auth.operation import Operation
from ksef_mock.ksef.permissions.admission import Decision


def require_standing(decision: Decision, refusal: str) -> None:
    """POST /auth/token/redeem and /refresh: what a login would be told now holds for its session too.

    Args:
        refusal: how the call says that a status does not allow it, with a place for the status.

    Raises:
        BadRequest: 21308, a deceased person; 21301, no permission is left, or the context is blocked (status
            480: recorded for a refresh in October 2026, inferred for a redemption).
    """
    status = decision.verdict.status
    if status is Status.BLOCKED:
        raise BadRequest(Code.NOT_AUTHORIZED, refusal.format(int(status)), reason=decision.reason)
    if status is Status.DECEASED:
        raise BadRequest(Code.DECEASED_PERSON, reason=decision.reason)
    if status is not Status.SUCCESS:
        raise BadRequest(Code.NOT_AUTHORIZED, f"{StatusDetail.NO_PERMISSIONS}.", reason=decision.reason)


def require_own_login(principal: Principal, operation: Operation) -> None:
    """GET /auth/{referenceNumber}, DELETE /auth/sessions/{referenceNumber}: one's own.

    Raises:
        Forbidden: insufficient-resource-access.
    """
    if principal.kind is not Kind.ACCESS:
        own = principal.operation == operation.reference
    else:
        own = principal.context == operation.context and principal.subject == operation.subject
    if not own:
        raise Forbidden(
            Reason.INSUFFICIENT_RESOURCE_ACCESS,
            reason=f"operation {operation.reference} is not of the bearer of this {principal.kind}",
        )
