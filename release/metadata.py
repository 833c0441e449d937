"""What the package index shows beside pyproject.toml: the project's addresses, and the README for there.

The README in the repository is for whoever reads it there: its links are relative, it installs from a clone.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hatchling.metadata.plugin.interface import MetadataHookInterface

#: Takes the place of the constant in pyproject.toml.
VARIABLE = "KSEF_MOCK_REPOSITORY"

#: Targets of links and images that are paths: neither an address nor a place in the page.
_RELATIVE = re.compile(r"(?P<image>!?)(?P<text>\[[^\]]*\])\((?P<path>(?!\w+:|#)[^)\s]+)\)")
_CLONE_ONLY = re.compile(r"<!-- in a clone -->.*?<!-- anywhere -->\n", re.DOTALL)
_COMMENT = re.compile(r"^<!-- .* -->\n", re.MULTILINE)


def repository_of(pyproject: dict[str, Any]) -> str:
    """The address of the repository; empty if it is not known."""
    constant: str = pyproject["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]
    return (os.environ.get(VARIABLE) or constant).rstrip("/")


def urls(repository: str, version: str) -> dict[str, str]:
    """The project's addresses by their names, as the index shows them."""
    return {
        "Source": repository,
        "Documentation": _address(repository, version, "docs/README.md"),
        "Changelog": _address(repository, version, "CHANGELOG.md"),
        "Issues": f"{repository}/issues",
    }


def readme(text: str, repository: str, version: str) -> str:
    """The README with absolute links to what this version has, installed by its name."""

    def absolute(link: re.Match[str]) -> str:
        address = _address(repository, version, link["path"], "raw" if link["image"] else "blob")
        return f"{link['image']}{link['text']}({address})"

    text = _COMMENT.sub("", _CLONE_ONLY.sub("", text))
    text = text.replace("pip install '.[", "pip install 'ksef-mock[").replace("`'.[", "`'ksef-mock[")
    return _RELATIVE.sub(absolute, text.replace("`pip install .`", "`pip install ksef-mock`"))


def _address(repository: str, version: str, path: str, kind: str = "blob") -> str:
    # GitLab keeps its own words apart from the names of projects.
    infix = "/-" if "gitlab" in (urlsplit(repository).hostname or "") else ""
    return f"{repository}{infix}/{kind}/v{version}/{path}"


class CustomMetadataHook(MetadataHookInterface):
    """Fills in the fields that pyproject.toml calls dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `readme` and, where the repository is known, `urls`."""
        text = Path(self.root, "README.md").read_text("utf-8")
        repository = (os.environ.get(VARIABLE) or self.config["repository"]).rstrip("/")
        if repository:
            metadata["urls"] = urls(repository, metadata["version"])
            text = readme(text, repository, metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
