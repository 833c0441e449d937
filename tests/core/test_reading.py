"""Bodies that are wrong in odd ways: halves of surrogate pairs, faults by the hundred thousand."""

from __future__ import annotations

import httpx
import pytest

from ksef_mock.core import json_text
from ksef_mock.testing import MockServer

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("name", "shown"),
    [(r"\ud83d\ude42", "\N{SLIGHTLY SMILING FACE}"), (r"\ud83d", "\ufffd"), (r"a\ude42b", "a\ufffdb")],
)
def test_a_member_is_named_as_it_is_meant(name: str, shown: str) -> None:
    complaint = json_text.complaint(f'{{"{name}": x}}'.encode())
    assert complaint is not None
    assert f"Path: $.{shown} |" in complaint


@pytest.mark.parametrize("fault", ["x", '{"a": x}', "[1,]"])
@pytest.mark.parametrize("name", [r"\ud83d\ude42", r"\ud83d", r"\ude42\ud83d"])
@pytest.mark.parametrize("wish", [{}, {"X-Error-Format": "problem-details"}])
def test_halves_of_pairs_are_refused_as_any_other_name(
    ksef_mock: MockServer, name: str, fault: str, wish: dict[str, str]
) -> None:
    response = httpx.post(
        f"{ksef_mock.url}/v2/auth/ksef-token", content=f'{{"{name}": {fault}}}'.encode(), headers=JSON | wish
    )
    assert response.status_code == 400
    assert ksef_mock.journal.last("/auth/ksef-token").code == 21001


@pytest.mark.parametrize("text", [r"\ud83d", r"a\ude42b", r"\ude42\ud83d", r"\\\ud83d"])
def test_a_text_with_half_of_a_pair_is_no_text(ksef_mock: MockServer, text: str) -> None:
    address = f"{ksef_mock.url}/v2/auth/ksef-token"
    for body, told in (
        (
            f'{{"challenge": "{text}"}}',
            f"Path: $.challenge | LineNumber: 0 | BytePositionInLine: {len(text) + 16}.",
        ),
        (f'{{"{text}": 1}}', "Path: $ | "),
    ):
        (entry,) = httpx.post(address, content=body.encode(), headers=JSON).json()["exception"][
            "exceptionDetailList"
        ]
        (detail,) = entry["details"]
        assert entry["exceptionCode"] == 21001
        assert detail.startswith("The JSON value could not be converted to ")
        assert told in detail
    # Both halves are a character, and what is escaped itself is none.
    for right in (r"\ud83d\ude42", r"\\ud83d"):
        body = f'{{"challenge": "{right}"}}'
        (entry,) = httpx.post(address, content=body.encode(), headers=JSON).json()["exception"][
            "exceptionDetailList"
        ]
        assert entry["exceptionCode"] == 21405


def test_a_list_is_read_up_to_a_hundred_faults(ksef_mock: MockServer) -> None:
    def codes(items: list[str]) -> int | None:
        body = f'{{"permissions": [{",".join(items)}]}}'.encode()
        response = httpx.post(f"{ksef_mock.url}/v2/testdata/permissions", content=body, headers=JSON)
        assert response.status_code == 400
        return ksef_mock.journal.last("/testdata/permissions").code

    # What cannot be read comes before what breaks a rule, as far as anybody looks.
    assert codes(["{}"] * 40 + ["1"]) == 21001
    assert codes(["{}"] * 400 + ["1"]) == 21405


def test_of_permissions_named_twice_the_first_counts(ksef_mock: MockServer) -> None:
    nip = {"type": "Nip", "value": "5265877635"}
    order = {
        "contextIdentifier": nip,
        "authorizedIdentifier": {"type": "Pesel", "value": "90010112349"},
        "permissions": [
            {"permissionType": kind, "description": f"{kind} {number}"}
            for number in range(3)
            for kind in ("InvoiceRead", "InvoiceWrite")
        ],
    }
    assert httpx.post(f"{ksef_mock.url}/v2/testdata/permissions", json=order).status_code == 200
    (done,) = ksef_mock.journal.last("/testdata/permissions").decisions
    assert done.reason == "Pesel:90010112349 may InvoiceRead, InvoiceWrite in Nip:5265877635"
