"""A court bailiff: the one person whose ownership includes enforcement, and who can pass that on."""

from __future__ import annotations

from ksef_mock.crypto.pki import person
from tests.world import World, claims

NIP, PESEL = "7762811692", "90010112349"
OFFICE, ASSISTANT = ("Nip", NIP), ("Pesel", "92060512186")


def test_a_bailiff_lets_an_assistant_enforce(world: World) -> None:
    signature = world.certificate(person("Jan", "Komornik", pesel=PESEL))
    assistant = world.certificate(person("Ewa", "Bis", pesel=ASSISTANT[1]))

    # A PESEL alone owns nothing: KSeF must know which NIP is the same person's.
    assert world.status(signature, OFFICE) == 415
    world.person(NIP, PESEL, isBailiff=True)
    bailiff = world.log_in(signature, OFFICE)
    assert claims(bailiff)["per"] == ["Owner", "EnforcementOperations"]
    (role,) = world.api.call("GET", "/permissions/query/entities/roles", bearer=bailiff).json()["roles"]
    assert role["role"] == "CourtBailiff"

    # Enforcement can be granted where the context has that role, and in no other.
    assert world.grant_person(bailiff, ASSISTANT, "EnforcementOperations") == 200
    assert claims(world.log_in(assistant, OFFICE))["per"] == ["EnforcementOperations"]
    neighbour = ("Nip", "5265877635")
    owner = world.log_in(world.certificate(person("Adam", "Abacki", nip=neighbour[1])), neighbour)
    assert world.grant_person(owner, ASSISTANT, "EnforcementOperations") == 430

    # A token can enforce too, if its author can: the neighbour's cannot even be made.
    _, token = world.generate_token(bailiff, "EnforcementOperations")
    assert world.token_status(token, OFFICE) == 200
    refused = world.post(
        "/tokens", owner, {"permissions": ["EnforcementOperations"], "description": "egzekucja"}
    )
    assert refused.json()["exception"]["exceptionDetailList"][0]["exceptionCode"] == 26001
