"""/tokens: generation, status, list, revocation of KSeF tokens."""

from __future__ import annotations

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, fail, matches, one_of
from contract_tests.server.identity import owner_of, person, random_nip, random_pesel, self_signed
from contract_tests.server.probe import PERMISSIONS, PROBLEM_DETAILS, Probe
from contract_tests.server.reply import Reply
from contract_tests.server.shapes import array, choice, obj, reference, text, timestamp
from contract_tests.server.workspace import Session, claims_of

_GENERATE = "OpenAPI POST /tokens"
_LIST = "OpenAPI GET /tokens"
_STATUS = "OpenAPI GET /tokens/{referenceNumber}"
_REVOKE = "OpenAPI DELETE /tokens/{referenceNumber}"
_OWN = {Capability.SELF_SIGNED}
_TEST_DATA = {Capability.SELF_SIGNED, Capability.TEST_DATA}

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
    equal("description", _status(ctx, ctx.session, number).at("description"), "ż" * length)


@requirement(
    "KSEF-KTOK-012",
    "Nobody gives a KSeF token a permission that he does not have: 26001, naming it.",
    source=f"{_GENERATE}: 26001",
    needs=_TEST_DATA,
)
def permissions_are_not_made_up(ctx: Probe) -> None:
    accountant = _accountant(ctx, random_nip(), "InvoiceRead")
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
    ctx.get("/tokens", bearer=ctx.session.refresh_token).unauthorized()


# -- status -----------------------------------------------------------------------------------------------


@requirement(
    "KSEF-KTOK-014",
    "The status of a KSeF token has the documented members and says what was asked for.",
    source=f"{_STATUS}: TokenStatusResponse",
)
def status_says_what_was_asked_for(ctx: Probe) -> None:
    session = ctx.session
    _, number = ctx.new_token(session, ["InvoiceWrite", "InvoiceRead"], "Faktury i nic więcej")
    body = _status(ctx, session, number)
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
    for reply in (_status(ctx, ctx.session, number), _list(ctx, ctx.session)):
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
    equal("lastUseDate", _status(ctx, session, number).json().get("lastUseDate"), None)
    ctx.login_with_token(token, nip=session.nip)
    timestamp(_status(ctx, session, number).at("lastUseDate"), "lastUseDate")


