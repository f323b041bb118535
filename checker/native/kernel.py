"""The kernel: guarded commands and properties as LLVM functions over packed states.

    expand(state, out, source, context, tally) -> behind   every successor of a state, as records
    hits(state, among), premises(state, among)    properties, by bit
    hash(state)                                   64 bits of a state

A record is the words of the successor, its hash, and a tag: the number of the command in bits 0..15, `FAULT` if it is
one, and in the upper half where it came from. `emit`, which belongs to the loops, decides what becomes of it. In the
tally, `alive` becomes 1 where something can happen that is no fault, `trap` the number (from 1 on) of a command that
left a declared range, which tracing excludes and which is never wrapped; behind them the cuts are counted.

The hash of a state is a sum over its words, so that of a successor follows from the words that a command writes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import Effect, GuardedCommand, Node, Program
from eoscheck.checker.dispatch import Dispatch, Part, Tree, moves
from eoscheck.checker.expressions import Expr
from eoscheck.checker.native.conditions import ask, condition_function, forget, size
from eoscheck.checker.native.context import Tally
from eoscheck.checker.native.ir import PRELUDE, Function, Value, Variable
from eoscheck.checker.native.packing import Packing
from eoscheck.checker.native.terms import Scope, Terms, Words, locate

FAULT = 1 << 17
COMMAND = (1 << 16) - 1
SOURCE = 32
"""The tag of a record: what the bits above the command's number say, and where the source begins."""

_numbers = random.Random(20260921)
MIX = [(_numbers.getrandbits(64) | 1, _numbers.getrandbits(64) | 1) for _ in range(512)]
FINAL = 0x9FB21C651E98DF25


def record_words(packing: Packing) -> int:
    """Words of a record: the state, its hash, its tag."""
    return packing.words + 2


def mixed(word: Value, k: int) -> Value:
    """What word k adds to the hash of a state."""
    f = word.function
    return f.call("mix", "i64", word, *map(f.number, MIX[k]), convention="fastcc")


def _mix() -> Function:
    """What `mixed` calls. Quick compilation knows no numbers of 128 bits, and goes slowly wherever it meets one."""
    f = Function("mix", "i64", "internal", word="i64", add="i64", factor="i64")
    a, b = f.args["word"] ^ f.args["add"], f.args["factor"]
    f.ret(a.high(b) ^ (a * b))
    return f


def finished(total: Value) -> Value:
    """The hash, never 0, from the sum over all words."""
    total = (total ^ (total >> 32)) * FINAL
    total = total ^ (total >> 29)
    return (total == 0).choose(total.function.number(1), total)


def kernel(program: Program, packing: Packing) -> str:
    """The text of the kernel's functions, the same for the same program."""
    forget()
    writer = _Kernel(program, packing)
    writer.write()
    return PRELUDE + "\n\n".join(writer.functions)


