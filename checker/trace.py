"""Tracing: running every action on symbolic values, once per path, to get its guarded commands.

A path is replayed from the start with the decisions that led to it (so actions need no copying of Python state), and
the last open decision is then taken the other way. Conditions that the path already implies do not fork.
"""

from __future__ import annotations

import contextlib
import io
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import Any

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import Effect, GuardedCommand, Observed, Program
from eoscheck.checker.expressions import Expr
from eoscheck.checker.facts import Facts
from eoscheck.checker.symbols import Sym, SymBool, TraceError, lift, lower
from eoscheck.model.domains import DomainError, Out, Ref, Region
from eoscheck.model.language import Action, Model, Property
from eoscheck.model.values import Disabled, Witness

MOST_DECISIONS = 2_000
MOST_ACCESSES = 200_000
MOST_PATHS = 20_000


class _Run:
    """One path being followed: decisions to repeat, decisions taken."""

    def __init__(self, script: list[bool]) -> None:
        self.script = script
        self.taken: list[bool] = []
        self.guards: list[Expr] = []
        self.facts = Facts()
        self.accesses = 0

    def fork(self, condition: Expr) -> bool:
        decided = self.facts.decide(condition)
        if decided is not None:
            return decided
        if len(self.taken) >= MOST_DECISIONS:
            raise TraceError(f"more than {MOST_DECISIONS} decisions on one path; is there an unbounded loop?")
        choice = self.script[len(self.taken)] if len(self.taken) < len(self.script) else True
        self.taken.append(choice)
        self.guards.append(condition if choice else ex.negation(condition))
        self.facts.assume(condition, choice)
        return choice

    def alternative(self) -> list[bool] | None:
        """The script of the next path in depth-first order, or None after the last."""
        taken = list(self.taken)
        while taken and not taken[-1]:
            taken.pop()
        return [*taken[:-1], False] if taken else None


class SymbolicMemory:
    """State variables as terms over the state before the action, with the writes of the current path on top."""

    def __init__(self) -> None:
        self.run = _Run([])
        self.pending: dict[Region, list[tuple[Expr, Expr]]] = {}
        self._merged: dict[Any, list[tuple[Any, Any]]] = {}

    # -- the Memory protocol
    def load(self, region: Region, index: Any) -> Any:
        term = self._term(region, self._index(region, index))
        if region.domain.type is Ref:
            return region.domain.targets[Sym(term, self).__index__()]
        return lower(term, self)

    def store(self, region: Region, index: Any, value: Any) -> None:
        at = self._index(region, index)
        term = self._encode(region, value)
        if not (region.domain.lo <= term.lo and term.hi <= region.domain.hi):
            low, high = ex.const(region.domain.lo), ex.const(region.domain.hi)
            if self.fork(ex.lt(term, low)) or self.fork(ex.lt(high, term)):
                raise Out(region, f"{term}" if term.op != "const" else term.args[0])
        writes = [w for w in self.pending.get(region, []) if w[0] is not at]
        self.pending[region] = [*writes, (at, term)]

    def fork(self, condition: Expr) -> bool:
        return self.run.fork(condition)

    def _index(self, region: Region, index: Any) -> Expr:
        self.run.accesses += 1
        if self.run.accesses > MOST_ACCESSES:
            raise TraceError("the state is read and written without end; is there an unbounded loop?")
        at = lift(index)
        if at.lo < 0 and self.fork(ex.lt(at, ex.const(0))) or (
            at.hi >= region.count and self.fork(ex.lt(ex.const(region.count - 1), at))
        ):
            raise Out(region, f"indexed by {at}")
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
            raise Out(region, value)
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
            *(a.expr if isinstance(a, Sym | SymBool) else a for a in key),
            *((r, *writes) for r, writes in self.pending.items()),
        )
        leaves = self._merged.get(signature)
        if leaves is None:
            leaves = self._merged[signature] = self._explore(compute)
        return self._fold(leaves)

    def _explore(self, compute: Callable[[], Any]) -> list[tuple[Any, Any]]:
        outer = self.run
        leaves: list[tuple[Any, Any]] = []
        script: list[bool] | None = []
        try:
            while script is not None:
                self.run = _Run(script)
                try:
                    result: Any = compute()
                except Out as out:
                    result = out
                leaves.append((ex.conjunction(*self.run.guards), result))
                script = self.run.alternative()
                if len(leaves) > MOST_PATHS:
                    raise TraceError(f"a derived method has more than {MOST_PATHS} cases")
        finally:
            self.run = outer
        return leaves

    def _fold(self, leaves: list[tuple[Any, Any]]) -> Any:
        for guard, result in leaves:
            if isinstance(result, Out) and self.fork(guard):
                raise result
        good = [(guard, result) for guard, result in leaves if not isinstance(result, Out)]
        if isinstance(good[0][1], tuple):
            return tuple(self._choose([(g, r[i]) for g, r in good]) for i in range(len(good[0][1])))
        return self._choose(good)

    def _choose(self, leaves: list[tuple[Any, Any]]) -> Any:
        if all(result is leaves[0][1] for _, result in leaves):
            return leaves[0][1]
        term = lift(leaves[-1][1])
        for guard, result in reversed(leaves[:-1]):
            term = ex.ite(guard, lift(result), term)
        return lower(term, self)

    def effects(self) -> tuple[Effect, ...]:
        """What the path wrote, without writes of the value that is there already."""
        found = []
        for region, writes in self.pending.items():
            alone = len(writes) == 1 or all(at.op == "const" for at, _ in writes)
            found += [Effect(region, at, v) for at, v in writes if not (alone and v is ex.select(region, at))]
        return tuple(found)


