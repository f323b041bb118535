"""What is known on a path: enough to decide most conditions without a solver.

For every term that was compared with a constant, the set of values it can still have (a bit mask); for every
other condition that was taken, the condition itself. Deciding is sound and incomplete: an infeasible path
that slips through is a guarded command that never fires.
"""

from __future__ import annotations

from eoscheck.checker.expressions import Expr


class Facts:
    """The assumptions of one path."""

    def __init__(self) -> None:
        self._known: dict[Expr, bool] = {}
        self._values: dict[Expr, int] = {}
        self.impossible = False

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
        if op == "ite":
            return self._decide_ite(*args)
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
        """An "and" is false where a part is false, or where the parts cannot hold together; "or" mirrors
        it."""
        decided = {term: self.decide(term) for term in terms}
        if absorbing in decided.values():
            return absorbing
        unknown = [term for term, value in decided.items() if value is None]
        if not unknown:
            return not absorbing
        return absorbing if len(unknown) > 1 and self._clash(unknown, not absorbing) else None

    def _clash(self, terms: list[Expr], truth: bool) -> bool:
        together = Facts()
        together._known, together._values = dict(self._known), dict(self._values)
        for term in terms:
            if together.decide(term) is (not truth):
                return True
            together.assume(term, truth)
        return together.impossible

    def _decide_ite(self, condition: Expr, then: Expr, otherwise: Expr) -> bool | None:
        chosen = self.decide(condition)
        if chosen is not None:
            return self.decide(then if chosen else otherwise)
        if "ite" in (then.op, otherwise.op):
            return None  # shared branches would be visited once per path to them
        first = self.decide(then)
        return first if first is not None and first is self.decide(otherwise) else None

    def _mask(self, term: Expr) -> int:
        return self._values.get(term, (1 << (term.hi - term.lo + 1)) - 1)

    def bounds(self, term: Expr, depth: int = 4) -> tuple[int, int]:
        """An interval that a term lies in, looking `depth` terms deep."""
        mask = self._values.get(term)
        if mask is not None:
            return term.lo + (mask & -mask).bit_length() - 1, term.lo + mask.bit_length() - 1
        if depth and term.op in ("add", "sub"):
            (a_lo, a_hi), (b_lo, b_hi) = (self.bounds(a, depth - 1) for a in term.args)
            return (a_lo + b_lo, a_hi + b_hi) if term.op == "add" else (a_lo - b_hi, a_hi - b_lo)
        if depth and term.op == "ite":
            chosen = self._known.get(term.args[0])
            branches = term.args[1:] if chosen is None else (term.args[1 if chosen else 2],)
            ends = [self.bounds(branch, depth - 1) for branch in branches]
            return min(lo for lo, _ in ends), max(hi for _, hi in ends)
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

    def _narrow(self, term: Expr, mask: int) -> None:
        left = self._mask(term) & mask
        if left:
            self._values[term] = left
        else:
            self.impossible = True
