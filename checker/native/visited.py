"""The states that a native search has found, and what can be asked about them."""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from eoscheck.checker.components import Staying, first_level
from eoscheck.checker.native.context import Tally
from eoscheck.checker.native.engine import NUMBER, Native
from eoscheck.checker.native.kernel import FAULT
from eoscheck.checker.native.memory import Room
from eoscheck.checker.native.packing import WORD
from eoscheck.checker.native.space import Space
from eoscheck.checker.native.table import Slot
from eoscheck.checker.search import Field, Watch


@dataclass(frozen=True)
class Steps:
    """Those from state n are `starts[n]`.. below `starts[n + 1]`, by number of target and action. A target
    that was not found has a number that no state has. They lie in `room`."""

    starts: ctypes.Array[ctypes.c_uint64]
    targets: ctypes.Array[ctypes.c_uint32]
    actions: ctypes.Array[ctypes.c_uint16]
    room: _Steps


class Visited:
    """States that lie in the memory of a search, or in its file.

    seen   by level, the properties that had been hit, and the premises that had been met, before it was expanded
    """

    def __init__(self, engine: Native, space: Space) -> None:
        self.engine, self.space = engine, space
        self.levels: list[int] = [0, 1]
        self.fields: Sequence[Field] = [
            Field(WORD * place.word + place.shift, place.width, least)
            for place, least in zip(engine.packing.places, engine.packing.lows, strict=True)
        ]
        self.seen: list[tuple[list[int], int]] = []
        self._watch = Watch(engine)
        self._resting = self._watch.resting
        self._tally = Tally(len(engine.program.commands))

    def state(self, number: int) -> bytes:
        return self.space.state(number)

    def integers(self, first: int, last: int) -> list[int]:
        size = self.space.store.size
        raw = ctypes.string_at(self.space.store.address + first * size, (last - first) * size)
        return [int.from_bytes(raw[at : at + size], "little") for at in range(0, len(raw), size)]

    def number(self, state: bytes) -> int:
        slot: Slot = self.space.slot
        if not slot.exact:
            raise KeyError("a search by fingerprints does not know the number of a state")
        found: int = self.space.functions.find(self.space.context.address, self.engine.load(state))
        if not found:
            raise KeyError("a state that was not found")
        return found - 1

    def hitting(self, prop: int, level: int) -> Sequence[int]:
        bit = 1 << prop
        first, last = self.levels[level], self.levels[level + 1]
        with _Numbers(last - first) as out:
            context, tally = self.space.context.address, self._tally.address
            resting = int(bool(bit & self._resting))
            count = self.space.functions.collect(context, tally, first, last, bit, resting, out.address)
            return out.first(count)

    def leading(self, level: int, targets: Collection[bytes]) -> Sequence[int]:
        if self.engine.reduction is not None:
            self.look_for(level)
        first, last = self.levels[level], self.levels[level + 1]
        hashes = [self.engine.hash(state) for state in targets]
        size = 1 << (2 * len(hashes)).bit_length()
        table = (NUMBER * size)()
        for hash in hashes:
            at = hash & (size - 1)
            while table[at]:
                at = (at + 1) & (size - 1)
            table[at] = hash
        with _Numbers(last - first) as out:
            context, tally, set_ = self.space.context.address, self._tally.address, ctypes.addressof(table)
            count = self.space.functions.lead(context, tally, first, last, set_, size - 1, out.address)
            return out.first(count)

    def look_for(self, level: int) -> None:
        """Have compiled code look for what had not been seen before a level was expanded."""
        (hits, premises), context, watch = self.seen[level], self.space.context, self._watch
        unseen = ~sum(1 << i for i in hits)
        context.wanted, context.resting = watch.pointwise & unseen, watch.resting & unseen
        context.premises = watch.all & ~premises
        self.space.open(hits, premises)

    def open_at(self, level: int) -> int:
        """The commands, and the observers of what had not been seen before a level was expanded."""
        assert self.engine.reduction is not None
        return self.engine.reduction.open(*self.seen[level])

    def keep(self, level: int) -> None:
        """Give the memory back of the table, and of the states behind a level. What leads to a state of that level, or
        of one before it, can still be asked."""
        self.space.keep(self.levels[level + 1])

    def close(self) -> None:
        """Give the memory back. Nothing can be asked afterwards."""
        self.space.close()

    def steps(self) -> Steps:
        """All steps from the states that were found. Raises MemoryError."""
        count = self.space.context.states
        marked = Room(count)
        ctypes.memset(marked.address, 1, count)
        found = _Steps(self, marked.address, 0)
        marked.close()
        return Steps(
            (NUMBER * (count + 1)).from_address(found.starts.address),
            (ctypes.c_uint32 * found.count).from_address(found.targets.address),
            (ctypes.c_uint16 * found.count).from_address(found.actions.address),
            found,
        )

    # -- liveness

    def staying(self, prop: int) -> Staying:
        """Where a fair execution can stay for ever without meeting a goal. Raises MemoryError."""
        context, functions = self.space.context, self.space.functions
        count = context.states
        self.space.afford(29 * count)
        unmet, component = Room(count), Room(4 * count)
        functions.mark(context.address, prop, 0, unmet.address)
        steps = _Steps(self, unmet.address)
        rooms = [Room(4 * count) for _ in range(4)] + [Room(8 * count)]
        scratch = [room.address for room in rooms]
        graph = (steps.starts.address, steps.targets.address)
        parts = functions.components(count, unmet.address, *graph, *scratch, component.address)
        fair = _fair(self, steps, component.address, parts)
        part_of = (ctypes.c_uint32 * count).from_address(component.address)
        starts = (NUMBER * (count + 1)).from_address(steps.starts.address)

        def stays(state: int) -> bool:
            return bool(part_of[state]) and (starts[state] == starts[state + 1] or bool(fair[part_of[state]]))

        entries = first_level(next(([s] for s in range(count) if stays(s)), []), self.levels)
        if entries:
            end = next(behind for behind in self.levels if entries[0] < behind)
            entries = [state for state in range(entries[0], end) if stays(state)]
        # The component outlives this call with its room.
        return Staying(entries, lambda a, b: (component, part_of)[1][a] == part_of[b] != 0)

    def stranded(self, prop: int) -> Sequence[int]:
        """The states of the first level that has some from which no way without a fault leads to a goal."""
        context, functions = self.space.context, self.space.functions
        count = context.states
        self.space.afford(2 * count)
        unmet, near = Room(count), Room(count)
        functions.mark(context.address, prop, 0, unmet.address)
        functions.mark(context.address, prop, 1, near.address)
        steps = _Steps(self, unmet.address)
        while functions.near(count, near.address, steps.starts.address, steps.targets.address):
            pass
        flags = (ctypes.c_uint8 * count).from_address(near.address)
        return first_level([state for state in range(count) if not flags[state]], self.levels)


