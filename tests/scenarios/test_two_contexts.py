"""One certificate, two contexts: the context of a login decides what its bearer is."""

from __future__ import annotations

from ksef_mock.crypto.pki import person, seal
from tests.world import World, claims, typed

NIP, PESEL = "7762811692", "90010112349"
OWN, FIRM = ("Nip", NIP), ("Nip", "5265877635")


def test_two_contexts_with_one_certificate(world: World) -> None:
    # Jan is a sole trader: NIP and PESEL are his. At a firm he may read invoices.
    world.person(NIP, PESEL)
    certificate = world.certificate(person("Jan", "Kowalski", pesel=PESEL))
    firm = world.log_in(world.certificate(seal("Firma sp. z o.o.", nip=FIRM[1])), FIRM)
    assert world.grant_person(firm, ("Pesel", PESEL), "InvoiceRead") == 200

    at_home, at_work = world.log_in(certificate, OWN), world.log_in(certificate, FIRM)
    assert (claims(at_home)["civ"], claims(at_home)["per"]) == (NIP, ["Owner"])
    assert (claims(at_work)["civ"], claims(at_work)["per"]) == (FIRM[1], ["InvoiceRead"])

    # At home he manages permissions, at work he does not.
    assert world.grant_person(at_home, ("Pesel", "92060512186"), "InvoiceRead") == 200
    refused = world.post("/permissions/persons/grants", at_work, {})
    assert refused.status_code == 403
    assert refused.json()["security"] == {
        "requiredAnyOfPermissions": ["CredentialsManage"],
        "presentPermissions": ["InvoiceRead"],
    }

    # Each context has its own sessions, tokens and lists.
    _, token = world.generate_token(at_home, "InvoiceRead")
    assert (world.token_status(token, OWN), world.token_status(token, FIRM)) == (200, 450)
    assert world.api.call("GET", "/tokens", bearer=at_work).json()["tokens"] == []
    sessions = world.api.call("GET", "/auth/sessions", bearer=at_work).json()["items"]
    assert [session["isCurrent"] for session in sessions] == [True]

    # His own permissions, seen from each: the owner's rights are no grant, the firm's are.
    assert world.query(at_home, "personal") == []
    (held,) = world.query(at_work, "personal")
    assert (held["permissionScope"], held["permissionState"]) == ("InvoiceRead", "Active")

    # The firm's lists show who works there, by the identifier that was let in.
    (listed,) = world.persons(firm, authorizedIdentifier=typed(("Pesel", PESEL)))
    assert listed["id"] == held["id"]
