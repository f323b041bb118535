"""An observed history as data: what a pipeline was given and sent, and what readers and stores saw of it.

Events stand in the order in which they were noted. Two kinds of things are told apart: what the program did (inputs,
sends, transactions that it wanted ended, readers and what they read), which is the setting and beyond doubt, and what
was observed (acknowledgements, answers, reads, rows, looks into a log), which a judge tries to explain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FORMAT = "eoscheck-history/1"

Value = int | str
"""The input that a record or a row is the effect of. Two inputs never have the same value."""

Marker = Literal["commit", "abort", "none"]


class BadHistory(Exception):
    """A history that cannot be used. Its text is one line: `FILE:LINE: what is wrong`."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """`event`: its place in the file, a line or the index of an operation, by which sentences name it."""

    event: int


@dataclass(frozen=True, kw_only=True)
class Input(Event):
    """Something that must have its effect.

    partition  where it lay, or who had it: inputs of one partition have an order
    due        readers, stores, or places of readers that must show it; None: all of them
    """

    value: Value
    partition: str | None = None
    due: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Send(Event):
    """One record was sent.

    by            the producer; its sends to a partition have an order
    transaction   a name of the transaction, or None outside of any
    acknowledged  True: the broker said so, False: it refused for certain, None: nobody knows
    offset        where it lies, if the acknowledgement said so
    """

    partition: str
    value: Value
    by: str = ""
    transaction: str | None = None
    acknowledged: bool | None = None
    offset: int | None = None


@dataclass(frozen=True, kw_only=True)
class Ending(Event):
    """A client wants a transaction ended in one way."""

    transaction: str


class Commit(Ending):
    """commitTransaction() is called."""


class Abort(Ending):
    """abortTransaction() is called."""


class Committed(Ending):
    """The client is told that its transaction is committed."""


class Aborted(Ending):
    """The client is told that its transaction is aborted."""


@dataclass(frozen=True, kw_only=True)
class Reader(Event):
    """A reader, or several members that share partitions under one name.

    places  where one effect of an input is counted, by name; empty: each topic is one place
    """

    reader: str
    isolation: str = "read_committed"
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Read(Event):
    """A reader was given a record.

    poll    records given by one poll() have the same number; None: a poll of its own
    marker  what the log said of its transaction at that moment, where somebody looked
    """

    reader: str
    partition: str
    value: Value
    offset: int | None = None
    member: str = ""
    poll: int | None = None
    marker: Marker | None = None


@dataclass(frozen=True, kw_only=True)
class Restart(Event):
    """From here on a reader may be given again what it was given before: a seek, a rebalance, a new start."""

    reader: str
    member: str = ""


@dataclass(frozen=True, kw_only=True)
class End(Event):
    """A reader has read a partition to its end, and no open transaction hides anything; or a store was read.

    below  only so far: nothing is said of this offset and those behind it
    """

    reader: str | None = None
    partition: str | None = None
    store: str | None = None
    below: int | None = None


@dataclass(frozen=True, kw_only=True)
class Row(Event):
    """A row of a store."""

    store: str
    value: Value


@dataclass(frozen=True, kw_only=True)
class Log(Event):
    """Somebody looked into a log: how the transaction of the record at an offset has ended in this partition."""

    partition: str
    offset: int
    marker: Marker


KINDS: dict[str, type[Event]] = {
    kind.__name__.lower(): kind
    for kind in (Input, Send, Commit, Abort, Committed, Aborted, Reader, Read, Restart, End, Row, Log)
}
"""Every kind of event by its name in a file."""


@dataclass(frozen=True)
class History:
    """The events, in order, and the name of the file or whatever they are from."""

    path: str
    events: tuple[Event, ...]
    noun: str = "event"


def topic_of(partition: str) -> str:
    """The topic of a partition: topic_of("payments-0") == "payments"; a name without a number is its own topic."""
    topic, dash, number = partition.rpartition("-")
    return topic if dash and number.isdigit() else partition
