"""Which picture of a pipeline is drawn: everything where that is little, else the surroundings of a counterexample or
the beginning, or what some variables do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from eoscheck.checker.around import NOWHERE, Drawn, Scene, Way
from eoscheck.checker.counterexample import Subject, Trace
from eoscheck.checker.examine import Judged, engine_for, judge_all
from eoscheck.checker.moments import Moments
from eoscheck.checker.search import Exploration, Figures, Limits
from eoscheck.checker.stategraph import StateGraph
from eoscheck.checker.tracefile import rebuilt

MOST_STATES = 1_000_000
"""States that are searched where nobody says how many: what is scanned in a few seconds."""


@dataclass(frozen=True)
class Wish:
    """What is to be seen.

    onto      components or variables to project onto; none: states as they are
    distance  steps around a trace
    most      nodes, about
    """

    onto: tuple[str, ...] = ()
    distance: int = 1
    most: int = 60


def picture(
    subject: Subject,
    limits: Limits,
    wish: Wish,
    report: Callable[[Figures], None] | None = None,
) -> StateGraph:
    """The state graph that is wished for. Ctrl-C ends the search, and what was found is drawn.

    Raises UnknownName before anything is searched, Defect where engine and interpreter disagree.
    """
    from eoscheck.checker.native.search import Options
    from eoscheck.checker.projected import choose

    choice = choose(subject.model, wish.onto) if wish.onto else None
    if limits.states is None:
        limits = replace(limits, states=MOST_STATES)
    options = Options(reduce=False, everything=True)
    judged = judge_all(subject, limits, "native", report, options)
    way = _way(judged)
    found = judged.found
    if choice is not None:
        from eoscheck.checker.native.engine import Native
        from eoscheck.checker.projected import project

        assert isinstance(judged.engine, Native)
        projection = project(judged.engine, found, choice, way, wish.most)
        return _graph(subject, judged, way, "projected", projection.drawn, projection.notes, wish.onto)
    return _by_state(subject, judged, way, wish)


def picture_of(trace: Trace, wish: Wish) -> StateGraph:
    """The surroundings of a trace, for which nothing is searched. Raises StaleTrace."""
    Moments(trace)  # it can happen, and is what the trace says
    subject = rebuilt(trace)
    engine = engine_for(subject)
    numbers = {action.name: number for number, action in enumerate(subject.model.actions)}
    taken = [numbers[step.label] for step in trace.steps]
    way = Way.of(engine, taken, trace.property, good=trace.kind == "sometimes")
    scene = Scene(subject, engine)
    shown, place = scene.around(way, wish.distance, wish.most)
    nodes, edges = scene.draw(shown, way, place)
    spec, verb = subject.spec, "met" if trace.kind == "sometimes" else "violated"
    return StateGraph(
        spec=spec.path,
        title=spec.title,
        kind="neighbourhood",
        states=0,
        stopped=None,
        nodes=nodes,
        edges=edges,
        shows=trace.property,
        verdict=f"{trace.property} is {verb} in {len(trace.steps)} steps",
        why=str(trace.witness.get("sentence", "")),
    )


def _by_state(subject: Subject, judged: Judged, way: Way, wish: Wish) -> StateGraph:
    found = judged.found
    scene = Scene(subject, judged.engine, None if found.stopped is None else _Known(found))
    if found.states <= wish.most:
        drawn = scene.draw(scene.first(found.states), way)
        return _graph(subject, judged, way, "whole", drawn)
    if way.states:
        shown, place = scene.around(way, wish.distance, wish.most)
        return _graph(subject, judged, way, "neighbourhood", scene.draw(shown, way, place))
    return _graph(subject, judged, way, "beginning", scene.draw(scene.first(wish.most)))


class _Known:
    """The states that a search has found, to be asked which they are."""

    def __init__(self, found: Exploration) -> None:
        self.found = found

    def __contains__(self, state: object) -> bool:
        assert isinstance(state, bytes)
        try:
            return self.found.visited.number(state) < self.found.states
        except KeyError:
            return False


def _way(judged: Judged) -> Way:
    """The trace of the first property that is violated; of the first goal that is met, if none is but goals were all
    that was asked for."""
    rows = judged.examination.result.properties
    kinds = {row.kind for row in rows}
    for i, row in enumerate(rows):
        if i in judged.paths and (row.verdict == "violated" or kinds == {"sometimes"}):
            steps, cycle = judged.paths[i]
            return Way.of(judged.engine, [*steps, *(cycle or ())], row.name)
    return NOWHERE


def _graph(
    subject: Subject,
    judged: Judged,
    way: Way,
    kind: str,
    drawn: Drawn,
    notes: Sequence[str] = (),
    onto: tuple[str, ...] = (),
) -> StateGraph:
    found, spec = judged.found, subject.spec
    return StateGraph(
        spec=spec.path,
        title=spec.title,
        kind=kind,
        states=found.states,
        stopped=found.stopped,
        nodes=drawn[0],
        edges=drawn[1],
        shows=way.shows,
        verdict=_verdict(judged, way),
        why=str(judged.examination.traces[way.shows].witness["sentence"]) if way.shows else "",
        onto=onto,
        notes=(*_limits(found), *notes),
    )


def _verdict(judged: Judged, way: Way) -> str:
    result = judged.examination.result
    names = [row.name for row in result.properties if row.verdict == "violated"]
    if way.shows and way.shows in names:
        return f"{way.shows} is violated in {len(way.actions)} steps"
    if way.shows:
        return f"{way.shows} is met in {len(way.actions)} steps"
    if names:
        return f"violated: {', '.join(names)}"
    asked = result.properties[0].name if len(result.properties) == 1 else "anything"
    return f"{asked}: not violated" if asked != "anything" else "nothing is violated"


def _limits(found: Exploration) -> list[str]:
    notes = []
    if found.stopped:
        why = REASONS.get(found.stopped, found.stopped)
        notes.append(f"INCOMPLETE: the search ended at {found.states:,} states: {why}")
    return notes + [f"cut {count:,} times: {text}" for text, count in sorted(found.cut.items())]


REASONS = {
    "states": "limit of states",
    "seconds": "limit of time",
    "depth": "limit of steps",
    "memory": "limit of memory",
    "disk": "the disk is full",
}
"""Why a search ended, in words."""
