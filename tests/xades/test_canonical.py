"""Canonical forms: subsets, inherited attributes of the xml: namespace, and Canonical XML 1.1."""

from __future__ import annotations

import base64
import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ksef_mock.xades.canonical import (
    C14N,
    C14N11,
    DEFAULT,
    EXC_C14N,
    METHODS,
    Canonicalization,
    Selection,
    Uncanonical,
    canonicalize,
)
from ksef_mock.xades.names import DS
from ksef_mock.xades.uris import join, remove_dot_segments
from tests.judges.programs import Absent, load_xmlsec

DOCUMENT = (
    b'<?pi before?><!-- before --><a xmlns="urn:a" xmlns:u="urn:u" xml:lang="pl" xml:space="preserve"'
    b' xml:id="one" xml:base="http://x/y/"><b xml:base="z/w"><c u:k="v"><!-- in -->t<![CDATA[<]]></c>tail</b>'
    b"</a><?pi after?>"
)


def form(path: str, uri: str, *, document: bool = False, comments: bool = False) -> bytes:
    root = etree.fromstring(DOCUMENT)
    found = root if path == "." else root.find(path, {"a": "urn:a"})
    assert found is not None
    return canonicalize(Selection(found, document, comments), METHODS[uri])


def test_a_document_comes_with_what_stands_beside_its_root_and_an_element_without() -> None:
    whole = form(".", C14N, document=True)
    assert whole.startswith(b"<?pi before?>\n<a ")
    assert whole.endswith(b"</a>\n<?pi after?>")
    alone = form(".", C14N)
    assert alone.startswith(b"<a ")
    assert alone.endswith(b"</a>")


@pytest.mark.parametrize("base", [C14N, C14N11, EXC_C14N])
def test_comments_need_both_a_selection_and_a_method_that_have_them(base: str) -> None:
    commented = f"{base}{'' if base.endswith('#') else '#'}WithComments"
    assert b"<!-- in -->" in form(".", commented, comments=True)
    assert b"<!-- before -->" in form(".", commented, document=True, comments=True)
    for uri, comments in ((commented, False), (base, True), (base, False)):
        assert b"<!--" not in form(".", uri, document=True, comments=comments)


def test_inclusive_1_0_inherits_every_attribute_of_the_xml_namespace() -> None:
    assert form("a:b/a:c", C14N) == (
        b'<c xmlns="urn:a" xmlns:u="urn:u" xml:base="z/w" xml:id="one" xml:lang="pl" xml:space="preserve"'
        b' u:k="v">t&lt;</c>'
    )


def test_inclusive_1_1_inherits_no_id_and_joins_the_bases() -> None:
    assert form("a:b/a:c", C14N11) == (
        b'<c xmlns="urn:a" xmlns:u="urn:u" xml:base="http://x/y/z/w" xml:lang="pl" xml:space="preserve"'
        b' u:k="v">t&lt;</c>'
    )
    assert b'<b xmlns="urn:a" xmlns:u="urn:u" xml:base="http://x/y/z/w" xml:lang="pl"' in form("a:b", C14N11)
    assert b'xml:base="z/w" xml:id="one"' in form("a:b", C14N)


def test_exclusive_inherits_nothing() -> None:
    assert form("a:b/a:c", EXC_C14N) == b'<c xmlns="urn:a" xmlns:u="urn:u" u:k="v">t&lt;</c>'
    assert form("a:b", EXC_C14N).startswith(b'<b xmlns="urn:a" xml:base="z/w"><c xmlns:u="urn:u"')


def test_own_attributes_win_over_inherited_ones() -> None:
    root = etree.fromstring(b'<a xml:lang="pl" xml:space="preserve"><b xml:lang="en"/></a>')
    for uri in (C14N, C14N11):
        assert canonicalize(Selection(root[0]), METHODS[uri]) == b'<b xml:lang="en" xml:space="preserve"></b>'


def test_nothing_in_the_document_changes() -> None:
    root = etree.fromstring(DOCUMENT)
    before = etree.tostring(root.getroottree())
    for element in root.iter("*"):
        for method in METHODS.values():
            canonicalize(Selection(element, without=tuple(root.iter("{urn:a}c"))), method)
    assert etree.tostring(root.getroottree()) == before


def test_what_is_cut_out_goes_and_the_text_after_it_stays() -> None:
    root = etree.fromstring(b"<a>1<s/>2<b/>3<s><s/></s>4</a>")
    signatures = tuple(root.iter("s"))
    for cut in (signatures, signatures[::-1], signatures * 2):
        assert canonicalize(Selection(root, without=cut), DEFAULT) == b"<a>12<b></b>34</a>"
    assert canonicalize(Selection(root[0], without=(root[0],)), DEFAULT) == b""
    assert canonicalize(Selection(root[2][0], without=(root[2],)), DEFAULT) == b""


