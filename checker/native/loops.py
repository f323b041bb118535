"""The loops of the compiled search, around the kernel of a model.

Breadth-first, a block of states at a time, in two phases. *Expand*: threads take tasks of the block, write the
successors of a few states one behind the other, and look them up. *Append*: threads take tasks again; what was new is
copied behind the known states and gets its number, in the order of tasks and records.

In both phases, and in each block, a thread begins with the same tasks, and takes those of others only when it has none
left: what it reads and writes then lies in its own cache. Cores that share none wait long for each other's lines.

So states are numbered as one thread alone would find them, and nothing depends on the number of threads, or on luck.
"""

from __future__ import annotations

from eoscheck.checker.native.context import (
    CROWDED,
    FINISHED,
    ROOM,
    STOPPED,
    Tally,
    field,
    get,
)
from eoscheck.checker.native.graph import graph
from eoscheck.checker.native.ir import Function, Value
from eoscheck.checker.native.kernel import COMMAND, FAULT, SOURCE, record_words
from eoscheck.checker.native.lookup import APART, NEW, OLD, LookUp
from eoscheck.checker.native.packing import Packing
from eoscheck.checker.native.queries import queries
from eoscheck.checker.native.reduced import Reduced
from eoscheck.checker.native.table import Slot
from eoscheck.checker.reduction import Reduction

SOME = 64
"""States that are expanded before their successors are looked up."""

AHEAD = 8
"""How many records ahead of the one that gets its number a slot is fetched."""

SPINS = 2000
"""How often a thread looks at a barrier before it lets others run."""


def loops(packing: Packing, commands: int, slot: Slot, reduction: Reduction | None = None) -> str:
    """The text of the loops, for a model with so many commands."""
    writer = _Loops(packing, commands, slot, reduction)
    reduced = writer.reduced
    functions = [
        *writer.lookup.functions(),
        *(reduced.functions() if reduced else ()),
        writer.barrier(),
        *((writer.expand_reduced(), writer.insist()) if reduced else (writer.expand_some(),)),
        writer.expand_task(),
        writer.append_task(),
        writer.prepare_block(),
        writer.number_tasks(),
        writer.work(),
        *queries(packing, reduced=reduced is not None),
        *(graph(packing) if slot.exact and not reduced else ()),
    ]
    kind = f"i{slot.lanes}"
    head = [f"declare {kind} @llvm.cttz.{kind}({kind}, i1)", *(reduced.constants() if reduced else ())]
    return "\n\n".join([*head, *map(str, functions)])


