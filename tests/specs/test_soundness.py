"""Z3 finds every model of every spec as it should be, and confirms that no state of some of them was overlooked."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eoscheck.checker import expressions as ex
from eoscheck.checker.checking import specs_in
from eoscheck.checker.commands import GuardedCommand
from eoscheck.checker.examine import examine
from eoscheck.checker.expressions import Expr
from eoscheck.checker.prepare import prepare
from eoscheck.checker.search import Limits
from eoscheck.checker.solver.soundness import examined
from eoscheck.checker.trace import trace
from eoscheck.model.domains import Region

ROOT = Path(__file__).resolve().parents[2]

INFEASIBLE = ["enricher.look_up() path 0"]
"""Paths that the tracer does not see to be impossible. What it would have to know is that a number which is not 0 has a
predecessor, in one branch of a term only; a path that never fires costs less."""

known = set[int]()
"""Actions that this process has looked at: most specs share theirs with others."""


def contents(commands: list[GuardedCommand]) -> int:
    """The same number for the same commands, also of another spec."""
    done: dict[Expr, int] = {}

    def part(of: Any) -> object:
        if isinstance(of, Region):
            return of.name, str(of.domain), of.count
        return done[of] if isinstance(of, Expr) else of

    def number(expr: Expr) -> int:
        for term in ex.inside_out(expr, done):
            done[term] = hash((term.op, term.lo, term.hi, *map(part, term.args)))
        return done[expr]

    def numbers(command: GuardedCommand) -> Iterator[object]:
        yield from (command.action.name, command.cut, *map(number, command.guards))
        yield from ((part(e.region), number(e.index), number(e.value)) for e in command.effects)

    return hash(tuple(tuple(numbers(command)) for command in commands))


def looked_at(path: str) -> tuple[int, list[str], list[str]]:
    """Of the actions of a spec that were not met before: how many paths they have, which of these are impossible, and
    what must not be."""
    program = trace(prepare(path).model)
    by_action = {action: program.of(action) for action, _ in program.trees()}
    fresh = {action: contents(commands) for action, commands in by_action.items()}
    new = [c for action, commands in by_action.items() if fresh[action] not in known for c in commands]
    known.update(fresh.values())
    found = examined(replace(program, commands=tuple(new)))
    never = [f"{command.action.name} path {command.path}" for command in found.infeasible]
    return len(new), never, [*(f"{path}: {action.name}" for action in found.ambiguous), *found.escaping]


def test_every_spec() -> None:
    paths = specs_in([str(ROOT / "specs")])
    with ProcessPoolExecutor(os.cpu_count() or 1, multiprocessing.get_context("fork")) as workers:
        rows = list(workers.map(looked_at, paths))
    assert sum(number for number, _, _ in rows) > 5_000
    assert [name for _, names, _ in rows for name in names] == INFEASIBLE
    assert [text for _, _, texts in rows for text in texts] == []


CERTIFIED = [
    "delivery/producer-idempotent",
    "hazards/a24-stale-records-fresh-epoch-broken",
    "protocol/b6-epoch-not-bumped-broken",
    "stores/insert-in-transaction",
    "transactions/offsets-after-transaction",
]


@pytest.mark.parametrize("path", CERTIFIED)
def test_certified(path: str) -> None:
    result = examine(prepare(str(ROOT / "specs" / f"{path}.yaml")), Limits(), certify=True).result
    said = result.checked_by_z3
    assert said is not None and set(said.unchecked.values()) <= {"liveness"}
    states = f"of {result.transitions:,} steps from all {result.states:,} states none leads out"
    assert said.certified[0] == f"closed: the initial state is explored, and {states}"
    assert said.certified[1].startswith("model: all of ")
