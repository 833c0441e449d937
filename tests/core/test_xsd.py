"""What libxml2 finds wrong is said in the words of .NET's XmlSchemaValidator."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from lxml import etree

from ksef_mock.core.xsd import Kind, Schema
from tests.third_party.dotnet_validator import needs_dotnet, sentences

SCHEMA = b"""
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:t" targetNamespace="urn:t"
           elementFormDefault="qualified">
  <xs:simpleType name="Amount">
    <xs:restriction base="xs:decimal">
      <xs:totalDigits value="5"/><xs:fractionDigits value="2"/>
      <xs:minExclusive value="-10"/><xs:maxInclusive value="9999"/>
    </xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="Priced">
    <xs:restriction base="Amount">
      <xs:pattern value="-?\\d+(\\.\\d+)?"/><xs:maxInclusive value="100"/>
    </xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="Code">
    <xs:restriction base="xs:normalizedString">
      <xs:enumeration value="A"/><xs:enumeration value="B"/>
    </xs:restriction>
  </xs:simpleType>
  <xs:complexType name="Party">
    <xs:sequence>
      <xs:element name="Name"><xs:simpleType><xs:restriction base="xs:token">
        <xs:minLength value="2"/><xs:maxLength value="5"/></xs:restriction></xs:simpleType></xs:element>
      <xs:choice minOccurs="0">
        <xs:element name="Nip" type="xs:string"/><xs:element name="Other" type="xs:string"/>
      </xs:choice>
      <xs:element name="Phone" type="xs:string" minOccurs="0" maxOccurs="2"/>
    </xs:sequence>
  </xs:complexType>
  <xs:element name="Invoice">
    <xs:complexType>
      <xs:sequence>
        <xs:element name="Head"><xs:complexType><xs:simpleContent><xs:extension base="Code">
          <xs:attribute name="version" type="xs:string" use="required" fixed="1"/>
          <xs:attribute name="day" type="xs:date"/>
        </xs:extension></xs:simpleContent></xs:complexType></xs:element>
        <xs:element name="Party"><xs:complexType><xs:complexContent><xs:extension base="Party">
          <xs:sequence><xs:element name="Role" type="xs:byte" minOccurs="0"/></xs:sequence>
        </xs:extension></xs:complexContent></xs:complexType></xs:element>
        <xs:sequence minOccurs="0">
          <xs:element name="Net" type="Amount"/><xs:element name="Tax" type="Priced"/>
        </xs:sequence>
        <xs:element name="Day" type="xs:date" minOccurs="0"/>
        <xs:element name="When" type="xs:dateTime" minOccurs="0"/>
        <xs:element name="Since" minOccurs="0"><xs:simpleType><xs:restriction base="xs:dateTime">
          <xs:minInclusive value="2025-09-01T00:00:00Z"/></xs:restriction></xs:simpleType></xs:element>
        <xs:element name="Count" type="xs:positiveInteger" minOccurs="0"/>
        <xs:element name="Kind" type="xs:string" fixed="VAT" minOccurs="0"/>
        <xs:element name="Note" type="xs:token" minOccurs="0"/>
        <xs:element name="Empty" minOccurs="0"><xs:complexType/></xs:element>
        <xs:any namespace="urn:a urn:b" minOccurs="0" processContents="skip"/>
      </xs:sequence>
      <xs:attribute name="id" type="xs:string"/>
    </xs:complexType>
  </xs:element>
