"""Traces: what they hold, that they are the same on every run, and that a wrong engine is found out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tinypipe
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.counterexample import Defect, Trace, retell
from eoscheck.checker.examine import examine
from eoscheck.checker.search import Limits
from eoscheck.checker.trace import trace
from eoscheck.model.language import Property


def shortest() -> Trace:
    return examine(tinypipe.build(tinypipe.spec()), Limits()).traces["no-duplicates@shelf"]


def test_a_step_says_who_did_what_and_what_changed():
    send, lose, again = shortest().steps
    assert (send.number, send.actor, send.action, send.api, send.fault) == (
        1,
        "sender",
        "send",
        "Produce",
        None,
    )
    assert send.sentence == "sends record 0. The broker appends it"
    assert send.changes == {"sender.phase": ["IDLE", "SENT"], "sender.shelf[0]": [0, 1]}
    assert send.observation == {"stores": {"shelf": {"records": [0]}}}
    assert (lose.actor, lose.fault) == ("network", "lost-response")
    assert again.changes["sender.shelf[0]"] == [1, 2]


def test_bookkeeping_is_kept_apart():
    steps = examine(tinypipe.build(tinypipe.spec()), Limits()).traces["all-sent"].steps
    hear = next(step for step in steps if step.action == "hear")
    assert hear.ghost == {"sender.told": [0, 1]} and "sender.told" not in hear.changes
    assert hear.sentence == "sender.hear()"


def test_the_end_says_why_and_what_must_be_seen():
    found = shortest()
    assert found.witness == {"sentence": "record 0 lies there twice", "facts": {"record": 0}}
    assert found.must_see == {"stores": {"shelf": {"records": [0, 0]}}} and found.lasso is None
    assert found.path == "0.1.0"


def test_a_trace_is_the_same_bytes_whatever_the_hash_seed(tmp_path: Path):
    (tmp_path / "t.yaml").write_text("lost: 1\n")
    seen = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(
            [sys.executable, tinypipe.__file__, "explore", "t.yaml"], cwd=tmp_path, env=environment
        )
        seen.add((tmp_path / ".eoscheck/t/no-duplicates@shelf.json").read_bytes())
    assert len(seen) == 1


def endless(name: str) -> Property:
    return Property("eventually", name, lambda: False)


def test_a_cycle_is_told_to_its_end():
    pipeline = tinypipe.build(tinypipe.spec(lost=2, records=1))
    pipeline.model.properties[:] = [endless("progress")]
    engine = Compiled(trace(pipeline.model))
    told = retell(pipeline, engine, pipeline.model.properties[0], [0, 1], [])
    assert told.lasso == {"after": 2, "length": 0}
    assert told.witness["sentence"] == "after step 2 nothing more has to happen, and progress is not met"
    with pytest.raises(Defect):  # a cycle that does not come back
        retell(pipeline, engine, pipeline.model.properties[0], [0], [1])


def test_an_engine_that_disagrees_with_the_interpreter_is_found_out():
    pipeline = tinypipe.build(tinypipe.spec())
    engine = Compiled(trace(pipeline.model))
    right = engine.successors
    engine.successors = lambda state: [(n, bytes(len(state))) for n, _ in right(state)]  # type: ignore[method-assign]
    with pytest.raises(Defect, match=r"disagree about sender\.send"):
        retell(pipeline, engine, pipeline.model.properties[0], [0])


def test_a_path_that_does_not_show_the_violation_is_a_defect():
    pipeline = tinypipe.build(tinypipe.spec())
    engine = Compiled(trace(pipeline.model))
    with pytest.raises(Defect, match="does not show it"):
        retell(pipeline, engine, pipeline.model.properties[0], [0])
    with pytest.raises(Defect, match="cannot happen"):
        retell(pipeline, engine, pipeline.model.properties[0], [1])