def test_a_selection_covers_what_is_in_it() -> None:
    root = etree.fromstring(b"<a><s><t/></s><b/></a>")
    cut = Selection(root, without=(root[0],))
    assert cut.covers(root)
    assert cut.covers(root[1])
    assert not cut.covers(root[0])
    assert not cut.covers(root[0][0])
    assert not Selection(root[1]).covers(root)


@pytest.mark.parametrize("base", [C14N, C14N11])
def test_the_default_namespace_holds_however_deep_the_part_is(base: str) -> None:
    root = etree.fromstring(
        b'<?pi?><!-- c --><r xmlns="urn:r" xmlns:u="urn:u"><a xmlns="urn:a"><b><c><d xmlns=""><e/>'
        b'<f xmlns="urn:a"><g/></f></d><h u:k="v"/></c></b></a></r>'
    )
    inner = b'<d xmlns=""><e></e><f xmlns="urn:a"><g></g></f></d><h u:k="v"></h></c>'
    for path, begin, end in (
        ("{*}a", b'<a xmlns="urn:a" xmlns:u="urn:u"><b><c>', b"</b></a>"),
        ("{*}a/{*}b", b'<b xmlns="urn:a" xmlns:u="urn:u"><c>', b"</b>"),
        ("{*}a/{*}b/{*}c", b'<c xmlns="urn:a" xmlns:u="urn:u">', b""),
    ):
        found = root.find(path)
        assert found is not None
        assert canonicalize(Selection(found), METHODS[base]) == begin + inner + end
    whole = b'<r xmlns="urn:r" xmlns:u="urn:u"><a xmlns="urn:a"><b><c>' + inner + b"</b></a></r>"
    assert canonicalize(Selection(root), METHODS[base]) == whole


_PREFIXES = st.sampled_from(["", "p", "q"])


@st.composite
def _elements(draw: st.DrawFn, depth: int = 4) -> str:
    """An element that declares what it, an attribute or nothing of it uses, with elements in it."""
    prefix, kept = draw(_PREFIXES), draw(st.sets(_PREFIXES))
    uris = {name: ["urn:1", "urn:2"] if name else ["urn:1", "urn:a&amp;b", ""] for name in kept | {prefix}}
    declared = {name: draw(st.sampled_from(uris[name])) for name in sorted(uris)}
    names = "".join(f' xmlns{":" * bool(name)}{name}="{uri}"' for name, uri in declared.items())
    attribute = f' {prefix}:k="&#13;&lt;"' if prefix and draw(st.booleans()) else ""
    inside = "".join(draw(st.lists(_elements(depth - 1), max_size=2))) if depth else "t&#13;&gt;"
    name = f"{prefix}{':' * bool(prefix)}e"
    return f"<{name}{names if draw(st.booleans()) or prefix else ''}{attribute}>{inside}</{name}>"


@given(_elements(), st.sampled_from(['xmlns="urn:r" ', ""]))
def test_a_part_has_the_same_form_where_it_stands_and_in_a_document_of_its_own(
    text: str, default: str
) -> None:
    root = etree.fromstring(f'<r {default}xmlns:p="urn:p" xmlns:u="urn:u"><s>{text}</s></r>')
    for element in root.iter("*"):
        alone = etree.fromstring(etree.tostring(element, with_tail=False))
        for method in (*METHODS.values(), Canonicalization(EXC_C14N, prefixes=("#default", "u", "q"))):
            whole = canonicalize(Selection(alone, document=True), method)
            assert canonicalize(Selection(element), method) == whole


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (
            b'<q:a xmlns:q="urn:q" xmlns="urn:d"><q:b/></q:a>',
            b'<q:a xmlns="urn:d" xmlns:q="urn:q"><q:b></q:b></q:a>',
        ),
        (
            b'<q:a xmlns:q="urn:q"><b xmlns="urn:d"><q:c/></b></q:a>',
            b'<q:a xmlns:q="urn:q"><b xmlns="urn:d"><q:c></q:c></b></q:a>',
        ),
        (
            b'<q:a xmlns:q="urn:q"><q:b xmlns="urn:d"/></q:a>',
            b'<q:a xmlns:q="urn:q"><q:b xmlns="urn:d"></q:b></q:a>',
        ),
    ],
)
def test_a_prefix_list_may_name_the_default_namespace(text: bytes, form: bytes) -> None:
    method = Canonicalization(EXC_C14N, prefixes=("#default",))
    root = etree.fromstring(text)
    assert canonicalize(Selection(root, document=True), method) == form
    assert canonicalize(Selection(root), method) == form


