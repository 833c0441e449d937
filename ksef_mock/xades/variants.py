"""What a part of a document would have looked like to a signer who made one of the usual mistakes.

Nothing here is believed: a variant explains a failure only if its octets have the digest, or the signature,
that the document states.
"""

from __future__ import annotations

import codecs
import contextlib
import copy
import re
from collections.abc import Callable, Collection, Iterator
from itertools import combinations, islice, product
from typing import Any, TypeVar

import msgspec
from lxml import etree

from ksef_mock.xades.budget import Budget
from ksef_mock.xades.canonical import (
    EXC_C14N,
    METHODS,
    Canonicalization,
    Selection,
    Uncanonical,
    canonicalize,
    cut_all,
    cut_out,
    in_place,
    serialize,
)
from ksef_mock.xades.names import ds, local_name
from ksef_mock.xades.parsing import canonical_octets

_Part = TypeVar("_Part")

#: Namespace contexts are tried in all combinations of this many declarations at most.
_MAX_DECLARATIONS = 6
#: What pretty printers indent by, and what that is called.
_INDENTS = {"  ": "2 blanks", "    ": "4 blanks", "\t": "a tab", "": "line breaks alone"}
#: Question marks that are read as the Polish letters that they may have been.
_MAX_QUESTION_MARKS = 2
_POLISH = "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ"
#: Elements of the same name whose text is looked at.
_MAX_TEXTS = 3
#: What UTF-8 is taken for by mistake.
_CHARSETS = ("iso-8859-1", "windows-1252", "windows-1250", "iso-8859-2")


class Variant(msgspec.Struct, frozen=True):
    """Octets that a signer may have hashed instead, and what that would mean."""

    octets: bytes
    mistake: str


