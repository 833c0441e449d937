"""From the uploaded parts to the archive that they are parts of: decrypted and joined in a file."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import partial
from typing import IO

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ksef_mock.core.threads import in_thread
from ksef_mock.ksef.batch import rules
from ksef_mock.ksef.sending.session import Plan
from ksef_mock.state.blobs import Blobs


async def unpack(plan: Plan, key: bytes | None, iv: bytes, blobs: Blobs, file: IO[bytes]) -> None:
    """Write the package that the parts make into `file`.

    Raises:
        Rejected: 415, there is no key; 405, a part is not what was declared; 435, it cannot be decrypted;
            430, the package is not what was declared.
        BlobGone: a part was forgotten.
    """
    if key is None:
        raise rules.wrong_key()
    for part in plan.parts:
        assert part.blob is not None
        if part.blob.hash != part.hash:
            raise rules.wrong_part(part, part.blob.hash)
    digest, size = hashlib.sha256(), 0

    def write(octets: bytes) -> int:
        digest.update(octets)
        return file.write(octets)

    for part in plan.parts:
        assert part.blob is not None
        # Each part is encrypted by itself, all with one key and one vector.
        decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
        unpadder = padding.PKCS7(128).unpadder()

        async for piece in blobs.read(part.blob):
            plain = unpadder.update(decryptor.update(piece))
            size += await in_thread(partial(write, plain))
        try:
            size += write(unpadder.update(decryptor.finalize()) + unpadder.finalize())
        except ValueError as error:
            raise rules.not_decrypted(part, str(error)) from None
    computed = b64encode(digest.digest()).decode()
    if computed != plan.hash:
        raise rules.wrong_package(plan.hash, computed)
    if size != plan.size:
        raise rules.wrong_package_size(plan.size, size)
