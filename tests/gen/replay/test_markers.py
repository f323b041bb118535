"""Markers are written when asked for, on a broker made of a thread and on real ones."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eoscheck.gen.clients.background import ProxyError
from eoscheck.gen.kafka.wire import (
    Connection,
    batch,
    decode_request,
    encode_response,
    error_name,
    request,
    response,
)
from eoscheck.gen.replay.markers import Marker, Markers

# -- a broker made of a thread


class FakeBroker:
    """Answers WriteTxnMarkers, and any other frame with the same bytes; keeps what it was sent."""

    def __init__(self) -> None:
        self.written: list[tuple[int, str, int]] = []
        self.frames: list[bytes] = []
        self.errors: dict[tuple[int, str, int], str] = {}
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while head := stream.read(4):
                frame = stream.read(struct.unpack(">i", head)[0])
                self.frames.append(frame)
                answer = frame if frame[:2] != b"\0\x1b" else self._answer(frame)
                connection.sendall(struct.pack(">i", len(answer)) + answer)

    def _answer(self, frame: bytes) -> bytes:
        head, payload = decode_request(frame)
        markers = []
        for entry in payload.markers:
            topics = []
            for topic in entry.topics:
                results = []
                for index in topic.partition_indexes:
                    place = (entry.producer_id, topic.name, index)
                    error = self.errors.get(place, "NONE")
                    if error == "NONE":
                        self.written.append(place)
                    results.append({"partition_index": index, "error_code": error})
                topics.append({"name": topic.name, "partitions": results})
            markers.append({"producer_id": entry.producer_id, "topics": topics})
        answer = response("WriteTxnMarkers", head.version, markers=markers)
        return encode_response(answer, head.correlation)

    def close(self) -> None:
        self._socket.close()


def entry(producer_id: int, *partitions: int, epoch: int = 0, coordinator: int = 0) -> dict[str, Any]:
    return {
        "producer_id": producer_id,
        "producer_epoch": epoch,
        "transaction_result": True,
        "topics": [{"name": "t", "partition_indexes": list(partitions)}],
        "coordinator_epoch": coordinator,
    }


class Coordinator:
    """Asks for markers and says what it was answered: {(producer id, partition): error}."""

    def __init__(self, port: int) -> None:
        self._connection = Connection("127.0.0.1", port)

    def ask(self, *entries: dict[str, Any], version: int = 1) -> dict[tuple[int, int], str]:
        answer = self._connection.call(request("WriteTxnMarkers", version, markers=entries))
        return {
            (marker.producer_id, one.partition_index): error_name(one.error_code)
            for marker in answer.markers
            for topic in marker.topics
            for one in topic.partitions
        }


Fake = tuple[FakeBroker, Markers, Coordinator]


@pytest.fixture
def fake() -> Iterator[Fake]:
    broker, markers = FakeBroker(), Markers(timeout=0.5)
    yield broker, markers, Coordinator(markers.advertise(1, broker.port))
    markers.close()
    broker.close()


HELD = "REQUEST_TIMED_OUT"


def test_what_is_not_under_control_passes_byte_for_byte(fake: Fake) -> None:
    broker, markers, coordinator = fake
    assert coordinator.ask(entry(7, 0, 1)) == {(7, 0): "NONE", (7, 1): "NONE"}
    with socket.create_connection(("127.0.0.1", markers.advertise(1, broker.port))) as other:
        for frame in (b"\0\x03" + bytes(40), b"\0\0" + bytes(300_000)):
            other.sendall(struct.pack(">i", len(frame)) + frame)
            received = other.makefile("rb").read(4 + len(frame))
            assert received[4:] == frame
            assert broker.frames[-1] == frame


def test_a_sender_that_asks_for_versions_first(fake: Fake) -> None:
    broker, markers, _ = fake
    markers.control(7)
    connection = Connection("127.0.0.1", markers.advertise(1, broker.port))
    connection.send_frame(b"\0\x12\0\0\0\0\0\1\xff\xff")
    assert connection._frame() == broker.frames[-1]  # passed on, and echoed
    asked = request("WriteTxnMarkers", 1, markers=[entry(7, 0)])
    answer = connection.call(asked).markers[0].topics[0].partitions[0]
    assert error_name(answer.error_code) == HELD


def test_a_marker_waits_until_it_is_written(fake: Fake) -> None:
    broker, markers, coordinator = fake
    markers.control(7)
    assert coordinator.ask(entry(7, 0, 1)) == {(7, 0): HELD, (7, 1): HELD}
    assert markers.wait(7) == Marker(
        7, 0, True, 0, frozenset({("t", 0), ("t", 1)}), frozenset(), version=1, transaction_version=None
    )
    assert markers.write(7, "t", 1) == "NONE"
    assert markers.wait(7).written == {("t", 1)}
    assert broker.written == [(7, "t", 1)]
    assert coordinator.ask(entry(7, 0, 1)) == {(7, 0): HELD, (7, 1): "NONE"}
    assert markers.write(7, "t", 0) == "NONE"
    assert coordinator.ask(entry(7, 0)) == {(7, 0): "NONE"}
    assert broker.written == [(7, "t", 1), (7, "t", 0)]


def test_the_next_transaction_of_the_same_epoch_waits_again(fake: Fake) -> None:
    _, markers, coordinator = fake
    markers.control(7)
    for _ in range(2):
        assert coordinator.ask(entry(7, 0)) == {(7, 0): HELD}
        markers.write(7, "t", 0)
        assert coordinator.ask(entry(7, 0)) == {(7, 0): "NONE"}


def test_what_was_written_is_not_waited_for_once_more(fake: Fake) -> None:
    _, markers, coordinator = fake
    markers.control(7)
    coordinator.ask(entry(7, 0))
    markers.write(7, "t", 0)
    with pytest.raises(ProxyError, match="COMMIT of producer 7 epoch 0"):
        markers.wait(7, timeout=0.05)
    with pytest.raises(ProxyError, match="producer 7 for t-0 was not asked for"):
        markers.write(7, "t", 0, timeout=0.05)


def test_one_held_producer_does_not_hold_another(fake: Fake) -> None:
    broker, markers, coordinator = fake
    markers.control(7)
    assert coordinator.ask(entry(7, 0), entry(8, 0)) == {(7, 0): HELD, (8, 0): "NONE"}
    assert broker.written == [(8, "t", 0)]


def test_a_new_coordinator_asks_for_everything_again(fake: Fake) -> None:
    _, markers, coordinator = fake
    markers.control(7)
    coordinator.ask(entry(7, 0, 1))
    markers.write(7, "t", 0)
    assert coordinator.ask(entry(7, 0, 1, coordinator=1)) == {(7, 0): HELD, (7, 1): HELD}
    assert markers.wait(7).coordinator_epoch == 1


def test_what_the_broker_refuses_is_passed_on(fake: Fake) -> None:
    broker, markers, coordinator = fake
    broker.errors = {(7, "t", 0): "NOT_ENOUGH_REPLICAS", (7, "t", 1): "TRANSACTION_COORDINATOR_FENCED"}
    markers.control(7)
    coordinator.ask(entry(7, 0, 1))
    assert markers.write(7, "t", 0) == "NOT_ENOUGH_REPLICAS"
    assert coordinator.ask(entry(7, 0, 1)) == {(7, 0): "NOT_ENOUGH_REPLICAS", (7, 1): HELD}
    assert coordinator.ask(entry(7, 0, 1)) == {(7, 0): HELD, (7, 1): HELD}
    assert markers.write(7, "t", 1) == "TRANSACTION_COORDINATOR_FENCED"
    assert coordinator.ask(entry(7, 0, 1)) == {(7, 0): HELD, (7, 1): "TRANSACTION_COORDINATOR_FENCED"}
    with pytest.raises(ProxyError):  # the coordinator gave the transaction up
        markers.wait(7, timeout=0.05)


def test_release_lets_the_rest_pass_and_nothing_twice(fake: Fake) -> None:
    broker, markers, coordinator = fake
    markers.control(7)
    coordinator.ask(entry(7, 0, 1))
    markers.write(7, "t", 0)
    markers.release(7)
    assert coordinator.ask(entry(7, 0, 1)) == {(7, 0): "NONE", (7, 1): "NONE"}
    assert broker.written == [(7, "t", 0), (7, "t", 1)]
    assert coordinator.ask(entry(7, 0)) == {(7, 0): "NONE"}
    assert len(broker.written) == 3


def test_a_copy_is_delivered_when_the_marker_is_long_written(fake: Fake) -> None:
    broker, markers, coordinator = fake
    markers.control(7)
    coordinator.ask(entry(7, 0) | {"transaction_version": 2}, version=2)
    late = markers.copy(7, "t", 0)
    markers.write(7, "t", 0)
    assert coordinator.ask(entry(7, 0) | {"transaction_version": 2}, version=2) == {(7, 0): "NONE"}
    assert late.deliver() == "NONE"
    assert broker.written == [(7, "t", 0)] * 2
    assert late.payload.markers[0].transaction_version == 2


def test_leaders_on_several_brokers(fake: Fake) -> None:
    broker, markers, coordinator = fake
    other = FakeBroker()
    second = Coordinator(markers.advertise(2, other.port))
    markers.control(7)
    coordinator.ask(entry(7, 0))
    second.ask(entry(7, 1))
    assert markers.wait(7, [("t", 0), ("t", 1)]).partitions == {("t", 0), ("t", 1)}
    markers.write(7, "t", 1)
    assert (broker.written, other.written) == ([], [(7, "t", 1)])
    assert second.ask(entry(7, 1)) == {(7, 1): "NONE"}
    other.close()


def test_a_broker_that_comes_back_keeps_its_port(fake: Fake) -> None:
    broker, markers, coordinator = fake
    markers.control(7)
    coordinator.ask(entry(7, 0))
    markers.write(7, "t", 0)
    again = FakeBroker()
    port = markers.advertise(1, again.port)
    assert Coordinator(port).ask(entry(7, 1)) == {(7, 1): HELD}
    markers.write(7, "t", 1)
    assert (broker.written, again.written) == ([(7, "t", 0)], [(7, "t", 1)])
    again.close()


def test_an_error_in_the_proxy_reaches_the_harness() -> None:
    broker, markers = FakeBroker(), Markers()
    connection = Connection("127.0.0.1", markers.advertise(1, broker.port))
    connection.send_frame(b"\0\x1b\0\1\0\0\0\1\xff\xff\0" + b"\7nonsense")
    with pytest.raises(ProxyError, match="the proxy failed"):
        markers.wait(7)
    with pytest.raises(ProxyError, match="the proxy failed"):
        markers.close()
    markers._background.close()  # twice is no harm


# -- real brokers


class Producer:
    """Transactions of one transactional id, spoken by hand: version 2 is the protocol that bumps every epoch."""

    def __init__(self, port: int, name: str, version: int) -> None:
        self.name, self.version = name, version
        self._connection = Connection("127.0.0.1", port)
        answer = self._retried(
            lambda: request(
                "InitProducerId",
                4,
                transactional_id=name,
                transaction_timeout=60_000,
                producer_id=-1,
                producer_epoch=-1,
            ),
            lambda answer: answer.error_code,
        )
        self.producer_id, self.epoch = answer.producer_id, answer.producer_epoch
        self._sequences: dict[tuple[int, str, int], int] = {}

    def _retried(self, made: Callable[[], Any], code: Callable[[Any], Any]) -> Any:
        """Coordinators load, and finish the last transaction, in their own time."""
        end = time.monotonic() + 10
        while True:
            answer = self._connection.call(made())
            error = error_name(code(answer))
            if error == "NONE":
                return answer
            assert error in ("CONCURRENT_TRANSACTIONS", "NOT_COORDINATOR", "COORDINATOR_LOAD_IN_PROGRESS"), (
                error
            )
            assert time.monotonic() < end, error

    def transaction(self, topic: str, *partitions: int, commit: bool = True) -> None:
        """One record to each of the partitions, and the end of the transaction."""
        if self.version < 2:
            self._retried(
                lambda: request(
                    "AddPartitionsToTxn",
                    3,
                    v3_and_below_transactional_id=self.name,
                    v3_and_below_producer_id=self.producer_id,
                    v3_and_below_producer_epoch=self.epoch,
                    v3_and_below_topics=[{"name": topic, "partitions": partitions}],
                ),
                lambda answer: (
                    answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
                ),
            )
        for partition in partitions:
            self._retried(
                lambda partition=partition: self._produce(topic, partition),  # type: ignore[misc]
                lambda answer: answer.responses[0].partition_responses[0].error_code,
            )
            place = (self.epoch, topic, partition)
            self._sequences[place] = self._sequences.get(place, 0) + 1
        ended = self._retried(
            lambda: request(
                "EndTxn",
                5 if self.version == 2 else 3,
                transactional_id=self.name,
                producer_id=self.producer_id,
                producer_epoch=self.epoch,
                committed=commit,
            ),
            lambda answer: answer.error_code,
        )
        if self.version == 2:
            self.epoch = ended.producer_epoch

    def _produce(self, topic: str, partition: int) -> Any:
        records = batch(
            b"m",
            producer_id=self.producer_id,
            epoch=self.epoch,
            sequence=self._sequences.get((self.epoch, topic, partition), 0),
            transactional=True,
        )
        data = [{"name": topic, "partition_data": [{"index": partition, "records": records}]}]
        version = 12 if self.version == 2 else 11
        return request("Produce", version, transactional_id=self.name, acks=-1, timeout=3000, topic_data=data)

    @property
    def state(self) -> str:
        described = self._connection.call(request("DescribeTransactions", 0, transactional_ids=[self.name]))
        return str(described.transaction_states[0].transaction_state)

    def completed(self) -> str:
        """The state after the markers: the coordinator hears of the last one and writes that down."""
        end = time.monotonic() + 5
        while not (state := self.state).startswith("Complete") and time.monotonic() < end:
            pass
        return state

    def stable(self, topic: str, partition: int) -> int:
        """The last stable offset."""
        places = [{"name": topic, "partitions": [{"partition_index": partition, "timestamp": -1}]}]
        asked = request("ListOffsets", 7, replica_id=-1, isolation_level=1, topics=places)
        return int(self._connection.call(asked).topics[0].partitions[0].offset)


KAFKAS = pytest.mark.parametrize("flavour, version", [("4.1.2:tv0", 0), ("4.1.2", 2), ("4.3.1", 2)])


@pytest.mark.kafka
@KAFKAS
def test_two_transactions_each_marker_when_asked_for(brokers: Any, flavour: str, version: int) -> None:
    kafka = brokers(flavour)
    topic = kafka.topic("two-in-a-row", 2)
    producer = Producer(kafka.port, "two-in-a-row", version)
    both = {(topic, 0), (topic, 1)}
    kafka.markers.control(producer.producer_id)
    for end, commit in ((2, True), (4, False)):
        producer.transaction(topic, 0, 1, commit=commit)
        marker = kafka.markers.wait(producer.producer_id, both)
        assert (marker.commit, marker.epoch, marker.partitions) == (commit, producer.epoch, both)
        assert [producer.stable(topic, p) for p in (0, 1)] == [end - 2, end - 2]
        assert kafka.markers.write(producer.producer_id, topic, 1) == "NONE"
        assert [producer.stable(topic, p) for p in (0, 1)] == [end - 2, end]
        assert producer.state == ("PrepareCommit" if commit else "PrepareAbort")
        assert kafka.markers.write(producer.producer_id, topic, 0) == "NONE"
        assert [producer.stable(topic, p) for p in (0, 1)] == [end, end]
        assert producer.completed() == ("CompleteCommit" if commit else "CompleteAbort")
    kafka.markers.release(producer.producer_id)
    producer.transaction(topic, 0)
    assert producer.completed() == "CompleteCommit"
    assert producer.stable(topic, 0) == 6


@pytest.mark.kafka
@KAFKAS
def test_two_producers_interleaved(brokers: Any, flavour: str, version: int) -> None:
    kafka = brokers(flavour)
    topic = kafka.topic("interleaved", 2)
    one, two = (Producer(kafka.port, f"interleaved-{name}", version) for name in "ab")
    for producer in (one, two):
        kafka.markers.control(producer.producer_id)
        producer.transaction(topic, 0, 1)
    kafka.markers.write(two.producer_id, topic, 0)
    assert one.stable(topic, 0) == 0
    kafka.markers.write(one.producer_id, topic, 0)
    assert one.stable(topic, 0) == 4
    kafka.markers.write(two.producer_id, topic, 1)
    assert (two.completed(), one.state) == ("CompleteCommit", "PrepareCommit")
    other = Producer(kafka.port, "interleaved-free", version)
    other.transaction(topic, 1)
    assert (other.completed(), one.state) == ("CompleteCommit", "PrepareCommit")
    kafka.markers.write(one.producer_id, topic, 1)
    assert one.completed() == "CompleteCommit"
    assert one.stable(topic, 1) == 6


@pytest.mark.kafka
@KAFKAS
def test_a_late_marker_and_how_long_it_takes(brokers: Any, flavour: str, version: int) -> None:
    kafka = brokers(flavour)
    topic = kafka.topic("late", 1)
    producer = Producer(kafka.port, "late", version)
    kafka.markers.control(producer.producer_id)
    producer.transaction(topic, 0)
    late = kafka.markers.copy(producer.producer_id, topic, 0)
    kafka.markers.write(producer.producer_id, topic, 0)
    assert producer.completed() == "CompleteCommit"
    assert late.deliver() == "NONE"
    taken = []
    for _ in range(20):
        producer.transaction(topic, 0)
        kafka.markers.wait(producer.producer_id)
        begun = time.monotonic()
        kafka.markers.write(producer.producer_id, topic, 0)
        producer.completed()
        taken.append(time.monotonic() - begun)
    assert sorted(taken)[10] < 0.5  # a ms or two, where the machine has nothing else to do
    with pytest.raises(ProxyError, match="what happened lately"):
        kafka.markers.write(producer.producer_id, "elsewhere", 0, timeout=0.05)
