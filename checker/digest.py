"""A short name for a program: the same for programs that say the same."""

from __future__ import annotations

import hashlib
from typing import Any

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import Program
from eoscheck.checker.expressions import Expr


def digest(program: Program, *parts: str) -> str:
    """Of everything that a program says, in its order, and of other parts. Terms are not written out: they share more
    than would ever be written."""
    number = _Numbers()
    lines = [f"{r.name} {r.count} {r.domain.lo} {r.domain.hi}" for r in program.model.regions]
    lines += [program.model.initial.hex(), *parts]
    for command in program.commands:
        guards = [number(guard) for guard in command.guards]
        effects = [(e.region.name, number(e.index), number(e.value)) for e in command.effects]
        lines.append(f"{command.action.name} {guards} {effects} {command.cut}")
    for observed in program.properties:
        asked = observed.property
        lines.append(f"{asked.kind} {asked.name} {number(observed.hit)} {number(observed.premise)}")
    return hashlib.sha256("\n".join([*lines, *map(repr, number.known)]).encode()).hexdigest()


class _Numbers:
    """Numbers for terms: the same for terms that say the same, whether or not they are one object."""

    def __init__(self) -> None:
        self.known: dict[tuple[Any, ...], int] = {}
        self._of: dict[Expr, int] = {}

    def __call__(self, term: Expr) -> int:
        for each in ex.inside_out(term, self._of):
            args = (self._of[a] if isinstance(a, Expr) else getattr(a, "name", a) for a in each.args)
            key = (each.op, each.lo, each.hi, *args)
            self._of[each] = self.known.setdefault(key, len(self.known))
        return self._of[term]