</xs:schema>
"""

HEAD = '<Head version="1">A</Head>'
PARTY = "<Party><Name>Jan</Name></Party>"
NS = "in namespace 'urn:t'"


def invoice(*parts: str, attributes: str = "") -> str:
    return f'<Invoice xmlns="urn:t"{attributes}>{"".join(parts)}</Invoice>'


def party(inside: str) -> str:
    return invoice(HEAD, f"<Party>{inside}</Party>")


def value(name: str, text: str, type_name: str, why: str, what: str = "element") -> list[str]:
    return [
        f"The '{name}' {what} is invalid - The value '{text}' is invalid according to its datatype"
        f" '{type_name}' - {why}"
    ]


def tail(rest: str) -> str:
    return invoice(HEAD, PARTY, rest)


BLANK = (
    "line-feed (#xA) or tab (#x9) characters, leading or trailing spaces and sequences of one or more spaces"
    " (#x20) are not allowed in 'xs:token'."
)
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
NIL = (
    "If the 'nillable' attribute is false in the schema, the 'xsi:nil' attribute must not be present in the"
    " instance."
)
#: What stands after Party, by what .NET expects there.
AFTER_PARTY = (
    f"'Net, Day, When, Since, Count, Kind, Note, Empty' {NS}"
    " as well as any element in namespace 'urn:a, urn:b'"
)

#: Documents and the validator's own sentences.
PAIRS: dict[str, tuple[str, list[str]]] = {
    "valid": (invoice(HEAD, PARTY), []),
    "a wildcard's element": (tail('<x xmlns="urn:b"/>'), []),
    "an unknown child": (
        party("<Name>Jan</Name><Bad/>"),
        [
            f"The element 'Party' {NS} has invalid child element 'Bad' {NS}."
            f" List of possible elements expected: 'Nip, Other, Phone, Role' {NS}."
        ],
    ),
    "a child without a namespace": (
        party('<Name xmlns="">Jan</Name>'),
        [
            f"The element 'Party' {NS} has invalid child element 'Name'."
            f" List of possible elements expected: 'Name' {NS}."
        ],
    ),
    "one child too many": (
        party("<Name>Jan</Name><Phone/><Phone/><Phone/>"),
        [
            f"The element 'Party' {NS} has invalid child element 'Phone' {NS}."
            f" List of possible elements expected: 'Role' {NS}."
        ],
    ),
    "nothing may follow": (
        party("<Name>Jan</Name><Role>1</Role><Role>1</Role>"),
        [f"The element 'Party' {NS} has invalid child element 'Role' {NS}."],
    ),
    "a group that is not finished": (
        tail("<Net>1</Net><Day>2026-01-01</Day>"),
        [
            f"The element 'Invoice' {NS} has invalid child element 'Day' {NS}."
            f" List of possible elements expected: 'Tax' {NS}."
        ],
    ),
    "several namespaces expected": (
        tail("<Bad/>"),
        [
            f"The element 'Invoice' {NS} has invalid child element 'Bad' {NS}."
            f" List of possible elements expected: {AFTER_PARTY}."
        ],
    ),
    "incomplete": (
        invoice(HEAD),
        [
            f"The element 'Invoice' {NS} has incomplete content."
            f" List of possible elements expected: 'Party' {NS}."
        ],
    ),
    "text among elements": (
        invoice(HEAD, PARTY, "text"),
        [
            f"The element 'Invoice' {NS} cannot contain text."
            f" List of possible elements expected: {AFTER_PARTY}."
        ],
    ),
    "text in an empty element": (
        tail("<Empty>x</Empty>"),
        ["The element cannot contain text. Content model is empty."],
    ),
    "a child in an empty element": (
        tail("<Empty><x/></Empty>"),
        [
            "The element 'urn:t:Empty' cannot contain child element 'urn:t:x' because the parent"
            " element's content model is empty."
        ],
    ),
    "a child in a value": (
        party("<Name>Jan<b/></Name>"),
        [
            "The element 'urn:t:Name' cannot contain child element 'urn:t:b' because the parent"
            " element's content model is text only."
        ],
    ),
    "an undeclared root": (
        '<Bill xmlns="urn:t"/>',
        ["The 'urn:t:Bill' element is not declared."],
    ),
    "a missing attribute": (
        invoice("<Head>A</Head>", PARTY),
        ["The required attribute 'version' is missing."],
    ),
    "an undeclared attribute": (
        invoice(HEAD, PARTY, attributes=' x="1"'),
        ["The 'x' attribute is not declared."],
    ),
    "an undeclared attribute in a namespace": (
        invoice(HEAD, PARTY, attributes=' xmlns:p="urn:p" p:x="1"'),
        ["The 'urn:p:x' attribute is not declared."],
    ),
    "another value than the fixed one": (
        invoice('<Head version="2">A</Head>', PARTY),
        ["The value of the 'version' attribute does not equal its fixed value."],
    ),
    "another value than the fixed one of an element": (
        tail("<Kind>KOR</Kind>"),
        ["The value of the 'urn:t:Kind' element does not equal its fixed value."],
    ),
    "an attribute's value": (
        invoice('<Head version="1" day="x">A</Head>', PARTY),
        value(
            "day",
            "x",
            "http://www.w3.org/2001/XMLSchema:date",
            "The string 'x' is not a valid Date value.",
            "attribute",
        ),
    ),
    "enumeration": (
        invoice('<Head version="1">C</Head>', PARTY),
        value("urn:t:Head", "C", "NormalizedString", "The Enumeration constraint failed."),
    ),
    "too short, of a nameless type": (
        party("<Name>J</Name>"),
        value("urn:t:Name", "J", "Token", "The actual length is less than the MinLength value."),
    ),
    "too long": (
        party("<Name>Janina</Name>"),
        value("urn:t:Name", "Janina", "Token", "The actual length is greater than the MaxLength value."),
    ),
    "nothing but blanks": (
        party("<Name>  </Name>"),
        value("urn:t:Name", "  ", "Token", BLANK),
    ),
    "nothing but blanks where nothing is allowed": (
        tail("<Note> </Note>"),
        value("urn:t:Note", " ", "http://www.w3.org/2001/XMLSchema:token", BLANK),
    ),
    "a pattern before the built-in type": (
        tail("<Net>1</Net><Tax>x</Tax>"),
        value("urn:t:Tax", "x", "urn:t:Priced", "The Pattern constraint failed."),
    ),
    "the built-in type": (
        tail("<Net>x</Net><Tax>1</Tax>"),
        value("urn:t:Net", "x", "urn:t:Amount", "The string 'x' is not a valid Decimal value."),
    ),
    "total digits": (
        tail("<Net>1234.56</Net><Tax>1</Tax>"),
        value("urn:t:Net", "1234.56", "urn:t:Amount", "The TotalDigits constraint failed."),
    ),
    "fraction digits": (
        tail("<Net>1.234</Net><Tax>1</Tax>"),
        value("urn:t:Net", "1.234", "urn:t:Amount", "The FractionDigits constraint failed."),
    ),
    "bounds": (
        tail("<Net>-10</Net><Tax>101</Tax>"),
        value("urn:t:Net", "-10", "urn:t:Amount", "The MinExclusive constraint failed.")
        + value("urn:t:Tax", "101", "urn:t:Priced", "The MaxInclusive constraint failed."),
    ),
    "no date": (
        tail("<Day>2026-02-30</Day>"),
        value(
            "urn:t:Day",
            "2026-02-30",
            "http://www.w3.org/2001/XMLSchema:date",
            "The string '2026-02-30' is not a valid Date value.",
        ),
    ),
    "no date and time": (
        tail("<When>2026-02-28</When>"),
        value(
            "urn:t:When",
            "2026-02-28",
            "http://www.w3.org/2001/XMLSchema:dateTime",
            "The string '2026-02-28' is not a valid DateTime value.",
        ),
    ),
    "no whole number": (
        tail("<Count>1.5</Count>"),
        value(
            "urn:t:Count",
            "1.5",
            "http://www.w3.org/2001/XMLSchema:positiveInteger",
            "The string '1.5' is not a valid Integer value.",
        ),
    ),
    "a number outside of the built-in type": (
        tail("<Count>0</Count>"),
        value(
            "urn:t:Count",
            "0",
            "http://www.w3.org/2001/XMLSchema:positiveInteger",
            "Value '0' was either too large or too small for PositiveInteger.",
        ),
    ),
    "a byte": (
        party("<Name>Jan</Name><Role>300</Role>"),
        value(
            "urn:t:Role",
            "300",
            "http://www.w3.org/2001/XMLSchema:byte",
            "The string '300' is not a valid SByte value.",
        ),
    ),
    "blanks around dates and times": (
        tail(
            "<Day>\n2026-02-28 </Day><When> 2026-02-28T01:02:03Z\n</When><Since>\t2026-01-01T00:00:00</Since>"
        ),
        [],
    ),
    "blanks around no date": (
        tail("<Day> 2026-02-30 </Day>"),
        value(
            "urn:t:Day",
            " 2026-02-30 ",
            "http://www.w3.org/2001/XMLSchema:date",
            "The string '2026-02-30' is not a valid Date value.",
        ),
    ),
    "a time without a zone at the bound": (tail("<Since>2025-09-01T00:00:00</Since>"), []),
    "a time before the bound": (
        tail("<Since> 2025-08-31T23:59:59Z </Since>"),
        value("urn:t:Since", " 2025-08-31T23:59:59Z ", "DateTime", "The MinInclusive constraint failed."),
    ),
    "attributes of XML": (
        invoice(HEAD, PARTY, attributes=' xml:lang="pl-PL" xml:space="preserve" xml:base="http://a.pl/"'),
        [],
    ),
    "an unknown attribute of XML": (
        invoice(HEAD, PARTY, attributes=' xml:lang="pl" xml:length="1"'),
        ["The 'http://www.w3.org/XML/1998/namespace:length' attribute is not declared."],
    ),
    "nil": (
        tail(f'<Net {XSI} xsi:nil="true"/><Tax>1</Tax><Day {XSI} xsi:nil="never">2026-01-01</Day>'),
        [
            NIL,
            *value("urn:t:Net", "", "urn:t:Amount", "The string '' is not a valid Decimal value."),
            NIL,
        ],
    ),
    "another type than the schema's": (
        tail(f'<Net {XSI} xsi:type="Code">1</Net><Tax {XSI} xsi:type="Priced">1</Tax>'),
        [
            "The xsi:type attribute value 'urn:t:Code' is not valid for the element 'urn:t:Net', either"
            " because it is not a type validly derived from the type in the schema, or because it has"
            " xsi:type derivation blocked."
        ],
    ),
    "a type that there is not": (
        tail(f'<Day {XSI} xsi:type="Date">2026-01-01</Day>'),
        ["This is an invalid xsi:type 'urn:t:Date'."],
    ),
    "what names no type": (
        invoice(
            HEAD,
            PARTY,
            *(
                f'<{name} {XSI} xsi:type="{text}">1</{name}>'
                for name, text in (("Net", "xs:decimal"), ("Tax", "a b"))
            ),
            f'<Day {XSI} xsi:type="">2026-01-01</Day><Count {XSI} xsi:type="1">1</Count>',
        ),
        [
            f"The attribute 'type' has an invalid value '{text}' according to its schema type 'QName' - {why}"
            for text, why in (
                ("xs:decimal", "'xs' is an undeclared prefix."),
                ("a b", "The ' ' character, hexadecimal value 0x20, cannot be included in a name."),
                ("", "The attribute value cannot be empty."),
                ("1", "Name cannot begin with the '1' character, hexadecimal value 0x31."),
            )
        ],
    ),
    "another attribute in the namespace of xsi": (
        tail(f'<Day {XSI} xsi:other="1">2026-01-01</Day>'),
        [
            "The attribute 'http://www.w3.org/2001/XMLSchema-instance:other' does not match one of the four"
            " allowed attributes in the 'xsi' namespace."
        ],
    ),
    "every fault, in order": (
        invoice('<Head version="2" x="1">C</Head>', "<Party><Name>J</Name><Bad/></Party>", "<Net>x</Net>"),
        [
            "The value of the 'version' attribute does not equal its fixed value.",
            "The 'x' attribute is not declared.",
            *value("urn:t:Head", "C", "NormalizedString", "The Enumeration constraint failed."),
            *value("urn:t:Name", "J", "Token", "The actual length is less than the MinLength value."),
            f"The element 'Party' {NS} has invalid child element 'Bad' {NS}."
            f" List of possible elements expected: 'Nip, Other, Phone, Role' {NS}.",
            *value("urn:t:Net", "x", "urn:t:Amount", "The string 'x' is not a valid Decimal value."),
            f"The element 'Invoice' {NS} has incomplete content."
            f" List of possible elements expected: 'Tax' {NS}.",
        ],
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_faults_are_told_in_dotnets_words(case: str) -> None:
    document, expected = PAIRS[case]
    faults = Schema(SCHEMA).faults(etree.fromstring(document))
    assert [fault.message for fault in faults] == expected


@needs_dotnet
def test_the_words_are_those_of_the_validator_itself(tmp_path: Path) -> None:
    schema = tmp_path / "t.xsd"
    schema.write_bytes(SCHEMA)
    told = sentences(schema, [document for document, _ in PAIRS.values()], tmp_path)
    assert dict(zip(PAIRS, told, strict=True)) == {case: expected for case, (_, expected) in PAIRS.items()}


def test_thousands_of_padded_dates_hide_nothing_that_stands_behind_them() -> None:
    crowd = SCHEMA.replace(b'name="Day" type="xs:date"', b'name="Day" type="xs:date" maxOccurs="unbounded"')
    days = "<Day> 2026-01-01 </Day>" * 3_000
    schema = Schema(crowd)
    assert schema.faults(etree.fromstring(tail(days))) == []
    (fault,) = schema.faults(etree.fromstring(tail(days + "<Empty>x</Empty>")))
    assert fault.kind is Kind.UNEXPECTED_TEXT


def test_a_root_in_an_unknown_namespace() -> None:
    # A warning of .NET's, which KSeF cannot but take for an error.
    (fault,) = Schema(SCHEMA).faults(etree.fromstring('<Invoice xmlns="urn:other"/>'))
    assert fault.kind is Kind.UNDECLARED_ROOT
    assert fault.message == "Could not find schema information for the element 'urn:other:Invoice'."


def test_a_fault_says_what_it_was_made_of() -> None:
    document = dedent("""\
        <p:Invoice xmlns:p="urn:t"><p:Head version="1">A</p:Head>
        <p:Party><p:Name>Jan</p:Name><p:Phone/><p:Phone/><p:Role>x</p:Role></p:Party>
        <p:Net>1.234</p:Net><p:Bad/></p:Invoice>""")
    role, net, bad = Schema(SCHEMA).faults(etree.fromstring(document))
    assert (role.path, role.line, role.facet) == ("/Invoice/Party/Role", 2, "lexical")
    assert (net.path, net.value, net.type) == ("/Invoice/Net", "1.234", "urn:t:Amount")
    assert (net.facet, net.limit) == ("fractionDigits", "2")
    assert (bad.path, bad.expected) == ("/Invoice/Bad", ("Tax",))


def test_a_document_cannot_make_the_validator_read_files(tmp_path: Path) -> None:
    other = tmp_path / "other.xsd"
    other.write_bytes(SCHEMA.replace(b"urn:t", b"urn:other"))
    document = (
        '<Invoice xmlns="urn:other" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xsi:schemaLocation="urn:other {other.as_uri()}"/>'
    )
    (fault,) = Schema(SCHEMA).faults(etree.fromstring(document))
    assert fault.kind is Kind.UNDECLARED_ROOT


def test_what_is_imported_is_found_beside_the_schema_or_by_its_address(tmp_path: Path) -> None:
    (tmp_path / "base.xsd").write_bytes(SCHEMA)
    importing = """
        <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:s">
          <xs:import namespace="urn:t" schemaLocation="{location}"/>
          <xs:element name="Price" type="t:Priced"/>
        </xs:schema>"""
    schema = tmp_path / "s.xsd"
    price = etree.fromstring('<Price xmlns="urn:s">x</Price>')
    for location in ("base.xsd", "http://example.test/schemas/base.xsd"):
        schema.write_text(importing.format(location=location))
        (fault,) = Schema(schema, lambda address: tmp_path / address.rpartition("/")[2]).faults(price)
        assert fault.message == value("urn:s:Price", "x", "urn:t:Priced", "The Pattern constraint failed.")[0]
    with pytest.raises(ValueError, match=r"http://example\.test/schemas/base\.xsd, which is not at hand"):
        Schema(schema).faults(price)


def test_a_part_of_a_document_can_be_judged() -> None:
    document = etree.fromstring(f"<wrapper><before/>{party('<Name>Jan</Name><Bad/>')}</wrapper>")
    (fault,) = Schema(SCHEMA).faults(document[1])
    assert fault.path == "/Invoice/Party/Bad"
