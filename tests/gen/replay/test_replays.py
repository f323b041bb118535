"""Counterexamples on a real Kafka: what the model finds shows itself there, step by step, and at the end exactly.

Every violated property of the specs below is replayed on the release that fits it; of the specs in which everything
holds, executions that take each case of each action. After every step all that can be seen is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from eoscheck.checker.examine import judge_all, limits_of
from eoscheck.checker.prepare import prepare
from eoscheck.gen.replay.conform import conform
from eoscheck.gen.replay.plan import unplayable
from eoscheck.gen.replay.replayer import plan_trace, replay
from eoscheck.gen.replay.testbed import Testbed, fitting
from eoscheck.model.loader import load
from eoscheck.model.pipeline import build

ROOT = Path(__file__).resolve().parents[3] / "specs"
SPECS = sorted(ROOT.rglob("*.yaml"))
pytestmark = pytest.mark.kafka

# What cannot be had from outside on a cluster of one broker of a release since 3.7.
NOT_FORCED = {
    "guarantees": "replication",
    "a3-acks1-failover-broken": "replication",
    "a3-acks1-failover-fixed": "replication",
    "a5-unclean-election-broken": "replication",
    "a5-unclean-election-fixed": "replication",
    "a27-external-2pc-timeout-fixed": "KIP-939",
    "b6-epoch-not-bumped-broken": "no release",
    "b6-epoch-not-bumped-fixed": "no release",
    "client-epoch-bump-broken": "no release",
    "client-epoch-bump-fixed": "no release",
    "group-metadata-broken": "no release",
    "group-metadata-fixed": "no release",
}


def named(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", SPECS, ids=named)
def test_a_spec_is_as_the_model_says(path: Path, testbeds: Callable[[str], Testbed]) -> None:
    spec = load(path)
    kafka = fitting(spec.switches)
    reason = "no release" if kafka is None else unplayable(build(spec)) or ""
    if path.stem in NOT_FORCED:
        assert NOT_FORCED[path.stem] in reason
        pytest.skip(reason)
    assert kafka is not None and not reason
    testbed = testbeds(str(kafka))
    subject = prepare(str(path))
    found = judge_all(subject, limits_of(subject.spec)).examination
    for name, trace in found.traces.items():
        plan = plan_trace(trace)
        if plan.unforced:
            assert {step.fault for step in plan.unforced} <= {"coordinator-failover"}
            continue
        report = replay(testbed, plan, every_step=True)
        assert report.good, f"{name}: {report.text}\n" + "\n".join(report.timeline)
    if not found.traces:
        result = conform(spec, testbed, traces=1, seed=0)
        assert not result.divergences, result.to_json()["divergences"]
        assert result.commands[0] == result.commands[1] > 0
        assert result.complete and not result.skipped


def test_every_spec_of_the_list_is_there() -> None:
    assert {path.stem for path in SPECS} >= set(NOT_FORCED)


def test_a_store_in_postgresql(testbeds: Callable[[str], Testbed], postgresql: str) -> None:
    """The row that is there twice, in a database of its own process."""
    subject = prepare(str(ROOT / "stores" / "insert-in-transaction.yaml"))
    trace = judge_all(subject, limits_of(subject.spec)).examination.traces["no-duplicates@ledger"]
    testbed = testbeds("3.9.1")
    before, testbed.database = testbed.database, postgresql
    try:
        report = replay(testbed, plan_trace(trace), every_step=True)
    finally:
        testbed.database = before
    assert report.good, report.text
