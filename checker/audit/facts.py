"""A history, sorted by what is asked of it. Events are named by their index in the history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from eoscheck.checker.audit.history import (
    Abort,
    Aborted,
    Commit,
    Committed,
    End,
    History,
    Input,
    Log,
    Read,
    Reader,
    Restart,
    Row,
    Send,
    Value,
    topic_of,
)

Place = tuple[str, tuple[str, ...]]
"""Where one effect of an input is counted at a reader: its name, and its partitions."""


@dataclass(frozen=True)
class Given:
    """A read, by its index. `session`: how often its member had started anew before it."""

    index: int
    read: Read
    session: int

    @property
    def way(self) -> tuple[str, str, int]:
        """The way through one partition on which nothing comes twice: partition, member, session."""
        return self.read.partition, self.read.member, self.session


class Facts:
    """What a history says.

    sends      by partition and value, with their indexes; what was refused is not among them
    lies       acknowledged sends by partition and offset
    wanted     by transaction: when its client first asked to commit it; `unwanted`: to abort it
    committed  by transaction: when its client was told so; `aborted`: likewise
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.inputs: list[Input] = []
        self.every_send: list[tuple[int, Send]] = []
        self.sends: dict[tuple[str, Value], list[tuple[int, Send]]] = defaultdict(list)
        self.lies: dict[tuple[str, int], list[tuple[int, Send]]] = defaultdict(list)
        self.of: dict[str, list[tuple[int, Send]]] = defaultdict(list)
        self.wanted: dict[str, int] = {}
        self.unwanted: dict[str, int] = {}
        self.committed: dict[str, int] = {}
        self.aborted: dict[str, int] = {}
        self.readers: dict[str, Reader | None] = {}
        self.given: dict[str, list[Given]] = defaultdict(list)
        self.ends: dict[tuple[str, str], list[tuple[int, End]]] = defaultdict(list)
        self.rows: dict[str, list[tuple[int, Row]]] = defaultdict(list)
        self.store_ends: dict[str, int] = {}
        self.logs: list[tuple[int, Log]] = []
        self._sort()
        self._offsets = {(r, g.read.partition, g.read.offset) for r, gs in self.given.items() for g in gs}
        self._values = {
            (r, g.read.partition, g.read.value, g.read.offset is None)
            for r, gs in self.given.items()
            for g in gs
        }

    def _sort(self) -> None:
        sessions: dict[tuple[str, str], int] = defaultdict(int)
        for index, event in enumerate(self.history.events):
            match event:
                case Input():
                    self.inputs.append(event)
                case Send():
                    self._sent(index, event)
                case Commit():
                    self.wanted.setdefault(event.transaction, index)
                case Abort():
                    self.unwanted.setdefault(event.transaction, index)
                case Committed():
                    self.committed.setdefault(event.transaction, index)
                case Aborted():
                    self.aborted.setdefault(event.transaction, index)
                case Reader():
                    self.readers[event.reader] = event
                case Restart():
                    sessions[event.reader, event.member] += 1
                case Read():
                    self.readers.setdefault(event.reader, None)
                    session = sessions[event.reader, event.member]
                    self.given[event.reader].append(Given(index, event, session))
                case End():
                    self._ended(index, event)
                case Row():
                    self.rows[event.store].append((index, event))
                case Log():
                    self.logs.append((index, event))

    def _sent(self, index: int, send: Send) -> None:
        self.every_send.append((index, send))
        if send.transaction is not None:
            self.of[send.transaction].append((index, send))
        if send.acknowledged is not False:
            self.sends[send.partition, send.value].append((index, send))
        if send.acknowledged and send.offset is not None:
            self.lies[send.partition, send.offset].append((index, send))

    def _ended(self, index: int, end: End) -> None:
        if end.store is not None:
            self.store_ends[end.store] = index
            self.rows.setdefault(end.store, [])
        elif end.reader is not None and end.partition is not None:
            self.readers.setdefault(end.reader, None)
            self.ends[end.reader, end.partition].append((index, end))

    # -- transactions

    @property
    def transactions(self) -> list[str]:
        """Every transaction that the history names, in order of appearance."""
        named = [*self.of, *self.wanted, *self.unwanted, *self.committed, *self.aborted]
        return list(dict.fromkeys(named))

    def candidates(self, read: Read) -> list[tuple[int, Send]]:
        """The sends that a read may show: those acknowledged at its offset, else those whose offset is not known."""
        same = self.sends.get((read.partition, read.value), [])
        exact = [s for s in same if s[1].offset is not None and s[1].offset == read.offset]
        if exact:
            return exact
        return [s for s in same if s[1].offset is None or read.offset is None]

    # -- readers

    def sees_all(self, reader: str) -> bool:
        """Whether a reader is given records whatever becomes of their transaction."""
        named = self.readers.get(reader)
        return named is not None and named.isolation == "read_uncommitted"

    def places(self, reader: str) -> list[Place]:
        """The places of a reader: those that it names, else each topic that it read or came to the end of."""
        named = self.readers.get(reader)
        if named is not None and named.places:
            return [(name, tuple(partitions)) for name, partitions in named.places.items()]
        topics: dict[str, dict[str, None]] = {}
        seen = [g.read.partition for g in self.given.get(reader, ())]
        for partition in [*seen, *(p for r, p in self.ends if r == reader)]:
            topics.setdefault(topic_of(partition), {})[partition] = None
        return [(topic, tuple(partitions)) for topic, partitions in topics.items()]

    def ways(self, reader: str) -> Iterator[list[Given]]:
        """What each member was given of each partition from one start to the next, in order."""
        found: dict[tuple[str, str, int], list[Given]] = defaultdict(list)
        for one in self.given.get(reader, ()):
            found[one.way].append(one)
        yield from found.values()

    def shows(self, reader: str, send: Send) -> bool:
        """Whether a reader was given this record, or may have been."""
        if send.offset is None:
            return any(
                (reader, send.partition, send.value, unplaced) in self._values for unplaced in (True, False)
            )
        placed = (reader, send.partition, send.offset) in self._offsets
        return placed or (reader, send.partition, send.value, True) in self._values

    def end_behind(self, reader: str, index: int, send: Send) -> int | None:
        """The index of an end of its partition that a reader came to after a record was settled at `index`."""
        for at, end in self.ends.get((reader, send.partition), ()):
            if at > index and (end.below is None or (send.offset is not None and send.offset < end.below)):
                return at
        return None

    def whole_end(self, reader: str, partitions: Iterable[str]) -> list[int] | None:
        """The last ends of all these partitions, or None where one was not read to its end."""
        found = []
        for partition in partitions:
            whole = [at for at, end in self.ends.get((reader, partition), ()) if end.below is None]
            if not whole:
                return None
            found.append(whole[-1])
        return found
