"""Reasons: what is needed is enough, on models that nobody thought of, and what is told of one known by heart."""

from __future__ import annotations

from typing import Any

import tinypipe
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.engine import Interpreter
from eoscheck.checker.examine import examine
from eoscheck.checker.search import Limits
from eoscheck.checker.simulate import Walks, simulate
from eoscheck.checker.trace import trace
from eoscheck.checker.why import Link, why
from hypothesis import given, settings
from hypothesis import strategies as st
from randommodels import programs, pure, random_model


def told(**changes: Any) -> dict[str, Trace]:
    return examine(tinypipe.build(tinypipe.spec(**changes)), Limits()).traces


def test_both_records_contradict_each_other_and_the_fault_is_told():
    found = told()["no-duplicates@shelf"].why
    assert found is not None
    assert (found.contradiction, found.chain, found.needed) == ((1, 3), (1, 2, 3), (1, 2, 3))
    assert found.about == {"record": 0}
    assert Link(3, 2, ("sender.phase",), value=False) in found.links
    assert Link(3, 1, ("sender.shelf[0]",), value=True) in found.links


def test_what_has_nothing_to_do_with_it_is_not_needed():
    """A random walk sends records that nobody asks after."""
    pipeline = tinypipe.build(tinypipe.spec(records=3))
    found = simulate(pipeline, Walks(200, 40, 5)).traces["no-duplicates@shelf"]
    assert found.why is not None
    others = [s.number for s in found.steps if s.number not in found.why.needed]
    assert all(step.action in ("send", "hear", "lose") for step in found.steps)
    assert {step.number for step in found.steps if step.fault} & set(others) == set()


def test_without_guarded_commands_nothing_is_said_of_reasons():
    found = examine(tinypipe.build(tinypipe.spec()), Limits(), "interpreter").traces
    assert all(trace.why is None for trace in found.values())


def test_what_a_needed_step_writes_besides_is_needed_as_well():
    """The last step writes to `a` what the second one has written already, from what the first one has written."""
    chosen = [[("row", 0, 3)], [("a", 3)], [("b", 3), ("a", ("row", 0))]]
    program = trace(random_model(chosen, "flag"))
    assert why(program, 0, [0, 1, 2]).needed == (1, 3)


@settings(max_examples=60, deadline=None)
@given(programs, pure, st.lists(st.integers(0, 5), max_size=25))
def test_the_needed_steps_alone_show_it(chosen: Any, asked: Any, luck: list[int]) -> None:
    """Of everything that a walk meets."""
    program = trace(random_model(chosen, asked))
    interpreter, model = Interpreter(program.model), program.model
    state, path = model.initial, list[int]()
    for pick in luck:
        following = [(n, after) for n, after in interpreter.successors(state) if isinstance(after, bytes)]
        if not following:
            break
        number, state = following[pick % len(following)]
        path.append(number)
        hits = interpreter.hits(state)
        for prop in (i for i in range(len(model.properties)) if hits >> i & 1):
            found, again = why(program, prop, path), model.initial
            for step in found.needed:
                after = interpreter.step(again, model.actions[path[step - 1]])
                assert not isinstance(after, str)
                again = after or again  # without the others it may change nothing any more
            assert interpreter.hits(again) >> prop & 1
            assert set(found.contradiction) <= set(found.chain) <= set(found.needed)
