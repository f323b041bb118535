"""What the compiled search and Python tell each other: numbers at fixed places of two arrays.

`Context` is one array for the whole search, `Tally` one for each thread. Python sees the numbers as attributes, the
compiled code by their places.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from typing import Any, ClassVar

from eoscheck.checker.native.ir import Value

LINE = 8
"""Numbers of 64 bits in a cache line; what threads write often has one of its own."""


class Numbers:
    """An array of 64-bit numbers with names, and `extra` ones behind them."""

    array: Any
    _place: dict[str, int]
    fields: ClassVar[tuple[str, ...]]
    shared: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    @functools.cache
    def places(cls) -> dict[str, int]:
        """Where the numbers lie in the array."""
        places, at = {}, 0
        for name in cls.fields:
            at = -(-at // LINE) * LINE if name in cls.shared else at
            places[name] = at
            at += LINE if name in cls.shared else 1
        return places

    @classmethod
    def place(cls, name: str) -> int:
        """Where one of them lies."""
        return cls.places()[name]

    def __init__(self, extra: int = 0) -> None:
        self.__dict__["_place"] = self.places()
        self.__dict__["array"] = (ctypes.c_uint64 * (max(self._place.values()) + LINE + extra))()

    def __getattr__(self, name: str) -> int:
        return int(self.array[self._place[name]])

    def __setattr__(self, name: str, value: int) -> None:
        self.array[self._place[name]] = value

    @property
    def address(self) -> int:
        return ctypes.addressof(self.array)


class Context(Numbers):
    """The whole search. States are numbered in the order in which they are found.

    store        address of the states; `states`: how many there are; `capacity`: how many have room
    at, until    states below `at` were expanded; the level ends before `until`
    table        address of the hash table; `lines`: log2 of its lines of the cache
    crowd        how many states there may be before the table must grow
    threads      that take part; a block is up to `tasks` tasks of `task_size` states
    records      room for the successors of each task, `room` records for each; `counts`: how many there are
    fresh        by task, how many of its records were new; `begins`: the number of the first one; `following`: that
                 behind all of them
    wanted, resting, premises   properties that are looked for: hits in new states, in states at rest, premises
    changes      by command, the properties that it can change
    most         successors of a state, at the most
    open         of a search that is reduced: the commands, and the observers of what has not been seen yet
    left         by thread, which of its own tasks comes next
    first, count the block: its first state, its number of states
    reason       why the workers came back
    ends         where the levels end that the workers have begun on their own: `passed` of them, at most `most_passed`
    wide         states of a level that they do not begin on their own
    news         1: something that was looked for was found, so they come back at the end of the level
    """

    fields = (
        "store", "states", "capacity", "at", "until", "table", "lines", "crowd", "threads", "tasks", "task_size",
        "records", "room", "counts", "fresh", "begins", "following", "wanted", "resting", "premises", "changes",
        "most", "open", "left", "first", "count", "reason", "ends", "passed", "most_passed", "wide", "news",
        "stop", "arrived", "turn",
    )  # fmt: skip
    shared = frozenset(("stop", "arrived", "turn"))


class Tally(Numbers):
    """One thread: what it found. The cuts, and behind them the takings, of each command follow.

    hits, premises   properties, by bit
    rest, dead       states in which nothing but a fault can happen, in which nothing can
    trap             the tag of a record that left a declared range, else 0
    recent           address of the states that it has met last
    reached          the first state of the last task that it has expanded
    scratch          of a search that is reduced: address of room for two times the successors of a state
    moves, alive     whether something can happen in the state at hand, and something that is no fault
    """

    fields = ("hits", "premises", "rest", "dead", "trap", "recent", "reached", "scratch", "moves", "alive")

    def __init__(self, commands: int) -> None:
        super().__init__(2 * commands)
        self.__dict__["commands"] = commands

    @classmethod
    def cuts_at(cls) -> int:
        """Where the cuts by command begin."""
        return cls.place("alive") + 1

    @property
    def cuts(self) -> Sequence[int]:
        """How often each command was cut off."""
        first = self.cuts_at()
        found: Sequence[int] = self.array[first : first + self.commands]
        return found

    @property
    def fired(self) -> Sequence[int]:
        """How often each command was taken."""
        first = self.cuts_at() + self.commands
        found: Sequence[int] = self.array[first : first + self.commands]
        return found

    def set(self, fired: Sequence[int], cuts: Sequence[int]) -> None:
        """Begin with these numbers, by command."""
        first = self.cuts_at()
        self.array[first : first + 2 * self.commands] = [*cuts, *fired]


FINISHED, ROOM, CROWDED, STOPPED = 1, 2, 3, 4
"""Why workers come back: the level is done and they do not begin the next one, the next block may need more room for
states, the table is too full, somebody asked them to."""


def field(context: Value, name: str) -> Value:
    """The address of a number of the context."""
    return context.at(Context.place(name), "i64")


def get(context: Value, name: str, type: str = "i64") -> Value:
    """A number of the context."""
    return field(context, name).load(type)