@requirement(
    "KSEF-KTOK-017",
    "A KSeF token that does not exist has no status and cannot be revoked: 400.",
    source=f"{_STATUS}, {_REVOKE}: 400",
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
    equal("status", _status(slow, session, number).at("status"), "Pending")
    started = slow.start_token_login(body["token"], nip=session.nip)
    slow.ends(started, 450, "Token nieaktywny")
    for _ in range(3):
        last = _status(slow, session, number).at("status")
    equal("status after three polls more", last, "Active")
    slow.ends(slow.start_token_login(body["token"], nip=session.nip), 200)


# -- list -------------------------------------------------------------------------------------------------


@requirement(
    "KSEF-KTOK-020",
    "The list of KSeF tokens has the documented members and the newest first.",
    source=f"{_LIST}: QueryTokensResponse, sorted by dateCreated descending",
    needs=_OWN,
)
def newest_comes_first(ctx: Probe) -> None:
    session = ctx.new_session()
    made = [ctx.new_token(session)[1] for _ in range(3)]
    reply = _list(ctx, session)
    equal("order of the KSeF tokens", _numbers(reply), made[::-1])
    dates = [item["dateCreated"] for item in reply.at("tokens")]
    equal("order of dateCreated", dates, sorted(dates, reverse=True))


@requirement(
    "KSEF-KTOK-021",
    "More than a page of KSeF tokens comes in pages: each once, and no continuation at the end.",
    source=f"{_LIST}: pageSize, x-continuation-token",
    needs=_OWN,
)
def list_comes_in_pages(ctx: Probe) -> None:
    session = ctx.new_session()
    made = [ctx.new_token(session)[1] for _ in range(11)][::-1]
    first = _list(ctx, session, params={"pageSize": "10"})
    equal("first page", _numbers(first), made[:10])
    continuation = {"x-continuation-token": first.at("continuationToken")}
    second = _list(ctx, session, params={"pageSize": "10"}, headers=continuation)
    equal("second page", _numbers(second), made[10:])
    equal("continuation after the last page", second.json().get("continuationToken") or None, None)


@family(
    {
        "KSEF-KTOK-022": ("pageSize", "9", 21405),
        "KSEF-KTOK-023": ("pageSize", "101", 21405),
        "KSEF-KTOK-024": ("status", "Lost", 21001),
        "KSEF-KTOK-025": ("description", "ab", 21405),
        "KSEF-KTOK-026": ("authorIdentifier", "12", 21405),
        "KSEF-KTOK-027": ("authorIdentifierType", "Regon", 21001),
    },
    lambda case: f"The filter {case[0]}={case[1]} is refused with {case[2]}.",
    source=f"{_LIST}: parameters, 21405; 21001 since API 2.9.0",
)
def wrong_filter_is_refused(ctx: Probe, case: tuple[str, str, int]) -> None:
    name, value, code = case
    ctx.get("/tokens", bearer=ctx.session.access_token, params={name: value}).refused(code, None)


@requirement(
    "KSEF-KTOK-028",
    "A continuation token that KSeF has not made is refused with 21418.",
    source=f"{_LIST}: 21418",
)
def foreign_continuation_is_refused(ctx: Probe) -> None:
    ctx.get(
        "/tokens", bearer=ctx.session.access_token, headers={"x-continuation-token": "of our own making"}
    ).refused(21418)


@requirement(
    "KSEF-KTOK-029",
    "The filter by status leaves the KSeF tokens in that status, and takes several.",
    source=f"{_LIST}: status",
    needs=_OWN,
)
def filter_by_status(ctx: Probe) -> None:
    session = ctx.new_session()
    kept, gone = ctx.new_token(session)[1], ctx.new_token(session)[1]
    _revoked(ctx, session, gone)
    equal("Active", _numbers(_list(ctx, session, params={"status": "Active"})), [kept])
    equal("Revoked", _numbers(_list(ctx, session, params={"status": "Revoked"})), [gone])
    both = _list(ctx, session, params={"status": ["Active", "Revoked"]})
    equal("Active and Revoked", _numbers(both), [gone, kept])


@requirement(
    "KSEF-KTOK-030",
    "The filter by description leaves the KSeF tokens whose description contains it.",
    source=f"{_LIST}: description",
    needs=_OWN,
)
def filter_by_description(ctx: Probe) -> None:
    session = ctx.new_session()
    _, wanted = ctx.new_token(session, ["InvoiceRead"], "token magazynu")
    ctx.new_token(session, ["InvoiceRead"], "token biura")
    equal("found", _numbers(_list(ctx, session, params={"description": "magazyn"})), [wanted])


@requirement(
    "KSEF-KTOK-031",
    "The filters by author leave the KSeF tokens of that author.",
    source=f"{_LIST}: authorIdentifier, authorIdentifierType",
    needs=_TEST_DATA,
)
def filter_by_author(ctx: Probe) -> None:
    nip, pesel = random_nip(), random_pesel()
    owner = ctx.login_with_certificate(owner_of(nip), nip=nip)
    _, his = ctx.new_token(owner)
    _, hers = ctx.new_token(_accountant(ctx, nip, "InvoiceRead", pesel=pesel), ["InvoiceRead"])
    by_value = _list(ctx, owner, params={"authorIdentifier": pesel})
    equal("of the PESEL", _numbers(by_value), [hers])
    by_type = _list(ctx, owner, params={"authorIdentifierType": "Nip"})
    equal("of authors known by NIP", _numbers(by_type), [his])
    equal("of all", _numbers(_list(ctx, owner)), [hers, his])


@requirement(
    "KSEF-KTOK-032",
    "Who may neither read nor manage credentials sees the KSeF tokens of which he is the author.",
    source=f"{_LIST}: scope of the results",
    needs=_TEST_DATA,
)
def author_sees_his_own(ctx: Probe) -> None:
    nip = random_nip()
    owner = ctx.login_with_certificate(owner_of(nip), nip=nip)
    _, foreign = ctx.new_token(owner)
    accountant = _accountant(ctx, nip, "InvoiceRead")
    _, own = ctx.new_token(accountant, ["InvoiceRead"])
    equal("in the list", _numbers(_list(ctx, accountant)), [own])
    _status(ctx, accountant, own)
    reply = ctx.get(f"/tokens/{foreign}", bearer=accountant.access_token)
    one_of("status for somebody else's", reply.status, (400, 403))


@requirement(
    "KSEF-KTOK-033",
    "Who may read credentials sees all KSeF tokens of the context, and revokes none of another author.",
    source=f"{_LIST}, {_REVOKE}: scope",
    needs=_TEST_DATA,
)
def reader_sees_all(ctx: Probe) -> None:
    nip = random_nip()
    owner = ctx.login_with_certificate(owner_of(nip), nip=nip)
    _, number = ctx.new_token(owner)
    reader = _accountant(ctx, nip, "CredentialsRead")
    equal("in the list", _numbers(_list(ctx, reader)), [number])
    reply = ctx.delete(f"/tokens/{number}", bearer=reader.access_token)
    one_of("status of the revocation", reply.status, (400, 403))
    equal("status of the token", _status(ctx, owner, number).at("status"), "Active")


@requirement(
    "KSEF-KTOK-034",
    "After a login with a KSeF token that cannot read credentials the list has that token alone.",
    source=f"{_LIST}: scope after a login with a token",
)
def token_login_sees_its_token(ctx: Probe) -> None:
    session = ctx.session
    token, number = ctx.new_token(session, ["InvoiceRead"])
    ctx.new_token(session, ["InvoiceRead"])
    equal("in the list", _numbers(_list(ctx, ctx.login_with_token(token, nip=session.nip))), [number])


@requirement(
    "KSEF-KTOK-035",
    "Nobody sees or revokes a KSeF token of another context.",
    source=f"{_LIST}, {_REVOKE}: in the context",
    needs=_OWN,
)
def contexts_are_apart(ctx: Probe) -> None:
    mine, other = ctx.new_session(), ctx.new_session()
    _, number = ctx.new_token(other)
    equal("in the list", _numbers(_list(ctx, mine)), [])
    for reply in (
        ctx.get(f"/tokens/{number}", bearer=mine.access_token),
        ctx.delete(f"/tokens/{number}", bearer=mine.access_token),
    ):
        one_of("status", reply.status, (400, 403))
    equal("status of the token", _status(ctx, other, number).at("status"), "Active")


# -- revocation -------------------------------------------------------------------------------------------


@requirement(
    "KSEF-KTOK-036",
    "A KSeF token is revoked with 204 and no body; then its status is Revoked.",
    source=f"{_REVOKE}: 204",
)
def is_revoked(ctx: Probe) -> None:
    _, number = ctx.new_token(ctx.session)
    reply = ctx.delete(f"/tokens/{number}", bearer=ctx.session.access_token).answers(204)
    equal("body", reply.text, "")
    one_of("status", _status(ctx, ctx.session, number).at("status"), ("Revoking", "Revoked"))


@requirement(
    "KSEF-KTOK-037",
    "With a revoked KSeF token nobody logs in: status 450, the token is revoked.",
    source="OpenAPI GET /auth/{referenceNumber}: status 450",
)
def revoked_token_does_not_log_in(ctx: Probe) -> None:
    session = ctx.session
    token, number = ctx.new_token(session)
    _revoked(ctx, session, number)
    ctx.ends(ctx.start_token_login(token, nip=session.nip), 450, "Token unieważniony")


@requirement(
    "KSEF-KTOK-038",
    "A KSeF token is not revoked twice: 400.",
    source=f"{_REVOKE}: any active token",
)
def is_revoked_once(ctx: Probe) -> None:
    _, number = ctx.new_token(ctx.session)
    _revoked(ctx, ctx.session, number)
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
    equal("status", _status(slow, session, number).at("status"), "Revoking")
    slow.ends(slow.start_token_login(token, nip=session.nip), 450, "Token unieważniony")
    for _ in range(3):
        last = _status(slow, session, number).at("status")
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
    _revoked(ctx, session, number)
    ctx.refresh(login).refused(21301, None)


def _generate(ctx: Probe, session: Session) -> Reply:
    order = {"permissions": ["InvoiceRead"], "description": "ksef-conformance"}
    reply = ctx.post("/tokens", bearer=session.access_token, json=order)
    if reply.status == 202:
        ctx.made_token(session, str(reply.at("referenceNumber")))
    return reply


def _status(ctx: Probe, session: Session, number: str) -> Reply:
    return ctx.get(f"/tokens/{number}", bearer=session.access_token).answers(200, TOKEN)


def _list(ctx: Probe, session: Session, **options: object) -> Reply:
    return ctx.get("/tokens", bearer=session.access_token, **options).answers(200, TOKENS)


def _numbers(reply: Reply) -> list[str]:
    return [item["referenceNumber"] for item in reply.at("tokens")]


def _revoked(ctx: Probe, session: Session, number: str) -> None:
    ctx.delete(f"/tokens/{number}", bearer=session.access_token).answers(204)
    ctx.until(
        lambda: _status(ctx, session, number).at("status") == "Revoked", "a KSeF token in status Revoked"
    )


def _accountant(ctx: Probe, nip: str, *permissions: str, pesel: str | None = None) -> Session:
    """Somebody with a PESEL who was granted these permissions in the context of the NIP, logged in there."""
    pesel = pesel or random_pesel()
    ctx.grant_test_data(nip, ("Pesel", pesel), *permissions)
    return ctx.login_with_certificate(self_signed(person(pesel=pesel)), nip=nip)
