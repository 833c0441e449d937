"""Makes and resolves collective identifiers with PyPI `ksef-client`, which checks numbers and CRC itself.

    collective_with_ksef_client.py URL NIP TOKEN FIRST LAST KSEF_NUMBER...

FIRST and LAST are days. The last line of its output is a JSON object of what the client made of the answers.
"""
# mypy: ignore-errors

import json
import sys

from ksef_client import KsefClient, KsefClientOptions
from ksef_client.exceptions import KsefApiError
from ksef_client.services.workflows import AuthCoordinator
from ksef_client.utils.collective_identifier import is_valid_collective_identifier_number

url, nip, token, first, last, *numbers = sys.argv[1:]

with KsefClient(KsefClientOptions(base_url=url)) as ksef:
    keys = ksef.security.get_public_key_certificates()
    [key] = [each for each in keys if "KsefTokenEncryption" in [usage.value for usage in each.usage]]
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
    collective = ksef.collective_identifiers
    who = {"access_token": access}
    made = [
        collective.generate_for_ksef_numbers(
            numbers, descriptions=["opis"] * len(numbers), **who
        ).collective_identifier_number
        for _ in range(11)
    ]
    try:
        collective.generate_for_ksef_numbers([numbers[0], "5265877635-20260612-6310EC800000-28"], **who)
    except KsefApiError as error:
        refused = error.exception_response.exception.exception_detail_list[0].exception_code
    page = collective.query_by_created_range(first, last, page_size=10, **who)
    rest = collective.query_by_created_range(
        first, last, page_size=10, continuation_token=page.continuation_token, **who
    )
    invoices = list(collective.iter_invoices(made[:3], page_size=10, **who))
    seen = {
        "valid": all(map(is_valid_collective_identifier_number, made)),
        "refused": refused,
        "listed": [len(page.collective_identifiers), len(rest.collective_identifiers)],
        "counts": sorted({each.invoice_count for each in page.collective_identifiers}),
        "all": sorted(
            each.collective_identifier_number
            for each in (*page.collective_identifiers, *rest.collective_identifiers)
        )
        == sorted(made),
        "invoices": len(invoices),
        "described": sorted({each.description for each in invoices}),
        "hidden": any(each.details_hidden for each in invoices),
        "of_invoice": len(list(collective.iter_by_ksef_number(numbers[0], page_size=10, **who))),
    }
    sys.stdout.write(json.dumps(seen) + "\n")
