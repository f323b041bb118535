"""Why a trace shows what it shows: which of its steps contradict each other, and what led to them.

All of it is computed from what each step read and wrote. What the violated property depends on in the last state was
written by some steps, these depended on what others had written, and so on: a backward slice (Weiser 1981; of one
execution: Korel and Laski 1988). Executed alone, the steps of the slice lead to the same violation; of a shortest trace
they are therefore all steps. The few that tell the story are those that handed on the values in question, no matter
who only permitted it (a thin slice: Sridharan, Fink and Bodik 2007), and the faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import Effect, GuardedCommand, Observed, Program
from eoscheck.checker.expressions import Expr
from eoscheck.checker.footprints import spent
from eoscheck.model.domains import Region

Cells = frozenset[int]
NONE: Cells = frozenset()


@dataclass(frozen=True)
class Link:
    """A step used what an earlier one had left in these variables: for what it wrote, or (not `value`) only to be able
    to happen."""

    step: int
    earlier: int
    variables: tuple[str, ...]
    value: bool


@dataclass(frozen=True)
class Still:
    """A step of the chain relied on a variable that nobody had written yet."""

    step: int
    variable: str


@dataclass(frozen=True)
class Why:
    """Why the last state of a trace breaks a property (or meets a goal). Steps are named by number.

    about          what the witness names: {"input": 1, "sink": "ledger"}
    contradiction  the steps that wrote what the property objects to
    chain          those, the ones that handed on the values that they wrote, and the faults: the story in short
    needed         every step that it depends on (the backward slice); of what is asked at rest, the others only bring
                   the rest to rest
    """

    about: dict[str, Any]
    contradiction: tuple[int, ...]
    chain: tuple[int, ...]
    needed: tuple[int, ...]
    links: tuple[Link, ...]
    still: tuple[Still, ...]


def why(
    program: Program,
    prop: int,
    path: Sequence[int],
    cycle: Sequence[int] | None = None,
    about: Mapping[str, Any] | None = None,
) -> Why:
    """The reasons of a path of actions (by number) that shows a property (by number) violated or its goal met.

    cycle   the actions that repeat for ever after the path; none: it rests there. None: no liveness property
    """
    run = _Run(program, [*path, *(cycle or ())])
    observed = program.properties[prop]
    needs = _Needs(run, spent(program))
    if cycle is None and observed.property.kind != "possible":
        wanted = ex.support(observed.hit, run.states[-1])
        contradiction, chain = _thin(run, wanted)
        needed = needs.slice(wanted)
    else:
        contradiction = list(range(len(path) + 1, len(run) + 1))
        chain = [*_last_of_each(run), *contradiction]
        needed = needs.slice(_for_ever(run, observed, len(path)))
        needed = sorted({*needed, *contradiction})
    every = observed.property.kind == "at-rest"  # what comes of any fault has come to rest there
    told = range(1, len(run) + 1) if every else needed
    chain = sorted({*chain, *(k for k in told if run.command(k).action.info.fault)})
    return Why(
        dict(about or {}),
        tuple(contradiction),
        tuple(chain),
        tuple(needed),
        tuple(_links(run, needs, needed)),
        tuple(dict.fromkeys(_still(run, chain))),
    )


class _Run:
    """A path, with the command of each step (from 1 on) and the states between them (from 0 on)."""

    def __init__(self, program: Program, path: Sequence[int]) -> None:
        self.program, self.model = program, program.model
        self.states = [program.model.initial]
        self._commands: list[GuardedCommand] = []
        for number in path:
            command = program.enabled(program.model.actions[number], self.states[-1])
            assert command is not None and command.cut is None, "a path that was retold can be taken"
            self._commands.append(command)
            self.states.append(command.applied(self.states[-1]))
        self.region: dict[int, Region] = {
            cell: region
            for region in program.model.regions
            for cell in range(region.base, region.base + region.count)
        }

    def __len__(self) -> int:
        return len(self._commands)

    def command(self, step: int) -> GuardedCommand:
        return self._commands[step - 1]

    @cached_property
    def _written(self) -> list[Cells]:
        pairs = zip(self.states, self.states[1:], strict=False)
        return [NONE, *(frozenset(k for k, old in enumerate(a) if old != b[k]) for a, b in pairs)]

    def written(self, step: int) -> Cells:
        """What a step changed."""
        return self._written[step]

    def writer(self, cell: int, before: int) -> int | None:
        """The last step before one that changed a variable."""
        return next((k for k in range(before - 1, 0, -1) if cell in self.written(k)), None)

    def name(self, cell: int) -> str:
        region = self.region[cell]
        return region.cell(cell - region.base)

    def effects(self, step: int, wanted: Cells) -> Iterator[tuple[int, Effect]]:
        """The effects of a step on the wanted variables, with the variable."""
        state = self.states[step - 1]
        for effect in self.command(step).effects:
            cell = effect.cell(state)
            if cell in wanted:
                yield cell, effect


class _Needs:
    """What each step of a run needed, for the sake of the variables that are wanted of it.

    ignored   the counters of faults: fewer faults leave more of the budget
    """

    def __init__(self, run: _Run, ignored: Cells) -> None:
        self.run, self.ignored = run, ignored
        self.values: dict[int, Cells] = {}
        self.conditions: dict[int, Cells] = {}

    def slice(self, wanted: Cells) -> list[int]:
        """The steps that the variables depend on, the last one's state being given."""
        for step in range(len(self.run), 0, -1):
            if self.run.written(step) & wanted:
                wanted = self._before(step, wanted)
        return sorted(self.values)

    def _before(self, step: int, wanted: Cells) -> Cells:
        """What is wanted of the state before a step, for the sake of what is wanted behind it: also that the step
        leaves alone what it could have written, or writes there what was there."""
        state, terms, decided = self.run.states[step - 1], list[Expr](), set[int]()
        for effect in self.run.command(step).effects:
            if wanted.isdisjoint(effect.cells()):
                continue
            terms.append(effect.index)
            if (cell := effect.cell(state)) in wanted:
                terms.append(effect.value)
                decided.add(cell)
        self.values[step] = _support(terms, state) - self.ignored
        self.conditions[step] = _support(self.run.command(step).guards, state) - self.ignored
        return (wanted - decided) | self.values[step] | self.conditions[step]


