"""A person dies: whatever can be traced to PESEL or NIP opens nothing any more."""

from __future__ import annotations

from ksef_mock.crypto.pki import person, seal
from tests.support import error
from tests.world import World

NIP, PESEL = "7762811692", "90010112349"
OWN, FIRM = ("Nip", NIP), ("Nip", "5265877635")


def test_nothing_opens_for_the_deceased(world: World) -> None:
    by_pesel = world.certificate(person("Jan", "Kowalski", pesel=PESEL))
    by_nip = world.certificate(person("Jan", "Kowalski", nip=NIP))
    firm = world.log_in(world.certificate(seal("Firma sp. z o.o.", nip=FIRM[1])), FIRM)

    # Jan is a sole trader, and works for a firm beside that.
    world.person(NIP, PESEL)
    assert world.grant_person(firm, ("Pesel", PESEL), "InvoiceRead") == 200
    _, token = world.generate_token(world.log_in(by_nip, OWN), "InvoiceRead")
    submitted = world.submit(by_pesel, FIRM)
    session = world.api.login(token, nip=NIP)
    assert world.status(by_pesel, OWN) == world.status(by_pesel, FIRM) == 200

    # The register learns that he is dead. (Test data are made anew, they do not change.)
    world.test_data("person/remove", nip=NIP)
    world.mock.clock.advance(1)
    world.person(NIP, PESEL, isDeceased=True)

    # Either identifier, either context, certificate or token: 470.
    for certificate in (by_pesel, by_nip):
        for context in (OWN, FIRM):
            assert world.status(certificate, context) == 470
    assert world.token_status(token, OWN) == 470

    # What was begun before ends too: tokens are neither handed out nor renewed.
    assert error(world.api.redeem(submitted.json()["authenticationToken"]["token"]))[0] == 21308
    assert error(world.api.refresh(session.refresh_token))[0] == 21308

    # And nobody can grant him anything.
    assert world.grant_person(firm, ("Nip", NIP), "InvoiceRead") == 450
    # The living are not concerned.
    assert (
        world.status(world.certificate(person("Anna", "Nowak", nip="1234563218")), ("Nip", "1234563218"))
        == 200
    )
