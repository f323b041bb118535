"""Real brokers for the tests here, one of each flavour, started when first asked for; and the tiny pipeline of the
checker's tests."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from eoscheck.gen.kafka.cluster import Cluster, start
from eoscheck.gen.kafka.flavour import NoKafka, parse
from eoscheck.gen.kafka.provider import choose
from eoscheck.gen.kafka.wire import Connection, batches, error_name, request
from eoscheck.gen.replay.markers import Markers
from eoscheck.gen.replay.postgres import NoPostgres, server
from eoscheck.gen.replay.testbed import Testbed

sys.path.insert(0, str(Path(__file__).parents[1] / "checker"))


@dataclass(frozen=True)
class Kafka:
    """One broker, whose transaction markers are under control."""

    cluster: Cluster
    markers: Markers

    @property
    def port(self) -> int:
        return self.cluster.brokers[0].client_port

    def topic(self, name: str, partitions: int = 1) -> str:
        """A new topic; its name."""
        topic = {"name": name, "num_partitions": partitions, "replication_factor": 1}
        topic |= {"assignments": (), "configs": ()}
        made = request("CreateTopics", 7, topics=[topic], timeout=5000, validate_only=False)
        connection = Connection("127.0.0.1", self.port)
        assert error_name(connection.call(made).topics[0].error_code) == "NONE"
        for partition in range(partitions):  # the answer comes before the broker leads them
            place = {"name": name, "partitions": [{"partition_index": partition, "timestamp": -1}]}
            asked = request("ListOffsets", 7, replica_id=-1, isolation_level=0, topics=[place])
            end = time.monotonic() + 10
            while error_name(connection.call(asked).topics[0].partitions[0].error_code) != "NONE":
                assert time.monotonic() < end, f"nobody leads {name}-{partition}"
        return name

    def log(self, topic: str, partition: int = 0, last: str | None = None) -> list[str]:
        """All records of a partition, markers included: "m1", "COMMIT"; once the last one is this, if one is given."""
        end = time.monotonic() + 10
        while True:
            found = self._log(topic, partition)
            if last is None or found[-1:] == [last] or time.monotonic() > end:
                return found

    def _log(self, topic: str, partition: int) -> list[str]:
        part = {"partition": partition, "fetch_offset": 0, "partition_max_bytes": 1 << 20}
        topics = [{"topic": topic, "partitions": [part]}]
        asked = request(
            "Fetch", 12, max_wait=0, min_bytes=0, isolation_level=0, topics=topics, forgotten_topics_data=()
        )
        answer = Connection("127.0.0.1", self.port).call(asked).responses[0].partitions[0]
        assert error_name(answer.error_code) == "NONE"
        return [b.control or (v or b"").decode() for b in batches(answer.records) for _, v in b.records]


@pytest.fixture(scope="session")
def brokers() -> Iterator[Callable[[str], Kafka]]:
    """brokers("4.1.2:tv0")"""
    running: dict[str, Kafka] = {}

    def broker(flavour: str) -> Kafka:
        if flavour not in running:
            markers = Markers()
            try:
                running[flavour] = Kafka(start(parse(flavour), advertise=markers.advertise), markers)
            except NoKafka as error:
                markers.close()
                pytest.skip(str(error))
        return running[flavour]

    yield broker
    for kafka in running.values():
        kafka.cluster.stop()
        kafka.markers.close()


@pytest.fixture(scope="session")
def testbeds() -> Iterator[Callable[[str], Testbed]]:
    """testbeds("3.9.1"): a Kafka of this flavour to replay on."""
    running: dict[str, Testbed] = {}

    def testbed(flavour: str) -> Testbed:
        if flavour not in running:
            try:
                running[flavour] = Testbed(choose(flavour))
            except NoKafka as error:
                pytest.skip(str(error))
        return running[flavour]

    yield testbed
    for one in running.values():
        one.close()
        if one.database:
            server().stop()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL of our own: its connection string."""
    try:
        started = server()
    except NoPostgres as error:
        pytest.skip(str(error))
    yield started.dsn
    started.stop()
