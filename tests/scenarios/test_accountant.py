"""An accountant with delegated rights: a client trusts an office, the office sends its employee."""

from __future__ import annotations

from ksef_mock.crypto.pki import person, seal
from tests.support import OTHER_NIP
from tests.world import World, claims, typed

OFFICE, CLIENT, LATER_CLIENT = ("Nip", "7762811692"), ("Nip", "5265877635"), ("Nip", "1234563218")
ANNA, EWA = ("Pesel", "90010112349"), ("Pesel", "92060512186")


def test_an_employee_works_for_the_clients_of_her_office(world: World) -> None:
    client = world.log_in(world.certificate(seal("Klient", nip=CLIENT[1])), CLIENT)
    office = world.log_in(world.certificate(seal("Biuro rachunkowe", nip=OFFICE[1])), OFFICE)
    anna, ewa = (
        world.certificate(person(name, "Nowak", pesel=pesel[1]))
        for name, pesel in (("Anna", ANNA), ("Ewa", EWA))
    )

    # The office may name its people before the client has let it, but what it grants holds nothing yet.
    assert world.grant_indirect(office, ANNA, "InvoiceRead", target=CLIENT) == 200
    assert world.status(anna, CLIENT) == 415

    # The client lets the office read and write invoices; only reading may be passed on.
    assert world.grant_entity(client, OFFICE[1], "InvoiceRead", can_delegate=True) == 200
    assert world.grant_entity(client, OFFICE[1], "InvoiceWrite", can_delegate=False) == 200
    assert sorted(
        (item["permissionScope"], item["canDelegate"]) for item in world.query(office, "entities")
    ) == [("InvoiceRead", True), ("InvoiceWrite", False)]

    # The office sends Anna to this client, and Ewa to every client that it has or will have.
    assert world.grant_indirect(office, ANNA, "InvoiceRead", "InvoiceWrite", target=CLIENT) == 200
    assert world.grant_indirect(office, EWA, "InvoiceRead", target="AllPartners") == 200

    # Both log in to the client's context; what cannot be passed on has not been passed on.
    for certificate in (anna, ewa):
        assert claims(world.log_in(certificate, CLIENT))["per"] == ["InvoiceRead"]
    # The office's own context stays closed to them.
    assert world.status(anna, OFFICE) == 415

    # A new client comes. For Ewa that is enough.
    later = world.log_in(world.certificate(seal("Nowy klient", nip=LATER_CLIENT[1])), LATER_CLIENT)
    assert world.status(ewa, LATER_CLIENT) == 415
    assert world.grant_entity(later, OFFICE[1], "InvoiceRead", can_delegate=True) == 200
    assert world.status(ewa, LATER_CLIENT) == 200
    assert world.status(anna, LATER_CLIENT) == 415
    assert world.status(ewa, ("Nip", OTHER_NIP)) == 415

    # Anna sees her own permission from the client's context, and through whom it came.
    (own,) = world.query(world.log_in(anna, CLIENT), "personal", permissionState="Active")
    assert (own["permissionScope"], own["targetIdentifier"]) == ("InvoiceRead", typed(CLIENT))

    # The client leaves: nobody of the office gets in any more, and the office sees why.
    for item in world.persons(client):
        assert world.revoke(client, item["id"]) == 200
    assert world.status(anna, CLIENT) == world.status(ewa, CLIENT) == 415
    assert world.status(ewa, LATER_CLIENT) == 200
    inactive = world.persons(office, permissionState="Inactive")
    assert {(item["authorizedIdentifier"]["value"], item["permissionScope"]) for item in inactive} == {
        (ANNA[1], "InvoiceRead"),
        (ANNA[1], "InvoiceWrite"),
    }
