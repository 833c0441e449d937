"""Valid FA(3) in one line, for tests, fixtures and examples. The money is right; nothing else is claimed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date as Date  # noqa: N812 - `date` is a parameter
from decimal import ROUND_HALF_UP, Decimal
from xml.sax.saxutils import escape

from ksef_mock.ksef.invoices.forms import FA3

#: The NIP of a buyer that nobody owns.
BUYER = "1111111111"


def invoice(
    seller: str,
    buyer: str | None = BUYER,
    number: str = "FA/1",
    date: Date | str = "2026-02-02",
    *,
    net: Decimal | str | float = "100.00",
    kind: str = "VAT",
    currency: str = "PLN",
    rate: Decimal | str | float = 1,
    self_invoicing: bool = False,
    lines: int = 1,
    third: Sequence[tuple[str, int]] = (),
    authorized: tuple[str, int] | None = None,
    seller_name: str = "Sprzedawca",
    buyer_name: str = "Nabywca",
    created: str = "2026-02-02T10:00:00Z",
) -> bytes:
    """A FA(3) that the schema finds valid, in UTF-8.

    Args:
        buyer: NIP; None for a buyer without any identifier.
        date: P_1, the day of issue.
        net: P_13_1; VAT of 23 % is added.
        kind: RodzajFaktury, e.g. `VAT`, `KOR`, `ZAL`, `ROZ`, `UPR`.
        rate: of a foreign currency, złoty for one unit of it.
        lines: how many FaWiersz; 30 of them make about 10 KB.
        third: Podmiot3: NIP and Rola (1 to 11).
        authorized: PodmiotUpowazniony: NIP and RolaPU (1 to 3).
        created: DataWytworzeniaFa.
    """
    amount = Decimal(str(net))
    vat = _rounded(amount * 23 / 100)
    in_zloty = "" if currency == "PLN" else f"<P_14_1W>{_rounded(vat * Decimal(str(rate)))}</P_14_1W>"
    buyer_identifier = "<BrakID>1</BrakID>" if buyer is None else f"<NIP>{buyer}</NIP>"
    corrected = (
        f"<DaneFaKorygowanej><DataWystFaKorygowanej>{date}</DataWystFaKorygowanej>"
        "<NrFaKorygowanej>FA/0</NrFaKorygowanej><NrKSeFN>1</NrKSeFN></DaneFaKorygowanej>"
        if kind.startswith("KOR")
        else ""
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Faktura xmlns="{FA3.namespace}">'
        '<Naglowek><KodFormularza kodSystemowy="FA (3)" wersjaSchemy="1-0E">FA</KodFormularza>'
        f"<WariantFormularza>3</WariantFormularza><DataWytworzeniaFa>{created}</DataWytworzeniaFa></Naglowek>"
        f"<Podmiot1>{_party(f'<NIP>{seller}</NIP>', seller_name)}</Podmiot1>"
        f"<Podmiot2>{_party(buyer_identifier, buyer_name)}<JST>2</JST><GV>2</GV></Podmiot2>"
        + "".join(
            f"<Podmiot3>{_party(f'<NIP>{nip}</NIP>', 'Podmiot trzeci')}<Rola>{role}</Rola></Podmiot3>"
            for nip, role in third
        )
        + (
            f"<PodmiotUpowazniony>{_party(f'<NIP>{authorized[0]}</NIP>', 'Upoważniony')}"
            f"<RolaPU>{authorized[1]}</RolaPU></PodmiotUpowazniony>"
            if authorized
            else ""
        )
        + f"<Fa><KodWaluty>{currency}</KodWaluty><P_1>{date}</P_1><P_2>{escape(number)}</P_2>"
        f"<P_13_1>{_rounded(amount)}</P_13_1><P_14_1>{vat}</P_14_1>{in_zloty}"
        f"<P_15>{_rounded(amount) + vat}</P_15>"
        f"<Adnotacje><P_16>2</P_16><P_17>{1 if self_invoicing else 2}</P_17><P_18>2</P_18><P_18A>2</P_18A>"
        "<Zwolnienie><P_19N>1</P_19N></Zwolnienie>"
        "<NoweSrodkiTransportu><P_22N>1</P_22N></NoweSrodkiTransportu>"
        "<P_23>2</P_23><PMarzy><P_PMarzyN>1</P_PMarzyN></PMarzy></Adnotacje>"
        f"<RodzajFaktury>{kind}</RodzajFaktury>{corrected}"
        + "".join(_line(position, amount if position == 1 else Decimal()) for position in range(1, lines + 1))
        + "</Fa></Faktura>"
    ).encode()


def _party(identifier: str, name: str) -> str:
    return (
        f"<DaneIdentyfikacyjne>{identifier}<Nazwa>{escape(name)}</Nazwa></DaneIdentyfikacyjne>"
        "<Adres><KodKraju>PL</KodKraju><AdresL1>ul. Prosta 1, 00-001 Warszawa</AdresL1></Adres>"
    )


def _line(position: int, net: Decimal) -> str:
    return (
        f"<FaWiersz><NrWierszaFa>{position}</NrWierszaFa><P_7>Usługa nr {position}</P_7><P_8A>szt.</P_8A>"
        f"<P_8B>1</P_8B><P_9A>{_rounded(net)}</P_9A><P_11>{_rounded(net)}</P_11><P_12>23</P_12></FaWiersz>"
    )


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
