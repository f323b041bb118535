"""Control of transaction markers: the coordinator decides, the harness says when each one reaches its partition.

A transaction coordinator sends WriteTxnMarkers to the inter-broker listener of each partition's leader, also to its
own broker. That listener is advertised under a port of ours, through which everything passes byte for byte, except
the markers of producers that are under control. The coordinator is told "REQUEST_TIMED_OUT" about those, which makes
it ask again (`TransactionMarkerRequestCompletionHandler`), until the harness has written the marker itself. Holding
the request instead would hold the markers of all other producers, too: the coordinator has one request per broker
under way.

    markers = Markers()
    cluster = start("4.1.2:tv1", advertise=markers.advertise)
    markers.control(producer_id)                        # before its transaction ends
    marker = markers.wait(producer_id)                  # what the coordinator decided, and for which partitions
    markers.write(producer_id, "payments", 0)           # "NONE"
    late = markers.copy(producer_id, "payments", 1)     # a request that is on its way for a long time
    markers.write(producer_id, "payments", 1)           # the transaction is complete
    late.deliver()
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from eoscheck.gen.clients.background import (
    HOST,
    Background,
    ProxyError,
    Stream,
    exchange,
    first_of,
    framed,
    pump,
    read_frame,
)
from eoscheck.gen.kafka.wire import (
    Connection,
    WireError,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
    error_name,
    header,
    request,
    response,
)

TIMEOUT = 10.0
"""Seconds to wait for a marker that the coordinator should send."""

HELD = "REQUEST_TIMED_OUT"
"""What the coordinator is told about a marker that is not written yet: one of the errors after which it asks again."""

CANCELS = frozenset({"INVALID_PRODUCER_EPOCH", "TRANSACTION_COORDINATOR_FENCED"})
"""Answers after which the coordinator drops all markers of the transaction."""

PAUSE = 0.003
"""Seconds until the coordinator is told that a marker is not written, so that asking again costs next to nothing."""

Partition = tuple[str, int]


@dataclass(frozen=True)
class Marker:
    """A marker that the coordinator wants to be written.

    partitions           all that it asked for so far; leaders on several brokers are asked one by one
    written              those of them that `Markers.write` wrote
    version              of the WriteTxnMarkers request
    transaction_version  as the request says it, None in versions that do not
    """

    producer_id: int
    epoch: int
    commit: bool
    coordinator_epoch: int
    partitions: frozenset[Partition]
    written: frozenset[Partition]
    version: int
    transaction_version: int | None


@dataclass
class _Asked:
    """The coordinator's decision about one transaction, from its first request until it was told that all is done."""

    entry: Any
    version: int
    nodes: dict[Partition, int] = field(default_factory=dict)
    said: dict[Partition, str] = field(default_factory=dict)
    done: set[Partition] = field(default_factory=set)
    cancelled: bool = False

    def same(self, entry: Any) -> bool:
        """Whether an entry of a request is this decision again. A new coordinator decides anew."""
        return _decision(self.entry) == _decision(entry)

    @property
    def pending(self) -> set[Partition]:
        return {p for p in self.nodes if p not in self.done and self.said.get(p) != "NONE"}

    def marker(self) -> Marker:
        return Marker(
            producer_id=self.entry.producer_id,
            epoch=self.entry.producer_epoch,
            commit=self.entry.transaction_result,
            coordinator_epoch=self.entry.coordinator_epoch,
            partitions=frozenset(self.nodes),
            written=frozenset(self.nodes) - self.pending,
            version=self.version,
            transaction_version=getattr(self.entry, "transaction_version", None),
        )


@dataclass(frozen=True)
class Held:
    """A WriteTxnMarkers request with one marker for one partition, on its way to the broker."""

    producer_id: int
    partition: Partition
    node: int
    payload: Any
    _markers: Markers = field(repr=False)

    def deliver(self) -> str:
        """Let it arrive, and return the broker's answer. It does not count as written for the coordinator."""
        return self._markers._send(self)


