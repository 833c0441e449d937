"""Errors: both formats of 400, problem+json for the others, and that bad input is never a 5xx."""

from __future__ import annotations

from typing import Any

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import different, equal, fail, matches, true
from contract_tests.server.probe import PROBLEM_DETAILS, Probe

_LEGACY = "OpenAPI: ExceptionResponse"
_PROBLEM = "OpenAPI: BadRequestProblemDetails"
_JSON = {"Content-Type": "application/json"}


# -- 400 --------------------------------------------------------------------------------------------------


@requirement(
    "KSEF-ERR-001",
    "Without X-Error-Format a 400 is JSON with exceptionDetailList, serviceCode and timestamp in exception.",
    source=_LEGACY,
)
def legacy_format(ctx: Probe) -> None:
    reply = ctx.post("/auth/ksef-token", json={})
    equal("status", reply.status, 400)
    equal("content type", reply.content_type, "application/json")
    shapes.LEGACY(reply.json(), "body")
    equal("members of the body", list(reply.json()), ["exception"])


@requirement(
    "KSEF-ERR-002",
    "A legacy error without details has no member details.",
    source="recorded on TEST, DEMO and PRD",
)
def legacy_details_are_absent_where_there_are_none(ctx: Probe) -> None:
    refused = ctx.submit_token(ctx.token_request(challenge=ctx.challenge()) | {"challenge": "x" * 36})
    members = list(refused.refused(21111).at("exception", "exceptionDetailList", 0))
    equal("members of the error", members, ["exceptionCode", "exceptionDescription"])


@requirement(
    "KSEF-ERR-003",
    "With X-Error-Format: problem-details a 400 is problem+json with all documented members.",
    source=_PROBLEM,
)
def problem_format(ctx: Probe) -> None:
    reply = ctx.post("/auth/ksef-token", json={}, headers=PROBLEM_DETAILS)
    equal("status", reply.status, 400)
    equal("content type", reply.content_type, "application/problem+json")
    shapes.BAD_REQUEST(reply.json(), "body")
    body = {name: reply.at(name) for name in ("title", "status", "detail")}
    expected = {"title": "Bad Request", "status": 400, "detail": "Żądanie jest nieprawidłowe."}
    equal("title, status, detail", body, expected)


@requirement(
    "KSEF-ERR-004",
    "instance of a problem is the path of the request.",
    source=f"{_PROBLEM}: instance",
)
def instance_is_the_path(ctx: Probe) -> None:
    reply = ctx.post("/auth/ksef-token", json={}, headers=PROBLEM_DETAILS)
    instance = reply.at("instance")
    true(
        "instance",
        isinstance(instance, str) and instance.endswith("/auth/ksef-token"),
        expected="…/auth/ksef-token",
        received=instance,
    )


@requirement(
    "KSEF-ERR-005",
    "Every error has a trace of its own.",
    source=f"{_PROBLEM}: traceId; {_LEGACY}: serviceCode",
)
def traces_differ(ctx: Probe) -> None:
    def problem() -> Any:
        return ctx.post("/auth/ksef-token", json={}, headers=PROBLEM_DETAILS).at("traceId")

    def legacy(name: str) -> Any:
        return ctx.post("/auth/ksef-token", json={}).at("exception", name)

    different("traceId", problem(), problem())
    different("serviceCode", legacy("serviceCode"), legacy("serviceCode"))


@family(
    {"KSEF-ERR-006": "legacy", "KSEF-ERR-007": "application/problem+json", "KSEF-ERR-008": ""},
    "X-Error-Format: {!r} asks for nothing: the legacy format comes.",
    source=f"{_LEGACY}; the document knows the value problem-details alone",
    severity="should",
)
def other_formats_are_ignored(ctx: Probe, value: str) -> None:
    reply = ctx.post("/auth/ksef-token", json={}, headers={"X-Error-Format": value})
    equal("content type", reply.content_type, "application/json")
    reply.refused(21405)


@requirement(
    "KSEF-ERR-009",
    "Both formats say the same of the same mistake: code, description, details.",
    source=f"{_LEGACY}; {_PROBLEM}",
)
def both_formats_agree(ctx: Probe) -> None:
    body = ctx.token_request() | {"publicKeyId": "A" * 43 + "="}
    equal(
        "error as problem+json",
        ctx.submit_token(body, headers=PROBLEM_DETAILS).error(),
        ctx.submit_token(body).error(),
    )


