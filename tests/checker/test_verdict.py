"""What an exploration is taken to say, and which exit code it asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tinypipe
from eoscheck.checker.examine import ENGINES, examine
from eoscheck.checker.search import Limits
from eoscheck.checker.verdict import ALARM, PropertyVerdict, Result, overall, worst


def found(limits: Limits | None = None, **changes: Any) -> Result:
    return examine(tinypipe.build(tinypipe.spec(**changes)), limits or Limits()).result


def verdicts(result: Result) -> dict[str, str]:
    return {p.name: p.verdict for p in result.properties}


def test_a_fault_violates_what_holds_without_it():
    broken, fixed = found(lost=1), found(lost=0)
    assert verdicts(broken) == {
        "no-duplicates@shelf": "violated",
        "no-loss@shelf": "holds",
        "all-sent": "holds",
    }
    assert (broken.verdict, broken.complete, broken.exit_code) == ("violated", True, 1)
    assert set(verdicts(fixed).values()) == {"holds"}
    assert (fixed.verdict, fixed.complete, fixed.exit_code) == ("holds", True, 0)


def test_a_limit_leaves_everything_undecided_that_was_not_met():
    result = found(Limits(states=3))
    assert set(verdicts(result).values()) == {"undecided"}
    assert {p.reason for p in result.properties} == {"stopped at 3 states"}
    assert (result.verdict, result.complete, result.exit_code) == ("undecided", False, 3)


def test_a_premise_that_is_never_met_is_vacuous_and_no_pass():
    result = found(lost=0, properties=("empty-promise",))
    assert verdicts(result) == {"empty-promise": "vacuous"}
    assert (result.verdict, result.complete, result.exit_code) == ("undecided", True, 4)


def test_a_premise_is_not_called_unmet_by_a_search_that_was_cut_short():
    assert verdicts(found(Limits(states=3), properties=("empty-promise",))) == {"empty-promise": "undecided"}


def test_a_cut_transition_is_named_and_leaves_the_rest_undecided():
    result = found(lost=2)
    assert result.cut and all("shelf" in cut.transition and cut.count > 0 for cut in result.cut)
    assert verdicts(result) == {
        "no-duplicates@shelf": "violated",
        "no-loss@shelf": "undecided",
        "all-sent": "holds",
    }
    assert not result.complete


def test_asking_for_nothing_is_not_a_pass():
    result = found(properties=())
    assert (result.verdict, result.exit_code) == ("undecided", 4)


def test_a_goal_out_of_reach_is_violated_only_by_a_complete_search():
    assert overall([PropertyVerdict("g", "sometimes", "", "violated")], True) == "violated"
    assert verdicts(found(Limits(depth=1)))["all-sent"] == "undecided"


def test_actions_that_never_fired_are_named():
    result = found()
    assert result.never_fired == ("sender.never(1)", "sender.never(2)")
    assert result.actions["sender.send()"] > 0


def test_the_json_is_the_contract():
    data = found().with_traces({"no-duplicates@shelf": "x.json"}).to_json()
    contract = {
        "format",
        "spec",
        "verdict",
        "complete",
        "states",
        "transitions",
        "depth",
        "seconds",
        "engine",
    }
    assert contract | {"bounds", "properties", "never_fired"} <= set(data)
    assert data["format"] == "eoscheck-result/1" and data["engine"] == "native"
    first = json.loads(json.dumps(data))["properties"][0]
    assert {k: first[k] for k in ("name", "verdict", "steps", "trace", "witness")} == {
        "name": "no-duplicates@shelf",
        "verdict": "violated",
        "steps": 3,
        "trace": "x.json",
        "witness": {"sentence": "record 0 lies there twice", "facts": {"record": 0}},
    }
    assert data["bounds"]["faults"] == {"lost-response": 1} and data["bounds"]["records"] == 2


@pytest.mark.parametrize("first", range(len(ALARM)))
def test_the_most_alarming_exit_code_wins(first: int):
    assert worst(reversed(ALARM[first:])) == ALARM[first]


def test_all_engines_give_the_same_result():
    pipeline = tinypipe.build(tinypipe.spec())
    results = [examine(pipeline, Limits(), engine).result.to_json() for engine in ENGINES]
    same = [{**result, "seconds": 0, "engine": "", "checked_by_z3": None} for result in results]
    assert same[0] == same[1] == same[2]
