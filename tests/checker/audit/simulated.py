"""Histories of a correct Kafka: producers whose transactions commit, abort, or are never heard of again, logs with
markers, and a reader that is given what is committed, up to the last stable offset.

What really became of each record is known here, so a mutation can be told to change the meaning or not.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from eoscheck.checker.audit.history import (
    Abort,
    Aborted,
    Commit,
    Committed,
    End,
    Event,
    History,
    Input,
    Read,
    Restart,
    Send,
)

READER = "audit"


@dataclass
class Record:
    """A record of a log, or a marker. `fate`: None while undecided, else whether it is committed."""

    send: Send | None
    fate: bool | None = None


@dataclass
class Producer:
    name: str
    number: int = 0
    open: list[Record] = field(default_factory=list)
    left: int = 0

    @property
    def transaction(self) -> str:
        return f"{self.name}/{self.number}"


class Simulation:
    """One run. `events` is its history; `records` what lies in each partition by offset."""

    def __init__(
        self, dice: random.Random, size: int = 6, offsets: bool = True, inputs: bool = False
    ) -> None:
        self.dice, self.offsets, self.inputs = dice, offsets, inputs
        self.records: dict[str, list[Record]] = {f"p-{k}": [] for k in range(dice.randint(1, 3))}
        self.events: list[Event] = []
        self.values = 0
        self.retried: list[int] = []
        self.position = dict.fromkeys(self.records, 0)
        self.polls = 0
        producers = [Producer(f"producer-{k}") for k in range(dice.randint(1, 3))]
        for _ in range(size):
            self._step(dice.choice(producers))
            if dice.random() < 0.3:
                self._poll()
            if dice.random() < 0.05:
                self.events.append(Restart(event=0, reader=READER))
                self.position = {part: dice.randint(0, at) for part, at in self.position.items()}
        for producer in producers:
            if producer.open:
                self._end(producer)
        while self.inputs and self.retried:
            self._step(producers[0], plain=True)
        self._poll()
        self.events += [End(event=0, reader=READER, partition=part) for part in self.records]

    def history(self) -> History:
        return numbered(self.events)

    def _step(self, producer: Producer, plain: bool = False) -> None:
        if producer.open:
            if producer.left and self.dice.random() < 0.7:
                producer.left -= 1
                self._send(producer, producer.transaction)
            else:
                self._end(producer)
        elif plain or self.dice.random() < 0.3:
            self._send(producer, None)
        else:
            producer.number += 1
            producer.left = self.dice.randint(0, 2)
            self._send(producer, producer.transaction)

    def _value(self) -> int:
        if self.retried and (self.inputs or self.dice.random() < 0.5):
            return self.retried.pop(0)
        self.values += 1
        if self.inputs:
            self.events.append(Input(event=0, value=self.values))
        return self.values

    def _send(self, producer: Producer, transaction: str | None) -> None:
        partition, value = self.dice.choice(list(self.records)), self._value()
        known = transaction is not None or self.dice.random() < 0.8
        send = Send(
            event=0,
            partition=partition,
            value=value,
            by=producer.name,
            transaction=transaction,
            acknowledged=True if known else None,
            offset=len(self.records[partition]) if known and self.offsets else None,
        )
        self.events.append(send)
        if known or self.inputs or self.dice.random() < 0.5:
            record = Record(send, None if transaction else True)
            self.records[partition].append(record)
            if transaction:
                producer.open.append(record)

    def _end(self, producer: Producer) -> None:
        fate, told = self.dice.random() < 0.6, self.dice.random() < 0.7
        name = producer.transaction
        if told or self.dice.random() < 0.5:
            self.events.append((Commit if fate else Abort)(event=0, transaction=name))
        for record in producer.open:
            record.fate = fate
            if not fate and record.send is not None:
                self.retried.append(int(record.send.value))
        for partition in {r.send.partition for r in producer.open if r.send}:
            self.records[partition].append(Record(None, True))
        if told:
            self.events.append((Committed if fate else Aborted)(event=0, transaction=name))
        producer.open, producer.left = [], 0

    def _poll(self) -> None:
        self.polls += 1
        for partition, records in self.records.items():
            for offset in range(self.position[partition], len(records)):
                record = records[offset]
                if record.fate is None:
                    break
                self.position[partition] = offset + 1
                if record.fate and record.send is not None:
                    self.events.append(self.read(record.send, offset))

    def read(self, send: Send, offset: int) -> Read:
        """The read that shows a record."""
        place = offset if self.offsets else None
        return Read(
            event=0, reader=READER, partition=send.partition, value=send.value, offset=place, poll=self.polls
        )


def numbered(events: list[Event]) -> History:
    """A history of these events, numbered as lines of a file."""
    return History("simulated", tuple(replace(e, event=n) for n, e in enumerate(events, start=2)), "line")
