"""Ctrl-C loses nothing of what was known by then, wherever it comes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tinypipe
from eoscheck.checker import examine as examining
from eoscheck.checker.checking import check_file
from eoscheck.checker.examine import examine
from eoscheck.checker.search import Limits
from eoscheck.checker.verdict import Result

ROOT = Path(__file__).resolve().parents[2]
Patch = pytest.MonkeyPatch


def then(monkeypatch: Patch, module: str, name: str, times: int = 0) -> None:
    """Let somebody press Ctrl-C when a function is called, the first so many times excepted."""
    before: Callable[..., Any] = getattr(sys.modules[module], name)
    calls: list[int] = []

    def impatient(*given: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) > times:
            raise KeyboardInterrupt
        return before(*given, **more)

    monkeypatch.setattr(sys.modules[module], name, impatient)


def examined(**more: Any) -> Result:
    found = examine(tinypipe.build(tinypipe.spec()), Limits(), explain=True, **more)
    told = {row.name for row in found.result.properties if row.steps}
    assert told == found.traces.keys()
    assert (found.result.complete, found.result.verdict) == (True, "violated")
    assert (found.result.interrupted, found.result.exit_code) == (True, 130)
    return found.result


def verdicts(result: Result) -> dict[str, str]:
    return {row.name: row.verdict for row in result.properties}


WHOLE = {"no-duplicates@shelf": "violated", "no-loss@shelf": "holds", "all-sent": "holds"}


@pytest.mark.parametrize("times", [0, 1])
@pytest.mark.parametrize("name", ["way_to_hit", "retell"])
def test_while_counterexamples_are_told(name: str, times: int, monkeypatch: Patch) -> None:
    then(monkeypatch, examining.__name__, name, times)
    result = examined()
    assert verdicts(result) == WHOLE and result.checked_by_z3 is None
    duplicates = result.of("no-duplicates@shelf")[0]
    why = "interrupted before its counterexample was told"
    assert (duplicates.steps, duplicates.reason) == ((3, "") if times else (0, why))


def test_while_z3_is_asked_of_every_verdict(monkeypatch: Patch) -> None:
    import eoscheck.checker.solver.opinion as opinion

    then(monkeypatch, opinion.__name__, "confirm_path", 1)
    result = examined()
    assert verdicts(result) == WHOLE and result.checked_by_z3
    assert result.checked_by_z3.steps == {"no-duplicates@shelf": 3}
    assert result.checked_by_z3.unchecked == {"no-loss@shelf": "interrupted", "all-sent": "interrupted"}


@pytest.mark.parametrize(
    ("name", "said"), [("closed", "nothing: interrupted"), ("sound", "nothing more: interrupted")]
)
def test_while_it_is_certified(name: str, said: str, monkeypatch: Patch) -> None:
    import eoscheck.checker.solver.opinion as opinion

    then(monkeypatch, opinion.__name__, name)
    result = examined(certify=True)
    assert verdicts(result) == WHOLE and result.checked_by_z3
    assert not result.checked_by_z3.unchecked and result.checked_by_z3.certified[-1] == said


def test_while_it_is_asked_why_actions_never_fired(monkeypatch: Patch) -> None:
    import eoscheck.checker.solver.unfired as unfired

    then(monkeypatch, unfired.__name__, "reasons")
    result = examined()
    assert verdicts(result) == WHOLE and result.checked_by_z3 and not result.checked_by_z3.unchecked


def test_a_check_of_several_specs_does_not_go_on(monkeypatch: Patch) -> None:
    import eoscheck.checker.solver.opinion as opinion

    then(monkeypatch, opinion.__name__, "confirm_path")
    assert check_file(str(ROOT / "specs/delivery/producer-at-least-once.yaml")).code == 130
