"""That the explored states are all that can be reached: the initial state is one of them, and no step leads out.

Every step from every state is taken once more, or, of a large set, from a sample. Which guards hold there and what is
written, Z3 confirms (`steps`); that it leads to a state which is known is looked up.
"""

from __future__ import annotations

import random

from eoscheck.checker.commands import Program
from eoscheck.checker.counterexample import Defect
from eoscheck.checker.search import Exploration
from eoscheck.checker.solver.explored import Explored
from eoscheck.checker.solver.steps import Steps
from eoscheck.checker.solver.translation import Translation

SMALL = 200_000
"""States of a set that is looked at as a whole."""

SAMPLE = 20_000
"""States that are looked at of a larger one."""


def why_not(found: Exploration) -> str:
    """Why the states that were explored need not be all; "" if they are said to be."""
    if not found.complete:
        return "the search is not complete"
    if found.reduced:
        return "the search is reduced"
    return "" if found.missed is None else "states are known by fingerprints only"


def closed(program: Program, found: Exploration, small: int = SMALL, sample: int = SAMPLE) -> str:
    """Confirm that a complete search has found all states; gives the sentence that says so.

    Raises Defect where a step leads out of them, or where figures are not those of the search.
    """
    explored = Explored(found, program.model.initial)
    if explored.whole(found.visited.integers(0, 1)[0]) != program.model.initial:
        raise Defect("the initial state is not the first that was explored")
    whole = found.states <= small
    states = [state for part in explored.chunks() for state in part] if whole else _sample(found, sample)
    steps, reached, taken = Steps(Translation(program), explored), set[int](), 0
    asleep, trees = set(states), dict(program.trees())
    for number, action in enumerate(program.model.actions):
        times = 0
        for command, here in steps.leaves(trees.get(action), states):
            if command.cut is not None:
                raise Defect(f"{command.cut}, in a state that was explored; the search did not notice")
            moved = steps.moved(command, here)
            times += len(moved)
            reached.update(steps.after(command, moved))
            if action.info.fault is None:
                asleep.difference_update(moved)
        taken += times
        if whole and times != found.fired[number]:
            raise Defect(
                f"{action.name} is possible in {times:,} states; the search took it {found.fired[number]:,} times"
            )
    if whole and len(asleep) != found.at_rest:
        raise Defect(f"{len(asleep):,} states rest; the search found {found.at_rest:,}")
    for part in explored.chunks():
        reached.difference_update(part)
    if reached:
        raise Defect(
            f"{len(reached):,} states can be reached in one step from those that were explored, and were not"
        )
    steps.confirm()
    which = (
        f"all {found.states:,} states"
        if whole
        else f"{len(states):,} of {found.states:,} states, drawn by lot"
    )
    return f"closed: the initial state is explored, and of {taken:,} steps from {which} none leads out"


def _sample(found: Exploration, count: int) -> list[int]:
    """Some states, the same on every run."""
    chosen = sorted(random.Random(0).sample(range(found.states), count))
    return [found.visited.integers(number, number + 1)[0] for number in chosen]
