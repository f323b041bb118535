"""The folders are the architecture: imports point one way, files stay short, ruff and mypy are content."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("model", "checker", "gen", "cli")
LONGEST = 450
SOURCES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
FILES = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "bench").rglob("*.py"))]


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


def imported(file: Path) -> Iterator[str]:
    """Names of the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{named(file)}:{node.lineno}: say the whole name of the module"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", SOURCES, ids=named)
def test_imports_point_one_way(file: Path) -> None:
    here = FOLDERS.index(file.relative_to(ROOT).parts[0])
    for module in imported(file):
        root, _, rest = module.partition(".")
        assert root not in FOLDERS, f"{named(file)} imports {module}: say eoscheck.{module}"
        if root == "eoscheck":
            assert FOLDERS.index(rest.partition(".")[0]) <= here, f"{named(file)} must not import {module}"


@pytest.mark.parametrize("file", sorted((ROOT / "gen").rglob("*.py")), ids=named)
def test_within_gen_imports_point_one_way_too(file: Path) -> None:
    """kafka: a broker and its wire; clients: real clients and what stands between; replay: traces on both."""
    inner = ("kafka", "clients", "replay")
    folder = file.relative_to(ROOT / "gen").parts[0]
    for module in imported(file) if folder in inner else ():
        below = module.removeprefix("eoscheck.gen.").partition(".")[0]
        if module.startswith("eoscheck.gen.") and below in inner:
            assert inner.index(below) <= inner.index(folder), f"{named(file)} must not import {module}"


@pytest.mark.parametrize("file", FILES, ids=named)
def test_a_file_is_short(file: Path) -> None:
    assert len(file.read_text("utf-8").splitlines()) <= LONGEST


def test_ruff_is_content() -> None:
    parts = [part for part in (*FOLDERS, "tests", "bench") if (ROOT / part).exists()]
    check(sys.executable, "-m", "ruff", "check", "--quiet", *parts, cwd=ROOT)


def test_mypy_is_content(tmp_path: Path) -> None:
    """mypy sees the folders as the package that they are installed as."""
    package = tmp_path / "eoscheck"
    package.mkdir()
    for folder in FOLDERS:
        (package / folder).symlink_to(ROOT / folder)
    (package / "eos_loop.py").symlink_to(ROOT / "bench" / "eos_loop.py")
    options = ["--strict", "--explicit-package-bases", "--namespace-packages", "--no-error-summary"]
    cache = f"--cache-dir={ROOT / '.mypy_cache' / 'tests'}"
    check(sys.executable, "-m", "mypy", *options, cache, "-p", "eoscheck", cwd=tmp_path)


def check(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
