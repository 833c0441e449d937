"""What the scenarios of sending share: people who are logged in with a certificate, and send."""

from __future__ import annotations

from ksef_mock.crypto.pki import seal
from tests.sending.erp import Erp
from tests.world import World

SELLER, BUYER, THIRD = "5265877635", "7762811692", "1234563218"


def logged_in(world: World, nip: str, context: str | None = None) -> Erp:
    """A firm by its seal, in its own context or in another firm's."""
    certificate = world.certificate(seal(f"Firma {nip}", nip=nip))
    return Erp(world.api, world.log_in(certificate, ("Nip", context or nip)), context or nip)
