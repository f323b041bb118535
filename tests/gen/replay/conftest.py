"""Real brokers for the tests here: one of each flavour, started when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from eoscheck.gen.replay.cluster import Cluster, start
from eoscheck.gen.replay.flavour import NoKafka, parse
from eoscheck.gen.replay.markers import Markers


@dataclass(frozen=True)
class Kafka:
    """One broker, whose transaction markers are under control."""

    cluster: Cluster
    markers: Markers

    @property
    def port(self) -> int:
        return self.cluster.brokers[0].client_port


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
