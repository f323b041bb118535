"""Looking states up, as LLVM functions: what becomes of a record that the kernel has written.

A thread first asks itself whether it has met the state a moment ago; most it has, since states that lie together share
successors. The others are looked up in batches, so that cache misses overlap. What is new enters the table under the
number of its record; of two threads that find the same state, the one with the lower number gets it.
"""

from __future__ import annotations

from eoscheck.checker.native.context import Tally, get
from eoscheck.checker.native.ir import Function, Value
from eoscheck.checker.native.kernel import COMMAND, record_words
from eoscheck.checker.native.packing import Packing
from eoscheck.checker.native.table import BATCH, LINE, Slot, Table

NEW = 1 << 18
"""In the tag of a record: nobody knew the state. Its hash has made room for the address of its slot."""

OLD = 1 << 19
"""In the tag of a record of a search that is reduced: the state was known before this level."""

APART = LINE // 8
"""The numbers of a task, or of a thread, lie in a cache line of their own, so that others do not wait for it; so many
words lie between those of two."""

RECENT = 1 << 12
"""States that each thread remembers having met last; a power of two."""


class LookUp:
    """Writes the functions, for a model with so many commands and one kind of slot."""

    def __init__(self, packing: Packing, commands: int, slot: Slot, *, reduced: bool = False) -> None:
        self.words, self.commands, self.slot, self.reduced = packing.words, commands, slot, reduced
        self.record = record_words(packing)
        self.table = Table(slot)

    def functions(self) -> list[Function]:
        """All of them, those of the table included."""
        table = self.table
        found = [table.scan(), table.enter(), table.rebuild(self.words), table.grow(self.words)]
        found += [self.emit(), self.resolve(), self.look_up()]
        return [*found, self.find()] if self.slot.exact else found

    def records(self, context: Value, task: Value) -> Value:
        """Where the records of a task begin."""
        return get(context, "records", "ptr").at(task * get(context, "room") * self.record, "i64")

    def _differ(self, a: Value, b: Value) -> Value:
        """Zero where two states are the same."""
        found = a.load("i64") ^ b.load("i64")
        for k in range(1, self.words):
            found = found | (a.load("i64", k) ^ b.load("i64", k))
        return found

    def emit(self) -> Function:
        """A record has been written: count it, and keep it, unless this thread has met the state a moment ago. Most
        it has, since states that lie together share successors. Gives the place for the next record."""
        f = Function(
            "emit", "ptr", "internal", record="ptr", hash="i64", tag="i64", context="ptr", tally="ptr"
        )
        record, hash, tag, context, tally = f.args.values()
        tally.store(f.number(1), Tally.place("moves"))
        if self.reduced:  # whether it is taken is not decided yet
            record.store(hash, self.words)
            record.store(tag, self.words + 1)
            f.ret(record.at(self.record, "i64"))
            return f
        tally.at(Tally.cuts_at() + self.commands, "i64").bump(1, "i64", tag & COMMAND)
        recent = tally.at(Tally.place("recent"), "i64").load("ptr")
        keep = f.label()
        f.leave(recent.number() == 0, keep)
        entry = recent.at((hash & (RECENT - 1)) * (self.words + 1), "i64")
        fresh = f.label()
        f.leave((self._differ(record, entry) | (entry.load("i64", self.words) ^ hash)) != 0, fresh)
        f.ret(record)
        f.begin(fresh)
        table, lines = get(context, "table", "ptr"), get(context, "lines")
        table.at(self.table.home(lines, hash) * LINE, "i8").prefetch(write=True)
        for k in range(self.words):
            entry.store(record.load("i64", k), k)
        entry.store(hash, self.words)
        f.go(keep)
        f.begin(keep)
        record.store(hash, self.words)
        record.store(tag, self.words + 1)
        f.ret(record.at(self.record, "i64"))
        return f

    def heed_order(self, f: Function, first: Value) -> None:
        """A task begins with this state. If the thread was further already, it forgets what it has met: of a state that
        is new, the record with the lowest number counts, and this task may have it."""
        tally = f.args["tally"]
        with f.when(first < tally.load("i64", Tally.place("reached"))):
            recent, size = tally.load("ptr", Tally.place("recent")), RECENT * (self.words + 1) * 8
            f.do(f"call void @llvm.memset.p0.i64(ptr {recent.name}, i8 0, i64 {size}, i1 0)")
        tally.store(first, Tally.place("reached"))

    def look_up(self) -> Function:
        """Look up the records `begin`.. of a task."""
        f = Function("look_up", "void", "internal", context="ptr", task="i64", begin="i64", end="i64")
        context, task = f.args["context"], f.args["task"]
        table, lines = get(context, "table", "ptr"), get(context, "lines")
        records = self.records(context, task)
        places = f.array("i64", BATCH)
        fresh = f.variable(f.number(0))
        with f.loop(f.args["begin"], f.args["end"], BATCH) as from_:
            rest = f.args["end"] - from_
            count = (rest < BATCH).choose(rest, BATCH)
            with f.loop(0, count) as k:
                hash = records.load("i64", (from_ + k) * self.record + self.words)
                at = self._scan(f, self.table.home(lines, hash) << self.slot.share, hash)
                places.store(at, k)
                if self.slot.exact:
                    value = table.load(self.slot.type, at)
                    with f.when(value != 0):
                        self._known(context, value).prefetch()
            with f.loop(0, count) as k:
                number = from_ + k
                new = f.call(
                    "resolve", "i1", context, task, number, places.load("i64", k), convention="fastcc"
                )
                fresh.set(fresh.get() + new.to("i64"))
        place = get(context, "fresh", "ptr").at(task * APART, "i64")
        with f.when(get(context, "threads") > 1):
            f.op("i64", f"atomicrmw add ptr {place.name}, i64 {fresh.get().name} acq_rel")
        with f.unless(get(context, "threads") > 1):
            place.bump(fresh.get(), "i64")
        f.ret()
        return f

    def resolve(self) -> Function:
        """Whether a record is of a state that nobody knows: then it enters the table, looking from slot `start` on."""
        f = Function("resolve", "i1", "internal", context="ptr", task="i64", number="i64", start="i64")
        context, task = f.args["context"], f.args["task"]
        table, lines, known = get(context, "table", "ptr"), get(context, "lines"), get(context, "states")
        record = self.records(context, task).at(f.args["number"] * self.record, "i64")
        hash, tag = record.load("i64", self.words), record.load("i64", self.words + 1)
        mine = known + task * get(context, "room") + f.args["number"]
        at, home = f.variable(f.args["start"]), self.table.home(lines, hash)
        with f.repeat():
            place = table.at(at.get(), self.slot.type)
            value = place.load(self.slot.type)
            full, empty, again = f.label(), f.label(), f.label()
            f.branch(value == 0, empty, full)
            f.begin(empty)
            moved = (at.get() >> self.slot.share) != home
            entry = self.table.entry(lines, hash, mine, moved)
            record.store(place.number(), self.words)
            record.store(tag | NEW, self.words + 1)
            self._claim(f, place, value, entry, again)
            f.ret(f.number(1, "i1"))
            f.begin(full)
            same, differs = f.label(), f.label()
            f.branch(self._same(context, record, hash, value), same, differs)
            f.begin(same)
            if self.slot.exact:
                other = self.table.number(lines, value)
                waits, known_label = f.label(), f.label()
                f.branch((other >= known) & (other > mine), waits, known_label)
                f.begin(waits)
                record.store(place.number(), self.words)
                record.store(tag | NEW, self.words + 1)
                taken = (value & self.table.marks(lines, 1)) | (mine + 1).to(self.slot.type)
                self._claim(f, place, value, taken, again)
                self._lose(context, other - known)
                f.ret(f.number(1, "i1"))
                f.begin(known_label)
            if self.reduced:
                tag = tag | (other < get(context, "until")).choose(f.number(OLD), 0)
            record.store(tag, self.words + 1)
            f.ret(f.number(0, "i1"))
            f.begin(differs)
            line, behind = at.get() >> self.slot.share, at.get() + 1
            last = (behind & (self.slot.lanes - 1)) == 0
            further = last.choose(self.table.further(lines, line) << self.slot.share, behind)
            at.set(self._scan(f, further, hash))
            f.go(again)
            f.begin(again)
        f.do("unreachable")
        return f

    def _same(self, context: Value, record: Value, hash: Value, value: Value) -> Value:
        """Does a slot stand for the state of a record?"""
        return self._differ(record, self._known(context, value)) == 0 if self.slot.exact else value == hash

    def _claim(self, f: Function, place: Value, old: Value, new: Value, failed: str) -> None:
        """Put a new value into a slot; jump to `failed` if somebody else has changed it."""
        together, done = f.label(), f.label()
        alone = f.label()
        f.branch(get(f.args["context"], "threads") > 1, together, alone)
        f.begin(alone)
        place.store(new)
        f.go(done)
        f.begin(together)
        f.branch(place.exchange(old, new) == old, done, failed)
        f.begin(done)

    def _lose(self, context: Value, number: Value) -> None:
        """The record of that number within the block has lost its state to one with a lower number."""
        room = get(context, "room")
        record = self.records(context, number // room).at(number % room * self.record, "i64")
        record.at(self.words + 1, "i64").clear_atomic(NEW)
        place = get(context, "fresh", "ptr").at(number // room * APART, "i64")
        place.fetch_add(-1)

    def _scan(self, f: Function, at: Value, hash: Value) -> Value:
        return f.call("scan", "i64", f.args["context"], at, hash, convention="fastcc")

    def _known(self, context: Value, slot: Value) -> Value:
        """The state that a slot stands for: one that is stored, or a record of this block."""
        index, known = self.table.number(get(context, "lines"), slot), get(context, "states")
        stored = get(context, "store", "ptr").at(index * self.words, "i64")
        waiting = get(context, "records", "ptr").at((index - known) * self.record, "i64")
        return (index < known).choose(stored, waiting)

    def find(self) -> Function:
        """The number of a state, from 1 on; 0 if it is not known."""
        f = Function("find", "i64", context="ptr", state="ptr")
        context, state = f.args["context"], f.args["state"]
        table, lines = get(context, "table", "ptr"), get(context, "lines")
        hash = f.call("hash", "i64", state, convention="fastcc")
        at = f.variable(self._scan(f, self.table.home(lines, hash) << self.slot.share, hash))
        with f.repeat() as nowhere:
            value = table.load(self.slot.type, at.get())
            f.leave(value == 0, nowhere)
            number = self.table.number(lines, value)
            with f.when(
                self._differ(state, get(context, "store", "ptr").at(number * self.words, "i64")) == 0
            ):
                f.ret(number + 1)
                f.begin(f.label())
            line, behind = at.get() >> self.slot.share, at.get() + 1
            last = (behind & (self.slot.lanes - 1)) == 0
            further = last.choose(self.table.further(lines, line) << self.slot.share, behind)
            at.set(self._scan(f, further, hash))
        f.ret(f.number(0))
        return f
