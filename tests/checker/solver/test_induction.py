"""Proofs: of what holds there is one, of what does not there is none, and Z3 and the search agree about the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from eoscheck.checker.commands import Program
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.counterexample import Defect
from eoscheck.checker.search import Exploration, Limits, explore
from eoscheck.checker.solver.bounded import Unrolling
from eoscheck.checker.solver.induction import Induction
from eoscheck.checker.solver.lemmas import Lemma
from eoscheck.checker.solver.proof import Proof, check, proof
from eoscheck.checker.solver.reached import Reached
from eoscheck.checker.symbols import TraceError
from eoscheck.checker.trace import trace
from eoscheck.model.language import Property
from eoscheck.model.values import Witness
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from randommodels import programs, pure, random_model

LEAST = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def searched(chosen: Any, asked: Any) -> tuple[Program, Exploration]:
    """A random model with a property that speaks of states at rest, searched."""
    model = random_model(chosen, asked)
    thing = model.components[0]
    model.properties.append(
        Property("at-rest", "rests well", lambda: None if thing.truth(asked) else Witness("bad"))
    )
    with patch("eoscheck.checker.trace.MOST_PATHS", 200):
        try:
            program = trace(model)
        except TraceError as error:
            assert str(error).endswith("more than 200 paths"), error
            reject()
    found = explore(Compiled(program), Limits(states=400))
    if found.stopped:
        reject()
    return program, found


def safe(program: Program) -> Iterator[int]:
    kinds = enumerate(observed.property.kind for observed in program.properties)
    return (i for i, kind in kinds if kind in ("always", "at-rest"))


@LEAST
@given(programs, pure, st.data())
def test_what_holds_is_proved_and_what_does_not_is_not(chosen: Any, asked: Any, data: Any) -> None:
    program, found = searched(chosen, asked)
    if found.cut:
        with pytest.raises(Defect, match="a state that was reached"):
            Induction(program, Reached(program, found)).prove([])
        return
    holding = [i for i in safe(program) if i not in found.hits]
    induction = Induction(program, Reached(program, found))
    induction.prove(holding)
    states = [found.visited.state(number) for number in range(found.states)]
    assert all(lemma.holds(state) for lemma in induction.lemmas for state in states)
    made = proof(program, "spec", {}, holding, induction.lemmas)
    assert not failures(program, made)
    for number in set(safe(program)) - set(holding):
        with pytest.raises(Defect, match="a state that was reached"):
            Induction(program, Reached(program, found)).prove([number])
        name = program.properties[number].property.name
        assert failures(program, Proof("spec", (name,), {}, (), made.lemmas, ()))
    if len(states) > 1:
        wrong = data.draw(st.sampled_from(states[1:]))
        differing = [cell for cell, value in enumerate(wrong) if value != states[0][cell]]
        excluded = Lemma(tuple((cell, 1 << states[0][cell]) for cell in differing))
        assert failures(program, proof(program, "spec", {}, holding, [*induction.lemmas, excluded]))


def failures(program: Program, made: Proof) -> list[str]:
    return [o.failure for o in check(program, made, "proof.json") if o.failure]


@LEAST
@given(programs, pure)
def test_the_shortest_violation_is_as_long_as_that_of_a_search(chosen: Any, asked: Any) -> None:
    program, found = searched(chosen, asked)
    unrolling, first = Unrolling(program), dict[int, int]()
    for steps in range(min(found.depth, 6)):
        if steps:
            unrolling.extend()
        while (hit := unrolling.violation(set(safe(program)) - set(first))) is not None:
            number, commands = hit
            first[number] = len(commands)
            assert len(commands) == steps and ends_in(program, [c.number for c in commands], number)
    assert first == {i: n for i, n in found.hits.items() if n < min(found.depth, 6) and i in safe(program)}


def ends_in(program: Program, commands: list[int], prop: int) -> bool:
    """Do the actions of some commands lead to a hit?"""
    engine = Compiled(program)
    state = program.model.initial
    for number in commands:
        action = program.model.actions.index(program.commands[number].action)
        state = next(t for n, t in engine.successors(state) if n == action and isinstance(t, bytes))
    return bool(engine.hits(state) >> prop & 1)


def test_a_state_that_z3_and_the_interpreter_read_differently_is_a_defect() -> None:
    program, found = searched_counter()
    induction = Induction(program, Reached(program, found))
    with (
        patch("eoscheck.checker.solver.induction.after", lambda command, state: program.model.initial),
        pytest.raises(Defect, match="Z3 and the interpreter disagree about"),
    ):
        induction.prove(range(len(program.properties)))


def searched_counter() -> tuple[Program, Exploration]:
    from eoscheck.checker.prepare import prepare

    program = trace(prepare("specs/stores/offsets-in-store.yaml", wanted=["no-duplicates"]).model)
    return program, explore(Compiled(program), Limits())
