"""A KSeF token can do what its author can, no more and no longer."""

from __future__ import annotations

from ksef_mock.crypto.pki import person, seal
from tests.support import error
from tests.world import World, claims

FIRM, CLERK = ("Nip", "5265877635"), ("Pesel", "90010112349")


def test_a_token_falls_with_its_author(world: World) -> None:
    firm = world.log_in(world.certificate(seal("Firma sp. z o.o.", nip=FIRM[1])), FIRM)
    assert world.grant_person(firm, CLERK, "InvoiceRead", "InvoiceWrite") == 200
    certificate = world.certificate(person("Anna", "Nowak", pesel=CLERK[1]))
    clerk = world.log_in(certificate, FIRM)

    # Nobody gives a token what he does not have: 26001 names what is missing.
    wrong = {"permissions": ["InvoiceRead", "CredentialsManage"], "description": "za dużo"}
    assert error(world.post("/tokens", clerk, wrong))[0::2] == (
        26001,
        ["Brakujące uprawnienia: CredentialsManage."],
    )
    _, token = world.generate_token(clerk, "InvoiceRead", "InvoiceWrite")
    session = world.api.login(token, nip=FIRM[1])
    assert claims(session.access_token)["per"] == ["InvoiceRead", "InvoiceWrite"]

    # The author loses one permission, and so does the token: at the next login, and at the next refresh.
    held = {item["permissionScope"]: item["id"] for item in world.persons(firm)}
    assert world.revoke(firm, held["InvoiceWrite"]) == 200
    assert claims(world.api.login(token, nip=FIRM[1]).access_token)["per"] == ["InvoiceRead"]
    refreshed = world.api.refresh(session.refresh_token).json()["accessToken"]["token"]
    assert claims(refreshed)["per"] == ["InvoiceRead"]

    # The author loses the last one: the token is still active, but it opens nothing.
    assert world.revoke(firm, held["InvoiceRead"]) == 200
    assert world.token_status(token, FIRM) == 415
    assert error(world.api.refresh(session.refresh_token))[0] == 21301
    (listed,) = world.api.call("GET", "/tokens", bearer=firm).json()["tokens"]
    assert (listed["status"], listed["authorIdentifier"]["value"]) == ("Active", CLERK[1])

    # Granted again, it works again, until the firm revokes the token itself.
    assert world.grant_person(firm, CLERK, "InvoiceRead") == 200
    assert world.token_status(token, FIRM) == 200
    revoked = world.api.call("DELETE", f"/tokens/{listed['referenceNumber']}", bearer=firm)
    assert revoked.status_code == 204
    assert world.token_status(token, FIRM) == 450