class Markers:
    """Markers of all brokers of a cluster. Calls are synchronous, from any thread but for the proxy's own."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._changed = threading.Condition()  # guards what the coordinator asked for and what was answered
        self._background = Background("markers", alarm=self._alarm)
        self._ports: dict[int, tuple[int, int]] = {}
        self._connections: dict[int, Connection] = {}
        self._controlled: set[int] = set()
        self._asked: dict[int, _Asked] = {}
        self._seen: deque[str] = deque(maxlen=20)
        self._parked: set[asyncio.Event] = set()
        self._sending = threading.Lock()

    # -- what the harness says

    def advertise(self, node: int, internal_port: int) -> int:
        """The port to advertise for the inter-broker listener of a broker. Again after a restart: the same port."""
        with self._sending:
            if connection := self._connections.pop(node, None):
                connection.close()
        if node in self._ports:
            self._ports[node] = (self._ports[node][0], internal_port)
        else:
            port = self._background.listen(lambda reader, writer: self._serve(node, reader, writer))
            self._ports[node] = (port, internal_port)
        return self._ports[node][0]

    def control(self, producer_id: int) -> None:
        """From now on, markers of this producer are written by `write` alone. Before its transaction ends."""
        self._background.check()
        with self._changed:
            self._controlled.add(producer_id)

    def release(self, producer_id: int) -> None:
        """From now on, everything of this producer passes, also what is waiting to be written."""
        self._background.check()
        with self._changed:
            self._controlled.discard(producer_id)
            self._forget_finished(producer_id)
        self._stir()

    def wait(
        self, producer_id: int, partitions: Iterable[Partition] = (), timeout: float | None = None
    ) -> Marker:
        """The marker that the coordinator wants to write next, once it asks for (at least) these partitions.

        Raises ProxyError if it does not within the time limit (seconds; that of this object where None).
        """
        wanted = set(partitions)
        what = f"a marker of producer {producer_id}"
        if wanted:
            what += f" for {', '.join(sorted(_named(p) for p in wanted))}"
        with self._until(lambda: self._pending(producer_id, wanted), what, timeout) as asked:
            return asked.marker()

    def write(self, producer_id: int, topic: str, partition: int, timeout: float | None = None) -> str:
        """Write one marker now, and return the broker's answer, which the coordinator is told, too.

        Raises ProxyError if the coordinator does not ask for it within the time limit, WireError if the broker does
        not answer.
        """
        held, asked = self._copied(producer_id, (topic, partition), timeout)
        error = self._send(held)
        with self._changed:
            asked.said[held.partition] = error
            self._seen.append(
                f"written on demand: {_described(held.payload.markers[0])} for {_named(held.partition)}: {error}"
            )
        self._stir()
        return error

    def copy(self, producer_id: int, topic: str, partition: int, timeout: float | None = None) -> Held:
        """The request that would write one marker, which is not written yet; to be delivered at any time later."""
        return self._copied(producer_id, (topic, partition), timeout)[0]

    def seen(self) -> list[str]:
        """What coordinators asked for and what was written, lately."""
        with self._changed:
            return list(self._seen)

    def close(self) -> None:
        """End the proxy; raises ProxyError for what went wrong in it unnoticed."""
        self._background.close()
        for connection in self._connections.values():
            connection.close()
        self._background.check()

    # -- the harness's side

    def _pending(self, producer_id: int, wanted: set[Partition]) -> _Asked | None:
        """What is asked for, if part of it is left to write; wanted must be among it, and not written."""
        asked = self._asked.get(producer_id)
        return asked if asked and asked.pending and wanted <= asked.pending else None

    @contextlib.contextmanager
    def _until(
        self, found: Callable[[], _Asked | None], what: str, timeout: float | None
    ) -> Iterator[_Asked]:
        """Wait for something that the coordinator asks for; inside, nothing changes."""
        end = time.monotonic() + (self._timeout if timeout is None else timeout)
        with self._changed:
            self._background.check()
            while (asked := found()) is None:
                in_time = self._changed.wait(end - time.monotonic())
                self._background.check()
                if not in_time:
                    raise ProxyError(f"{what} was not asked for; {self._summary()}")
            yield asked

    def _copied(self, producer_id: int, place: Partition, timeout: float | None) -> tuple[Held, _Asked]:
        what = f"the marker of producer {producer_id} for {_named(place)}"
        with self._until(lambda: self._pending(producer_id, {place}), what, timeout) as asked:
            topic = dataclasses.replace(asked.entry.topics[0], name=place[0], partition_indexes=(place[1],))
            entry = dataclasses.replace(asked.entry, topics=(topic,))
            payload = request("WriteTxnMarkers", asked.version, markers=[entry])
            return Held(producer_id, place, asked.nodes[place], payload, self), asked

    def _send(self, held: Held) -> str:
        """One marker to its broker, over a connection of ours; the broker's answer."""
        with self._sending:
            self._background.check()
            connection = self._connections.get(held.node)
            if connection is None:
                connection = self._connections[held.node] = Connection(HOST, self._ports[held.node][1])
            try:
                answer = connection.call(held.payload)
            except WireError:
                self._connections.pop(held.node).close()
                raise
        return error_name(answer.markers[0].topics[0].partitions[0].error_code)

    def _stir(self) -> None:
        """Something changed: have the coordinators ask again at once."""
        self._background.soon(self._unpark)

    def _alarm(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _summary(self) -> str:
        said = "\n  ".join(self._seen)
        return f"what happened lately:\n  {said}" if said else "no marker was asked for so far"

    # -- the coordinators' side, in the proxy's thread

    async def _serve(self, node: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await asyncio.open_connection(HOST, self._ports[node][1])
        try:
            frame = await read_frame(reader)
            # Since 4.2 the sender of markers asks first which versions there are, as many others do.
            while header(frame).api == "ApiVersions":
                writer.write(framed(await exchange(upstream, frame)))
                frame = await read_frame(reader)
            if header(frame).api != "WriteTxnMarkers":  # the sender of markers sends nothing else
                upstream[1].write(framed(frame))
                await first_of(pump(reader, upstream[1]), pump(upstream[0], writer))
                return
            while True:  # one request at a time: the coordinator sends the next one after the answer
                writer.write(framed(await self._answer(node, frame, upstream)))
                frame = await read_frame(reader)
        finally:
            upstream[1].transport.abort()

    async def _answer(self, node: int, frame: bytes, upstream: Stream) -> bytes:
        head, payload = decode_request(frame)
        answers, rest = self._sort(node, payload)
        if not rest and all(error == HELD for places in answers.values() for error in places.values()):
            await self._park()
            answers, rest = self._sort(node, payload)
        if not answers:
            return await exchange(upstream, frame)
        if rest:
            forward = encode_request(dataclasses.replace(payload, markers=tuple(rest)), head.correlation)
            _, more = decode_response(head.key, head.version, await exchange(upstream, forward))
            for producer_id, place, error in _results(more):
                answers.setdefault(producer_id, {})[place] = error
        return encode_response(_response(head.version, answers), head.correlation)

    async def _park(self) -> None:
        """Wait a little, or until something changes."""
        event = asyncio.Event()
        self._parked.add(event)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAUSE):
                await event.wait()
        self._parked.discard(event)

    def _unpark(self) -> None:
        for event in self._parked:
            event.set()

    def _sort(self, node: int, payload: Any) -> tuple[dict[int, dict[Partition, str]], list[Any]]:
        """What the coordinator is told here, by producer, and the entries that the broker is to answer."""
        answers: dict[int, dict[Partition, str]] = {}
        rest = []
        with self._changed:
            for entry in payload.markers:
                producer_id = entry.producer_id
                passing = []
                for topic in entry.topics:
                    indexes = []
                    for index in topic.partition_indexes:
                        error = self._told(node, type(payload).__version__, entry, (topic.name, index))
                        if error is None:
                            indexes.append(index)
                        else:
                            answers.setdefault(producer_id, {})[topic.name, index] = error
                    if indexes:
                        passing.append(dataclasses.replace(topic, partition_indexes=tuple(indexes)))
                if passing:
                    rest.append(dataclasses.replace(entry, topics=tuple(passing)))
                self._forget_finished(producer_id)
        return answers, rest

    def _told(self, node: int, version: int, entry: Any, place: Partition) -> str | None:
        """What the coordinator is told about one marker; None if that is the broker's affair."""
        asked = self._asked.get(entry.producer_id)
        controlled = entry.producer_id in self._controlled
        if asked is None or not asked.same(entry):
            if not controlled:
                return None
            asked = self._asked[entry.producer_id] = _Asked(entry, version)
        if place not in asked.nodes:
            self._seen.append(f"node {node}: {_described(entry)} for {_named(place)}")
            self._changed.notify_all()
        asked.nodes[place] = node
        if place in asked.done:
            return "NONE"
        error = asked.said.pop(place, None)
        if error == "NONE":
            asked.done.add(place)
        elif error in CANCELS:
            asked.cancelled = True
        return error or (HELD if controlled else None)

    def _forget_finished(self, producer_id: int) -> None:
        """The same producer may end its next transaction with the same epoch: nothing of this one must stay."""
        asked = self._asked.get(producer_id)
        if asked is None or (producer_id not in self._controlled and not asked.said):
            self._asked.pop(producer_id, None)
        elif asked.cancelled or asked.done == set(asked.nodes):
            del self._asked[producer_id]


def _named(place: Partition) -> str:
    return f"{place[0]}-{place[1]}"


def _decision(entry: Any) -> tuple[int, bool, int]:
    return entry.producer_epoch, entry.transaction_result, entry.coordinator_epoch


def _described(entry: Any) -> str:
    epoch, commit, coordinator = _decision(entry)
    verdict = "COMMIT" if commit else "ABORT"
    return f"{verdict} of producer {entry.producer_id} epoch {epoch} (coordinator epoch {coordinator})"


def _results(payload: Any) -> Iterator[tuple[int, Partition, str]]:
    for marker in payload.markers:
        for topic in marker.topics:
            for one in topic.partitions:
                yield marker.producer_id, (topic.name, one.partition_index), error_name(one.error_code)


def _response(version: int, answers: dict[int, dict[Partition, str]]) -> Any:
    markers = []
    for producer_id, places in answers.items():
        topics: dict[str, list[dict[str, Any]]] = {}
        for (topic, index), error in places.items():
            topics.setdefault(topic, []).append({"partition_index": index, "error_code": error})
        listed = [{"name": name, "partitions": found} for name, found in topics.items()]
        markers.append({"producer_id": producer_id, "topics": listed})
    return response("WriteTxnMarkers", version, markers=markers)
