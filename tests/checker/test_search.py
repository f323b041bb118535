"""The search: counts, shortest paths, limits, rest and deadlock, and the same answer every time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.engine import Engine, Interpreter
from eoscheck.checker.search import Exploration, Figures, Limits, explore
from eoscheck.checker.shortest import way_to_hit, way_to_state
from eoscheck.checker.trace import trace
from eoscheck.model.language import Component, Model, Property, Var, action
from eoscheck.model.values import Witness, when
from tinymodels import Clock, Counter, Graph, two_phase_commit


def run(model: Model, limits: Limits = Limits()) -> Exploration:  # noqa: B008
    return explore(Compiled(trace(model)), limits)


def way(model: Model, found: Exploration, state: int) -> list[int]:
    """The way to one of the states that were found."""
    return way_to_state(Compiled(trace(model)), found.visited, state)


def test_a_clock_has_twelve_states_and_never_rests() -> None:
    found = run(Model([Clock()]))
    assert (found.states, found.transitions, found.depth) == (12, 12, 12)
    assert (found.complete, found.at_rest, found.dead, found.fired) == (True, 0, 0, [12])


def test_a_counter_stops_at_its_end() -> None:
    found = run(model := Model([Counter()]))
    assert (found.states, found.transitions, found.depth, found.at_rest, found.dead) == (4, 3, 4, 1, 1)
    assert way(model, found, 3) == [0, 0, 0]


def test_two_phase_commit_has_the_states_that_one_can_count_by_hand() -> None:
    found = run(model := two_phase_commit(3))
    # Each is working, prepared or aborted; once it is committed, each is prepared or committed.
    undecided, aborted, committed = 3**3, 3**3, 2**3
    assert found.complete and found.states == undecided + aborted + committed
    assert (found.transitions, found.depth, list(found.hits)) == (202, 8, [1])
    assert found.hits == {1: 7} and len(way_to_hit(Compiled(trace(model)), found, 1)) == 7


def test_a_hasty_manager_breaks_two_phase_commit_in_four_steps() -> None:
    model = two_phase_commit(2, hasty=True)
    found = run(model)
    names = [model.actions[number].name for number in way_to_hit(Compiled(trace(model)), found, 0)]
    assert names == ["rm0.prepare()", "rm1.choose_abort()", "tm.commit()", "tm.deliver(rm0)"]


def test_the_shortest_of_two_ways_is_told() -> None:
    graph = Graph([(0, 0, 1), (1, 0, 2), (2, 0, 5), (0, 1, 3), (3, 0, 5), (5, 0, 0)])
    found = explore(graph, Limits())
    assert way_to_state(graph, found.visited, found.visited.number(b"\5")) == [1, 0] and found.depth == 3


class TestLimits:
    def test_depth_counts_steps(self) -> None:
        found = run(Model([Clock()]), Limits(depth=3))
        assert (found.stopped, found.complete, found.states, found.depth) == ("depth", False, 4, 4)

    @pytest.mark.parametrize("most", [1, 5, 11])
    def test_states(self, most: int) -> None:
        found = run(Model([Clock()]), Limits(states=most))
        assert (found.stopped, found.states, found.visited.levels[-1]) == ("states", most, most)

    def test_a_limit_that_is_just_enough_is_no_limit(self) -> None:
        assert run(Model([Clock()]), Limits(states=12, depth=12)).complete

    def test_seconds(self) -> None:
        assert run(Model([Clock()]), Limits(seconds=0)).stopped == "seconds"

    def test_memory(self) -> None:
        assert run(Model([Clock()]), Limits(memory_mb=1)).stopped == "memory"
        assert run(Model([Clock()]), Limits(memory_mb=1_000_000)).complete


def test_an_interrupt_in_the_middle_leaves_what_was_found() -> None:
    class Interrupted(Interpreter):
        asked = 0

        def successors(self, state: bytes) -> list[tuple[int, bytes | str]]:
            self.asked += 1
            if self.asked == 5:
                raise KeyboardInterrupt
            return super().successors(state)

    found = explore(Interrupted(model := Model([Clock()])), Limits())
    assert (found.stopped, found.states, found.transitions, found.complete) == ("interrupted", 5, 4, False)
    assert way(model, found, 4) == [0, 0, 0, 0]


def test_progress_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Figures] = []
    ticks = iter(range(10_000))
    monkeypatch.setattr("eoscheck.checker.search.time.monotonic", lambda: float(next(ticks)))
    explore(Interpreter(Model([Clock()])), Limits(), heard.append)
    assert [(f.level, f.distinct, f.generated, f.queue) for f in heard][:2] == [(1, 1, 0, 1), (2, 2, 1, 1)]


class Bucket(Component):
    """Fills, and leaks by a fault."""

    level = Var(range(3))

    @action
    def fill(self) -> None:
        self.level += 1

    @action(fault="leak")
    def leak(self) -> None:
        when(self.level > 0)
        self.level -= 1


@pytest.mark.parametrize("make", [lambda m: Compiled(trace(m)), Interpreter])
def test_what_is_cut_is_reported_and_nothing_is_complete(make: type[Interpreter]) -> None:
    found = explore(make(Model([Bucket()])), Limits())
    ((text, times),) = found.cut.items()
    assert text.startswith("bucket.fill() (test_search.py:") and text.endswith("bucket.level leaves 0..2")
    assert (times, found.stopped, found.complete, found.states, found.transitions) == (1, None, False, 3, 2)
    assert (found.fired, found.at_rest, found.dead) == ([2], 0, 0)


def test_a_state_where_only_a_fault_can_happen_is_at_rest() -> None:
    class Lamp(Component):
        on = Var(bool)

        @action
        def light(self) -> None:
            when(not self.on)
            self.on = True

        @action(fault="break")
        def smash(self) -> None:
            when(self.on)
            self.on = False

    lamp = Lamp()
    dark = Property("at-rest", "lit", lambda: None if lamp.on else Witness("dark"))
    light = Property("at-rest", "dark", lambda: Witness("lit") if lamp.on else None)
    found = run(model := Model([lamp], [dark, light], budgets={"break": 1}))
    assert (found.at_rest, found.hits, found.dead) == (2, {1: 1}, 1)
    assert way(model, found, 3) == [0, 1, 0]


def test_a_search_ends_early_once_all_is_decided() -> None:
    clock = Clock()
    late = Property("always", "early", lambda: Witness("late") if clock.hour == 3 else None)
    found = run(Model([clock], [late]))
    assert (found.stopped, found.hits, found.states) == ("decided", {0: 2}, 3)


def test_a_premise_that_is_never_met_is_known() -> None:
    clock = Clock()
    late = Property("always", "late", lambda: None, lambda: clock.hour == 12)
    never = Property("always", "never", lambda: None, lambda: clock.hour == 0)
    assert run(Model([clock], [late, never])).premises == 0b01


def script() -> str:
    """Explores with both engines and prints everything that must not depend on luck."""
    return f"""
import json, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from tinymodels import everything, two_phase_commit
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.search import Limits, explore
from eoscheck.checker.shortest import way_to_hit, way_to_state
from eoscheck.checker.trace import trace
said = []
for model in (two_phase_commit(3, hasty=True), everything()):
    program = trace(model)
    found = explore(Compiled(program), Limits(states=2000))
    engine = Compiled(program)
    paths = [way_to_hit(engine, found, i) for i in found.hits]
    last = [way_to_state(engine, found.visited, found.states - 1)]
    said.append([found.states, found.transitions, found.depth, found.hits, paths, last, str(program)])
    said.append(Compiled(program).source)
print(json.dumps(said))
"""


def test_nothing_depends_on_the_order_of_hashes() -> None:
    outputs = []
    for seed in ("0", "1", "4242"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", script()], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        outputs.append(json.loads(done.stdout))
    assert outputs[0] == outputs[1] == outputs[2]


def test_an_engine_is_what_the_search_asks_for() -> None:
    engines: list[Engine] = [Interpreter(Model([Clock()])), Compiled(trace(Model([Clock()]))), Graph([])]
    assert [e.name for e in engines] == ["python", "python", "graph"]