@given(
    _elements(),
    st.sampled_from(sorted(METHODS)),
    st.lists(st.sampled_from(["#default", "p", "q", "u", "absent"]), unique=True),
    st.integers(0, 20),
)
def test_libxmlsec_agrees_on_the_octets_of_any_part(
    text: str, uri: str, prefixes: list[str], place: int
) -> None:
    try:
        xmlsec = load_xmlsec()
    except Absent as error:
        pytest.skip(str(error))
    method, parameters = METHODS[uri], ""
    if method.base == EXC_C14N and prefixes:
        method = msgspec.structs.replace(method, prefixes=tuple(prefixes))
        parameters = f'<i:InclusiveNamespaces xmlns:i="{EXC_C14N}" PrefixList="{" ".join(prefixes)}"/>'
    signature = (
        f'<s:Signature xmlns:s="{DS}"><s:SignedInfo><s:CanonicalizationMethod Algorithm="{EXC_C14N}"/>'
        f'<s:SignatureMethod Algorithm="{DS}hmac-sha1"/><s:Reference URI="#part"><s:Transforms>'
        f'<s:Transform Algorithm="{uri}">{parameters}</s:Transform></s:Transforms>'
        '<s:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><s:DigestValue/></s:Reference>'
        "</s:SignedInfo><s:SignatureValue/></s:Signature>"
    )
    root = etree.fromstring(f'<r xmlns="urn:r" xmlns:u="urn:u" xmlns:q="urn:0"><s>{text}</s>{signature}</r>')
    parts = list(root[0].iter("*"))
    part = parts[place % len(parts)]
    part.set("Id", "part")
    ours = hashlib.sha256(canonicalize(Selection(part), method)).digest()
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_binary_data(xmlsec.constants.KeyDataHmac, b"key")
    context.register_id(part, "Id")
    context.sign(root[1])
    theirs = root[1].findtext(f".//{{{DS}}}DigestValue")
    assert theirs is not None
    assert base64.b64decode(theirs) == ours


def test_a_relative_namespace_name_has_no_canonical_form() -> None:
    root = etree.fromstring(b'<a xmlns="relative"/>')
    with pytest.raises(Uncanonical):
        canonicalize(Selection(root), DEFAULT)


@pytest.mark.parametrize(
    ("base", "reference", "joined"),
    [
        # the examples of RFC 3986, 5.4, as far as Canonical XML 1.1 leaves them
        ("http://a/b/c/d;p?q", "g:h", "g:h"),
        ("http://a/b/c/d;p?q", "g", "http://a/b/c/g"),
        ("http://a/b/c/d;p?q", "./g", "http://a/b/c/g"),
        ("http://a/b/c/d;p?q", "g/", "http://a/b/c/g/"),
        ("http://a/b/c/d;p?q", "/g", "http://a/g"),
        ("http://a/b/c/d;p?q", "//g", "http://g"),
        ("http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y"),
        ("http://a/b/c/d;p?q", "g?y", "http://a/b/c/g?y"),
        ("http://a/b/c/d;p?q", "", "http://a/b/c/d;p?q"),
        ("http://a/b/c/d;p?q", ".", "http://a/b/c/"),
        ("http://a/b/c/d;p?q", "..", "http://a/b/"),
        ("http://a/b/c/d;p?q", "../g", "http://a/b/g"),
        ("http://a/b/c/d;p?q", "../../g", "http://a/g"),
        ("http://a/b/c/d;p?q", "../../../g", "http://a/g"),
        ("http://a", "g", "http://a/g"),
        # relative bases: `..` with nothing to climb stays
        ("a/b", "c", "a/c"),
        ("a/", "../../c", "../c"),
        ("..", "x", "../x"),
        ("", "../x", "../x"),
        ("a/b#f", "c#g", "a/c"),
    ],
)
def test_bases_are_joined(base: str, reference: str, joined: str) -> None:
    assert join(base, reference) == joined


@given(st.lists(st.sampled_from(["a", "b", ".", "..", ""])), st.booleans())
def test_dot_segments_are_removed_once_and_for_all(segments: list[str], absolute: bool) -> None:
    path = "/" * absolute + "/".join(segments)
    once = remove_dot_segments(path)
    assert remove_dot_segments(once) == once
    inner = once.strip("/").split("/")
    assert "." not in inner
    assert ".." not in inner[inner.count("..") :]
