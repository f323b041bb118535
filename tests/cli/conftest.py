"""Lets tests here run commands on the tiny pipeline of the checker's tests, each in a folder of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "checker"))

import tinypipe


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny world in the place of the real one, in an empty folder without colours."""
    for name in ("loader", "pipeline"):
        monkeypatch.setitem(sys.modules, f"eoscheck.model.{name}", sys.modules.get(f"eoscheck.model.{name}"))
    tinypipe.install()
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("EOSCHECK")] + ["NO_COLOR", "FORCE_COLOR"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def write(world: Path) -> Callable[..., str]:
    """write("a", "lost: 1", ...) makes the spec a.yaml of these lines."""

    def write(name: str, *lines: str) -> str:
        (world / f"{name}.yaml").write_text("".join(f"{line}\n" for line in lines))
        return f"{name}.yaml"

    return write