@family(
    {
        "KSEF-ERR-010": ("no body", b"", 21405),
        "KSEF-ERR-011": ("a body that is no JSON", b"{not json", 21001),
        "KSEF-ERR-012": ("an array", b"[]", 21001),
        "KSEF-ERR-013": ("null", b"null", 21405),
        "KSEF-ERR-014": ("octets that are not UTF-8", b'{"challenge": "\xff\xfe"}', 21001),
        "KSEF-ERR-015": ("arrays a thousand deep", b"[" * 1_000 + b"]" * 1_000, 21001),
        "KSEF-ERR-016": ("a number of a thousand digits", b'{"challenge": ' + b"9" * 1_000 + b"}", 21001),
        "KSEF-ERR-017": ("a name with a NUL", b'{"challenge\\u0000": "x"}', 21405),
    },
    lambda case: f"A token login with {case[0]} is refused with {case[2]}, not with a 5xx.",
    source="OpenAPI POST /auth/ksef-token: 21405, 21001 since API 2.9.0",
)
def broken_body_is_refused(ctx: Probe, case: tuple[str, bytes, int]) -> None:
    ctx.post("/auth/ksef-token", content=case[1], headers=_JSON).refused(case[2])


@family(
    {
        "KSEF-ERR-018": ("no body", b""),
        "KSEF-ERR-019": ("a body that is no XML", b"not xml"),
        "KSEF-ERR-020": ("XML that ends too early", b"<AuthTokenRequest>"),
    },
    lambda case: f"A signed login with {case[0]} is refused with 21001.",
    source="OpenAPI POST /auth/xades-signature: 21001",
)
def broken_document_is_refused(ctx: Probe, case: tuple[str, bytes]) -> None:
    ctx.submit_signed(case[1]).refused(21001)


# -- other statuses ---------------------------------------------------------------------------------------


@family(
    {"KSEF-ERR-021": {}, "KSEF-ERR-022": PROBLEM_DETAILS},
    lambda headers: f"401 is problem+json {'with' if headers else 'without'} X-Error-Format.",
    source="OpenAPI: UnauthorizedProblemDetails",
    read_only=True,
)
def unauthorized_is_a_problem(ctx: Probe, headers: dict[str, str]) -> None:
    reply = ctx.get("/auth/sessions", headers=headers).unauthorized()
    instance = str(reply.at("instance"))
    true(
        "instance",
        instance.endswith("/auth/sessions"),
        expected="the path of the request",
        received=instance,
    )


@requirement(
    "KSEF-ERR-023",
    "401 names the scheme to authenticate with: WWW-Authenticate: Bearer.",
    source="RFC 9110, 11.6.1",
    severity="should",
    read_only=True,
)
def unauthorized_names_the_scheme(ctx: Probe) -> None:
    matches("WWW-Authenticate", ctx.get("/auth/sessions").header("WWW-Authenticate"), "Bearer.*")


@family(
    {"KSEF-ERR-024": {}, "KSEF-ERR-025": PROBLEM_DETAILS},
    lambda headers: (
        f"403 is problem+json with a reasonCode, {'with' if headers else 'without'} X-Error-Format."
    ),
    source="OpenAPI: ForbiddenProblemDetails",
)
def forbidden_is_a_problem(ctx: Probe, headers: dict[str, str]) -> None:
    first, second = ctx.start_token_login(), ctx.start_token_login()
    reply = ctx.get(f"/auth/{first.reference}", bearer=second.token, headers=headers)
    reply.problem(403, reason="insufficient-resource-access")
    equal("title", reply.at("title"), "Forbidden")
    equal("detail", reply.at("detail"), "Brak dostępu do wskazanego zasobu.")


@requirement(
    "KSEF-ERR-026",
    "403 missing-permissions says which permissions would do, and which are present.",
    source="OpenAPI: ForbiddenProblemDetails, security",
)
def missing_permissions_are_named(ctx: Probe) -> None:
    owner = ctx.owner
    token, _ = ctx.new_token(owner.session, ["InvoiceRead"])
    session = ctx.login_with_token(token, nip=owner.session.nip)
    reply = ctx.get("/permissions/attachments/status", bearer=session.access_token)
    reply.problem(403, reason="missing-permissions")
    equal(
        "detail", reply.at("detail"), "Brak wymaganych uprawnień do wykonania operacji w bieżącym kontekście."
    )
    required = reply.at("security", "requiredAnyOfPermissions")
    equal("requiredAnyOfPermissions", sorted(map(str, required)), ["CredentialsManage", "CredentialsRead"])
    equal("presentPermissions", reply.at("security", "presentPermissions"), ["InvoiceRead"])


