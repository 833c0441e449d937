"""Lives a session with PyPI `ksef-client`.

    run_ksef_client.py URL NIP token TOKEN rsa|ec
    run_ksef_client.py URL NIP certificate CERTIFICATE.pem KEY.pem

The last line of its output is a JSON object of what the client made of the answers.
"""
# mypy: ignore-errors

import json
import sys

import httpx
from ksef_client import KsefClient, KsefClientOptions
from ksef_client.exceptions import KsefHttpError
from ksef_client.openapi_models import (
    GenerateTokenRequest,
    PersonPermissionsGrantRequest,
    PersonPermissionsQueryRequest,
    TokenPermissionType,
)
from ksef_client.services.workflows import AuthCoordinator
from ksef_client.services.xades import XadesKeyPair

url, nip, how, *secrets = sys.argv[1:]
CONTEXT = {"context_identifier_type": "nip", "context_identifier_value": nip}
QUICKLY = {"poll_interval_seconds": 0.05}


def log_in(ksef):
    coordinator = AuthCoordinator(ksef.auth)
    if how == "certificate":
        pair = XadesKeyPair.from_pem_files(certificate_path=secrets[0], private_key_path=secrets[1])
        return coordinator.authenticate_with_xades_key_pair(
            key_pair=pair, subject_identifier_type="certificateSubject", **CONTEXT, **QUICKLY
        )
    token, method = secrets
    [key] = [
        key
        for key in ksef.security.get_public_key_certificates()
        if "KsefTokenEncryption" in [usage.value for usage in key.usage]
    ]
    return coordinator.authenticate_with_ksef_token(
        token=token,
        public_certificate=key.certificate,
        public_key_id=key.public_key_id,
        method=method,
        **CONTEXT,
        **QUICKLY,
    )


with KsefClient(KsefClientOptions(base_url=url)) as ksef:
    result = log_in(ksef)
    access = result.tokens.access_token.token
    limits = ksef.limits.get_context_limits(access)
    subject = ksef.limits.get_subject_limits(access)
    rates = ksef.rate_limits.get_rate_limits(access)
    seen = {
        "reference": result.reference_number,
        "maxInvoices": limits.online_session.max_invoices,
        "maxCertificates": subject.certificate.max_certificates,
        "perSecond": rates.online_session.per_second,
        "collective": rates.collective_identifier.per_second,
    }
    made = ksef.tokens.generate_token(
        GenerateTokenRequest(description="for the reports", permissions=[TokenPermissionType.INVOICEREAD]),
        access_token=access,
    )
    status = ksef.tokens.get_token_status(made.reference_number, access_token=access)
    listed = ksef.tokens.list_tokens(access_token=access, page_size=10)
    seen["tokens"] = [token.reference_number for token in listed.tokens]
    seen["made"], seen["status"] = made.reference_number, status.status.value
    grant = ksef.permissions.grant_person(
        PersonPermissionsGrantRequest.from_dict(
            {
                "subjectIdentifier": {"type": "Pesel", "value": "90010112349"},
                "permissions": ["InvoiceRead"],
                "description": "reads the invoices",
                "subjectDetails": {
                    "subjectDetailsType": "PersonByIdentifier",
                    "personById": {"firstName": "Anna", "lastName": "Nowak"},
                },
            }
        ),
        access_token=access,
    )
    operation = ksef.permissions.get_operation_status(grant.reference_number, access_token=access)
    seen["granted"] = operation.status.code
    query = PersonPermissionsQueryRequest.from_dict({"queryType": "PermissionsInCurrentContext"})
    permissions = ksef.permissions.query_persons_grants(query, page_size=10, access_token=access)
    seen["permissions"] = [item.permission_scope.value for item in permissions.permissions]

    httpx.post(f"{url}/_mock/clock/advance", json={"seconds": 16 * 60}).raise_for_status()
    try:
        ksef.auth.get_active_sessions(access_token=access)
    except KsefHttpError as error:
        seen["expired"] = error.status_code
    refreshed = ksef.auth.refresh_access_token(result.tokens.refresh_token.token)
    access = refreshed.access_token.token
    sessions = ksef.auth.get_active_sessions(access_token=access)
    seen["sessions"] = [item.is_current for item in sessions.items]
    ksef.tokens.revoke_token(made.reference_number, access_token=access)
    ksef.auth.revoke_current_session(access)
    try:
        ksef.auth.refresh_access_token(result.tokens.refresh_token.token)
    except KsefHttpError as error:
        seen["ended"] = error.status_code
sys.stdout.write(json.dumps(seen))
