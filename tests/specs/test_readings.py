"""The readings of the Kafka model agree, and what is kept beside a log follows from the log."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from eoscheck.checker import expressions as ex
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.engine import Interpreter
from eoscheck.checker.search import Limits, explore
from eoscheck.checker.trace import trace
from eoscheck.model.language import ConcreteMemory
from eoscheck.model.loader import load
from eoscheck.model.pipeline import Pipeline, build

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted(str(p.relative_to(ROOT / "specs")) for p in (ROOT / "specs").rglob("*.yaml"))


def sampled(pipeline: Pipeline, engine: Compiled, states: int, seed: int) -> list[bytes]:
    """States from random walks, the same on every run."""
    chosen, found = random.Random(seed), []
    while len(found) < states:
        state = pipeline.model.initial
        for _ in range(60):
            found.append(state)
            following = [after for _, after in engine.successors(state) if isinstance(after, bytes)]
            if not following:
                break
            state = chosen.choice(following)
    return found[:states]


@pytest.mark.parametrize("path", SPECS)
def test_interpreter_and_guarded_commands_agree(path: str) -> None:
    pipeline = build(load(ROOT / "specs" / path))
    engine, reference = Compiled(trace(pipeline.model)), Interpreter(pipeline.model)
    for state in sampled(pipeline, engine, 60, seed=1):
        assert sorted(engine.successors(state)) == sorted(reference.successors(state))
        assert engine.hits(state) == reference.hits(state)
        assert engine.premises(state) == reference.premises(state)


@pytest.mark.parametrize(
    "path", ["delivery/consumer-at-least-once.yaml", "delivery/producer-at-most-once.yaml"]
)
def test_both_engines_count_the_same(path: str) -> None:
    pipeline = build(load(ROOT / "specs" / path))
    fast, slow = Compiled(trace(pipeline.model)), Interpreter(pipeline.model)
    one, other = explore(fast, Limits()), explore(slow, Limits())
    assert (one.states, one.transitions, one.depth) == (other.states, other.transitions, other.depth)
    assert one.hits == other.hits


@pytest.mark.parametrize(
    "path", ["transactions/consume-process-produce.yaml", "delivery/producer-idempotent.yaml"]
)
def test_producer_state_is_a_function_of_the_log(path: str) -> None:
    """What a leader remembers of its producers is what replaying its log would give (`ProducerStateManager`)."""
    pipeline = build(load(ROOT / "specs" / path))
    engine = Compiled(trace(pipeline.model))
    partitions = [p for ps in pipeline.partitions.values() for p in ps]
    for state in sampled(pipeline, engine, 400, seed=2):
        memory = ConcreteMemory(state)
        pipeline.model.memory = memory
        for partition in partitions:
            partition._rebuild()
        assert bytes(memory.cells) == state


# Clients that share a transactional.id take the lowest transaction number whose fate is not remembered any more: the
# number is bookkeeping itself, and reusing it is what keeps their quarrel finite.
RENUMBERED = "hazards/a22-shared-transactional-id-broken.yaml"


@pytest.mark.parametrize("path", [path for path in SPECS if path != RENUMBERED])
def test_nothing_is_decided_by_bookkeeping(path: str) -> None:
    """A ghost variable exists for the properties; no guard and no effect on the model proper may read one."""
    pipeline = build(load(ROOT / "specs" / path))
    ghosts = frozenset(
        cell for r in pipeline.model.regions if r.ghost for cell in range(r.base, r.base + r.count)
    )
    for command in trace(pipeline.model).commands:
        read = [ex.reads(guard) for guard in command.guards]
        read += [ex.reads(t) for e in command.effects if not e.region.ghost for t in (e.index, e.value)]
        assert not ghosts & frozenset().union(*read), str(command)