class Variants:
    """Variants of the parts of one document, the likelier ones first; each is paid for when it is made."""

    def __init__(self, document: bytes, budget: Budget, words: Collection[str] = ()) -> None:
        """`words`: with letters beyond ASCII, that may have stood in the document."""
        self._document = document
        self._budget = budget
        self._words = words
        self._cost = canonical_octets(document)

    def of(self, selection: Selection, method: Canonicalization, octets: bytes) -> Iterator[Variant]:
        """Variants of the part that `selection` and `method` turned into `octets`.

        Raises:
            Spent: the budget's end.
        """
        yield from self._other_methods(selection, method)
        yield from self._in_place(selection, method)
        yield from _line_ends(octets)
        yield from _characters(octets)
        yield from _restored(octets, self._words)
        if not selection.document:
            yield from self._raw(local_name(selection.apex))
        self._budget.read(self._cost)
        apex = selection.isolate()
        if apex is None:
            return
        if selection.document and (apex.getprevious() is not None or apex.getnext() is not None):
            alone = self._attempt(serialize, apex, method)
            if alone is not None:
                yield Variant(
                    alone,
                    "what stands beside the root element, a processing instruction or comment,"
                    " was added after signing",
                )
        yield from self._namespaces(apex, method, octets)
        yield from self._white_space(apex, method)
        yield from self._indented_with_cuts(selection, method)
        yield from _not_canonical(apex)

    def with_signature(
        self, selection: Selection, method: Canonicalization, own_digest: etree._Element
    ) -> Iterator[Variant]:
        """The part with the signature left in, as it may have been when the digest was taken.

        `own_digest`: the ds:DigestValue of the reference, in which the digest cannot have stood yet.

        Raises:
            Spent: the budget's end.
        """
        (signature, *_) = selection.without
        info = next(iter(signature), None)
        value = next(signature.iterchildren(ds("SignatureValue")), None)
        digests = [] if info is None else list(info.iter(ds("DigestValue")))
        stages: list[tuple[list[etree._Element], list[etree._Element]]] = [
            ([own_digest, *_present(value)], []),
            ([*digests, *_present(value)], []),
            ([own_digest], _present(value)),
            (digests, _present(value)),
            ([], list(signature)),
        ]
        whole = msgspec.structs.replace(selection, without=())
        for emptied, removed in stages:
            altered = self._altered(whole, emptied, removed)
            octets = self._attempt(serialize, altered.getroottree() if whole.document else altered, method)
            if octets is not None:
                yield Variant(
                    octets, "the digest was taken with the signature in the document, still unfinished"
                )

        for placeholder in _PLACEHOLDERS:
            self._budget.read(self._cost)
            apex, (place,) = whole.isolate_with((signature,))
            empty = etree.fromstring(placeholder)
            empty.tail = place.tail
            parent = place.getparent()
            if parent is not None:
                parent.replace(place, empty)
                octets = self._attempt(serialize, apex.getroottree() if whole.document else apex, method)
                if octets is not None:
                    yield Variant(
                        octets, "the digest was taken with an empty Signature where the signature stands now"
                    )

    def _altered(
        self, whole: Selection, emptied: list[etree._Element], removed: list[etree._Element]
    ) -> etree._Element:
        self._budget.read(self._cost)
        apex, copies = whole.isolate_with((*emptied, *removed))
        for element in copies[: len(emptied)]:
            element.text = None
        for element in copies[len(emptied) :]:
            cut_out(element)
        return apex

    def _raw(self, name: str) -> Iterator[Variant]:
        """The part as text, as it stands in the document."""
        opening = re.compile(rb"<((?:[\w.-]+:)?%b)[\s>]" % re.escape(name).encode())
        for found in islice(opening.finditer(self._document), _MAX_TEXTS):
            self._budget.read(len(self._document))
            end = self._document.find(b"</" + found[1], found.start())
            text = self._document[found.start() : self._document.find(b">", end) + 1]
            yield Variant(
                text, f"the text of {name} as it stands in the document was used, not its canonical form"
            )

    def _indented_with_cuts(self, selection: Selection, method: Canonicalization) -> Iterator[Variant]:
        """Indented with everything in it that the transforms take out: its white space stays."""
        if not selection.without:
            return
        whole = msgspec.structs.replace(selection, without=())
        for indent, unit in _INDENTS.items():
            self._budget.read(self._cost)
            apex, cuts = whole.isolate_with(selection.without)
            _drop_blanks(apex)
            etree.indent(apex, indent)
            cut_all(cuts)
            octets = self._attempt(serialize, apex.getroottree() if selection.document else apex, method)
            if octets is not None:
                yield Variant(octets, _REMOVED.format(unit))

    def of_document(self) -> Iterator[Variant]:
        """The document's own bytes, uncanonicalised, with and without its signature."""
        document = self._document
        bare = _DECLARATION.sub(b"", document.removeprefix(codecs.BOM_UTF8))
        for octets, what in (
            (document, "the document's bytes as they are"),
            (bare, "the document's bytes without XML declaration"),
            (_without_signature(document), "the document's bytes with the signature cut out"),
            (_without_signature(bare), "the document's bytes with signature and XML declaration cut out"),
        ):
            for ending in (b"", b"\n", b"\r\n"):
                for mark, marked in ((b"", ""), (codecs.BOM_UTF8, ", with a byte order mark in front")):
                    for text in dict.fromkeys((octets.strip() + ending, octets + ending)):
                        yield Variant(mark + text, f"{what} were hashed, not canonicalised{marked}")

    def _other_methods(self, selection: Selection, method: Canonicalization) -> Iterator[Variant]:
        for comments in (selection.comments, not selection.comments):
            for other in METHODS.values():
                octets = self._attempt(
                    canonicalize, msgspec.structs.replace(selection, comments=comments), other
                )
                if octets is not None:
                    same = _or_without_context(selection.apex) if _is_narrower(other, method) else ""
                    yield Variant(octets, f"canonicalised by {other.uri} instead of {method.uri}{same}")
        if method.prefixes:
            octets = self._attempt(canonicalize, selection, msgspec.structs.replace(method, prefixes=()))
            if octets is not None:
                yield Variant(octets, "canonicalised without the InclusiveNamespaces PrefixList")

    def _in_place(self, selection: Selection, method: Canonicalization) -> Iterator[Variant]:
        """What lxml makes of a part where it stands, as every signer does that calls it (see `canonical`)."""
        if method.base == EXC_C14N or selection.document or selection.without:
            return
        self._budget.read(self._cost)
        with contextlib.suppress(Uncanonical):
            made = in_place(selection.apex)
            if b' xmlns=""' not in made:
                return
            yield Variant(
                made,
                f"lxml canonicalised the {local_name(selection.apex)} where it stands, and so undeclared its"
                ' default namespace (xmlns="") further down; it has to be done in a document of its own',
            )

    def _namespaces(self, apex: etree._Element, method: Canonicalization, octets: bytes) -> Iterator[Variant]:
        name = local_name(apex)
        if not apex.prefix:
            without = re.sub(rb' xmlns="[^"]*"', b"", octets)
            yield Variant(without, f"{name} was signed before it got its default namespace (xmlns)")
        if method.base == EXC_C14N:
            return
        optional = sorted((prefix for prefix in apex.nsmap if prefix != apex.prefix), key=str)[
            :_MAX_DECLARATIONS
        ]
        for count in range(len(optional)):
            for kept in combinations(optional, count):
                alone = self._attempt(serialize, _in_context(apex, kept), method)
                if alone is not None:
                    missing = ", ".join(_xmlns(prefix) for prefix in optional if prefix not in kept)
                    yield Variant(
                        alone,
                        f"{name} was canonicalised outside its namespace context: without {missing} in scope",
                    )

    def _white_space(self, apex: etree._Element, method: Canonicalization) -> Iterator[Variant]:
        changes: list[tuple[str, Callable[[etree._Element], None]]] = [
            ("white space between elements was added after signing (pretty-printed)", _drop_blanks),
            ("white space around values was added after signing", _trim),
            ("line breaks were put into base64 or other values after signing", _join_lines),
        ]
        changes += [(_REMOVED.format(unit), _indenter(indent)) for indent, unit in _INDENTS.items()]
        if local_name(apex) == "Object" and len(list(apex.iterchildren("*"))) == 1:
            # What is in it was a document of its own.
            changes += [
                (_REMOVED.format(unit), _indenter(indent, content=True)) for indent, unit in _INDENTS.items()
            ]
        for mistake, change in changes:
            self._budget.read(self._cost)
            altered = Selection(apex).isolate()
            assert altered is not None
            change(altered)
            octets = self._attempt(serialize, altered, method)
            if octets is not None:
                yield Variant(octets, mistake)

    def _attempt(
        self, make: Callable[[_Part, Canonicalization], bytes], part: _Part, method: Canonicalization
    ) -> bytes | None:
        self._budget.read(self._cost)
        try:
            return make(part, method)
        except Uncanonical:
            return None


