"""What guarded commands promise to engines: disjoint and complete paths, and exact reads and writes."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from eoscheck.checker.commands import GuardedCommand
from eoscheck.checker.engine import Interpreter
from eoscheck.checker.expressions import evaluate
from eoscheck.checker.search import Limits, explore
from eoscheck.checker.trace import trace
from eoscheck.model.language import Model
from tinymodels import everything, two_phase_commit


def holds(command: GuardedCommand, state: bytes) -> bool:
    return all(evaluate(guard, state) for guard in command.guards)


def apply(command: GuardedCommand, state: bytes) -> bytes:
    after = bytearray(state)
    for effect in command.effects:
        index, value = evaluate(effect.index, state), evaluate(effect.value, state)
        assert 0 <= index < effect.region.count
        assert effect.region.domain.lo <= value <= effect.region.domain.hi
        after[effect.region.base + index] = value
    return bytes(after)


def sample(model: Model) -> list[bytes]:
    found = explore(Interpreter(model), Limits(states=3_000))
    states = [found.visited.state(number) for number in range(found.states)]
    return random.Random(7).sample(states, min(400, len(states)))


@pytest.mark.parametrize("build", [everything, two_phase_commit])
def test_the_paths_of_an_action_are_disjoint_and_complete(build: Callable[[], Model]) -> None:
    model = build()
    states, program, engine = sample(model), trace(model), Interpreter(model)
    for state in states:
        for chosen in model.actions:
            happening = [c for c in program.of(chosen) if holds(c, state)]
            after = engine.step(state, chosen)
            assert len(happening) <= 1
            if not happening:
                assert after is None
            elif happening[0].cut:
                assert after == happening[0].cut
            else:
                assert (after or state) == apply(happening[0], state)


@pytest.mark.parametrize("build", [everything, two_phase_commit])
def test_a_path_depends_on_what_it_reads_and_changes_what_it_writes(build: Callable[[], Model]) -> None:
    model = build()
    states, program, luck = sample(model), trace(model), random.Random(11)
    for state in states[:150]:
        for command in program.commands:
            if not holds(command, state):
                continue
            after = apply(command, state)
            assert {i for i in range(len(state)) if state[i] != after[i]} <= command.writes
            other = scramble(model, state, command.reads, luck)
            assert holds(command, other)
            assert all(apply(command, other)[i] in (after[i], other[i]) for i in command.writes)


def scramble(model: Model, state: bytes, kept: frozenset[int], luck: random.Random) -> bytes:
    """Another state that agrees on the cells that are `kept`."""
    other = bytearray(state)
    for region in model.regions:
        for cell in range(region.base, region.base + region.count):
            if cell not in kept:
                other[cell] = luck.randint(region.domain.lo, region.domain.hi)
    return bytes(other)


def test_guards_and_effects_are_shared_terms() -> None:
    program = trace(two_phase_commit())
    first, second = program.of(program.model.actions[0])[0], program.of(program.model.actions[1])[0]
    assert first.guards[0] is second.guards[0]
