"""A Dockerfile read, and carried out without an engine: each stage's file system is a folder.

What an engine would do in an image is done below `root`: COPY copies there; RUN, HEALTHCHECK, ENTRYPOINT and
CMD run there with the image's environment, and absolute paths in them are paths below it. In the place of the
base image's Python there is a virtual environment of the interpreter that runs this. Without an engine users
cannot be changed: USER and --chown are only recorded. Everything else is obeyed, or refused as unknown.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

#: Seconds for one RUN.
_PATIENCE = 900
#: Where the base image has its Python, and the rest of its PATH.
_PYTHON = "/usr/local"
_PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Programs and devices of the machine itself, the same in an image.
_OF_THE_SYSTEM = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/dev/")


class Instruction(NamedTuple):
    """One instruction: its keyword, its flags (`--from=build`), the rest of it."""

    keyword: str
    flags: dict[str, str]
    rest: str

    @property
    def is_exec_form(self) -> bool:
        return self.rest.startswith("[")

    @property
    def words(self) -> list[str]:
        """The arguments, in exec form or as the shell would split them."""
        words: list[str] = json.loads(self.rest) if self.is_exec_form else shlex.split(self.rest)
        return words

    @property
    def pairs(self) -> dict[str, str]:
        """The `NAME=value` arguments of ENV and LABEL."""
        return {name: value for name, _, value in (word.partition("=") for word in self.words)}


@dataclass
class Image:
    """What a finished stage is run with."""

    base: str
    name: str | None = None
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    labels: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "root"
    ports: list[int] = field(default_factory=list)
    stop_signal: str = "SIGTERM"
    health: Instruction | None = None
    entrypoint: Instruction | None = None
    command: Instruction | None = None


def read(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile.

    Raises:
        ValueError: a line is none.
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n", "", "\n".join(lines)).splitlines():
        if not line.strip():
            continue
        found = re.fullmatch(r"\s*([A-Za-z]+)\s+((?:--[\w-]+(?:=\S+)?\s+)*)(.+?)\s*", line)
        if found is None:
            raise ValueError(f"no instruction: {line!r}")
        flags = dict(flag[2:].partition("=")[::2] for flag in found[2].split())
        yield Instruction(found[1].upper(), flags, found[3])


class Builder:
    """Carries out the instructions; afterwards `image` is the last stage and `root` its file system."""

    def __init__(self, context: Path, folder: Path) -> None:
        """
        Args:
            context: what `docker build` is given; COPY sees what .dockerignore leaves of it.
            folder: an empty folder to work in.
        """
        self._context = folder / "context"
        self._finished = folder / "stages"
        self.root = folder / "root"
        self.image = Image("scratch")
        #: The defaults of ARG in this stage.
        self.arguments: dict[str, str] = {}
        copy_context(context, self._context)

    def build(self, text: str) -> Image:
        """
        Raises:
            subprocess.CalledProcessError: a RUN failed.
            NotImplementedError: an instruction that this does not know.
        """
        for instruction in read(text):
            step = getattr(self, f"_{instruction.keyword.lower()}", None)
            if step is None:
                raise NotImplementedError(f"{instruction.keyword} {instruction.rest}")
            step(instruction)
        return self.image

    def popen(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Start the image's program; `words`, if any, take the place of CMD."""
        assert self.image.entrypoint is not None
        command = list(words) or (self.image.command.words if self.image.command else [])
        return subprocess.Popen(
            [self._mapped(word) for word in (*self.image.entrypoint.words, *command)],
            cwd=self.path(self.image.workdir),
            env=self._environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def health(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command of HEALTHCHECK."""
        assert self.image.health is not None
        _, _, command = self.image.health.rest.partition("CMD ")
        return self._run(Instruction("CMD", {}, command), environment)

    def path(self, path: str) -> Path:
        """Where a path of the image really is."""
        return self.root / path.lstrip("/")

    # -- instructions -------------------------------------------------------------------------------------

    def _from(self, instruction: Instruction) -> None:
        if self.root.exists():
            # Each stage is built in the same place: programs that are copied between stages know their path.
            self.root.rename(self._finished / (self.image.name or "unnamed"))
        base, *name = re.split(r"\s+as\s+", instruction.rest, flags=re.IGNORECASE)
        self._finished.mkdir(exist_ok=True)
        self.image = Image(base, name[0] if name else None)
        self.arguments = {}
        venv.create(self.path(_PYTHON), with_pip=True)

    def _copy(self, instruction: Instruction) -> None:
        *sources, target = instruction.words
        stage = instruction.flags.get("from")
        origin = self._context if stage is None else self._finished / stage
        goal = self.path(os.path.join(self.image.workdir, target))
        for source in sources:
            found = sorted(origin.glob(source.lstrip("/")))
            assert found, f"COPY {source}: nothing there"
            for each in found:
                if each.is_dir():
                    shutil.copytree(each, goal, symlinks=True, dirs_exist_ok=True)
                else:
                    into_folder = target.endswith(("/", ".")) or len(sources) > 1
                    (goal if into_folder else goal.parent).mkdir(parents=True, exist_ok=True)
                    shutil.copy2(each, goal / each.name if into_folder else goal)

    def _run(
        self, instruction: Instruction, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        if instruction.is_exec_form:
            command = [self._mapped(word) for word in instruction.words]
        else:
            command = ["/bin/sh", "-c", self._mapped(instruction.rest)]
        done = subprocess.run(
            command,
            cwd=self.path(self.image.workdir),
            env=self._environment(environment or {}),
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        if instruction.keyword == "RUN" and done.returncode != 0:
            raise AssertionError(f"RUN {instruction.rest}\n{done.stdout}{done.stderr}")
        return done

    def _workdir(self, instruction: Instruction) -> None:
        self.image.workdir = os.path.join(self.image.workdir, instruction.rest)
        self.path(self.image.workdir).mkdir(parents=True, exist_ok=True)

    def _env(self, instruction: Instruction) -> None:
        for name, value in instruction.pairs.items():
            self.image.environment[name] = re.sub(
                r"\$\{?(\w+)\}?", lambda variable: self.image.environment.get(variable[1], ""), value
            )

    def _arg(self, instruction: Instruction) -> None:
        self.arguments |= instruction.pairs

    def _label(self, instruction: Instruction) -> None:
        for name, value in instruction.pairs.items():
            self.image.labels[name] = re.sub(
                r"\$\{(\w+)\}", lambda variable: self.arguments[variable[1]], value
            )

    def _user(self, instruction: Instruction) -> None:
        self.image.user = instruction.rest

    def _expose(self, instruction: Instruction) -> None:
        self.image.ports += map(int, instruction.words)

    def _stopsignal(self, instruction: Instruction) -> None:
        self.image.stop_signal = instruction.rest

    def _healthcheck(self, instruction: Instruction) -> None:
        self.image.health = instruction

    def _entrypoint(self, instruction: Instruction) -> None:
        self.image.entrypoint = instruction

    def _cmd(self, instruction: Instruction) -> None:
        self.image.command = instruction

    # -- paths --------------------------------------------------------------------------------------------

    def _mapped(self, text: str) -> str:
        """`text` with each absolute path of the image as the path that it really has."""

        def real(path: re.Match[str]) -> str:
            return path[0] if path[0].startswith(_OF_THE_SYSTEM) else f"{self.root}{path[0]}"

        return re.sub(r"(?<![\w./:-])/[\w.-][\w./-]*", real, text)

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        own = self.image.environment | more
        path = ":".join(
            each if f"{each}/" in _OF_THE_SYSTEM else str(self.path(each)) for each in own["PATH"].split(":")
        )
        # How this machine reaches its package index is not the image's business, nor the Dockerfile's.
        machine = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
        return machine | {name: self._mapped(value) for name, value in own.items()} | {"PATH": path}


def copy_context(context: Path, target: Path) -> None:
    """Copy a build context as .dockerignore leaves it; the last rule that fits a path decides.

    Of its patterns names, `*`, `**/NAME` and exceptions (`!`) are understood.
    """
    rules = [
        (line.lstrip("!").rstrip("/"), line.startswith("!"))
        for line in (context / ".dockerignore").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]

    def fits(path: Path, pattern: str) -> bool:
        if pattern.startswith("**/"):
            return any(Path(part).match(pattern[3:]) for part in path.parts)
        return any(str(each) == pattern or pattern == "*" for each in (path, *path.parents))

    def ignored(path: Path) -> bool:
        verdict = False
        for pattern, exception in rules:
            if fits(path, pattern):
                verdict = not exception
        return verdict

    def ignore(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if ignored((Path(folder) / name).relative_to(context))]

    shutil.copytree(context, target, ignore=ignore)
