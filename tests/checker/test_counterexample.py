"""Traces: what they hold, that they are the same on every run, and that a wrong engine is found out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tinypipe
from eoscheck.checker import counterexample
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.counterexample import BadTrace, Defect, Trace, read, retell
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


def test_a_trace_survives_its_file(tmp_path: Path):
    file = tmp_path / "t.json"
    file.write_text(shortest().to_json())
    assert read(file).to_json() == shortest().to_json()
    assert json.loads(file.read_text())["format"] == "eoscheck-trace/1"


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


def without(key: str) -> Any:
    return lambda data: data.pop(key)


def changed(**parts: Any) -> Any:
    return lambda data: data.update(parts)


def step(**parts: Any) -> Any:
    return lambda data: data["steps"][1].update(parts)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without("format"), ':1: no "format": "eoscheck-trace/1"'),
        (changed(format="eoscheck-result/1"), ":1: it is a result, not a trace"),
        (without("witness"), ":1: trace: witness is missing"),
        (changed(steps={}), ":1: steps must be a list"),
        (changed(steps=[1]), ":1: step 1: must be an object"),
        (changed(property=3), ":1: trace: property must be text"),
        (step(number=True), ":1: step 2: number must be a number"),
        (step(fault=[]), ":1: step 2: fault must be text or null"),
        (step(changes={"x": 1}), ":1: step 2: changes must give [from, to] for each variable"),
        (step(observation={"groups": 1}), ":1: step 2: observation must give objects, by section and place"),
        (
            step(observation={"groups": {"a": None}}),
            ":1: step 2: observation must give objects, by section and place",
        ),
        (lambda data: data["steps"][2].pop("api"), ":1: step 3: api is missing"),
    ],
)
def test_a_spoilt_trace_is_refused_in_one_line(tmp_path: Path, spoil: Any, message: str):
    data = json.loads(shortest().to_json())
    spoil(data)
    file = tmp_path / "t.json"
    file.write_text(json.dumps(data))
    with pytest.raises(BadTrace) as error:
        read(file)
    assert str(error.value) == f"{file}{message}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{\n!", ":2: not JSON: "),
        (b"\xff", ":1: not UTF-8: byte 0xff"),
        (b"[" * 100_000, ":1: nested too deeply"),
        (b"[]", ":1: no "),
        (b"9" * 5_000, ":1: "),
    ],
)
def test_a_file_that_is_no_trace_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str):
    file = tmp_path / "t.json"
    file.write_bytes(content)
    with pytest.raises(BadTrace) as error:
        read(file)
    assert str(error.value).startswith(f"{file}{message}") and "\n" not in str(error.value)


def test_missing_and_huge_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(BadTrace, match="No such file"):
        read(tmp_path / "none.json")
    monkeypatch.setattr(counterexample, "LARGEST_FILE", 3)
    (tmp_path / "t.json").write_text("[1, 2]")
    with pytest.raises(BadTrace, match="larger than"):
        read(tmp_path / "t.json")
