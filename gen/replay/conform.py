"""Confronting the model with a real Kafka: many executions, replayed, and every kind of divergence once, made short.

Executions are drawn in two ways. A first set takes every action in each of its cases that can be forced from outside;
random walks follow. After every step everything that can be seen is compared. What diverges is tried again on shorter
executions, until the shortest that still shows it is known.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eoscheck.checker.audit.history import History
from eoscheck.checker.commands import Program
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.covering import Covering, commands_on, cover, taken
from eoscheck.checker.trace import trace
from eoscheck.gen.replay.plan import unforced, unplayable
from eoscheck.gen.replay.replayer import Plan, Report, hindrance, plan_path
from eoscheck.gen.replay.replayer import replay as replay_plan
from eoscheck.gen.replay.testbed import Testbed
from eoscheck.model.language import Action
from eoscheck.model.pipeline import build
from eoscheck.model.spec import Spec

DEPTH = 120
"""Steps after which a random walk ends."""

TRIES = 40
"""Shorter executions that are tried for one divergence."""


class CannotConform(Exception):
    """Nothing of a spec can be replayed. One line."""


@dataclass
class Divergence:
    """One kind of divergence.

    kind    the action, and what differed
    count   how many executions met it
    labels  the shortest execution that shows it
    report  of its replay
    """

    kind: str
    count: int
    labels: list[str]
    report: Report


@dataclass
class Conformance:
    """What came of it.

    commands   how many cases of actions there are that executions of forcible steps take, and that were taken
    unforced   actions that cannot be forced from outside, with the reason
    skipped    executions that this Kafka cannot be made to follow
    audited    executions whose history a second judge has seen
    """

    spec: str
    kafka: str
    seed: int
    traces: int = 0
    steps: int = 0
    calls: int = 0
    seconds: float = 0.0
    commands: tuple[int, int] = (0, 0)
    complete: bool = True
    skipped: int = 0
    audited: int = 0
    stopped: bool = False
    fired: Counter[str] = field(default_factory=Counter)
    unforced: dict[str, str] = field(default_factory=dict)
    divergences: list[Divergence] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The object that `conform --json` prints of a spec."""
        return {
            "spec": self.spec,
            "kafka": self.kafka,
            "seed": self.seed,
            "traces": self.traces,
            "steps": self.steps,
            "calls": self.calls,
            "seconds": round(self.seconds, 3),
            "commands": {"possible": self.commands[0], "taken": self.commands[1]},
            "complete": self.complete,
            "skipped": self.skipped,
            "audited": self.audited,
            "stopped": self.stopped,
            "actions": dict(sorted(self.fired.items())),
            "unforced": self.unforced,
            "divergences": [
                {
                    "kind": d.kind,
                    "count": d.count,
                    "steps": d.labels,
                    "text": d.report.text,
                    "timeline": d.report.timeline,
                }
                for d in self.divergences
            ],
        }


