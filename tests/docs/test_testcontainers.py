"""The snippets for Testcontainers fit their libraries: no container is started, but each is compiled."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.docs.snippets import ROOT, snippets_of
from tests.third_party import programs
from tests.third_party.node_client import install

HERE = Path(__file__).parent / "testcontainers"


def snippet(language: str) -> str:
    (code,) = (
        each.code
        for each in snippets_of(ROOT / "docs" / "ci.md")
        if each.language == language and "/_mock/health" in each.code
    )
    return code


def compiles(code: str, file: Path, *command: str | Path) -> bool:
    file.write_text(code)
    words = [str(word) for word in (*command, file.name)]
    done = subprocess.run(words, cwd=file.parent, capture_output=True, text=True, timeout=600, check=False)
    print(done.stdout, done.stderr)  # noqa: T201  # shown if the test fails
    return done.returncode == 0


def test_python_fits_its_types(tmp_path: Path) -> None:
    pins = HERE / "python.txt"

    def make(folder: Path) -> None:
        programs.run("testcontainers", programs.program("testcontainers", "python3"), "-m", "venv", folder)
        options = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", pins)
        programs.run("testcontainers", folder / "bin" / "python", *options)

    python = programs.kept("testcontainers-python", pins.read_bytes(), make) / "bin" / "python"
    mypy = (python, "-m", "mypy", "--follow-untyped-imports", "--no-error-summary")
    code = snippet("python")
    assert compiles(code, tmp_path / "conftest.py", *mypy)
    assert compiles(code, tmp_path / "conftest.py", python)
    assert not compiles(code.replace("get_exposed_port", "exposed_port"), tmp_path / "conftest.py", *mypy)


def test_java_compiles(tmp_path: Path) -> None:
    javac, maven = (programs.program("Testcontainers for Java", name) for name in ("javac", "mvn"))
    pom = HERE / "java" / "pom.xml"

    def make(folder: Path) -> None:
        goal = ("dependency:copy-dependencies", f"-DoutputDirectory={folder}")
        programs.run("Testcontainers for Java", maven, "-q", "-B", "-f", pom, *goal)

    jars = programs.kept("testcontainers-java", pom.read_bytes(), make)
    command = (javac, "-cp", f"{jars}/*", "-d", tmp_path / "classes")
    code = snippet("java")
    assert compiles(code, tmp_path / "KsefIT.java", *command)
    assert not compiles(code.replace("getMappedPort", "mappedPort"), tmp_path / "KsefIT.java", *command)


def test_javascript_fits_its_types(tmp_path: Path) -> None:
    modules = install(HERE / "node")
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    options = ("--noEmit", "--allowJs", "--checkJs", "--strict", "--skipLibCheck", "--types", "node")
    target = ("--target", "es2022", "--module", "nodenext")
    command = (programs.program("tsc", "node"), modules / "typescript" / "bin" / "tsc", *options, *target)
    code = snippet("js")
    assert compiles(code, tmp_path / "ksef.js", *command)
    assert not compiles(code.replace("getMappedPort", "mappedPort"), tmp_path / "ksef.js", *command)
