"""A seed as a file: JSON, or YAML where PyYAML is installed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ksef_mock.core.installed import how_to_install
from ksef_mock.seed.model import Seed, SeedError, read_seed

_LARGEST_FILE = 10_000_000


def load_seed(path: Path) -> Seed:
    """The seed in a file: JSON if its name ends in .json, else YAML.

    Raises:
        SeedError: it cannot be read, is malformed, or an entry of it is wrong.
        ModuleNotFoundError: it is YAML, and PyYAML is not installed.
    """
    document = load_document(path)
    try:
        return read_seed(document, path.parent)
    except SeedError as error:
        raise SeedError(f"{path}: {error}") from None


def load_document(path: Path) -> Any:
    """What stands in a seed's file, whether it is a seed or not.

    Raises:
        SeedError, ModuleNotFoundError: as `load_seed`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise SeedError(f"{path}: {error.strerror or error}") from None
    if len(content) > _LARGEST_FILE:
        raise SeedError(f"{path}: larger than {_LARGEST_FILE:,} bytes")
    try:
        return _json(content) if path.suffix.lower() == ".json" else _yaml(content)
    except (ValueError, RecursionError) as error:
        raise SeedError(f"{path}: {error}") from None


def as_seed(seed: Path | str | Mapping[str, Any]) -> Seed:
    """A seed given as a file, or as a dictionary.

    Raises:
        SeedError, ModuleNotFoundError: as `load_seed`.
        TypeError: it is neither.
    """
    if isinstance(seed, Mapping):
        return read_seed(seed)
    if not isinstance(seed, str | Path):
        raise TypeError(f"seed is a file or a dictionary, not {seed!r}")
    return load_seed(Path(seed))


def _json(content: bytes) -> Any:
    return json.loads(content, object_pairs_hook=_members)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of a name that stands twice, the first value would be lost without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise SeedError(f"the key {twice!r} stands twice")
    return found


def _yaml(content: bytes) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"a seed in YAML needs PyYAML: {how_to_install('seed')}, or write it in JSON"
        ) from None

    class Loader(yaml.BaseLoader):
        """Leaves every scalar the text that it is; refuses a key that stands twice."""

    def mapping(loader: Loader, node: yaml.MappingNode) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str) or key in found:
                line = key_node.start_mark.line + 1
                raise SeedError(f"line {line}: the key {key!r} stands twice, or is no text")
            found[key] = loader.construct_object(value_node, deep=True)
        return found

    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    try:
        return yaml.load(content, Loader)  # noqa: S506  # a BaseLoader makes nothing but texts
    except yaml.YAMLError as error:
        raise SeedError(f"no YAML: {' '.join(str(error).split())}") from None
