"""Sends packages with PyPI `ksef-client` and reads back what became of them.

    batch_with_ksef_client.py URL PROXY NIP TOKEN PACKAGE.zip PACKAGE.tar.gz

The last line of its output is a JSON object of what the client made of the answers.
"""
# mypy: ignore-errors

import json
import sys
import time
from pathlib import Path

from ksef_client import KsefClient, KsefClientOptions
from ksef_client.models import FormCode
from ksef_client.services.workflows import AuthCoordinator, BatchSessionWorkflow

url, proxy, nip, token, *files = sys.argv[1:]


def key_for(ksef, usage):
    keys = ksef.security.get_public_key_certificates()
    [key] = [key for key in keys if usage in [each.value for each in key.usage]]
    return {"public_certificate": key.certificate, "public_key_id": key.public_key_id}


def until_over(status):
    for _ in range(500):
        if status().status.code >= 200:
            return status()
        time.sleep(0.02)
    raise TimeoutError


with KsefClient(KsefClientOptions(base_url=url, proxy=proxy)) as ksef:
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
    seen = []
    for file in map(Path, files):
        session = BatchSessionWorkflow(ksef.sessions, ksef.http_client).open_session(
            form_code=FormCode(system_code="FA (3)", schema_version="1-0E", value="FA"),
            archive_bytes=file.read_bytes(),
            compression_type="Zip" if file.suffix == ".zip" else "TarGz",
            access_token=access,
            **key_for(ksef, "SymmetricKeyEncryption"),
        )
        session.upload_parts(parallelism=2)
        session.close(access_token=access)
        ended = until_over(session.get_status)
        listed = session.list_invoices().invoices
        page = ended.upo.pages[0].reference_number
        seen.append(
            {
                "session": ended.status.code,
                "counts": [ended.invoice_count, ended.successful_invoice_count, ended.failed_invoice_count],
                "names": [each.invoice_file_name for each in listed],
                "codes": [each.status.code for each in listed],
                "numbers": [each.ksef_number for each in listed if each.ksef_number],
                "failed": len(session.list_failed_invoices().invoices),
                "upo": session.get_upo(page).decode(),
            }
        )
sys.stdout.write(json.dumps(seen))
