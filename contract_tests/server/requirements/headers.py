"""Addresses, content types, and the headers of answers."""

from __future__ import annotations

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, fail
from contract_tests.server.probe import Probe

_KEYS = "/security/public-key-certificates"


@family(
    {"KSEF-HEAD-001": "/v2", "KSEF-HEAD-002": "/api/v2", "KSEF-HEAD-003": "/webs/api/v2"},
    "The API answers under {}.",
    source="documented; addresses still in use by clients",
)
def prefixes(ctx: Probe, prefix: str) -> None:
    if prefix != "/v2" and not ctx.target.serves_all_prefixes:
        ctx.skip(f"{ctx.target.name} serves this address on another host")
    ctx.get(_KEYS, prefix=prefix).answers(200, shapes.PUBLIC_KEYS)
    ctx.post("/auth/challenge", prefix=prefix).answers(200, shapes.CHALLENGE)


@requirement(
    "KSEF-HEAD-004",
    "A login begun under one address goes on under another.",
    source="documented: gateways of one system",
)
def prefixes_are_one_system(ctx: Probe) -> None:
    if not ctx.target.serves_all_prefixes:
        ctx.skip(f"{ctx.target.name} serves the other addresses on another host")
    started = ctx.started(ctx.submit_token(ctx.token_request(), prefix="/api/v2"))
    reply = ctx.get(f"/auth/{started.reference}", bearer=started.token, prefix="/webs/api/v2")
    reply.answers(200, shapes.OPERATION_STATUS)


@requirement(
    "KSEF-HEAD-005",
    "Success is application/json in UTF-8.",
    source="OpenAPI: content of the answers",
    read_only=True,
)
def success_is_json(ctx: Probe) -> None:
    reply = ctx.get(_KEYS).answers(200)
    equal("content type", reply.content_type, "application/json")
    charset = reply.header("content-type").partition("charset=")[2].strip('" ').lower()
    if charset not in ("", "utf-8"):
        fail("no charset, or utf-8", charset)


@family(
    {
        "KSEF-HEAD-006": "application/json; charset=utf-8",
        "KSEF-HEAD-007": "application/json;charset=UTF-8",
        "KSEF-HEAD-008": "Application/JSON",
    },
    "A token login with the content type {} is accepted.",
    source="RFC 9110, 8.3; seen in public clients",
)
def json_types_are_accepted(ctx: Probe, content_type: str) -> None:
    body = ctx.token_request()
    ctx.started(ctx.submit_token(body, headers={"Content-Type": content_type}))


@requirement(
    "KSEF-HEAD-009",
    "A signed login with the content type application/xml; charset=utf-8 is accepted.",
    source="RFC 9110, 8.3; seen in public clients",
    needs={Capability.SELF_SIGNED},
)
def xml_with_charset_is_accepted(ctx: Probe) -> None:
    document = ctx.signer().sign()
    ctx.started(ctx.submit_signed(document, headers={"Content-Type": "application/xml; charset=utf-8"}))


@family(
    {"KSEF-HEAD-010": "true", "KSEF-HEAD-011": "false"},
    "verifyCertificateChain={} is understood.",
    source="OpenAPI POST /auth/xades-signature: verifyCertificateChain",
    needs={Capability.SELF_SIGNED},
)
def chain_parameter(ctx: Probe, value: str) -> None:
    started = ctx.started(ctx.submit_signed(ctx.signer().sign(), params={"verifyCertificateChain": value}))
    if value == "false":
        ctx.ends(started, 200)
        return
    # A self-signed certificate has no chain.
    status = ctx.settled(started).at("status")
    equal("code of the status", status["code"], 460)


@requirement(
    "KSEF-HEAD-012",
    "verifyCertificateChain=perhaps is refused with 400.",
    source="OpenAPI POST /auth/xades-signature: verifyCertificateChain is a boolean",
    needs={Capability.SELF_SIGNED},
)
def chain_parameter_is_a_boolean(ctx: Probe) -> None:
    ctx.submit_signed(ctx.signer().sign(), params={"verifyCertificateChain": "perhaps"}).error()


@requirement(
    "KSEF-HEAD-013",
    "TEST echoes X-Test-System-Warning into X-System-Warning, with errors too.",
    source="OpenAPI: SystemWarning; documented for TEST",
    needs={Capability.TEST_DATA},
)
def warning_is_echoed(ctx: Probe) -> None:
    warning = "[W001]: maintenance tonight"
    sent = {"X-Test-System-Warning": warning}
    equal("X-System-Warning", ctx.post("/auth/challenge", headers=sent).header("X-System-Warning"), warning)
    refused = ctx.post("/auth/ksef-token", json={}, headers=sent)
    equal("X-System-Warning of an error", refused.header("X-System-Warning"), warning)


@requirement(
    "KSEF-HEAD-014",
    "Elsewhere than on TEST X-Test-System-Warning is not echoed.",
    source="OpenAPI: SystemWarning; documented for TEST",
    severity="should",
    needs={Capability.SETTINGS},
)
def warning_is_not_echoed_on_production(ctx: Probe) -> None:
    production = ctx.beside(profile="prod")
    reply = production.post("/auth/challenge", headers={"X-Test-System-Warning": "[W001]: maintenance"})
    equal("X-System-Warning", reply.answers(200).headers.get("X-System-Warning"), None)


@requirement(
    "KSEF-HEAD-015",
    "A header name is understood in any case: x-error-format works as X-Error-Format does.",
    source="RFC 9110, 5.1",
)
def header_names_have_no_case(ctx: Probe) -> None:
    reply = ctx.post("/auth/ksef-token", json={}, headers={"x-error-format": "problem-details"})
    equal("content type", reply.content_type, "application/problem+json")


@requirement(
    "KSEF-HEAD-016",
    "The scheme Bearer is understood in any case.",
    source="RFC 9110, 11.1",
    severity="should",
)
def scheme_has_no_case(ctx: Probe) -> None:
    authorization = {"Authorization": f"bearer {ctx.session.access_token}"}
    ctx.get("/limits/context", headers=authorization).answers(200)


@requirement(
    "KSEF-HEAD-017",
    "Test data exists on TEST alone: elsewhere /testdata is 404.",
    source="OpenAPI: Dane testowe; documented",
    needs={Capability.SETTINGS},
)
def test_data_is_on_test_alone(ctx: Probe) -> None:
    production = ctx.beside(profile="prod")
    reply = production.post("/testdata/person/remove", json={"nip": "5265877635"})
    equal("status", reply.status, 404)


@requirement(
    "KSEF-HEAD-018",
    "An unknown version is 404.",
    source="documented: /v2",
    severity="should",
    read_only=True,
)
def unknown_version(ctx: Probe) -> None:
    if ctx.target.prefix == "":
        ctx.skip(f"{ctx.target.name} serves the paths without a version")
    equal("status", ctx.get(_KEYS, prefix="/v3").status, 404)
