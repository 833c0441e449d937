"""A firm of another EU country issues invoices in the name of a Polish one: known by fingerprints alone."""

from __future__ import annotations

from ksef_mock.crypto.pki import person, seal
from tests.world import World, claims, typed

FIRM = ("Nip", "5265877635")
COMPOUND = ("NipVatUe", "5265877635-DE123456789")
BY = "certificateFingerprint"


def test_an_eu_entity_by_fingerprint(world: World) -> None:
    firm = world.log_in(world.certificate(seal("Firma sp. z o.o.", nip=FIRM[1])), FIRM)
    # Their certificates say nothing that Polish registers know.
    hans = world.certificate(person("Hans", "Schmidt", pesel="90010112349"))
    greta = world.certificate(person("Greta", "Schmidt", pesel="92060512186"))
    assert world.status(hans, COMPOUND, by=BY) == 415

    # The firm appoints an administrator; the compound context (NIP and VAT number) comes into being.
    assert world.grant_eu_administration(firm, hans.fingerprint, COMPOUND[1]) == 200
    administrator = world.log_in(hans, COMPOUND, by=BY)
    assert set(claims(administrator)["per"]) == {
        "VatUeManage",
        "InvoiceWrite",
        "InvoiceRead",
        "Introspection",
    }
    # He is nobody in the firm's own context.
    assert world.status(hans, FIRM, by=BY) == 415

    # By the subject of his certificate he is somebody else, who has no permission there.
    assert world.status(hans, COMPOUND) == 415

    # The administrator lets a representative work with invoices, and no more.
    assert world.grant_eu(administrator, greta.fingerprint, "InvoiceWrite", "InvoiceRead") == 200
    representative = world.log_in(greta, COMPOUND, by=BY)
    assert sorted(claims(representative)["per"]) == ["InvoiceRead", "InvoiceWrite"]
    refused = world.post("/permissions/eu-entities/grants", representative, {})
    assert (refused.status_code, refused.json()["reasonCode"]) == (403, "missing-permissions")
    # Such contexts have no KSeF tokens.
    refused = world.post("/tokens", representative, {"permissions": ["InvoiceRead"], "description": "token"})
    assert refused.json()["exception"]["exceptionDetailList"][0]["exceptionCode"] == 26002

    # The firm sees its administrators, the administrator everybody.
    assert {item["authorizedFingerprintIdentifier"] for item in world.query(firm, "eu-entities")} == {
        hans.fingerprint
    }
    seen = world.query(administrator, "eu-entities", permissionTypes=["InvoiceRead"])
    assert {item["authorizedFingerprintIdentifier"] for item in seen} == {hans.fingerprint, greta.fingerprint}
    assert {item["vatUeIdentifier"] for item in seen} == {"DE123456789"}

    # A renewed certificate has another fingerprint: it needs a grant of its own.
    renewed = world.certificate(person("Greta", "Schmidt", pesel="92060512186"))
    assert world.status(renewed, COMPOUND, by=BY) == 415

    # The administrator takes the representative's rights back, then the firm his.
    for item in seen:
        if item["authorizedFingerprintIdentifier"] == greta.fingerprint:
            assert item["authorIdentifier"] == typed(("Fingerprint", hans.fingerprint))
            assert world.revoke(administrator, item["id"]) == 200
    assert claims(world.log_in(greta, COMPOUND, by=BY))["per"] == ["InvoiceWrite"]
    for item in world.query(firm, "eu-entities"):
        assert world.revoke(firm, item["id"]) == 200
    assert world.status(hans, COMPOUND, by=BY) == 415
