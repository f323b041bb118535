"""State graphs: the whole is the search, a projection is a quotient of it, a trace is a path in its surroundings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import pytest
import tinypipe
from eoscheck.checker.around import NOWHERE, Scene
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.counterexample import variables
from eoscheck.checker.engine import Interpreter
from eoscheck.checker.examine import limits_of
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.search import Options, explore_natively
from eoscheck.checker.picture import Wish, picture
from eoscheck.checker.projected import Choice, UnknownName, choose, project
from eoscheck.checker.search import Exploration, Limits, explore
from eoscheck.checker.stategraph import Drafting, Node, StateGraph
from eoscheck.checker.symbols import TraceError
from eoscheck.checker.trace import trace
from eoscheck.model.language import Model
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from randommodels import programs, pure, random_model
from tinymodels import two_phase_commit

FEW = Limits(states=300)
EVERYTHING = Options(everything=True, threads=1)


class Plain:
    """A model as a pipeline of which an outsider sees nothing."""

    def __init__(self, model: Model) -> None:
        self.spec, self.model = tinypipe.spec(), model

    def observe(self) -> dict[str, Any]:
        return {}

    def actor(self, chosen: Any) -> str:
        return str(chosen.component.name)


def text(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)


def traced(chosen: Any, asked: Any) -> Any:
    """The program of a random model, if it is small enough."""
    with patch("eoscheck.checker.trace.MOST_PATHS", 200):
        try:
            return trace(random_model(chosen, asked))
        except TraceError:
            reject()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(programs, pure)
def test_the_whole_graph_has_exactly_the_states_and_transitions_of_the_search(
    chosen: Any, asked: Any
) -> None:
    engine = Compiled(traced(chosen, asked))
    found = explore(engine, FEW)
    if found.stopped:
        reject()
    scene = Scene(Plain(engine.model), engine)
    nodes, edges = scene.draw(scene.first(found.states))
    states = [n for n in nodes if n.kind == "state"]
    every = [found.visited.state(i) for i in range(found.states)]
    assert sorted(text(n.values) for n in states) == sorted(text(variables(engine.model, s)) for s in every)
    assert sum(len(e.actions) for e in edges if not e.cut) == found.transitions
    assert sum(len(e.actions) for e in edges if e.cut) == sum(found.cut.values())
    assert (sum(n.dead for n in nodes), sum(n.rests for n in nodes)) == (found.dead, found.at_rest)
    assert not any(n.hidden for n in nodes)
    small = sum(bool(engine.hits(s, 1)) for s in every)
    assert sum(n.violates.get("small", 0) for n in nodes) == small


def quotient(
    choice: Choice, found: Exploration, model: Model
) -> tuple[Counter[str], set[tuple[str, str, str]]]:
    """What a projection must be, by the reference semantics: how many states hold what, and which steps change it."""
    engine = Interpreter(model)
    every = [found.visited.state(i) for i in range(found.states)]

    def held(state: bytes) -> str:
        return text(choice.values(choice.key(state)))

    steps = {
        (held(s), held(t), model.actions[n].name)
        for s in every
        for n, t in engine.successors(s)
        if isinstance(t, bytes)
    }
    return Counter(map(held, every)), {step for step in steps if step[0] != step[1]}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(programs, pure, st.sets(st.sampled_from(["r.a", "r.flag", "r.mood", "r.log", "r.row"]), min_size=1))
def test_a_projection_is_a_quotient_of_the_search(chosen: Any, asked: Any, names: set[str]) -> None:
    engine = Native(traced(chosen, asked))
    found = explore_natively(engine, FEW, options=EVERYTHING)
    if found.stopped:
        reject()
    choice = choose(engine.model, sorted(names))
    nodes, edges = project(engine, found, choice, NOWHERE, 10_000).drawn
    sizes, steps = quotient(choice, found, engine.model)
    held = [text(n.values) for n in nodes]
    assert {h: n.states for h, n in zip(held, nodes, strict=True)} == sizes
    assert {(held[e.source], held[e.target], a) for e in edges for a in e.actions} == steps
    assert (sum(n.dead for n in nodes), sum(n.rests for n in nodes)) == (found.dead, found.at_rest)
    every = [found.visited.state(i) for i in range(found.states)]
    hits = Counter(text(choice.values(choice.key(s))) for s in every if engine.hits(s, 1))
    assert {h: n.violates["small"] for h, n in zip(held, nodes, strict=True) if n.violates} == hits


def test_what_does_not_fit_into_a_projection_is_folded_and_nothing_is_lost() -> None:
    model = two_phase_commit()
    whole, few = (
        picture(Plain(model), Limits(), Wish(("rm0", "rm1", "tm"), most=most)) for most in (1_000, 5)
    )
    assert [n.kind for n in few.nodes].count("more") == 1
    assert len(few.nodes) == 6 < len(whole.nodes)
    assert sum(n.states for n in few.nodes) == sum(n.states for n in whole.nodes) == few.states
    assert "folded into one" in few.notes[-1]


# --- around a counterexample


def tiny(records: int = 4, lost: int = 2, most: int = 20, distance: int = 1, **more: Any) -> StateGraph:
    subject = tinypipe.build(tinypipe.spec(records=records, lost=lost, **more))
    return picture(subject, limits_of(subject.spec), Wish(distance=distance, most=most))


def taken(graph: StateGraph) -> list[str]:
    """The actions of the trace, read from the picture: a path from the initial node on."""
    at, actions = graph.nodes[0], []
    assert at.initial and 0 in at.steps
    while True:
        step = len(actions) + 1
        along = [e for e in graph.edges if step in e.steps]
        if not along:
            return actions
        (edge,) = along
        assert edge.source == at.number and len(edge.actions) == 1
        at = graph.nodes[edge.target]
        assert step in at.steps
        actions.append(edge.actions[0])


@pytest.mark.parametrize("most", [2, 6, 9, 20, 1_000])
def test_the_trace_is_a_path_from_the_initial_node_to_what_is_violated(most: int) -> None:
    graph = tiny(most=most)
    assert taken(graph) == ["sender.send()", "sender.lose()", "sender.send()"]
    last = next(n for n in graph.nodes if 3 in n.steps)
    assert "no-duplicates@shelf" in last.violates and graph.shows == "no-duplicates@shelf"
    assert graph.kind == ("whole" if most == 1_000 else "neighbourhood")


@pytest.mark.parametrize("most", range(5, 20))
def test_no_more_is_shown_than_asked_for_and_what_is_folded_is_counted(most: int) -> None:
    graph, free = (tiny(lost=1, most=m, distance=4) for m in (most, 22))
    assert {n.kind for n in free.nodes} == {"state"} and free.kind == "neighbourhood"
    beside_each = 2 * len(taken(graph)) + 2  # the trace is always there, with one fold for each of its states
    assert len(graph.nodes) <= max(most, beside_each)
    assert sum(n.states for n in graph.nodes) == len(free.nodes)
    assert [n.kind for n in graph.nodes].count("more") > 0 or len(graph.nodes) == len(free.nodes)


def test_around_says_how_far_from_the_trace_one_sees() -> None:
    numbers = [len(tiny(distance=d, most=30).nodes) for d in (0, 1, 2)]
    assert numbers[0] == 4 < numbers[1] < numbers[2]


def test_faults_are_told_apart_and_what_is_not_shown_is_counted() -> None:
    graph = tiny(distance=0)
    assert [(e.actions, e.fault) for e in graph.edges] == [
        (("sender.send()",), False),
        (("sender.lose()",), True),
        (("sender.send()",), False),
    ]
    assert [n.hidden for n in graph.nodes] == [0, 1, 0, 2]


def test_where_nothing_is_violated_the_beginning_is_shown_in_breadth_first_order() -> None:
    graph = tiny(records=9, lost=0, most=5)
    assert (graph.kind, graph.verdict, graph.shows) == ("beginning", "nothing is violated", None)
    assert [n.level for n in graph.nodes] == [0, 1, 2, 3, 4]
    assert [n.number for n in graph.nodes] == [0, 1, 2, 3, 4]


def test_a_search_that_was_cut_off_gives_a_graph_that_says_so() -> None:
    for wish in (Wish(most=20), Wish(most=4), Wish(("sender",), most=20)):
        subject = tinypipe.build(tinypipe.spec(records=4, lost=0))
        graph = picture(subject, Limits(states=6), wish)
        assert graph.stopped == "states" and graph.states == 6
        assert graph.notes[0] == "INCOMPLETE: the search ended at 6 states: limit of states"
        assert sum(n.states for n in graph.nodes) in (4, 6)
        shown = sum(n.hidden for n in graph.nodes)
        assert shown == 1 or "1 steps lead to states that were not searched" in graph.notes


def test_a_search_goes_on_where_everything_is_violated_already() -> None:
    graph = tiny(properties=("no-duplicates@shelf",), most=1_000)
    assert graph.stopped is None and graph.states > 13


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("sendr", "nothing is called 'sendr'; did you mean 'sender'?"),
        ("sender.shlf", "nothing is called 'sender.shlf'; did you mean 'sender.shelf'?"),
        (
            "sender.qqqqqqqqq",
            "nothing is called 'sender.qqqqqqqqq'; variables: sender.phase, sender.at, sender.shelf, sender.told",
        ),
        ("zzz", "nothing is called 'zzz'; components: sender, faults"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_or_all_that_there_are(name: str, line: str) -> None:
    with pytest.raises(UnknownName) as caught:
        choose(tinypipe.build(tinypipe.spec()).model, [name])
    assert str(caught.value) == line


def test_bookkeeping_is_no_part_of_a_component_unless_it_is_named() -> None:
    model = tinypipe.build(tinypipe.spec()).model
    assert choose(model, ["sender"]).short == ("phase", "at", "shelf")
    assert choose(model, ["sender.told", "faults"]).short == ("sender.told", "faults.used")


def test_nodes_are_numbered_in_breadth_first_order_along_the_trace() -> None:
    drafting = Drafting(["a", "b"], [False, True])
    for key in "xyz":
        drafting.node(key, Node(0, "state"))
    drafting.node("lost", Node(0, "state"))
    drafting.link("x", "z", 1)
    drafting.link("x", "y", 0, 1)
    drafting.link("y", "z", 0, 2)
    drafting.link("z", "x", 1)
    nodes, edges = drafting.finished("x")
    assert [(n.number, n.level, n.parent) for n in nodes] == [(0, 0, None), (1, 1, 0), (2, 2, 1)]
    assert [(e.source, e.target, e.actions, e.fault, e.steps) for e in edges] == [
        (0, 1, ("a",), False, (1,)),
        (0, 2, ("b",), True, ()),
        (1, 2, ("a",), False, (2,)),
        (2, 0, ("b",), True, ()),
    ]
