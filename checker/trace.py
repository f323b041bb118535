"""Tracing: running every action on symbolic values, once per path, to get its guarded commands.

A path is replayed from the start with the decisions that led to it (so actions need no copying of Python
state), and the last open decision is then taken the other way. Conditions that the path already implies do
not fork.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import Effect, GuardedCommand, Observed, Program
from eoscheck.checker.expressions import Expr
from eoscheck.checker.facts import Facts
from eoscheck.checker.symbols import Sym, SymBool, TraceError, lift, lower
from eoscheck.checker.watch import Reader, Watchdog, no_output
from eoscheck.model.domains import DomainError, Out, Ref, Region, place
from eoscheck.model.language import Action, Model, Property, RecordView
from eoscheck.model.values import Disabled, Witness

MOST_DECISIONS = 2_000
MOST_ACCESSES = 200_000
MOST_PATHS = 20_000

Script = list[tuple[Expr, bool]]


class _Run:
    """One path being followed: decisions to repeat, decisions taken."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.taken: Script = []
        self.guards: list[Expr] = []
        self.facts = Facts()
        self.accesses = 0

    def fork(self, condition: Expr) -> bool:
        decided = self.facts.decide(condition)
        if decided is not None:
            return decided
        step = len(self.taken)
        if step >= MOST_DECISIONS:
            raise TraceError(f"more than {MOST_DECISIONS} decisions on one path; is there an unbounded loop?")
        choice = True
        if step < len(self.script):
            expected, choice = self.script[step]
            if expected is not condition:
                raise TraceError(
                    "it does not do the same when run again; does it keep something outside a Var?"
                )
        self.taken.append((condition, choice))
        self.guards.append(condition if choice else ex.negation(condition))
        self.facts.assume(condition, choice)
        return choice

    def alternative(self) -> Script | None:
        """The script of the next path in depth-first order, or None after the last."""
        taken = list(self.taken)
        while taken and not taken[-1][1]:
            taken.pop()
        return [*taken[:-1], (taken[-1][0], False)] if taken else None


def _fold(leaves: Iterable[tuple[Sequence[Expr], Expr | None]]) -> Expr | None:
    """One term for the values at the ends of all paths, given in depth-first order. None: a value nobody
    asks for."""
    open_: list[tuple[Sequence[Expr], Expr | None]] = []
    for guards, value in leaves:
        while open_ and len(open_[-1][0]) == len(guards):
            taken, then = open_.pop()
            value = value if then is None else then if value is None else ex.ite(taken[-1], then, value)
            guards = guards[:-1]
        open_.append((guards, value))
    return open_[0][1]


_Leaf = tuple[tuple[Expr, ...], Any]