_watching = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event.split(".")[0] in ("open", "socket", "subprocess", "time", "shutil", "urllib"):
        raise TraceError(f"an action must not do input or output ({event})")


_hooked = False


@contextlib.contextmanager
def _no_io(where: str) -> Iterator[None]:
    global _watching, _hooked
    if not _hooked:
        sys.addaudithook(_watch)
        _hooked = True
    printed = io.StringIO()
    _watching = True
    try:
        with contextlib.redirect_stdout(printed):
            yield
    finally:
        _watching = False
    if printed.getvalue():
        raise TraceError(f"{where}: an action must not do input or output (print)")


def _place(error: BaseException, method: Any) -> str:
    """FILE:LINE of the innermost frame in the file that defines the action."""
    home = method.__code__.co_filename
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == home]
    line = frames[-1].lineno if frames else method.__code__.co_firstlineno
    return f"{FilePath(home).name}:{line}"


def _paths(memory: SymbolicMemory, what: str, method: Any, body: Callable[[], Any]) -> Iterator[tuple[_Run, Any]]:
    """Follow every path of `body`; gives the run with the result, or the Disabled or Out that ended it."""
    script: list[bool] | None = []
    count = 0
    while script is not None:
        memory.run, memory.pending = _Run(script), {}
        try:
            with _no_io(what):
                result: Any = body()
        except (Disabled, Out) as end:
            result = end
        except Exception as error:
            raise TraceError(f"{what} ({_place(error, method)}): {_reason(error)}") from error
        yield memory.run, result
        script = memory.run.alternative()
        count += 1
        if count > MOST_PATHS:
            raise TraceError(f"{what}: more than {MOST_PATHS} paths")


def _reason(error: Exception) -> str:
    if isinstance(error, TraceError):
        return str(error)
    if isinstance(error, TypeError) and "unhashable" in str(error):
        return "a symbolic value cannot be looked up in a set or dict; compare with ==, or use a list"
    return f"{type(error).__name__}: {error}"


def _trace_action(memory: SymbolicMemory, model: Model, action: Action, first: int) -> list[GuardedCommand]:
    method = getattr(type(action.component), action.method)
    found: list[GuardedCommand] = []
    for run, result in _paths(memory, action.name, method, lambda: model.perform(action)):
        if isinstance(result, Disabled):
            continue
        cut = f"{action.name}: {result}" if isinstance(result, Out) else None
        effects = () if cut else memory.effects()
        if cut or effects:
            found.append(GuardedCommand(first + len(found), action, len(found), tuple(run.guards), effects, cut))
    return found


def _trace_condition(memory: SymbolicMemory, what: str, check: Callable[[], Any]) -> Expr:
    hits = []
    for run, result in _paths(memory, what, check, check):
        if isinstance(result, Out):
            raise TraceError(f"{what}: {result}")
        if memory.pending:
            raise TraceError(f"{what}: a property must not write")
        found = ex.TRUE if isinstance(result, Witness) else ex.FALSE if result is None else lift(result)
        hits.append(ex.conjunction(*run.guards, found))
    return ex.disjunction(*hits)


def trace(model: Model) -> Program:
    """Trace all actions and properties of a model. Raises TraceError where one cannot be traced."""
    ex.forget()
    memory = SymbolicMemory()
    model.memory = memory
    commands: list[GuardedCommand] = []
    for action in model.actions:
        commands += _trace_action(memory, model, action, len(commands))
    return Program(model, tuple(commands), tuple(_observe(memory, p) for p in model.properties))


def _observe(memory: SymbolicMemory, prop: Property) -> Observed:
    hit = _trace_condition(memory, prop.name, prop.check)
    premise = _trace_condition(memory, prop.name, prop.premise) if prop.premise else ex.TRUE
    return Observed(prop, hit, premise)
