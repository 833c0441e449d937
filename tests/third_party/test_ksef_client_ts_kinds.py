"""The unmodified npm client `ksef-client-ts` sends invoices of other kinds than FA(3)."""

from __future__ import annotations

import json
from pathlib import Path

from ksef_mock.ksef.invoices.samples import invoice, pef_invoice, rr_invoice
from ksef_mock.testing import MockServer
from tests.scenarios.sending import logged_in
from tests.scenarios.test_everybodys_invoices import PROVIDER, provider_in
from tests.third_party.node_client import NODE
from tests.third_party.test_ksef_client_ts import node
from tests.world import World

SELLER, BUYER = "5265877635", "1234563218"


def fa2(document: bytes) -> bytes:
    """A FA(3) told as FA(2), as far as its outline goes."""
    for new, old in ((b"2025/06/25/13775", b"2023/06/29/12648"), (b"FA (3)", b"FA (2)")):
        document = document.replace(new, old)
    return document


def test_invoices_of_all_kinds_are_sent_and_read_back(
    node_modules: Path, ksef_mock: MockServer, world: World, tmp_path: Path
) -> None:
    seller, buyer = logged_in(world, SELLER), logged_in(world, BUYER)
    peppol = provider_in(world)
    assert world.grant_authorization(seller.access, PROVIDER, "PefInvoicing") == 200
    assert world.grant_authorization(seller.access, ("Nip", BUYER), "RRInvoicing") == 200
    orders: dict[str, tuple[str, bytes]] = {
        "FA_2": (seller.access, fa2(invoice(SELLER, BUYER, "FA/2"))),
        "FA_RR_1": (buyer.access, rr_invoice(SELLER, BUYER, "RR/1")),
        "PEF_3": (peppol.access, pef_invoice(SELLER, BUYER, "PEF/1")),
        "PEF_KOR_3": (peppol.access, pef_invoice(SELLER, BUYER, "PEF/2", corrects="PEF/1")),
    }
    arguments: list[str | Path] = []
    for form, (access, document) in orders.items():
        file = tmp_path / f"{form}.xml"
        file.write_bytes(document)
        arguments += [form, access, file]
    done = node(NODE / "kinds.mjs", node_modules, ksef_mock.url, *arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout.splitlines()[-1])

    assert [each["code"] for each in seen.values()] == [200] * 4
    codes = ["FA (2)", "FA_RR (1)", "PEF (3)", "PEF_KOR (3)"]
    numbers = ["FA/2", "RR/1", "PEF/1", "PEF/2"]
    assert [each["upo"][0] for each in seen.values()] == codes
    assert [each["number"][1] for each in seen.values()] == numbers
    assert [each["upo"][1] for each in seen.values()] == [[each["number"]] for each in seen.values()]
    (own,) = seen["FA_2"]["metadata"]
    assert (own["formCode"]["systemCode"], own["invoiceType"]) == ("FA (2)", "Vat")
    # The buyer has issued it, and is not its seller; the provider may not read.
    assert [seen[form]["metadata"] for form in ("FA_RR_1", "PEF_3", "PEF_KOR_3")] == [[], 403, 403]
    assert [each["duplicate"] is not None for each in seen.values()] == [True, True, False, False]
    assert "taken" not in [each["duplicate"] for each in seen.values()]
