"""A Peppol service provider: it lives in a context of its own, firms authorize it to send their invoices."""

from __future__ import annotations

from ksef_mock.crypto.pki import provider, seal
from tests.world import World, claims, typed

PROVIDER, FIRM = ("PeppolId", "PPL123456"), ("Nip", "5265877635")


def test_a_firm_authorizes_a_provider(world: World) -> None:
    # Its certificate is the provider's identity: the common name is its Peppol identifier.
    certificate = world.certificate(provider(PROVIDER[1], "Dostawca sp. z o.o."))
    submitted = world.submit(certificate, PROVIDER)
    by_provider = world.log_in(certificate, PROVIDER)
    assert (claims(by_provider)["cit"], claims(by_provider)["per"]) == ("PeppolId", ["PefInvoiceWrite"])
    assert claims(by_provider)["aum"] == "PeppolSignature"
    operation = world.api.call(
        "GET",
        f"/auth/{submitted.json()['referenceNumber']}",
        bearer=submitted.json()["authenticationToken"]["token"],
    )
    assert operation.json()["authenticationMethodInfo"]["code"] == "xades.peppol-signature"
    # Another provider's context is as closed as a firm's.
    assert world.status(certificate, ("PeppolId", "PPL654321")) == 415
    assert world.status(certificate, FIRM) == 415

    # A firm authorizes it for PEF invoices. Other authorizations are not for providers: 450.
    firm = world.log_in(world.certificate(seal("Firma sp. z o.o.", nip=FIRM[1])), FIRM)
    assert world.grant_authorization(firm, PROVIDER, "SelfInvoicing") == 450
    assert world.grant_authorization(firm, PROVIDER, "PefInvoicing") == 200

    # Both see it, each from its own side; it opens no context.
    (given,) = world.query(firm, "authorizations", queryType="Granted", authorizedIdentifier=typed(PROVIDER))
    (received,) = world.query(by_provider, "authorizations", queryType="Received")
    assert given == received
    assert received["authorizingEntityIdentifier"] == typed(FIRM)
    assert world.status(certificate, FIRM) == 415

    # In its context there is nothing to grant and no token to make.
    refused = world.post("/permissions/persons/grants", by_provider, {})
    assert refused.json()["reasonCode"] == "context-type-not-allowed"
    refused = world.post("/tokens", by_provider, {"permissions": ["InvoiceRead"], "description": "token"})
    assert refused.json()["exception"]["exceptionDetailList"][0]["exceptionCode"] == 26002

    # KSeF certificates are for identifiers of persons and firms.
    limits = world.api.call("GET", "/certificates/limits", bearer=by_provider).json()
    assert limits["canRequest"] is False
    refused = world.api.call("GET", "/certificates/enrollments/data", bearer=by_provider)
    assert refused.json()["exception"]["exceptionDetailList"][0]["exceptionCode"] == 25001

    assert world.revoke(firm, received["id"], kind="authorizations") == 200
    assert world.query(by_provider, "authorizations", queryType="Received") == []
