"""A trace as a sequence diagram, as data: lanes, and for each step who speaks to whom and what is seen to change.

Every form (SVG, Mermaid, PlantUML) is drawn from this and decides nothing about Kafka. All texts in it are printable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eoscheck.checker.counterexample import Step, Trace
from eoscheck.gen.diagram.arrows import Arrow, arrows, struck
from eoscheck.gen.diagram.cast import KINDS, ORDER, Cast, cast
from eoscheck.gen.diagram.notes import Cell, Log, Note, Observation, changes, clean, short, watched
from eoscheck.gen.prose import summary
from eoscheck.gen.story import claim

NOWHERE = "environment"
"""The actor of crashes; it has no lane, a crash is drawn where it strikes."""


@dataclass(frozen=True)
class Lane:
    """A vertical line. `name` is unique and is what events and arrows refer to; `kind` is one of `cast.KINDS`."""

    name: str
    kind: str

    @property
    def role(self) -> str:
        """The kind in words; empty where nobody knows it."""
        return KINDS[self.kind]


@dataclass(frozen=True)
class Event:
    """One step.

    lane     where it happens: the actor, or for a crash its victim
    struck   the lane that a fault strikes; None where it is no fault
    dimmed   it is no part of the cause
    marked   it is one of the steps that contradict each other
    """

    number: int
    lane: str
    sentence: str
    api: str | None
    fault: str | None
    struck: str | None
    arrows: tuple[Arrow, ...]
    notes: tuple[Note, ...]
    dimmed: bool = False
    marked: bool = False


@dataclass(frozen=True)
class Diagram:
    """The whole of a trace.

    initial  what lies in the lanes before the first step
    lasso    (first, last) step of a cycle that repeats for ever; first > last where it rests after the last step
    witness  why the end is wrong (or, with `met`, that the goal is met)
    """

    title: str
    subject: str
    lanes: tuple[Lane, ...]
    initial: tuple[Note, ...]
    events: tuple[Event, ...]
    lasso: tuple[int, int] | None
    witness: str
    met: bool = False

    @property
    def forever(self) -> str:
        """What the frame of the lasso says; empty without one."""
        if self.lasso is None:
            return ""
        first, last = self.lasso
        if first > last:
            return "for ever: nothing more has to happen"
        return f"for ever: step {first}" if first == last else f"for ever: steps {first} to {last}"


def sequence(
    trace: Trace, *, dimmed: frozenset[int] = frozenset(), marked: frozenset[int] = frozenset()
) -> Diagram:
    """The diagram of a trace. `dimmed`, `marked`: numbers of steps, see Event."""
    who = cast(trace.spec)
    events = tuple(_events(trace, who, dimmed, marked))
    lanes = _lanes(events, who)
    return Diagram(
        title=clean(str(claim(trace))),
        subject=clean(str(trace.spec.get("path", ""))),
        lanes=lanes,
        initial=tuple(_initial(trace, lanes, who)),
        events=events,
        lasso=_lasso(trace),
        witness=clean(summary(trace)),
        met=trace.kind == "sometimes",
    )


def _events(trace: Trace, who: Cast, dimmed: frozenset[int], marked: frozenset[int]) -> Iterator[Event]:
    state = dict(_dict(trace.initial.get("variables")))
    seen: Observation = trace.initial.get("observation") or {}
    marks = watched([seen, *(step.observation for step in trace.steps)])
    for step in trace.steps:
        after = state | {name: pair[-1] for name, pair in step.changes.items() if pair}
        found = tuple(map(_cleaned, arrows(step, state, after, who)))
        yield Event(
            number=step.number,
            lane=clean(_place(step, who)),
            sentence=clean(step.sentence),
            api=None if step.api is None else clean(step.api),
            fault=None if step.fault is None else clean(step.fault),
            struck=clean(struck(step, who) or _place(step, who)) if step.fault else None,
            arrows=found,
            notes=tuple(changes(seen, step.observation, who, marks)),
            dimmed=step.number in dimmed,
            marked=step.number in marked,
        )
        state, seen = after, step.observation


def _place(step: Step, who: Cast) -> str:
    return struck(step, who) or step.actor if step.actor == NOWHERE else who.owner(step.actor)


def _cleaned(arrow: Arrow) -> Arrow:
    return Arrow(clean(arrow.start), clean(arrow.end), arrow.how, short(clean(arrow.label)))


def _lanes(events: Iterable[Event], who: Cast) -> tuple[Lane, ...]:
    """Everybody who appears: applications first, then brokers, then what lies outside Kafka; each in order of
    appearance."""
    kinds = {clean(name): kind for name, kind in who.kinds.items()}
    names: dict[str, str] = {}
    for event in events:
        ends = [end for arrow in event.arrows for end in (arrow.start, arrow.end)]
        for name in (event.lane, event.struck, *ends, *(note.lane for note in event.notes)):
            if name is not None:
                names.setdefault(name, kinds.get(name) or who.kind(name))
    return tuple(Lane(name, kind) for name, kind in sorted(names.items(), key=lambda lane: ORDER[lane[1]]))


def _initial(trace: Trace, lanes: Iterable[Lane], who: Cast) -> Iterator[Note]:
    """Inputs that lie in partitions that nobody writes, and whatever else is there."""
    seen: Observation = trace.initial.get("observation") or {}
    names = {lane.name for lane in lanes}
    observed = seen.get("partitions", {})
    for place, values in who.laid.items():
        if values and place not in observed and clean(place) in names:
            yield Log(clean(place), clean(place), tuple(Cell(str(value)) for value in values))
    for note in changes({}, seen, who, watched([])):
        if isinstance(note, Log) and note.cells and note.lane in names:
            yield note


def _lasso(trace: Trace) -> tuple[int, int] | None:
    if trace.lasso is None:
        return None
    after, length = trace.lasso.get("after"), trace.lasso.get("length")
    if not isinstance(after, int) or not isinstance(length, int):
        return None
    last = len(trace.steps)
    return min(max(after, 0), last) + 1, min(max(after + length, 0), last)


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
