"""A folder with invoices, to be kept in a repository: `NUMBER.xml` and `NUMBER.json` of each.

The document is a file as it was sent; the record beside it is indented JSON, its members always in the same
order, so that Git shows what has changed. An invoice without a document is a record alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Bytes of a file that is read.
_LARGEST = 10_000_000


@dataclass(frozen=True, slots=True)
class Written:
    """What writing has changed."""

    new: int = 0
    changed: int = 0
    same: int = 0
    #: Files there are of invoices that were not written: nobody has touched them.
    foreign: tuple[str, ...] = ()


class Folder:
    """One such folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, invoices: Iterator[dict[str, Any]]) -> Written:
        """Write invoices; a file that says the same already is left alone.

        Args:
            invoices: as `PortableInvoice`, decoded from JSON.

        Raises:
            OSError: a file cannot be written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        counts = {"new": 0, "changed": 0, "same": 0}
        names: set[str] = set()
        for invoice in invoices:
            number, document = invoice["ksefNumber"], invoice.get("document")
            record = {name: value for name, value in invoice.items() if name != "document"}
            files = {f"{number}.json": (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()}
            if document is not None:
                files[f"{number}.xml"] = document.encode()
            counts[max(self._put(name, octets) for name, octets in files.items()).removeprefix("~")] += 1
            names |= files.keys()
        foreign = {path.name for path in self._files()} - names
        return Written(**counts, foreign=tuple(sorted(foreign)))

    def read(self) -> Iterator[tuple[str, dict[str, Any] | str]]:
        """The invoices in the folder, by the names of their files, in order: as `PortableInvoice` in JSON, or
        why a file is none.

        Raises:
            OSError: there is no such folder.
        """
        if not self.path.is_dir():
            raise NotADirectoryError(f"{self.path} is no folder")
        files = {path.name: path for path in self._files()}
        for name in sorted(files):
            path = files[name]
            if path.suffix == ".xml":
                if f"{path.stem}.json" not in files:
                    yield name, f"there is no {path.stem}.json beside it"
                continue
            document = files.get(f"{path.stem}.xml")
            yield name, _invoice(path, document)

    def _files(self) -> Iterator[Path]:
        return (path for path in self.path.iterdir() if path.suffix in (".json", ".xml") and path.is_file())

    def _put(self, name: str, octets: bytes) -> str:
        """What became of a file; of the files of an invoice, the greatest of these words is what counts."""
        path = self.path / name
        try:
            if path.read_bytes() == octets:
                return "same"
            was = "~changed"
        except FileNotFoundError:
            was = "~new"
        path.write_bytes(octets)
        return was


def _invoice(record: Path, document: Path | None) -> dict[str, Any] | str:
    try:
        invoice = json.loads(_read(record))
        if not isinstance(invoice, dict):
            return "it is no JSON object"
        if invoice.get("ksefNumber") != record.stem:
            return f"ksefNumber: {invoice.get('ksefNumber')!r} is not what the file is called"
        if "document" in invoice:
            return "document: is a file of its own"
        if document is not None:
            invoice["document"] = _read(document).decode()
    except OSError as error:
        return error.strerror or str(error)
    except UnicodeDecodeError:
        return "it is no UTF-8"
    except (ValueError, RecursionError) as error:
        return f"it is no JSON: {error}"
    else:
        return invoice


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        octets = file.read(_LARGEST + 1)
    if len(octets) > _LARGEST:
        raise ValueError(f"{path.name} is larger than {_LARGEST:,} bytes")
    return octets
