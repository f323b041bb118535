"""Reasons in prose: what is told is what the reasons say, in the order in which it happened."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.examine import examine, limits_of
from eoscheck.checker.prepare import prepare
from eoscheck.gen.prose import prose, summary
from everyspec import traces

TOLD = {
    ("specs/hazards/a20-offset-outside-txn-broken.yaml", "no-duplicates@payments"): """\
In step 1 enricher polls input 1 (offset 0 of orders-0); in step 6 payments-0 appends input 1 at offset 0; in
step 10 txn:enricher writes its COMMIT marker to payments-0; in step 12 payments reads input 1 (offset 0 of
payments-0).
FAULT: in step 14 enricher crashes; what it had in memory is gone.
In step 19 group:enricher rebalances to generation 2: partition 0 to enricher; in step 20 enricher will
continue at offset 0 of orders-0, because nothing is committed yet; in step 21 enricher polls input 1 again
(offset 0 of orders-0); in step 26 payments-0 appends input 1 again at offset 2; in step 31 payments reads
input 1 again (offset 2 of payments-0).
=> input 1 has its effect twice at payments (steps 12 and 31)""",
    ("specs/hazards/a12-late-offset-commit-regress-broken.yaml", "no-duplicates@ledger"): """\
In step 1 billing polls input 1 (offset 0 of orders-0).
FAULT: in step 3 billing gives up on its OffsetCommit request, which is still on its way.
In step 6 group:billing stores offset 1 for partition 0; in step 9 billing polls input 2 (offset 1 of
orders-0); in step 11 group:billing stores offset 2 for partition 0; in step 13 billing writes input 2 to
ledger, committed there at once.
FAULT: in step 14 an OffsetCommit request that billing:wire gave up on arrives after all. group:billing stores
offset 1 for partition 0.
FAULT: in step 15 billing crashes; what it had in memory is gone.
In step 18 billing will continue at offset 1 of orders-0, the one that step 14 committed; in step 19 billing
polls input 2 again (offset 1 of orders-0); in step 21 group:billing stores offset 2 for partition 0; in step
23 billing writes input 2 again to ledger, committed there at once.
=> input 2 has its effect twice at ledger (steps 13 and 23)""",
    ("specs/hazards/a8-commit-before-process-broken.yaml", "no-loss@ledger"): """\
In step 1 billing polls input 1 (offset 0 of orders-0); in step 3 group:billing stores offset 1 for partition
0.
FAULT: in step 4 billing crashes; what it had in memory is gone.
=> input 1 never reaches ledger: everything is at rest, and nobody will come back to it (step 3)""",
}


@pytest.mark.parametrize("key", TOLD, ids=str)
def test_the_prose_of_known_accidents(key: tuple[str, str]) -> None:
    trace = traces()[key]
    told = [*map(str, prose(trace)), f"=> {summary(trace)}"]
    assert "\n".join(textwrap.fill(line, 110) for line in told) == TOLD[key]


def numbers(trace: Trace) -> list[int]:
    return [clause.step for sentence in prose(trace) for clause in sentence.clauses]


def test_steps_are_told_once_and_in_order_and_no_fault_is_left_out() -> None:
    for key, trace in traces().items():
        told = numbers(trace)
        assert told == sorted(set(told)), key
        faults = [step.number for step in trace.steps if step.fault]
        assert trace.why is not None
        assert set(faults) & set(trace.why.chain) <= set(told), key
        assert [s for s in prose(trace) if s.fault] == [
            s for s in prose(trace) if trace.steps[s.clauses[0].step - 1].fault
        ], key


def test_what_contradicts_each_other_is_told() -> None:
    for key, trace in traces().items():
        assert trace.why is not None
        if trace.lasso is None:
            assert set(trace.why.contradiction) <= set(numbers(trace)), key
            assert all(
                str(n) in summary(trace) for n in trace.why.contradiction[:1] if "step" in summary(trace)
            )


def test_nothing_is_said_to_happen_again_for_the_first_time() -> None:
    for key, trace in traces().items():
        for sentence in prose(trace):
            for clause in sentence.clauses:
                if found := re.search(r"polls (input \d+) again", clause.text):
                    before = [step.sentence for step in trace.steps[: clause.step - 1]]
                    assert any(f"polls {found[1]} " in said for said in before), (key, clause)


def test_a_trace_without_reasons_has_no_prose() -> None:
    trace = replace(next(iter(traces().values())), why=None)
    assert prose(trace) == () and summary(trace) == trace.witness["sentence"]


def test_two_processors_whose_names_end_in_numbers_are_not_one(tmp_path: Path) -> None:
    """`stage-2` is no instance of anything, so its first poll is not said to be one again."""
    rest = "offsets: after-processing, consumer: {auto.offset.reset: earliest, enable.auto.commit: false}"
    spec = f"""
topics: {{orders: {{records: 1}}, mid: {{}}, payments: {{}}}}
processors:
  stage-1: {{from: orders, to: mid, {rest}}}
  stage-2: {{from: mid, to: payments, {rest}}}
faults: {{crash: 1}}
"""
    (tmp_path / "p.yaml").write_text(spec)
    pipeline = prepare(str(tmp_path / "p.yaml"))
    trace = examine(pipeline, limits_of(pipeline.spec)).traces["no-duplicates@payments"]
    polls = [c.text for s in prose(trace) for c in s.clauses if c.text.startswith("stage-2 polls")]
    assert polls and "again" not in polls[0]
