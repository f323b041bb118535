"""The screen of one moment: nothing of the state is left out, and what changed stands out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.examine import examine, limits_of
from eoscheck.checker.moments import Moments
from eoscheck.checker.prepare import prepare
from eoscheck.gen.screen import Style
from eoscheck.gen.stepping import moment_text

SPECS = Path(__file__).resolve().parents[2] / "specs"


@pytest.fixture(scope="module")
def trace() -> Trace:
    pipeline = prepare(str(SPECS / "transactions/without-transaction.yaml"))
    return examine(pipeline, limits_of(pipeline.spec)).traces["no-duplicates@payments"]


def screen(trace: Trace, number: int, style: Style | None = None) -> str:
    moments = Moments(trace)
    before = moments[number - 1] if number else None
    return moment_text(trace, moments[number], before, style or Style(width=100))


def test_every_variable_is_there(trace: Trace) -> None:
    shown = screen(trace, 0, Style(width=100, full=True))
    for name in trace.initial["variables"]:
        owner, _, variable = name.partition(".")
        if not variable.startswith("log."):
            assert re.search(rf"\b{variable.partition('[')[0]} ", shown), name
        assert owner[:20] in shown


def test_what_changed_says_what_it_was(trace: Trace) -> None:
    append = next(step for step in trace.steps if step.action == "append")
    shown = screen(trace, append.number)
    assert "records [] → [1]" in shown and "high_watermark 0 → 1" in shown
    assert re.search(r'log \[\] → \["kind:DATA value:1 ', shown)
    assert f"step {append.number} of {len(trace.steps)}" in shown


def test_a_moment_fits_a_usual_terminal_but_for_long_lists(trace: Trace) -> None:
    lengths = [len(screen(trace, k, Style(width=80)).splitlines()) for k in range(len(trace.steps) + 1)]
    assert sorted(lengths)[len(lengths) // 2] <= 30
    assert "request.pid" not in screen(trace, 0) and "request.pid" in screen(trace, 0, Style(full=True))


def test_what_could_happen_instead_is_listed_with_the_choice_of_the_trace_marked(trace: Trace) -> None:
    fault = next(step for step in trace.steps if step.fault)
    lines = screen(trace, fault.number - 1).split("what can happen here")[1].splitlines()
    assert any(line.startswith(" > ") and "FAULT pause" in line for line in lines)
    assert sum(line.startswith(" > ") for line in lines) == 1 and len(lines) > 5


def test_the_end_says_what_is_violated_and_why(trace: Trace) -> None:
    shown = screen(trace, len(trace.steps))
    assert re.search(r"VIOLATED +no-duplicates@payments", shown) and "has its effect twice" in shown
    assert "VIOLATED" not in screen(trace, len(trace.steps) - 1)


@pytest.mark.parametrize("width", (40, 80, 120))
def test_no_line_is_wider_than_the_terminal(trace: Trace, width: int) -> None:
    for number in range(len(trace.steps) + 1):
        for full in (False, True):
            shown = screen(trace, number, Style(width=width, full=full))
            assert max(map(len, shown.splitlines())) <= width


def test_colour_changes_no_letter(trace: Trace) -> None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", screen(trace, 4, Style(color=True, width=100)))
    assert [line.rstrip() for line in plain.splitlines()] == screen(trace, 4).splitlines()
