"""The schemas that invoices are judged by: FA(3) written here, the others in a checkout of the ministry's."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from ksef_mock.core.xsd import Schema
from ksef_mock.ksef.invoices.forms import FA3, FORMS, Form
from ksef_mock.ksef.invoices.schemas.notation import schemas


class Schemas:
    """The schemas at hand, each compiled when it is first needed.

    Args:
        folder: the ministry's repository, or its folder of schemas; None for FA(3) alone.

    Raises:
        ValueError: there are no schemas of the ministry's below `folder`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._official = {} if folder is None else _official(folder)

    def __reduce__(self) -> tuple[Callable[[Path | None], Schemas], tuple[Path | None]]:
        # Another process reads them itself, once.
        return _shared, (self._folder,)

    def of(self, form: Form) -> Schema | None:
        """The schema of a form; None if it is not at hand."""
        return self._official.get(form.schema) or (_fa3() if form == FA3 else None)


@cache
def _shared(folder: Path | None) -> Schemas:
    return Schemas(folder)


def _official(folder: Path) -> dict[str, Schema]:
    """Schemas by their place in the ministry's folder, wherever below `folder` that lies."""
    found = {path.name: path for path in sorted(folder.rglob("*.xsd"))}

    def locate(address: str) -> Path | None:
        return found.get(address.rpartition("/")[2])

    official = {
        form.schema: Schema(path, locate)
        for form in FORMS
        if (path := found.get(form.schema.rpartition("/")[2])) is not None
    }
    if not official:
        raise ValueError(f"{folder} holds none of the ministry's schemas of invoices")
    return official


@cache
def _fa3() -> Schema:
    documents = schemas(Path(__file__).with_name("fa-3.txt").read_text("utf-8"))
    return Schema(documents[FA3.namespace], documents.get)
