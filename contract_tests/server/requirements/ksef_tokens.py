"""/tokens: generation, status, list, revocation of KSeF tokens."""

from __future__ import annotations

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, fail, matches, one_of
from contract_tests.server.identity import person, random_nip, random_pesel, self_signed
from contract_tests.server.probe import PERMISSIONS, PROBLEM_DETAILS, Probe
from contract_tests.server.reply import Reply
from contract_tests.server.shapes import array, choice, obj, reference, text, timestamp
from contract_tests.server.workspace import Session, claims_of

_GENERATE = "OpenAPI POST /tokens"
LIST = "OpenAPI GET /tokens"
_STATUS = "OpenAPI GET /tokens/{referenceNumber}"
REVOKE = "OpenAPI DELETE /tokens/{referenceNumber}"
OWN = {Capability.SELF_SIGNED}
TEST_DATA = {Capability.SELF_SIGNED, Capability.TEST_DATA}

_STATUSES = ("Pending", "Active", "Revoking", "Revoked", "Failed")
_SCOPES = (*PERMISSIONS, "EnforcementOperations")
_TYPED = obj(type=text, value=text)
_TOKEN: dict[str, shapes.Shape] = {
    "referenceNumber": reference("EC"),
    "authorIdentifier": _TYPED,
    "contextIdentifier": _TYPED,
    "description": text,
    "requestedPermissions": array(choice(*_SCOPES)),
    "dateCreated": timestamp,
    "status": choice(*_STATUSES),
}
TOKEN = obj({"lastUseDate": timestamp, "statusDetails": array(text)}, **_TOKEN)
TOKENS = obj({"continuationToken": text}, tokens=array(obj({"lastUseDate": timestamp}, **_TOKEN)))


# -- generation -------------------------------------------------------------------------------------------


@requirement(
    "KSEF-KTOK-001",
    "A generated KSeF token is answered with 202, its reference number and its text.",
    source=f"{_GENERATE}: GenerateTokenResponse",
)
def is_generated(ctx: Probe) -> None:
    _generate(ctx, ctx.session).answers(202, shapes.GENERATED_TOKEN)


@requirement(
    "KSEF-KTOK-002",
    "The text of a KSeF token is its reference number, its context and 64 hex digits, between bars.",
    source="seen on TEST",
)
def text_has_three_parts(ctx: Probe) -> None:
    token, number = ctx.new_token(ctx.session)
    matches("text of the KSeF token", token, rf"{number}\|nip-{ctx.session.nip}\|[0-9a-f]{{64}}")


@requirement(
    "KSEF-KTOK-003",
    "Two KSeF tokens have different reference numbers and different secrets.",
    source="documented",
)
def tokens_differ(ctx: Probe) -> None:
    first, first_number = ctx.new_token(ctx.session)
    second, second_number = ctx.new_token(ctx.session)
    if first_number == second_number or first.rpartition("|")[2] == second.rpartition("|")[2]:
        fail("two different KSeF tokens", "the same reference number or secret twice")


@requirement(
    "KSEF-KTOK-004",
    "A new KSeF token becomes Active and then logs in with the permissions it was made with.",
    source=f"{_GENERATE}: active once its status is Active",
)
def token_has_its_permissions(ctx: Probe) -> None:
    owner = ctx.owner.session
    token, number = ctx.new_token(owner, ["InvoiceRead", "Introspection"])
    session = ctx.login_with_token(token, nip=owner.nip)
    claims = claims_of(session.access_token)
    for permission in ("InvoiceRead", "Introspection"):
        if permission not in str(claims.get("per")):
            fail(f"{permission} in the claim per", claims.get("per"))
    if "InvoiceWrite" in str(claims.get("per")):
        fail("no InvoiceWrite in the claim per", claims.get("per"))
    equal("claim trn", claims.get("trn"), number)


