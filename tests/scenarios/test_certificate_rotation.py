"""A KSeF certificate lives two years: the next is enrolled with the old one, which is then revoked."""

from __future__ import annotations

from ksef_mock.crypto.pki import person
from tests.support import error
from tests.world import World

OWN = ("Nip", "5265877635")
DAY = 86_400


def test_the_next_certificate_takes_over(world: World) -> None:
    # The first one is asked for with a qualified signature.
    signature = world.mock.pki.qualified(person("Jan", "Kowalski", nip=OWN[1]), key="ec")
    first, first_serial = world.enroll(world.log_in(signature, OWN), name="certyfikat 2026")

    # Two years, less a month: time to renew. The old certificate is signature enough.
    world.mock.clock.advance(700 * DAY)
    by_first = world.log_in(first, OWN)
    second, second_serial = world.enroll(by_first, name="certyfikat 2028")
    assert world.status(first, OWN) == world.status(second, OWN) == 200

    # Both are listed as active; the subject is the same, the serial number is not.
    listed = world.post("/certificates/query", by_first, {}).json()["certificates"]
    assert {item["certificateSerialNumber"]: item["status"] for item in listed} == {
        first_serial: "Active",
        second_serial: "Active",
    }

    # The old one is revoked with the new one's login: from then on 460.
    by_second = world.log_in(second, OWN)
    revoked = world.post(
        f"/certificates/{first_serial}/revoke", by_second, {"revocationReason": "Superseded"}
    )
    assert revoked.status_code == 204
    status = world.api.status(world.submit(first, OWN))
    assert (status["code"], status["details"]) == (460, ["Certyfikat odwołany"])
    assert world.status(second, OWN) == 200
    again = world.post(f"/certificates/{first_serial}/revoke", by_second, {})
    assert error(again)[0] == 25009

    # A login with a KSeF token is not enough to revoke a certificate.
    _, token = world.generate_token(by_second, "CredentialsManage")
    by_token = world.api.login(token, nip=OWN[1]).access_token
    refused = world.post(f"/certificates/{second_serial}/revoke", by_token, {})
    assert (refused.status_code, refused.json()["reasonCode"]) == (403, "auth-method-not-allowed")

    # Forgotten for two years, the second one expires.
    world.mock.clock.advance(731 * DAY)
    status = world.api.status(world.submit(second, OWN))
    assert (status["code"], status["details"]) == (460, ["Nieważny certyfikat"])
