"""Who may ask for a KSeF certificate, and what of it they may see."""

from __future__ import annotations

from ksef_mock.clock import SECOND, Instant
from ksef_mock.core.codes import Reason
from ksef_mock.core.environment import DAY
from ksef_mock.core.errors import Forbidden, Gone
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.methods import METHOD_INFO, AuthenticationMethod
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.certificates.certificates import Enrollment

# -- what belongs to somebody: logins, operations, certificates ---------------------------------------------

#: Whom KSeF certificates are issued for (OpenAPI: CertificateSubjectIdentifierType).
_CERTIFIED = ("Nip", "Pesel", "Fingerprint")
#: How long the status of a request can be asked for (certyfikaty-KSeF.md).
_STATUS_DAYS = 30
_STATUS_LIFETIME = _STATUS_DAYS * DAY * SECOND


def require_own_certificate(actor: Actor, holder: Identifier) -> None:
    """Requests for certificates and their revocation: one's own, whichever of one's identifiers it names.

    Raises:
        Forbidden: insufficient-resource-access.
    """
    if holder not in actor.identities:
        raise Forbidden(
            Reason.INSUFFICIENT_RESOURCE_ACCESS, reason=f"it belongs to {holder}, not to {actor.subject}"
        )


def require_no_token(actor: Actor) -> None:
    """Not after a login with a KSeF token: POST /certificates/{certificateSerialNumber}/revoke (documented),
    POST /certificates/query (reported twice).

    Raises:
        Forbidden: auth-method-not-allowed.
    """
    if actor.token is not None:
        raise Forbidden(
            Reason.AUTH_METHOD_NOT_ALLOWED,
            reason="certificates cannot be listed or revoked after a login with a KSeF token",
            security={"authenticationMethodCategory": METHOD_INFO[AuthenticationMethod.TOKEN].category},
        )


def require_recent(enrollment: Enrollment, now: Instant) -> None:
    """GET /certificates/enrollments/{referenceNumber}: the status can be asked for during 30 days.

    Raises:
        Gone: they are over.
    """
    if now - enrollment.requested_at > _STATUS_LIFETIME:
        raise Gone(reason=f"the request {enrollment.reference} is older than {_STATUS_DAYS} days")


def may_enroll(actor: Actor) -> bool:
    """Whether certificates are issued for such subjects at all, by the means of the login."""
    return actor.token is None and actor.subject.type in _CERTIFIED
