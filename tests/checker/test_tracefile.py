"""Trace files: whatever is in one, it is a trace or one line says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tinypipe
from eoscheck.checker import tracefile
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.examine import examine
from eoscheck.checker.search import Limits
from eoscheck.checker.tracefile import BadTrace, read


def shortest() -> Trace:
    return examine(tinypipe.build(tinypipe.spec()), Limits()).traces["no-duplicates@shelf"]


def test_a_trace_survives_its_file(tmp_path: Path):
    file = tmp_path / "t.json"
    file.write_text(shortest().to_json())
    assert read(file).to_json() == shortest().to_json()
    assert json.loads(file.read_text())["format"] == "eoscheck-trace/1"


def without(key: str) -> Any:
    return lambda data: data.pop(key)


def changed(**parts: Any) -> Any:
    return lambda data: data.update(parts)


def reasons(**parts: Any) -> Any:
    return lambda data: data["why"].update(parts)


def step(**parts: Any) -> Any:
    return lambda data: data["steps"][1].update(parts)


def test_a_trace_of_an_older_version_has_no_reasons(tmp_path: Path):
    data = json.loads(shortest().to_json())
    del data["why"], data["again"]
    (tmp_path / "t.json").write_text(json.dumps(data))
    assert read(tmp_path / "t.json").why is None


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
        (step(number=99), ":1: step 2: its number is 99"),
        (step(fault=[]), ":1: step 2: fault must be text or null"),
        (step(changes={"x": 1}), ":1: step 2: changes must give [from, to] for each variable"),
        (step(observation={"groups": 1}), ":1: step 2: observation must give objects, by section and place"),
        (
            step(observation={"groups": {"a": None}}),
            ":1: step 2: observation must give objects, by section and place",
        ),
        (lambda data: data["steps"][2].pop("api"), ":1: step 3: api is missing"),
        (changed(why=3), ":1: why: must be an object"),
        (changed(why={}), ":1: why: about is missing"),
        (reasons(chain=[1, True]), ":1: why: chain must be a list of numbers"),
        (reasons(needed=[4]), ":1: why: speaks of a step that the trace does not have"),
        (reasons(links=[{"step": 3}]), ":1: why: links: earlier is missing"),
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
    monkeypatch.setattr(tracefile, "LARGEST_FILE", 3)
    (tmp_path / "t.json").write_text("[1, 2]")
    with pytest.raises(BadTrace, match="larger than"):
        read(tmp_path / "t.json")