#: What templates have in place of a signature.
_PLACEHOLDERS = tuple(
    f"<{prefix}Signature xmlns{':' * bool(prefix)}{prefix[:-1]}='http://www.w3.org/2000/09/xmldsig#'/>"
    for prefix in ("ds:", "")
)
_REMOVED = "white space between elements (indentation by {}) was removed after signing"
_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*\?>\s*")
_SIGNATURE = re.compile(rb"<((?:[\w.-]+:)?Signature)[\s>]")


def _without_signature(document: bytes) -> bytes:
    """The document's text without that of its signature."""
    opening = _SIGNATURE.search(document)
    if opening is None:
        return document
    closing = b"</" + opening[1] + b">"
    end = document.rfind(closing)
    return document if end < 0 else document[: opening.start()] + document[end + len(closing) :]


def _is_narrower(other: Canonicalization, method: Canonicalization) -> bool:
    return other.base == EXC_C14N and method.base != EXC_C14N


def _or_without_context(apex: etree._Element) -> str:
    """Exclusive c14n makes the same octets as inclusive c14n of a part torn from its namespace context."""
    if apex.getparent() is None and len(apex.nsmap) == 1:
        return ""
    return f", or the {local_name(apex)} was outside its namespace context, which comes to the same"


def _line_ends(octets: bytes) -> Iterator[Variant]:
    yield Variant(
        octets.replace(b"\n", b"\r\n"), "signed with CRLF line ends, which any XML parser turns into LF"
    )
    yield Variant(octets.replace(b"\n", b"&#xD;\n"), "signed with CRLF line ends, sent with LF")
    yield Variant(
        octets.replace(b"&#xD;", b""), "signed with LF line ends, sent with carriage returns as &#13;"
    )
    yield Variant(octets + b"\n", "signed with a newline at the end")
    yield Variant(codecs.BOM_UTF8 + octets, "signed with a byte order mark in front")
    yield Variant(
        b'<?xml version="1.0" encoding="UTF-8"?>' + octets, "signed with the XML declaration in front"
    )
    yield Variant(
        b'<?xml version="1.0" encoding="utf-8"?>' + octets, "signed with the XML declaration in front"
    )


def _in_context(apex: etree._Element, kept: tuple[str | None, ...]) -> etree._Element:
    """A copy on its own, with its own and the `kept` declarations on it; others where they are used."""
    nsmap = {prefix: apex.nsmap[prefix] for prefix in (*kept, apex.prefix) if prefix in apex.nsmap}
    # The stubs know neither the default namespace's key, None, nor that names come back as they went in.
    attributes: dict[str, Any] = dict(apex.attrib.items())  # type: ignore[arg-type]
    alone = etree.Element(apex.tag, attributes, nsmap=nsmap)  # type: ignore[arg-type]
    alone.text = apex.text
    for child in apex:
        alone.append(copy.deepcopy(child))
    return alone


