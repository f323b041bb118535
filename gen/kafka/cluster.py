"""A Kafka to replay on: started here and gone afterwards, or running already and left alone.

    with start(parse("4.1.2:tv1")) as cluster:
        Connection("127.0.0.1", cluster.brokers[0].client_port)

A cluster that `start` gives is ready: every broker is a member, the coordinators of transactions and of groups have
loaded, every broker has producer ids to give, and the finalized features are those that were asked for.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from eoscheck.gen.kafka import ready
from eoscheck.gen.kafka.broker import (
    HOST,
    Broker,
    Seat,
    free_ports,
    java_command,
    root,
    server_properties,
)
from eoscheck.gen.kafka.flavour import TRANSACTION_VERSION, Flavour, NoKafka
from eoscheck.gen.kafka.guard import guard, remove
from eoscheck.gen.kafka.jars import locked
from eoscheck.gen.kafka.prepare import Plan, furnish, plan, uuid
from eoscheck.gen.kafka.wire import WireError

Advertise = Callable[[int, int], int]
"""Node id and the port where it listens for other brokers -> the port that it tells them."""

ATTEMPTS = 4
"""Starts before it counts as failed that a port is taken each time."""

ARCHIVING_SECONDS = 60.0
"""How long a broker may take to shut down and write its archive of loaded classes."""


class Cluster:
    """Brokers, by node id.

    flavour              what was asked for; None for a cluster that was running already
    version              "4.1.2", or "unknown"
    features             finalized levels, as a broker tells them
    folder               of all that the brokers write; None for a cluster that was running already
    """

    def __init__(
        self, brokers: Sequence[Broker], flavour: Flavour | None = None, folder: Path | None = None
    ) -> None:
        self.brokers = list(brokers)
        self.flavour = flavour
        self.version = flavour.version if flavour else "unknown"
        self.features: Mapping[str, int] = {}
        self.folder = folder

    @property
    def bootstrap(self) -> str:
        """Where clients connect: "127.0.0.1:20123", more of them separated by commas."""
        return ",".join(f"{broker.host}:{broker.client_port}" for broker in self.brokers)

    @property
    def transaction_version(self) -> int:
        """The finalized level of transaction.version, 0 where brokers know of none."""
        return self.features.get(TRANSACTION_VERSION, 0)

    @property
    def ours(self) -> bool:
        """Whether it was started here; nothing else is ever killed or stopped."""
        return self.folder is not None

    def broker(self, node_id: int) -> Broker:
        """The broker of this node id. Raises KeyError."""
        try:
            return next(broker for broker in self.brokers if broker.node_id == node_id)
        except StopIteration:
            raise KeyError(node_id) from None

    def wait(self, patience: float = ready.PATIENCE) -> None:
        """Until it is ready: after `start` it is, after a restart of a broker it may not be. Raises NoKafka.

        Counts on every broker that runs, and on none that was killed.
        """
        running = [broker for broker in self.brokers if broker.running]
        for broker in running:
            where = broker.host, broker.client_port
            self._ask(broker, functools.partial(ready.features, *where), patience)
            self._ask(broker, functools.partial(ready.complete, *where, len(running)), patience)
        where = running[0].host, running[0].client_port
        self._ask(running[0], functools.partial(ready.loaded, *where), patience)
        self.features = ready.features(*where)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that each broker logged, warnings and errors only; "" where nothing can be read."""
        tails = [(b.node_id, b.log_tail(lines)) for b in self.brokers]
        if len(tails) == 1:
            return tails[0][1]
        return "\n".join(f"broker {node}\n{tail}" for node, tail in tails if tail)

    def stop(self) -> None:
        """Kill the brokers and remove all that they wrote. Leaves alone what was not started here."""
        if self.folder is None:
            return
        for broker in self.brokers:
            broker.kill()
        remove(self.folder)
        guard().release(self.folder)

    def leave(self) -> None:
        """Let it outlive this process, with its folder: from now on it is not ours."""
        if self.folder is None:
            return
        for broker in self.brokers:
            broker.leave()
        guard().release(self.folder)
        self.folder = None

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ask(self, broker: Broker, question: Callable[[], object], patience: float) -> None:
        def asked() -> object:
            if broker.exit_code is not None:
                raise _Ended(broker)
            return question()

        try:
            ready.wait(asked, f"broker {broker.node_id}", patience)
        except ready.NotReady as error:
            raise NoKafka(f"Kafka {self.version}: {error}{_complaint(broker)}") from None


class _Ended(NoKafka):
    """A broker ended instead of becoming ready."""

    def __init__(self, broker: Broker) -> None:
        self.broker, self.code, self.log = broker, broker.exit_code or 0, broker.log_tail(2000)
        super().__init__(f"broker {broker.node_id} ended with {self.code}{_complaint(broker)}")

    @property
    def lost_a_port(self) -> bool:
        return "Address already in use" in self.log

    @property
    def crashed(self) -> bool:
        """Java itself and not Kafka, for which an archive of classes can be the reason."""
        said = ("initialization of VM", "A fatal error has been detected by the Java Runtime")
        return self.code not in (1, 2) or any(words in self.log for words in said)


