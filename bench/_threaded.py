"""The mock with its decryptions in a thread pool, for comparison: the real one decrypts in the event loop.

Takes the arguments of the `ksef-mock` command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ksef_mock import cli
from ksef_mock.core.exchange import Exchange
from ksef_mock.ksef.auth import token_login
from ksef_mock.ksef.auth.operation import Operation
from ksef_mock.ksef.keys.keys import PublishedKey, Usage
from ksef_mock.ksef.keys.token_cipher import Decrypted, decrypt

_opened: dict[bytes, Decrypted] = {}


async def _submit(
    self: token_login.TokenAuthenticator, login: token_login.TokenLogin, exchange: Exchange
) -> Operation:
    keys = [key for key in await self._keys.published() if key.usage is Usage.TOKEN]
    _opened[login.encrypted_token] = await asyncio.to_thread(decrypt, login.encrypted_token, keys)
    return await _submit_inline(self, login, exchange)


def _take(ciphertext: bytes, _keys: Sequence[PublishedKey]) -> Decrypted:
    return _opened.pop(ciphertext)


_submit_inline = token_login.TokenAuthenticator.submit
# The benchmark's ciphertexts are all good, so the errors of the real function need no place here.
token_login.TokenAuthenticator.submit = _submit  # type: ignore[method-assign]
token_login.decrypt = _take  # type: ignore[assignment,attr-defined]

if __name__ == "__main__":
    cli.main()
