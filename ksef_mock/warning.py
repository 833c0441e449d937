"""The text of `X-System-Warning`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

# OpenAPI: SystemWarning, `[code]: message | [code]: message`.
_ONE = r"\[[^\]|]+\]: [^|]+"

#: One warning or several; it is sent folded to ASCII.
WarningText: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"^{_ONE}(?:\| ?{_ONE})*\Z", max_length=1_000)]
