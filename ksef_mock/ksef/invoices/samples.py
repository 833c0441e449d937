"""Valid invoices in one line, for tests and examples. The money is right; nothing else is claimed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date as Date  # noqa: N812 - `date` is a parameter
from decimal import ROUND_HALF_UP, Decimal
from xml.sax.saxutils import escape

from ksef_mock.ksef.invoices.forms import FA3, FA_RR, UBL

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


def rr_invoice(
    farmer: str,
    buyer: str,
    number: str = "RR/1",
    date: Date | str = "2026-02-02",
    *,
    net: Decimal | str | float = "100.00",
) -> bytes:
    """A FA_RR(1) that the ministry's schema finds valid: produce of a farmer, the flat-rate refund is 7 %.

    Args:
        farmer: NIP of Podmiot1, in whose name the `buyer` (NIP) issues it.
        date: P_4B, the day of issue.
    """
    amount = _rounded(Decimal(str(net)))
    refund = _rounded(amount * 7 / 100)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Faktura xmlns="{FA_RR.namespace}">'
        '<Naglowek><KodFormularza kodSystemowy="FA_RR (1)" wersjaSchemy="1-1E">FA_RR</KodFormularza>'
        "<WariantFormularza>1</WariantFormularza>"
        "<DataWytworzeniaFa>2026-02-02T10:00:00Z</DataWytworzeniaFa></Naglowek>"
        f"<Podmiot1>{_party(f'<NIP>{farmer}</NIP>', 'Rolnik')}</Podmiot1>"
        f"<Podmiot2>{_party(f'<NIP>{buyer}</NIP>', 'Nabywca')}</Podmiot2>"
        f"<FakturaRR><KodWaluty>PLN</KodWaluty><P_4B>{date}</P_4B><P_4C>{escape(number)}</P_4C>"
        f"<P_11_1>{amount}</P_11_1><P_11_2>{refund}</P_11_2><P_12_1>{amount + refund}</P_12_1>"
        f"<P_12_2>{amount + refund} PLN</P_12_2><RodzajFaktury>VAT_RR</RodzajFaktury>"
        "<FakturaRRWiersz><NrWierszaFa>1</NrWierszaFa><P_5>Ziemniaki</P_5><P_6A>kg</P_6A><P_6B>1</P_6B>"
        f"<P_6C>klasa I</P_6C><P_7>{amount}</P_7><P_8>{amount}</P_8><P_9>7.0</P_9><P_10>{refund}</P_10>"
        f"<P_11>{amount + refund}</P_11></FakturaRRWiersz></FakturaRR></Faktura>"
    ).encode()


def pef_invoice(
    seller: str,
    buyer: str,
    number: str = "PEF/1",
    date: Date | str = "2026-02-02",
    *,
    net: Decimal | str | float = "100.00",
    corrects: str | None = None,
) -> bytes:
    """A PEF (3) in UBL that the ministry's schema finds valid, VAT of 23 % added; all in PLN.

    Args:
        seller, buyer: NIPs.
        corrects: number of the invoice that this one corrects: makes a PEF_KOR (3).
    """
    amount = _rounded(Decimal(str(net)))
    vat = _rounded(amount * 23 / 100)
    root, quantity, code = (
        ("Invoice", "Invoiced", 380) if corrects is None else ("CreditNote", "Credited", 381)
    )
    scheme = "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>"
    category = f"<cbc:ID>S</cbc:ID><cbc:Percent>23</cbc:Percent>{scheme}"
    corrected = (
        ""
        if corrects is None
        else "<cac:BillingReference><cac:InvoiceDocumentReference>"
        f"<cbc:ID>{escape(corrects)}</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference>"
    )

    def money(name: str, value: Decimal) -> str:
        return f'<cbc:{name} currencyID="PLN">{value}</cbc:{name}>'

    def party(role: str, nip: str, name: str) -> str:
        return (
            f"<cac:{role}><cac:Party><cac:PostalAddress><cac:Country>"
            "<cbc:IdentificationCode>PL</cbc:IdentificationCode></cac:Country></cac:PostalAddress>"
            f"<cac:PartyTaxScheme><cbc:CompanyID>PL{nip}</cbc:CompanyID>{scheme}</cac:PartyTaxScheme>"
            f"<cac:PartyLegalEntity><cbc:RegistrationName>{name}</cbc:RegistrationName>"
            "</cac:PartyLegalEntity></cac:Party>"
            f"</cac:{role}>"
        )

    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{UBL}{root}-2"'
        f' xmlns:cac="{UBL}CommonAggregateComponents-2" xmlns:cbc="{UBL}CommonBasicComponents-2">'
        "<cbc:ProfileID>urn:fdc:peppol.eu:2017:poacc:billing:01:1.0</cbc:ProfileID>"
        f"<cbc:ID>{escape(number)}</cbc:ID><cbc:IssueDate>{date}</cbc:IssueDate>"
        f"<cbc:{root}TypeCode>{code}</cbc:{root}TypeCode>"
        f"<cbc:DocumentCurrencyCode>PLN</cbc:DocumentCurrencyCode>{corrected}"
        + party("AccountingSupplierParty", seller, "Sprzedawca")
        + party("AccountingCustomerParty", buyer, "Nabywca")
        + f"<cac:TaxTotal>{money('TaxAmount', vat)}<cac:TaxSubtotal>{money('TaxableAmount', amount)}"
        f"{money('TaxAmount', vat)}<cac:TaxCategory>{category}</cac:TaxCategory></cac:TaxSubtotal>"
        f"</cac:TaxTotal><cac:LegalMonetaryTotal>{money('LineExtensionAmount', amount)}"
        f"{money('TaxExclusiveAmount', amount)}{money('TaxInclusiveAmount', amount + vat)}"
        f"{money('PayableAmount', amount + vat)}</cac:LegalMonetaryTotal>"
        f"<cac:{root}Line><cbc:ID>1</cbc:ID>"
        f'<cbc:{quantity}Quantity unitCode="C62">1</cbc:{quantity}Quantity>'
        f"{money('LineExtensionAmount', amount)}<cac:Item><cbc:Name>Towar</cbc:Name>"
        f"<cac:ClassifiedTaxCategory>{category}</cac:ClassifiedTaxCategory></cac:Item>"
        f"<cac:Price>{money('PriceAmount', amount)}</cac:Price></cac:{root}Line></{root}>"
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
