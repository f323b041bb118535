"""Why an action never fired: the fewest of its guards that no explored state satisfies together."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import GuardedCommand, Program
from eoscheck.checker.compiled import condition
from eoscheck.checker.counterexample import readable
from eoscheck.checker.expressions import Expr
from eoscheck.checker.native.packing import subterms
from eoscheck.checker.search import Exploration
from eoscheck.checker.solver.answers import OutOfTime
from eoscheck.checker.solver.closed import why_not
from eoscheck.checker.solver.explored import Explored
from eoscheck.checker.solver.translation import Translation

WORK = 4_000_000
"""States, times actions that never fired, beyond which nobody is asked."""

MOST_VALUATIONS = 5_000
"""Of the variables that some guards read; beyond, they are not told apart."""

SIMPLE, MOST_TERMS = 4, 16
"""Terms of a guard that compares once, and of one that can still be read."""

FEW = 3
"""Guards of which every choice is tried; larger ones are found by leaving out one after the other."""


def reasons(program: Program, found: Exploration) -> dict[str, str]:
    """By action that never fired, a sentence that says why. Those are left out for which it would take long to find
    out, and all where not all states were kept that can be reached."""
    unfired = [a for a, times in zip(program.model.actions, found.fired, strict=True) if not times]
    if why_not(found) or found.states * len(unfired) > WORK:
        return {}
    asking = _Asking(program, found)
    said = {action.name: asking.why(program.of(action)) for action in unfired}
    return {name: why for name, why in said.items() if why}


class _Asking:
    def __init__(self, program: Program, found: Exploration) -> None:
        self.explored = Explored(found, program.model.initial)
        self.translation = Translation(program)

    def why(self, commands: Sequence[GuardedCommand]) -> str:
        """Why none of the commands of an action was ever enabled."""
        if not commands:
            return "no path of it changes anything"
        common = self._conflict(_parts(g for g in commands[0].guards if all(g in c.guards for c in commands)))
        if common:
            return self._said(common)
        each = dict.fromkeys(self._conflict(_parts(command.guards)) for command in commands)
        if None in each or () in each:
            return ""
        first, *others = (self._said(guards) for guards in each if guards)
        return f"{first}; and so on for {len(others)} more ways to take it" if others else first

    def _conflict(self, guards: Sequence[Expr]) -> tuple[Expr, ...] | None:
        """The fewest guards that no explored state satisfies together; () if some state satisfies all; None where there
        are too many valuations to know."""
        mask = self.explored.mask(frozenset[int]().union(*map(ex.reads, guards)))
        valuations = self.explored.distinct([mask], MOST_VALUATIONS).get(mask)
        if valuations is None:
            return None
        tests = [condition(guard) for guard in guards]
        states = (self.explored.state(valuation, mask) for valuation in valuations)
        true = {sum(1 << i for i, test in enumerate(tests) if test(state)) for state in states}
        every = (1 << len(guards)) - 1
        if every in true:
            return ()
        chosen = _fewest(range(len(guards)), true)
        return tuple(guards[i] for i in chosen)

    def _said(self, guards: Sequence[Expr]) -> str:
        words = [self._words(guard) for guard in guards]
        if len(guards) == 1:
            return f"no state has {words[0]}"
        state = self.translation.state()
        cells = sorted(frozenset[int]().union(*map(ex.reads, guards)))
        try:
            possible = self.translation.find(
                *self.translation.domains(state, cells), *map(state.term, guards), seconds=1.0
            )
        except OutOfTime:
            possible = True
        both = "both" if len(words) == 2 else "all of"
        listed = f"{', '.join(words[:-1])} and {words[-1]}"
        return f"no state {'reached ' if possible else ''}{'has' if possible else 'can have'} {both} {listed}"

    def _words(self, guard: Expr) -> str:
        """A guard as it is written in a model, or, where that is too long to be read, what it is about."""
        cells, terms = ex.reads(guard), sum(1 for _ in subterms([guard]))
        if len(cells) == 1 and terms > SIMPLE:
            return self._among(guard, *cells)
        if terms <= MOST_TERMS:
            return ex.show(guard)
        names = [self.translation.names[cell][0] for cell in sorted(cells)]
        few = ", ".join(names[:3])
        return f"what is asked of {few}{f' and {len(names) - 3} more variables' if len(names) > 3 else ''}"

    def _among(self, guard: Expr, cell: int) -> str:
        """A guard about one variable, by the values that it allows or forbids."""
        (name, region), holds = self.translation.names[cell], condition(guard)
        values: dict[bool, list[str]] = {False: [], True: []}
        state = bytearray(self.explored.initial)
        for code in range(region.domain.lo, region.domain.hi + 1):
            state[cell] = code
            values[holds(bytes(state))].append(str(readable(region.domain.decode(code))))
        allowed = len(values[True]) <= len(values[False])
        return f"{name} {'in' if allowed else 'not in'} ({', '.join(values[allowed])})"


def _parts(guards: Iterable[Expr]) -> list[Expr]:
    """Guards, conjunctions being taken apart."""
    return list(dict.fromkeys(p for guard in guards for p in (guard.args if guard.op == "and" else (guard,))))


def _fewest(numbers: Sequence[int], true: set[int]) -> tuple[int, ...]:
    """The fewest numbers that are together in none of the sets (given as bits)."""

    def apart(chosen: Iterable[int]) -> bool:
        mask = sum(1 << i for i in chosen)
        return all(mask & bits != mask for bits in true)

    for size in range(1, FEW + 1):
        for chosen in itertools.combinations(numbers, size):
            if apart(chosen):
                return chosen
    left = list(numbers)
    for number in numbers:
        fewer = [n for n in left if n != number]
        if apart(fewer):
            left = fewer
    return tuple(left)
