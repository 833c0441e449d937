"""A running ksef-mock as a target: its controls under /_mock, found and used over HTTP."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from contract_tests.server.capabilities import Capability
from contract_tests.server.identity import ORGANIZATION_IDENTIFIER, Credentials, PrivateKey
from contract_tests.server.targets import Issuer, Target, Variant
from ksef_client_min.certificates import Certificate, load_pem_certificates

#: What every mock can be told over HTTP. A second instance with other settings it cannot start.
_CAPABILITIES = frozenset(
    {Capability.MOVABLE_CLOCK, Capability.KEY_ROTATION, Capability.FAULTS, Capability.ISSUER}
)
#: Of a mock that was started with `--control-token`.
_TOKEN = "KSEF_MOCK_CONTROL_TOKEN"
#: An address for documentation, nobody's.
_SOMEBODY = "203.0.113.7"
_PATIENCE = 30.0


def remote_controls(url: str) -> tuple[RemoteControls, frozenset[Capability]] | None:
    """The controls of the mock at this base URL and what it can do; None where none lets itself be told."""
    http = httpx.Client(base_url=url, timeout=_PATIENCE, headers=_credentials())
    try:
        answered = http.get("/_mock/clock")
        body = answered.json() if answered.status_code == 200 else None
    except (httpx.TransportError, ValueError):
        body = None
    if not isinstance(body, dict) or not {"time", "offsetSeconds", "frozen"} <= body.keys():
        http.close()
        return None
    trusted = http.post("/v2/auth/challenge", headers={"X-Forwarded-For": _SOMEBODY})
    believed = trusted.status_code == 200 and trusted.json().get("clientIp") == _SOMEBODY
    capabilities = _CAPABILITIES | ({Capability.SECOND_ADDRESS} if believed else set())
    return RemoteControls(http, body), capabilities


class RemoteControls:
    """Implements `contract_tests.server.targets.Controls` over HTTP.

    `reset` puts the mock back into the state in which it was found: nobody's data are lost by a run.
    """

    def __init__(self, http: httpx.Client, clock: Mapping[str, Any]) -> None:
        self._http = http
        #: How far the mock's time was ahead, unless it stood.
        self._ahead = None if clock["frozen"] else timedelta(seconds=clock["offsetSeconds"])
        self._found = self._send("GET", "snapshot").content

    def close(self) -> None:
        """Nothing more is to be controlled."""
        self._http.close()

    def freeze(self) -> None:
        self._send("POST", "clock/freeze")

    def advance(self, seconds: float) -> None:
        self._send("POST", "clock/advance", {"seconds": seconds})

    def set_clock(self, moment: datetime) -> None:
        self._send("POST", "clock/set", {"time": moment.isoformat()})

    def rotate(self, *, emergency: bool = False) -> None:
        self._send("POST", "keys/rotate", {"emergency": emergency})

    def recertify(self) -> None:
        self._send("POST", "keys/recertify")

    def withdraw(self, public_key_id: str) -> None:
        self._send("POST", "keys/withdraw", {"publicKeyId": public_key_id})

    def fault(
        self,
        path: str,
        *,
        hold_polls: int | None = None,
        outcome: tuple[int, str | None] | None = None,
        rate_limit: int | None = None,
        maintenance: bool = False,
    ) -> None:
        order: dict[str, Any] = {"path": path}
        if hold_polls is not None:
            order["hold"] = {"polls": hold_polls}
        if outcome is not None:
            order["outcome"] = {"status": outcome[0], "detail": outcome[1]}
        if rate_limit is not None:
            order["rateLimit"] = rate_limit
        if maintenance:
            order["name"] = "session-maintenance"
        self._send("POST", "faults", order)

    def issue(
        self,
        issuer: Issuer,
        subject: x509.Name,
        *,
        key: str = "ec",
        validity: tuple[datetime, datetime] | None = None,
    ) -> Credentials:
        assert issuer in get_args(Issuer)
        order: dict[str, Any] = {"kind": issuer.removesuffix("-offline"), "key": key, **_members(subject)}
        if issuer.startswith("ksef"):
            order["purpose"] = "Offline" if issuer == "ksef-offline" else "Authentication"
        if validity is not None:
            order["validFrom"], order["validTo"] = (moment.isoformat() for moment in validity)
        made = self._send("POST", "certificates", order).json()
        return Credentials(
            _private_key(made["privateKeyPem"]),
            load_pem_certificates(made["certificatePem"].encode())[0],
            tuple(load_pem_certificates(made["chainPem"].encode())) if made["chainPem"] else (),
        )

    def revoke(self, certificate: Certificate, *, suspended: bool = False) -> None:
        order = {"certificate": certificate.public_bytes(Encoding.PEM).decode()}
        self._send("POST", f"certificates/{'suspend' if suspended else 'revoke'}", order)

    def reset(self) -> None:
        self._http.put(
            "/_mock/snapshot", content=self._found, headers={"Content-Type": "application/octet-stream"}
        ).raise_for_status()
        # A snapshot goes on from the moment at which it was taken: the mock would be late by a run's length.
        if self._ahead is not None:
            self.set_clock(datetime.now(UTC) + self._ahead)

    def variant(self, settings: Variant) -> Target:
        raise NotImplementedError("a mock that runs elsewhere cannot be started a second time")

    def _send(self, method: str, path: str, order: dict[str, Any] | None = None) -> httpx.Response:
        reply = self._http.request(method, f"/_mock/{path}", json=order)
        if reply.is_error:
            raise RuntimeError(f"{method} /_mock/{path}: {reply.status_code} {reply.text[:300]}")
        return reply


def _credentials() -> dict[str, str]:
    token = os.environ.get(_TOKEN)
    return {"X-Mock-Control-Token": token} if token else {}


def _members(subject: x509.Name) -> dict[str, str]:
    """What POST /_mock/certificates calls the attributes of a subject."""
    found: dict[str, str] = {}
    names = {
        NameOID.GIVEN_NAME: "givenName",
        NameOID.SURNAME: "surname",
        NameOID.ORGANIZATION_NAME: "organization",
    }
    for attribute in subject:
        value = str(attribute.value)
        if attribute.oid in names:
            found[names[attribute.oid]] = value
        elif attribute.oid in (NameOID.SERIAL_NUMBER, ORGANIZATION_IDENTIFIER):
            kind, _, number = value.partition("-")
            found["pesel" if kind == "PNOPL" else "nip"] = number
    return found


def _private_key(pem: str) -> PrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    return key
