"""Symbolic values: what a state variable is while an action is being traced.

They behave like the numbers, booleans and enum members they stand for. Asking one for its truth (`if`,
`and`, `not`, `in`, `min`, `match`) forks the trace; using one as a Python index forks over its values;
everything else builds terms.
"""

from __future__ import annotations

import enum
import functools
from typing import Any, Protocol

from eoscheck.checker import expressions as ex
from eoscheck.checker.expressions import Expr


class TraceError(Exception):
    """An action cannot be traced; the message names the action and the line."""


class Forking(Protocol):
    """Who decides which way a trace goes."""

    def fork(self, condition: Expr) -> bool: ...


class Untold(str):
    """What `say` shows of a value that is not known while tracing. Nothing may be decided by it."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise TraceError("the name of a state variable's value is compared; compare the value itself")

    __ne__ = __eq__
    __hash__ = None  # type: ignore[assignment]


@functools.cache
def _members(sort: Any) -> tuple[Any, ...]:
    """The members of an enumeration, in order."""
    return tuple(sort)


def lift(value: Any) -> Expr:
    """The term for a value of an action: a symbolic one, or a plain number, bool or enum member."""
    kind: Any = type(value)
    if kind is Sym or kind is SymBool:
        found: Expr = value.expr
        return found
    if kind is bool:
        return ex.truth(value)
    if isinstance(value, enum.Enum):
        return ex.const(_members(kind).index(value), kind)
    if isinstance(value, int):
        return ex.const(value)
    raise TraceError(f"{value!r} is not a number, a boolean or an enum member")


def lower(expr: Expr, tracer: Forking) -> Any:
    """The value for a term: plain where it is a constant."""
    if expr.op == "const":
        if expr.sort is bool:
            return bool(expr.args[0])
        return _members(expr.sort)[expr.args[0]] if isinstance(expr.sort, enum.EnumMeta) else expr.args[0]
    return SymBool(expr, tracer) if expr.sort is bool else Sym(expr, tracer)


def _comparable(a: Expr, b: Expr) -> None:
    if a.sort is not b.sort:
        names = [getattr(s, "__name__", str(s)) for s in (a.sort, b.sort)]
        raise TraceError(f"a value of {names[0]} is compared with one of {names[1]}")


class _Symbol:
    __slots__ = ("expr", "tracer")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, expr: Expr, tracer: Forking) -> None:
        self.expr, self.tracer = expr, tracer

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The type that the value will have, for isinstance() and class patterns."""
        return self.expr.sort

    def _value(self, expr: Expr) -> Any:
        return lower(expr, self.tracer)

    def __eq__(self, other: Any) -> Any:
        if other is None or isinstance(other, str):
            return False
        term = lift(other)
        _comparable(self.expr, term)
        return self._value(ex.eq(self.expr, term))

    def __ne__(self, other: Any) -> Any:
        if other is None or isinstance(other, str):
            return True
        term = lift(other)
        _comparable(self.expr, term)
        return self._value(ex.negation(ex.eq(self.expr, term)))

    def __format__(self, spec: str) -> str:
        return "?"

    def __str__(self) -> str:
        return Untold("?")

    def __repr__(self) -> str:
        return f"<{ex.show(self.expr)}>"


class SymBool(_Symbol):
    """A boolean that is not known while tracing."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return self.tracer.fork(self.expr)

    def __and__(self, other: Any) -> Any:
        return self._value(ex.conjunction(self.expr, lift(other)))

    def __or__(self, other: Any) -> Any:
        return self._value(ex.disjunction(self.expr, lift(other)))

    def __rand__(self, other: Any) -> Any:
        return self._value(ex.conjunction(lift(other), self.expr))

    def __ror__(self, other: Any) -> Any:
        return self._value(ex.disjunction(lift(other), self.expr))

    def __invert__(self) -> Any:
        raise TraceError("~ on a boolean is -1 or -2 in Python; write neg(condition)")

    def __neg_bool__(self) -> Any:
        return self._value(ex.negation(self.expr))

    def __ite__(self, then: Any, otherwise: Any) -> Any:
        if then is otherwise:
            return then
        a, b = lift(then), lift(otherwise)
        _comparable(a, b)
        return self._value(ex.ite(self.expr, a, b))


class Sym(_Symbol):
    """A number or enum member that is not known while tracing."""

    __slots__ = ()

    def _number(self, other: Any) -> Expr:
        term = lift(other)
        if self.expr.sort is not int or term.sort is not int:
            raise TraceError(f"{self!r} and {other!r} are not both numbers")
        return term

    def __lt__(self, other: Any) -> Any:
        return self._value(ex.lt(self.expr, self._number(other)))

    def __gt__(self, other: Any) -> Any:
        return self._value(ex.lt(self._number(other), self.expr))

    def __le__(self, other: Any) -> Any:
        return self._value(ex.negation(ex.lt(self._number(other), self.expr)))

    def __ge__(self, other: Any) -> Any:
        return self._value(ex.negation(ex.lt(self.expr, self._number(other))))

    def __add__(self, other: Any) -> Any:
        return self._value(ex.add(self.expr, self._number(other)))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._value(ex.sub(self.expr, self._number(other)))

    def __rsub__(self, other: Any) -> Any:
        return self._value(ex.sub(self._number(other), self.expr))

    def __mul__(self, other: Any) -> Any:
        factor = self._number(other)
        if factor.op != "const":
            raise TraceError("two state variables are multiplied; only a constant factor can be traced")
        return self._value(ex.mul(self.expr, factor.args[0]))

    __rmul__ = __mul__

    def __neg__(self) -> Any:
        return 0 - self

    def __mod__(self, other: Any) -> Any:
        """One case per value, like every use that has no term of its own."""
        return int(self) % other

    def __floordiv__(self, other: Any) -> Any:
        return int(self) // other

    def __bool__(self) -> bool:
        if self.expr.sort is not int:
            raise TraceError(f"{self!r} is asked for its truth; compare it with a member")
        return not self.tracer.fork(ex.eq(self.expr, ex.const(0)))

    def __index__(self) -> int:
        """One value of the domain per path: what indexing a Python list, or range(), asks for."""
        if self.expr.sort is not int:
            raise TraceError(f"{self!r} is used as a number")
        for value in range(self.expr.lo, self.expr.hi):
            if self.tracer.fork(ex.eq(self.expr, ex.const(value))):
                return value
        return self.expr.hi

    __int__ = __index__

    @property
    def name(self) -> str:
        """What `say` shows of an enum member while tracing."""
        return Untold("?")

    value = name
