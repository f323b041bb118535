"""The way that is shown is the best of all shortest ones: compared with all of them, on graphs made by hypothesis."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from eoscheck.checker import shortest
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.engine import Engine
from eoscheck.checker.search import Exploration, Limits, explore
from eoscheck.checker.shortest import way_to_hit, way_to_state
from eoscheck.checker.trace import trace
from eoscheck.model.language import Component, Model, Property, Var, action
from eoscheck.model.values import Witness, when
from hypothesis import given, settings
from hypothesis import strategies as st

PLACES = 8


class Token(Component):
    """What the walkers push about."""

    name = "token"
    at = Var(range(PLACES))


class Walker(Component):
    """Moves the token along its edges, and along others when something goes wrong."""

    def __init__(self, name: str, token: Token, edges: Any, slips: Any) -> None:
        self.name, self.token, self.edges, self.slips = name, token, edges, slips

    @action(each=lambda self: sorted(self.edges))
    def move(self, here: int, there: int) -> None:
        when(self.token.at == here)
        self.token.at = there

    @action(each=lambda self: sorted(self.slips), fault="slip")
    def slip(self, here: int, there: int) -> None:
        when(self.token.at == here)
        self.token.at = there


edges = st.sets(st.tuples(st.integers(0, PLACES - 1), st.integers(0, PLACES - 1)), max_size=8)


def built(walkers: Any, budget: int) -> tuple[Engine, Exploration]:
    token = Token()
    parts = [Walker(f"w{i}", token, moves, slips) for i, (moves, slips) in enumerate(walkers)]
    goal = Property("always", "never there", lambda: Witness("there") if token.at == PLACES - 1 else None)
    model = Model([token, *parts], [goal], budgets={"slip": budget})
    engine = Compiled(trace(model))
    return engine, explore(engine, Limits())


def all_ways(engine: Engine, found: Exploration) -> list[tuple[int, ...]]:
    """Every shortest way to a violation."""
    ways: list[tuple[tuple[int, ...], bytes]] = [((), engine.model.initial)]
    for _ in range(found.hits[0]):
        ways = [
            ((*way, number), after)
            for way, state in ways
            for number, after in engine.successors(state)
            if isinstance(after, bytes)
        ]
    return [way for way, state in ways if engine.hits(state, 1)]


def rank(engine: Engine, way: tuple[int, ...]) -> tuple[int, int]:
    taken = [engine.model.actions[number] for number in way]
    return sum(a.info.fault is not None for a in taken), len({a.component.name for a in taken})


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(edges, edges), min_size=1, max_size=4), st.integers(0, 2))
def test_the_best_of_all_shortest_ways(walkers: Any, budget: int) -> None:
    engine, found = built(walkers, budget)
    if 0 not in found.hits or found.hits[0] > 5:
        return
    ways = all_ways(engine, found)
    chosen = tuple(way_to_hit(engine, found, 0))
    assert chosen in ways
    assert rank(engine, chosen) == min(rank(engine, way) for way in ways)
    names = {engine.model.actions[number].component.name for number in chosen}
    alike = [
        way
        for way in ways
        if rank(engine, way) == rank(engine, chosen)
        and {engine.model.actions[n].component.name for n in way} == names
    ]
    assert chosen == min(alike)


@pytest.fixture
def forked() -> tuple[Engine, Exploration]:
    """Two ways of two steps: the first one by number needs both walkers and a fault."""
    return built([({(0, 1), (0, 3), (3, 7)}, {(0, 2)}), ({(1, 7), (2, 7)}, set())], 1)


def named(engine: Engine, way: list[int]) -> list[str]:
    return [engine.model.actions[number].name for number in way]


def test_one_actor_is_better_than_two(forked: tuple[Engine, Exploration]) -> None:
    engine, found = forked
    assert named(engine, way_to_hit(engine, found, 0)) == ["w0.move(0, 3)", "w0.move(3, 7)"]


def test_actors_are_what_the_caller_says(forked: tuple[Engine, Exploration]) -> None:
    engine, found = forked
    way = way_to_hit(engine, found, 0, lambda action: "everybody")
    assert named(engine, way) == ["w0.move(0, 1)", "w1.move(1, 7)"]


def test_where_there_are_too_many_ways_actors_are_not_minimised(forked: tuple[Engine, Exploration]) -> None:
    engine, found = forked
    with patch.object(shortest, "MOST_SETS", 0):
        assert named(engine, way_to_hit(engine, found, 0)) == ["w0.move(0, 1)", "w1.move(1, 7)"]


def test_a_way_to_the_initial_state_is_empty(forked: tuple[Engine, Exploration]) -> None:
    engine, found = forked
    assert way_to_state(engine, found.visited, 0) == []
