"""What is known on a path: enough to decide most conditions without a solver.

For every term that was compared with a constant, the set of values it can still have (a bit mask); for every other
condition that was taken, the condition itself. Deciding is sound and incomplete: an infeasible path that slips through
is a guarded command that never fires.
"""

from __future__ import annotations

from eoscheck.checker.expressions import Expr


class Facts:
    """The assumptions of one path."""

    def __init__(self) -> None:
        self._known: dict[Expr, bool] = {}
        self._values: dict[Expr, int] = {}

    def decide(self, condition: Expr) -> bool | None:
        """True or False where the facts imply it, else None."""
        if condition.op == "const":
            return bool(condition.args[0])
        known = self._known.get(condition)
        if known is not None:
            return known
        op, args = condition.op, condition.args
        if op == "not":
            inner = self.decide(args[0])
            return None if inner is None else not inner
        if op == "eq" and args[1].op == "const":
            return self._decide_eq(args[0], args[1].args[0])
        if op in ("lt", "eq"):
            return self._compare(op, args[0], args[1])
        if op in ("and", "or"):
            return self._decide_join(args, absorbing=op == "or")
        return None

    def _decide_eq(self, term: Expr, value: int) -> bool | None:
        mask = self._mask(term)
        bit = 1 << (value - term.lo)
        if not mask & bit:
            return False
        return True if mask == bit else None

    def _compare(self, op: str, a: Expr, b: Expr) -> bool | None:
        (a_lo, a_hi), (b_lo, b_hi) = self.bounds(a), self.bounds(b)
        if a_hi < b_lo:
            return op == "lt"
        if op == "lt":
            return False if a_lo >= b_hi else None
        return False if b_hi < a_lo else None

    def _decide_join(self, terms: tuple[Expr, ...], absorbing: bool) -> bool | None:
        decided = [self.decide(term) for term in terms]
        if absorbing in decided:
            return absorbing
        return None if None in decided else not absorbing

    def _mask(self, term: Expr) -> int:
        return self._values.get(term, (1 << (term.hi - term.lo + 1)) - 1)

    def bounds(self, term: Expr) -> tuple[int, int]:
        """The interval that a term lies in."""
        mask = self._values.get(term)
        if mask is not None:
            return term.lo + (mask & -mask).bit_length() - 1, term.lo + mask.bit_length() - 1
        if term.op == "add":
            (a_lo, a_hi), (b_lo, b_hi) = self.bounds(term.args[0]), self.bounds(term.args[1])
            return a_lo + b_lo, a_hi + b_hi
        return term.lo, term.hi

    def assume(self, condition: Expr, truth: bool) -> None:
        """Add a fact."""
        if condition.op == "not":
            self.assume(condition.args[0], not truth)
            return
        self._known[condition] = truth
        op, args = condition.op, condition.args
        if (op == "and" and truth) or (op == "or" and not truth):
            for part in args:
                self.assume(part, truth)
        elif op == "eq" and args[1].op == "const":
            bit = 1 << (args[1].args[0] - args[0].lo)
            self._narrow(args[0], bit if truth else ~bit)
        elif op == "lt" and args[1].op == "const":
            below = (1 << max(args[1].args[0] - args[0].lo, 0)) - 1
            self._narrow(args[0], below if truth else ~below)
        elif op == "lt" and args[0].op == "const":
            upto = (1 << max(args[0].args[0] + 1 - args[1].lo, 0)) - 1
            self._narrow(args[1], ~upto if truth else upto)

    def _narrow(self, term: Expr, mask: int) -> None:
        left = self._mask(term) & mask
        if left:
            self._values[term] = left
        if term.op == "add" and term.args[1].op == "const":
            self._narrow(term.args[0], mask)  # the same bits: both masks count from their own lowest value
