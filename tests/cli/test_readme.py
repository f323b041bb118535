"""What the README shows is what the command prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "explore specs/stores/insert-in-transaction.yaml --property no-duplicates"


def told(text: str) -> str:
    """A text without its layout, and without what differs from run to run."""
    words = " ".join(text.split())
    return re.sub(r"[\d.]+ s(?: [\d,]+/s)?", "TIME", words)


def test_the_sample_of_the_readme_is_real(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.split(f"$ eoscheck {COMMAND}\n")[1].split("```")[0]
    shown_spec = readme.split("```yaml\n")[1].split("```")[0]
    run = [sys.executable, "-c", "from eoscheck.cli.main import main; main()", *COMMAND.split()]
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    printed = subprocess.run(
        run, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    ).stdout
    assert told(shown) == told(printed)
    spec = (ROOT / "specs/stores/insert-in-transaction.yaml").read_text(encoding="utf-8")
    assert shown_spec.strip() == "\n".join(x for x in spec.splitlines() if not x.startswith("#")).strip()
