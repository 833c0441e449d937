"""What holds for every login, however it is made: its challenge, its delay, its context and policy."""

from __future__ import annotations

import json
from typing import Any

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal
from contract_tests.server.identity import owner_of, person, random_nip, random_pesel, self_signed
from contract_tests.server.probe import Probe
from contract_tests.server.workspace import claims_of

_FIRST, _LAST = "203.0.113.5", "203.0.113.9"


@requirement(
    "KSEF-CHAL-101",
    "A submission that was refused does not use its challenge up.",
    source="seen in public clients: a refused or failed call is repeated with the same challenge",
    needs={Capability.SELF_SIGNED},
)
def refused_submission_spends_nothing(ctx: Probe) -> None:
    nip, challenge = random_nip(), ctx.challenge()
    signer = ctx.signer(owner_of(nip), nip=nip, challenge=challenge)
    document = signer.sign()
    spoiled = document.replace(b"certificateSubject", b"certificateFingerprint")
    ctx.submit_signed(spoiled).refused(9105)
    ctx.submit_signed(document).answers(202, shapes.STARTED)


@requirement(
    "KSEF-STATUS-101",
    "While the outcome of a login is not known its status is 100, and after that 200.",
    source="OpenAPI GET /auth/{referenceNumber}: 100, 200",
    needs={Capability.SETTINGS, Capability.SELF_SIGNED},
)
def status_is_100_first(ctx: Probe) -> None:
    slow = ctx.beside(delay_polls=2)
    nip = random_nip()
    started = slow.started(slow.submit(owner_of(nip), nip=nip))
    codes = [slow.poll(started).answers(200).at("status", "code") for _ in range(3)]
    equal("status codes", codes, [100, 100, 200])


@requirement(
    "KSEF-JWT-101",
    "The access token of an owner says so: the context's type and value, and the permission Owner.",
    source="seen on TEST: cit, civ, per",
    needs={Capability.SELF_SIGNED},
)
def access_token_of_an_owner(ctx: Probe) -> None:
    nip = random_nip()
    claims = claims_of(ctx.login_with_certificate(owner_of(nip), nip=nip).access_token)
    equal("cit", claims.get("cit"), "Nip")
    equal("civ", claims.get("civ"), nip)
    equal("per", _inside(claims, "per"), ["Owner"])


@requirement(
    "KSEF-JWT-102",
    "The access token carries the IP policy of its login in iop, the text [] where there is none.",
    source="seen on TEST: iop",
    severity="should",
)
def access_token_shows_its_policy(ctx: Probe) -> None:
    free = claims_of(ctx.login_with_token().access_token)
    equal("iop without a policy", free.get("iop"), "[]")
    policy = {"allowedIps": {"ip4Addresses": ["198.51.100.1"]}}
    bound = claims_of(ctx.login_with_token(authorizationPolicy=policy).access_token)
    equal("198.51.100.1 in iop", "198.51.100.1" in str(bound.get("iop")), True)


@family(
    {"KSEF-TOKEN-101": _FIRST, "KSEF-TOKEN-102": _LAST},
    f"Both ends of the range {_FIRST}-{_LAST} belong to it: {{}} is admitted.",
    source="OpenAPI: AllowedIps.ip4Ranges",
    needs={Capability.SECOND_ADDRESS},
)
def ends_of_a_range_belong_to_it(ctx: Probe, address: str) -> None:
    policy = {"allowedIps": {"ip4Ranges": [f"{_FIRST}-{_LAST}"]}}
    session = ctx.login_with_token(authorizationPolicy=policy)
    ctx.get("/auth/sessions", bearer=session.access_token, address=address).answers(200)
    for outside in ("203.0.113.4", "203.0.113.10"):
        ctx.get("/auth/sessions", bearer=session.access_token, address=outside).problem(
            403, reason="ip-not-allowed"
        )


@requirement(
    "KSEF-TOKEN-103",
    "A KSeF token can do no more than its author: once he has lost his permissions the login ends in 415.",
    source="OpenAPI GET /auth/{referenceNumber}: 415; documented",
    needs={Capability.SELF_SIGNED, Capability.TEST_DATA},
)
def token_can_no_more_than_its_author(ctx: Probe) -> None:
    nip, pesel = random_nip(), random_pesel()
    ctx.grant_test_data(nip, ("Pesel", pesel), "InvoiceRead")
    clerk = ctx.login_with_certificate(self_signed(person(pesel=pesel)), nip=nip)
    text, _ = ctx.new_token(clerk, ("InvoiceRead",))
    ctx.login_with_token(text, nip=nip)
    lost = {
        "contextIdentifier": {"type": "Nip", "value": nip},
        "authorizedIdentifier": {"type": "Pesel", "value": pesel},
    }
    ctx.post("/testdata/permissions/revoke", json=lost).answers(200)
    ctx.ends(ctx.start_token_login(text, nip=nip), 415, "Brak przypisanych uprawnień")


def _inside(claims: dict[str, Any], name: str) -> Any:
    """The value of a claim that is JSON inside of a string."""
    try:
        return json.loads(claims.get(name) or "null")
    except (TypeError, ValueError):
        return claims.get(name)