_REFUSED_ORDERS: dict[str, tuple[str, object]] = {
    "KSEF-KTOK-005": ("no description", {"permissions": ["InvoiceRead"]}),
    "KSEF-KTOK-006": ("no permissions", {"description": "opis tokenu"}),
    "KSEF-KTOK-007": (
        "a description of 4 characters",
        {"permissions": ["InvoiceRead"], "description": "opis"},
    ),
    "KSEF-KTOK-008": (
        "a description of 257 characters",
        {"permissions": ["InvoiceRead"], "description": "x" * 257},
    ),
}


@family(
    _REFUSED_ORDERS,
    lambda case: f"An order of a KSeF token with {case[0]} is refused with 21405.",
    source=f"{_GENERATE}: GenerateTokenRequest, 21405",
)
def wrong_order_is_refused(ctx: Probe, case: tuple[str, object]) -> None:
    bearer = ctx.session.access_token
    ctx.post("/tokens", bearer=bearer, json=case[1]).refused(21405, None)
    ctx.post("/tokens", bearer=bearer, json=case[1], headers=PROBLEM_DETAILS).refused(21405, None)


@requirement(
    "KSEF-KTOK-009",
    "An order of a KSeF token with an unknown permission is refused with 21001.",
    source=f"{_GENERATE}: GenerateTokenRequest, 21001 since API 2.9.0",
)
def unknown_permission_is_refused(ctx: Probe) -> None:
    order = {"permissions": ["Everything"], "description": "opis tokenu"}
    for headers in ({}, PROBLEM_DETAILS):
        ctx.post("/tokens", bearer=ctx.session.access_token, json=order, headers=headers).refused(21001, None)


@family(
    {"KSEF-KTOK-010": 5, "KSEF-KTOK-011": 256},
    "A description of {} characters is accepted.",
    source=f"{_GENERATE}: description of 5 to 256 characters",
)
def description_is_accepted(ctx: Probe, length: int) -> None:
    _, number = ctx.new_token(ctx.session, ["InvoiceRead"], "ż" * length)
    equal("description", status_of(ctx, ctx.session, number).at("description"), "ż" * length)


@requirement(
    "KSEF-KTOK-012",
    "Nobody gives a KSeF token a permission that he does not have: 26001, naming it.",
    source=f"{_GENERATE}: 26001",
    needs=TEST_DATA,
)
def permissions_are_not_made_up(ctx: Probe) -> None:
    accountant = accountant_of(ctx, random_nip(), "InvoiceRead")
    order = {"permissions": ["InvoiceRead", "InvoiceWrite"], "description": "za dużo uprawnień"}
    code, _, details = ctx.post("/tokens", bearer=accountant.access_token, json=order).refused(26001).error()
    if "InvoiceWrite" not in " ".join(details) or "InvoiceRead" in " ".join(details):
        fail("details that name InvoiceWrite and not InvoiceRead", details, what=f"{code}")
    ctx.new_token(accountant, ["InvoiceRead"])


@requirement(
    "KSEF-KTOK-013",
    "Without an access token no KSeF token is generated, listed, shown or revoked: 401.",
    source="OpenAPI /tokens: security, 401",
)
def needs_authentication(ctx: Probe) -> None:
    number = ctx.owner.token_reference
    ctx.post("/tokens", json={"permissions": ["InvoiceRead"], "description": "bez tokenu"}).unauthorized()
    ctx.get("/tokens").unauthorized()
    ctx.get(f"/tokens/{number}").unauthorized()
    ctx.delete(f"/tokens/{number}").unauthorized()


# -- status -----------------------------------------------------------------------------------------------


