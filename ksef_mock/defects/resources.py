"""Defects of KSeF tokens, KSeF certificates and permissions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.permissions import Permission
from ksef_mock.crypto.certificate import Certificate, load_der_csr
from ksef_mock.crypto.pki import Purpose
from ksef_mock.defects.catalogue import defect
from ksef_mock.defects.mock import Answer, Ask, Mock
from ksef_mock.ksef.access.principal import Kind, Principal
from ksef_mock.ksef.tokens.tokens import KsefToken, TokenStatus

_TOKENS = "/tokens"
_TOKEN = "/tokens/[^/]+"
_ENROLL = "/certificates/enrollments"
_REVOKE = "/certificates/[^/]+/revoke"


# -- KSeF tokens ------------------------------------------------------------------------------------------


@defect("A KSeF token is shown once, when it is made.")
def token_text_is_shown_again(mock: Mock) -> None:
    """GET /tokens/{referenceNumber} shows the KSeF token itself."""
    texts: dict[str, str] = {}

    def remember(body: Any) -> None:
        texts[body["referenceNumber"]] = body["token"]

    def show(body: Any) -> None:
        body["token"] = texts.get(body["referenceNumber"], "")

    mock.edit_json(remember, method="POST", path=_TOKENS, status=202)
    mock.edit_json(show, method="GET", path=_TOKEN, status=200)


@defect("A KSeF token that is made is answered with 202.")
def new_token_is_answered_with_201(mock: Mock) -> None:
    """POST /tokens is answered with 201."""

    def change(answer: Answer) -> None:
        answer.status = 201

    mock.edit_answer(change, method="POST", path=_TOKENS, status=202)


@defect("A KSeF token begins with its reference number and context.")
def token_text_is_opaque(mock: Mock) -> None:
    """The text of a new KSeF token is 64 hex digits alone."""
    texts: dict[str, str] = {}

    def shorten(body: Any) -> None:
        short = body["token"].rpartition("|")[2]
        texts[short] = body["token"]
        body["token"] = short

    def make(original: Any) -> Any:
        async def find(text: str) -> Any:
            return await original(texts.get(text, text))

        return find

    mock.edit_json(shorten, method="POST", path=_TOKENS, status=202)
    mock.replace(mock.system.tokens, "find", make)


@defect("status filters GET /tokens.")
def token_status_filter_is_ignored(mock: Mock) -> None:
    """GET /tokens ignores the filter by status."""
    _ignore_parameter(mock, "status", _TOKENS)


@defect("description filters GET /tokens.")
def token_description_filter_is_ignored(mock: Mock) -> None:
    """GET /tokens ignores the filter by description."""
    _ignore_parameter(mock, "description", _TOKENS)


@defect("authorIdentifier filters GET /tokens.")
def token_author_filter_is_ignored(mock: Mock) -> None:
    """GET /tokens ignores the filter by author."""
    _ignore_parameter(mock, "authorIdentifier", _TOKENS)


@defect("A list of KSeF tokens that goes on has a continuationToken.")
def tokens_have_no_second_page(mock: Mock) -> None:
    """The list of KSeF tokens ends with its first page."""
    mock.edit_json(lambda body: body.pop("continuationToken", None), method="GET", path=_TOKENS, status=200)


@defect("A page has at most pageSize entries.")
def page_size_of_tokens_is_ignored(mock: Mock) -> None:
    """GET /tokens answers with up to 100 entries, whatever pageSize says."""

    def change(ask: Ask) -> None:
        ask.query = re.sub(r"pageSize=[0-9]+", "pageSize=100", ask.query) or "pageSize=100"

    mock.edit_request(change, method="GET", path=_TOKENS)


@defect("A revoked KSeF token has the status Revoked.")
def revoked_token_looks_active(mock: Mock) -> None:
    """A revoked KSeF token is shown as active."""

    def change(body: Any) -> None:
        for token in body.get("tokens", [body]):
            if token["status"] in ("Revoking", "Revoked"):
                token["status"] = "Active"

    mock.edit_json(change, method="GET", path=f"{_TOKENS}.*", status=200)


@defect("A new KSeF token shows the permissions that were asked for.")
def token_shows_no_permissions(mock: Mock) -> None:
    """requestedPermissions is empty."""

    def change(body: Any) -> None:
        for token in body.get("tokens", [body]):
            token["requestedPermissions"] = []

    mock.edit_json(change, method="GET", path=f"{_TOKENS}.*", status=200)


@defect("lastUseDate tells when the KSeF token was last used.")
def last_use_of_a_token_is_not_noted(mock: Mock) -> None:
    """A KSeF token that was used has no lastUseDate."""

    async def last_uses(tokens: Sequence[KsefToken]) -> list[None]:
        return [None] * len(tokens)

    mock.replace(mock.system.tokens, "last_uses", lambda _: last_uses)


@defect("authorIdentifier is whoever made the KSeF token.")
def token_has_other_author(mock: Mock) -> None:
    """The author of every KSeF token is the owner of its context."""

    def make(original: Any) -> Any:
        async def issue(context: Any, permissions: Any, **options: Any) -> Any:
            return await original(context, permissions, **(options | {"author": None}))

        return issue

    mock.replace(mock.system.tokens, "issue", make)


@defect("Nobody gives a KSeF token permissions that he does not have himself: 26001.")
def token_gets_any_permission(mock: Mock) -> None:
    """A KSeF token may be given permissions that its author does not have."""
    _elevate(mock, "POST", _TOKENS)


@defect("A permission that a KSeF token may not have is refused with 26001.")
def missing_token_permission_has_other_code(mock: Mock) -> None:
    """A permission that the author lacks is refused with 21405."""
    mock.recode(26001, 21405)


@defect("Without CredentialsRead or CredentialsManage only the own KSeF tokens are listed.")
def tokens_of_others_are_listed(mock: Mock) -> None:
    """Whoever has any permission sees all KSeF tokens of the context."""
    _elevate(mock, "GET", f"{_TOKENS}.*")


@defect("Without CredentialsManage only the own KSeF tokens can be revoked.")
def tokens_of_others_can_be_revoked(mock: Mock) -> None:
    """Whoever has any permission can revoke all KSeF tokens of the context."""
    _elevate(mock, "DELETE", _TOKEN)


@defect("DELETE /tokens/{referenceNumber} revokes the KSeF token.")
def revoking_a_token_has_no_effect(mock: Mock) -> None:
    """DELETE /tokens/{referenceNumber} is answered and revokes nothing."""
    mock.swallow("DELETE", _TOKEN, status=204)


@defect("A KSeF token that is not active cannot be revoked.")
def token_is_revoked_twice(mock: Mock) -> None:
    """A KSeF token that was revoked is revoked again."""

    def make(original: Any) -> Any:
        async def revoke(token: KsefToken) -> Any:
            if token.status in (TokenStatus.REVOKING, TokenStatus.REVOKED):
                return token
            return await original(token)

        return revoke

    mock.replace(mock.system.tokens, "revoke", make)


@defect("The description of a KSeF token has 5 to 256 characters.")
def short_description_is_accepted(mock: Mock) -> None:
    """The description of a KSeF token may be shorter than 5 characters."""

    def change(ask: Ask) -> None:
        body = ask.json()
        if isinstance(body, dict) and isinstance(body.get("description"), str):
            ask.body = msgspec.json.encode(body | {"description": body["description"].ljust(5, ".")})

    mock.edit_request(change, method="POST", path=_TOKENS)


@defect("A permission that KSeF does not know is refused with 21405.")
def unknown_permission_is_left_out(mock: Mock) -> None:
    """Permissions that KSeF does not know are left out of a new KSeF token."""

    def change(ask: Ask) -> None:
        body = ask.json()
        if isinstance(body, dict) and isinstance(body.get("permissions"), list):
            known = [name for name in body["permissions"] if name in list(Permission)]
            ask.body = msgspec.json.encode(body | {"permissions": known})

    mock.edit_request(change, method="POST", path=_TOKENS)


@defect("KSeF tokens are listed newest first.")
def tokens_are_listed_oldest_first(mock: Mock) -> None:
    """KSeF tokens are listed oldest first."""
    mock.edit_json(lambda body: body["tokens"].reverse(), method="GET", path=_TOKENS, status=200)


# -- KSeF certificates ------------------------------------------------------------------------------------


@defect("The subject of a CSR is that of the certificate that was logged in with: 25003.")
def csr_subject_is_not_checked(mock: Mock) -> None:
    """A CSR may have any subject."""
    _check_csr_leniently(mock, Code.CSR_SUBJECT)


@defect("The signature of a CSR is verified: 25004.")
def csr_signature_is_not_checked(mock: Mock) -> None:
    """A CSR may have a wrong signature."""
    _check_csr_leniently(mock, Code.BAD_CSR)


@defect("A certified key is RSA-2048 or P-256: 25010.")
def csr_key_is_not_checked(mock: Mock) -> None:
    """A CSR may have any RSA or EC key."""
    _check_csr_leniently(mock, Code.BAD_KEY)


@defect("A CSR may be signed with SHA-1.")
def csr_with_sha1_is_refused(mock: Mock) -> None:
    """A CSR signed with SHA-1 is refused, as `cryptography` does by itself."""

    def make(original: Any) -> Any:
        def check(csr: bytes, name: Any) -> Any:
            key = original(csr, name)
            if isinstance(load_der_csr(csr).signature_hash_algorithm, hashes.SHA1):
                raise BadRequest(Code.BAD_CSR)
            return key

        return check

    mock.replace(mock.system.certificates, "_check_csr", make)


@defect("RSA-2048 and P-256 keys are certified.")
def csr_with_rsa_key_is_refused(mock: Mock) -> None:
    """A CSR with an RSA key is refused."""

    def make(original: Any) -> Any:
        def check(csr: bytes, name: Any) -> Any:
            key = original(csr, name)
            if isinstance(key, rsa.RSAPublicKey):
                raise BadRequest(Code.BAD_KEY)
            return key

        return check

    mock.replace(mock.system.certificates, "_check_csr", make)


@defect("A CSR whose subject is another's is refused with 25003.")
def csr_subject_has_other_code(mock: Mock) -> None:
    """A CSR whose subject is another's is refused with 25004."""
    mock.recode(25003, 25004)