def start(
    flavour: Flavour,
    *,
    brokers: int = 1,
    advertise: Advertise | None = None,
    settings: Mapping[str, str] | None = None,
) -> Cluster:
    """Start a cluster of its own, on new ports and empty storage. Raises NoKafka, and then nothing is left of it.

    advertise  called before a broker starts, with new ports again if one was lost to somebody else
    settings   server properties that win over all others
    """
    if flavour.source.startswith("docker:"):
        from eoscheck.gen.kafka import docker

        return docker.start(flavour, brokers=brokers, advertise=advertise, settings=settings or {})
    found = plan(flavour)
    if not found.archive.exists():
        _archive_classes(found)
    return _start(found, brokers, advertise, settings or {})


def attach(bootstrap: str) -> Cluster:
    """A cluster that runs already, "host:port" of any broker. Raises NoKafka where none answers."""
    host, _, port = bootstrap.split(",")[0].rpartition(":")
    if not host or not port.isdigit():
        raise NoKafka(f"{bootstrap!r} is no address of a broker; say host:port")
    try:
        members = ready.members(host, int(port))
        cluster = Cluster([Broker(m.node_id, m.host, m.port) for m in members])
        cluster.features = ready.features(host, int(port))
    except (WireError, ready.NotReady) as error:
        raise NoKafka(f"no Kafka answers at {bootstrap}: {error}") from None
    return cluster


def _start(
    found: Plan, brokers: int, advertise: Advertise | None, settings: Mapping[str, str], *options: str
) -> Cluster:
    archive = options or (f"-XX:SharedArchiveFile={found.archive}",)
    for attempt in range(ATTEMPTS):
        cluster = None
        try:
            cluster = _launch(found, brokers, advertise, settings, archive)
            cluster.wait()
            check_features(cluster)
            return cluster
        except _Ended as error:
            _discard(cluster)
            if error.crashed and archive and not options:
                found.archive.unlink(missing_ok=True)
                archive = ()
            elif not error.lost_a_port or attempt == ATTEMPTS - 1:
                raise NoKafka(f"Kafka {found.flavour} did not start: {error}") from None
        except BaseException:
            _discard(cluster)
            raise
    raise NoKafka(f"Kafka {found.flavour} did not start")


def _discard(cluster: Cluster | None) -> None:
    if cluster is not None:
        cluster.stop()


def _launch(
    found: Plan,
    brokers: int,
    advertise: Advertise | None,
    settings: Mapping[str, str],
    archive: Sequence[str],
) -> Cluster:
    """Start the processes; they do not answer yet."""
    folder = guard().temporary("eoscheck-kafka-", root())
    cluster = Cluster([], found.flavour, folder)
    try:
        name = uuid()
        controller, *ports = free_ports(1 + 2 * brokers)
        for node in range(1, brokers + 1):
            client, internal = ports[2 * node - 2 : 2 * node]
            advertised = advertise(node, internal) if advertise else internal
            seat = Seat(node, client, internal, advertised, controller, folder / f"node-{node}")
            furnish(found.storage, seat, name, server_properties(found.flavour, seat, brokers, settings))
            command = java_command(
                found.java, found.jars, *archive, main="kafka.Kafka", arguments=[seat.properties]
            )
            cluster.brokers.append(Broker(node, HOST, client, seat, command))
            cluster.brokers[-1].start()
    except BaseException:
        cluster.stop()
        raise
    return cluster


def check_features(cluster: Cluster) -> None:
    asked = cluster.flavour.features if cluster.flavour else {}
    for feature, level in asked.items():
        if (is_ := cluster.features.get(feature, 0)) != level:
            raise NoKafka(f"Kafka {cluster.version} runs with {feature} {is_}, asked was {level}")


def _complaint(broker: Broker) -> str:
    """The last error that a broker logged, in one line."""
    lines = broker.log_tail(2000).splitlines()
    telling = [x for x in lines if re.search(r"\b(ERROR|FATAL)\b|Exception|^Error", x)] or lines
    return f"; it says: {telling[-1].strip()[:300]}" if telling else ""


def _archive_classes(found: Plan) -> None:
    """Let a broker run once and write down the classes that it loaded, for all that come after it.

    One that cannot leaves an empty archive, which Java passes over, so that it is not tried each time.
    """
    with locked(f"classes/{found.archive.stem}"):
        if found.archive.exists():
            return
        written = found.archive.with_suffix(f".{os.getpid()}")
        with contextlib.ExitStack() as stack:
            stack.callback(written.unlink, missing_ok=True)
            with _start(found, 1, None, {}, f"-XX:ArchiveClassesAtExit={written}") as cluster:
                cluster.brokers[0].terminate(ARCHIVING_SECONDS)
            if not written.exists():
                written.touch()
            os.replace(written, found.archive)
