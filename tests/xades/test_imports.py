"""The verifier is a library: it needs neither a server nor a store."""

from __future__ import annotations

import subprocess
import sys


def test_the_verifier_loads_neither_starlette_nor_a_store() -> None:
    program = "import sys, ksef_mock.xades; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "ksef_mock.xades.verification" in loaded
    rooms = ("ksef_mock.state", "ksef_mock.ksef", "ksef_mock.system", "ksef_mock.trail")
    assert not [
        name for name in loaded if name.startswith(("starlette", "uvicorn", "redis", "sqlite3", *rooms))
    ]
