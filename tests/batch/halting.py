"""`python -m tests.batch.halting serve …`: `ksef-mock` that ends no package of more than AT_MOST invoices.

Whoever kills it while it works has killed it in the middle, however fast the machine is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ksef_mock.cli import main
from ksef_mock.ksef.batch.judging import Judged
from ksef_mock.ksef.batch.processing import Processing
from ksef_mock.ksef.sending.session import Session

#: Invoices after which it keeps still, alive as it is.
AT_MOST = 96

_keep = Processing._keep


async def keep(self: Processing, session: Session, group: Sequence[Judged]) -> None:
    if group[-1].ordinal > AT_MOST:
        await asyncio.Event().wait()
    await _keep(self, session, group)


if __name__ == "__main__":
    Processing._keep = keep  # type: ignore[method-assign]
    main()
