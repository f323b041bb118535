"""Plans: every action of the model has its calls, its silence, or a reason why it cannot be forced."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import replace
from pathlib import Path

import pytest
from eoscheck.checker.counterexample import readable
from eoscheck.checker.engine import Interpreter
from eoscheck.checker.tracefile import spec_of
from eoscheck.gen.replay.actors import Client, Reader
from eoscheck.gen.replay.coordinators import Transaction
from eoscheck.gen.replay.groups import Group
from eoscheck.gen.replay.handlers import Handlers
from eoscheck.gen.replay.outcome import means
from eoscheck.gen.replay.plan import SILENT, UNFORCED, Planner, kind_of, unforced
from eoscheck.gen.replay.run import Run
from eoscheck.gen.replay.stores import Lookup, Store
from eoscheck.gen.replay.testbed import differing, fitting, switches_of
from eoscheck.model.loader import load
from eoscheck.model.pipeline import build
from eoscheck.model.spec import Switches

SPECS = sorted((Path(__file__).resolve().parents[3] / "specs").rglob("*.yaml"))
CALLED = {
    "client": Client,
    "group": Group,
    "transaction": Transaction,
    "reader": Reader,
    "store": Store,
    "lookup": Lookup,
    "run": Run,
}


def named(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", SPECS, ids=named)
def test_every_action_is_accounted_for(path: Path) -> None:
    for action in build(load(path)).model.actions:
        key = (kind_of(action.component), action.method)
        ways = [key in SILENT, key in UNFORCED, hasattr(Handlers, f"_{key[0]}_{key[1]}")]
        assert sum(ways) == 1, f"{action.name}: {ways}"


@pytest.mark.parametrize("path", SPECS[::3], ids=named)
def test_calls_name_methods_that_exist(path: Path) -> None:
    """Random executions: whatever is called exists, and a step without calls changes nothing that can be seen."""
    pipeline = build(load(path))
    planner, interpreter = Planner(pipeline), Interpreter(pipeline.model)
    dice, seen = random.Random(1), planner.observation()
    for _ in range(60):
        choices = [n for n, after in interpreter.successors(planner.state) if isinstance(after, bytes)]
        choices = [n for n in choices if not unforced(pipeline, pipeline.model.actions[n])]
        if not choices:
            break
        step = planner.take(pipeline.model.actions[dice.choice(choices)].name)
        for call in step.calls:
            assert callable(getattr(CALLED[call.kind], call.verb)), call
        assert step.calls or step.observation == seen, step.label
        seen = step.observation


@pytest.mark.parametrize("path", SPECS[::4], ids=named)
def test_a_spec_survives_its_trace(path: Path) -> None:
    """The spec that a trace carries is the spec that it was found in."""
    spec = load(path)
    assert spec_of(readable(dataclasses.asdict(spec))) == spec


def test_the_release_that_fits() -> None:
    old = switches_of("3.9.1", 0, {})
    assert old is not None
    assert str(fitting(old)) == "3.9.1"
    assert str(fitting(replace(old, verify_produce=False, verify_txn_offsets=False))) == "3.9.1:unverified"
    new = switches_of("4.3.1", 2, {})
    assert new is not None and str(fitting(new)) == "4.3.1"
    assert fitting(Switches(epoch_bump_on_timeout=False)) is None
    assert switches_of("unknown", 0, {}) is None


def test_what_differs_is_said() -> None:
    old, new = switches_of("3.9.1", 0, {}), switches_of("4.3.1", 2, {})
    assert old is not None and new is not None
    assert differing(old, old) == []
    assert differing(old, new) == [
        "transaction.version: the spec says 0, this Kafka 2",
        "strict marker epoch: the spec says no, this Kafka yes",
        "concurrent first: the spec says no, this Kafka yes",
        "memberless offsets: the spec says no, this Kafka yes",
    ]


def test_names_of_one_refusal() -> None:
    assert means("NONE", "NONE") and not means("NONE", "NOT_COORDINATOR")
    assert means("INVALID_TXN_STATE", "TRANSACTION_ABORTABLE")
    assert not means("OUT_OF_ORDER_SEQUENCE_NUMBER", "NONE")
