"""Counterexamples: a path of action numbers made into a trace that can be read, stored and replayed.

The path is run again by the interpreter, the reference semantics, with every sentence that the actions say;
on the way each state is compared with what the searching engine believes. A trace file ("eoscheck-trace/1")
carries its own spec and is the same bytes on every run.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from eoscheck.checker.engine import Engine, Interpreter
from eoscheck.checker.why import Why, why
from eoscheck.model import values
from eoscheck.model.domains import Region
from eoscheck.model.language import Action, Component, ConcreteMemory, Model, Property
from eoscheck.model.spec import Spec
from eoscheck.model.values import Witness

FORMAT = "eoscheck-trace/1"
INPUT = re.compile(r"\binput \d+")
"""An input as sentences name it."""


class Subject(Protocol):
    """A pipeline, as far as traces are concerned."""

    spec: Spec
    model: Model

    def observe(self) -> dict[str, Any]:
        """What an outsider could see in the state that the model's memory holds."""
        ...

    def actor(self, action: Action) -> str:
        """Who takes the action: the lane it is drawn in."""
        ...


class Defect(Exception):
    """Two readings of one model disagree: a defect of eoscheck, whose verdict must not be believed."""


@dataclass(frozen=True)
class Step:
    """One step of a trace.

    action       name of the method; `label` is the unique `component.action(arguments)`
    api          the Kafka request that it stands for, fault: the fault that it is; or None
    changes      cell to [from, to], of the model proper; `ghost`: the same of bookkeeping for properties
    observation  what an outsider could see after the step
    """

    number: int
    actor: str
    action: str
    label: str
    arguments: dict[str, Any]
    api: str | None
    fault: str | None
    sentence: str
    changes: dict[str, list[Any]]
    ghost: dict[str, list[Any]]
    observation: dict[str, Any]

    @property
    def only_sends(self) -> bool:
        """Whether nothing came of it yet but a request on its way."""
        return not self.fault and all(
            name.partition(".")[0].endswith(":wire") or name.endswith(".at") for name in self.changes
        )

    def may_speak_of(self, number: Any) -> bool:
        """Whether its sentence names that input, or none."""
        named = INPUT.findall(self.sentence)
        return number is None or not named or f"input {number}" in named


