"""Sends an invoice with PyPI `ksef-client` and reads it back.

    send_with_ksef_client.py URL NIP TOKEN INVOICE.xml REFUSED.xml

The last line of its output is a JSON object of what the client made of the answers.
"""
# mypy: ignore-errors

import json
import sys
import time
from pathlib import Path

from ksef_client import KsefClient, KsefClientOptions
from ksef_client.exceptions import KsefHttpError
from ksef_client.models import FormCode, InvoiceQueryFilters
from ksef_client.services.workflows import AuthCoordinator, OnlineSessionWorkflow

url, nip, token, *files = sys.argv[1:]
good, bad = (Path(file).read_bytes() for file in files)


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


with KsefClient(KsefClientOptions(base_url=url)) as ksef:
    access = (
        AuthCoordinator(ksef.auth)
        .authenticate_with_ksef_token(
            token=token,
            context_identifier_type="nip",
            context_identifier_value=nip,
            poll_interval_seconds=0.05,
            **key_for(ksef, "KsefTokenEncryption"),
        )
        .access_token
    )
    session = OnlineSessionWorkflow(ksef.sessions).open_session(
        form_code=FormCode(system_code="FA (3)", schema_version="1-0E", value="FA"),
        access_token=access,
        **key_for(ksef, "SymmetricKeyEncryption"),
    )
    sent = [session.send_invoice(octets).reference_number for octets in (good, bad)]
    first, second = (until_over(lambda number=number: session.get_invoice_status(number)) for number in sent)
    session.close()
    closed = until_over(session.get_status)
    try:
        session.send_invoice(good)
    except KsefHttpError as error:
        late = error.status_code
    number = first.ksef_number
    stored = ksef.invoices.get_invoice_bytes(number, access_token=access)
    filters = InvoiceQueryFilters.from_dict(
        {
            "subjectType": "Subject1",
            "dateRange": {"dateType": "PermanentStorage", "from": first.acquisition_date},
        }
    )
    found = ksef.invoices.query_invoice_metadata(filters, access_token=access)
    page = closed.upo.pages[0].reference_number
    seen = {
        "codes": [first.status.code, second.status.code],
        "session": closed.status.code,
        "counts": [closed.invoice_count, closed.successful_invoice_count, closed.failed_invoice_count],
        "failed": [each.reference_number for each in session.list_failed_invoices().invoices] == sent[1:],
        "listed": [each.reference_number for each in session.list_invoices().invoices] == sent,
        "late": late,
        "upos": [
            upo.decode()
            for upo in (
                session.get_invoice_upo_by_ref(sent[0]),
                session.get_invoice_upo_by_ksef(number),
                session.get_upo(page),
            )
        ],
        "number": number,
        "same": stored.content == good,
        "hash": stored.sha256_base64,
        "metadata": [each.ksef_number for each in found.invoices],
    }
sys.stdout.write(json.dumps(seen))