@defect("A key of a wrong type or length is refused with 25010.")
def csr_key_has_other_code(mock: Mock) -> None:
    """A key of a wrong type or length is refused with 25004."""
    mock.recode(25010, 25004)


@defect("A subject has no more certificates than its limit: 25007.")
def certificate_limit_is_not_enforced(mock: Mock) -> None:
    """A subject may have any number of certificates."""

    def make(original: Any) -> Any:
        async def left(subject: Any) -> tuple[int, int]:
            remaining, limit = await original(subject)
            return max(1, remaining), limit

        return left

    async def objection(_enrollment: Any) -> None:
        return None

    mock.replace(mock.system.certificates, "certificates_left", make)
    mock.replace(mock.system.certificates, "_objection", lambda _: objection)


@defect("A subject makes no more requests for certificates than its limit: 25006.")
def enrollment_limit_is_not_enforced(mock: Mock) -> None:
    """A subject may make any number of requests for certificates."""

    def make(original: Any) -> Any:
        async def left(subject: Any) -> tuple[int, int]:
            remaining, limit = await original(subject)
            return max(1, remaining), limit

        return left

    mock.replace(mock.system.certificates, "enrollments_left", make)


@defect("A revoked KSeF certificate does not log in: 460.")
def revoked_ksef_certificate_logs_in(mock: Mock) -> None:
    """A KSeF certificate that its holder has revoked logs in."""

    class Forgetful:
        async def revocation(self, certificate: Certificate) -> tuple[()]:
            del certificate
            return ()

    mock.replace(mock.system.certificates, "_revocations", lambda _: Forgetful())


