"""Partial-order reduction as LLVM functions: what `reduction` says of a program, asked of packed states.

    falsified(state, number) -> i64                  a false literal of a command or observer, from 1 on; 0: enabled
    closure(state, first, moving, most, passing, open, found) -> i64     the set that begins with a command
    single(state, moving, open) -> i64               the command to be taken in passing, from 1 on; 0: none
    choose(state, moving, open, chosen)              the commands to be taken
    chase(record, context, tally, scratch)           follows a record through what is taken in passing, and settles it
    pick(begin, end, chosen, out, context, tally, scratch) -> ptr        copies what was chosen, and chases it
    gather(begin, end, moving)                       the commands of some records

Sets are rows of words, a bit for each command and observer; `moving` are the commands that lead somewhere. What is
known of the program lies in the module as constants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from eoscheck.checker.native.conditions import ask
from eoscheck.checker.native.context import Tally, field, get
from eoscheck.checker.native.ir import Function, Value
from eoscheck.checker.native.kernel import COMMAND, record_words
from eoscheck.checker.native.packing import Packing
from eoscheck.checker.native.symmetric import Symmetric
from eoscheck.checker.native.terms import Terms
from eoscheck.checker.reduction import LONGEST, Reduction

ALL = (1 << 64) - 1


class Reduced:
    """Writes the functions for one program."""

    def __init__(self, reduction: Reduction, packing: Packing) -> None:
        self.reduction, self.packing = reduction, packing
        self.words, self.record = packing.words, record_words(packing)
        self.row = row_words(reduction)

    def constants(self) -> list[str]:
        """The tables."""
        reduction = self.reduction
        faults = sum(1 << number for number, fault in enumerate(reduction.fault) if fault)
        return [
            self._table("conflicts", reduction.conflicts),
            self._table("absorbing", reduction.absorbing),
            self._table("enablers", reduction.enablers),
            self._table("faults", [faults]),
            "declare i64 @llvm.ctpop.i64(i64)",
            "declare i64 @llvm.cttz.i64(i64, i1)",
        ]

    def _table(self, name: str, rows: Sequence[int]) -> str:
        words = [word for row in rows or [0] for word in words_of(row, self.row)]
        text = ", ".join(f"i64 {word}" for word in words)
        return f"@{name} = internal constant [{len(words)} x i64] [{text}]"

    def functions(self) -> list[Function]:
        """All of them."""
        asking = [self._asks(number) for number in range(len(self.reduction.guards))]
        rest = [self._falsified(), self._closure(), self._single(), self._choose()]
        symmetric = Symmetric(self.reduction.symmetry.exchanges, self.packing).functions()
        return [*asking, *rest, *symmetric, self._gather(), self._chase(), self._pick()]

    # -- sets

    def _global(self, f: Function, name: str, row: Value | int = 0) -> Value:
        """A row of a table."""
        table = Value(f, "ptr", f"@{name}")
        return table.at(row * self.row, "i64") if isinstance(row, Value) else table

    def _bits(self, f: Function, mask: Value) -> Value:
        return f.op("i64", f"call i64 @llvm.ctpop.i64(i64 {mask.name})")

    def _lowest(self, f: Function, mask: Value) -> Value:
        return f.op("i64", f"call i64 @llvm.cttz.i64(i64 {mask.name}, i1 1)")

    @contextmanager
    def _each(self, f: Function, mask: Value, k: int) -> Iterator[Value]:
        """What is inside happens for each number in word k of a set."""
        left = f.variable(mask)
        with f.repeat(lambda: left.get() != 0):
            number = self._lowest(f, left.get()) + 64 * k
            left.set(left.get() & (left.get() - 1))
            yield number

    def _asks(self, number: int) -> Function:
        """The first false literal of one command or observer."""
        f = Function(f"asks{number}", "i64", "internal", state="ptr")
        terms = Terms(f, self.packing, f.args["state"])
        for literal in self.reduction.guards[number]:
            yes, no = f.label(), f.label()
            ask(terms, self.reduction.literals[literal], {}, yes, no)
            f.begin(no)
            f.ret(f.number(literal + 1))
            f.begin(yes)
        f.ret(f.number(0))
        return f

    def _falsified(self) -> Function:
        f = Function("falsified", "i64", "internal", state="ptr", number="i64")
        state, number = f.args.values()
        labels = [f.label() for _ in self.reduction.guards]
        nowhere = f.label()
        cases = " ".join(f"i64 {i}, label %{label}" for i, label in enumerate(labels))
        f.do(f"switch i64 {number.name}, label %{nowhere} [{cases}]")
        for i, label in enumerate(labels):
            f.begin(label)
            f.ret(f.call(f"asks{i}", "i64", state, convention="fastcc"))
        f.begin(nowhere)
        f.do("unreachable")
        return f

    def _closure(self) -> Function:
        """1, with the set in `found`, or 0 where more than `most` of it lead somewhere."""
        f = Function(
            "closure", "i64", "internal",
            state="ptr", first="i64", moving="ptr", most="i64", passing="i64", open="ptr", found="ptr",
        )  # fmt: skip
        state, first, moving, most, passing, open_, found = f.args.values()
        todo = f.array("i64", len(self.reduction.guards))
        more = f.array("i64", self.row)
        for k in range(self.row):
            found.store(f.number(0), k)
        self._add(f, found, first)
        todo.store(first)
        waiting, leading = f.variable(f.number(1)), f.variable(f.number(1))
        with f.repeat(lambda: waiting.get() > 0):
            waiting.set(waiting.get() - 1)
            at = todo.load("i64", waiting.get())
            moves = self._has(moving, at)
            enabled, disabled, asked, observer, behind = (f.label() for _ in range(5))
            f.branch(moves, enabled, asked)
            f.begin(asked)
            false = f.call("falsified", "i64", state, at, convention="fastcc")
            f.branch(false == 0, observer, disabled)
            f.begin(observer)  # an enabled observer asks for nobody
            f.branch(at < self.reduction.size, enabled, behind)
            f.begin(disabled)
            enablers = self._global(f, "enablers", false - 1)
            for k in range(self.row):
                more.store(enablers.load("i64", k), k)
            added = f.label()
            f.go(added)
            f.begin(enabled)
            conflicts, absorbing = self._global(f, "conflicts", at), self._global(f, "absorbing", at)
            lets_out = (passing != 0) & (at == first)
            for k in range(self.row):
                left = conflicts.load("i64", k) & open_.load("i64", k)
                left = left & ~lets_out.choose(absorbing.load("i64", k), f.number(0))
                more.store(left, k)
            f.go(added)
            f.begin(added)
            for k in range(self.row):
                news = more.load("i64", k) & ~found.load("i64", k)
                more.store(news, k)
                leading.set(leading.get() + self._bits(f, news & moving.load("i64", k)))
            with f.when(leading.get() > most):
                f.ret(f.number(0))
                f.begin(f.label())
            for k in range(self.row):
                news = more.load("i64", k)
                found.store(found.load("i64", k) | news, k)
                with self._each(f, news, k) as number:
                    todo.store(number, waiting.get())
                    waiting.set(waiting.get() + 1)
            f.go(behind)
            f.begin(behind)
        f.ret(f.number(1))
        return f

    def _has(self, row: Value, number: Value) -> Value:
        """Is a number in a set?"""
        return (row.load("i64", number >> 6) >> (number & 63) & 1) != 0

    def _add(self, f: Function, row: Value, number: Value) -> None:
        """Put a number into a set."""
        place = row.at(number >> 6, "i64")
        bit = f.op("i64", f"shl i64 1, {(number & 63).name}")
        place.store(place.load("i64") | bit)

    def _single(self) -> Function:
        f = Function("single", "i64", "internal", state="ptr", moving="ptr", open="ptr")
        state, moving, open_ = f.args.values()
        found = f.array("i64", self.row)
        faults = self._global(f, "faults")
        for k in range(self.row):
            with self._each(f, moving.load("i64", k) & ~faults.load("i64", k), k) as key:
                one = f.number(1)
                given = (state, key, moving, one, one, open_, found)
                with f.when(f.call("closure", "i64", *given, convention="fastcc") != 0):
                    f.ret(key + 1)
                    f.begin(f.label())
        f.ret(f.number(0))
        return f

    def _choose(self) -> Function:
        f = Function("choose", "void", "internal", state="ptr", moving="ptr", open="ptr", chosen="ptr")
        state, moving, open_, chosen = f.args.values()
        alone = f.call("single", "i64", state, moving, open_, convention="fastcc")
        with f.when(alone != 0):
            for k in range(self.row):
                chosen.store(f.number(0), k)
            self._add(f, chosen, alone - 1)
            f.ret()
            f.begin(f.label())
        best = f.variable(f.number(0))
        for k in range(self.row):
            chosen.store(moving.load("i64", k), k)
            best.set(best.get() + self._bits(f, moving.load("i64", k)))
        found, faults = f.array("i64", self.row), self._global(f, "faults")
        for k in range(self.row):
            with (
                self._each(f, moving.load("i64", k) & ~faults.load("i64", k), k) as key,
                f.when(best.get() > 1),
            ):
                given = (state, key, moving, best.get() - 1, f.number(0), open_, found)
                with f.when(f.call("closure", "i64", *given, convention="fastcc") != 0):
                    best.set(f.number(0))
                    for j in range(self.row):
                        both = found.load("i64", j) & moving.load("i64", j)
                        chosen.store(both, j)
                        best.set(best.get() + self._bits(f, both))
        f.ret()
        return f

    # -- records

    def _gather(self) -> Function:
        f = Function("gather", "void", "internal", begin="ptr", end="ptr", moving="ptr")
        begin, end, moving = f.args.values()
        for k in range(self.row):
            moving.store(f.number(0), k)
        at = f.variable(begin)
        with f.repeat(lambda: at.get().number() < end.number()):
            self._add(f, moving, at.get().load("i64", self.words + 1) & COMMAND)
            at.set(at.get().at(self.record, "i64"))
        f.ret()
        return f

    def _chase(self) -> Function:
        """Take what can be taken in passing, up to a state that is hit by something that is looked for. Premises that
        are met on the way count."""
        f = Function("chase", "void", "internal", record="ptr", context="ptr", tally="ptr", scratch="ptr")
        record, context, tally, scratch = f.args.values()
        moving = f.array("i64", self.row)
        open_ = get(context, "open", "ptr")
        fired = tally.at(Tally.cuts_at() + self.reduction.size, "i64")
        steps = f.variable(f.number(0))
        with f.repeat(lambda: steps.get() < LONGEST) as over:
            tag = record.load("i64", self.words + 1)
            changed = get(context, "changes", "ptr").load("i64", tag & COMMAND)
            asked = changed & get(context, "premises") & ~tally.load("i64", Tally.place("premises"))
            with f.when(asked != 0):
                met = f.call("premises", "i64", record, asked, convention="fastcc")
                tally.store(tally.load("i64", Tally.place("premises")) | met, Tally.place("premises"))
                with f.when(met != 0):
                    field(context, "news").store(f.number(1))
            wanted = changed & get(context, "wanted")
            with f.when(wanted != 0):
                f.leave(f.call("hits", "i64", record, wanted, convention="fastcc") != 0, over)
            tally.store(f.number(0), Tally.place("alive"))
            given = (record, scratch, f.number(0), context, tally)
            end = f.call("expand", "ptr", *given, convention="fastcc")
            f.leave(tally.load("i64", Tally.place("alive")) == 0, over)
            f.call("gather", "void", scratch, end, moving, convention="fastcc")
            chosen = f.call("single", "i64", record, moving, open_, convention="fastcc")
            f.leave(chosen == 0, over)
            number = chosen - 1
            at = f.variable(scratch)
            with f.repeat(lambda: (at.get().load("i64", self.words + 1) & COMMAND) != number):
                at.set(at.get().at(self.record, "i64"))
            for k in range(self.words + 1):
                record.store(at.get().load("i64", k), k)
            record.store((tag & ~f.number(COMMAND)) | number, self.words + 1)
            fired.bump(1, "i64", number)
            steps.set(steps.get() + 1)
        f.call("settle", "void", record, convention="fastcc")
        f.ret()
        return f

    def _pick(self) -> Function:
        f = Function(
            "pick", "ptr", "internal",
            begin="ptr", end="ptr", chosen="ptr", out="ptr", context="ptr", tally="ptr", scratch="ptr",
        )  # fmt: skip
        begin, end, chosen, first, context, tally, scratch = f.args.values()
        fired = tally.at(Tally.cuts_at() + self.reduction.size, "i64")
        at, out = f.variable(begin), f.variable(first)
        with f.repeat(lambda: at.get().number() < end.number()):
            number = at.get().load("i64", self.words + 1) & COMMAND
            with f.when(self._has(chosen, number)):
                for k in range(self.record):
                    out.get().store(at.get().load("i64", k), k)
                fired.bump(1, "i64", number)
                f.call("chase", "void", out.get(), context, tally, scratch, convention="fastcc")
                out.set(out.get().at(self.record, "i64"))
            at.set(at.get().at(self.record, "i64"))
        f.ret(out.get())
        return f


def words_of(mask: int, count: int) -> list[int]:
    """A set as so many words."""
    return [mask >> 64 * k & ALL for k in range(count)]


def row_words(reduction: Reduction) -> int:
    """Words of a set of commands and observers."""
    return -(-len(reduction.guards) // 64)
