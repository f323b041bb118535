"""A real client in a process of its own: one command per line on stdin, one answer per line on stdout, both JSON.

    {"do": "open", "producer": {...}, "consumer": {...}, "database": "rows.sqlite"}   each of them can be left out
    {"do": "send", "topic": "t", "partition": 0, "value": "m1"}
    -> {"ok": null, "events": []}
    {"do": "commit"}
    -> {"error": {"name": "_FENCED", "text": "...", "fatal": true, ...}, "events": [...]}

`clients.py` is the other end. The process ends with its stdin. What it does between two commands it does by itself:
librdkafka sends, retries and beats in threads of its own.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from collections.abc import Sequence
from typing import Any

from confluent_kafka import (
    OFFSET_STORED,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

TABLE = "CREATE TABLE IF NOT EXISTS rows (number INTEGER PRIMARY KEY AUTOINCREMENT, value TEXT)"


class Actor:
    """What the commands do: each is a method, its arguments are the rest of the line."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._producer: Any = None
        self._consumer: Any = None
        self._database: Any = None
        self._delivered: list[dict[str, Any]] = []

    def open(
        self,
        producer: dict[str, Any] | None = None,
        consumer: dict[str, Any] | None = None,
        database: str | None = None,
    ) -> None:
        """Make the clients; nothing is sent that librdkafka does not send by itself."""
        if producer is not None:
            self._producer = Producer({**producer, "error_cb": self._error})
        if consumer is not None:
            self._consumer = Consumer({**consumer, "error_cb": self._error})
        if database is not None:
            self._database = sqlite3.connect(database, isolation_level=None)
            self._database.execute(TABLE)

    # -- producer

    def init(self, timeout: float = 30.0) -> None:
        """initTransactions()"""
        self._producer.init_transactions(timeout)

    def begin(self) -> None:
        """beginTransaction()"""
        self._producer.begin_transaction()

    def send(self, topic: str, partition: int, value: str, key: str | None = None) -> None:
        """send(), which returns before anything is sent; `flush` tells what became of it."""
        self._producer.produce(topic, value.encode(), key, partition, on_delivery=self._done)
        self._producer.poll(0)

    def flush(self, timeout: float = 30.0) -> dict[str, Any]:
        """flush(): how many are still under way, and what has become of the others since the last time."""
        left = self._producer.flush(timeout)
        done, self._delivered = self._delivered, []
        return {"left": left, "done": done}

    def commit(self, timeout: float = 30.0) -> None:
        """commitTransaction(), after the records that are under way"""
        self._producer.commit_transaction(timeout)

    def abort(self, timeout: float = 30.0) -> None:
        """abortTransaction()"""
        self._producer.abort_transaction(timeout)

    def send_offsets(self, offsets: Sequence[Sequence[Any]], timeout: float = 30.0) -> None:
        """sendOffsetsToTransaction() with the consumer's group metadata; offsets as [topic, partition, next]."""
        group = self._consumer.consumer_group_metadata()
        self._producer.send_offsets_to_transaction(_places(offsets), group, timeout)

    # -- consumer

    def assign(self, places: Sequence[Sequence[Any]]) -> None:
        """assign(): [topic, partition, offset]; without an offset from the committed one on"""
        self._consumer.assign(_places(places))

    def subscribe(self, topics: list[str]) -> None:
        """subscribe(); who got what shows among the events"""
        self._consumer.subscribe(
            topics,
            on_assign=lambda _, places: self._moved("assigned", places),
            on_revoke=lambda _, places: self._moved("revoked", places),
            on_lost=lambda _, places: self._moved("lost", places),
        )

    def poll(self, timeout: float = 1.0) -> dict[str, Any] | None:
        """The next record, None if there is none in time (seconds)."""
        message = self._consumer.poll(timeout)
        if message is None:
            return None
        if (error := message.error()) is not None:
            raise KafkaException(error)
        return _record(message)

    def commit_offsets(self, offsets: Sequence[Sequence[Any]] | None = None) -> None:
        """commitSync(), of what was polled last where no offsets are given"""
        if offsets is None:
            self._consumer.commit(asynchronous=False)
        else:
            self._consumer.commit(offsets=_places(offsets), asynchronous=False)

    def committed(self, topic: str, partition: int, timeout: float = 30.0) -> int:
        """The committed offset, -1001 if there is none."""
        return int(self._consumer.committed([TopicPartition(topic, partition)], timeout)[0].offset)

    # -- database

    def insert(self, value: str) -> None:
        """Insert a row, committed when this returns."""
        self._database.execute("INSERT INTO rows (value) VALUES (?)", (value,))

    def close(self) -> None:
        """End in an orderly way: the consumer leaves its group."""
        if self._consumer is not None:
            self._consumer.close()
        if self._database is not None:
            self._database.close()

    # -- what librdkafka says

    def _done(self, error: KafkaError | None, message: Message) -> None:
        result = _record(message) if error is None else {"error": error.name(), "text": error.str()}
        self._delivered.append({**result, "value": _text(message.value())})

    def _error(self, error: KafkaError) -> None:
        self.events.append(
            {"event": "error", "name": error.name(), "text": error.str(), "fatal": error.fatal()}
        )

    def _moved(self, event: str, places: list[TopicPartition]) -> None:
        self.events.append({"event": event, "places": [[p.topic, p.partition] for p in places]})


def _places(places: Sequence[Sequence[Any]]) -> list[TopicPartition]:
    return [TopicPartition(p[0], p[1], p[2] if len(p) > 2 else OFFSET_STORED) for p in places]


def _text(data: bytes | str | None) -> str | None:
    return data.decode() if isinstance(data, bytes) else data


def _record(message: Message) -> dict[str, Any]:
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "key": _text(message.key()),
        "value": _text(message.value()),
    }


def refusal(error: KafkaError) -> dict[str, Any]:
    """An error of librdkafka or of a broker, as a client would act on it."""
    return {
        "name": error.name(),
        "text": error.str(),
        "fatal": error.fatal(),
        "retriable": error.retriable(),
        "abort": error.txn_requires_abort(),
    }


def answer(actor: Actor, line: str) -> dict[str, Any]:
    """Do what a line says. Errors of Kafka and of this protocol are answers, too."""
    try:
        command = json.loads(line)
        method = getattr(actor, command.pop("do"))
        return {"ok": method(**command)}
    except KafkaException as error:
        return {"error": refusal(error.args[0])}
    except Exception as error:
        return {"error": {"name": type(error).__name__, "text": str(error)}}


def main() -> None:
    actor = Actor()
    for line in sys.stdin:
        said = answer(actor, line)
        events, actor.events = actor.events, []
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps({**said, "events": events}), flush=True)


if __name__ == "__main__":
    main()
