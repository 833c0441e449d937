"""What Python lacks on Windows is taken away from an interpreter that starts with this folder on its path."""

import asyncio
import os
import sys

_OF_POSIX = (
    *("fchmod", "fchown", "chown", "fork", "forkpty", "killpg", "setsid", "setpgid", "getpgid"),
    *("getuid", "geteuid", "getgid", "getegid", "getgroups", "mkfifo", "nice", "wait3", "wait4"),
)
for _name in _OF_POSIX:
    if hasattr(os, _name):
        delattr(os, _name)
for _name in ("fcntl", "pwd", "grp", "resource", "termios", "tty", "syslog"):
    sys.modules[_name] = None  # type: ignore[assignment]  # so that importing it fails


def _not_here(*_: object) -> None:
    raise NotImplementedError


asyncio.SelectorEventLoop.add_signal_handler = _not_here  # type: ignore[method-assign, assignment]