@defect("A revoked KSeF certificate has the status Revoked.")
def revoking_a_certificate_has_no_effect(mock: Mock) -> None:
    """The revocation of a certificate is answered and changes nothing."""
    mock.swallow("POST", _REVOKE, status=204)


@defect("A certificate of type Authentication has the key usage digitalSignature.")
def certificates_are_issued_for_the_other_purpose(mock: Mock) -> None:
    """Authentication certificates are issued as Offline ones, and the other way round."""

    def make(original: Any) -> Any:
        def issue(name: Any, key: Any, purpose: Purpose, **options: Any) -> Any:
            (other,) = set(Purpose) - {purpose}
            return original(name, key, other, **options)

        return issue

    mock.replace(mock.system.pki, "ksef_certificate", make)


@defect("After a login with a KSeF token no certificate can be revoked: 403.")
def token_login_revokes_certificates(mock: Mock) -> None:
    """A certificate can be revoked after a login with a KSeF token."""

    def make(original: Any) -> Any:
        def read(token: str, *accepted: Kind) -> Principal:
            principal: Principal = original(token, *accepted)
            if re.fullmatch(_REVOKE, mock.asking()[1]):
                claims = {name: value for name, value in principal.claims.items() if name != "trn"}
                return Principal(principal.kind, principal.operation, claims)
            return principal

        return read

    mock.watch()
    mock.replace(mock.system.jwts, "read", make)


