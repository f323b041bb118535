"""The benchmark model has the states, transitions and levels that TLC, SPIN and a C program agree on."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.engine import Engine, Interpreter
from eoscheck.checker.search import Exploration, Limits, explore
from eoscheck.checker.trace import trace

FILE = Path(__file__).parents[2] / "bench" / "eos_loop.py"
TABLE = {
    "1101": (31, 43, 15),
    "2112": (1_087, 2_188, 40),
    "2202": (34_296, 97_552, 40),
    "2212": (219_468, 674_486, 42),
}


@cache
def eos_loop() -> ModuleType:
    spec = importlib.util.spec_from_file_location("eos_loop", FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["eos_loop"] = module
    spec.loader.exec_module(module)
    return module


def figures(engine: Engine) -> tuple[int, int, int]:
    found: Exploration = explore(engine, Limits())
    assert found.complete
    return found.states, found.transitions, found.depth


@pytest.mark.parametrize("name", TABLE)
def test_compiled_counts_are_those_that_others_agree_on(name: str) -> None:
    assert figures(Compiled(trace(eos_loop().build(name)))) == TABLE[name]


@pytest.mark.parametrize("name", ["1101", "2112"])
def test_interpreted_counts_are_those_that_others_agree_on(name: str) -> None:
    assert figures(Interpreter(eos_loop().build(name))) == TABLE[name]


def test_each_action_has_the_paths_that_a_reader_sees_in_it() -> None:
    program = trace(eos_loop().build("2202"))
    paths = Counter(c.action.method for c in program.commands if c.action.component.name in ("p0", "reader"))
    cuts = Counter(c.action.method for c in program.commands if c.cut and c.action.component.name == "p0")
    assert paths == {
        "init_pid": 2, "init_fence": 2, "rebalance": 1, "fetch": 2, "poll": 1, "evict": 1,
        "begin_transaction": 1, "produce": 2, "ext_write": 1, "add_offsets": 2, "end_commit": 3,
        "end_abort": 3, "out_marker": 5, "offsets_marker": 2, "complete": 1, "read": 3,
    }  # fmt: skip
    assert cuts == {"init_pid": 1, "init_fence": 1, "produce": 1, "out_marker": 3}


def test_the_command_prints_the_figures_as_json() -> None:
    printed = subprocess.run(
        [sys.executable, FILE, "1101", "--json"], capture_output=True, text=True, check=True
    )
    figures = json.loads(printed.stdout)
    assert (figures["states"], figures["transitions"], figures["depth"]) == TABLE["1101"]
