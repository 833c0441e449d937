"""The UPO of invoices and sessions: signed when first fetched, then kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from ksef_mock.clock import Clock
from ksef_mock.core.codes import Code
from ksef_mock.core.environment import ProfileName
from ksef_mock.core.errors import BadRequest
from ksef_mock.crypto.pki import Credential
from ksef_mock.ksef.sending import upo
from ksef_mock.ksef.sending.session import SentInvoice, Session
from ksef_mock.ksef.sending.sessions import Sessions
from ksef_mock.ksef.sending.storage import Link, Storage
from ksef_mock.state.store import Store, Table
from ksef_mock.state.update import put

#: Seconds for which a link to a UPO is valid.
LINK_LIFETIME = 3 * 86_400

#: Folder of the storage; it varies in reality.
_FOLDER = "01"


class Document(msgspec.Struct, frozen=True):
    """A signed UPO."""

    xml: bytes


DOCUMENTS: Table[Document] = Table("upo", Document, bulky=True)


class Confirmations:
    """Makes, keeps and finds them."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        sessions: Sessions,
        storage: Storage,
        profile: ProfileName,
        ministry: Callable[[], Credential],
    ) -> None:
        """`ministry`: the certificate that signs, and its key; asked for when it is needed."""
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._storage = storage
        self._profile = profile
        self._ministry = ministry

    def link_to_invoice(self, base: str, invoice: SentInvoice) -> Link:
        """A signed link to the UPO of an invoice; `base`: scheme and host of the mock."""
        return self._link(base, _invoice_path(invoice))

    def links_to_pages(self, base: str, session: Session) -> list[tuple[str, Link]]:
        """Reference number and signed link of each page of a session's UPO; empty until it is processed."""
        return [
            (reference, self._link(base, _page_path(session, index)))
            for index, reference in enumerate(session.pages)
        ]

    async def of_invoice(self, session: Session, invoice: SentInvoice | None, sought: str) -> bytes:
        """The UPO of an invoice.

        Args:
            sought: how the client named the invoice, for the refusal: its KSeF number.

        Raises:
            BadRequest: 21178, there is no such invoice, or no UPO of it (yet).
        """
        if invoice is None or not invoice.is_good or not invoice.wait.is_over(self._clock.now()):
            raise BadRequest(
                Code.NO_UPO,
                f"UPO o numerze KSeF {sought} i numerze referencyjnym sesji {session.reference} nie zostało "
                "znalezione.",
            )
        return await self._kept(invoice.reference, session, [invoice], None)

    async def of_number(self, session: Session, ksef_number: str) -> bytes:
        """The UPO of the invoice with this KSeF number.

        Raises:
            BadRequest: 21178, the session has no such invoice.
        """
        return await self.of_invoice(
            session, await self._sessions.by_number(session, ksef_number), ksef_number
        )

    async def of_page(self, session: Session, reference: str) -> bytes:
        """A page of the UPO of a session.

        Raises:
            BadRequest: 21178, the session has no such page.
        """
        if reference not in session.pages:
            raise BadRequest(
                Code.NO_UPO,
                f"UPO o numerze referencyjnym {reference} dla sesji {session.reference} nie zostało "
                "znalezione.",
            )
        number = session.pages.index(reference) + 1
        page = upo.Page(number, len(session.pages), session.good)
        invoices = (await self._sessions.accepted(session))[page.first - 1 : page.last]
        return await self._kept(reference, session, invoices, page)

    async def _kept(
        self, key: str, session: Session, invoices: Sequence[SentInvoice], page: upo.Page | None
    ) -> bytes:
        known = await self._store.get(DOCUMENTS, key)
        if known is None:
            # Canonicalisation of a page of thousands takes a while; the loop has others to serve.
            made = Document(await asyncio.to_thread(self._signed, session, invoices, page))
            known = await put(self._store, DOCUMENTS, key, lambda present: present or made)
        return known.xml

    def _signed(self, session: Session, invoices: Sequence[SentInvoice], page: upo.Page | None) -> bytes:
        login = upo.Login(session.context, session.token, session.document_hash)
        form = upo.Form(session.system_code, session.schema_version)
        document = upo.document(
            self._profile, session.reference, login, form, list(map(_confirmed, invoices)), page
        )
        return upo.signed(document, self._ministry(), self._clock.now())

    def _link(self, base: str, path: str) -> Link:
        return self._storage.link(base, path, self._clock.now(), LINK_LIFETIME)


def _confirmed(invoice: SentInvoice) -> upo.Confirmed:
    # A good invoice has all of these.
    return upo.Confirmed(
        seller_nip=invoice.seller_nip or "",
        ksef_number=invoice.ksef_number or "",
        number=invoice.number or "",
        issue_date=invoice.issue_date or "",
        invoiced_at=invoice.invoiced_at,
        acquired_at=invoice.acquired_at,
        hash=invoice.hash,
        mode=invoice.mode or "Online",
    )


def _invoice_path(invoice: SentInvoice) -> str:
    return f"/{_FOLDER}/{invoice.session.lower()}/invoice-upo/upo_{invoice.ksef_number}.xml"


def _page_path(session: Session, index: int) -> str:
    return f"/{_FOLDER}/{session.reference.lower()}/session-upo/upo_{index:02}.xml"
