"""The smallest set of observations that nothing explains.

A first core comes from Z3; what can be left out of it is left out. Whether a smaller one exists is then asked in the
way of Ignatiev, Previti, Liffiton and Marques-Silva (Smallest MUS Extraction with Minimal Hitting Set Dualization,
CP 2015): every core must hit what any satisfiable set leaves out, so a candidate is a small set that hits all of that.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

import z3  # type: ignore[import-untyped]
from eoscheck.checker.audit.rules import Constraint
from eoscheck.checker.solver.answers import OutOfTime, answer


def can_hold(constraints: Iterable[Constraint], deadline: float, *besides: object) -> bool:
    """Whether all constraints can hold together, every observation being believed. Raises OutOfTime."""
    solver = z3.Solver()
    solver.add([*(c.formula for c in constraints), *besides])
    return answer(solver, deadline) is not None


class Weighing:
    """Constraints in a solver, each bound to the observations that it rests on.

    deadline  time.monotonic() after which no answer is waited for
    """

    def __init__(self, constraints: Sequence[Constraint], deadline: float) -> None:
        self.constraints, self.deadline = constraints, deadline
        self.observed = sorted({o for c in constraints for o in c.observed})
        self._literals = {o: z3.Bool(f"observed {o}") for o in self.observed}
        self._names = {str(literal): o for o, literal in self._literals.items()}
        self.solver = z3.Solver()
        for constraint in constraints:
            bound = [self._literals[o] for o in sorted(constraint.observed)]
            self.solver.add(z3.Implies(z3.And(bound), constraint.formula) if bound else constraint.formula)

    def core(self, observed: Iterable[int]) -> list[int] | None:
        """Some of these observations that cannot be explained together; None: all of them can. Raises OutOfTime."""
        assumed = [self._literals[o] for o in observed]
        if answer(self.solver, self.deadline, assumed) is not None:
            return None
        return sorted(self._names[str(literal)] for literal in self.solver.unsat_core())

    def explained(self, observed: Iterable[int]) -> bool:
        """Whether these observations can be explained together. Raises OutOfTime."""
        return self.core(observed) is None

    def minimal(self, core: Iterable[int]) -> list[int]:
        """A core from which nothing can be left out. Raises OutOfTime."""
        kept = list(core)
        for one in list(kept):
            rest = [o for o in kept if o != one]
            smaller = self.core(rest) if one in kept else None
            kept = kept if smaller is None else smaller
        return kept

    def smallest(self, core: Sequence[int], until: float) -> tuple[list[int], bool]:
        """A core as small as any, and True; or a minimal one, and False, where the search for a smaller one would go on
        after `until`. Raises OutOfTime."""
        best = self.minimal(core)
        hitting = z3.Solver()
        while time.monotonic() < until:
            if len(best) <= 1:
                return best, True
            small = z3.AtMost(*self._literals.values(), len(best) - 1)
            model = answer(hitting, self.deadline, small)
            if model is None:
                return best, True
            chosen = [o for o, literal in self._literals.items() if z3.is_true(model[literal])]
            found = self.core(chosen)
            if found is None:
                left_out = set(self.observed) - set(self._grown(chosen, until))
                hitting.add(z3.Or([self._literals[o] for o in sorted(left_out)]))
            else:
                best = self.minimal(found)
        return best, False

    def _grown(self, chosen: list[int], until: float) -> list[int]:
        """As many observations as can be explained together with these (or, after `until`, fewer)."""
        kept = list(chosen)
        for one in self.observed:
            if time.monotonic() < until and one not in kept and self.explained([*kept, one]):
                kept.append(one)
        return kept


def steps(constraints: Sequence[Constraint], core: Iterable[int]) -> list[Constraint]:
    """The constraints that are needed to see that the observations of a core contradict one another."""
    own = set(core)
    needed = [c for c in constraints if c.observed <= own]
    for one in [c for c in needed if c.because.kind]:
        solver = z3.Solver()
        solver.add([c.formula for c in needed if c is not one])
        with suppress(OutOfTime):
            if answer(solver, None) is None:
                needed = [c for c in needed if c is not one]
    return [c for c in needed if c.because.kind]
