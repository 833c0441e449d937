"""/tokens: the list of KSeF tokens, its pages and filters, who sees which."""

from __future__ import annotations

from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, one_of
from contract_tests.server.identity import owner_of, random_nip, random_pesel
from contract_tests.server.probe import Probe
from contract_tests.server.requirements.ksef_tokens import (
    LIST,
    OWN,
    REVOKE,
    TEST_DATA,
    accountant_of,
    listing,
    numbers_in,
    revoke_token,
    status_of,
)

# -- list -------------------------------------------------------------------------------------------------


@requirement(
    "KSEF-KTOK-020",
    "The list of KSeF tokens has the documented members and the newest first.",
    source=f"{LIST}: QueryTokensResponse, sorted by dateCreated descending",
    needs=OWN,
)
def newest_comes_first(ctx: Probe) -> None:
    session = ctx.new_session()
    made = [ctx.new_token(session)[1] for _ in range(3)]
    reply = listing(ctx, session)
    equal("order of the KSeF tokens", numbers_in(reply), made[::-1])
    dates = [item["dateCreated"] for item in reply.at("tokens")]
    equal("order of dateCreated", dates, sorted(dates, reverse=True))


@requirement(
    "KSEF-KTOK-021",
    "More than a page of KSeF tokens comes in pages: each once, and no continuation at the end.",
    source=f"{LIST}: pageSize, x-continuation-token",
    needs=OWN,
)
def list_comes_in_pages(ctx: Probe) -> None:
    session = ctx.new_session()
    made = [ctx.new_token(session)[1] for _ in range(11)][::-1]
    first = listing(ctx, session, params={"pageSize": "10"})
    equal("first page", numbers_in(first), made[:10])
    continuation = {"x-continuation-token": first.at("continuationToken")}
    second = listing(ctx, session, params={"pageSize": "10"}, headers=continuation)
    equal("second page", numbers_in(second), made[10:])
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
    source=f"{LIST}: parameters, 21405; 21001 since API 2.9.0",
)
def wrong_filter_is_refused(ctx: Probe, case: tuple[str, str, int]) -> None:
    name, value, code = case
    ctx.get("/tokens", bearer=ctx.session.access_token, params={name: value}).refused(code, None)


@requirement(
    "KSEF-KTOK-028",
    "A continuation token that KSeF has not made is refused with 21418.",
    source=f"{LIST}: 21418",
)
def foreign_continuation_is_refused(ctx: Probe) -> None:
    ctx.get(
        "/tokens", bearer=ctx.session.access_token, headers={"x-continuation-token": "of our own making"}
    ).refused(21418)


@requirement(
    "KSEF-KTOK-029",
    "The filter by status leaves the KSeF tokens in that status, and takes several.",
    source=f"{LIST}: status",
    needs=OWN,
)
def filter_by_status(ctx: Probe) -> None:
    session = ctx.new_session()
    kept, gone = ctx.new_token(session)[1], ctx.new_token(session)[1]
    revoke_token(ctx, session, gone)
    equal("Active", numbers_in(listing(ctx, session, params={"status": "Active"})), [kept])
    equal("Revoked", numbers_in(listing(ctx, session, params={"status": "Revoked"})), [gone])
    both = listing(ctx, session, params={"status": ["Active", "Revoked"]})
    equal("Active and Revoked", numbers_in(both), [gone, kept])


@requirement(
    "KSEF-KTOK-030",
    "The filter by description leaves the KSeF tokens whose description contains it.",
    source=f"{LIST}: description",
    needs=OWN,
)
def filter_by_description(ctx: Probe) -> None:
    session = ctx.new_session()
    _, wanted = ctx.new_token(session, ["InvoiceRead"], "token magazynu")
    ctx.new_token(session, ["InvoiceRead"], "token biura")
    equal("found", numbers_in(listing(ctx, session, params={"description": "magazyn"})), [wanted])