def _fair(visited: Visited, steps: _Steps, component: int, parts: int) -> bytearray:
    """By component, whether a fair execution can go on in it for ever."""
    actions = len(visited.engine.model.actions)
    words = -(-actions // 64)
    size = 8 * words * (parts + 1)
    owed, taken, inside = Room(size), Room(size), Room(8 * (parts + 1))
    ctypes.memset(owed.address, 0xFF, size)
    visited.space.functions.summary(
        visited.space.context.states, steps.starts.address, steps.targets.address, steps.actions.address, component,
        words, owed.address, taken.address, inside.address,
    )  # fmt: skip
    numbers = (NUMBER * (parts + 1)).from_address(inside.address)
    fair = bytearray(parts + 1)
    for part in range(1, parts + 1):
        if numbers[part]:
            fair[part] = not any(
                NUMBER.from_address(owed.address + 8 * place).value
                & ~NUMBER.from_address(taken.address + 8 * place).value
                for place in range(part * words, (part + 1) * words)
            )
    return fair


class _Steps:
    """The steps from marked states, but for those with the tag `omit`. Raises MemoryError."""

    def __init__(self, visited: Visited, marked: int, omit: int = FAULT) -> None:
        space, engine = visited.space, visited.engine
        count, functions, tally = space.context.states, space.functions, Tally(len(engine.action_of))
        actions = (ctypes.c_uint16 * len(engine.action_of))(*engine.action_of)
        space.afford(8 * count)
        self.starts = Room(8 * (count + 1))
        given = (
            space.context.address, tally.address, marked, ctypes.addressof(actions), omit, self.starts.address,
        )  # fmt: skip
        self.count = functions.steps(*given, None, None)
        space.afford(6 * self.count)
        self.targets, self.actions = Room(4 * self.count + 4), Room(2 * self.count + 2)
        functions.steps(*given, self.targets.address, self.actions.address)


class _Numbers:
    """Room for numbers of states, for a while."""

    def __init__(self, most: int) -> None:
        self.room = Room(8 * max(most, 1))
        self.address = self.room.address

    def __enter__(self) -> _Numbers:
        return self

    def __exit__(self, *_: object) -> None:
        self.room.close()

    def first(self, count: int) -> Sequence[int]:
        return (NUMBER * count).from_address(self.address)[:]
