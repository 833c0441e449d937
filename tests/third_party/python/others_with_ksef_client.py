"""Issues invoices in the name of another firm with PyPI `ksef-client`, and reads their metadata.

    others_with_ksef_client.py URL NIP TOKEN SELLER SELLERS_TOKEN RR.xml SELF.xml

The seller authorizes NIP (RRInvoicing, then SelfInvoicing), who issues. The last line of its output is JSON.
"""
# mypy: ignore-errors

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ksef_client import KsefClient, KsefClientOptions
from ksef_client.models import EntityAuthorizationPermissionsGrantRequest, FormCode, InvoiceQueryFilters
from ksef_client.services.workflows import AuthCoordinator, OnlineSessionWorkflow

url, nip, token, seller, sellers_token, *files = sys.argv[1:]
FORMS = {"RRInvoicing": ("FA_RR (1)", "1-1E", "FA_RR"), "SelfInvoicing": ("FA (3)", "1-0E", "FA")}


def key_for(ksef, usage):
    keys = ksef.security.get_public_key_certificates()
    [key] = [key for key in keys if usage in [each.value for each in key.usage]]
    return {"public_certificate": key.certificate, "public_key_id": key.public_key_id}


def until_over(status):
    for _ in range(100):
        if status().status.code >= 200:
            return status()
        time.sleep(0.02)
    raise TimeoutError


def send(session, octets):
    number = session.send_invoice(octets).reference_number
    return until_over(lambda: session.get_invoice_status(number))


def grant(ksef, body, owner):
    number = ksef.permissions.grant_authorization(body, access_token=owner).reference_number
    until_over(lambda: ksef.permissions.get_operation_status(number, access_token=owner))


with KsefClient(KsefClientOptions(base_url=url)) as ksef:

    def login(text, who):
        return (
            AuthCoordinator(ksef.auth)
            .authenticate_with_ksef_token(
                token=text,
                context_identifier_type="nip",
                context_identifier_value=who,
                poll_interval_seconds=0.05,
                **key_for(ksef, "KsefTokenEncryption"),
            )
            .access_token
        )

    issuer, owner = login(token, nip), login(sellers_token, seller)
    seen = {"codes": [], "told": []}
    for (permission, form), file in zip(FORMS.items(), files, strict=True):
        code = FormCode(system_code=form[0], schema_version=form[1], value=form[2])
        session = OnlineSessionWorkflow(ksef.sessions).open_session(
            form_code=code, access_token=issuer, **key_for(ksef, "SymmetricKeyEncryption")
        )
        document = Path(file).read_bytes()
        before = send(session, document)
        body = EntityAuthorizationPermissionsGrantRequest.from_dict(
            {
                "subjectIdentifier": {"type": "Nip", "value": nip},
                "permission": permission,
                "description": "wystawianie faktur",
                "subjectDetails": {"fullName": "Nabywca sp. z o.o."},
            }
        )
        grant(ksef, body, owner)
        after = send(session, document)
        session.close()
        filters = InvoiceQueryFilters.from_dict(
            {
                "subjectType": "Subject1",
                "dateRange": {
                    "dateType": "Invoicing",
                    "from": (datetime.now(UTC) - timedelta(days=1)).isoformat(),
                },
                "formType": form[2],
            }
        )
        [found] = ksef.invoices.query_invoice_metadata(filters, access_token=owner).invoices
        seen["codes"].append([before.status.code, after.status.code])
        seen["told"].append(
            [found.ksef_number == after.ksef_number, found.invoice_type.value, found.is_self_invoicing]
        )
sys.stdout.write(json.dumps(seen))