@requirement(
    "KSEF-KTOK-014",
    "The status of a KSeF token has the documented members and says what was asked for.",
    source=f"{_STATUS}: TokenStatusResponse",
)
def status_says_what_was_asked_for(ctx: Probe) -> None:
    session = ctx.session
    _, number = ctx.new_token(session, ["InvoiceWrite", "InvoiceRead"], "Faktury i nic więcej")
    body = status_of(ctx, session, number)
    equal("referenceNumber", body.at("referenceNumber"), number)
    equal("status", body.at("status"), "Active")
    equal("description", body.at("description"), "Faktury i nic więcej")
    equal("permissions", sorted(body.at("requestedPermissions")), ["InvoiceRead", "InvoiceWrite"])
    equal("contextIdentifier", body.at("contextIdentifier"), {"type": "Nip", "value": session.nip})
    equal("authorIdentifier", body.at("authorIdentifier"), {"type": "Nip", "value": session.nip})


@requirement(
    "KSEF-KTOK-015",
    "The text of a KSeF token is shown once: neither its status nor the list has it.",
    source=f"{_GENERATE}: returned only once",
)
def text_is_shown_once(ctx: Probe) -> None:
    token, number = ctx.new_token(ctx.session)
    secret = token.rpartition("|")[2]
    for reply in (status_of(ctx, ctx.session, number), listing(ctx, ctx.session)):
        if secret in reply.text:
            fail("no text of the KSeF token", "it is in the answer")


@requirement(
    "KSEF-KTOK-016",
    "Until somebody logs in with it a KSeF token has no lastUseDate, afterwards it has one.",
    source=f"{_STATUS}: lastUseDate",
)
def last_use_is_noted(ctx: Probe) -> None:
    session = ctx.session
    token, number = ctx.new_token(session)
    equal("lastUseDate", status_of(ctx, session, number).json().get("lastUseDate"), None)
    ctx.login_with_token(token, nip=session.nip)
    timestamp(status_of(ctx, session, number).at("lastUseDate"), "lastUseDate")


@requirement(
    "KSEF-KTOK-017",
    "A KSeF token that does not exist has no status and cannot be revoked: 400.",
    source=f"{_STATUS}, {REVOKE}: 400",
)
def unknown_token_is_refused(ctx: Probe) -> None:
    number = f"{ctx.owner.token_reference[:12]}{'0' * 10}-{'0' * 10}-00"
    ctx.get(f"/tokens/{number}", bearer=ctx.session.access_token).error()
    ctx.delete(f"/tokens/{number}", bearer=ctx.session.access_token).error()


@requirement(
    "KSEF-KTOK-018",
    "A reference number that has not 36 characters is refused with 21405.",
    source=f"{_STATUS}: ReferenceNumber",
)
def malformed_reference_is_refused(ctx: Probe) -> None:
    ctx.get("/tokens/20251010-EC-1DCE3E3000", bearer=ctx.session.access_token).refused(21405, None)


@requirement(
    "KSEF-KTOK-019",
    "A new KSeF token is Pending first, and no login succeeds with it until it is Active.",
    source=f"{_GENERATE}: Pending, Active; OpenAPI status 450",
    needs={Capability.SETTINGS, Capability.SELF_SIGNED},
)
def pending_token_does_not_log_in(ctx: Probe) -> None:
    slow = ctx.beside(delay_polls=2)
    session = slow.new_session()
    body = _generate(slow, session).answers(202, shapes.GENERATED_TOKEN).json()
    number = body["referenceNumber"]
    equal("status", status_of(slow, session, number).at("status"), "Pending")
    started = slow.start_token_login(body["token"], nip=session.nip)
    slow.ends(started, 450, "Token nieaktywny")
    for _ in range(3):
        last = status_of(slow, session, number).at("status")
    equal("status after three polls more", last, "Active")
    slow.ends(slow.start_token_login(body["token"], nip=session.nip), 200)


# -- revocation -------------------------------------------------------------------------------------------


@requirement(
    "KSEF-KTOK-036",
    "A KSeF token is revoked with 204 and no body; then its status is Revoked.",
    source=f"{REVOKE}: 204",
)
def is_revoked(ctx: Probe) -> None:
    _, number = ctx.new_token(ctx.session)
    reply = ctx.delete(f"/tokens/{number}", bearer=ctx.session.access_token).answers(204)
    equal("body", reply.text, "")
    one_of("status", status_of(ctx, ctx.session, number).at("status"), ("Revoking", "Revoked"))