def _xmlns(prefix: str | None) -> str:
    return f"xmlns:{prefix}" if prefix else "xmlns"


def _characters(octets: bytes) -> Iterator[Variant]:
    """Letters beyond ASCII that became others on the way, or were hashed as others."""
    text = octets.decode("utf-8")
    if "?" in text and text.count("?") <= _MAX_QUESTION_MARKS:
        for letters in product(_POLISH, repeat=text.count("?")):
            parts = zip(text.split("?"), (*letters, ""), strict=True)
            guess = "".join(part + letter for part, letter in parts)
            yield Variant(guess.encode(), "letters beyond ASCII were replaced by ? after signing")
    if text.isascii():
        return
    for charset in _CHARSETS:
        with contextlib.suppress(UnicodeError):
            original = text.encode(charset, _CONTROLS)
            original.decode("utf-8")
            yield Variant(original, f"UTF-8 was read as {charset} and encoded again after signing")
        with contextlib.suppress(UnicodeError):
            yield Variant(text.encode(charset), f"the text was hashed in {charset}, it has to be UTF-8")
        with contextlib.suppress(UnicodeError):
            twice = octets.decode(charset, _CONTROLS).encode()
            yield Variant(twice, f"UTF-8 was read as {charset} and encoded again before it was hashed")
    yield Variant(text.encode("ascii", "replace"), "letters beyond ASCII were hashed as ?")


def _restored(octets: bytes, words: Collection[str]) -> Iterator[Variant]:
    """With the letters that the words of the certificate have, where something stands for them."""
    text = octets.decode("utf-8")
    for lose in _LOSSES:
        original = text
        for word in words:
            original = original.replace(lose(word), word)
        if original != text:
            yield Variant(original.encode(), "letters beyond ASCII were replaced by ? after signing")


def _per_octet(mark: str) -> Callable[[str], str]:
    return lambda word: "".join(each if each.isascii() else mark * len(each.encode()) for each in word)


#: What becomes of letters that a program cannot write or read.
_LOSSES: tuple[Callable[[str], str], ...] = (
    lambda word: word.encode("ascii", "replace").decode(),
    lambda word: word.encode("latin-1", "replace").decode("latin-1"),
    _per_octet("?"),
    _per_octet("\ufffd"),
)


def _as_controls(error: UnicodeError) -> tuple[str | bytes, int]:
    """Octets that a code page leaves undefined are control characters of that number, as .NET reads them."""
    if isinstance(error, UnicodeEncodeError) and 0x80 <= ord(error.object[error.start]) < 0xA0:
        return bytes([ord(error.object[error.start])]), error.start + 1
    if isinstance(error, UnicodeDecodeError):
        return chr(error.object[error.start]), error.start + 1
    raise error


_CONTROLS = "ksef-mock-controls"
codecs.register_error(_CONTROLS, _as_controls)


def _present(element: etree._Element | None) -> list[etree._Element]:
    return [] if element is None else [element]


def _drop_blanks(apex: etree._Element) -> None:
    for element in apex.iter("*"):
        if len(element) and not (element.text or "").strip():
            element.text = None
        if element is not apex and not (element.tail or "").strip():
            element.tail = None


def _trim(apex: etree._Element) -> None:
    for element in apex.iter("*"):
        if not len(element):
            element.text = (element.text or "").strip()


def _join_lines(apex: etree._Element) -> None:
    for element in apex.iter("*"):
        if not len(element):
            element.text = "".join(line.strip() for line in (element.text or "").splitlines())


def _indenter(indent: str, *, content: bool = False) -> Callable[[etree._Element], None]:
    """Indents an element or, with `content`, the one in it."""

    def change(apex: etree._Element) -> None:
        _drop_blanks(apex)
        etree.indent(next(apex.iterchildren("*")) if content else apex, indent)

    return change


def _not_canonical(apex: etree._Element) -> Iterator[Variant]:
    alone = copy.deepcopy(apex)
    alone.tail = None
    yield Variant(
        etree.tostring(alone, encoding="utf-8"), "serialised but not canonicalised (<a/> is not <a></a>)"
    )
