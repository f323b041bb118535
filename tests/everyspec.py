"""All specs of the project, explored once for all tests that want to look at what came out."""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from pathlib import Path

from eoscheck.checker.checking import Checked, check_files
from eoscheck.checker.counterexample import Trace

ROOT = Path(__file__).resolve().parents[1]
SPECS = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "specs").rglob("*.yaml"))


@functools.cache
def checked() -> tuple[Checked, ...]:
    """Every spec, explored."""
    return tuple(check_files([str(ROOT / path) for path in SPECS], os.cpu_count() or 1))


@functools.cache
def traces() -> dict[tuple[str, str], Trace]:
    """Every counterexample (and way to a goal) there is, by path of the spec and name of the property."""
    return {
        (spec, name): replace(trace, spec={**trace.spec, "path": spec})  # no trace is to name this machine
        for spec, found in zip(SPECS, checked(), strict=True)
        for name, trace in found.traces.items()
    }