def _support(terms: Iterable[Expr], state: bytes) -> Cells:
    return NONE.union(*(ex.support(term, state) for term in terms))


def _thin(run: _Run, wanted: Cells) -> tuple[list[int], list[int]]:
    """The steps that wrote what the property objects to, and those with all that handed on the values.

    What processes have in memory follows from what they did: where the property depends on anything durable, that is
    what it objects to.
    """
    lasting = frozenset(c for c in wanted if run.region[c].durable or run.region[c].ghost)
    asked = wanted = lasting or wanted
    contradiction, chain = [], []
    for step in range(len(run), 0, -1):
        changed = run.written(step) & wanted
        if not changed:
            continue
        chain.append(step)
        if run.written(step) & asked:
            contradiction.append(step)
        handed = {cell: _origin(run, step, cell, effect) for cell, effect in run.effects(step, wanted)}
        asked = frozenset(c for c in asked if c not in handed or _raises(run, c, handed[c]))
        wanted = (wanted - handed.keys()).union(*handed.values())
    return contradiction[::-1], chain[::-1]


def _raises(run: _Run, cell: int, origin: Cells) -> bool:
    """Whether a count was raised, so that who raised it before is to be named as well; a log that grows is none."""
    return cell in origin and not run.region[cell].name.endswith(".length")


def _origin(run: _Run, step: int, cell: int, effect: Effect) -> Cells:
    """Where what a step wrote to a variable came from.

    A number that a process takes for a constant is one that it read nowhere: a position is 0 because nothing was
    committed. Then it came from the lasting state that decided so.
    """
    state, region = run.states[step - 1], run.region[cell]
    found = _source(effect.value, state) | _source(effect.index, state)
    if found or region.durable or region.domain.type is not int:
        return found
    read = _support(run.command(step).guards, state)
    return frozenset(c for c in read if _is_elsewhere(run, run.region[c], region, step))


def _is_elsewhere(run: _Run, read: Region, written: Region, step: int) -> bool:
    """Whether a region is lasting state, and of nobody who takes part in the step himself."""
    own = (written.owner, run.command(step).action.component, run.model.budgets)
    return read.durable and not read.ghost and all(read.owner is not owner for owner in own)


def _source(term: Expr, state: bytes) -> Cells:
    """The variables that a value is taken from: not those that decide from which."""
    op, args = term.op, term.args
    if op == "cell":
        return frozenset((args[0].base + args[1],))
    if op == "select":
        index = ex.evaluate(args[1], state)
        return frozenset((args[0].base + index,)) if 0 <= index < args[0].count else NONE
    if op == "ite":
        return _source(args[1 if ex.evaluate(args[0], state) else 2], state) or _source(args[0], state)
    if op in ("and", "or") and ex.evaluate(term, state) == (op == "or"):
        deciding = (part for part in args if ex.evaluate(part, state) == (op == "or"))
        return min((_source(part, state) for part in deciding), key=len)
    return NONE.union(*(_source(part, state) for part in ex.children(term)))


def _for_ever(run: _Run, observed: Observed, first: int) -> Cells:
    """What decides that a goal is met in no state from one on, and that nothing more has to happen in the last."""
    goal = NONE.union(*(ex.support(observed.hit, state) for state in run.states[first:]))
    state = run.states[-1]
    moves = (c for c in run.program.commands if c.action.info.fault is None)
    return goal.union(*(_disabled(command, state) for command in moves))


def _disabled(command: GuardedCommand, state: bytes) -> Cells:
    """What decides that a command cannot be taken, or changes nothing."""
    false = (ex.support(guard, state) for guard in command.guards if not ex.evaluate(guard, state))
    found = min(false, key=len, default=None)
    return command.reads if found is None else found


def _last_of_each(run: _Run) -> set[int]:
    """The last step of each component."""
    return set({run.command(k).action.component: k for k in range(1, len(run) + 1)}.values())


def _links(run: _Run, needs: _Needs, steps: Iterable[int]) -> Iterator[Link]:
    for step in steps:
        values, conditions = needs.values.get(step, NONE), needs.conditions.get(step, NONE)
        for cells, value in ((values, True), (conditions - values, False)):
            earlier: dict[int, list[str]] = {}
            for cell in sorted(cells):
                if (writer := run.writer(cell, step)) is not None:
                    earlier.setdefault(writer, []).append(run.name(cell))
            yield from (Link(step, k, tuple(names), value) for k, names in sorted(earlier.items()))


def _still(run: _Run, chain: Iterable[int]) -> Iterator[Still]:
    for step in chain:
        for cell, effect in run.effects(step, run.written(step)):
            for read in sorted(_origin(run, step, cell, effect)):
                region = run.region[read]
                if _is_elsewhere(run, region, effect.region, step) and run.writer(read, step) is None:
                    yield Still(step, run.name(read))
