"""Joining xml:base values, as Canonical XML 1.1 does it (section 2.4 and appendix A)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit


def join_bases(bases: Iterable[str]) -> str:
    """One xml:base from those of an element and its omitted ancestors, outermost first."""
    joined = ""
    for base in bases:
        joined = join(joined, base)
    return joined


def join(base: str, reference: str) -> str:
    """`reference` as seen from `base`, both of which may be relative.

    RFC 3986, 5.2, with the changes of Canonical XML 1.1: a base without a scheme is fine, fragments vanish,
    and `..` that has nothing left to climb stays.
    """
    if base.endswith(".."):
        base += "/"
    outer, inner = urlsplit(base), urlsplit(reference)
    scheme, authority, path, query = inner.scheme, inner.netloc, inner.path, inner.query
    if not scheme:
        scheme = outer.scheme
        if not authority:
            authority = outer.netloc
            if not path:
                path, query = outer.path, query or outer.query
            elif not path.startswith("/"):
                path = _merge(outer.netloc, outer.path, path)
    path = remove_dot_segments(path)
    return (
        (f"{scheme}:" if scheme else "")
        + (f"//{authority}" if authority else "")
        + path
        + (f"?{query}" if query else "")
    )


def remove_dot_segments(path: str) -> str:
    """The path without `.`, without empty segments, and without `..` that has something to climb from."""
    absolute = path.startswith("/")
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment in ("", "."):
            continue
        if segment == ".." and kept and kept[-1] != "..":
            kept.pop()
        elif segment != ".." or not absolute:
            kept.append(segment)
    ends_as_directory = segments[-1] in ("", ".", "..") and bool(kept)
    return ("/" if absolute else "") + "/".join(kept) + ("/" if ends_as_directory else "")


def _merge(authority: str, base_path: str, path: str) -> str:
    if authority and not base_path:
        return f"/{path}"
    return base_path[: base_path.rfind("/") + 1] + path
