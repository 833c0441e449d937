"""/permissions: who may call what."""

from __future__ import annotations

from dataclasses import dataclass

from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, one_of
from contract_tests.server.granting import context_of, found, granted, only, ordered, outcome
from contract_tests.server.orders import ORDERS, body_of
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.workspace import Session

_OWN = {Capability.SELF_SIGNED}
_MANAGE, _READ, _UNITS, _UNION = "CredentialsManage", "CredentialsRead", "SubunitManage", "VatUeManage"


@dataclass(frozen=True)
class Call:
    """An operation, and the permissions of which it takes one."""

    method: str
    #: A key of `ORDERS`, or a path.
    what: str
    needs: tuple[str, ...]

    @property
    def path(self) -> str:
        return ORDERS[self.what][0] if self.what in ORDERS else self.what

    def make(self, ctx: Probe, session: Session | None) -> Reply:
        """Call it with a right body, if it takes one."""
        bearer = session.access_token if session else None
        if self.what not in ORDERS:
            return ctx.request(self.method, self.path, bearer=bearer)
        context = context_of(session) if session else {"nip": "1111111111", "unit": "1111111111-00014"}
        return ctx.request(self.method, self.path, bearer=bearer, json=body_of(self.what, **context))


_GRANT = "/permissions/common/grants/0c9a7e8f-0000-4000-8000-000000000001"
_AUTHORIZATION = "/permissions/authorizations/grants/0c9a7e8f-0000-4000-8000-000000000001"
#: Source: x-required-permissions in the document.
_CALLS = (
    Call("POST", "person grant", (_MANAGE,)),
    Call("POST", "entity grant", (_MANAGE,)),
    Call("POST", "authorization", (_MANAGE,)),
    Call("POST", "indirect grant", (_MANAGE,)),
    Call("POST", "sub-unit grant", (_UNITS,)),
    Call("POST", "EU administration grant", (_MANAGE,)),
    Call("POST", "person query", (_MANAGE, _READ, _UNITS)),
    Call("POST", "sub-unit query", (_MANAGE, _READ, _UNITS)),
    Call("POST", "entity query", (_MANAGE, _READ)),
    Call("GET", "/permissions/query/entities/roles", (_MANAGE, _READ)),
    Call("POST", "subordinate query", (_MANAGE, _READ, _UNITS)),
    Call("POST", "authorization query", (_MANAGE, _READ, "PefInvoiceWrite")),
    Call("POST", "EU entity query", (_MANAGE, _READ, _UNION)),
    Call("DELETE", _GRANT, (_MANAGE, _UNION, _UNITS)),
    Call("DELETE", _AUTHORIZATION, (_MANAGE,)),
)


@family(
    {f"KSEF-PERM-{number}": call for number, call in enumerate(_CALLS, 300)},
    lambda call: (
        f"{call.method} {call.path} takes {' or '.join(call.needs)}: with InvoiceRead alone 403, naming them."
    ),
    source="OpenAPI: x-required-permissions; MissingPermissionsSecurity",
)
def missing_permission_is_named(ctx: Probe, call: Call) -> None:
    owner = ctx.owner
    token, _ = ctx.new_token(owner.session, ["InvoiceRead"])
    session = ctx.login_with_token(token, nip=owner.session.nip)
    refused = call.make(ctx, session).problem(403, reason="missing-permissions")
    required = refused.at("security", "requiredAnyOfPermissions")
    equal("requiredAnyOfPermissions", sorted(map(str, required)), sorted(call.needs))
    equal("presentPermissions", refused.at("security", "presentPermissions"), ["InvoiceRead"])


@family(
    {
        f"KSEF-PERM-{number}": call
        for number, call in enumerate(
            (
                *_CALLS,
                Call("POST", "personal query", ()),
                Call("POST", "EU entity grant", ()),
                Call("GET", "/permissions/attachments/status", ()),
                Call("GET", "/permissions/operations/20250514-EG-2DFC46C000-3AC6D5877F-D4", ()),
            ),
            320,
        )
    },
    lambda call: f"{call.method} {call.path} without a bearer token is 401.",
    source="OpenAPI: security, 401",
)
def bearer_is_needed(ctx: Probe, call: Call) -> None:
    call.make(ctx, None).unauthorized()


@requirement(
    "KSEF-PERM-340",
    "Only who has VatUeManage in a NipVatUe context gives permissions there: in that of a NIP it is 403.",
    source="OpenAPI POST /permissions/eu-entities/grants: VatUeManage; 403",
    needs=_OWN,
)
def union_permissions_need_their_context(ctx: Probe) -> None:
    ordered(ctx, ctx.session, "EU entity grant").problem(403)


@requirement(
    "KSEF-PERM-341",
    "The outcome of an operation is told to whom it belongs: in another context it is 400 or 403.",
    source="OpenAPI GET /permissions/operations/{referenceNumber}: 400, 403",
    needs=_OWN,
)
def outcome_is_nobody_elses_business(ctx: Probe) -> None:
    session, stranger = ctx.session, ctx.new_session()
    reference = ordered(ctx, session, "person grant").answers(202).at("referenceNumber")
    reply = ctx.get(f"/permissions/operations/{reference}", bearer=stranger.access_token)
    one_of("status", reply.status, (400, 403))


@family(
    {"KSEF-PERM-342": _GRANT, "KSEF-PERM-343": _AUTHORIZATION},
    "Revoking a permission that is not there, DELETE {}, revokes nothing: 400, or an operation that fails.",
    source="OpenAPI DELETE /permissions/…/grants/{permissionId}; the codes of an operation: 400",
    needs=_OWN,
)
def unknown_permission_is_not_revoked(ctx: Probe, path: str) -> None:
    reply = ctx.delete(path, bearer=ctx.session.access_token)
    if reply.status == 400:
        reply.error()
    else:
        one_of("outcome of the revocation", outcome(ctx, ctx.session, reply), (400, 403, 410, 500))


@requirement(
    "KSEF-PERM-344",
    "Nobody revokes what was granted in another context, and it stays.",
    source="OpenAPI DELETE /permissions/common/grants/{permissionId}: 403",
    needs=_OWN,
)
def permissions_of_others_stay(ctx: Probe) -> None:
    session, stranger = ctx.new_session(), ctx.new_session()
    granted(ctx, session, "person grant")
    entry = only(found(ctx, session, "person query"))
    reply = ctx.delete(f"/permissions/common/grants/{entry['id']}", bearer=stranger.access_token)
    if reply.status == 202:
        one_of("outcome of the revocation", outcome(ctx, stranger, reply), (400, 403, 410, 420, 440, 450))
    else:
        one_of("status", reply.status, (400, 403))
    equal("permissions left", [each["id"] for each in found(ctx, session, "person query")], [entry["id"]])
