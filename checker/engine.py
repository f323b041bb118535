"""Engines: what a search asks of a model, and the reference engine.

An engine says what can happen in a state (`successors`) and what is true in it (`violated`, `premises`). The
search knows nothing else, so a faster engine is one more class here. `Interpreter` runs the methods of the
model on plain values: it is slow, obvious, and right by definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from eoscheck.model.domains import Out
from eoscheck.model.language import Action, ConcreteMemory, Model
from eoscheck.model.values import Disabled

Successor = tuple[int, bytes | str]


class TooLarge(Exception):
    """An engine cannot take a model, of which it says why in one line."""


class Engine(Protocol):
    """One reading of a model."""

    name: str
    model: Model
    changes: Sequence[int]
    """By number of the action, bit i: it can change what property i says (its hit or its premise)."""

    def successors(self, state: bytes) -> Sequence[Successor]:
        """Every action that changes `state`, in the order of the model's actions; a cut one with its text."""
        ...

    def hits(self, state: bytes, among: int = -1) -> int:
        """Bit i, if it is asked for: property i is violated here (always, at-rest), or its goal is met here
        (sometimes, eventually, possible)."""
        ...

    def premises(self, state: bytes, among: int = -1) -> int:
        """Bit i, if it is asked for: the premise of property i is met here."""
        ...


class Interpreter:
    """The reference semantics."""

    name = "python"

    def __init__(self, model: Model) -> None:
        self.model = model
        self.changes: Sequence[int] = [-1] * len(model.actions)

    def step(self, state: bytes, action: Action) -> bytes | str | None:
        """The state after `action`, the text of the cut, or None where it is disabled or changes nothing."""
        memory = ConcreteMemory(state)
        self.model.memory = memory
        try:
            self.model.perform(action)
        except Disabled:
            return None
        except Out as out:
            return action.cut(out)
        after = bytes(memory.cells)
        return after if after != state else None

    def successors(self, state: bytes) -> list[Successor]:
        steps = ((number, self.step(state, action)) for number, action in enumerate(self.model.actions))
        return [(number, after) for number, after in steps if after is not None]

    def hits(self, state: bytes, among: int = -1) -> int:
        self.model.memory = ConcreteMemory(state)
        asked = ((i, p) for i, p in enumerate(self.model.properties) if among >> i & 1)
        return sum(1 << i for i, p in asked if p.check() not in (None, False))

    def premises(self, state: bytes, among: int = -1) -> int:
        self.model.memory = ConcreteMemory(state)
        asked = ((i, p) for i, p in enumerate(self.model.properties) if among >> i & 1)
        return sum(1 << i for i, p in asked if p.premise is None or p.premise())
