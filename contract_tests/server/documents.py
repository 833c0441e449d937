"""The invoices that requirements send: valid ones of each form, as short as their schemas let them be."""

from __future__ import annotations

import secrets

FA3 = {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"}
FA_RR = {"systemCode": "FA_RR (1)", "schemaVersion": "1-1E", "value": "FA_RR"}
PEF = {"systemCode": "PEF (3)", "schemaVersion": "2-1", "value": "PEF"}
PEF_KOR = {"systemCode": "PEF_KOR (3)", "schemaVersion": "2-1", "value": "PEF"}

NAMESPACE = "http://crd.gov.pl/wzor/2025/06/25/13775/"
_RR = "http://crd.gov.pl/wzor/2026/03/06/14189/"
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
#: NIP of the buyer in the invoices; nobody's.
BUYER = "1111111111"
DAY = "2026-02-02"
SELLER_NAME, BUYER_NAME, THIRD_NAME, AUTHORIZED_NAME = "Sprzedawca", "Nabywca", "Trzeci", "Upoważniony"
#: What tells a specialised PEF invoice from a plain one.
SPECIAL_PROFILE = "urn:fdc:www.efaktura.gov.pl:ver2.0:plinv:ver1.4"
_PROFILE = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def nip(value: str) -> str:
    """The identifier of a party in FA and FA_RR that is a NIP."""
    return f"<NIP>{value}</NIP>"


def fa(
    seller: str,
    number: str | None = None,
    *,
    kind: str = "VAT",
    day: str = DAY,
    buyer: str = nip(BUYER),
    third: tuple[str, int] | None = None,
    authorized: tuple[str, int] | None = None,
    self_invoicing: bool = False,
    currency: str = "PLN",
) -> bytes:
    """A FA(3), made online or offline by its day; each with a number of its own.

    Args:
        buyer: what identifies it, as XML: `nip(...)`, `<KodUE>DE</KodUE><NrVatUE>…</NrVatUE>`, ….
        third: identifier (XML) and role of a Podmiot3.
        authorized: NIP and role of a PodmiotUpowazniony.
        self_invoicing: P_17.
        currency: of a foreign one the VAT is 98.40 PLN.
    """
    third_subject = (
        f"<Podmiot3>{_party(third[0], THIRD_NAME)}<Rola>{third[1]}</Rola></Podmiot3>" if third else ""
    )
    authorized_subject = (
        f"<PodmiotUpowazniony>{_party(nip(authorized[0]), AUTHORIZED_NAME)}"
        f"<RolaPU>{authorized[1]}</RolaPU></PodmiotUpowazniony>"
        if authorized
        else ""
    )
    in_zloty = "" if currency == "PLN" else "<P_14_1W>98.40</P_14_1W>"
    return (
        f'{_HEAD}<Faktura xmlns="{NAMESPACE}">{_header(FA3, "3")}'
        f"<Podmiot1>{_party(nip(seller), SELLER_NAME)}</Podmiot1>"
        f"<Podmiot2>{_party(buyer, BUYER_NAME)}<JST>2</JST><GV>2</GV></Podmiot2>"
        f"{third_subject}{authorized_subject}"
        f"<Fa><KodWaluty>{currency}</KodWaluty><P_1>{day}</P_1><P_2>{number or _number()}</P_2>"
        f"<P_13_1>100.00</P_13_1><P_14_1>23.00</P_14_1>{in_zloty}<P_15>123.00</P_15>"
        f"<Adnotacje><P_16>2</P_16><P_17>{1 if self_invoicing else 2}</P_17><P_18>2</P_18><P_18A>2</P_18A>"
        "<Zwolnienie><P_19N>1</P_19N></Zwolnienie>"
        "<NoweSrodkiTransportu><P_22N>1</P_22N></NoweSrodkiTransportu>"
        "<P_23>2</P_23><PMarzy><P_PMarzyN>1</P_PMarzyN></PMarzy></Adnotacje>"
        f"<RodzajFaktury>{kind}</RodzajFaktury></Fa></Faktura>"
    ).encode()


def fa_rr(farmer: str, buyer: str) -> bytes:
    """A FA_RR(1): net 100.00, flat-rate refund 7.00, gross 107.00."""
    return (
        f'{_HEAD}<Faktura xmlns="{_RR}">{_header(FA_RR, "1")}'
        f"<Podmiot1>{_party(nip(farmer), SELLER_NAME)}</Podmiot1>"
        f"<Podmiot2>{_party(nip(buyer), BUYER_NAME)}</Podmiot2>"
        f"<FakturaRR><KodWaluty>PLN</KodWaluty><P_4B>{DAY}</P_4B><P_4C>{_number()}</P_4C>"
        "<P_11_1>100.00</P_11_1><P_11_2>7.00</P_11_2><P_12_1>107.00</P_12_1><P_12_2>sto siedem</P_12_2>"
        "<RodzajFaktury>VAT_RR</RodzajFaktury>"
        "<FakturaRRWiersz><NrWierszaFa>1</NrWierszaFa><P_5>ziemniaki</P_5><P_6A>kg</P_6A><P_6B>50</P_6B>"
        "<P_6C>klasa I</P_6C><P_7>2.00</P_7><P_8>100.00</P_8><P_9>7.0</P_9><P_10>7.00</P_10>"
        "<P_11>107.00</P_11></FakturaRRWiersz></FakturaRR></Faktura>"
    ).encode()


def pef(seller: str, buyer: str, *, is_correction: bool = False, is_special: bool = False) -> bytes:
    """A PEF (3) or PEF_KOR (3) in UBL: net 100.00, VAT 23.00, gross 123.00 PLN."""
    root, quantity = ("CreditNote", "Credited") if is_correction else ("Invoice", "Invoiced")
    code = "381" if is_correction else "380"
    vat = "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>"
    category = f"<cbc:ID>S</cbc:ID><cbc:Percent>23</cbc:Percent>{vat}"
    reference = (
        "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>1</cbc:ID>"
        "</cac:InvoiceDocumentReference></cac:BillingReference>"
        if is_correction
        else ""
    )

    def party(role: str, value: str, name: str) -> str:
        return (
            f'<cac:{role}><cac:Party><cbc:EndpointID schemeID="9945">{value}</cbc:EndpointID>'
            "<cac:PostalAddress><cbc:StreetName>ul. Prosta 1</cbc:StreetName>"
            "<cbc:CityName>Warszawa</cbc:CityName><cbc:PostalZone>00-001</cbc:PostalZone>"
            "<cac:Country><cbc:IdentificationCode>PL</cbc:IdentificationCode></cac:Country></cac:PostalAddress>"
            f"<cac:PartyTaxScheme><cbc:CompanyID>PL{value}</cbc:CompanyID>{vat}</cac:PartyTaxScheme>"
            f"<cac:PartyLegalEntity><cbc:RegistrationName>{name}</cbc:RegistrationName>"
            f"<cbc:CompanyID>PL{value}</cbc:CompanyID></cac:PartyLegalEntity></cac:Party></cac:{role}>"
        )

    return (
        f'{_HEAD}<{root} xmlns="{_UBL}{root}-2" xmlns:cac="{_UBL}CommonAggregateComponents-2" '
        f'xmlns:cbc="{_UBL}CommonBasicComponents-2">'
        "<cbc:CustomizationID>urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
        "</cbc:CustomizationID>"
        f"<cbc:ProfileID>{SPECIAL_PROFILE if is_special else _PROFILE}</cbc:ProfileID>"
        f"<cbc:ID>{_number()}</cbc:ID><cbc:IssueDate>{DAY}</cbc:IssueDate>"
        f"<cbc:{root}TypeCode>{code}</cbc:{root}TypeCode>"
        "<cbc:DocumentCurrencyCode>PLN</cbc:DocumentCurrencyCode>"
        f"<cbc:BuyerReference>1</cbc:BuyerReference>{reference}"
        f"{party('AccountingSupplierParty', seller, SELLER_NAME)}"
        f"{party('AccountingCustomerParty', buyer, BUYER_NAME)}"
        "<cac:TaxTotal>"
        '<cbc:TaxAmount currencyID="PLN">23.00</cbc:TaxAmount><cac:TaxSubtotal>'
        '<cbc:TaxableAmount currencyID="PLN">100.00</cbc:TaxableAmount>'
        '<cbc:TaxAmount currencyID="PLN">23.00</cbc:TaxAmount>'
        f"<cac:TaxCategory>{category}</cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>"
        "<cac:LegalMonetaryTotal>"
        '<cbc:LineExtensionAmount currencyID="PLN">100.00</cbc:LineExtensionAmount>'
        '<cbc:TaxExclusiveAmount currencyID="PLN">100.00</cbc:TaxExclusiveAmount>'
        '<cbc:TaxInclusiveAmount currencyID="PLN">123.00</cbc:TaxInclusiveAmount>'
        '<cbc:PayableAmount currencyID="PLN">123.00</cbc:PayableAmount></cac:LegalMonetaryTotal>'
        f"<cac:{root}Line><cbc:ID>1</cbc:ID>"
        f'<cbc:{quantity}Quantity unitCode="C62">1</cbc:{quantity}Quantity>'
        '<cbc:LineExtensionAmount currencyID="PLN">100.00</cbc:LineExtensionAmount>'
        f"<cac:Item><cbc:Name>towar</cbc:Name><cac:ClassifiedTaxCategory>{category}"
        "</cac:ClassifiedTaxCategory></cac:Item>"
        '<cac:Price><cbc:PriceAmount currencyID="PLN">100.00</cbc:PriceAmount></cac:Price>'
        f"</cac:{root}Line></{root}>"
    ).encode()


def _header(form: dict[str, str], variant: str) -> str:
    system, version, value = form.values()
    return (
        f'<Naglowek><KodFormularza kodSystemowy="{system}" wersjaSchemy="{version}">'
        f"{value}</KodFormularza><WariantFormularza>{variant}</WariantFormularza>"
        "<DataWytworzeniaFa>2026-02-02T10:00:00Z</DataWytworzeniaFa></Naglowek>"
    )


def _party(identifier: str, name: str) -> str:
    return (
        f"<DaneIdentyfikacyjne>{identifier}<Nazwa>{name}</Nazwa></DaneIdentyfikacyjne>"
        "<Adres><KodKraju>PL</KodKraju><AdresL1>ul. Prosta 1, 00-001 Warszawa</AdresL1></Adres>"
    )


def _number() -> str:
    return secrets.token_hex(12)
