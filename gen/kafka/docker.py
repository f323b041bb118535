"""A Kafka in a container of Docker, for a machine without Java: `docker:apache/kafka:4.1.2`.

Needs Linux, because the container shares the network of the machine: what a broker advertises has to be reachable
from here and from itself alike. The image formats its own storage, so the features are those of its release. Written
against testcontainers 4 and the image's documentation; unlike everything else here it has not been run with a Docker
engine, and its tests end where Docker would begin.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from eoscheck.gen.kafka import ready
from eoscheck.gen.kafka.broker import HOST, Broker, Seat, free_ports, server_properties
from eoscheck.gen.kafka.cluster import Cluster, check_features
from eoscheck.gen.kafka.flavour import DOCKER, Flavour, NoKafka

DATA = Path("/tmp/eoscheck")
"""Folder of the broker, inside the container."""


class Contained(Broker):
    """A broker in a container; `pid` is not known."""

    def __init__(self, seat: Seat, container: Any) -> None:
        super().__init__(seat.node, HOST, seat.client, seat)
        self._container = container
        self._made = self._running = False

    @property
    def running(self) -> bool:
        return self._running

    def start(self) -> None:
        if not self._made:
            try:
                self._container.start()
            except Exception as error:  # whatever the client of Docker raises: no such image, say
                raise NoKafka(f"the container does not start: {_first_line(error)}") from None
            self._made = True
        elif not self._running:
            self._container.get_wrapped_container().start()
        self._running = True

    def kill(self) -> None:
        if self._running:
            self._container.get_wrapped_container().kill()
            self._running = False

    def leave(self) -> None:
        raise NoKafka(
            "a container is not left running; start one with docker run, and say --bootstrap host:port"
        )

    def log_tail(self, lines: int = 20) -> str:
        if not self._made:
            return ""
        logged: bytes = self._container.get_wrapped_container().logs(tail=lines)
        return logged.decode("utf-8", "replace").strip()

    def remove(self) -> None:
        """Stop the container and remove it."""
        self._made = self._running = False
        self._container.stop()


class ContainedCluster(Cluster):
    """Removes containers in the place of folders."""

    @property
    def ours(self) -> bool:
        return True

    def leave(self) -> None:
        for broker in self.brokers:
            broker.leave()

    def stop(self) -> None:
        for broker in self.brokers:
            if isinstance(broker, Contained):
                broker.remove()


def reachable() -> None:
    """Raises NoKafka unless testcontainers is installed and a Docker engine answers."""
    _engine()


def start(
    flavour: Flavour,
    *,
    brokers: int,
    advertise: Callable[[int, int], int] | None,
    settings: Mapping[str, str],
) -> Cluster:
    """As `cluster.start`, with one broker. Raises NoKafka."""
    container = _engine().DockerContainer(flavour.source.removeprefix(f"{DOCKER}:"))
    if brokers != 1:
        raise NoKafka(f"{brokers} brokers in containers are too many: only one is possible")
    if not flavour.version:
        raise NoKafka(f"{flavour}: the tag has to be the version, as in docker:apache/kafka:4.1.2")
    client, internal, controller = free_ports(3)
    advertised = advertise(1, internal) if advertise else internal
    seat = Seat(1, client, internal, advertised, controller, DATA)
    properties = server_properties(flavour, seat, 1, settings)
    container.with_kwargs(network_mode="host")
    for key, value in properties.items():
        container.with_env(variable(key), value)
    cluster = ContainedCluster([Contained(seat, container)], flavour)
    try:
        cluster.brokers[0].start()
        cluster.wait(2 * ready.PATIENCE)
        check_features(cluster)
    except BaseException:
        cluster.stop()
        raise
    return cluster


def variable(key: str) -> str:
    """The environment variable that the image `apache/kafka` turns into a server property."""
    return "KAFKA_" + key.upper().replace("_", "__").replace("-", "___").replace(".", "_")


def _engine() -> Any:
    """The module that starts containers, once Docker has answered."""
    try:
        containers = importlib.import_module("testcontainers.core.container")
        client = importlib.import_module("testcontainers.core.docker_client")
    except ImportError:
        raise NoKafka(
            "Kafka in a container needs the package testcontainers: pip install testcontainers"
        ) from None
    try:
        client.DockerClient().client.ping()
    except Exception as error:  # whatever the client of Docker raises where there is no engine
        raise NoKafka(
            f"no Docker engine answers, so there is no Kafka in a container: {_first_line(error)}"
        ) from None
    return containers


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
