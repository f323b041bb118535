"""Random walks: reproducible, true in what they find, silent about the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import tinypipe
from eoscheck.checker.examine import Examination
from eoscheck.checker.simulate import Walks, simulate
from eoscheck.model.language import Property, Witness


def walked(walks: Walks, **changes: Any) -> Examination:
    return simulate(tinypipe.build(tinypipe.spec(**changes)), walks)


def test_the_same_seed_walks_the_same_way():
    one, other = (walked(Walks(50, 20, 7)) for _ in range(2))
    assert {**one.result.to_json(), "seconds": 0} == {**other.result.to_json(), "seconds": 0}
    assert {n: t.to_json() for n, t in one.traces.items()} == {
        n: t.to_json() for n, t in other.traces.items()
    }
    assert walked(Walks(50, 20, 8)).result.actions != one.result.actions


def test_the_hash_seed_does_not_matter(tmp_path: Path):
    (tmp_path / "t.yaml").write_text("lost: 1\n")
    command = [sys.executable, tinypipe.__file__, "simulate", "t.yaml", "--walks", "5", "--seed", "1"]
    printed = set()
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        printed.add("\n".join(line for line in run.stdout.splitlines() if " s" not in line))
    assert len(printed) == 1


def test_a_simulation_never_says_that_something_holds():
    result = walked(Walks(50, 20), lost=0).result
    assert {p.name: p.verdict for p in result.properties} == {
        "no-duplicates@shelf": "undecided",
        "no-loss@shelf": "undecided",
        "all-sent": "holds",
    }
    assert (result.verdict, result.complete, result.exit_code) == ("undecided", False, 3)


def test_what_a_walk_meets_is_violated_and_told():
    found = walked(Walks(50, 20))
    assert found.result.exit_code == 1
    trace = found.traces["no-duplicates@shelf"]
    assert trace.witness["sentence"].endswith("lies there twice")
    assert found.result.states == 13


def test_what_is_asked_at_rest_is_asked_where_a_walk_comes_to_rest():
    pipeline = tinypipe.build(tinypipe.spec(lost=0))
    full = lambda: Witness("it is full") if pipeline.sender.shelf[1] == 1 else None  # noqa: E731
    pipeline.model.properties[:] = [Property("at-rest", "half", full)]
    assert simulate(pipeline, Walks(1, 20)).result.properties[0].verdict == "violated"


def test_the_depth_is_a_limit():
    result = walked(Walks(3, 2)).result
    assert (result.depth, result.transitions) == (2, 6)


def test_liveness_is_said_not_to_be_checked():
    pipeline = tinypipe.build(tinypipe.spec())
    pipeline.model.properties.append(Property("eventually", "progress", lambda: True))
    result = simulate(pipeline, Walks(1, 1)).result
    assert result.properties[-1].verdict == "undecided"
    assert "eventually" in result.unchecked and "eventually" not in result.checked
