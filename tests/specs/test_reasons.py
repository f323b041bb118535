"""Why each counterexample of specs/ is one: what is said to be needed is enough."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.engine import Interpreter
from eoscheck.checker.prepare import prepare
from eoscheck.checker.simulate import Walks, simulate
from eoscheck.model.language import Model
from everyspec import ROOT, SPECS, traces


class Rerun:
    """Steps of a trace, taken again by the interpreter where they are enabled."""

    def __init__(self, model: Model, trace: Trace) -> None:
        self.model, self.trace, self.interpreter = model, trace, Interpreter(model)
        self.numbers = {action.name: n for n, action in enumerate(model.actions)}
        self.state = model.initial

    def take(self, steps: Iterable[int]) -> None:
        for step in steps:
            number = self.numbers[self.trace.steps[step - 1].label]
            after = self.interpreter.step(self.state, self.model.actions[number])
            if isinstance(after, bytes):
                self.state = after

    def shows(self) -> bool:
        """Whether the property is violated here, or its goal met."""
        number = next(i for i, p in enumerate(self.model.properties) if p.name == self.trace.property)
        return bool(self.interpreter.hits(self.state) >> number & 1)

    def rests(self) -> bool:
        """Whether nothing but a fault can happen here."""
        following = (self.model.actions[n].info.fault for n, _ in self.interpreter.successors(self.state))
        return None not in following


def still_shows(model: Model, trace: Trace) -> bool:
    """Whether the needed steps alone show it; what is asked at rest, once the others have been taken as well."""
    assert trace.why is not None
    rerun = Rerun(model, trace)
    rerun.take(trace.why.needed)
    rest = [step.number for step in trace.steps if step.number not in trace.why.needed]
    if trace.lasso is None:
        shown = rerun.shows()
        rerun.take(rest)
        return shown and (trace.kind != "at-rest" or (rerun.shows() and rerun.rests()))
    if not trace.lasso["length"]:
        return rerun.rests() and not rerun.shows()
    cycle = range(trace.lasso["after"] + 1, len(trace.steps) + 1)
    before = rerun.state
    rerun.take(cycle)
    return rerun.state == before and not rerun.shows()


@pytest.mark.parametrize("path", SPECS)
def test_the_needed_steps_alone_show_every_counterexample(path: str) -> None:
    model = prepare(str(ROOT / path)).model
    for (spec, name), trace in traces().items():
        if spec == path:
            assert still_shows(model, trace), name


def test_of_a_shortest_trace_every_step_is_needed() -> None:
    """Otherwise there would be a shorter one. What comes to rest may go on without consequence."""
    for key, trace in traces().items():
        if trace.kind in ("always", "sometimes"):
            assert trace.why is not None and len(trace.why.needed) == len(trace.steps), key


@pytest.mark.parametrize("path", SPECS[::9])
def test_the_needed_steps_alone_show_what_a_random_walk_has_met(path: str) -> None:
    pipeline = prepare(str(ROOT / path))
    for name, trace in simulate(pipeline, Walks(30, 80, 1), "native").traces.items():
        assert still_shows(pipeline.model, trace), name


def test_some_steps_of_random_walks_are_not_needed() -> None:
    """The tests above would pass if every step were said to be needed."""
    pipeline = prepare(str(ROOT / "specs/transactions/without-transaction.yaml"))
    trace = simulate(pipeline, Walks(200, 80, 1), "native").traces["no-duplicates@payments"]
    assert trace.why is not None and len(trace.why.needed) < len(trace.steps)


def test_the_story_is_shorter_than_the_trace() -> None:
    """It holds every fault that is needed, and what contradicts each other."""
    told = steps = 0
    for key, trace in traces().items():
        why = trace.why
        assert why is not None and set(why.contradiction) <= set(why.chain) & set(why.needed), key
        assert trace.kind == "at-rest" or set(why.chain) <= set(why.needed), key
        assert {s.number for s in trace.steps if s.fault} & set(why.needed) <= set(why.chain), key
        assert why.contradiction or trace.lasso or trace.kind == "at-rest", key
        told, steps = told + len(why.chain), steps + len(trace.steps)
    assert told < 0.5 * steps


def test_a_link_leads_from_what_was_written_to_who_used_it() -> None:
    for key, trace in traces().items():
        assert trace.why is not None
        for link in trace.why.links:
            written = trace.steps[link.earlier - 1]
            assert link.earlier < link.step, key
            assert set(link.variables) <= {*written.changes, *written.ghost}, key