@defect("Certificates of others are not shown.")
def certificates_of_others_are_retrieved(mock: Mock) -> None:
    """POST /certificates/retrieve shows certificates of whoever."""
    system = mock.system
    mine: list[Any] = []

    def make(original: Any) -> Any:
        async def get(serial: str) -> Any:
            found = await original(serial)
            if found is None or mock.asking()[1] != "/certificates/retrieve":
                return found
            return msgspec.structs.replace(found, subject=mine[-1])

        return get

    def reading(original: Any) -> Any:
        def read(token: str, *accepted: Kind) -> Principal:
            principal: Principal = original(token, *accepted)
            if mock.asking()[1] == "/certificates/retrieve":
                mine.append(principal.subject)
            return principal

        return read

    mock.watch()
    mock.replace(system.certificates, "get", make)
    mock.replace(system.jwts, "read", reading)


@defect("hasMore tells whether a list of certificates goes on.")
def certificates_never_have_more(mock: Mock) -> None:
    """hasMore is always false."""

    def change(body: Any) -> None:
        body["hasMore"] = False

    mock.edit_json(change, method="POST", path="/certificates/query", status=200)


@defect("The filters of POST /certificates/query count.")
def certificate_filters_are_ignored(mock: Mock) -> None:
    """POST /certificates/query ignores its filters."""

    def change(ask: Ask) -> None:
        ask.body = b"{}"

    mock.edit_request(change, method="POST", path="/certificates/query")


@defect("The data for a CSR are the subject of the certificate that was logged in with.")
def enrollment_data_lack_the_identifier(mock: Mock) -> None:
    """GET /certificates/enrollments/data has no identifier of the subject."""

    def change(body: Any) -> None:
        body.pop("serialNumber", None)
        body.pop("organizationIdentifier", None)

    mock.edit_json(change, method="GET", path=f"{_ENROLL}/data", status=200)


@defect("A certificate that was issued is told with its serial number.")
def enrollment_status_lacks_serial_number(mock: Mock) -> None:
    """The status of a request has no certificateSerialNumber."""
    mock.edit_json(
        lambda body: body.pop("certificateSerialNumber", None),
        method="GET",
        path=f"{_ENROLL}/[0-9]{{8}}-.*",
        status=200,
    )


@defect("GET /certificates/limits counts down.")
def certificate_limits_do_not_count_down(mock: Mock) -> None:
    """GET /certificates/limits shows the limits as what remains."""

    def change(body: Any) -> None:
        for limit in (body["enrollment"], body["certificate"]):
            limit["remaining"] = limit["limit"]

    mock.edit_json(change, method="GET", path="/certificates/limits", status=200)


@defect("A request for a certificate is answered with 202.")
def enrollment_is_answered_with_200(mock: Mock) -> None:
    """A request for a certificate is answered with 200."""

    def change(answer: Answer) -> None:
        answer.status = 200

    mock.edit_answer(change, method="POST", path=_ENROLL, status=202)


