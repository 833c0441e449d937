"""GET /auth/{referenceNumber}: how a login stands, and how it ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, one_of, true
from contract_tests.server.identity import owner_of, person, random_nip, random_pesel, self_signed
from contract_tests.server.probe import PROBLEM_DETAILS, Probe

_SOURCE = "OpenAPI GET /auth/{referenceNumber}"
_REDEEMED = ("isTokenRedeemed", "refreshTokenValidUntil")


@requirement(
    "KSEF-STATUS-001",
    "The status of a successful login is 200 with its documented description and no details.",
    source=f"{_SOURCE}: AuthenticationOperationStatusResponse",
)
def success_is_200(ctx: Probe) -> None:
    ctx.ends(ctx.start_token_login(), 200)


@requirement(
    "KSEF-STATUS-002",
    "startDate is when the login was submitted, the same on every poll.",
    source=f"{_SOURCE}: startDate",
)
def start_date_stays(ctx: Probe) -> None:
    challenge = ctx.challenge()
    started = ctx.start_token_login(challenge=challenge)
    first = ctx.settled(started).at("startDate")
    equal("startDate on the second poll", ctx.poll(started).answers(200).at("startDate"), first)
    age = datetime.fromisoformat(first) - challenge.moment
    true(
        "startDate after the challenge",
        timedelta(0) <= age < timedelta(minutes=1),
        expected="less than a minute",
        received=age,
    )


@requirement(
    "KSEF-STATUS-003",
    "The status without a bearer token is 401.",
    source=f"{_SOURCE}: security, 401",
)
def needs_authentication(ctx: Probe) -> None:
    started = ctx.start_token_login()
    ctx.get(f"/auth/{started.reference}").unauthorized()


@requirement(
    "KSEF-STATUS-004",
    "The authentication token of one login does not show the status of another: 403.",
    source=f"{_SOURCE}: 403 insufficient-resource-access",
)
def is_nobody_elses_business(ctx: Probe) -> None:
    first, second = ctx.start_token_login(), ctx.start_token_login()
    ctx.poll(first, bearer=second.token).problem(403, reason="insufficient-resource-access")


@requirement(
    "KSEF-STATUS-005",
    "An unknown reference number is refused with 21304, naming it.",
    source=f"{_SOURCE}: 21304",
)
def unknown_reference_is_refused(ctx: Probe) -> None:
    started = ctx.start_token_login()
    # Today's date: an old one may be answered with 410.
    unknown = f"{started.reference[:12]}{'0' * 10}-{'0' * 10}-00"
    ctx.get(f"/auth/{unknown}", bearer=started.token).refused(
        21304, f"Operacja uwierzytelniania o numerze referencyjnym {unknown} nie została znaleziona."
    )


@requirement(
    "KSEF-STATUS-006",
    "A reference number that has not 36 characters is refused with 400, in both formats.",
    source="OpenAPI: ReferenceNumber (36 characters)",
)
def malformed_reference_is_refused(ctx: Probe) -> None:
    started = ctx.start_token_login()
    for reference in (started.reference[:-1], f"{started.reference}0"):
        ctx.get(f"/auth/{reference}", bearer=started.token).error()
        ctx.get(f"/auth/{reference}", bearer=started.token, headers=PROBLEM_DETAILS).error()


@requirement(
    "KSEF-STATUS-007",
    "A login that is being worked on has status 100, then 200, with all required members each time.",
    source=f"{_SOURCE}: status 100",
    needs={Capability.FAULTS},
)
def is_100_before_200(ctx: Probe) -> None:
    ctx.controls.fault(path="/auth/ksef-token", hold_polls=2)
    started = ctx.start_token_login()
    codes = [ctx.poll(started).answers(200, shapes.OPERATION_STATUS).at("status", "code") for _ in range(4)]
    equal("status codes of four polls", codes, [100, 100, 200, 200])


@requirement(
    "KSEF-STATUS-008",
    "A login that fails has status 100 first too, without a detail that gives the end away.",
    source=f"{_SOURCE}: status 100",
    needs={Capability.FAULTS},
)
def is_100_before_failure(ctx: Probe) -> None:
    challenge = ctx.challenge()
    body = ctx.token_request(challenge=challenge, plaintext=f"nothing|{challenge.timestamp_ms}")
    ctx.controls.fault(path="/auth/ksef-token", hold_polls=1)
    started = ctx.started(ctx.submit_token(body))
    first = ctx.poll(started).answers(200, shapes.OPERATION_STATUS).at("status")
    equal("first status", (first["code"], first["description"], first.get("details")), _IN_PROGRESS)
    ctx.ends(started, 450, "Nieprawidłowy token")


_IN_PROGRESS = (100, "Uwierzytelnianie w toku", None)


@requirement(
    "KSEF-STATUS-009",
    "After the session was ended the status is 425, with the documented detail.",
    source=f"{_SOURCE}: status 425",
)
def ended_session_is_425(ctx: Probe) -> None:
    started = ctx.start_token_login()
    session = ctx.finish(started)
    ctx.delete("/auth/sessions/current", bearer=session.access_token).answers(204)
    ctx.ends(
        started,
        425,
        "Uwierzytelnienie i powiązane refresh tokeny zostały unieważnione przez użytkownika",
    )


@requirement(
    "KSEF-STATUS-010",
    "isTokenRedeemed turns from false to true by redeeming, and refreshTokenValidUntil appears.",
    source=f"{_SOURCE}: isTokenRedeemed, refreshTokenValidUntil",
)
def tells_whether_redeemed(ctx: Probe) -> None:
    started = ctx.start_token_login()
    before = ctx.settled(started).json()
    equal("before redeeming", [before.get(name) for name in _REDEEMED], [False, None])
    tokens = ctx.redeem(started).answers(200, shapes.TOKENS)
    after = ctx.poll(started).answers(200, shapes.OPERATION_STATUS).json()
    valid_until = tokens.at("refreshToken", "validUntil")
    equal("after redeeming", [after.get(name) for name in _REDEEMED], [True, valid_until])


@requirement(
    "KSEF-STATUS-011",
    "lastTokenRefreshDate is absent until the first refresh, and its moment afterwards.",
    source=f"{_SOURCE}: lastTokenRefreshDate",
    severity="should",
)
def tells_the_last_refresh(ctx: Probe) -> None:
    started = ctx.start_token_login()
    session = ctx.finish(started)
    before = ctx.poll(started).answers(200, shapes.OPERATION_STATUS).json()
    equal("before a refresh", before.get("lastTokenRefreshDate"), None)
    ctx.refresh(session).answers(200, shapes.REFRESHED)
    reply = ctx.poll(started).answers(200, shapes.OPERATION_STATUS)
    shapes.timestamp(reply.at("lastTokenRefreshDate"), "lastTokenRefreshDate")


@requirement(
    "KSEF-STATUS-012",
    "The access token of the login shows its status too.",
    source="seen in the guide's TypeScript client",
)
def access_token_shows_it(ctx: Probe) -> None:
    started = ctx.start_token_login()
    session = ctx.finish(started)
    ctx.poll(started, bearer=session.access_token).answers(200, shapes.OPERATION_STATUS)


@requirement(
    "KSEF-STATUS-013",
    "The refresh token shows no status: 401 or 403.",
    source=f"{_SOURCE}: AuthenticationToken",
)
def refresh_token_does_not_show_it(ctx: Probe) -> None:
    started = ctx.start_token_login()
    session = ctx.finish(started)
    reply = ctx.poll(started, bearer=session.refresh_token)
    one_of("status", reply.status, (401, 403))
    reply.problem(reply.status)


@requirement(
    "KSEF-STATUS-014",
    "Seven days after its start the status of a login is 410; a moment earlier it is there.",
    source=f"{_SOURCE}: 7 days, 410",
    needs={Capability.MOVABLE_CLOCK},
)
def is_kept_for_seven_days(ctx: Probe) -> None:
    nip = random_nip()
    credentials = owner_of(nip)
    ctx.freeze()
    started = ctx.started(ctx.submit(credentials, nip=nip))
    end = datetime.fromisoformat(ctx.settled(started).at("startDate")) + timedelta(days=7)
    ctx.set_clock(end - timedelta(milliseconds=1))
    # The authentication token has long expired: another session of the same owner asks.
    later = ctx.login_with_certificate(credentials, nip=nip)
    ctx.poll(started, bearer=later.access_token).answers(200, shapes.OPERATION_STATUS)
    ctx.set_clock(end + timedelta(microseconds=1))
    gone = ctx.poll(started, bearer=later.access_token).problem(410)
    equal("title", gone.at("title"), "Gone")


@requirement(
    "KSEF-STATUS-015",
    "The method of a login with a self-signed certificate is of the category XadesSignature.",
    source="OpenAPI: AuthenticationMethodInfo",
    needs={Capability.SELF_SIGNED},
)
def method_of_a_certificate(ctx: Probe) -> None:
    reply = ctx.settled(ctx.started(ctx.submit()))
    equal("category", reply.at("authenticationMethodInfo", "category"), "XadesSignature")


@requirement(
    "KSEF-STATUS-016",
    "Somebody without any permission in the context ends in 415, Brak przypisanych uprawnień.",
    source=f"{_SOURCE}: status 415",
    needs={Capability.SELF_SIGNED},
)
def stranger_ends_in_415(ctx: Probe) -> None:
    for subject in (person(nip=random_nip()), person(pesel=random_pesel())):
        started = ctx.started(ctx.submit(self_signed(subject), nip=random_nip()))
        ctx.ends(started, 415, "Brak przypisanych uprawnień")


@requirement(
    "KSEF-STATUS-017",
    "A deceased person ends in 470, with the documented detail.",
    source=f"{_SOURCE}: status 470; OpenAPI POST /testdata/person: isDeceased",
    needs={Capability.SELF_SIGNED, Capability.TEST_DATA},
)
def deceased_ends_in_470(ctx: Probe) -> None:
    nip, pesel = random_nip(), random_pesel()
    who = {"nip": nip, "pesel": pesel, "isBailiff": False, "isDeceased": True, "description": "conformance"}
    ctx.post("/testdata/person", json=who).answers(200)
    try:
        started = ctx.started(ctx.submit(nip=nip))
        ctx.ends(started, 470, "Próba wykorzystania metod autoryzacyjnych osoby zmarłej")
    finally:
        ctx.post("/testdata/person/remove", json={"nip": nip})


@requirement(
    "KSEF-STATUS-018",
    "A login in a blocked context ends in 480, with the documented detail; unblocked, it succeeds again.",
    source=f"{_SOURCE}: status 480; OpenAPI POST /testdata/context/block",
    needs={Capability.SELF_SIGNED, Capability.TEST_DATA},
)
def blocked_context_ends_in_480(ctx: Probe) -> None:
    nip = random_nip()
    context = {"contextIdentifier": {"type": "Nip", "value": nip}}
    ctx.post("/testdata/context/block", json=context).answers(200)
    try:
        ctx.ends(
            ctx.started(ctx.submit(nip=nip)),
            480,
            "Podejrzenie incydentu bezpieczeństwa. "
            "Skontaktuj się z Ministerstwem Finansów przez formularz zgłoszeniowy.",
        )
    finally:
        ctx.post("/testdata/context/unblock", json=context)
    ctx.ends(ctx.started(ctx.submit(nip=nip)), 200)


@family(
    {
        "KSEF-STATUS-019": (450, "Nieprawidłowe wyzwanie autoryzacyjne"),
        "KSEF-STATUS-020": (500, None),
        "KSEF-STATUS-021": (
            550,
            "Przetwarzanie zostało przerwane z przyczyn wewnętrznych systemu. Spróbuj ponownie",
        ),
    },
    lambda case: (
        f"A login that ends in {case[0]} shows the documented description, and redeeming names the code."
    ),
    source=f"{_SOURCE}: status codes; OpenAPI POST /auth/token/redeem: 21301",
    needs={Capability.FAULTS},
)
def other_ends(ctx: Probe, case: tuple[int, str | None]) -> None:
    code, detail = case
    body = ctx.token_request()
    ctx.controls.fault(path="/auth/ksef-token", outcome=(code, detail))
    started = ctx.started(ctx.submit_token(body))
    ctx.ends(started, code, *([detail] if detail else []))
    ctx.redeem(started).refused(21301, f"Status uwierzytelniania ({code}) nie pozwala na pobranie tokenów.")
