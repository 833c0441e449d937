"""A VAT group: its representative appoints an administrator of a member, who then rules there alone."""

from __future__ import annotations

from ksef_mock.crypto.pki import person, seal
from tests.world import World, claims, typed

GROUP, MEMBER, STRANGER = ("Nip", "5265877635"), ("Nip", "1234563218"), ("Nip", "7762811692")
ADMINISTRATOR, CLERK = ("Pesel", "90010112349"), ("Pesel", "92060512186")


def test_a_group_appoints_the_administrator_of_its_member(world: World) -> None:
    certificate = world.certificate(person("Adam", "Abacki", pesel=ADMINISTRATOR[1]))
    clerk = world.certificate(person("Ewa", "Bis", pesel=CLERK[1]))
    group = world.log_in(world.certificate(seal("Grupa VAT", nip=GROUP[1])), GROUP)

    # Without the role of a group there are no members to administer: 430.
    assert world.grant_subunit(group, ADMINISTRATOR, MEMBER, name=None) == 430

    # Test data make it a group. Both sides see how they belong together.
    world.organisation(GROUP[1], "VatGroup", MEMBER[1])
    (role,) = world.api.call("GET", "/permissions/query/entities/roles", bearer=group).json()["roles"]
    assert role["role"] == "VatGroupUnit"
    below = world.post("/permissions/query/subordinate-entities/roles", group, {}).json()["roles"]
    assert [(unit["role"], unit["subordinateEntityIdentifier"]) for unit in below] == [
        ("VatGroupSubUnit", typed(MEMBER))
    ]

    # The group's own seal does not open the member's context ...
    assert world.status(world.certificate(seal("Grupa VAT", nip=GROUP[1])), MEMBER) == 415
    # ... but the group can appoint an administrator there; of a stranger's context it cannot: 410.
    assert world.grant_subunit(group, ADMINISTRATOR, STRANGER, name=None) == 410
    assert world.grant_subunit(group, ADMINISTRATOR, MEMBER, name=None) == 200
    administrator = world.log_in(certificate, MEMBER)
    assert claims(administrator)["per"] == ["CredentialsManage"]
    assert world.status(certificate, GROUP) == 415

    # He lets a clerk in. The group sees its administrator, not whom he has let in.
    assert world.grant_person(administrator, CLERK, "InvoiceWrite") == 200
    assert world.status(clerk, MEMBER) == 200
    (listed,) = world.query(group, "subunits")
    assert (listed["authorizedIdentifier"], listed["subunitIdentifier"]) == (
        typed(ADMINISTRATOR),
        typed(MEMBER),
    )

    # Recalled, he is out; the clerk, who was let in by right, stays.
    assert world.revoke(group, listed["id"]) == 200
    assert world.status(certificate, MEMBER) == 415
    assert world.status(clerk, MEMBER) == 200


def test_a_firm_has_units_of_its_own_making(world: World) -> None:
    """An internal identifier is the firm's NIP with five digits, the last of them a checksum."""
    firm, unit = GROUP, ("InternalId", f"{GROUP[1]}-12346")
    certificate = world.certificate(person("Adam", "Abacki", pesel=ADMINISTRATOR[1]))
    owner = world.log_in(world.certificate(seal("Firma", nip=firm[1])), firm)

    # The unit comes into being along with its administrator.
    assert world.status(certificate, unit) == 415
    assert world.grant_subunit(owner, ADMINISTRATOR, unit, name="Oddział w Krakowie") == 200
    administrator = world.log_in(certificate, unit)

    # Persons and tokens of the unit are confined to it.
    assert world.grant_person(administrator, CLERK, "InvoiceRead") == 200
    clerk = world.certificate(person("Ewa", "Bis", pesel=CLERK[1]))
    assert (world.status(clerk, unit), world.status(clerk, firm)) == (200, 415)
    _, token = world.generate_token(world.log_in(clerk, unit), "InvoiceRead")
    assert f"|internalId-{unit[1]}|" in token
    assert (world.token_status(token, unit), world.token_status(token, firm)) == (200, 450)

    # Some operations are for firms only.
    refused = world.post("/permissions/subunits/grants", administrator, {})
    assert (refused.status_code, refused.json()["reasonCode"]) == (403, "context-type-not-allowed")
    assert refused.json()["security"] == {"contextIdentifierType": "InternalId"}