@defect("A KSeF certificate logs in as InternalCertificate.")
def ksef_certificate_counts_as_qualified(mock: Mock) -> None:
    """A login with a KSeF certificate is shown as one with a qualified signature."""

    def change(body: Any) -> None:
        if body["authenticationMethod"] == "InternalCertificate":
            body["authenticationMethod"] = "QualifiedSignature"

    mock.edit_json(change, method="GET", path=r"/auth/[0-9]{8}-[^/]*", status=200)


# -- permissions ------------------------------------------------------------------------------------------


@defect("Each operation asks for its permission.")
def permissions_are_not_asked_for(mock: Mock) -> None:
    """No operation under /permissions asks for a permission."""
    _elevate(mock, None, "/permissions/.*")


@defect("A permission that was granted by POST /permissions/persons/grants holds.")
def granting_has_no_effect(mock: Mock) -> None:
    """POST /permissions/persons/grants is answered and grants nothing."""
    _has_no_effect(mock, lambda change: bool(change.grants))


@defect("A permission that was revoked by DELETE /permissions/common/grants holds no longer.")
def revoking_a_permission_has_no_effect(mock: Mock) -> None:
    """DELETE /permissions/common/grants/{permissionId} is answered and revokes nothing."""
    _has_no_effect(mock, lambda change: change.revokes is not None)


@defect("403 missing-permissions names those that are required.")
def missing_permissions_are_not_named(mock: Mock) -> None:
    """403 missing-permissions has no security."""
    mock.edit_json(lambda body: body.pop("security", None), status=403)


@defect("An organisation that is known is refused with 30001.")
def known_subject_is_made_again(mock: Mock) -> None:
    """POST /testdata/subject for a known NIP succeeds."""

    def change(answer: Answer) -> None:
        answer.status, answer.body = 200, b""
        answer.set_header("content-type", None)

    mock.edit_answer(change, method="POST", path="/testdata/(?:subject|person)", status=400)


# -- tools ------------------------------------------------------------------------------------------------


def _ignore_parameter(mock: Mock, name: str, path: str) -> None:
    def change(ask: Ask) -> None:
        kept = [part for part in ask.query.split("&") if not part.startswith(f"{name}=")]
        ask.query = "&".join(kept)

    mock.edit_request(change, method="GET", path=path)


def _elevate(mock: Mock, method: str | None, path: str) -> None:
    """Let whoever calls an operation have all permissions there."""
    everything = msgspec.json.encode(["Owner", *Permission]).decode()

    def make(original: Any) -> Any:
        def read(token: str, *accepted: Kind) -> Principal:
            principal: Principal = original(token, *accepted)
            asked, where = mock.asking()
            if method in (None, asked) and re.fullmatch(path, where) and principal.kind is Kind.ACCESS:
                return Principal(principal.kind, principal.operation, principal.claims | {"per": everything})
            return principal

        return read

    mock.watch()
    mock.replace(mock.system.jwts, "read", make)


def _check_csr_leniently(mock: Mock, code: Code) -> None:
    """Take CSRs that would be refused with this code."""

    def make(original: Any) -> Any:
        def check(csr: bytes, name: Any) -> Any:
            try:
                return original(csr, name)
            except BadRequest as refusal:
                if refusal.code is not code:
                    raise
                try:
                    key = load_der_csr(csr).public_key()
                except ValueError:
                    raise refusal from None
                if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
                    raise
                return key

        return check

    mock.replace(mock.system.certificates, "_check_csr", make)


def _has_no_effect(mock: Mock, is_meant: Callable[[Any], bool]) -> None:
    """Judge operations under /permissions as ever, and do nothing of what some of them ask for."""

    def make(original: Any) -> Any:
        async def judged(change: Any) -> tuple[Any, list[Any]]:
            done, effects = await original(change)
            return done, [] if is_meant(change) else effects

        return judged

    mock.replace(mock.system.permissions, "_judged", make)
