"""A trace walked again, to look around on the way: at each moment everything that is the case, and everything that can
happen, not only what the trace does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eoscheck.checker.counterexample import Step, Trace, changes, readable, variables
from eoscheck.checker.engine import Interpreter
from eoscheck.checker.tracefile import StaleTrace, rebuilt
from eoscheck.model import values
from eoscheck.model.language import Action, ConcreteMemory, Model


@dataclass(frozen=True)
class Choice:
    """Something that can happen: the action `label`, in words. `taken`: the trace does it next."""

    label: str
    actor: str
    sentence: str
    fault: str | None
    taken: bool


@dataclass(frozen=True)
class Moment:
    """What is the case after so many steps of a trace.

    variables    every variable of the model proper, by name
    observation  what an outsider could see
    shown        names of properties that are violated here; of what is asked at rest, only where it rests
    choices      what can happen
    """

    number: int
    variables: dict[str, Any]
    observation: dict[str, Any]
    shown: tuple[str, ...]
    choices: tuple[Choice, ...]


class Moments:
    """The moments of a trace, from 0 (the initial state) to its last step. The model is made of the spec that the trace
    carries; properties of the user's own are not part of it.

    Raises StaleTrace where the model does not do what the trace says.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace, self._subject = trace, rebuilt(trace)
        self._model: Model = self._subject.model
        self._interpreter = Interpreter(self._model)
        self._states = [self._model.initial]
        for step in trace.steps:
            self._take(step)

    def __len__(self) -> int:
        return len(self._states)

    def _take(self, step: Step) -> None:
        action = next((a for a in self._model.actions if a.name == step.label), None)
        before = self._states[-1]
        after = self._interpreter.step(before, action) if action else None
        if not isinstance(after, bytes):
            raise StaleTrace(f"step {step.number}, {step.label}, cannot happen: explore again")
        if changes(self._model, before, after, ghost=False) != step.changes:
            raise StaleTrace(f"step {step.number}, {step.label}, does something else by now: explore again")
        self._states.append(after)

    def __getitem__(self, number: int) -> Moment:
        number = range(len(self))[number]
        state = self._states[number]
        choices = tuple(self._choices(number))
        self._model.memory = ConcreteMemory(state)
        observation: dict[str, Any] = readable(self._subject.observe())
        rests = all(choice.fault for choice in choices)
        return Moment(
            number, variables(self._model, state), observation, tuple(self._shown(state, rests)), choices
        )

    def _shown(self, state: bytes, rests: bool) -> Iterator[str]:
        hits = self._interpreter.hits(state)
        for i, prop in enumerate(self._model.properties):
            if hits >> i & 1 and (prop.kind == "always" or (prop.kind == "at-rest" and rests)):
                yield prop.name

    def _choices(self, number: int) -> Iterator[Choice]:
        steps = self.trace.steps
        following = steps[number].label if number < len(steps) else None
        for action in self._model.actions:
            said = self._said(self._states[number], action)
            if said is not None:
                yield Choice(
                    action.name,
                    self._subject.actor(action),
                    said,
                    action.info.fault,
                    action.name == following,
                )

    def _said(self, state: bytes, action: Action) -> str | None:
        """What an action says of itself; None where it cannot happen."""
        said: list[str] = []
        values.listen(said.append)
        try:
            after = self._interpreter.step(state, action)
        finally:
            values.listen(None)
        if after is None:
            return None
        return after if isinstance(after, str) else ". ".join(s.rstrip(".") for s in said) or action.name
