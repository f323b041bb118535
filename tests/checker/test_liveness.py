"""Liveness under weak fairness: hand-made graphs, and random ones against a check of every cycle there is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from eoscheck.checker.compiled import Compiled
from eoscheck.checker.engine import Interpreter
from eoscheck.checker.liveness import Lasso, violations
from eoscheck.checker.search import Exploration, Limits, explore
from eoscheck.checker.shortest import way_to_state
from eoscheck.checker.trace import trace
from eoscheck.model.language import Component, Model, Property, Var, action
from eoscheck.model.values import when
from hypothesis import given, settings
from hypothesis import strategies as st
from tinymodels import Clock, Counter, Graph


def check(graph: Graph) -> tuple[Exploration, dict[int, Lasso]]:
    found = explore(graph, Limits())
    return found, violations(graph, found)


def test_a_goal_that_is_reached_and_kept_holds() -> None:
    assert check(Graph([(0, 0, 1), (1, 0, 2), (2, 0, 1)], [{1}]))[1] == {}


def test_a_state_without_a_step_rests_there_for_ever() -> None:
    assert check(Graph([(0, 0, 1), (1, 0, 2)], [{1}]))[1] == {0: Lasso(2, [])}


def test_faults_owe_nothing() -> None:
    assert check(Graph([(0, 0, 1), (1, 1, 2)], [{2}], faults=[1]))[1] == {0: Lasso(1, [])}


def test_a_cycle_that_ignores_an_enabled_action_is_unfair() -> None:
    assert check(Graph([(0, 0, 1), (1, 0, 0), (0, 1, 2), (1, 1, 2), (2, 0, 0)], [{2}]))[1] == {}


def test_a_cycle_that_disables_the_other_action_now_and_then_is_fair() -> None:
    assert check(Graph([(0, 0, 1), (1, 0, 0), (0, 1, 2), (2, 0, 0)], [{2}]))[1] == {0: Lasso(0, [0, 0])}


def test_a_fair_cycle_takes_every_action_that_stays_enabled() -> None:
    edges = [(0, 0, 1), (1, 0, 0), (0, 1, 2), (1, 1, 2), (2, 0, 0), (2, 1, 1)]
    lasso = check(Graph(edges, [set()]))[1][0]
    assert lasso.state == 0 and set(lasso.cycle) == {0, 1}


def test_a_goal_met_only_once_is_not_met_again_and_again() -> None:
    assert check(Graph([(0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 0, 2)], [{1}]))[1] == {0: Lasso(2, [0, 0])}


def test_the_nearest_violation_is_told() -> None:
    edges = [(0, 0, 1), (0, 1, 2), (1, 0, 3), (2, 0, 4), (4, 0, 2), (3, 0, 3)]
    assert check(Graph(edges, [set()]))[1] == {0: Lasso(2, [0, 0])}


def test_each_property_has_its_own_verdict() -> None:
    assert set(check(Graph([(0, 0, 1), (1, 0, 0)], [{0}, set(), {1}]))[1]) == {1}


def test_an_incomplete_search_says_nothing() -> None:
    graph = Graph([(0, 0, 1), (1, 0, 2)], [set()])
    found = explore(graph, Limits(states=2))
    assert not found.complete and violations(graph, found) == {}


def test_a_long_line_needs_no_recursion() -> None:
    class Line(Component):
        x = Var(range(200))
        y = Var(range(200))

        @action
        def step(self) -> None:
            if self.x < 199:
                self.x += 1
            else:
                when(self.y < 199)
                self.x, self.y = 0, self.y + 1

    line = Line()
    model = Model([line], [Property("eventually", "never", lambda: line.x == 5 and line.y == 5)])
    engine = Compiled(trace(model))
    found = explore(engine, Limits())
    assert violations(engine, found) == {0: Lasso(found.states - 1, [])}


def test_a_clock_strikes_twelve_again_and_again_and_a_counter_stays_at_three() -> None:
    clock, counter = Clock(), Counter()
    goals = [
        Property("eventually", "twelve", lambda: clock.hour == 12),
        Property("eventually", "three", lambda: counter.n == 3),
        Property("eventually", "two", lambda: counter.n == 2),
    ]
    model = Model([clock, counter], goals)
    for engine in (Compiled(trace(model)), Interpreter(model)):
        found = explore(engine, Limits())
        ((number, lasso),) = violations(engine, found).items()
        way = way_to_state(engine, found.visited, lasso.state)
        assert (number, way, lasso.cycle) == (2, [1, 1, 1], [0] * 12)


# --- against brute force --------------------------------------------------------------------------


def fair_sets(graph: Graph, goal: set[int], faults: set[int]) -> Iterator[frozenset[int]]:
    """By definition: every set of states that a fair execution could stay in with the goal false."""
    states = sorted({0, *(x for f, _, t in graph.edges for x in (f, t))} - goal)
    for size in range(1, len(states) + 1):
        for chosen in map(set, combinations(states, size)):
            inside = [(f, a, t) for f, a, t in graph.edges if f in chosen and t in chosen and a not in faults]
            on = [{a for f, a, _ in graph.edges if f == s and a not in faults} for s in chosen]
            owed = set.intersection(*on) - {a for _, a, _ in inside}
            rests = size == 1 and not on[0]
            if rests or (inside and not owed and connected(chosen, inside)):
                yield frozenset(chosen)


def connected(states: set[int], edges: list[tuple[int, int, int]]) -> bool:
    def closure(start: int) -> set[int]:
        seen = {start}
        while more := {t for f, _, t in edges if f in seen} - seen:
            seen |= more
        return seen

    return all(closure(s) == states for s in states)


edge = st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 5))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(edge, max_size=14, unique_by=lambda e: (e[0], e[1])),
    st.sets(st.integers(0, 5)),
    st.sets(st.integers(0, 3), max_size=1),
)
def test_lassos_are_those_of_the_definition(edges: Any, goal: set[int], faults: set[int]) -> None:
    graph = Graph(edges or [(0, 0, 0)], [goal], sorted(faults))
    found, lassos = check(graph)
    number = {found.visited.state(i)[0]: i for i in range(found.states)}
    fair = [s for s in fair_sets(graph, goal, faults) if s <= set(number)]
    assert bool(lassos) == bool(fair)
    if lassos:
        stay = {s for part in fair for s in part}
        end = next(last for last in found.visited.levels if min(number[s] for s in stay) < last)
        assert lassos[0].state == number[min(s for s in stay if number[s] < end)]
        walk(graph, found, goal, faults, lassos[0])


def walk(graph: Graph, found: Exploration, goal: set[int], faults: set[int], lasso: Lasso) -> None:
    """The cycle is one, misses the goal, and is fair."""
    start = state = found.visited.state(lasso.state)[0]
    step = {(f, a): t for f, a, t in graph.edges}
    visited = [start]
    for taken in lasso.cycle:
        state = step[state, taken]
        visited.append(state)
    assert state == start and not goal & set(visited)
    on = [{a for f, a, _ in graph.edges if f == s and a not in faults} for s in visited]
    assert set.intersection(*on) <= set(lasso.cycle) - faults
