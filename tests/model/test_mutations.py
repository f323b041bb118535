"""Break one rule of Kafka at a time: named specs must notice.

Each mutation is a change of text in one file of model/, made in a copy of the package. A mutation that no spec notices
would mean that the rule is not covered by any spec, or that the model does not depend on it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutation:
    """`old` becomes `new` in model/`file`; then `spec` no longer shows what it expects."""

    name: str
    file: str
    old: str
    new: str
    spec: str


MUTATIONS: list[Mutation] = [
    # filled below
]


def broken_package(target: Path, mutation: Mutation) -> None:
    """A copy of the package with the mutation in it."""
    for folder in ("model", "checker", "gen", "cli"):
        shutil.copytree(
            ROOT / folder, target / "eoscheck" / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    file = target / "eoscheck" / "model" / mutation.file
    text = file.read_text(encoding="utf-8")
    assert text.count(mutation.old) == 1, (
        f"{mutation.name}: the text to change stands {text.count(mutation.old)} times"
    )
    file.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")


def check(package: Path, spec: str) -> subprocess.CompletedProcess[str]:
    """`eoscheck check` of one spec with the package in `package`."""
    environment = {**os.environ, "PYTHONPATH": str(package), "NO_COLOR": "1"}
    command = [
        sys.executable,
        "-c",
        "from eoscheck.cli.main import main; main()",
        "check",
        "--jobs",
        "1",
        spec,
    ]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_a_broken_rule_is_noticed(mutation: Mutation, tmp_path: Path) -> None:
    broken_package(tmp_path, mutation)
    result = check(tmp_path, mutation.spec)
    assert result.returncode == 1, result.stdout + result.stderr