@family(
    {"KSEF-ERR-027": "/auth", "KSEF-ERR-028": "/nothing/at/all", "KSEF-ERR-029": "/auth/challenge/more"},
    "{} is 404, as ASP.NET writes it.",
    source="recorded on PRD: type, title, status, traceId",
    severity="should",
    read_only=True,
)
def unknown_path_is_404(ctx: Probe, path: str) -> None:
    ctx.get(path).failed(404)


@family(
    {
        "KSEF-ERR-030": ("GET", "/auth/challenge", "POST"),
        "KSEF-ERR-031": ("GET", "/auth/token/redeem", "POST"),
        "KSEF-ERR-032": ("POST", "/security/public-key-certificates", "GET"),
    },
    lambda case: f"{case[0]} {case[1]} is 405, and Allow says {case[2]}.",
    source="RFC 9110, 15.5.6",
    severity="should",
)
def wrong_method_is_405(ctx: Probe, case: tuple[str, str, str]) -> None:
    method, path, allowed = case
    reply = ctx.request(method, path)
    equal("status", reply.status, 405)
    methods = [each.strip() for each in reply.header("Allow").split(",")]
    if allowed not in methods:
        fail(f"{allowed} in Allow", methods)


@family(
    {
        "KSEF-ERR-033": ("/auth/ksef-token", "text/plain"),
        "KSEF-ERR-034": ("/auth/ksef-token", "application/xml"),
        "KSEF-ERR-035": ("/auth/xades-signature", "application/json"),
        "KSEF-ERR-036": ("/auth/xades-signature", "text/plain"),
    },
    lambda case: f"POST {case[0]} with the content type {case[1]} is 415.",
    source="OpenAPI: content of the request body; documented",
)
def wrong_content_type_is_415(ctx: Probe, case: tuple[str, str]) -> None:
    path, content_type = case
    reply = ctx.post(path, content=b"anything", headers={"Content-Type": content_type})
    equal("status", reply.status, 415)


@requirement(
    "KSEF-ERR-037",
    "No error shows a stack trace or the names of what the server is made of.",
    source="OWASP: error handling",
)
def errors_keep_the_inside_inside(ctx: Probe) -> None:
    for reply in (
        ctx.post("/auth/ksef-token", content=b"{", headers=_JSON),
        ctx.post("/auth/ksef-token", content=b"{", headers=_JSON | PROBLEM_DETAILS),
        ctx.submit_signed(b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>"),
        ctx.get("/auth/%00%0a", bearer="x"),
    ):
        if reply.status >= 500:
            fail("a status below 500", reply.status)
        for mark in ("Traceback", "at System.", "Exception:", "root:x:", ".py"):
            if mark in reply.text:
                fail(f"an error without {mark!r}", reply.text)


@requirement(
    "KSEF-ERR-038",
    "429 has a whole number of seconds in Retry-After, and the documented body.",
    source="OpenAPI: TooManyRequestsResponse; Retry-After",
    needs={Capability.SETTINGS, Capability.MOVABLE_CLOCK},
)
def too_many_requests(ctx: Probe) -> None:
    limited = ctx.beside(rate_limits="production")
    limited.freeze()
    replies = [limited.post("/auth/challenge", patient=False) for _ in range(61)]
    equal("statuses of 60 requests in a second", {reply.status for reply in replies[:60]}, {200})
    refused = replies[-1].answers(429, shapes.TOO_MANY)
    matches("Retry-After", refused.header("Retry-After"), "[1-9][0-9]*")


@requirement(
    "KSEF-ERR-039",
    "After as many seconds as Retry-After says the request is answered again.",
    source="OpenAPI: TooManyRequestsResponse; documented: sliding windows",
    needs={Capability.SETTINGS, Capability.MOVABLE_CLOCK},
)
def retry_after_holds(ctx: Probe) -> None:
    limited = ctx.beside(rate_limits="production")
    limited.freeze()
    for _ in range(60):
        limited.post("/auth/challenge", patient=False).answers(200)
    refused = limited.post("/auth/challenge", patient=False).answers(429)
    limited.advance(int(refused.header("Retry-After")))
    limited.post("/auth/challenge", patient=False).answers(200)
