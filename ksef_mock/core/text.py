"""Text from outside on its way to a terminal, a log or the journal."""

from __future__ import annotations

import re
from typing import Any

#: Characters of one text that are kept. The longest of the mock's own explanations has 700.
LONGEST = 1_000

_KSEF_TOKEN = re.compile(r"([0-9]{8}-EC-[0-9A-F-]{24}\|[A-Za-z]{1,12}-[^|]{1,40}\|)(.+)", re.DOTALL)
#: The same amid other text, and a JWT: with its signature, or it could not be used. What stands before it
#: without a break counts as its beginning: whoever writes eyJ a thousand times is not looked at from each.
_SECRETS = re.compile(
    r"[0-9]{8}-EC-[0-9A-F-]{24}\|[A-Za-z]{1,12}-[^|]{1,40}\|[^\s|/&'\"]{16,}"
    r"|(?<![\w-])(?>[\w-]*?eyJ)[\w-]{8,}+\.[\w-]{8,}+\.[\w-]{8,}+"
)


def visible(text: str, *, keep: str = "") -> str:
    """The same with its control characters (but those in `keep`) to be seen instead of obeyed."""
    return "".join(c if c.isprintable() or c in keep else repr(c)[1:-1] for c in text)


def counted(number: int, things: str) -> str:
    """`1 requirement`, `2 requirements`: a number with its noun, which is given as a plural in -s."""
    return f"{number} {things.removesuffix('s') if number == 1 else things}"


def masked(secret: str) -> str:
    """Enough of a secret to recognise it, too little to use it.

    Of a KSeF token the public parts (reference number, context) stay readable.
    """
    match = _KSEF_TOKEN.fullmatch(secret)
    public, private = (match[1], match[2]) if match else ("", secret)
    shown = private[:4] if len(private) >= 16 else ""
    return f"{public}{shown}…({len(private)} characters)"


def _may_have_secrets(text: str) -> bool:
    return "eyJ" in text or ("-EC-" in text and "|" in text)


def fits(text: str, octets: int) -> bool:
    """Whether an `Allowance` of so many octets would surely keep a text, and each part of it, as it is."""
    return len(text) <= min(octets, LONGEST) and text.isascii() and not _may_have_secrets(text)


def kept(text: str, longest: int = LONGEST) -> str:
    """What may be kept of a text that a stranger wrote: cut, and with what looks like a secret masked."""
    if len(text) > 16 * longest:
        text = text[: 16 * longest]  # not even searched
    if _may_have_secrets(text):
        text = _SECRETS.sub(lambda found: masked(found[0]), text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


class Allowance:
    """How many octets the texts of one thing may still take; a letter that is not ASCII counts as four."""

    #: Parts of a list that are kept.
    _MOST = 32

    def __init__(self, octets: int) -> None:
        self._octets = octets

    def bound(self, value: Any) -> Any:
        """What may be kept of JSON-like data, in the order in which it stands; of octets the first ones."""
        match value:
            case str():
                return self.take(value)
            case bytes():
                value = value[: self._octets]
                self._octets -= len(value)
            case dict():
                return {key: self.bound(member) for key, member in value.items()}
            case list() | tuple():
                return [self.bound(member) for member in value[: self._MOST]]
        return value

    def take(self, text: str, longest: int = LONGEST) -> str:
        """`kept(text)`, or as much of it as the allowance still admits."""
        text = kept(text, longest)
        width = 1 if text.isascii() else 4
        if len(text) * width > self._octets:
            text = text[: max(0, self._octets // width - 1)] + "…"
        self._octets = max(0, self._octets - len(text) * width)
        return text
