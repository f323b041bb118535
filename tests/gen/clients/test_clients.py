"""Known anomalies with real clients on a real broker, each made to happen at one certain point."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eoscheck.gen.clients.actors import Client, ClientError, ClientGone, UserProgram, rows
from eoscheck.gen.clients.proxy import Proxy
from eoscheck.gen.clients.traffic import Match

pytestmark = pytest.mark.kafka

COMMITTED = {"isolation.level": "read_committed"}


@pytest.fixture
def kafka(brokers: Callable[[str], Any]) -> Any:
    return brokers("4.1.2:tv0")


@pytest.fixture
def proxy(kafka: Any) -> Iterator[Proxy]:
    made = Proxy(kafka.cluster.bootstrap)
    yield made
    made.close()


def transactional(name: str) -> dict[str, Any]:
    return {"transactional.id": name}


def test_an_ack_that_is_lost_makes_a_duplicate(kafka: Any, proxy: Proxy) -> None:
    topic = kafka.topic("lost-ack")
    lost = proxy.lose_answer("producer", Match("Produce", topic=topic))
    with Client(proxy.bootstrap("producer"), producer={}) as producer:
        producer.send(topic, 0, "m1")
        assert [record["offset"] for record in producer.flush()] == [1]
    assert lost.wait().answer == {"base_offset": 0}
    assert kafka.log(topic) == ["m1", "m1"]


def test_an_idempotent_producer_makes_none(kafka: Any, proxy: Proxy) -> None:
    topic = kafka.topic("lost-ack-idempotent")
    proxy.lose_answer("producer", Match("Produce", topic=topic))
    with Client(proxy.bootstrap("producer"), producer={"enable.idempotence": True}) as producer:
        producer.send(topic, 0, "m1")
        assert [record["offset"] for record in producer.flush()] == [0]
    sent = [one for one in proxy.timeline() if one.api == "Produce"]
    assert [one.answer for one in sent] == [{"base_offset": 0}] * 2
    assert kafka.log(topic) == ["m1"]


def test_a_dead_producer_is_fenced(kafka: Any, proxy: Proxy) -> None:
    topic = kafka.topic("zombie")
    held = proxy.hold("a", Match("Produce", topic=topic))
    with Client(proxy.bootstrap("a"), producer=transactional("zombie")) as a:
        a.init()
        a.begin()
        a.send(topic, 0, "a")
        held.wait()
        a.kill()
    with Client(proxy.bootstrap("b"), producer=transactional("zombie")) as b:
        b.init()
        b.begin()
        b.send(topic, 0, "b")
        b.commit()
    held.release()
    assert held.answered().errors == ("INVALID_PRODUCER_EPOCH",)
    assert [value for value in kafka.log(topic) if value in "ab"] == ["b"]


def test_a_living_producer_is_told(kafka: Any) -> None:
    topic = kafka.topic("fenced")
    with Client(kafka.cluster.bootstrap, producer=transactional("fenced")) as a:
        a.init()
        a.begin()
        a.send(topic, 0, "a")
        a.flush()
        with Client(kafka.cluster.bootstrap, producer=transactional("fenced")) as b:
            b.init()
        with pytest.raises(ClientError, match="_FENCED") as told:
            a.commit()
        assert told.value.fatal
        with pytest.raises(ClientError, match="no_such_thing"):
            a.call("no_such_thing")
        with pytest.raises(ClientError, match="no_such_setting"):
            Client(kafka.cluster.bootstrap, producer={"no_such_setting": 1})
        a.kill()
        with pytest.raises(ClientGone):
            a.commit()


@pytest.mark.parametrize("transaction", [False, True])
def test_a_row_twice_after_a_crash_before_the_commit(
    kafka: Any, proxy: Proxy, tmp_path: Path, transaction: bool
) -> None:
    name = f"rows-{transaction}"
    orders, payments, database = kafka.topic(f"{name}-in"), kafka.topic(f"{name}-out"), tmp_path / "rows"
    with Client(kafka.cluster.bootstrap, producer={}) as source:
        source.send(orders, 0, "m1")
        source.flush()
    for crash in (True, False):
        with Client(
            proxy.bootstrap("processor"),
            producer=transactional(name) if transaction else {},
            consumer={"group.id": name, **COMMITTED},
            database=database,
        ) as processor:
            if transaction:
                processor.init()
                processor.begin()
            processor.assign((orders, 0))
            record = processor.next()
            processor.insert(record["value"])
            processor.send(payments, 0, record["value"])
            processor.flush()
            if crash:
                processor.kill()
            elif transaction:
                processor.send_offsets((orders, 0, record["offset"] + 1))
                processor.commit()
            else:
                processor.commit_offsets((orders, 0, record["offset"] + 1))
                assert processor.call("committed", topic=orders, partition=0) == 1
    assert rows(database) == ["m1", "m1"]
    if transaction:  # commit() returns before the marker is written
        assert kafka.log(payments, last="COMMIT") == ["m1", "ABORT", "m1", "COMMIT"]
    else:
        assert kafka.log(payments) == ["m1", "m1"]


def test_a_reader_sees_half_a_transaction(kafka: Any, proxy: Proxy) -> None:
    topic = kafka.topic("torn", 2)
    with (
        Client(proxy.bootstrap("producer"), producer=transactional("torn")) as producer,
        Client(proxy.bootstrap("reader"), consumer=COMMITTED) as reader,
    ):
        producer.init()
        begun = next(
            one for one in proxy.timeline("producer") if one.api == "InitProducerId" and not one.errors
        )
        assert begun.answer is not None
        number = begun.answer["producer_id"]
        kafka.markers.control(number)
        producer.begin()
        producer.send(topic, 0, "debit")
        producer.send(topic, 1, "credit")
        producer.commit()
        kafka.markers.wait(number, [(topic, 0), (topic, 1)])
        kafka.markers.write(number, topic, 0)
        reader.assign((topic, 0, 0), (topic, 1, 0))
        assert reader.next()["value"] == "debit"
        again = proxy.watch("reader", Match("Fetch", topic=topic, partition=1, nth=2))
        assert again.answered().answer is not None
        assert reader.poll(0) is None
        kafka.markers.write(number, topic, 1)
        assert reader.next()["value"] == "credit"


def test_members_of_a_group(kafka: Any, proxy: Proxy) -> None:
    topic = kafka.topic("group", 2)
    with Client(kafka.cluster.bootstrap, producer={}) as source:
        for partition in (0, 1):
            source.send(topic, partition, f"m{partition}")
        source.flush()
    settings = {"group.id": "group", "session.timeout.ms": 1000, "heartbeat.interval.ms": 100}
    with (
        Client(proxy.bootstrap("a"), consumer=settings) as a,
        Client(proxy.bootstrap("b"), consumer=settings) as b,
    ):
        a.subscribe(topic)
        assert {a.next()["value"], a.next()["value"]} == {"m0", "m1"}
        assert a.events == [{"event": "assigned", "places": [[topic, 0], [topic, 1]]}]
        a.commit_offsets()
        a.pause()
        b.subscribe(topic)
        end = time.monotonic() + 20
        while not b.events and time.monotonic() < end:
            assert b.poll(0.05) is None  # all is committed
        assert b.events[0]["places"] == [[topic, 0], [topic, 1]]
        a.resume()
        with pytest.raises(
            ClientError, match=r"ILLEGAL_GENERATION|UNKNOWN_MEMBER_ID|_ASSIGNMENT_LOST|_STATE"
        ):
            a.commit_offsets((topic, 0, 1))


SCRIPT = """
import os
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": os.environ["BOOTSTRAP_SERVERS"], "linger.ms": 0})
for value in ("m1", "m2"):
    producer.produce(os.environ["TOPIC"], value, partition=0)
    producer.flush()
    print("sent", value, flush=True)
"""


def test_a_program_of_the_user(kafka: Any, proxy: Proxy, tmp_path: Path) -> None:
    topic = kafka.topic("program")
    (tmp_path / "program.py").write_text(SCRIPT)
    command, env = [sys.executable, "program.py", "{bootstrap}"], {"TOPIC": topic}
    with UserProgram(command, proxy.bootstrap("program"), env, tmp_path) as program:
        answer = proxy.hold_answer("program", Match("Produce", topic=topic, nth=2))
        program.start()
        answer.wait()
        program.until("sent m1")
        assert program.kill().exit_code == -9
        program.start()
        assert program.wait().exit_code == 0
        assert [run.output.split("\n")[:-1] for run in program.runs] == [["sent m1"], ["sent m1", "sent m2"]]
    assert kafka.log(topic) == ["m1", "m2", "m1", "m2"]
    with UserProgram(["no-such-program"], "", {}) as wrong:
        wrong.start()
        assert wrong.wait().exit_code == 127
        assert "not found" in wrong.output()
        wrong.start()
        with pytest.raises(ClientGone, match="did not print 'ready'"):
            wrong.until("ready")