class _Kernel:
    def __init__(self, program: Program, packing: Packing) -> None:
        self.program, self.packing = program, packing
        self.functions: list[str] = []
        self.parts: dict[tuple[Part, ...], str] = {}

    def write(self) -> None:
        dispatch = Dispatch(self.program)
        shared = {part for table in dispatch.rows.values() for part in _repeated(table)}
        f = Function(
            "expand", "ptr", "internal", state="ptr", out="ptr", source="i64", context="ptr", tally="ptr"
        )
        terms = Terms(f, self.packing, f.args["state"])
        out = f.variable(f.args["out"])
        mixes = f.array("i64", self.packing.words)
        total = f.number(0)
        for k, word in enumerate(terms.words):
            mix = mixed(word, k)
            mixes.store(mix, k)
            total = total + mix if k else mix
        source = f.args["source"] << SOURCE
        given = (f.args["state"], mixes, total, source, f.args["context"], f.args["tally"])
        for cell, table in dispatch.rows.items():
            self._row(f, terms.value(cell, {}), table, shared, out, given)
        for part in dispatch.always:
            self._call(f, (part,), out, given)
        f.ret(out.get())
        self.functions.append(str(f))
        observed = self.program.properties
        self._conditions("hits", [o.hit for o in observed])
        self._conditions("premises", [o.premise for o in observed])
        h = Function("hash", "i64", "internal", state="ptr")
        h.ret(finished(_total([h.args["state"].load("i64", k) for k in range(self.packing.words)])))
        self.functions += [str(h), str(_mix())]

    def _row(
        self,
        f: Function,
        value: Value,
        table: list[list[Part]],
        shared: set[Part],
        out: Variable,
        given: Sequence[Value],
    ) -> None:
        """Do what the value of a variable says."""
        behind = f.label()
        rows = {tuple(row): f.label() for row in table if row}
        labels = [rows.get(tuple(row), behind) for row in table]
        cases = " ".join(f"{value.type} {v}, label %{label}" for v, label in enumerate(labels))
        f.do(f"switch {value.type} {value.name}, label %{behind} [{cases}]")
        for row, label in rows.items():
            f.begin(label)
            for part in row:
                if part in shared:
                    self._call(f, (part,), out, given)
            own = tuple(part for part in row if part not in shared)
            if own:
                self._call(f, own, out, given)
            f.go(behind)
        f.begin(behind)

    def _call(self, f: Function, parts: tuple[Part, ...], out: Variable, given: Sequence[Value]) -> None:
        """Try some actions, in a function of their own."""
        if parts not in self.parts:
            self.parts[parts] = name = f"try{len(self.parts)}"
            self.functions.append(_Trial(self.program, self.packing, name, parts).text)
        state, *rest = given
        found = f.call(self.parts[parts], "ptr", state, out.get(), *rest, convention="fastcc")
        out.set(found)

    def _conditions(self, name: str, conditions: list[Expr]) -> None:
        """The bits, among those asked for, of the conditions that are true in a state."""
        f = Function(name, "i64", "internal", state="ptr", among="i64")
        found = f.variable(f.number(0))
        for i, condition in enumerate(conditions):
            if condition is ex.FALSE:
                continue
            with f.when((f.args["among"] >> i & 1) == 1):
                if condition is ex.TRUE:
                    found.set(found.get() | 1 << i)
                else:
                    held = f.call(f"{name}{i}", "i1", f.args["state"], convention="fastcc")
                    found.set(found.get() | held.to("i64") << i)
                    self.functions.append(str(condition_function(f"{name}{i}", condition, self.packing)))
        f.ret(found.get())
        self.functions.append(str(f))


def _repeated(table: list[list[Part]]) -> Iterator[Part]:
    """Parts that several different rows have."""
    seen: set[Part] = set()
    for row in dict.fromkeys(tuple(row) for row in table):
        yield from (part for part in row if part in seen)
        seen.update(row)


def _total(words: Sequence[Value]) -> Value:
    total = mixed(words[0], 0)
    for k, word in enumerate(words[1:], 1):
        total = total + mixed(word, k)
    return total