@dataclass(frozen=True)
class Trace:
    """An execution that shows a property violated (or a goal met).

    path      the position of each step's action among the enabled ones, in the order of actions: "0.3.1"
    initial   {"variables": {cell: value}, "observation": {...}}
    witness   {"sentence": ..., "facts": {...}}: why the last state breaks the property
    lasso     for liveness {"after": steps before the cycle, "length": steps of it}, else None; a length of 0
              means that it rests there
    must_see  the observation that a replay must end with
    why       what led to it; None where the model was not traced
    again     the command that finds it again, where one found it
    """

    spec: dict[str, Any]
    property: str
    kind: str
    says: str
    path: str
    initial: dict[str, Any]
    steps: tuple[Step, ...]
    witness: dict[str, Any]
    lasso: dict[str, int] | None
    must_see: dict[str, Any]
    why: Why | None = None
    again: str = ""

    @cached_property
    def contradiction(self) -> frozenset[int]:
        """The steps that contradict each other, as far as that is known: those that wrote what the property objects to,
        but for what is done to other inputs than it is about."""
        if self.why is None or self.lasso is not None:
            return frozenset()
        about = self.why.about.get("input")
        steps = (self.steps[number - 1] for number in self.why.contradiction)
        return frozenset(step.number for step in steps if step.may_speak_of(about))

    @cached_property
    def aside(self) -> frozenset[int]:
        """The steps that what is shown does not depend on; none where that is not known."""
        if self.why is None:
            return frozenset()
        return frozenset(range(1, len(self.steps) + 1)) - {*self.why.needed, *self.why.chain}

    def to_json(self) -> str:
        """The content of the trace file."""
        data = {"format": FORMAT, **dataclasses.asdict(self)}
        return json.dumps(data, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def readable(value: Any) -> Any:
    """A value of the model as JSON: members and components by name, tuples as lists.

    >>> readable((True, 2, None))
    [True, 2, None]
    """
    if isinstance(value, enum.Enum | Component):
        return value.name
    if isinstance(value, dict):
        return {str(readable(k)): readable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [readable(v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted((readable(v) for v in value), key=str)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def variables(model: Model, state: bytes, *, ghost: bool = False) -> dict[str, Any]:
    """Every cell of a state by name, those of bookkeeping if `ghost` and of the model proper otherwise."""
    return {
        name: value
        for region in model.regions
        if region.ghost == ghost
        for name, value in _cells(region, state)
    }


def _cells(region: Region, state: bytes) -> Iterable[tuple[str, Any]]:
    for i in range(region.count):
        yield region.cell(i), readable(region.domain.decode(state[region.base + i]))


def changes(model: Model, before: bytes, after: bytes, *, ghost: bool) -> dict[str, list[Any]]:
    """Every cell that two states differ in, [from, to] by name; `ghost` as in `variables`."""
    changed: dict[str, list[Any]] = {}
    for region in model.regions:
        cells = slice(region.base, region.base + region.count)
        if region.ghost == ghost and before[cells] != after[cells]:
            pairs = zip(_cells(region, before), _cells(region, after), strict=True)
            changed.update({name: [old, new] for (name, old), (_, new) in pairs if old != new})
    return dict(sorted(changed.items()))


Told = dict[tuple[bytes, int], tuple[int, Step, bytes]]
"""By state and number of the action: its position among the enabled ones, the step, and the state behind it."""


class _Retelling:
    """Walks a path with the interpreter, beside the engine that found it.

    told   steps that were walked before, on other paths of the same engine
    """

    def __init__(self, subject: Subject, engine: Engine, told: Told) -> None:
        self.subject, self.engine, self.model, self.told = subject, engine, subject.model, told
        self.reference = Interpreter(subject.model)
        self.state = self.model.initial
        self.positions: list[int] = []
        self.steps: list[Step] = []

    def take(self, number: int) -> None:
        """One step: action `number` in the present state."""
        key = self.state, number
        if key not in self.told:
            self.told[key] = self._walk(number)
        position, step, self.state = self.told[key]
        self.positions.append(position)
        self.steps.append(dataclasses.replace(step, number=len(self.steps) + 1))

    def _walk(self, number: int) -> tuple[int, Step, bytes]:
        action = self.model.actions[number]
        enabled = self._enabled()
        said: list[str] = []
        values.listen(said.append)
        try:
            after = self.reference.step(self.state, action)
        finally:
            values.listen(None)
        if not isinstance(after, bytes) or number not in enabled:
            raise Defect(f"step {len(self.steps) + 1} of a path, {action.name}, cannot happen when run again")
        return enabled.index(number), self._step(action, after, said), after

    def _enabled(self) -> list[int]:
        """Numbers of the actions that lead somewhere; both readings must agree on all of them."""
        plain = {n: after for n, after in self.reference.successors(self.state) if isinstance(after, bytes)}
        fast = {n: after for n, after in self.engine.successors(self.state) if isinstance(after, bytes)}
        if plain != fast:
            differing = min(n for n in plain | fast if plain.get(n) != fast.get(n))
            name = self.model.actions[differing].name
            raise Defect(
                f"after {len(self.steps)} steps the engine and the interpreter disagree about {name}"
            )
        return sorted(plain)

    def _step(self, action: Action, after: bytes, said: list[str]) -> Step:
        return Step(
            number=len(self.steps) + 1,
            actor=self.subject.actor(action),
            action=action.method,
            label=action.name,
            arguments=_arguments(action),
            api=action.info.api,
            fault=action.info.fault,
            sentence=". ".join(s.rstrip(".") for s in said) or action.name,
            changes=changes(self.model, self.state, after, ghost=False),
            ghost=changes(self.model, self.state, after, ghost=True),
            observation=self.observe(after),
        )

    def observe(self, state: bytes) -> dict[str, Any]:
        self.model.memory = ConcreteMemory(state)
        observed: dict[str, Any] = readable(self.subject.observe())
        return observed

    def check(self, prop: Property) -> Any:
        """What the property says of the present state; both readings must agree on it."""
        bit = 1 << self.model.properties.index(prop)
        if (self.reference.hits(self.state) ^ self.engine.hits(self.state)) & bit:
            raise Defect(
                f"the engine and the interpreter disagree about {prop.name} after {len(self.steps)} steps"
            )
        self.model.memory = ConcreteMemory(self.state)
        return prop.check()


def _arguments(action: Action) -> dict[str, Any]:
    parameters = list(inspect.signature(getattr(type(action.component), action.method)).parameters)[1:]
    return {name: readable(value) for name, value in zip(parameters, action.arguments, strict=False)}


def retell(
    subject: Subject,
    engine: Engine,
    prop: Property,
    path: Sequence[int],
    cycle: Sequence[int] | None = None,
    told: Told | None = None,
) -> Trace:
    """The trace of a path (and, for a liveness property, of the cycle that it ends in).

    told   what it is to remember for the next path of the same engine

    Raises Defect where interpreter and engine disagree, or where the path does not show what it should.
    """
    telling = _Retelling(subject, engine, {} if told is None else told)
    begin = {
        "variables": variables(subject.model, telling.state),
        "ghost": variables(subject.model, telling.state, ghost=True),
        "observation": telling.observe(telling.state),
    }
    for number in path:
        telling.take(number)
    witness = _reason(telling, prop, cycle)
    program = getattr(engine, "program", None)  # the interpreter has none
    number = subject.model.properties.index(prop)
    return Trace(
        spec=readable(dataclasses.asdict(subject.spec)),
        property=prop.name,
        kind=prop.kind,
        says=prop.says,
        path=".".join(map(str, telling.positions)),
        initial=begin,
        steps=tuple(telling.steps),
        witness=witness,
        lasso=None if cycle is None else {"after": len(path), "length": len(cycle)},
        must_see=telling.observe(telling.state),
        why=why(program, number, path, cycle, witness["facts"]) if program else None,
    )


def _reason(telling: _Retelling, prop: Property, cycle: Sequence[int] | None) -> dict[str, Any]:
    if cycle is not None:
        return _endless(telling, prop, cycle)
    said = telling.check(prop)
    if prop.kind == "possible" and said in (None, False):
        sentence = f"from here no way without another fault leads to where {prop.name} is met"
        return {"sentence": sentence, "facts": {}}
    if said in (None, False) or prop.kind == "possible":
        raise Defect(f"the path that is said to show {prop.name} does not show it when run again")
    if isinstance(said, Witness):
        return {"sentence": str(said), "facts": readable(said.facts)}
    return {
        "sentence": "the goal is met" if prop.kind == "sometimes" else f"{prop.name} is violated",
        "facts": {},
    }


def _endless(telling: _Retelling, prop: Property, cycle: Sequence[int]) -> dict[str, Any]:
    start = telling.state
    met = telling.check(prop) not in (None, False)
    for number in cycle:
        telling.take(number)
        met = met or telling.check(prop) not in (None, False)
    if telling.state != start or met:
        raise Defect(f"the cycle that is said to violate {prop.name} does not when run again")
    after = (
        f"after step {len(telling.steps) - len(cycle)}"
        if len(telling.steps) > len(cycle)
        else "from the start"
    )
    if cycle:
        sentence = f"{after} the same {len(cycle)} steps can repeat for ever, and {prop.name} is never met"
    else:
        sentence = f"{after} nothing more has to happen, and {prop.name} is not met"
    return {"sentence": sentence, "facts": {}}
