"""Pages to test: of real counterexamples, one of two hundred steps, and a report of forty."""

from __future__ import annotations

import dataclasses
import functools
import os
from pathlib import Path

from eoscheck.checker.checking import check_files
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.verdict import Result

SPECS = Path(__file__).parents[2] / "specs"
NAMES = (
    "hazards/a12-late-offset-commit-regress-broken",
    "hazards/a22-shared-transactional-id-broken",
    "hazards/a19-torn-read-broken",
    "protocol/b1-hanging-txn-broken",
    "hazards/a14-lookup-divergence-broken",
    "hazards/a12-late-offset-commit-regress-transaction-broken",
    "hazards/a17-outbox-relay-broken",
    "hazards/a18-aborted-read-broken",
    "hazards/a20-offset-outside-txn-broken",
    "hazards/a21-abort-without-seek-broken",
    "hazards/a23-zombie-memberless-commit-broken",
    "hazards/a24-stale-records-fresh-epoch-broken",
    "hazards/a25-unstable-offset-read-broken",
    "hazards/a26-txn-timeout-short-broken",
    "hazards/a29-indeterminate-commit-broken",
    "protocol/b1-hanging-txn-offsets-broken",
    "protocol/b3-delayed-endtxn-broken",
    "protocol/b4-delayed-marker-broken",
    "protocol/b5-late-txn-offset-commit-broken",
)

Report = tuple[Result, dict[str, Trace]]


@functools.cache
def reports() -> dict[str, Report]:
    """By name of the spec without its folder, what a search says."""
    files = [str(SPECS / f"{name}.yaml") for name in NAMES]
    found: dict[str, Report] = {}
    for name, one in zip(NAMES, check_files(files, os.cpu_count() or 1), strict=True):
        assert one.result is not None
        found[Path(name).name] = one.result, dict(one.traces)
    return found


def report(name: str) -> Report:
    """The report of the first spec whose name begins so."""
    return next(r for known, r in reports().items() if known.startswith(name))


def trace(name: str, about: str) -> Trace:
    """The trace of the property that begins with `about`."""
    return next(t for p, t in report(name)[1].items() if p.startswith(about))


@functools.cache
def long_trace(steps: int = 200) -> Trace:
    """Real steps, over and over."""
    once = trace("b3", "no-duplicates")
    repeated = [once.steps[n % len(once.steps)] for n in range(steps)]
    numbered = (dataclasses.replace(step, number=n) for n, step in enumerate(repeated, 1))
    return dataclasses.replace(once, steps=tuple(numbered), why=None)


@functools.cache
def large_report(number: int = 40) -> Report:
    """Forty real counterexamples of many specs as one result."""
    result, _ = report("b3")
    rows, traces = [], {}
    for name, (each, told) in reports().items():
        for row in each.properties:
            if row.name in told and len(rows) < number:
                unique = f"{row.name}-{name.partition('-')[0]}-{len(rows)}"
                rows.append(dataclasses.replace(row, name=unique))
                traces[unique] = dataclasses.replace(told[row.name], property=unique)
    assert len(rows) == number
    return dataclasses.replace(result, properties=tuple(rows), checked_by_z3=None), traces
