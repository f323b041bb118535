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
from eoscheck.checker.solver.symmetry import symmetry_of
from eoscheck.checker.symmetry import NONE, Symmetry
from eoscheck.checker.trace import trace
from standingfor import happened

ROOT = Path(__file__).resolve().parents[2]
SHARPEN = "eoscheck.checker.native.reducing.sharpen"
SYMMETRY_OF = "eoscheck.checker.native.reducing.symmetry_of"
SHARP = ("delivery/", "stores/offsets", "a10-", "a18-", "a3-", "a6-", "b2-")
"""Specs of which Z3 is asked which commands commute; of all of them that takes minutes (bench/reducing.py)."""

SLOW = "transactions/guarantees"
"""A spec of which Z3 is not asked which parts are alike: that takes half as long as all others (bench/symmetry.py)."""

UNLIKE = "delivery/chain"
"""The only one where Z3 says that they are not: a producer sends to one partition first."""

FIRST = 10
"""States after which a search is reduced here."""


def says(found: Exploration, fired: list[bool], symmetry: Symmetry) -> object:
    cut = bool(found.cut) if symmetry.exchanges else sorted(found.cut)  # what is cut is told of one of two
    return sorted(found.hits), found.premises, cut, found.stopped or fired


def compared(path: str) -> tuple[str, float | None, str]:
    """A spec, how many times fewer states were kept, and what differs; no number where it is not reduced."""
    program = trace(prepare(path).model)
    engine = Native(program)
    whole = explore_natively(engine, Limits())
    if refusal(program) or whole.states <= FIRST:
        return path, None, ""
    symmetry = NONE if SLOW in path else symmetry_of(program)
    with (
        patch(SHARPEN, sharpen if any(name in path for name in SHARP) else lambda *_: None),
        patch(SYMMETRY_OF, lambda *_: symmetry),
    ):
        searched = explore_reducing(engine, Limits(), None, Options(threads=1), first=FIRST)
    found, differs = searched.found, []
    less = says(found, [times > 0 for times in found.fired], symmetry)
    all_ = says(whole, happened(program, symmetry, whole), symmetry)
    strange = [note for note in searched.notes if "each other" not in note and "not alike" not in note]
    if bool(symmetry.refused) != (UNLIKE in path):
        differs.append(f"{symmetry.refused}")
    if not found.reduced or strange or less != all_:
        differs.append(f"{less} is not {all_} {strange}")
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
