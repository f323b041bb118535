"""The memory of a search: states, their table, what the threads write to; how it grows, and where it ends."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from eoscheck.checker.native.context import Context, Tally
from eoscheck.checker.native.crew import together
from eoscheck.checker.native.engine import NUMBER, Native
from eoscheck.checker.native.kernel import record_words
from eoscheck.checker.native.lookup import APART, RECENT
from eoscheck.checker.native.memory import Room, scratch
from eoscheck.checker.native.reduced import row_words, words_of
from eoscheck.checker.native.store import Store
from eoscheck.checker.native.table import FINGERPRINT, LINE, MOST_PARTS, NARROW, WIDE, Slot
from eoscheck.checker.search import resident_mb

TASKS, TASK_SIZE = 64, 256
"""A block: tasks, and states of each."""

LONG = 1 << 22
"""States that take so long to be entered into a table that somebody may want to interrupt it."""

FIRST_LINES = 16
"""log2 of the lines of the first table."""

FULL, BLOCK = (11, 16), (1, 4)
"""A table grows when more than this part of its slots is taken at the beginning of a block; and this part of them a
block can take at most."""


class Space:
    """Everything that compiled code works on.

    threads   that may take part
    limit     megabytes that the process may take, or None
    spill     folder for states where memory is short; None: the search ends there
    file      keep the states in this file from the beginning
    """

    def __init__(
        self,
        engine: Native,
        threads: int,
        *,
        slot: Slot = NARROW,
        limit: float | None = None,
        spill: Path | None = None,
        file: Path | None = None,
    ) -> None:
        self.engine, self.threads, self.slot, self.limit, self.spill = engine, threads, slot, limit, spill
        commands = len(engine.program.commands)
        self.context = Context()
        self.tallies = [Tally(commands) for _ in range(threads)]
        self.tier = engine.best_kept(slot)
        self.functions = engine.functions(self.tier, slot)
        self._make_records()
        self._changes = (NUMBER * commands)(*engine.changes_by_command)
        self.context.changes = ctypes.addressof(self._changes)
        self.table = Room(LINE)  # of no use before a search begins
        self.store = Store(8 * engine.words, file)
        if slot is FINGERPRINT and file is None:
            self.store.to_file(0, spill or scratch())

    @property
    def most_successors(self) -> int:
        """No state has more, and one record may be written to no end."""
        return len(self.engine.model.actions) + 1

    def _make_records(self) -> None:
        engine, context, size = self.engine, self.context, record_words(self.engine.packing)
        context.room = TASK_SIZE * self.most_successors
        records = context.room * TASKS * size * 8
        self._records = Room(records, small=records)
        context.records = self._records.address
        self._numbers = Room(8 * APART * (TASKS + self.threads))
        for k, name in enumerate(("counts", "fresh", "begins")):
            setattr(context, name, self._numbers.address + 8 * k)
        context.left = self._numbers.address + 8 * APART * TASKS
        context.most = self.most_successors
        reduced = engine.reduction is not None
        own = 2 * self.most_successors * size * 8 if reduced else RECENT * (engine.words + 1) * 8
        self._own = Room(self.threads * own)
        for i, tally in enumerate(self.tallies):
            setattr(tally, "scratch" if reduced else "recent", self._own.address + i * own)
        self._open: Any = (NUMBER * (row_words(engine.reduction) if engine.reduction else 1))()
        context.open = ctypes.addressof(self._open)

    def open(self, hits: Collection[int], premises: int) -> None:
        """Say what has been seen, to a search that is reduced."""
        if self.engine.reduction is not None:
            self._open[:] = words_of(self.engine.reduction.open(hits, premises), len(self._open))

    def begin(self, state: bytes) -> None:
        """Make a state the only one that is known. Raises as more_room."""
        self._check(0)
        self._extend(1)
        self.write(0, state)
        self._new_table(FIRST_LINES)
        self.context.states = self.context.following = self.context.until = 1
        self._rebuild(1)

    def begin_again(self, states: int) -> None:
        """Take the first states of the file for those that are known."""
        self._extend(states)
        lines = FIRST_LINES
        while states > self._most(lines):
            lines += 1
        if self.slot is NARROW and lines + self.slot.share > self.slot.most:
            self._widen(lines + 1)
        else:
            self._new_table(lines + (self.slot is WIDE))
        self.context.states = self.context.following = states
        self._rebuild(self.threads)

    # -- states

    def state(self, number: int) -> bytes:
        """One of the states."""
        return self.engine.unpack(self.store.address + number * self.store.size)

    def write(self, number: int, state: bytes) -> None:
        ctypes.memmove(
            self.store.address + number * self.store.size, self.engine.load(state), self.store.size
        )

    # -- growing

    def more_room(self) -> None:
        """Make room for the states that a block can find. Raises MemoryError, DiskFull."""
        known, most = self.context.following, TASKS * self.context.room
        if self.store.file is None:
            self._check(self.store.step)
        self._extend(known + most)
        last = self.context.capacity - most  # so many there will be before there must be more room
        if self.store.is_large(known):
            self._all(self.threads, lambda i: self.store.fill(known, last, i, self.threads))

    def _extend(self, states: int) -> None:
        self.store.extend(states)
        self.context.store, self.context.capacity = self.store.address, self.store.capacity

    def grow(self, threads: int) -> None:
        """A larger table, of wider slots where narrow ones cannot number so many states. Where somebody says `stop`
        meanwhile, or there is no room for it, the old one stays. Raises as more_room."""
        old, before, address = self.table, self.context.lines, self.context.table
        slot, tier, functions = self.slot, self.tier, self.functions
        self.context.stop = 0
        lines = before + (2 if before < FIRST_LINES + 4 else 1)
        wider = self.slot is NARROW and lines + self.slot.share > self.slot.most
        lines = before + 2 if wider else lines
        assert wider or 1 << lines - before <= MOST_PARTS
        self._check(LINE << lines)
        whole = False
        try:
            if wider:
                self._widen(lines)
                self._rebuild(threads)
            else:
                self._new_table(lines)
                context = self.context.address
                self._all(threads, lambda i: self.functions.grow(context, address, before, i))
            whole = not self.context.stop
        finally:
            if whole:
                old.close()
            else:
                self.slot, self.tier, self.functions = slot, tier, functions
                self._new_table(before, old)

    @property
    def crowded(self) -> bool:
        """Does the table hold more than it should at the beginning of a block?"""
        return self.context.states > self.crowd

    def _widen(self, lines: int) -> None:
        """A table of wide slots, and the functions for it: quick ones, if no others were compiled at some time."""
        tier = self.engine.best_kept(WIDE)
        functions = self.engine.functions(tier, WIDE)
        table = Room(LINE << lines)  # nothing is changed before all is there
        self.slot, self.tier, self.functions = WIDE, tier, functions
        self._new_table(lines, table)

    def _new_table(self, lines: int, table: Room | None = None) -> None:
        """Take a table for the present one, by default an empty one."""
        self.table = table or Room(LINE << lines)
        self.context.table, self.context.lines = self.table.address, lines
        self.crowd = self._most(lines)
        records = (self.slot.lanes << lines) * BLOCK[0] // BLOCK[1]
        self.block = min(TASKS * TASK_SIZE, records // self.most_successors)

    def _most(self, lines: int) -> int:
        """The most states that a table should hold at the beginning of a block."""
        return (self.slot.lanes << lines) * FULL[0] // FULL[1]

    def _rebuild(self, threads: int) -> None:
        context = self.context.address
        self._all(threads, lambda i: self.functions.rebuild(context, i))

    def _all(self, threads: int, work: Callable[[int], object]) -> None:
        self.context.threads = threads
        awake = (lambda: None) if self.context.following >= LONG else None  # else a signal would have to wait
        together(threads, work, awake)

    # -- limits

    def _check(self, more: int) -> None:
        """Raises MemoryError where so many bytes more would be too many, even if states are kept on disk."""
        if self.limit is None or resident_mb() + more / 2**20 <= self.limit:
            return
        if self.spill is None:
            raise MemoryError
        if self.store.file is None:
            self.store.to_file(self.context.following, self.spill)
            self._extend(self.context.following)
        self.afford(more)

    def relieve(self) -> None:
        """Keep only those states in memory that are looked at now, if there is little and the others are on disk."""
        if self.store.file is not None and (self.limit is None or resident_mb() > 0.8 * self.limit):
            self.store.forget(self.context.at)
            if self.limit is not None and resident_mb() > 0.9 * self.limit:
                self.store.forget(self.context.states)

    def afford(self, more: int) -> None:
        """Raises MemoryError where so many bytes are not to be had."""
        if self.limit is not None and resident_mb() + more / 2**20 > self.limit:
            self.relieve()
            if resident_mb() + more / 2**20 > self.limit:
                raise MemoryError

    def keep(self, states: int) -> None:
        """Have no memory but for the first states. They can be read, not found."""
        self.table.close()
        self.store.room.drop(states * self.store.size)

    def close(self) -> None:
        self.store.close()
        for room in (self.table, self._records, self._numbers, self._own):
            room.close()
