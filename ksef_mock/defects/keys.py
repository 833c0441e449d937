"""Defects of the published keys, their rotation, and publicKeyId."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest, Unauthorized
from ksef_mock.defects.catalogue import defect
from ksef_mock.defects.mock import Mock
from ksef_mock.ksef.keys.keys import PublishedKey, Usage

_PATH = "/security/public-key-certificates"
_UNKNOWN = 21470


@defect("The keys are published to everybody.")
def keys_need_a_login(mock: Mock) -> None:
    """GET /security/public-key-certificates asks for an access token."""
    mock.refuse(
        lambda ask: None if ask.header("authorization") else Unauthorized(reason="defect"), path=_PATH
    )


@defect("certificateId is the base64 SHA-256 of the certificate.")
def certificate_id_is_that_of_the_key(mock: Mock) -> None:
    """certificateId is the digest of the public key."""

    def change(body: Any) -> None:
        for entry in body:
            entry["certificateId"] = entry["publicKeyId"]

    mock.edit_json(change, path=_PATH, status=200)


@defect("publicKeyId is the base64 SHA-256 of the SubjectPublicKeyInfo.")
def public_key_id_is_that_of_the_certificate(mock: Mock) -> None:
    """publicKeyId is the digest of the certificate, and a login with it is taken."""

    def change(body: Any) -> None:
        for entry in body:
            entry["publicKeyId"] = entry["certificateId"]

    def make(original: Any) -> Any:
        def select(published: tuple[PublishedKey, ...], key_id: str | None, exchange: Any) -> Any:
            known = {key.certificate_id: key.public_key_id for key in published}
            return original(published, None if key_id is None else known.get(key_id, key_id), exchange)

        return select

    mock.edit_json(change, path=_PATH, status=200)
    mock.replace(mock.system.token_login, "_select", make)


@defect("Keys of both usages are published.")
def symmetric_keys_are_missing(mock: Mock) -> None:
    """No key has the usage SymmetricKeyEncryption."""

    def change(body: Any) -> None:
        body[:] = [entry for entry in body if Usage.SYMMETRIC_KEY.value not in entry["usage"]]

    mock.edit_json(change, path=_PATH, status=200)


@defect("usage is a list of usages.")
def usage_is_a_text(mock: Mock) -> None:
    """usage is a text and not a list."""

    def change(body: Any) -> None:
        for entry in body:
            (entry["usage"],) = entry["usage"]

    mock.edit_json(change, path=_PATH, status=200)


@defect("validFrom and validTo are those of the certificate.")
def key_validity_differs_from_certificate(mock: Mock) -> None:
    """validTo of a published key lies a day after the end of its certificate."""

    def change(body: Any) -> None:
        for entry in body:
            end = datetime.fromisoformat(entry["validTo"]) + timedelta(days=1)
            entry["validTo"] = f"{end:%Y-%m-%dT%H:%M:%S}+00:00"

    mock.edit_json(change, path=_PATH, status=200)


@defect("The certificate of a published key is base64 of its DER form.")
def certificate_is_pem(mock: Mock) -> None:
    """The certificate of a published key is a PEM text."""

    def change(body: Any) -> None:
        for entry in body:
            entry["certificate"] = (
                f"-----BEGIN CERTIFICATE-----\n{entry['certificate']}\n-----END CERTIFICATE-----\n"
            )

    mock.edit_json(change, path=_PATH, status=200)


@defect("A withdrawn key is refused with 21470.")
def withdrawn_key_is_accepted(mock: Mock) -> None:
    """A login with a key that was withdrawn goes on to succeed."""
    keys = mock.system.keys

    def make(original: Any) -> Any:
        def select(published: Any, key_id: str | None, exchange: Any) -> Any:
            try:
                return original(published, key_id, exchange)
            except BadRequest:
                former = [key for key in keys._known.values() if key.public_key_id == key_id]
                if not any(key.usage is Usage.TOKEN for key in former):
                    raise
                return former

        return select

    mock.replace(mock.system.token_login, "_select", make)


@defect("A withdrawn key is no longer published.")
def withdrawn_key_stays_published(mock: Mock) -> None:
    """Withdrawing a key changes nothing."""
    mock.replace(mock.system.keys, "withdraw", lambda _: lambda _public_key_id: True)


@defect("In an emergency the old key vanishes at once.")
def emergency_rotation_keeps_the_old_key(mock: Mock) -> None:
    """After an emergency rotation the old key is published beside the new one."""

    _rotate_always(mock, emergency=False)


@defect("In a planned rotation old and new key are published side by side.")
def planned_rotation_drops_the_old_key(mock: Mock) -> None:
    """After a planned rotation the old key is gone."""

    _rotate_always(mock, emergency=True)


@defect("Re-certification keeps publicKeyId.")
def recertification_changes_the_key(mock: Mock) -> None:
    """Re-certification makes a new key."""
    rotate = mock.system.keys.rotate
    mock.replace(
        mock.system.keys, "recertify", lambda _: lambda usage=Usage.TOKEN: rotate(usage, emergency=True)
    )


@defect("Re-certification gives a new certificate.")
def recertification_keeps_the_certificate(mock: Mock) -> None:
    """Re-certification publishes the certificate that there was."""

    def recertify(usage: Usage = Usage.TOKEN) -> tuple[PublishedKey, ...]:
        return tuple(key for key in mock.system.keys.current() if key.usage is usage)

    mock.replace(mock.system.keys, "recertify", lambda _: recertify)


@defect("An unknown publicKeyId is refused with 21470.")
def unknown_public_key_id_is_ignored(mock: Mock) -> None:
    """A publicKeyId that nobody has issued is ignored, and every key is tried."""
    mock.replace(
        mock.system.token_login,
        "_select",
        lambda original: lambda published, _key_id, exchange: original(published, None, exchange),
    )


@defect("A key of another usage does not encrypt KSeF tokens: 21470.")
def usage_of_the_key_is_not_checked(mock: Mock) -> None:
    """A KSeF token that is encrypted to the key for symmetric keys logs in."""

    def make(original: Any) -> Any:
        def select(published: tuple[PublishedKey, ...], key_id: str | None, exchange: Any) -> Any:
            named = [key for key in published if key.public_key_id == key_id]
            return named or original(published, key_id, exchange)

        return select

    mock.replace(mock.system.token_login, "_select", make)


@defect("Without publicKeyId the server tries its keys.")
def public_key_id_is_required(mock: Mock) -> None:
    """A login without publicKeyId is refused with 21405."""

    def judge(ask: Any) -> BadRequest | None:
        body = ask.json()
        if isinstance(body, dict) and body.get("publicKeyId") is None:
            return BadRequest(Code.VALIDATION, "'publicKeyId' must not be empty.")
        return None

    mock.refuse(judge, method="POST", path="/auth/ksef-token")


@defect("An unknown or withdrawn key is refused with the exception code 21470.")
def unknown_public_key_has_other_code(mock: Mock) -> None:
    """An unknown publicKeyId is refused with 21405."""
    mock.recode(_UNKNOWN, 21405)


@defect("The detail of 21470 names the key: Klucz o identyfikatorze {keyId} nie jest wspierany.")
def unknown_public_key_has_other_detail(mock: Mock) -> None:
    """The detail of 21470 does not name the key."""
    mock.redetail(_UNKNOWN, "Klucz nie jest wspierany.")


@defect("The description of 21470 is the documented one.")
def unknown_public_key_has_other_description(mock: Mock) -> None:
    """The description of 21470 is in English."""

    def change(error: dict[str, Any]) -> None:
        if error["code"] == _UNKNOWN:
            error["description"] = "Unknown public key."

    mock.edit_errors(change)


def _rotate_always(mock: Mock, *, emergency: bool) -> None:
    fixed = emergency

    def make(original: Any) -> Any:
        def rotate(usage: Usage = Usage.TOKEN, *, emergency: bool = False) -> Any:
            del emergency
            return original(usage, emergency=fixed)

        return rotate

    mock.replace(mock.system.keys, "rotate", make)