class SymbolicMemory:
    """State variables as terms over the state before the action, with the writes of the current path on
    top."""

    def __init__(self) -> None:
        self.run = _Run([])
        self.pending: dict[Region, list[tuple[Expr, Expr]]] = {}
        self._merged: dict[Any, list[_Leaf]] = {}

    # -- the Memory protocol
    def load(self, region: Region, index: Any) -> Any:
        term = self._term(region, self._index(region, index))
        if region.domain.type is Ref:
            return self._target(region, term)
        return lower(term, self)

    def _target(self, region: Region, term: Expr) -> Any:
        """The component that a reference refers to: one case for each."""
        for code in range(term.lo, term.hi + 1):
            if code == term.hi or self.fork(ex.eq(term, ex.const(code, Ref))):
                return region.domain.targets[code]

    def store(self, region: Region, index: Any, value: Any) -> None:
        at = self._index(region, index)
        term = self._encode(region, value)
        lo, hi = region.domain.lo, region.domain.hi
        if (term.lo < lo and self.fork(ex.lt(term, ex.const(lo)))) or (
            term.hi > hi and self.fork(ex.lt(ex.const(hi), term))
        ):
            raise Out(region)
        if region.constant:  # it takes no room in a state
            return
        writes = [w for w in self.pending.get(region, []) if w[0] is not at]
        self.pending[region] = [*writes, (at, term)]

    def fork(self, condition: Expr) -> bool:
        return self.run.fork(condition)

    def _index(self, region: Region, index: Any) -> Expr:
        self.run.accesses += 1
        if self.run.accesses > MOST_ACCESSES:
            raise TraceError("the state is read and written without end; is there an unbounded loop?")
        if type(index) is int and 0 <= index < region.count:
            return ex.const(index)
        at = lift(index)
        if at.sort is not int:
            raise TraceError(f"{region.name} is indexed by {index!r}, not by a number")
        if self.fork(ex.lt(at, ex.const(0))) or self.fork(ex.lt(ex.const(region.count - 1), at)):
            raise Out(region, indexed=True)
        return at

    def _encode(self, region: Region, value: Any) -> Expr:
        if isinstance(value, Sym | SymBool):
            if value.expr.sort is not region.domain.type:
                raise TraceError(f"{region.name} is a {region.domain}; {value!r} is not")
            return value.expr
        try:
            code = region.domain.encode(value)
        except DomainError as error:
            raise TraceError(f"{region.name}: {error}") from None
        if code is None:
            raise Out(region)
        return ex.const(code, region.domain.type)

    def _term(self, region: Region, at: Expr) -> Expr:
        term = ex.select(region, at)
        for index, value in self.pending.get(region, []):
            term = ex.ite(ex.eq(at, index), value, term)
        return term

    # -- derived methods
    def merge(self, key: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        """Fold the cases of `compute` into one value."""
        signature = (
            tuple(_identity(a) for a in key),
            tuple((region, *writes) for region, writes in self.pending.items()),
        )
        leaves = self._merged.get(signature)
        if leaves is None:
            leaves = self._merged[signature] = self._explore(compute)
        return self._choose(leaves)

    def _explore(self, compute: Callable[[], Any]) -> list[_Leaf]:
        outer, before = self.run, dict(self.pending)
        leaves: list[_Leaf] = []
        script: Script | None = []
        try:
            while script is not None:
                self.run = _Run(script)
                try:
                    result: Any = compute()
                except (Out, Disabled) as end:
                    result = end
                if self.pending != before:
                    raise TraceError("a derived method only computes; it must not write")
                leaves.append((tuple(self.run.guards), result))
                script = self.run.alternative()
                if len(leaves) > MOST_PATHS:
                    raise TraceError(f"a derived method has more than {MOST_PATHS} cases")
        finally:
            self.run = outer
        return leaves

    def _choose(self, leaves: list[_Leaf]) -> Any:
        ends = {str(result): result for _, result in leaves if isinstance(result, Out | Disabled)}
        for text, end in ends.items():
            if self.fork(_where(leaves, text)):
                raise end
        results = [result for _, result in leaves if not isinstance(result, Out | Disabled)]
        if not results:
            raise leaves[-1][1]
        if not isinstance(results[0], tuple):
            return self._value(leaves)
        parts = range(len(results[0]))
        return tuple(
            self._value([(g, r[i] if isinstance(r, tuple) else r) for g, r in leaves]) for i in parts
        )

    def _value(self, leaves: list[_Leaf]) -> Any:
        plain = [result for _, result in leaves if not isinstance(result, Out | Disabled)]
        if all(result is plain[0] for result in plain):
            return plain[0]
        terms = [None if isinstance(r, Out | Disabled) else lift(r) for _, r in leaves]
        sorts = {term.sort for term in terms if term is not None}
        if len(sorts) > 1:
            raise TraceError("a derived method gives values of different types")
        folded = _fold((guards, term) for (guards, _), term in zip(leaves, terms, strict=True))
        assert folded is not None
        return lower(folded, self)

    def effects(self) -> tuple[Effect, ...]:
        """What the path wrote, without writes of the value that is there already."""
        found = []
        for region, writes in self.pending.items():
            apart = len(writes) == 1 or all(at.op == "const" for at, _ in writes)
            for at, value in writes:
                same = ex.eq(ex.select(region, at), value)
                if not (apart and self.run.facts.decide(same)):
                    found.append(Effect(region, at, value))
        return tuple(found)


def _identity(argument: Any) -> Any:
    """What makes two arguments of a derived method the same."""
    if isinstance(argument, Sym | SymBool):
        return argument.expr
    if isinstance(argument, RecordView):
        return tuple(argument._regions.values()), _identity(argument._index)
    return type(argument), argument


def _where(leaves: list[_Leaf], text: str) -> Expr:
    """The condition under which a derived method ends with Out or Disabled of that text."""
    folded = _fold((g, ex.truth(isinstance(r, Out | Disabled) and str(r) == text)) for g, r in leaves)
    assert folded is not None
    return folded


def _paths(
    memory: SymbolicMemory, what: str, home: Any, dog: Watchdog, body: Callable[[], Any]
) -> Iterator[tuple[_Run, Any]]:
    """Follow every path of `body`; gives the run with the result, or the Disabled or Out that ended it."""
    script: Script | None = []
    count = 0
    while script is not None:
        memory.run, memory.pending = _Run(script), {}
        try:
            with no_output():
                result: Any = dog.follow(body)
        except (Disabled, Out) as end:
            result = end
        except Exception as error:
            raise TraceError(f"{what} ({place(error, home)}): {_reason(error)}") from error
        yield memory.run, result
        script = memory.run.alternative()
        count += 1
        if count > MOST_PATHS:
            raise TraceError(f"{what}: more than {MOST_PATHS} paths")


def _reason(error: Exception) -> str:
    if isinstance(error, TraceError):
        return str(error)
    if isinstance(error, TypeError) and "unhashable" in str(error):
        return "a value of the state cannot be looked up in a set or dict; compare with ==, or use a list"
    return f"{type(error).__name__}: {error}"


class _Tracer:
    """Traces the actions and properties of one model."""

    def __init__(self, model: Model, dog: Watchdog) -> None:
        self.model, self.dog = model, dog
        self.memory = model.memory = SymbolicMemory()
        self.reader = Reader(type(component) for component in model.components)

    def action(self, action: Action, first: int) -> list[GuardedCommand]:
        """The guarded commands of an action, numbered from `first`."""
        method = getattr(type(action.component), action.method)
        self._read(action.name, method)
        found: list[GuardedCommand] = []
        body = partial(self.model.perform, action)
        for run, result in _paths(self.memory, action.name, method, self.dog, body):
            if isinstance(result, Disabled):
                continue
            cut = action.cut(result) if isinstance(result, Out) else None
            effects = () if cut else self.memory.effects()
            if cut or effects:
                number = first + len(found)
                found.append(GuardedCommand(number, action, len(found), tuple(run.guards), effects, cut))
        return found

    def observe(self, prop: Property) -> Observed:
        """A property as two terms."""
        self._read(prop.name, prop.check)
        hit = self._condition(prop, prop.check)
        premise = self._condition(prop, prop.premise) if prop.premise else ex.TRUE
        return Observed(prop, hit, premise)

    def _condition(self, prop: Property, check: Callable[[], Any]) -> Expr:
        leaves: list[tuple[Sequence[Expr], Expr]] = []
        for run, result in _paths(self.memory, prop.name, check, self.dog, check):
            if isinstance(result, Out | Disabled):
                why = str(result) or "a property is asked in every state, it has no `when`"
                raise TraceError(f"{prop.name} ({place(result, check)}): {why}")
            if self.memory.pending:
                raise TraceError(f"{prop.name}: a property must not write")
            leaves.append((run.guards, self._truth(prop, check, result)))
        folded = _fold(leaves)
        assert folded is not None
        return folded

    def _truth(self, prop: Property, check: Callable[[], Any], result: Any) -> Expr:
        if isinstance(result, Witness) or result is None:
            return ex.truth(result is not None)
        if check is prop.check and prop.kind in ("always", "at-rest"):
            raise TraceError(
                f"{prop.name}: it gives {result!r}; say a Witness in a bad state, None in a good one"
            )
        term = lift(result)
        if term.sort is not bool:
            raise TraceError(f"{prop.name}: it gives {result!r}, neither true nor false")
        return term

    def _read(self, what: str, function: Any) -> None:
        fault = self.reader.fault(function)
        if fault:
            raise TraceError(f"{what} ({fault[0]}): {fault[1]}")


def trace(model: Model) -> Program:
    """Trace all actions and properties of a model. Raises TraceError where one cannot be traced."""
    ex.forget()
    with Watchdog() as dog:
        tracer = _Tracer(model, dog)
        commands: list[GuardedCommand] = []
        for action in model.actions:
            commands += tracer.action(action, len(commands))
        return Program(model, tuple(commands), tuple(tracer.observe(p) for p in model.properties))
