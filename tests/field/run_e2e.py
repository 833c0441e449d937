"""Runs a suite of `../shared/field/e2e` with its signatures made right: `run_e2e.py SUITE`.

Its signer canonicalises SignedInfo where it stands, with lxml, whose inclusive c14n of a subtree writes
a false `xmlns=""` below the second level. KSeF, xmlsec1 and .NET refuse such a signature, and so does the
mock: the octets that c14n 1.0 asks for are those of the element in a document of its own.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

from lxml import etree

_written = etree.tostring


def tostring(element: Any, *arguments: Any, **options: Any) -> Any:
    """`lxml.etree.tostring`, but for inclusive c14n of what stands in a larger document."""
    if options.get("method") == "c14n" and not options.get("exclusive"):
        alone = etree.fromstring(_written(element, with_tail=False))
        return _written(alone.getroottree(), *arguments, **options)
    return _written(element, *arguments, **options)


if __name__ == "__main__":
    suite = Path(sys.argv.pop(1))
    sys.path.insert(0, str(suite.parent))
    etree.tostring = tostring  # type: ignore[assignment]
    runpy.run_path(str(suite), run_name="__main__")
