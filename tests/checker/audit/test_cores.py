"""Cores are cores: contradictory, minimal, and as small as any."""

from __future__ import annotations

import itertools
import random
import time

import z3  # type: ignore[import-untyped]
from eoscheck.checker.audit.cores import Weighing, steps
from eoscheck.checker.audit.facts import Facts
from eoscheck.checker.audit.judge import audit, questions
from eoscheck.checker.audit.rules import Because, Constraint, impossible
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import mutants
from simulated import Simulation

LATER = time.monotonic() + 3600

LITERALS = st.tuples(st.integers(0, 3), st.booleans())
CLAUSES = st.lists(
    st.tuples(st.sets(st.integers(0, 6), min_size=1, max_size=2), st.lists(LITERALS, min_size=1, max_size=2)),
    max_size=12,
)


def constraints(clauses: list[tuple[set[int], list[tuple[int, bool]]]]) -> list[Constraint]:
    found = []
    for observed, literals in clauses:
        formula = z3.Or([z3.Bool(f"x{n}") if yes else z3.Not(z3.Bool(f"x{n}")) for n, yes in literals])
        names = frozenset(f"x{n}" for n, _ in literals)
        found.append(Constraint(frozenset(observed), formula, Because("test", {}), names))
    return found


@settings(max_examples=150, deadline=None)
@given(CLAUSES)
def test_the_smallest_core_is_that_of_trying_all(
    clauses: list[tuple[set[int], list[tuple[int, bool]]]],
) -> None:
    weighing = Weighing(constraints(clauses), LATER)
    core = weighing.core(weighing.observed)
    sizes = [
        size
        for size in range(len(weighing.observed) + 1)
        if any(not weighing.explained(some) for some in itertools.combinations(weighing.observed, size))
    ]
    if core is None:
        assert sizes == []
        return
    found, smallest = weighing.smallest(core, LATER)
    assert smallest and len(found) == sizes[0] and not weighing.explained(found)
    assert all(weighing.explained([o for o in found if o != one]) for one in found)


def test_every_finding_is_minimal() -> None:
    """A finding contradicts itself, and without any one of its observations the rest can be explained."""
    seen = 0
    for seed in range(30):
        dice = random.Random(seed)
        history = Simulation(dice, 12, offsets=dice.random() < 0.5).history()
        for _, spoiled in mutants(history, dice):
            asked = {q.name: Weighing(q.constraints, LATER) for q in questions(Facts(spoiled))}
            for judgement in audit(spoiled).judgements:
                for finding in judgement.findings:
                    events, weighing = finding.events, asked[judgement.name]
                    assert finding.smallest and finding.because and not weighing.explained(events)
                    assert all(weighing.explained([e for e in events if e != one]) for one in events)
                    seen += 1
    assert seen > 100


def test_only_the_steps_that_are_needed_are_told() -> None:
    no = Constraint(frozenset([1]), z3.Not(z3.Bool("x")), Because("no", {}), frozenset(["x"]))
    yes = Constraint(frozenset([2]), z3.Bool("x"), Because("yes", {}), frozenset(["x"]))
    beside = Constraint(frozenset([2]), z3.Bool("y"), Because("beside", {}), frozenset(["y"]))
    assert [c.because.kind for c in steps([no, beside, yes], [1, 2])] == ["no", "yes"]


def test_an_impossible_observation_is_a_core_of_its_own() -> None:
    weighing = Weighing([impossible([3], "never"), impossible([1, 2], "both")], LATER)
    assert weighing.smallest([1, 2, 3], LATER) == ([3], True)


def test_a_chain_of_thousands_is_weighed_in_no_time() -> None:
    begun = time.monotonic()
    assert audit(Simulation(random.Random(1), 1500, offsets=False).history()).verdict != "violated"
    assert time.monotonic() - begun < 30
