"""How this very installation gets another extra: from where it has come itself."""

from __future__ import annotations

import json
from pathlib import Path

#: The name of the distribution.
NAME = "ksef-mock"


def how_to_install(*extras: str) -> str:
    """The command that brings these extras, such as `pip install "ksef-mock[client]"`.

    Where the distribution has not come from a package index, its folder, archive or repository stands there:
    pip has noted it in direct_url.json (PyPA, "Recording the Direct URL Origin"). In double quotes, which
    every shell understands.
    """
    wanted = f"[{','.join(extras)}]"
    origin = _origin()
    if origin is None:
        return f'pip install "{NAME}{wanted}"'
    url, vcs, is_editable = origin
    if vcs is not None:
        return f'pip install "{NAME}{wanted} @ {vcs}+{url}"'
    path = _path(url)
    if path is None:
        return f'pip install "{NAME}{wanted} @ {url}"'
    if not path.exists():  # an archive that was thrown away
        return f'pip install "{NAME}{wanted}"'
    if path.is_file():
        return f'pip install "{path}{wanted}"'
    place = "." if path == Path.cwd() else path
    return f'pip install {"-e " if is_editable else ""}"{place}{wanted}"'


def _origin() -> tuple[str, str | None, bool] | None:
    """URL, version control system, whether it is editable; None: it came by its name."""
    # Only who lacks something waits for this import.
    from importlib import metadata

    try:
        noted = metadata.distribution(NAME).read_text("direct_url.json")
    except metadata.PackageNotFoundError:  # the sources, on the path
        sources = Path(__file__).parents[2]
        return (sources.as_uri(), None, True) if (sources / "pyproject.toml").is_file() else None
    try:
        origin = json.loads(noted or "")
        vcs = origin.get("vcs_info", {})
        commit = vcs.get("requested_revision") or vcs.get("commit_id")
        url = origin["url"] + (f"@{commit}" if commit else "")
        return url, vcs.get("vcs"), bool(origin.get("dir_info", {}).get("editable"))
    except (ValueError, LookupError, AttributeError, TypeError):
        return None


def _path(url: str) -> Path | None:
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None
