"""Lets tests here use the tiny pipeline of the checker's tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "checker"))
