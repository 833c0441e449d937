"""The ministry suspects an incident and blocks a context: nobody gets in, nobody stays for long."""

from __future__ import annotations

from ksef_mock.crypto.pki import person, seal
from tests.support import error
from tests.world import World, typed

FIRM, OTHER = ("Nip", "5265877635"), ("Nip", "7762811692")
ACCOUNTANT = ("Pesel", "90010112349")


def test_a_blocked_context(world: World) -> None:
    owner = world.certificate(seal("Firma sp. z o.o.", nip=FIRM[1]))
    accountant = world.certificate(person("Anna", "Nowak", pesel=ACCOUNTANT[1]))
    firm = world.log_in(owner, FIRM)
    other = world.log_in(world.certificate(seal("Inna", nip=OTHER[1])), OTHER)
    for bearer in (firm, other):
        assert world.grant_person(bearer, ACCOUNTANT, "InvoiceRead") == 200
    _, token = world.generate_token(firm, "InvoiceRead")
    session = world.api.login(token, nip=FIRM[1])
    submitted = world.submit(accountant, FIRM)

    world.test_data("context/block", contextIdentifier=typed(FIRM))

    # Whoever it is, by whatever means: 480, with the advice to contact the ministry.
    status = world.api.status(world.submit(owner, FIRM))
    assert (status["code"], status["description"]) == (480, "Uwierzytelnienie zablokowane")
    assert status["details"][0].startswith("Podejrzenie incydentu bezpieczeństwa.")
    assert world.status(accountant, FIRM) == world.token_status(token, FIRM) == 480

    # Sessions are not renewed: an access token ends within 15 minutes, and then it is over.
    refused = world.api.refresh(session.refresh_token)
    code, _, (detail,) = error(refused)
    assert code == 21301
    assert "(480)" in detail
    refused = world.api.redeem(submitted.json()["authenticationToken"]["token"])
    assert error(refused)[0] == 21301

    # It is the context that is blocked, not the people.
    assert world.status(accountant, OTHER) == 200

    world.test_data("context/unblock", contextIdentifier=typed(FIRM))
    assert world.status(owner, FIRM) == world.status(accountant, FIRM) == 200
    assert world.api.refresh(session.refresh_token).status_code == 200
