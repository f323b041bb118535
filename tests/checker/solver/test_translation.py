"""What Z3 reads in guarded commands is what the interpreter does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
import z3  # type: ignore[import-untyped]
from eoscheck.checker.commands import Program
from eoscheck.checker.engine import Interpreter, Successor
from eoscheck.checker.prepare import prepare
from eoscheck.checker.search import Limits, explore
from eoscheck.checker.solver.translation import Integers, Numbers, Translation
from eoscheck.checker.symbols import TraceError
from eoscheck.checker.trace import trace
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from randommodels import programs, pure, random_model

SPECS = ("delivery/producer-idempotent", "stores/dedupe-by-id", "transactions/consume-process-produce")


def stepped(translation: Translation, state: bytes) -> list[Successor]:
    """The successors of a state, by substituting it into every command."""
    known, program = translation.known(state), translation.program
    number = {action: i for i, action in enumerate(program.model.actions)}
    found: list[Successor] = []
    for command in program.commands:
        if z3.is_true(z3.simplify(translation.moving(command, known))):
            after = translation.read(z3.simplify, translation.after(command, known))
            found.append((number[command.action], command.cut or after))
    return found


def agree(program: Program, numbers: Numbers | None, states: Iterator[bytes]) -> None:
    translation, engine = Translation(program, numbers), Interpreter(program.model)
    resting = translation.state()
    for state in states:
        steps = engine.successors(state)
        assert sorted(stepped(translation, state), key=str) == sorted(steps, key=str)
        known = translation.known(state)
        hits = engine.hits(state)
        rests = all(program.model.actions[n].info.fault for n, _ in steps)
        for i, observed in enumerate(program.properties):
            expected = bool(hits >> i & 1) and (rests or observed.property.kind != "at-rest")
            assert z3.is_true(z3.simplify(translation.hit(i, known))) == expected
        solver = z3.Solver()
        solver.add(*translation.equal(resting, state), *translation.domains(resting))
        assert solver.check() == z3.sat
        assert translation.read(solver.model().eval, resting) == state


@pytest.mark.parametrize("numbers", [None, Integers()], ids=["bits", "integers"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(chosen=programs, asked=pure, data=st.data())
def test_random_models(numbers: Numbers | None, chosen: Any, asked: Any, data: Any) -> None:
    with patch("eoscheck.checker.trace.MOST_PATHS", 200):
        try:
            program = trace(random_model(chosen, asked))
        except TraceError as error:
            assert str(error).endswith("more than 200 paths"), error
            reject()
    found = explore(Interpreter(program.model), Limits(states=200))
    numbered = st.integers(0, found.states - 1)
    agree(program, numbers, (found.visited.state(data.draw(numbered)) for _ in range(3)))


@pytest.mark.parametrize("spec", SPECS)
def test_the_model_of_kafka(spec: str) -> None:
    program = trace(prepare(f"specs/{spec}.yaml").model)
    found = explore(Interpreter(program.model), Limits(states=400))
    agree(
        program, None, (found.visited.state(number) for number in range(3, found.states, found.states // 5))
    )
