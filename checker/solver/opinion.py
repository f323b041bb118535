"""A second opinion of every verdict, by Z3, which knows nothing of how it was found.

A counterexample is retraced as a formula (`retracing`). Of an invariant that holds, the distinct valuations that the
explored states give to the variables it reads are asserted together with its negation, which is unsatisfiable. Where an
invariant is only asked for at rest, some valuations violate it: in each of the states that have one, Z3 is shown a step
that can be taken there (`steps`), so it does not rest.

That the states are all that can be reached, and that the model is as every model should be, is another matter:
`certified`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import Program
from eoscheck.checker.counterexample import Defect
from eoscheck.checker.engine import Engine
from eoscheck.checker.expressions import Expr
from eoscheck.checker.search import Exploration
from eoscheck.checker.solver.answers import OutOfTime
from eoscheck.checker.solver.closed import closed, why_not
from eoscheck.checker.solver.explored import Explored, TooMany, Valuation, among
from eoscheck.checker.solver.retracing import confirm_path
from eoscheck.checker.solver.soundness import sound
from eoscheck.checker.solver.steps import Steps
from eoscheck.checker.solver.translation import Translation
from eoscheck.checker.verdict import Opinion, PropertyVerdict

Path = tuple[Sequence[int], Sequence[int] | None]

MORE = "; --certify looks at them"
"""What is said behind the number of what would cost too much."""

LOOK = 32
"""States that are asked what can be done in them, before that is tried in all."""


TAKING = 3
"""Taking a state out of memory costs as much as looking at it so many times: a tenth of a microsecond each."""


@dataclass(frozen=True)
class Cost:
    """What an opinion may cost; None: anything.

    steps        of all counterexamples together
    looks        at states: each is looked at once for every set of variables, and `TAKING` times more
    valuations   distinct ones, in all
    awake        states that must be shown not to rest
    seconds      of Z3, for one answer
    """

    steps: int | None = 300
    looks: int | None = 6_000_000
    valuations: int | None = 10_000
    awake: int | None = 60_000
    seconds: float | None = 2.0


UNDER_A_SECOND = Cost()
ANY = Cost(None, None, None, None, None)


def opinion(
    program: Program,
    engine: Engine,
    found: Exploration,
    rows: Sequence[PropertyVerdict],
    paths: Mapping[int, Path],
    cost: Cost = UNDER_A_SECOND,
) -> tuple[Opinion, bool]:
    """What Z3 confirms of each row; and whether that is all, and Ctrl-C did not end it.

    paths   by property, the actions of its counterexample or of the way to its goal, and of the cycle behind it

    Raises Defect where Z3 disagrees.
    """
    asking = _Asking(program, engine, found, rows, cost)
    try:
        for prop, (path, cycle) in paths.items():
            asking.path(prop, path, cycle)
        asking.invariants([i for i in range(len(rows)) if i not in paths])
        whole = True
    except KeyboardInterrupt:
        asking.leave(range(len(rows)), "interrupted")
        whole = False
    return Opinion(asking.steps, asking.valuations, asking.unchecked), whole


def certified(said: Opinion, program: Program, found: Exploration) -> tuple[Opinion, bool]:
    """An opinion with what Z3 confirms of the states that were explored, and of the model, in sentences; and whether
    that is all. Raises Defect where it disagrees."""
    sentences: list[str] = []
    whole = True
    try:
        why = why_not(found)
        sentences.append(f"nothing of the set of states: {why}" if why else closed(program, found))
        sentences.append(sound(program))
    except KeyboardInterrupt:
        sentences.append("nothing more: interrupted" if sentences else "nothing: interrupted")
        whole = False
    return replace(said, certified=tuple(sentences)), whole


@dataclass
class _Asking:
    program: Program
    engine: Engine
    found: Exploration
    rows: Sequence[PropertyVerdict]
    cost: Cost
    steps: dict[str, int] = field(default_factory=dict)
    valuations: dict[str, int] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.translation = Translation(self.program)
        self.explored = Explored(self.found, self.program.model.initial)

    def leave(self, props: Iterable[int], why: str) -> None:
        """Say why some rows are not checked, if they are not already."""
        for name in (self.rows[prop].name for prop in props):
            if name not in self.steps and name not in self.valuations:
                self.unchecked.setdefault(name, why)

    def path(self, prop: int, path: Sequence[int], cycle: Sequence[int] | None) -> None:
        if self.rows[prop].kind == "possible":
            return self.leave([prop], "liveness")
        number = len(path) + len(cycle or ())
        if self.cost.steps is not None and sum(self.steps.values()) + number > self.cost.steps:
            return self.leave([prop], f"{number} steps{MORE}")
        try:
            confirm_path(self.translation, prop, path, cycle, self.cost.seconds)
        except OutOfTime as why:
            return self.leave([prop], f"Z3 gives no answer: {why}")
        self.steps[self.rows[prop].name] = number

    def invariants(self, props: Sequence[int]) -> None:
        """Those that hold, and goals that are never met, the cheapest first."""
        asked: dict[tuple[Expr, bool], list[int]] = {}
        for prop in props:
            why = _why_not(self.rows[prop])
            if why:
                self.leave([prop], why)
            else:
                hit = self.program.properties[prop].hit
                asked.setdefault((hit, self.rows[prop].kind == "at-rest"), []).append(prop)
        masks = {hit: self.explored.mask(ex.reads(hit)) for hit, _ in asked}
        chosen = self._affordable(set(masks.values()))
        distinct = self.explored.distinct(chosen, self.cost.valuations)
        left = self.cost.valuations
        for (hit, rests), same in sorted(
            asked.items(), key=lambda item: len(distinct.get(masks[item[0][0]], ()))
        ):
            mask = masks[hit]
            if mask not in chosen:
                self.leave(same, f"{self.found.states:,} states{MORE}")
            elif mask not in distinct:
                self.leave(same, f"more than {self.cost.valuations:,} valuations{MORE}")
            elif left is not None and len(distinct[mask]) > left:
                self.leave(same, f"{len(distinct[mask]):,} valuations{MORE}")
            else:
                left = None if left is None else left - len(distinct[mask])
                self._invariant(hit, rests, mask, distinct[mask], same)

    def _affordable(self, masks: set[int]) -> list[int]:
        """The sets of variables that all states can be asked for, those of the fewest bits first."""
        chosen = sorted(masks, key=lambda mask: (mask.bit_count(), mask))
        if self.cost.looks is None:
            return chosen
        return chosen[: max(0, self.cost.looks // max(1, self.found.states) - TAKING)]

    def _invariant(
        self, hit: Expr, rests: bool, mask: int, valuations: set[Valuation], same: Sequence[int]
    ) -> None:
        name = self.rows[same[0]].name
        try:
            if rests:
                valuations, bad = self.explored.split(hit, valuations, mask)
                self._awake(self.explored.having(mask, bad, self.cost.awake) if bad else [], name)
                number = len(valuations) + len(bad)
            else:
                number = len(valuations)
            self._never(hit, mask, valuations, name)
        except TooMany:
            self.leave(same, f"more than {self.cost.awake:,} states that are not at rest{MORE}")
        except OutOfTime as why:
            self.leave(same, f"Z3 gives no answer: {why}")
        else:
            self.valuations.update((self.rows[prop].name, number) for prop in same)

    def _never(self, hit: Expr, mask: int, valuations: set[Valuation], name: str) -> None:
        """No state with one of these valuations is hit."""
        state = self.translation.state()
        here = among(self.translation, self.explored, state, mask, valuations)
        model = self.translation.find(here, state.term(hit), seconds=self.cost.seconds)
        if model is not None:
            said = self.translation.read(model.eval, state)
            values = (f"{self.translation.names[cell][0]}: {said[cell]}" for cell in sorted(ex.reads(hit)))
            raise Defect(
                f"Z3 finds {name} hit in a state that was explored and not found to hit it: {', '.join(values)}"
            )

    def _awake(self, states: list[int], name: str) -> None:
        """In each of these states something can happen that is no fault."""
        steps, actions = Steps(self.translation, self.explored), self.program.model.actions
        trees = dict(self.program.trees())
        chosen = random.Random(0)
        while states:
            some = (self.explored.whole(state) for state in chosen.sample(states, min(LOOK, len(states))))
            possible = [{number for number, _ in self.engine.successors(state)} for state in some]
            often = Counter(n for numbers in possible for n in numbers if actions[n].info.fault is None)
            tree = trees.get(actions[often.most_common(1)[0][0]]) if often else None
            awake = {
                state for command, here in steps.leaves(tree, states) for state in steps.moved(command, here)
            }
            if not awake:
                raise Defect(
                    f"{name} is hit in a state that was explored, and no step is found that leads out of it"
                )
            states = [state for state in states if state not in awake]
        steps.confirm(self.cost.seconds)


def _why_not(row: PropertyVerdict) -> str:
    """Why a row without a path is not checked; "" if it is."""
    if row.verdict in ("undecided", "vacuous"):
        return str(row.verdict)
    return "liveness" if row.kind in ("eventually", "possible") else ""
