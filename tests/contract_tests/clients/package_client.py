"""The client with flaws, extended by what is larger than one invoice: it sends packages and exports them."""

from __future__ import annotations

import io
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.contract_tests.clients.client import AD_NAUSEAM, FA3, Answer, Client, sealed, sha256, target_of

#: Status of a session that is open, of one in progress; the former also of an export that is.
_UNFINISHED = (100, 150)
#: How often an upload or a download is tried.
_ATTEMPTS = 3


class PackageClient(Client):
    """Knows the tasks `batch` and `export`, too."""

    def do(self, task: str, tokens: dict[str, Any]) -> None:
        bearer = tokens["accessToken"]["token"]
        if task == "batch":
            self.send_package(bearer)
        elif task == "export":
            self.export_all(bearer)
        else:
            super().do(task, tokens)

    def by_link(
        self, method: str, link: str, bearer: str, body: bytes | None = None, **headers: str
    ) -> Answer:
        """Upload or download by a signed link, and again if that fails; the last answer."""
        if "token-on-links" in self.flaws:
            headers["Authorization"] = f"Bearer {bearer}"
        insists = "insists-on-links" in self.flaws
        for _ in range(AD_NAUSEAM if insists else _ATTEMPTS):
            try:
                answer = self.exchange(method, target_of(link), headers, body)
            except OSError as error:
                if "cut-is-final" in self.flaws:
                    self.give_up(f"no answer: {error}")
                continue
            if answer.status == 500 and "500-is-final" not in self.flaws:
                continue
            if answer.status != 403 or not insists:
                return answer
        return self.give_up("the storage fails again and again")

    def finished(self, start: Callable[[], str], path: str, bearer: str) -> tuple[str, dict[str, Any]]:
        """Start something and wait for its end; its reference number and its status."""
        reference, starts = start(), 1
        while True:
            state: dict[str, Any] = self.send("GET", f"{path}/{reference}", bearer).body
            if state["status"]["code"] not in _UNFINISHED:
                break
            if "starts-over" in self.flaws and starts < 3:
                reference, starts = start(), starts + 1
            time.sleep(0.05)
        if state["status"]["code"] != 200:
            self.give_up(f"it failed: {state['status']['code']}")
        return reference, state

    # -- sending a package

    def send_package(self, bearer: str) -> None:
        """Send the invoices in one package, wait until they are processed."""
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(self.environment["KSEF_INVOICES"]).iterdir()):
                archive.write(path, path.name)

        def start() -> str:
            return self.submit_package(bearer, package.getvalue())

        if "blind" in self.flaws:
            start()
        else:
            self.finished(start, "/sessions", bearer)

    def submit_package(self, bearer: str, package: bytes) -> str:
        """Open a session for a package, upload it, close the session; its reference number."""
        key, iv = os.urandom(32), os.urandom(16)
        content = sealed(package, key, iv)
        part = {"ordinalNumber": 1, "fileSize": len(content), "fileHash": sha256(content)}
        declared = {"fileSize": len(package), "fileHash": sha256(package), "fileParts": [part]}
        for _ in range(1 if "expired-is-final" in self.flaws else 2):
            opened = self.order("/sessions/batch", bearer, key, iv, formCode=FA3, batchFile=declared)
            uploaded = self.upload(opened, bearer, content)
            if uploaded.status != 403:  # otherwise the link has expired, and another session has a new one
                break
        if uploaded.status != 201:
            self.give_up(f"not uploaded: {uploaded.status}")
        reference: str = opened["referenceNumber"]
        path = f"/sessions/batch/{reference}/close"
        closed = self.send("POST", path, bearer)
        closes_forever = "closes-forever" in self.flaws
        for _ in range(AD_NAUSEAM if closes_forever else 1):
            if closed.status != 400 or 21205 not in closed.codes:
                break
            if not closes_forever:
                self.upload(opened, bearer, content)
            closed = self.send("POST", path, bearer)
        if closed.status != 204:
            self.give_up(f"not closed: {closed.status}")
        return reference

    def upload(self, opened: dict[str, Any], bearer: str, content: bytes) -> Answer:
        wanted = opened["partUploadRequests"][0]
        return self.by_link(wanted["method"], wanted["url"], bearer, content, **wanted["headers"])

    # -- exporting

    def export_all(self, bearer: str) -> None:
        """Export what was sold, package by package, each from where the one before ended."""
        since = self.environment["KSEF_SINCE"]
        while True:
            package = self.export(bearer, since)
            if not package["isTruncated"] or "one-package" in self.flaws:
                return
            since = package["lastPermanentStorageDate"]

    def export(self, bearer: str, since: str) -> dict[str, Any]:
        """Order an export, wait for it, fetch its parts; what its status says of the package."""
        key, iv = os.urandom(32), os.urandom(16)
        wanted = {"subjectType": "Subject1", "dateRange": {"dateType": "PermanentStorage", "from": since}}

        def start() -> str:
            ordered = self.order("/invoices/exports", bearer, key, iv, filters=wanted)
            reference: str = ordered["referenceNumber"]
            return reference

        reference, state = self.finished(start, "/invoices/exports", bearer)
        package: dict[str, Any] = state["package"]
        for part in package["parts"][: 1 if "first-part-only" in self.flaws else None]:
            self.fetch(f"/invoices/exports/{reference}", part, bearer)
        return package

    def fetch(self, export: str, part: dict[str, Any], bearer: str) -> None:
        answer = self.by_link("GET", part["url"], bearer)
        if answer.status == 403 and "expired-is-final" not in self.flaws:
            parts = self.send("GET", export, bearer).body["package"]["parts"]
            fresh = next(each for each in parts if each["ordinalNumber"] == part["ordinalNumber"])
            answer = self.by_link("GET", fresh["url"], bearer)
        if answer.status != 200:
            self.give_up(f"not fetched: {answer.status}")
        if sha256(answer.octets) != part["encryptedPartHash"]:
            self.give_up("this is not the part")
