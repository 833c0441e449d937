"""Where on this machine the mock keeps what outlives a process."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def state_folder() -> Path:
    """`ksef-mock` in the user's folder for state (XDG on Unix, LOCALAPPDATA on Windows); it may not exist."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return base / "ksef-mock"
