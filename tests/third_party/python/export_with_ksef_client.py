"""Exports invoices with PyPI `ksef-client`, as a ZIP and as a TarGz, in parts.

    export_with_ksef_client.py URL PROXY NIP TOKEN FROM

The last line of its output is a JSON object of what the client made of the answers.
"""
# mypy: ignore-errors

import hashlib
import json
import sys
import time

from ksef_client import KsefClient, KsefClientOptions
from ksef_client import models as m
from ksef_client.services.crypto import build_encryption_data
from ksef_client.services.workflows import AuthCoordinator, ExportWorkflow

url, proxy, nip, token, start = sys.argv[1:]


def key_for(ksef, usage):
    keys = ksef.security.get_public_key_certificates()
    [key] = [key for key in keys if usage in [each.value for each in key.usage]]
    return key


with KsefClient(KsefClientOptions(base_url=url, proxy=proxy)) as ksef:
    key = key_for(ksef, "KsefTokenEncryption")
    access = (
        AuthCoordinator(ksef.auth)
        .authenticate_with_ksef_token(
            token=token,
            context_identifier_type="nip",
            context_identifier_value=nip,
            poll_interval_seconds=0.05,
            public_certificate=key.certificate,
            public_key_id=key.public_key_id,
        )
        .access_token
    )
    seen = []
    for compression in (m.CompressionType.ZIP, m.CompressionType.TARGZ):
        key = key_for(ksef, "SymmetricKeyEncryption")
        encryption = build_encryption_data(key.certificate, public_key_id=key.public_key_id)
        order = m.InvoiceExportRequest(
            encryption=encryption.encryption_info,
            only_metadata=False,
            compression_type=compression,
            filters=m.InvoiceQueryFilters(
                subject_type=m.InvoiceQuerySubjectType.SUBJECT1,
                date_range=m.InvoiceQueryDateRange(
                    date_type=m.InvoiceQueryDateType.PERMANENTSTORAGE, from_=start
                ),
            ),
        )
        reference = ksef.invoices.export_invoices(order, access_token=access).reference_number
        while (found := ksef.invoices.get_export_status(reference, access_token=access)).status.code == 100:
            time.sleep(0.02)
        package = found.package
        done = ExportWorkflow(ksef.invoices, ksef.http_client, True).download_and_process_package(
            package, encryption
        )
        seen.append(
            {
                "parts": len(package.parts),
                "hashes": {
                    name: hashlib.sha256(text.encode()).hexdigest()
                    for name, text in done.invoice_xml_files.items()
                },
                "metadata": [each["ksefNumber"] for each in done.metadata_summaries],
            }
        )
sys.stdout.write(json.dumps(seen))
