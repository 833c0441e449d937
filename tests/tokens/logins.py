"""Logins with a certificate, for what a KSeF token's login cannot show."""

from __future__ import annotations

from datetime import datetime

from cryptography.x509 import Name

from ksef_mock.clock import to_datetime
from ksef_mock.core.identifiers import Identifier
from ksef_mock.crypto.pki import Credential
from ksef_mock.testing import MockServer
from tests.support import NIP, Api
from tests.xades.signer import Credentials, Signer, request_xml


def access_token(
    mock: MockServer,
    api: Api,
    who: Name | Credential,
    context: Identifier | None = None,
    *,
    subject: str = "certificateSubject",
) -> str:
    """The access token of whoever the certificate names, in the context of NIP unless told otherwise."""
    context = context or Identifier("Nip", NIP)
    credential = who if isinstance(who, Credential) else mock.pki.self_signed(who, key="ec")
    now: datetime = to_datetime(mock.clock.now())
    document = Signer(
        credentials=Credentials(credential.key, credential.certificate),
        request=request_xml(
            challenge=api.challenge()["challenge"],
            context=f"<{context.type}>{context.value}</{context.type}>",
            subject=subject,
        ),
        signing_time=now.isoformat(timespec="seconds"),
    ).sign()
    submitted = api.call(
        "POST", "/auth/xades-signature", content=document, headers={"Content-Type": "application/xml"}
    )
    assert api.status(submitted)["code"] == 200
    redeemed = api.redeem(submitted.json()["authenticationToken"]["token"])
    token: str = redeemed.json()["accessToken"]["token"]
    return token


def grant(api: Api, kind: str, value: str, *permissions: str, nip: str = NIP) -> None:
    """Let somebody do something in the context of a NIP."""
    response = api.call(
        "POST",
        "/testdata/permissions",
        json={
            "contextIdentifier": {"type": "Nip", "value": nip},
            "authorizedIdentifier": {"type": kind, "value": value},
            "permissions": [
                {"permissionType": permission, "description": "for a test"} for permission in permissions
            ],
        },
    )
    assert response.status_code == 200, response.text


def own(mock: MockServer, context: Identifier, authorized: Identifier) -> None:
    """Make somebody the owner of a context that is not his own NIP."""
    mock._call(mock._running.permissions.grant(context, authorized, "Owner", description="for a test"))
