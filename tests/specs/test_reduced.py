"""Reduced or not, a search says the same of every spec, and its counterexamples are the same shortest ones."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from unittest.mock import patch

from eoscheck.checker.checking import specs_in
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.reducing import explore_reducing
from eoscheck.checker.native.search import Options, explore_natively
from eoscheck.checker.prepare import prepare
from eoscheck.checker.reduction import refusal
from eoscheck.checker.search import Exploration, Limits
from eoscheck.checker.shortest import way_to_hit
from eoscheck.checker.solver.commuting import sharpen
from eoscheck.checker.trace import trace

ROOT = Path(__file__).resolve().parents[2]
SHARPEN = "eoscheck.checker.native.reducing.sharpen"
SHARP = ("delivery/", "stores/offsets", "a10-", "a18-", "a3-", "a6-", "b2-")
"""Specs of which Z3 is asked which commands commute; of all of them that takes minutes (bench/reducing.py)."""

FIRST = 10
"""States after which a search is reduced here."""


def says(found: Exploration) -> object:
    fired = [bool(times) for times in found.fired] if found.stopped is None else found.stopped
    return sorted(found.hits), found.premises, sorted(found.cut), fired


def compared(path: str) -> tuple[str, float | None, str]:
    """A spec, how many times fewer states were kept, and what differs; no number where it is not reduced."""
    program = trace(prepare(path).model)
    engine = Native(program)
    whole = explore_natively(engine, Limits())
    if refusal(program) or whole.states <= FIRST:
        return path, None, ""
    with patch(SHARPEN, sharpen if any(name in path for name in SHARP) else lambda *_: None):
        searched = explore_reducing(engine, Limits(), None, Options(threads=1), first=FIRST)
    found, differs = searched.found, []
    if not found.reduced or searched.notes or says(found) != says(whole):
        differs.append(f"{says(found)} is not {says(whole)} {searched.notes}")
    for prop in found.hits.keys() & whole.hits.keys():
        if way_to_hit(engine, searched.sources[prop], prop) != way_to_hit(engine, whole, prop):
            differs.append(f"another counterexample of {prop}")
    return path, whole.states / found.states, "; ".join(differs)


def test_every_spec() -> None:
    paths = specs_in([str(ROOT / "specs")])
    with ProcessPoolExecutor(os.cpu_count() or 1, multiprocessing.get_context("fork")) as workers:
        rows = list(workers.map(compared, paths))
    assert [(path, differs) for path, _, differs in rows if differs] == []
    factors = sorted(factor for _, factor, _ in rows if factor is not None)
    assert len(factors) > 90 and factors[len(factors) // 2] > 3