class _Trial:
    """One function that tries some actions in a state."""

    def __init__(self, program: Program, packing: Packing, name: str, parts: tuple[Part, ...]) -> None:
        self.program, self.packing = program, packing
        self.f = f = Function(
            name, "ptr", "internal",
            state="ptr", out="ptr", mixes="ptr", total="i64", source="i64", context="ptr", tally="ptr",
        )  # fmt: skip
        self.terms = Terms(f, packing, f.args["state"])
        self.out = f.variable(f.args["out"])
        self.behind = ""
        for _, tree in parts:
            self.behind = f.label()
            self._tree(tree, {})
            f.begin(self.behind)
        f.ret(self.out.get())
        self.text = str(f)

    def _tree(self, tree: Tree | None, scope: Scope) -> None:
        """What follows in a decision tree; ends with a jump behind it."""
        f = self.f
        while isinstance(tree, Node) and tree.otherwise is None:
            guards, tree = _chain(tree)
            for guard in guards:
                on = f.label()
                f.branch(self.terms.value(guard, scope), on, self.behind)
                f.begin(on)
        if isinstance(tree, Node):
            then, otherwise = f.label(), f.label()
            ask(self.terms, tree.guard, scope, then, otherwise)
            for label, branch in ((then, tree.then), (otherwise, tree.otherwise)):
                f.begin(label)
                self._tree(branch, dict(scope))
            return
        if tree is not None:
            self._command(tree, scope)
        f.go(self.behind)

    def _command(self, command: GuardedCommand, scope: Scope) -> None:
        f, tally = self.f, self.f.args["tally"]
        fault = command.action.info.fault is not None
        if command.cut:
            if not fault:
                tally.store(f.number(1), Tally.place("alive"))
            tally.bump(1, "i64", Tally.cuts_at() + command.number)
            return
        words, trap = self._written(command, scope)
        behind = f.label()
        if not moves(command):
            changed = f.number(0)
            for k, word in words.items():
                changed = changed | (word ^ self.terms.words[k])
            f.leave(changed == 0, behind)
        if not fault:
            tally.store(f.number(1), Tally.place("alive"))
        if trap is not None:
            with f.when(trap):
                tally.store(f.number(command.number + 1), Tally.place("trap"))
        self._record(command, words)
        f.go(behind)
        f.begin(behind)

    def _written(self, command: GuardedCommand, scope: Scope) -> tuple[dict[int, Value], Value | None]:
        """The new words, and whether some value lies outside its range."""
        words, trap = Words(self.terms.words), None
        for effect in command.effects:
            value = self.terms.value(effect.value, scope)
            at = self.terms.value(effect.index, scope)
            self._write(effect, value, at, words)
            for outside in _outside(effect, value, at):
                trap = outside if trap is None else trap | outside
        return words.changed(), trap

    def _write(self, effect: Effect, value: Value, at: Value, words: Words) -> None:
        region, term = effect.region, effect.value
        if effect.index.op == "const":
            known = term.args[0] - region.domain.lo if term.op == "const" else None
            place = self.packing.places[region.base + effect.index.args[0]]
            words.write(place, self.terms.raw(value, region) if known is None else known)
            return
        raw = self.terms.raw(value, region)
        row = self.packing.rows[region]
        word, shift = locate(row, at)
        mask = self.f.number((1 << row.width) - 1) << shift
        possible = range(max(effect.index.lo, 0), min(effect.index.hi, region.count - 1) + 1)
        for k in dict.fromkeys(row.place(i).word for i in possible):
            old = words[k]
            words[k] = (word == k).choose((old & ~mask) | (raw << shift), old)

    def _record(self, command: GuardedCommand, words: dict[int, Value]) -> None:
        f, size = self.f, 8 * self.packing.words
        state, out, total = f.args["state"], self.out.get(), f.args["total"]
        f.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {out.name}, ptr {state.name}, i64 {size}, i1 0)")
        for k, word in words.items():
            out.store(word, k)
            total = total + (mixed(word, k) - f.args["mixes"].load("i64", k))
        tag = f.args["source"] | (command.number | (FAULT if command.action.info.fault else 0))
        rest = (f.args["context"], f.args["tally"])
        self.out.set(f.call("emit", "ptr", out, finished(total), tag, *rest, convention="fastcc"))


def _chain(tree: Tree | None) -> tuple[list[Expr], Tree | None]:
    """The questions that must all be answered yes before the first real choice, the cheap ones first."""
    guards: list[Expr] = []
    while isinstance(tree, Node) and tree.otherwise is None:
        guards += tree.guard.args if tree.guard.op == "and" else (tree.guard,)
        tree = tree.then
    return sorted(guards, key=size), tree


def _outside(effect: Effect, value: Value, at: Value) -> Iterator[Value]:
    """Conditions under which an effect leaves its range, where its interval alone does not exclude that."""
    domain, count = effect.region.domain, effect.region.count
    if value.type == "i32" and (effect.value.lo < domain.lo or effect.value.hi > domain.hi):
        yield (value - domain.lo) > domain.hi - domain.lo
    if effect.index.lo < 0 or effect.index.hi >= count:
        yield at >= count
