"""The history of a replay: what its clients really sent and were answered, and what readers, stores and logs really
showed. Nothing of it is taken from the model's predictions, so that an audit of it is a second judge of the same run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from eoscheck.checker.audit.history import (
    Abort,
    Aborted,
    Commit,
    Committed,
    End,
    Event,
    History,
    Input,
    Log,
    Marker,
    Read,
    Reader,
    Row,
    Send,
)
from eoscheck.gen.kafka.wire import Batch

if TYPE_CHECKING:
    from eoscheck.gen.replay.run import Run

MARKERS: dict[str, Marker] = {"COMMIT": "commit", "ABORT": "abort", "data": "none"}


@dataclass(frozen=True)
class Subject:
    """What a history is to be judged by; whoever steers a pipeline knows it, and no look at it tells.

    places   by reader and name: the partitions in which one effect of an input is counted
    members  by reader and partition: the member that has it, where there are several
    origins  inputs in the order in which they were sent, by who sent them or where they lay
    due      by input, once nobody will come back to it: where its effect must show ("audit/payments", "ledger")
    """

    places: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    members: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    origins: Mapping[str, Sequence[int]] = field(default_factory=dict)
    due: Mapping[int, Sequence[str]] = field(default_factory=dict)


class Recorder:
    """Notes events in the order in which they happen."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.positions: dict[tuple[str, str], int] = {}
        self._committing: dict[str, list[tuple[int, int]]] = {}

    def add(self, event: Event) -> None:
        self.events.append(event)

    def answered(self, send: Send, error: str | None, offset: int | None, producer_id: int) -> None:
        """A record was handled by a broker. error: what it answered, None if nobody can know."""
        taken = None if error is None else error == "NONE"
        self.add(replace(send, acknowledged=taken, offset=offset if taken else None))
        if taken and offset is None:
            # An offset of a group: the broker does not say where it lies in the log.
            self._committing.setdefault(send.partition, []).append((len(self.events) - 1, producer_id))

    def ends(self, transaction: str, commit: bool) -> None:
        """A client asks for the end of its transaction."""
        self.add((Commit if commit else Abort)(event=0, transaction=transaction))

    def ended(self, transaction: str, commit: bool) -> None:
        """A client is told that its transaction has ended."""
        self.add((Committed if commit else Aborted)(event=0, transaction=transaction))

    def reads(self, reader: str, partition: str, offset: int, value: int | None, marker: str | None) -> None:
        """A reader is given a record, or (None) passes over what lies at an offset."""
        self.positions[reader, partition] = offset + 1
        if value is not None:
            self.add(
                Read(
                    event=0,
                    reader=reader,
                    partition=partition,
                    value=value,
                    offset=offset,
                    marker=MARKERS[marker] if marker else None,
                )
            )

    # -- the end

    def history(self, run: Run, subject: Subject) -> History:
        """The history up to now, with a last look at every log and store."""
        head = [
            Reader(
                event=0,
                reader=reader,
                isolation=run.readers[reader].isolation,
                places={name: tuple(parts) for name, parts in places.items()},
            )
            for reader, places in subject.places.items()
            if reader in run.readers
        ]
        inputs = [
            Input(event=0, value=value, partition=origin, due=tuple(subject.due.get(value, ())))
            for origin, values in subject.origins.items()
            for value in values
        ]
        looked = [*self._offsets(run), *self._last_look(run, subject)]
        events = [*head, *inputs, *(_of_member(e, subject) for e in self.events), *looked]
        # Behind the line that names the format.
        numbered = (replace(event, event=line) for line, event in enumerate(events, start=2))
        return History("replay", tuple(numbered), "line")

    def _offsets(self, run: Run) -> Iterable[Event]:
        """What became of offsets that were sent in transactions: those of one producer lie in the log as they were
        acknowledged, one after the other. Other groups may share the log."""
        for partition, sends in self._committing.items():
            batches = list(run.look(f"{partition}-0").transactional())
            for producer_id in {producer_id for _, producer_id in sends}:
                lying = [(b, marker) for b, marker in batches if b.producer_id == producer_id]
                own = [index for index, other in sends if other == producer_id]
                # Fewer: the log was cleaned in between (on a cluster that was running already).
                for index, (batch, marker) in zip(own, lying if len(lying) == len(own) else (), strict=False):
                    event = self.events[index]
                    assert isinstance(event, Send)
                    self.events[index] = replace(event, offset=batch.offset)
                    yield Log(event=0, partition=partition, offset=batch.offset, marker=MARKERS[marker])

    def _last_look(self, run: Run, subject: Subject) -> Iterable[Event]:
        for topic, count in run.topics.items():
            for partition in (f"{topic}-{k}" for k in range(count)):
                whole = run.look(partition)
                for batch, marker in whole.transactional():
                    yield Log(event=0, partition=partition, offset=batch.offset, marker=MARKERS[marker])
                for reader, places in subject.places.items():
                    mine = any(partition in own for own in places.values())
                    position = self.positions.get((reader, partition), 0)
                    if mine and position == whole.high_watermark == whole.last_stable_offset:
                        yield End(event=0, reader=reader, partition=partition)
        for name, store in run.stores.items():
            for value, _ in store.database.rows():
                yield Row(event=0, store=name, value=value)
            yield End(event=0, store=name)


def _of_member(event: Event, subject: Subject) -> Event:
    if not isinstance(event, Read):
        return event
    return replace(event, member=subject.members.get(event.reader, {}).get(event.partition, ""))


@dataclass(frozen=True)
class Look:
    """A whole log: its batches, each with what its producer's first marker behind it says."""

    batches: list[tuple[Batch, str]]
    high_watermark: int
    last_stable_offset: int

    def transactional(self) -> Iterable[tuple[Batch, str]]:
        return ((b, marker) for b, marker in self.batches if b.transactional and not b.control)
