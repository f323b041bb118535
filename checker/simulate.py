"""Simulation: random walks through a model that is too large to search, the same ones for the same seed.

Each walk starts at the beginning and takes, with equal chance, one of the actions that are possible. What it
meets is true; what it does not meet says nothing, so a simulation never says "holds". Liveness is not looked
at: a finite walk cannot show that something never happens.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from eoscheck.checker.counterexample import Subject
from eoscheck.checker.engine import Engine
from eoscheck.checker.examine import Examination, engine_for, told
from eoscheck.checker.liveness import KINDS
from eoscheck.checker.search import Figures, Limits
from eoscheck.checker.verdict import Cut, PropertyVerdict, Result, bounds, overall
from eoscheck.model.language import Property

NOT_CHECKED = "a finite walk cannot show that something never happens"


@dataclass(frozen=True)
class Walks:
    """How many walks, of at most how many steps each, from which seed."""

    number: int = 1_000
    depth: int = 100
    seed: int = 0


@dataclass
class _Found:
    states: set[bytes] = field(default_factory=set)
    fired: Counter[int] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)
    hits: dict[int, list[int]] = field(default_factory=dict)
    transitions: int = 0
    longest: int = 0
    at_rest: int = 0
    walked: int = 0
    stopped: str | None = None


class _Walker:
    def __init__(self, engine: Engine, walks: Walks) -> None:
        self.engine, self.walks, self.found = engine, walks, _Found()
        self.random = random.Random(walks.seed)
        properties = engine.model.properties
        self.pointwise = _mask(properties, "always", "sometimes")
        self.resting = _mask(properties, "at-rest")
        self.fault = [a.info.fault is not None for a in engine.model.actions]

    def walk(self) -> None:
        """One walk, to its depth or to where nothing can happen."""
        state, path = self.engine.model.initial, list[int]()
        self._look(state, path)
        for _ in range(self.walks.depth):
            choices = self._choices(state, path)
            if not choices:
                break
            # random() alone is promised to give the same numbers in every version of Python.
            number, state = choices[int(self.random.random() * len(choices))]
            path.append(number)
            self.found.fired[number] += 1
            self.found.transitions += 1
            self._look(state, path)
        self.found.longest = max(self.found.longest, len(path))
        self.found.walked += 1

    def _choices(self, state: bytes, path: list[int]) -> list[tuple[int, bytes]]:
        choices: list[tuple[int, bytes]] = []
        at_rest = True
        for number, after in sorted(self.engine.successors(state), key=lambda s: s[0]):
            at_rest = at_rest and self.fault[number]
            if isinstance(after, str):
                self.found.cut[after] += 1
            else:
                choices.append((number, after))
        if at_rest:
            self.found.at_rest += 1
            self._record(self.engine.hits(state) & self.resting, path)
        return choices

    def _look(self, state: bytes, path: list[int]) -> None:
        if state not in self.found.states:
            self.found.states.add(state)
            self._record(self.engine.hits(state) & self.pointwise, path)

    def _record(self, hits: int, path: list[int]) -> None:
        for i in range(hits.bit_length()):
            if hits >> i & 1:
                self.found.hits.setdefault(i, list(path))


def _mask(properties: list[Property], *kinds: str) -> int:
    return sum(1 << i for i, p in enumerate(properties) if p.kind in kinds)


def simulate(
    subject: Subject, walks: Walks, engine: str = "python", report: Callable[[Figures], None] | None = None
) -> Examination:
    """Walk, and retell the first violation of each safety property.

    Ctrl-C ends it with what was found so far.
    """
    chosen = engine_for(subject, engine)
    walker = _Walker(chosen, walks)
    found, started = walker.found, time.monotonic()
    reported = started
    try:
        while found.walked < walks.number:
            walker.walk()
            now = time.monotonic()
            if report and now - reported >= 1:
                reported = now
                left = walks.number - found.walked
                report(Figures(found.longest, len(found.states), found.transitions, left, now - started))
    except KeyboardInterrupt:
        found.stopped = "interrupted"
    result = _judge(subject, chosen, found, walks, time.monotonic() - started)
    return told(subject, chosen, result, ((i, (path, None)) for i, path in sorted(found.hits.items())))


def _judge(subject: Subject, engine: Engine, found: _Found, walks: Walks, seconds: float) -> Result:
    model = subject.model
    rows = tuple(_row(p, i in found.hits) for i, p in enumerate(model.properties))
    kinds = dict.fromkeys(p.kind for p in model.properties)
    limits = {"walks": walks.number, "depth": walks.depth, "seed": walks.seed}
    return Result(
        spec=subject.spec.path,
        title=subject.spec.title,
        verdict=overall(rows, complete=False),
        complete=False,
        stopped=found.stopped,
        interrupted=found.stopped == "interrupted",
        method="simulation",
        engine=engine.name,
        states=len(found.states),
        transitions=found.transitions,
        depth=found.longest,
        seconds=round(seconds, 3),
        reduction=None,
        missed=None,
        at_rest=found.at_rest,
        bounds={**bounds(subject.spec, Limits()), "limits": limits},
        properties=rows,
        never_fired=tuple(a.name for i, a in enumerate(model.actions) if not found.fired[i]),
        cut=tuple(Cut(text, n) for text, n in sorted(found.cut.items())),
        actions={a.name: found.fired[i] for i, a in enumerate(model.actions)},
        checked=tuple(kind for kind in kinds if kind not in KINDS),
        unchecked={kind: NOT_CHECKED for kind in kinds if kind in KINDS},
        notes=subject.spec.notes,
    )


def _row(prop: Property, hit: bool) -> PropertyVerdict:
    if hit:
        verdict = "holds" if prop.kind == "sometimes" else "violated"
        return PropertyVerdict(prop.name, prop.kind, prop.says, verdict)  # type: ignore[arg-type]
    reason = NOT_CHECKED if prop.kind in KINDS else "not met on these walks"
    return PropertyVerdict(prop.name, prop.kind, prop.says, "undecided", reason)
