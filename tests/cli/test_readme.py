"""What the README shows is what the command prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "explore specs/stores/insert-in-transaction.yaml --property no-duplicates"


def told(text: str) -> str:
    """A text without its layout, and without what differs from run to run."""
    words = " ".join(text.split())
    return re.sub(r"[\d.]+ s(?: [\d,]+/s)?", "TIME", words)


def printed(command: str) -> str:
    """What a command prints in the folder of the project, 80 columns wide."""
    run = [sys.executable, "-c", "from eoscheck.cli.main import main; main()", *command.split()]
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    return done.stdout


def shown(command: str) -> str:
    """What the README shows of it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return readme.split(f"$ eoscheck {command}\n")[1].split("```")[0]


def test_the_sample_of_the_readme_is_real() -> None:
    assert told(shown(COMMAND)) == told(printed(COMMAND))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    spec = (ROOT / "specs/stores/insert-in-transaction.yaml").read_text(encoding="utf-8")
    shown_spec = readme.split("```yaml\n")[1].split("```")[0]
    assert shown_spec.strip() == "\n".join(x for x in spec.splitlines() if not x.startswith("#")).strip()


ACCIDENTS = (ROOT / "docs/accidents.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", re.findall(r"^\$ eoscheck (explore .*)$", ACCIDENTS, re.MULTILINE))
def test_the_accidents_are_real(command: str, tmp_path: Path) -> None:
    """What is printed, what is drawn, and that the pipeline which is shown is the one that was explored."""
    assert told(ACCIDENTS.split(f"$ eoscheck {command}\n")[1].split("```")[0]) == told(printed(command))
    spec = command.split()[1]
    inside = [x for x in (ROOT / spec).read_text("utf-8").splitlines() if not x.startswith("#")]
    assert "\n".join(inside).strip() in ACCIDENTS
    show, name = re.findall(
        rf"^`eoscheck (show \.eoscheck/{Path(spec).stem}/\S+ -o) (\S+\.svg)`", ACCIDENTS, re.M
    )[0]
    printed(f"{show} {tmp_path / name}")
    assert (tmp_path / name).read_text("utf-8") == (ROOT / "docs/accidents" / name).read_text("utf-8")


def test_the_sample_of_the_page_on_proofs_is_real() -> None:
    """How many lemmas there are, and questions, is a matter of the version of Z3."""
    command = "prove specs/delivery/producer-idempotent.yaml"
    page = (ROOT / "docs/prove.md").read_text(encoding="utf-8")
    sample = page.split(f"$ eoscheck {command}\n")[1].split("```")[0]
    count = re.compile(r"(lemmas|Z3) [\d,]+")
    assert count.sub("N", told(sample)) == count.sub("N", told(printed(command)))


@pytest.mark.kafka
def test_the_replay_of_the_readme_is_real() -> None:
    printed(COMMAND)  # writes the trace
    replay = "replay .eoscheck/insert-in-transaction/no-duplicates@ledger.json"
    out = printed(replay)
    if not out:
        pytest.skip("no Kafka to be had here")
    assert told(shown(replay)) == told(out)
