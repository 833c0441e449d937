"""Bodies of /sessions/batch, named as in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, TypeAlias

import msgspec

from ksef_mock.core.bodies import Body, choice
from ksef_mock.core.validation import CONDITION, Broken, at_least, at_most
from ksef_mock.ksef.batch import rules
from ksef_mock.ksef.invoices.metadata import Sha256
from ksef_mock.ksef.keys.bodies import EncryptionInfo
from ksef_mock.ksef.sending.bodies import FormCode, Size
from ksef_mock.ksef.sending.session import Part, Plan, Session
from ksef_mock.ksef.sending.storage import Link

#: OpenAPI: int64.
_Long: TypeAlias = Annotated[int, msgspec.Meta(le=2**63 - 1)]
_TAR = "TarGz"


class BatchFilePartInfo(Body):
    """OpenAPI: BatchFilePartInfo."""

    ordinal_number: Annotated[int, msgspec.Meta(ge=1)]
    file_size: Size
    file_hash: Sha256


class BatchFileInfo(Body):
    """OpenAPI: BatchFileInfo. How many parts there may be has a code of its own."""

    file_size: _Long
    file_hash: Sha256
    file_parts: Annotated[list[BatchFilePartInfo], msgspec.Meta(min_length=1)]
    compression_type: Annotated[str, choice("CompressionType", ("Zip", _TAR))] | None = None

    @property
    def plan(self) -> Plan:
        return Plan(
            is_tar=self.compression_type == _TAR,
            size=self.file_size,
            hash=self.file_hash,
            parts=tuple(
                Part(part.ordinal_number, part.file_size, part.file_hash)
                for part in sorted(self.file_parts, key=lambda part: part.ordinal_number)
            ),
        )


class OpenBatchSessionRequest(Body):
    """OpenAPI: OpenBatchSessionRequest."""

    form_code: FormCode
    batch_file: BatchFileInfo
    encryption: EncryptionInfo
    offline_mode: bool = False

    def rules(self) -> Iterator[Broken]:
        # Named so, without a path, in KSeF's answer (an official client's test).
        if self.batch_file.file_size > rules.LARGEST_PACKAGE:
            yield Broken("fileSize", at_most(rules.LARGEST_PACKAGE))
        elif self.batch_file.file_size < 1:
            yield Broken("fileSize", at_least(1))
        parts = sorted(part.ordinal_number for part in self.batch_file.file_parts)
        if parts != list(range(1, len(parts) + 1)):
            yield Broken("fileParts", CONDITION)

    @property
    def plan(self) -> Plan:
        return msgspec.structs.replace(self.batch_file.plan, offline=self.offline_mode)


class PartUploadRequest(Body):
    """OpenAPI: PartUploadRequest."""

    ordinal_number: int
    method: str
    url: str
    headers: dict[str, str]


#: What an upload has to be sent with, exactly so.
UPLOAD_HEADERS = {"x-ms-blob-type": "BlockBlob"}


class OpenBatchSessionResponse(Body):
    """OpenAPI: OpenBatchSessionResponse."""

    reference_number: str
    part_upload_requests: list[PartUploadRequest]

    @classmethod
    def of(cls, session: Session, links: list[tuple[Part, Link]]) -> OpenBatchSessionResponse:
        return cls(
            session.reference,
            [PartUploadRequest(part.ordinal, "PUT", link.url, UPLOAD_HEADERS) for part, link in links],
        )
