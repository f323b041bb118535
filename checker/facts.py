"""What is known on a path: enough to decide most conditions without a solver.

For every term that was compared, the set of values it can still have (a bit mask); for every other condition that was
taken, the condition itself; and of what is known to hold in part ("a or b"), the parts, the last of which holds where
all others do not. Deciding is sound and incomplete: an infeasible path that slips through is a guarded command that
never fires.
"""

from __future__ import annotations

from eoscheck.checker import expressions as ex
from eoscheck.checker.expressions import Expr


class Facts:
    """The assumptions of one path."""

    def __init__(self) -> None:
        self._known: dict[Expr, bool] = {}
        self._values: dict[Expr, int] = {}
        self._clauses: list[tuple[tuple[Expr, ...], bool]] = []
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
            return False if a_lo >= b_hi or self._known.get(ex.eq(a, b)) else None
        return False if b_hi < a_lo or self._known.get(ex.lt(a, b)) or self._known.get(ex.lt(b, a)) else None

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
            together._assume(term, truth)
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
        if depth and term.op == "mul":
            product = [end * term.args[1].args[0] for end in self.bounds(term.args[0], depth - 1)]
            return min(product), max(product)
        if depth and term.op == "ite":
            chosen = self._known.get(term.args[0])
            branches = term.args[1:] if chosen is None else (term.args[1 if chosen else 2],)
            ends = [self.bounds(branch, depth - 1) for branch in branches]
            return min(lo for lo, _ in ends), max(hi for _, hi in ends)
        return term.lo, term.hi

    def assume(self, condition: Expr, truth: bool) -> None:
        """Add a fact, and what follows from it."""
        self._assume(condition, truth)
        for parts, wanted in self._clauses:
            part = self._last(parts, wanted)
            if part is not None:
                self._assume(part, wanted)

    def _last(self, parts: tuple[Expr, ...], wanted: bool) -> Expr | None:
        """The only part that can still be as it is wanted that one is; None if there is a choice, or one is."""
        last = None
        for part in parts:
            # Deciding others takes too long to be tried whenever something is assumed.
            decided = self._known.get(part) if part.op in ("and", "or", "ite") else self.decide(part)
            if decided is wanted or (decided is None and last is not None):
                return None
            if decided is None:
                last = part
        return last

    def _assume(self, condition: Expr, truth: bool) -> None:
        if condition.op == "not":
            return self._assume(condition.args[0], not truth)
        self._known[condition] = truth
        op, args = condition.op, condition.args
        if op in ("and", "or"):
            if (op == "and") is truth:
                for part in args:
                    self._assume(part, truth)
            else:
                self._in_part(args, truth)
        elif op == "eq" and args[1].op == "const":
            self._narrow(args[0], self._equal(condition, truth))
        elif op == "lt" and args[1].op == "const":
            self._narrow(args[0], _below(args[0], args[1].args[0], truth))
        elif op == "lt":
            self._order(args[0], args[1], truth)
        return None

    def _in_part(self, parts: tuple[Expr, ...], truth: bool) -> None:
        """One of the parts is true, or false."""
        self._clauses.append((parts, truth))
        first = parts[0]
        same = all(p.op == "eq" and p.args[1].op == "const" and p.args[0] is first.args[0] for p in parts)
        if same and truth:
            self._narrow(first.args[0], sum(self._equal(part, True) for part in parts))

    def _equal(self, condition: Expr, truth: bool) -> int:
        """The values with which a comparison with a constant is true, or false."""
        term, constant = condition.args
        bit: int = 1 << (constant.args[0] - term.lo)
        return bit if truth else ~bit

    def _order(self, a: Expr, b: Expr, truth: bool) -> None:
        """`a < b`, or not: each lies within what the other one allows."""
        (a_lo, a_hi), (b_lo, b_hi) = self.bounds(a), self.bounds(b)
        if truth:
            self._narrow(a, _below(a, b_hi, True))
            self._narrow(b, _below(b, a_lo + 1, False))
        else:
            self._narrow(a, _below(a, b_lo, False))
            self._narrow(b, _below(b, a_hi + 1, True))

    def _narrow(self, term: Expr, mask: int) -> None:
        left = self._mask(term) & mask
        if not left:
            self.impossible = True
            return
        self._values[term] = left
        if term.op == "ite" and (chosen := self.decide(term.args[0])) is not None:
            branch = term.args[1 if chosen else 2]
            if branch.op != "const":
                self._narrow(branch, left >> branch.lo - term.lo)
        elif term.op == "add" and term.args[1].op == "const":
            self._narrow(term.args[0], left)  # the same mask: both begin at their own least value


def _below(term: Expr, limit: int, truth: bool) -> int:
    """The values of a term below a limit, or the others."""
    below = (1 << max(limit - term.lo, 0)) - 1
    return below if truth else ~below
