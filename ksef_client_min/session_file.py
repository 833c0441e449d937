"""Where the `ksef` command keeps its login: `~/.ksef`, or the folder that KSEF_HOME names.

The folder is 0700 and each file 0600, written aside and renamed, so a reader never finds half a file. A
folder in which others can write is refused: whoever can put a session there can read what is done with it.
"""

from __future__ import annotations

import os
import stat
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


class Config(msgspec.Struct, rename="camel", omit_defaults=True):
    """config.json: what commands take where an option is not given."""

    nip: str | None = None
    environment: str | None = None


class SavedSession(msgspec.Struct, rename="camel"):
    """session.json."""

    environment: str
    context_type: str
    context_value: str
    reference_number: str
    access_token: str
    refresh_token: str

    def __repr__(self) -> str:
        return f"SavedSession({self.context_type} {self.context_value} on {self.environment})"


class PendingChallenge(msgspec.Struct, rename="camel"):
    """pending-challenge.json: an external login between its two phases."""

    environment: str
    context_type: str
    context_value: str
    challenge: str
    #: ISO 8601.
    timestamp: str


class OpenSession(msgspec.Struct, rename="camel"):
    """open-session.json: the interactive session that was opened last, with its key until it is closed."""

    environment: str
    reference_number: str
    valid_until: datetime
    key: bytes
    iv: bytes
    is_closed: bool = False

    def __repr__(self) -> str:
        return f"OpenSession({self.reference_number} on {self.environment})"


class BrokenFile(Exception):
    """A file that cannot be used; the message names it and says what to do."""


class Home:
    """The folder with the command's files."""

    def __init__(self, folder: Path | None = None) -> None:
        chosen = os.environ.get("KSEF_HOME")
        self.folder = folder or (Path(chosen) if chosen else Path.home() / ".ksef")

    @property
    def session_path(self) -> Path:
        return self.folder / "session.json"

    @property
    def config_path(self) -> Path:
        return self.folder / "config.json"

    def load_config(self) -> Config:
        """The configuration; an empty one if there is none.

        Raises:
            BrokenFile: there is something else in the file.
        """
        return _load(self.config_path, Config) or Config()

    def save_config(self, config: Config) -> None:
        """
        Raises:
            BrokenFile: the folder or the file cannot be written.
        """
        self._save(self.config_path, config)

    @property
    def pending_path(self) -> Path:
        return self.folder / "pending-challenge.json"

    def load_session(self) -> SavedSession | None:
        """The saved login; None if there is none.

        Raises:
            BrokenFile: there is something else in the file.
        """
        return _load(self.session_path, SavedSession)

    def save_session(self, session: SavedSession) -> None:
        """
        Raises:
            BrokenFile: the folder or the file cannot be written.
        """
        self._save(self.session_path, session)

    def delete_session(self) -> None:
        """Forget the login; nothing happens without one."""
        self.session_path.unlink(missing_ok=True)

    def load_pending(self) -> PendingChallenge | None:
        """The external login that was begun; None if there is none.

        Raises:
            BrokenFile: there is something else in the file.
        """
        return _load(self.pending_path, PendingChallenge)

    def save_pending(self, pending: PendingChallenge) -> None:
        """
        Raises:
            BrokenFile: the folder or the file cannot be written.
        """
        self._save(self.pending_path, pending)

    def delete_pending(self) -> None:
        """The external login is over."""
        self.pending_path.unlink(missing_ok=True)

    @property
    def open_path(self) -> Path:
        return self.folder / "open-session.json"

    def load_open(self) -> OpenSession | None:
        """The session that was opened last and not closed; None if there is none.

        Raises:
            BrokenFile: there is something else in the file.
        """
        found = self.load_last()
        return None if found is None or found.is_closed else found

    def load_last(self) -> OpenSession | None:
        """The session that was opened last, closed meanwhile or not; None if there is none.

        Raises:
            BrokenFile: there is something else in the file.
        """
        return _load(self.open_path, OpenSession)

    def save_open(self, session: OpenSession) -> None:
        """
        Raises:
            BrokenFile: the folder or the file cannot be written.
        """
        self._save(self.open_path, session)

    def note_closed(self, reference_number: str) -> None:
        """If this session was the last one, keep it as a closed one, without its key.

        Raises:
            BrokenFile: the file cannot be read or written.
        """
        found = self.load_open()
        if found is not None and found.reference_number == reference_number:
            self._save(self.open_path, msgspec.structs.replace(found, key=b"", iv=b"", is_closed=True))

    def _save(self, path: Path, content: msgspec.Struct) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _require_own(self.folder)
            self._write(path, msgspec.json.format(msgspec.json.encode(content)))
        except OSError as error:
            raise BrokenFile(f"{path} cannot be written: {error.strerror}") from None

    def _write(self, path: Path, content: bytes) -> None:
        # mkstemp makes the file 0600 from its first moment.
        descriptor, name = tempfile.mkstemp(dir=self.folder, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _require_own(folder: Path) -> None:
    """
    Raises:
        OSError: there is no such folder, or it cannot be looked at.
        BrokenFile: others can write in it.
    """
    mode = stat.S_IMODE(folder.stat().st_mode)
    if os.name == "posix" and mode & 0o022:
        raise BrokenFile(f"others can write in {folder} (mode {mode:04o}): chmod 700 {folder}")


def _load(path: Path, model: type[S]) -> S | None:
    try:
        _require_own(path.parent)
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BrokenFile(f"{path} cannot be read: {error.strerror}") from None
    try:
        return msgspec.json.decode(content, type=model)
    except msgspec.MsgspecError:
        raise BrokenFile(f"{path} is damaged: delete it and begin again") from None