class _Drawer:
    """Draws executions of a spec."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.pipeline = build(spec)
        self.program: Program = trace(self.pipeline.model)
        self.engine = Compiled(self.program)
        self.actions = self.pipeline.model.actions
        self.names = [action.name for action in self.actions]
        self.trees = {self.actions.index(action): tree for action, tree in self.program.trees()}
        self.forced = [unforced(self.pipeline, action) is None for action in self.actions]
        self.covering: Covering = cover(self.program, self.engine, self._forcible)
        self.taken: set[int] = set()

    def _forcible(self, action: Action) -> bool:
        return unforced(self.pipeline, action) is None

    def draw(self, number: int, seed: int) -> Iterator[list[int]]:
        """The covering set, and random walks behind it: `number` in all, unless the set is larger."""
        dice = random.Random(seed)
        paths = [self.walk(dice, path) for path in self.covering.paths]
        yield from paths
        for _ in range(number - len(paths)):
            yield self.walk(dice, [])

    def walk(self, dice: random.Random, path: Sequence[int]) -> list[int]:
        """On from the end of a path, at random, until nothing can happen or for DEPTH steps."""
        steps = list(path)
        state = self.after(path)
        while len(steps) < DEPTH:
            found = self.engine.successors(state)
            choices = sorted((n, s) for n, s in found if isinstance(s, bytes) and self.forced[n])
            if not choices:
                break
            number, state = choices[int(dice.random() * len(choices))]
            steps.append(number)
        return steps

    def after(self, path: Sequence[int]) -> bytes:
        """The state behind a path. Raises StopIteration where it cannot be taken."""
        state = self.pipeline.model.initial
        for number in path:
            state = next(s for n, s in self.engine.successors(state) if n == number and isinstance(s, bytes))
        return state

    def possible(self, path: Sequence[int]) -> bool:
        try:
            self.after(path)
        except StopIteration:
            return False
        return True

    def plan(self, path: Sequence[int]) -> Plan:
        return plan_path(build(self.spec), [self.names[n] for n in path])

    def last_command(self, path: Sequence[int]) -> int | None:
        """The number of the command that the last step of a path takes."""
        if not path:
            return None
        command = taken(self.trees[path[-1]], self.after(path[:-1]))
        return command.number if command else None


def of_release(spec: Spec, testbed: Testbed) -> Spec:
    """A spec as the release of a testbed would run it."""
    switches = testbed.switches
    return spec if switches is None else replace(spec, switches=switches)


def conform(
    spec: Spec,
    testbed: Testbed,
    traces: int,
    seed: int,
    report: Callable[[Conformance], object] | None = None,
    keep: Callable[[str, History | None], object] | None = None,
) -> Conformance:
    """Replay at least `traces` executions of a spec. Ctrl-C ends it with what was found so far.

    report   is given what was found so far, again and again
    keep     is given the history of each execution, with the path of the spec

    Raises CannotConform where nothing of the spec can be replayed.
    """
    drawer = _Drawer(of_release(spec, testbed))
    if reason := unplayable(drawer.pipeline):
        raise CannotConform(f"{spec.path}: {reason}")
    found = Conformance(spec.path, str(testbed), seed, complete=drawer.covering.complete)
    for action in drawer.actions:
        if reason := unforced(drawer.pipeline, action):
            found.unforced[action.name] = reason
    begin = time.monotonic()
    try:
        for path in drawer.draw(traces, seed):
            result = _one(drawer, testbed, path, found)
            if keep and result:
                keep(spec.path, result.history)
            found.seconds = time.monotonic() - begin
            if report:
                report(found)
    except KeyboardInterrupt:
        found.stopped = True
    found.commands = (len(drawer.covering.first), len(drawer.taken & set(drawer.covering.first)))
    return found


def _one(drawer: _Drawer, testbed: Testbed, path: list[int], found: Conformance) -> Report | None:
    """Replay an execution; None where this Kafka cannot be made to follow it."""
    plan = drawer.plan(path)
    if hindrance(plan, testbed.steered):
        found.skipped += 1
        return None
    result = replay_plan(testbed, plan, every_step=True)
    done = len(path) if result.step is None else result.step
    found.traces += 1
    found.steps += done
    found.calls += sum(len(step.calls) for step in plan.steps[:done])
    found.fired.update(drawer.names[n] for n in path[:done])
    drawer.taken |= commands_on(drawer.program, drawer.trees, drawer.engine, path[:done])
    found.audited += result.history is not None
    if result.good:
        return result
    kind = _kind(drawer, path, result)
    known = next((d for d in found.divergences if d.kind == kind), None)
    if known:
        known.count += 1
    else:
        labels, shown = _shorten(drawer, testbed, path[:done], result, kind)
        found.divergences.append(Divergence(kind, 1, [drawer.names[n] for n in labels], shown))
    return result


def _kind(drawer: _Drawer, path: Sequence[int], result: Report) -> str:
    """What tells one kind of divergence from another: the method that diverged, and what of it differed."""
    if result.step is None or not 0 < result.step <= len(path):
        return result.what
    action = drawer.actions[path[result.step - 1]]
    return f"{type(action.component).__name__}.{action.method}: {result.what}"


def _shorten(
    drawer: _Drawer, testbed: Testbed, path: list[int], result: Report, kind: str
) -> tuple[list[int], Report]:
    """A shorter execution that diverges in the same way: the shortest that takes the same command, or the same one
    without steps that it does not need."""
    tries = 0

    def shows(candidate: list[int]) -> Report | None:
        nonlocal tries
        tries += 1
        again = replay_plan(testbed, drawer.plan(candidate), every_step=True)
        return again if not again.good and _kind(drawer, candidate, again) == kind else None

    command = drawer.last_command(path)
    shortest = drawer.covering.first.get(command) if command is not None else None
    if shortest and len(shortest) < len(path) and (again := shows(shortest)):
        path, result = shortest, again
    for at in range(len(path) - 2, -1, -1):
        candidate = path[:at] + path[at + 1 :]
        if tries < TRIES and drawer.possible(candidate) and (again := shows(candidate)):
            path, result = candidate[: again.step or len(candidate)], again
    return path, result
