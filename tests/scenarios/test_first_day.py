"""A firm's first day with KSeF: certificate, token, accountant, KSeF certificate, another NIP, and an end."""

from __future__ import annotations

from ksef_mock.crypto.pki import person, seal
from tests.world import World, claims

FIRM, PARTNER = ("Nip", "5265877635"), ("Nip", "1234563218")
ACCOUNTANT = ("Pesel", "90010112349")


def test_the_first_day(world: World) -> None:
    # The firm logs in with its qualified seal. Whoever proves to be NIP X owns the context of NIP X.
    firm = world.log_in(world.mock.pki.qualified(seal("Firma sp. z o.o.", nip=FIRM[1]), key="ec"), FIRM)
    assert claims(firm)["per"] == ["Owner"]

    # It makes a KSeF token for its invoicing software. The text is shown this once.
    reference, token = world.generate_token(firm, "InvoiceRead", "InvoiceWrite")
    software = world.api.login(token, nip=FIRM[1]).access_token
    assert claims(software)["per"] == ["InvoiceRead", "InvoiceWrite"]
    assert world.api.call("GET", f"/tokens/{reference}", bearer=firm).json()["status"] == "Active"

    # Its accountant is a stranger to KSeF until the firm lets her in.
    signature = world.mock.pki.qualified(person("Anna", "Nowak", pesel=ACCOUNTANT[1]), key="ec")
    assert world.status(signature, FIRM) == 415
    assert world.grant_person(firm, ACCOUNTANT, "InvoiceRead", "CredentialsRead") == 200
    anna = world.log_in(signature, FIRM)
    assert claims(anna)["per"] == ["InvoiceRead", "CredentialsRead"]

    # She gets herself a KSeF certificate, so that no signature is needed for each login.
    certificate, _ = world.enroll(anna)
    assert world.status(certificate, FIRM) == 200

    # A KSeF certificate is bound to a person, not to a context: another NIP that trusts her takes it too.
    assert world.status(certificate, PARTNER) == 415
    partner = world.log_in(world.certificate(seal("Partner S.A.", nip=PARTNER[1])), PARTNER)
    assert world.grant_person(partner, ACCOUNTANT, "InvoiceRead") == 200
    at_partners = world.log_in(certificate, PARTNER)
    assert (claims(at_partners)["civ"], claims(at_partners)["per"]) == (PARTNER[1], ["InvoiceRead"])

    # The firm takes back one permission, then the other. The partner is not concerned.
    held = {item["permissionScope"]: item["id"] for item in world.persons(firm)}
    assert world.revoke(firm, held["CredentialsRead"]) == 200
    assert claims(world.log_in(certificate, FIRM))["per"] == ["InvoiceRead"]
    assert world.revoke(firm, held["InvoiceRead"]) == 200
    assert world.status(certificate, FIRM) == 415
    assert world.status(certificate, PARTNER) == 200
