"""Where the Kafka of a replay comes from: what the user says, else the first of what there is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from eoscheck.gen.kafka import docker, jars, kept
from eoscheck.gen.kafka.cluster import Advertise, Cluster, attach, start
from eoscheck.gen.kafka.flavour import DOCKER, HOME, TESTED, Flavour, NoKafka, parse

DEFAULT = TESTED[1]


@dataclass(frozen=True)
class Provider:
    """One way to a Kafka: `flavour` to start, or else `bootstrap` to attach to."""

    flavour: Flavour | None
    bootstrap: str = ""

    def start(
        self,
        *,
        brokers: int = 1,
        advertise: Advertise | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> Cluster:
        """A cluster that is ready, as `cluster.start` and `cluster.attach` give it. Raises NoKafka."""
        if self.flavour is not None:
            return start(self.flavour, brokers=brokers, advertise=advertise, settings=settings)
        if brokers != 1 or advertise or settings:
            raise NoKafka(
                f"the Kafka at {self.bootstrap} runs already: this needs one of its own; leave --bootstrap out"
            )
        cluster = attach(self.bootstrap)
        cluster.version = kept.version_at(self.bootstrap) or cluster.version
        return cluster


def choose(kafka: str | None = None, bootstrap: str | None = None) -> Provider:
    """What --kafka and --bootstrap say, else $KAFKA_HOME, else Maven, else Docker.

    Raises NoKafka, without starting anything, with what is missing and what to do about it.
    """
    if kafka and bootstrap:
        raise NoKafka("--kafka starts one and --bootstrap takes one that runs: say one of them")
    if bootstrap:
        return Provider(None, bootstrap)
    if kafka:
        flavour = parse(kafka)
        available(flavour)
        return Provider(flavour)
    if os.environ.get("KAFKA_HOME"):
        return choose(HOME)
    try:
        return choose(DEFAULT)
    except NoKafka as error:
        image = parse(f"{DOCKER}:apache/kafka:{DEFAULT}")
        try:
            available(image)
        except NoKafka:
            raise NoKafka(f"{error}; or say --bootstrap host:port of a Kafka that runs") from None
        return Provider(image)


def available(flavour: Flavour) -> None:
    """Raises NoKafka where something is missing to start it, as far as can be told without the network."""
    if flavour.source.startswith(f"{DOCKER}:"):
        return docker.reachable()
    jars.java()
    if flavour.source == HOME:
        flavour.of_version(jars.jars(flavour).version)
    elif not jars.has(flavour.version) and shutil.which("mvn") is None:
        jars.jars(flavour)