@requirement(
    "KSEF-KTOK-031",
    "The filters by author leave the KSeF tokens of that author.",
    source=f"{LIST}: authorIdentifier, authorIdentifierType",
    needs=TEST_DATA,
)
def filter_by_author(ctx: Probe) -> None:
    nip, pesel = random_nip(), random_pesel()
    owner = ctx.login_with_certificate(owner_of(nip), nip=nip)
    _, his = ctx.new_token(owner)
    _, hers = ctx.new_token(accountant_of(ctx, nip, "InvoiceRead", pesel=pesel), ["InvoiceRead"])
    by_value = listing(ctx, owner, params={"authorIdentifier": pesel})
    equal("of the PESEL", numbers_in(by_value), [hers])
    by_type = listing(ctx, owner, params={"authorIdentifierType": "Nip"})
    equal("of authors known by NIP", numbers_in(by_type), [his])
    equal("of all", numbers_in(listing(ctx, owner)), [hers, his])


@requirement(
    "KSEF-KTOK-032",
    "Who may neither read nor manage credentials sees the KSeF tokens of which he is the author.",
    source=f"{LIST}: scope of the results",
    needs=TEST_DATA,
)
def author_sees_his_own(ctx: Probe) -> None:
    nip = random_nip()
    owner = ctx.login_with_certificate(owner_of(nip), nip=nip)
    _, foreign = ctx.new_token(owner)
    accountant = accountant_of(ctx, nip, "InvoiceRead")
    _, own = ctx.new_token(accountant, ["InvoiceRead"])
    equal("in the list", numbers_in(listing(ctx, accountant)), [own])
    status_of(ctx, accountant, own)
    reply = ctx.get(f"/tokens/{foreign}", bearer=accountant.access_token)
    one_of("status for somebody else's", reply.status, (400, 403))


@requirement(
    "KSEF-KTOK-033",
    "Who may read credentials sees all KSeF tokens of the context, and revokes none of another author.",
    source=f"{LIST}, {REVOKE}: scope",
    needs=TEST_DATA,
)
def reader_sees_all(ctx: Probe) -> None:
    nip = random_nip()
    owner = ctx.login_with_certificate(owner_of(nip), nip=nip)
    _, number = ctx.new_token(owner)
    reader = accountant_of(ctx, nip, "CredentialsRead")
    equal("in the list", numbers_in(listing(ctx, reader)), [number])
    reply = ctx.delete(f"/tokens/{number}", bearer=reader.access_token)
    one_of("status of the revocation", reply.status, (400, 403))
    equal("status of the token", status_of(ctx, owner, number).at("status"), "Active")


@requirement(
    "KSEF-KTOK-034",
    "After a login with a KSeF token that cannot read credentials the list has that token alone.",
    source=f"{LIST}: scope after a login with a token",
)
def token_login_sees_its_token(ctx: Probe) -> None:
    session = ctx.session
    token, number = ctx.new_token(session, ["InvoiceRead"])
    ctx.new_token(session, ["InvoiceRead"])
    equal("in the list", numbers_in(listing(ctx, ctx.login_with_token(token, nip=session.nip))), [number])


@requirement(
    "KSEF-KTOK-035",
    "Nobody sees or revokes a KSeF token of another context.",
    source=f"{LIST}, {REVOKE}: in the context",
    needs=OWN,
)
def contexts_are_apart(ctx: Probe) -> None:
    mine, other = ctx.new_session(), ctx.new_session()
    _, number = ctx.new_token(other)
    equal("in the list", numbers_in(listing(ctx, mine)), [])
    for reply in (
        ctx.get(f"/tokens/{number}", bearer=mine.access_token),
        ctx.delete(f"/tokens/{number}", bearer=mine.access_token),
    ):
        one_of("status", reply.status, (400, 403))
    equal("status of the token", status_of(ctx, other, number).at("status"), "Active")
