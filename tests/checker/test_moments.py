"""Walking a trace again: what is shown at each moment is what the model says of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.examine import examine, limits_of
from eoscheck.checker.moments import Moments
from eoscheck.checker.prepare import prepare
from eoscheck.checker.tracefile import StaleTrace

SPECS = Path(__file__).resolve().parents[2] / "specs"


@pytest.fixture(scope="module")
def trace() -> Trace:
    pipeline = prepare(str(SPECS / "stores/insert-in-transaction.yaml"))
    return examine(pipeline, limits_of(pipeline.spec)).traces["no-duplicates@ledger"]


def test_the_moments_are_those_of_the_trace(trace: Trace) -> None:
    moments = Moments(trace)
    assert len(moments) == len(trace.steps) + 1
    known = dict(trace.initial["variables"])
    assert moments[0].variables == known
    for step in trace.steps:
        known |= {name: after for name, (_, after) in step.changes.items()}
        assert moments[step.number].variables == known
        assert moments[step.number].observation == step.observation


def test_what_the_trace_does_next_is_among_what_can_happen(trace: Trace) -> None:
    moments = Moments(trace)
    for step in trace.steps:
        (taken,) = [choice for choice in moments[step.number - 1].choices if choice.taken]
        assert (taken.label, taken.sentence, taken.fault) == (step.label, step.sentence, step.fault)
    assert not any(choice.taken for choice in moments[len(trace.steps)].choices)


def test_the_violation_shows_at_its_moment_and_not_before(trace: Trace) -> None:
    moments = Moments(trace)
    shown = ["no-duplicates@ledger" in moments[k].shown for k in range(len(moments))]
    assert shown == [False] * len(trace.steps) + [True]


def test_what_is_asked_at_rest_is_shown_at_rest() -> None:
    pipeline = prepare(str(SPECS / "hazards/a8-commit-before-process-broken.yaml"))
    trace = examine(pipeline, limits_of(pipeline.spec)).traces["no-loss@ledger"]
    moments = Moments(trace)
    assert [k for k in range(len(moments)) if "no-loss@ledger" in moments[k].shown] == [len(trace.steps)]


def test_a_trace_that_the_model_does_not_follow_is_stale(trace: Trace) -> None:
    odd = dataclasses.replace(trace.steps[0], label="enricher-1.juggle()")
    with pytest.raises(StaleTrace, match=r"step 1, enricher-1\.juggle\(\), cannot happen: explore again"):
        Moments(dataclasses.replace(trace, steps=(odd, *trace.steps[1:])))
    with pytest.raises(StaleTrace, match="explore again"):
        Moments(dataclasses.replace(trace, spec={**trace.spec, "topics": "none"}))
