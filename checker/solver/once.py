"""Where what Z3 was asked once about a program is kept."""

from __future__ import annotations

from pathlib import Path

import z3  # type: ignore[import-untyped]
from eoscheck.checker import files
from eoscheck.checker.commands import Program
from eoscheck.checker.digest import digest


def file_of(what: str, program: Program, *parts: str) -> Path:
    """The file of an answer to a question about a program, in which those parts take part."""
    # Whatever changes here may change the answer.
    sources = [file.read_text(encoding="utf-8") for file in sorted(Path(__file__).parents[1].rglob("*.py"))]
    return files.cache() / what / digest(program, z3.get_full_version(), *sources, *parts)
