"""Makes and resolves collective identifiers with PyPI `ksef2`.

    collective_with_ksef2.py NIP TOKEN FIRST LAST KSEF_NUMBER...

KSEF_URL names the mock; FIRST and LAST are moments. The last line of its output is a JSON object.
"""
# mypy: ignore-errors

import json
import sys
from datetime import datetime

import led_to_the_mock  # noqa: F401
from ksef2 import Client, Environment
from ksef2.models import (
    CollectiveIdentifierInvoice,
    CollectiveIdentifierInvoicePayment,
    CollectiveIdentifiersQuery,
)

nip, token, first, last, *numbers = sys.argv[1:]
client = Client(environment=Environment.TEST)
auth = client.authentication.with_token(ksef_token=token, nip=nip)
payment = CollectiveIdentifierInvoicePayment(amount=45.5, currency="EUR")
entries = [
    CollectiveIdentifierInvoice(ksef_number=number, payment=payment, description="opis") for number in numbers
]
collective = auth.collective_identifiers
made = [collective.generate(invoices=entries).collective_identifier_number for _ in range(11)]
filters = CollectiveIdentifiersQuery(
    date_created_from=datetime.fromisoformat(first), date_created_to=datetime.fromisoformat(last)
)
listed = list(collective.list(filters))
invoices = list(collective.list_invoices(made[:3]))
seen = {
    "all": sorted(each.collective_identifier_number for each in listed) == sorted(made),
    "counts": sorted({each.invoice_count for each in listed}),
    "here": all(each.created_in_current_context for each in listed),
    "invoices": len(invoices),
    "paid": sorted({(each.payment.amount, each.payment.currency) for each in invoices}),
    "of_invoice": len(list(collective.list_for_invoice(numbers[0]))),
}
sys.stdout.write(json.dumps(seen) + "\n")