class _Loops:
    def __init__(self, packing: Packing, commands: int, slot: Slot, reduction: Reduction | None) -> None:
        self.words, self.slot = packing.words, slot
        self.record = record_words(packing)
        self.reduced = Reduced(reduction, packing) if reduction else None
        self.lookup = LookUp(packing, commands, slot, reduced=reduction is not None)
        self.table = self.lookup.table

    # -- threads

    def barrier(self) -> Function:
        """Wait until all threads are here."""
        f = Function("barrier", "void", "internal", context="ptr")
        context = f.args["context"]
        threads = get(context, "threads")
        with f.when(threads > 1):
            turn = field(context, "turn")
            mine = turn.load_atomic()
            out, wait, behind = f.label(), f.label(), f.label()
            f.branch(field(context, "arrived").fetch_add(1) + 1 == threads, out, wait)
            f.begin(out)
            field(context, "arrived").store_atomic(f.number(0))
            turn.store_atomic(mine + 1)
            f.go(behind)
            f.begin(wait)
            spins = f.variable(f.number(0))
            with f.repeat(lambda: turn.load_atomic() == mine):
                spins.set(spins.get() + 1)
                with f.when(spins.get() > SPINS):
                    f.call("sched_yield", "i32")
            f.go(behind)
            f.begin(behind)
        f.ret()
        return f

    # -- expand

    def expand_some(self) -> Function:
        """Write the successors of some states; gives the end of the records."""
        f = Function(
            "expand_some",
            "ptr",
            "internal",
            context="ptr",
            tally="ptr",
            first="i64",
            count="i64",
            records="ptr",
        )
        context, tally, first = f.args["context"], f.args["tally"], f.args["first"]
        store = get(context, "store", "ptr")
        source = first - get(context, "first")
        out = f.variable(f.args["records"])
        with f.loop(0, f.args["count"]) as i:
            state = store.at((first + i) * self.words, "i64")
            tally.store(f.number(0), Tally.place("alive"))
            tally.store(f.number(0), Tally.place("moves"))
            out.set(
                f.call("expand", "ptr", state, out.get(), source + i, context, tally, convention="fastcc")
            )
            self._rest(f, state)
        f.ret(out.get())
        return f

    def _rest(self, f: Function, state: Value) -> None:
        """Heed that a state is at rest, if it is: nothing but a fault can happen."""
        context, tally = f.args["context"], f.args["tally"]
        resting = get(context, "resting")
        with f.when(tally.load("i64", Tally.place("alive")) == 0):
            tally.bump(1, "i64", Tally.place("rest"))
            with f.when(resting != 0):
                found = f.call("hits", "i64", state, resting, convention="fastcc")
                self._note(f, "hits", tally.load("i64", Tally.place("hits")), found)
            with f.when(tally.load("i64", Tally.place("moves")) == 0):
                tally.bump(1, "i64", Tally.place("dead"))

    def _note(self, f: Function, what: str, known: Value, found: Value) -> None:
        """Note properties that were found, if any were."""
        with f.when(found != 0):
            f.args["tally"].store(known | found, Tally.place(what))
            field(f.args["context"], "news").store(f.number(1))

    # -- expand, reduced

    def _successors(
        self, f: Function, state: Value, source: Value, moving: Value
    ) -> tuple[Value, Value, Value]:
        """Write all successors of a state into scratch; gives their begin, their end, and more scratch."""
        context, tally = f.args["context"], f.args["tally"]
        tally.store(f.number(0), Tally.place("alive"))
        tally.store(f.number(0), Tally.place("moves"))
        begin = tally.load("ptr", Tally.place("scratch"))
        given = (state, begin, source, context, tally)
        end = f.call("expand", "ptr", *given, convention="fastcc")
        f.call("gather", "void", begin, end, moving, convention="fastcc")
        return begin, end, begin.at(get(context, "most") * self.record, "i64")

    def expand_reduced(self) -> Function:
        """Write what some states lead to, as far as it is chosen, and remember what that was; gives the end of the
        records."""
        assert self.reduced is not None
        row = self.reduced.row
        f = Function(
            "expand_reduced", "ptr", "internal",
            context="ptr", tally="ptr", first="i64", count="i64", records="ptr", choices="ptr",
        )  # fmt: skip
        context, tally, first, count, records, choices = f.args.values()
        store, open_ = get(context, "store", "ptr"), get(context, "open", "ptr")
        source, out = first - get(context, "first"), f.variable(records)
        moving = f.array("i64", row)
        with f.loop(0, count) as i:
            state = store.at((first + i) * self.words, "i64")
            begin, end, more = self._successors(f, state, source + i, moving)
            self._rest(f, state)
            chosen = choices.at(i * row, "i64")
            f.call("choose", "void", state, moving, open_, chosen, convention="fastcc")
            given = (begin, end, chosen, out.get(), context, tally, more)
            out.set(f.call("pick", "ptr", *given, convention="fastcc"))
        f.ret(out.get())
        return f

    def insist(self) -> Function:
        """Expand in full those of some states whose chosen commands, faults aside, led only to states that had been
        known before the level; gives the end of the records."""
        assert self.reduced is not None
        row = self.reduced.row
        f = Function(
            "insist", "ptr", "internal",
            context="ptr", tally="ptr", first="i64", count="i64", records="ptr", end="ptr", choices="ptr",
        )  # fmt: skip
        context, tally, first, count, records, end_, choices = f.args.values()
        store, source = get(context, "store", "ptr"), first - get(context, "first")
        later = f.array("i64", SOME)
        with f.loop(0, count) as i:
            later.store(f.number(0), i)
        at, out = f.variable(records), f.variable(end_)
        with f.repeat(lambda: at.get().number() < end_.number()):
            tag = at.get().at(self.words + 1, "i64").load_atomic()
            with f.when((tag & (FAULT | OLD)) == 0):
                later.store(f.number(1), (tag >> SOURCE) - source)
            at.set(at.get().at(self.record, "i64"))
        moving = f.array("i64", row)
        with f.loop(0, count) as i, f.when(later.load("i64", i) == 0):
            state = store.at((first + i) * self.words, "i64")
            begin, behind, more = self._successors(f, state, source + i, moving)
            chosen = choices.at(i * row, "i64")
            for k in range(row):
                moving.store(moving.load("i64", k) & ~chosen.load("i64", k), k)
            given = (begin, behind, moving, out.get(), context, tally, more)
            out.set(f.call("pick", "ptr", *given, convention="fastcc"))
        f.ret(out.get())
        return f

    def expand_task(self) -> Function:
        """Expand the states of a task and look up what they lead to."""
        f = Function("expand_task", "void", "internal", context="ptr", tally="ptr", task="i64")
        context, task = f.args["context"], f.args["task"]
        size = get(context, "task_size")
        left = get(context, "count") - task * size
        count = (left < size).choose(left, size)
        begin, first = self.lookup.records(context, task), get(context, "first") + task * size
        get(context, "fresh", "ptr").store(f.number(0), task * APART)
        if not self.reduced:
            self.lookup.heed_order(f, first)
        out = f.variable(begin)
        choices = f.array("i64", SOME * self.reduced.row) if self.reduced else None
        with f.loop(0, count, SOME) as i:
            rest = count - i
            some = (rest < SOME).choose(rest, SOME)
            records = out.get()
            given = (context, f.args["tally"], first + i, some, records)
            if choices is None:
                out.set(f.call("expand_some", "ptr", *given, convention="fastcc"))
                self._look_up(f, begin, records, out.get())
            else:
                end = f.call("expand_reduced", "ptr", *given, choices, convention="fastcc")
                self._look_up(f, begin, records, end)
                out.set(f.call("insist", "ptr", *given, end, choices, convention="fastcc"))
                self._look_up(f, begin, end, out.get())
        get(context, "counts", "ptr").store(self._count(begin, out.get()), task * APART)
        f.ret()
        return f

    def _look_up(self, f: Function, task: Value, begin: Value, end: Value) -> None:
        """Look up the records between two places of a task."""
        numbers = self._count(task, begin), self._count(task, end)
        f.call("look_up", "void", f.args["context"], f.args["task"], *numbers, convention="fastcc")

    def _count(self, begin: Value, end: Value) -> Value:
        """How many records there are between two places."""
        return (end.number() - begin.number()) // (8 * self.record)

    # -- append

    def append_task(self) -> Function:
        """Give the new records of a task their numbers, and ask the properties of them."""
        f = Function("append_task", "void", "internal", context="ptr", tally="ptr", task="i64")
        context, tally, task = f.args["context"], f.args["tally"], f.args["task"]
        number = f.variable(get(context, "begins", "ptr").load("i64", task * APART))
        store, records = get(context, "store", "ptr"), self.lookup.records(context, task)
        count = get(context, "counts", "ptr").load("i64", task * APART)
        with f.loop(0, count) as r:
            if self.slot.exact:
                self._fetch_ahead(f, records, (r + AHEAD < count).choose(r + AHEAD, r))
            record = records.at(r * self.record, "i64")
            tag = record.load("i64", self.words + 1)
            with f.when((tag & NEW) != 0):
                index = number.get()
                state = store.at(index * self.words, "i64")
                for k in range(self.words):
                    state.store(record.load("i64", k), k)
                if self.slot.exact:
                    place = self._slot_of(f, record)
                    marks = self.table.marks(get(context, "lines"), 1)
                    place.store((place.load(self.slot.type) & marks) | (index + 1).to(self.slot.type))
                number.set(index + 1)
                self._ask(f, context, tally, record, tag)
        f.ret()
        return f

    def _fetch_ahead(self, f: Function, records: Value, number: Value) -> None:
        """Have the slot of a record at hand when its turn comes, if it is new."""
        record = records.at(number * self.record, "i64")
        new = (record.load("i64", self.words + 1) & NEW) != 0
        new.choose(self._slot_of(f, record), record).prefetch(write=True)

    def _slot_of(self, f: Function, record: Value) -> Value:
        """The slot that a new record has taken."""
        return f.op("ptr", f"inttoptr i64 {record.load('i64', self.words).name} to ptr")

    def _ask(self, f: Function, context: Value, tally: Value, state: Value, tag: Value) -> None:
        """Ask the properties that the step can have changed."""
        changed = get(context, "changes", "ptr").load("i64", tag & COMMAND)
        for what, wanted in (("hits", "wanted"), ("premises", "premises")):
            known = tally.load("i64", Tally.place(what))
            asked = changed & get(context, wanted) & ~known
            with f.when(asked != 0):
                found = f.call(what, "i64", state, asked, convention="fastcc")
                self._note(f, what, known, found)

    # -- the search

    def prepare_block(self) -> Function:
        """Choose the next block, or say why there is none."""
        f = Function("prepare_block", "void", "internal", context="ptr")
        context = f.args["context"]
        field(context, "states").store(get(context, "following"))
        at, states = get(context, "at"), get(context, "states")
        most = get(context, "tasks") * get(context, "room")

        def back(reason: int, condition: Value) -> None:
            with f.when(condition):
                field(context, "reason").store(f.number(reason))
                f.ret()
                f.begin(f.label())

        with f.when(at == get(context, "until")):
            passed, width = get(context, "passed"), states - at
            back(
                FINISHED,
                (width == 0)
                | (width >= get(context, "wide"))
                | (passed == get(context, "most_passed"))
                | (get(context, "news") != 0),
            )
            back(CROWDED, states > get(context, "crowd"))
            get(context, "ends", "ptr").store(states, passed)
            field(context, "until").store(states)
            field(context, "passed").store_atomic(passed + 1)
        back(STOPPED, field(context, "stop").load_atomic() != 0)
        back(ROOM, states + most > get(context, "capacity"))
        back(CROWDED, states > get(context, "crowd"))
        left, size = get(context, "until") - at, get(context, "tasks") * get(context, "task_size")
        count = (left < size).choose(left, size)
        field(context, "first").store(at)
        field(context, "count").store(count)
        field(context, "at").store(at + count)
        self._share_out(f, context)
        f.ret()
        return f

    def number_tasks(self) -> Function:
        """Say where the new states of each task begin."""
        f = Function("number_tasks", "void", "internal", context="ptr")
        context = f.args["context"]
        total = f.variable(get(context, "states"))
        with f.loop(0, self._tasks(context)) as t:
            get(context, "begins", "ptr").store(total.get(), t * APART)
            total.set(total.get() + get(context, "fresh", "ptr").load("i64", t * APART))
        field(context, "following").store(total.get())
        self._share_out(f, context)
        f.ret()
        return f

    def _tasks(self, context: Value) -> Value:
        """Tasks of the present block."""
        size = get(context, "task_size")
        return (get(context, "count") + size - 1) // size

    def _share_out(self, f: Function, context: Value) -> None:
        """Have each thread begin with its own tasks."""
        with f.loop(0, get(context, "threads")) as thread:
            get(context, "left", "ptr").store(self._first_of(context, thread), thread * APART)

    def _first_of(self, context: Value, thread: Value) -> Value:
        """The first of the tasks that are a thread's own; they end before that of the next."""
        return self._tasks(context) * thread // get(context, "threads")

    def work(self) -> Function:
        """What each thread does: block after block, until there is a reason to come back."""
        f = Function("work", "i64", context="ptr", tally="ptr", thread="i64")
        context, tally, thread = f.args["context"], f.args["tally"], f.args["thread"]

        def together(name: str) -> None:
            threads = get(context, "threads")
            with f.loop(thread, thread + threads) as k:
                whose = (k < threads).choose(k, k - threads)
                left = get(context, "left", "ptr").at(whose * APART, "i64")
                end = self._first_of(context, whose + 1)
                with f.repeat() as over:
                    t = left.fetch_add(1)
                    f.leave(t >= end, over)
                    f.call(name, "void", context, tally, t, convention="fastcc")
            f.call("barrier", "void", context, convention="fastcc")

        def alone(name: str) -> None:
            with f.when(thread == 0):
                f.call(name, "void", context, convention="fastcc")
            f.call("barrier", "void", context, convention="fastcc")

        with f.repeat() as over:
            alone("prepare_block")
            f.leave(get(context, "reason") != 0, over)
            together("expand_task")
            alone("number_tasks")
            together("append_task")
        f.ret(get(context, "reason"))
        return f