@requirement(
    "KSEF-KTOK-037",
    "With a revoked KSeF token nobody logs in: status 450, the token is revoked.",
    source="OpenAPI GET /auth/{referenceNumber}: status 450",
)
def revoked_token_does_not_log_in(ctx: Probe) -> None:
    session = ctx.session
    token, number = ctx.new_token(session)
    revoke_token(ctx, session, number)
    ctx.ends(ctx.start_token_login(token, nip=session.nip), 450, "Token unieważniony")


@requirement(
    "KSEF-KTOK-038",
    "A KSeF token is not revoked twice: 400.",
    source=f"{REVOKE}: any active token",
)
def is_revoked_once(ctx: Probe) -> None:
    _, number = ctx.new_token(ctx.session)
    revoke_token(ctx, ctx.session, number)
    ctx.delete(f"/tokens/{number}", bearer=ctx.session.access_token).error()


@requirement(
    "KSEF-KTOK-039",
    "Between 204 and Revoked a KSeF token is Revoking, and no login succeeds with it any more.",
    source=f"{_STATUS}: Revoking",
    needs={Capability.SETTINGS, Capability.SELF_SIGNED},
)
def revoking_token_does_not_log_in(ctx: Probe) -> None:
    slow = ctx.beside(delay_polls=2)
    session = slow.new_session()
    token, number = slow.new_token(session)
    slow.delete(f"/tokens/{number}", bearer=session.access_token).answers(204)
    equal("status", status_of(slow, session, number).at("status"), "Revoking")
    slow.ends(slow.start_token_login(token, nip=session.nip), 450, "Token unieważniony")
    for _ in range(3):
        last = status_of(slow, session, number).at("status")
    equal("status after three polls more", last, "Revoked")


@requirement(
    "KSEF-KTOK-040",
    "The session of a revoked KSeF token gets no more access tokens: 21301.",
    source="OpenAPI POST /auth/token/refresh: 21301, the KSeF token was revoked",
)
def session_of_a_revoked_token_is_not_refreshed(ctx: Probe) -> None:
    session = ctx.session
    token, number = ctx.new_token(session)
    login = ctx.login_with_token(token, nip=session.nip)
    ctx.refresh(login).answers(200, shapes.REFRESHED)
    revoke_token(ctx, session, number)
    ctx.refresh(login).refused(21301, None)


def _generate(ctx: Probe, session: Session) -> Reply:
    order = {"permissions": ["InvoiceRead"], "description": "ksef-conformance"}
    reply = ctx.post("/tokens", bearer=session.access_token, json=order)
    if reply.status == 202:
        ctx.made_token(session, str(reply.at("referenceNumber")))
    return reply


def status_of(ctx: Probe, session: Session, number: str) -> Reply:
    return ctx.get(f"/tokens/{number}", bearer=session.access_token).answers(200, TOKEN)


def listing(ctx: Probe, session: Session, **options: object) -> Reply:
    return ctx.get("/tokens", bearer=session.access_token, **options).answers(200, TOKENS)


def numbers_in(reply: Reply) -> list[str]:
    return [item["referenceNumber"] for item in reply.at("tokens")]


def revoke_token(ctx: Probe, session: Session, number: str) -> None:
    ctx.delete(f"/tokens/{number}", bearer=session.access_token).answers(204)
    ctx.until(
        lambda: status_of(ctx, session, number).at("status") == "Revoked", "a KSeF token in status Revoked"
    )


def accountant_of(ctx: Probe, nip: str, *permissions: str, pesel: str | None = None) -> Session:
    """Somebody with a PESEL who was granted these permissions in the context of the NIP, logged in there."""
    pesel = pesel or random_pesel()
    ctx.grant_test_data(nip, ("Pesel", pesel), *permissions)
    return ctx.login_with_certificate(self_signed(person(pesel=pesel)), nip=nip)
