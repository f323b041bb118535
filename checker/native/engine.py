"""The native engine: guarded commands compiled to machine code over packed states."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import GuardedCommand, Program
from eoscheck.checker.engine import Successor, TooLarge
from eoscheck.checker.native.context import Context, Tally
from eoscheck.checker.native.jit import QUICK, THOROUGH, Code, compiled, is_kept
from eoscheck.checker.native.kernel import COMMAND, kernel, record_words
from eoscheck.checker.native.loops import loops
from eoscheck.checker.native.packing import pack
from eoscheck.checker.native.reduced import row_words, words_of
from eoscheck.checker.native.table import NARROW, Slot
from eoscheck.checker.reduction import Reduction

ADDRESS, NUMBER = ctypes.c_void_p, ctypes.c_uint64

MOST = 64
"""Properties that can be asked for at once: bits of a word."""

ALL = (1 << MOST) - 1

REMEMBERED = 1 << 14
"""States of which both forms are remembered: those around a counterexample are asked for again and again."""


class Functions:
    """The functions that Python calls, of one tier and one kind of slot."""

    def __init__(self, code: Code) -> None:
        self.code = code
        function = code.function
        self.work = function("work", NUMBER, ADDRESS, ADDRESS, NUMBER)
        self.rebuild = function("rebuild", None, ADDRESS, NUMBER)
        self.grow = function("grow", None, ADDRESS, ADDRESS, NUMBER, NUMBER)
        self.successors = function("successors", ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS)
        self.hits = function("ask_hits", NUMBER, ADDRESS, NUMBER)
        self.premises = function("ask_premises", NUMBER, ADDRESS, NUMBER)
        self.hash = function("hash_of", NUMBER, ADDRESS)
        self.collect = function("collect", NUMBER, ADDRESS, ADDRESS, NUMBER, NUMBER, NUMBER, NUMBER, ADDRESS)
        self.chosen = function("chosen", None, *[ADDRESS] * 4)
        self.find = function("find", NUMBER, *[ADDRESS] * 2)
        self.steps = function("steps", NUMBER, *[ADDRESS] * 4, NUMBER, *[ADDRESS] * 3)
        self.mark = function("mark", None, ADDRESS, NUMBER, NUMBER, ADDRESS)
        self.components = function("components", NUMBER, NUMBER, *[ADDRESS] * 9)
        self.summary = function("summary", None, NUMBER, *[ADDRESS] * 4, NUMBER, *[ADDRESS] * 3)
        self.near = function("near", NUMBER, NUMBER, *[ADDRESS] * 3)
        self.lead = function("lead", NUMBER, ADDRESS, ADDRESS, NUMBER, NUMBER, ADDRESS, NUMBER, ADDRESS)


class Native:
    """A model, ready to be compiled.

    reduction   what a search need not do; None: it does everything

    Raises TooLarge.
    """

    name = "native"

    def __init__(self, program: Program, reduction: Reduction | None = None) -> None:
        self.program, self.model, self.reduction = program, program.model, reduction
        for count, most, what in (
            (len(program.properties), MOST, "properties"),
            (len(program.commands), COMMAND + 1, "paths of actions"),
        ):
            if count > most:
                raise TooLarge(
                    f"{count:,} {what}; --engine native takes {most:,} at the most, --engine python any number"
                )
        self.packing = pack(program)
        self.words = self.packing.words
        number = {action: i for i, action in enumerate(self.model.actions)}
        self.action_of = [number[command.action] for command in program.commands]
        self.changes_by_command = [_changes(program, command) for command in program.commands]
        self.changes: Sequence[int] = _by_action(self.action_of, self.changes_by_command, len(number))
        self.kernel = kernel(program, self.packing)
        self._texts: dict[Slot, str] = {}
        self._functions: dict[tuple[int, Slot], Functions] = {}
        self._context, self._tally = Context(), Tally(len(program.commands))
        self._state: Any = (NUMBER * self.words)()
        self._states: dict[bytes, bytes] = {}
        self._raw: dict[bytes, bytes] = {}
        self._records = (NUMBER * ((len(number) + 1) * record_words(self.packing)))()

    def text(self, slot: Slot) -> str:
        """The program that LLVM compiles."""
        if slot not in self._texts:
            around = loops(self.packing, len(self.program.commands), slot, self.reduction)
            self._texts[slot] = f"{self.kernel}\n\n{around}"
        return self._texts[slot]

    def functions(self, tier: int, slot: Slot = NARROW) -> Functions:
        """The functions of a tier, compiled now if they were not before."""
        if (tier, slot) not in self._functions:
            self._functions[tier, slot] = Functions(Code(compiled(self.text(slot), tier)))
        return self._functions[tier, slot]

    def best_kept(self, slot: Slot = NARROW) -> int:
        """The best tier that was compiled at some time, else the quick one."""
        return THOROUGH if is_kept(self.text(slot), THOROUGH) else QUICK

    @cached_property
    def _own(self) -> Functions:
        return self.functions(self.best_kept())

    # -- an engine

    def load(self, state: bytes) -> int:
        """Put a state where compiled functions can see it; gives the address."""
        address = ctypes.addressof(self._state)
        if state in self._raw:
            ctypes.memmove(address, self._raw[state], 8 * self.words)
        else:
            self._state[:] = self.packing.pack(state)
        return address

    def unpack(self, address: int) -> bytes:
        """The state at an address."""
        raw = ctypes.string_at(address, 8 * self.words)
        if raw not in self._states:
            if len(self._states) >= REMEMBERED:
                self._states.clear()
                self._raw.clear()
            state = self._states[raw] = self.packing.unpack(memoryview(raw).cast("Q"))
            self._raw[state] = raw
        return self._states[raw]

    def successors(self, state: bytes) -> list[Successor]:
        tally, records = self._tally, ctypes.addressof(self._records)
        before = tally.cuts
        end = self._own.successors(self.load(state), records, self._context.address, tally.address)
        size = 8 * record_words(self.packing)
        found: list[Successor] = []
        for at in range(records, end, size):
            tag = NUMBER.from_address(at + size - 8).value
            found.append((self.action_of[tag & COMMAND], self.unpack(at)))
        after = tally.cuts
        if after != before:
            for command, was, now in zip(self.program.commands, before, after, strict=True):
                if now != was and command.cut:
                    found.append((self.action_of[command.number], command.cut))
        return sorted(found, key=lambda step: step[0])

    def chosen(self, state: bytes, moving: int, open: int) -> int:
        """The commands that the reduction chooses of those that lead somewhere (`Reduction.chosen`)."""
        assert self.reduction is not None
        count = row_words(self.reduction)
        rows = [(NUMBER * count)(*words_of(mask, count)) for mask in (moving, open, 0)]
        self._own.chosen(self.load(state), *map(ctypes.addressof, rows))
        return sum(word << 64 * k for k, word in enumerate(rows[2]))

    def hash(self, state: bytes) -> int:
        """The 64 bits by which a state is looked up."""
        found: int = self._own.hash(self.load(state))
        return found

    def hits(self, state: bytes, among: int = -1) -> int:
        found: int = self._own.hits(self.load(state), among & ALL)
        return found

    def premises(self, state: bytes, among: int = -1) -> int:
        found: int = self._own.premises(self.load(state), among & ALL)
        return found


def _changes(program: Program, command: GuardedCommand) -> int:
    """The properties that read a variable which a command may write."""
    writes = sum(1 << cell for cell in command.writes)
    return sum(
        1 << i
        for i, observed in enumerate(program.properties)
        if writes & (ex.reads_mask(observed.hit) | ex.reads_mask(observed.premise))
    )


def _by_action(action_of: Sequence[int], masks: Sequence[int], actions: int) -> list[int]:
    found = [0] * actions
    for action, mask in zip(action_of, masks, strict=True):
        found[action] |= mask
    return found
