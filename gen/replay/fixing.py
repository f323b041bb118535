"""The schedule of a counterexample under its fix: what the repaired pipeline does when the same things happen to it.

The steps of the broken pipeline are followed as far as the repaired one has them. What it does otherwise is left out,
and what it has to do first is put in; in the end it runs on without faults until it is at rest. Whatever comes of
that is an execution of the repaired model, so everything that is answered on the way is predicted by it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from eoscheck.checker.counterexample import Trace
from eoscheck.checker.engine import Engine
from eoscheck.checker.examine import engine_for
from eoscheck.gen.replay.replayer import Plan, hindrance, plan_path
from eoscheck.model.client import Client
from eoscheck.model.language import Action, Component, ConcreteMemory, Property
from eoscheck.model.loader import load
from eoscheck.model.network import Wire
from eoscheck.model.pipeline import Pipeline, build
from eoscheck.model.refused import Refused
from eoscheck.model.spec import Spec
from eoscheck.model.transactions import TransactionCoordinator

AHEAD = 8
"""How many steps may be put in before one of the schedule: enough for a request and its answer, twice over."""

STATES = 20_000
"""States that are looked at for the way to rest before the first way that offers itself is taken."""


class NoFix(Exception):
    """There is no test to be made of this fix; one line says why."""


def fixed_plan(trace: Trace, path: str | Path) -> Plan:
    """The plan of a trace's schedule under the spec in a file. Raises NoFix, and SpecError for a bad spec."""
    if trace.kind == "sometimes":
        raise NoFix(f"{trace.property} is a goal that is reached: there is nothing to fix")
    spec = load(path)
    schedule = follow(spec, trace.property, [step.label for step in trace.steps])
    plan = plan_path(build(spec), schedule)
    if reason := hindrance(plan):
        raise NoFix(f"it cannot be replayed: {reason}")
    return plan


def follow(spec: Spec, name: str, labels: Iterable[str]) -> list[str]:
    """The names of the actions of a pipeline that keeps to a schedule as far as it can, and then comes to rest.

    name    the property that must hold all the way
    labels  of the actions of the schedule

    Raises NoFix where the property does not hold.
    """
    pipeline, prop = _with_property(spec, name)
    following = _Following(pipeline)
    for label in labels:
        following.follow(label)
    following.rest()
    following.must_keep(prop)
    return [following.actions[number].name for number in following.path]


def _with_property(spec: Spec, name: str) -> tuple[Pipeline, Property]:
    try:
        pipeline = build(spec, (), [name.partition("@")[0]])
    except Refused:
        raise NoFix(f"it has no property {name}") from None
    found = next((p for p in pipeline.model.properties if p.name == name), None)
    if found is None:
        raise NoFix(f"it has no property {name}")
    return pipeline, found


class _Following:
    """An execution that grows: `path` has the numbers of its actions, `states` what was before and after each."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.model = pipeline.model
        self.actions: Sequence[Action] = self.model.actions
        self.engine: Engine = engine_for(pipeline, "python")
        self.states: list[bytes] = [self.model.initial]
        self.path: list[int] = []
        self._numbers = {action.name: number for number, action in enumerate(self.actions)}
        self._free = {n for n, action in enumerate(self.actions) if action.info.fault is None}

    def follow(self, label: str) -> None:
        """One step of the schedule, with what has to come first; nothing, where that does not lead to it."""
        number = self._numbers.get(label)
        if number is None:
            return
        state = self.states[-1]
        if self._take([number]):
            return
        parties = _parties(self.actions[number])
        helping = {n for n in self._free if parties & _parties(self.actions[n])}
        way = self._way(state, helping, lambda next_: number in next_, AHEAD)
        if way is not None:
            self._take([*way, number])

    def rest(self) -> None:
        """Run on without faults until nothing but a fault can happen."""
        way = self._way(self.states[-1], self._free, lambda next_: self._free.isdisjoint(next_))
        if way is None:
            way = self._some_way()
        self._take(way)

    def must_keep(self, prop: Property) -> None:
        """Raises NoFix where the property does not hold: all the way, at rest, or (liveness) in the end."""
        looked_at = self.states if prop.kind == "always" else self.states[-1:]
        for number, state in enumerate(looked_at):
            self.model.memory = ConcreteMemory(state)
            hit = prop.check() not in (None, False)
            if hit != (prop.kind == "eventually"):
                where = f"at step {number}" if prop.kind == "always" else "at rest"
                raise NoFix(f"it does not fix {prop.name}, which is violated by the same schedule {where}")

    def _take(self, numbers: Iterable[int]) -> bool:
        """Append steps; False where one cannot happen."""
        for number in numbers:
            after = self._successors(self.states[-1]).get(number)
            if after is None:
                return False
            self.states.append(after)
            self.path.append(number)
        return True

    def _successors(self, state: bytes) -> dict[int, bytes]:
        return {n: after for n, after in self.engine.successors(state) if isinstance(after, bytes)}

    def _way(
        self,
        state: bytes,
        among: Collection[int],
        there: Callable[[Collection[int]], bool],
        longest: int | None = None,
    ) -> list[int] | None:
        """A shortest way to a state in which the actions that can happen are `there`; None: none was found.

        among  numbers of the actions that may be used
        """
        before: dict[bytes, tuple[bytes, int] | None] = {state: None}
        frontier = [state]
        while frontier and len(before) < STATES and longest != -1:
            following = []
            for here in frontier:
                successors = self._successors(here)
                if there(successors.keys()):
                    return _back(before, here)
                for number, after in successors.items():
                    if number in among and after not in before:
                        before[after] = here, number
                        following.append(after)
            frontier = following
            longest = None if longest is None else longest - 1
        return None

    def _some_way(self) -> list[int]:
        """The first way to rest that offers itself, without coming to a state twice."""
        state = self.states[-1]
        seen, way = {state}, list[tuple[bytes, int]]()
        while True:
            successors = {n: s for n, s in self._successors(state).items() if n in self._free}
            if not successors:
                return [number for _, number in way]
            number = next((n for n, after in successors.items() if after not in seen), None)
            if number is not None:
                way.append((state, number))
                state = successors[number]
                seen.add(state)
            elif way:
                state, _ = way.pop()
            else:
                raise NoFix("after this schedule it goes on for ever: it never comes to rest")


def _back(before: dict[bytes, tuple[bytes, int] | None], state: bytes) -> list[int]:
    way = []
    while (step := before[state]) is not None:
        state, number = step
        way.append(number)
    return way[::-1]


def _parties(action: Action) -> set[Component]:
    """Whose action it is: its clients, those of its wires and transactional ids included, else its component."""
    found: set[Component] = set()
    for part in (action.component, *action.arguments):
        if isinstance(part, Wire):
            found.add(part.client)
        elif isinstance(part, TransactionCoordinator):
            found.update(wire.client for wire in part.wires)
        elif isinstance(part, Client):
            found.add(part)
    return found or {action.component}
