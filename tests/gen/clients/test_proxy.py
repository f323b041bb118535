"""The proxy between clients and brokers made of threads: what it does to requests, and that nothing goes around it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eoscheck.gen.clients.background import ProxyError
from eoscheck.gen.clients.proxy import Proxy
from eoscheck.gen.clients.traffic import Exchange, Match, report
from eoscheck.gen.kafka.wire import (
    Connection,
    Header,
    WireError,
    batch,
    decode_request,
    encode_response,
    error_name,
    header,
    latest,
    request,
    response,
)

Answer = Callable[[Header, Any], Any]
TOPIC = uuid.UUID(int=7)


class FakeBroker:
    """Keeps the frames that it gets and answers what `answers` says, by name of the request."""

    def __init__(self, **answers: Answer) -> None:
        self.frames: list[bytes] = []
        self.answers: dict[str, Answer] = {"EndTxn": _ended, "Produce": _produced, **answers}
        self._got = threading.Condition()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def got(self, count: int) -> list[str]:
        """The names of the requests, once there are so many."""
        with self._got:
            assert self._got.wait_for(lambda: len(self.frames) >= count, 5), self.frames
            return [header(frame).api for frame in self.frames]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                while length := stream.read(4):
                    frame = stream.read(struct.unpack(">i", length)[0])
                    with self._got:
                        self.frames.append(frame)
                        self._got.notify_all()
                    self._answer(connection, frame)
        except OSError:
            pass

    def _answer(self, connection: socket.socket, frame: bytes) -> None:
        head = header(frame)
        payload = decode_request(frame)[1] if not head.api.startswith("request ") else None
        if head.api == "Produce" and payload.acks == 0:
            return
        made = self.answers[head.api](head, payload)
        answer = made if isinstance(made, bytes) else encode_response(made, head.correlation)
        connection.sendall(struct.pack(">i", len(answer)) + answer)

    def close(self) -> None:
        self._socket.close()
        for connection in self._open:
            connection.close()

    def hang_up(self) -> None:
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _ended(head: Header, _: Any) -> Any:
    return response("EndTxn", head.version, throttle_time=0, error_code="INVALID_PRODUCER_EPOCH")


def _produced(head: Header, _: Any) -> Any:
    one = {"index": 0, "error_code": 0, "base_offset": 3, "log_append_time": None, "record_errors": ()}
    topic = {"topic_id": TOPIC} if head.version >= 13 else {"name": "t"}
    return response(
        "Produce", head.version, throttle_time=0, responses=[{**topic, "partition_responses": [one]}]
    )


def end(producer_id: int = 1) -> Any:
    return request(
        "EndTxn", 3, transactional_id="x", producer_id=producer_id, producer_epoch=0, committed=True
    )


def produce(
    partition: int = 0, *, producer_id: int = 1, sequence: int = 0, acks: int = -1, version: int = 11
) -> Any:
    records = batch(b"m", producer_id=producer_id, epoch=0, sequence=sequence)
    topic = {"topic_id": TOPIC} if version >= 13 else {"name": "t"}
    data = [{**topic, "partition_data": [{"index": partition, "records": records}]}]
    return request("Produce", version, transactional_id=None, acks=acks, timeout=1000, topic_data=data)


@pytest.fixture
def broker() -> Iterator[FakeBroker]:
    made = FakeBroker()
    yield made
    made.close()


@pytest.fixture
def proxy(broker: FakeBroker) -> Iterator[Proxy]:
    made = Proxy(broker.address)
    yield made
    made._background.close()


def connect(proxy: Proxy, actor: str = "a") -> Connection:
    return connect_to(proxy.bootstrap(actor))


def connect_to(address: str) -> Connection:
    host, _, port = address.rpartition(":")
    return Connection(host, int(port), timeout=5)


def test_what_no_rule_hits_passes_in_order(broker: FakeBroker, proxy: Proxy) -> None:
    connection = connect(proxy)
    for payload in (end(), produce(acks=0), produce(), end(2)):
        connection.send(payload)
        if getattr(payload, "acks", -1) == 0:
            connection._waiting.pop()  # nothing comes back
    answers = [connection.receive() for _ in range(3)]
    assert [type(a).__name__ for a in answers] == ["EndTxnResponse", "ProduceResponse", "EndTxnResponse"]
    assert broker.got(4) == ["EndTxn", "Produce", "Produce", "EndTxn"]
    seen = proxy.timeline("a")
    assert [one.errors for one in seen] == [("INVALID_PRODUCER_EPOCH",), (), (), ("INVALID_PRODUCER_EPOCH",)]
    assert seen[2].places == [("t", 0)]
    assert seen[2].answer == {"base_offset": 3}
    assert seen[3].fields == {
        "transactional_id": "x",
        "producer_id": 2,
        "producer_epoch": 0,
        "committed": True,
    }
    proxy.close()


def test_a_held_request_goes_on_after_its_client_died(broker: FakeBroker, proxy: Proxy) -> None:
    rule = proxy.hold("a", Match("EndTxn"))
    connection = connect(proxy)
    connection.send(end())
    assert rule.wait().api == "EndTxn"
    connection._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    assert broker.frames == []
    rule.release()
    assert rule.answered().errors == ("INVALID_PRODUCER_EPOCH",)
    assert broker.got(1) == ["EndTxn"]
    assert rule.wait().notes[0] == "held"
    proxy.close()


def test_what_is_held_holds_its_connection_only(broker: FakeBroker, proxy: Proxy) -> None:
    rule = proxy.hold("a", Match("Produce"))
    connection = connect(proxy)
    connection.send(produce())
    connection.send(end())
    rule.wait()
    for actor in ("a", "b"):
        connect(proxy, actor).call(end())
    assert broker.got(2) == ["EndTxn", "EndTxn"]
    rule.release()
    connection.receive()
    connection.receive()
    assert broker.got(4)[2:] == ["Produce", "EndTxn"]


def test_a_lost_request_and_what_was_sent_behind_it(broker: FakeBroker, proxy: Proxy) -> None:
    rule = proxy.lose("a", Match("Produce"))
    connection = connect(proxy)
    connection.call(end())
    with pytest.raises(WireError):
        connection.send(produce())
        connection.send(end())
        connection.receive()
    assert rule.wait().notes == ["request lost"]
    connect(proxy).call(produce())
    assert broker.got(2) == ["EndTxn", "Produce"]


def test_a_lost_answer(broker: FakeBroker, proxy: Proxy) -> None:
    rule = proxy.lose_answer("a", Match("Produce"))
    connection = connect(proxy)
    connection.send(end())
    connection.send(produce())
    connection.receive()
    with pytest.raises(WireError):
        connection.receive()
    assert broker.got(2) == ["EndTxn", "Produce"]
    assert rule.wait().answer == {"base_offset": 3}


def test_an_answer_that_is_held(broker: FakeBroker, proxy: Proxy) -> None:
    rule = proxy.hold_answer("a", Match("Produce"))
    connection = connect(proxy)
    connection.send(produce())
    assert rule.wait().answer is not None
    assert not connection.answered()
    rule.release()
    connection.receive()


def test_the_same_bytes_again(broker: FakeBroker, proxy: Proxy) -> None:
    rule = proxy.duplicate("a", Match("EndTxn"))
    connection = connect(proxy)
    connection.call(end())
    connection.close()
    rule.release()
    assert rule.answered().errors == ("INVALID_PRODUCER_EPOCH",)
    assert rule.answered() is not rule.wait()
    assert broker.got(2) and broker.frames[0] == broker.frames[1]


def test_the_nth_that_fits(broker: FakeBroker, proxy: Proxy) -> None:
    rules = {
        "third": proxy.watch("a", Match("Produce", nth=3)),
        "partition": proxy.watch("a", Match("Produce", topic="t", partition=1)),
        "sequence": proxy.watch("a", Match("Produce", producer_id=1, sequence=5, nth=2)),
        "when": proxy.watch("a", Match("Produce", when=lambda seen: seen.fields.get("acks") == 1)),
    }
    connection = connect(proxy)
    connect(proxy, "b").call(produce(1, acks=1))
    sent = [
        {},
        {"producer_id": 2, "sequence": 5},
        {"sequence": 5},
        {"partition": 1, "sequence": 5},
        {"acks": 1},
    ]
    for arguments in sent:
        connection.call(produce(**arguments))  # type: ignore[arg-type]
    hits = {name: rule.wait().number - 1 for name, rule in rules.items()}
    assert hits == {"third": 3, "partition": 4, "sequence": 4, "when": 5}
    proxy.close()


def test_cut_and_a_broker_that_hangs_up(broker: FakeBroker, proxy: Proxy) -> None:
    one, other = connect(proxy, "a"), connect(proxy, "b")
    one.call(end())
    other.call(end())
    proxy.cut("a")
    with pytest.raises(WireError):
        one.call(end())
    other.call(end())
    broker.hang_up()
    with pytest.raises(WireError):
        other.call(end())


def test_no_connection_goes_around_the_proxy(broker: FakeBroker, proxy: Proxy) -> None:
    second = FakeBroker()
    place = {"host": "127.0.0.1", "port": second.port, "rack": None}

    def metadata(head: Header, _: Any) -> Any:
        topic = {"error_code": 0, "name": "t", "topic_id": TOPIC, "partitions": ()}
        nodes = [{**place, "node_id": 1, "port": broker.port}, {**place, "node_id": 2}]
        return response(
            "Metadata", head.version, throttle_time=0, error_code=0, brokers=nodes, topics=[topic]
        )

    def coordinator(head: Header, payload: Any) -> Any:
        where = {
            "error_code": 0,
            "error_message": None,
            "node_id": 2,
            "host": "127.0.0.1",
            "port": second.port,
        }
        if head.version < 4:
            return response("FindCoordinator", head.version, throttle_time=0, **where)
        nobody = {**where, "error_code": "COORDINATOR_NOT_AVAILABLE", "node_id": -1, "host": "", "port": -1}
        found = [{**where, "key": "x"}, {**nobody, "key": "y"}]
        return response("FindCoordinator", head.version, throttle_time=0, coordinators=found)

    def moved(head: Header, payload: Any) -> Any:
        answered = _produced(head, payload)
        partition = {"index": 0, "error_code": "NOT_LEADER_OR_FOLLOWER", "base_offset": -1}
        partition |= {
            "log_append_time": None,
            "record_errors": (),
            "current_leader": {"leader_id": 2, "leader_epoch": 1},
        }
        topic = {"name": answered.responses[0].name, "partition_responses": [partition]}
        return response(
            "Produce",
            head.version,
            throttle_time=0,
            responses=[topic],
            node_endpoints=[{**place, "node_id": 2}],
        )

    broker.answers |= {"Metadata": metadata, "FindCoordinator": coordinator, "Produce": moved}
    connection = connect(proxy)
    nodes = connection.call(
        request("Metadata", 13, topics=None, include_topic_authorized_operations=False)
    ).brokers
    ports = {node.node_id: node.port for node in nodes}
    assert f"127.0.0.1:{ports[1]}" == proxy.bootstrap("a")
    assert ports[2] not in (ports[1], broker.port, second.port)
    connect_to(f"127.0.0.1:{ports[2]}").call(end())
    assert second.got(1) == ["EndTxn"]
    old = connection.call(request("FindCoordinator", 2, key="x"))
    new = connection.call(request("FindCoordinator", 4, coordinator_keys=["x", "y"])).coordinators
    leader = connection.call(produce()).node_endpoints
    assert [x.port for x in (old, *new, *leader)] == [ports[2], ports[2], -1, ports[2]]
    other = connect(proxy, "b").call(
        request("Metadata", 13, topics=None, include_topic_authorized_operations=False)
    )
    assert not {node.port for node in other.brokers} & set(ports.values())
    rule = proxy.watch("a", Match("Produce", topic="t"))  # this version says which by the topic's id
    broker.answers["Produce"] = _produced
    connection.call(produce(version=13))
    assert rule.wait().places == [("t", 0)]
    second.close()
    proxy.close()


def test_only_what_the_codec_reads_is_offered(broker: FakeBroker, proxy: Proxy) -> None:
    def versions(head: Header, _: Any) -> Any:
        keys = [(0, 3, 99), (18, 0, 4), (999, 0, 1), (3, 90, 91)]
        offered = [{"api_key": k, "min_version": low, "max_version": high} for k, low, high in keys]
        return response("ApiVersions", head.version, error_code=0, throttle_time=0, api_keys=offered)

    broker.answers["ApiVersions"] = versions
    connection = connect(proxy)
    asked = request("ApiVersions", 3, client_software_name="x", client_software_version="1")
    offered = {one.api_key: one.max_version for one in connection.call(asked).api_keys}
    assert offered == {0: latest("Produce"), 18: 4}
    connection.send_frame(struct.pack(">hhihb", 18, latest("ApiVersions") + 1, 77, -1, 0))
    connection._waiting.append((77, 18, 0))
    refused = connection.receive()
    assert error_name(refused.error_code) == "UNSUPPORTED_VERSION"
    assert [one.max_version for one in refused.api_keys] == [latest("ApiVersions")]


def test_a_request_that_nobody_knows_passes(broker: FakeBroker, proxy: Proxy) -> None:
    broker.answers["request 999"] = lambda head, _: struct.pack(">i", head.correlation) + b"!"
    connection = connect(proxy)
    connection.send_frame(struct.pack(">hhih", 999, 0, 5, -1))
    assert connection._frame() == struct.pack(">i", 5) + b"!"
    assert proxy.timeline()[0].notes == ["not understood"]


def test_a_rule_that_never_met_its_request(broker: FakeBroker, proxy: Proxy) -> None:
    proxy.lose("a", Match("Produce", topic="t", nth=2))
    connect(proxy).call(produce())
    with pytest.raises(
        ProxyError,
        match=r"never happened: lose Produce no. 2 with topic t of a\nwhat passed:\n.*a Produce v11 t-0",
    ):
        proxy.clear()
    proxy.close()


def test_waiting_in_vain_says_what_passed(broker: FakeBroker, proxy: Proxy) -> None:
    rule = proxy.hold("a", Match("Produce"))
    connect(proxy).call(end())
    with pytest.raises(
        ProxyError, match=r"hold Produce no. 1 of a did not happen; what passed:\n.*EndTxn v3"
    ):
        rule.wait(0.05)


def test_clear_loses_what_is_held(broker: FakeBroker, proxy: Proxy) -> None:
    rule = proxy.hold("a", Match("Produce"))
    connection = connect(proxy)
    connection.send(produce())
    rule.wait()
    proxy.clear()
    with pytest.raises(WireError):
        connection.receive()
    connect(proxy).call(end())
    assert broker.got(1) == ["EndTxn"]


def test_errors_in_the_proxy_reach_the_harness(broker: FakeBroker) -> None:
    def wrong(_: Exchange) -> bool:
        raise LookupError("in the condition")

    for send in (lambda c: c.send(end()), lambda c: c.send_frame(b"\0\x1a\0\3\0\0\0\1\xff\xff\0\1")):
        proxy = Proxy(broker.address)
        rule = proxy.hold("a", Match("EndTxn", when=wrong))
        send(connect(proxy))
        with pytest.raises(ProxyError, match="the proxy failed"):
            rule.wait(5)
        with pytest.raises(ProxyError, match="the proxy failed"):
            proxy.close()


def test_a_proxy_that_was_closed_says_so(broker: FakeBroker) -> None:
    with Proxy(broker.address) as proxy:
        connection = connect(proxy)
        connection.call(end())
    with pytest.raises(WireError):
        connection.call(end())
    with pytest.raises(ProxyError, match="closed"):
        proxy.bootstrap("new")


def test_a_report_counts_what_repeats() -> None:
    seen = [
        Exchange(n, n / 10, "a", 1, api, 1, None)
        for n, api in enumerate(("Fetch", "Fetch", "Fetch", "EndTxn"), 1)
    ]
    assert report(seen).splitlines() == [
        "    1    0.100 a Fetch v1 -> no answer (times 3)",
        "    4    0.400 a EndTxn v1 -> no answer",
    ]
