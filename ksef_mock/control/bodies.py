"""Bodies of /_mock. They are orders of people, so what is wrong with them is said in full."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from starlette.requests import Request

from ksef_mock.api.http import read_body, require_media_type, system_of
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest, KsefError
from ksef_mock.core.expected import explained

B = TypeVar("B", bound=msgspec.Struct)
E = TypeVar("E", bound=KsefError)


async def read_order(
    request: Request, model: type[B], *, default: B | None = None, limit: int | None = None
) -> B:
    """The JSON body as `model`; `default` stands for an absent one.

    `limit`: bytes of the body; None: `Settings.max_body`.

    Raises:
        UnsupportedMediaType, PayloadTooLarge: as named.
        BadRequest: 21405 with the path of what is wrong, what is expected there and what was given.
    """
    require_media_type(request, "application/json")
    body = await read_body(request, limit or system_of(request).settings.max_body)
    if not body and default is not None:
        return default
    if not body:
        raise BadRequest(Code.VALIDATION, "the body is empty, expected JSON")
    try:
        try:
            return msgspec.json.decode(body, type=model)
        except msgspec.ValidationError as error:
            # It may be no JSON further on.
            raise BadRequest(Code.VALIDATION, explained(error, msgspec.json.decode(body), model)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(Code.VALIDATION, f"the body is no JSON: {error}") from None


def spelled_out(error: E) -> E:
    """The same error in English, saying why: /_mock has nothing to hide from those who may use it."""
    error.detail = error.reason
    if isinstance(error, BadRequest):
        error.description = "The order makes no sense."
    return error
