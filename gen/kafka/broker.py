"""One broker: its ports, its server properties, its process.

The properties make it quick to start and quick to act (a transaction that has timed out is aborted within 0.1 s), and
leave alone what decides about exactly-once. INTERNAL is the listener on which brokers speak to each other, and a
coordinator to the leader of a partition: what is advertised for it can be a proxy.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eoscheck.gen.kafka import guard as guarding
from eoscheck.gen.kafka.flavour import Flavour, NoKafka, release
from eoscheck.gen.kafka.jars import Jars, Java

HOST = "127.0.0.1"

PORTS = range(20_000, 32_000)
"""Below the ports that systems give to outgoing connections, so that a port survives the restart of its broker."""

MEMORY = Path("/dev/shm")
"""Where Linux keeps files in memory; a broker starts and flushes faster there."""

SESSION, SESSION_ALONE = 1000, 2000
"""Milliseconds (broker.session.timeout.ms) that a dead broker keeps its partitions, and that a restarted one is taken
for its predecessor. A broker alone has nobody to lose them to, but loses them too if the machine stalls for as long."""

ROOM = 256 * 2**20
"""Free bytes that MEMORY must have: containers often get 64 MB."""

JVM = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",  # its files in the temporary folder would outlive a killed process
    "-XX:-CreateCoredumpOnCrash",
    "-Xshare:auto",
    "-Djava.awt.headless=true",
    "-Dlog4j.configuration=file:log4j.properties",  # in its folder, for a distribution of its own logging
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)

COMMON = {
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "INTERNAL",
    "listener.security.protocol.map": "CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "num.partitions": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "100",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.coordinator.append.linger.ms": "0",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "100",
    "transaction.max.timeout.ms": "3600000",
    "log.cleaner.dedupe.buffer.size": "2097152",
    "log.initial.task.delay.ms": "500000",
    "broker.heartbeat.interval.ms": "200",
    "request.timeout.ms": "120000",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "num.recovery.threads.per.data.dir": "1",
}


@dataclass(frozen=True)
class Seat:
    """Where a broker is: what stays the same when it is started again.

    advertised  port that other brokers and coordinators are told
    controller  port of the controller, which is on node 1
    """

    node: int
    client: int
    internal: int
    advertised: int
    controller: int
    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def properties(self) -> Path:
        return self.folder / "server.properties"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment; another process may still take one before a broker does."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        for port in random.sample(PORTS, len(PORTS)):
            probe = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                found.append(port)
                if len(found) == count:
                    return found
    raise NoKafka(f"no {count} free ports between {PORTS.start} and {PORTS.stop}")


def root() -> Path:
    """Where folders of brokers go: in memory if there is room, else among the temporary files."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(MEMORY).free > ROOM:
            with tempfile.TemporaryDirectory(dir=MEMORY):
                return MEMORY
    return Path(tempfile.gettempdir())


def server_properties(
    flavour: Flavour, seat: Seat, brokers: int, settings: Mapping[str, str]
) -> dict[str, str]:
    """All properties of a broker; those of `settings` win over those of the flavour, and both over ours."""
    first = seat.node == 1
    listeners = {"CLIENT": seat.client, "INTERNAL": seat.internal}
    replicas, enough = str(brokers), "2" if brokers > 2 else "1"
    internal = ["transaction.state.log", *(["share.coordinator.state.topic"] if _has_share(flavour) else [])]
    return {
        **COMMON,
        "process.roles": "broker,controller" if first else "broker",
        "node.id": str(seat.node),
        "controller.quorum.voters": f"1@{HOST}:{seat.controller}",
        "listeners": _listeners({**listeners, "CONTROLLER": seat.controller} if first else listeners),
        "advertised.listeners": _listeners({**listeners, "INTERNAL": seat.advertised}),
        "log.dirs": str(seat.data),
        "broker.session.timeout.ms": str(SESSION if brokers > 1 else SESSION_ALONE),
        "offsets.topic.replication.factor": replicas,
        **{f"{topic}.replication.factor": replicas for topic in internal},
        **{f"{topic}.min.isr": enough for topic in internal},
        **flavour.settings,
        **settings,
    }


def _has_share(flavour: Flavour) -> bool:
    return release(flavour.version) >= (4, 0)


def _listeners(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items())


def properties_text(properties: Mapping[str, str]) -> str:
    """A properties file, in which a backslash starts an escape."""
    return "".join(f"{key}={value}\n".replace("\\", "\\\\") for key, value in properties.items())


def java_command(
    java: Java, jars: Jars, *options: str, main: str, arguments: Sequence[str | Path]
) -> list[str]:
    """The command line of one of Kafka's programs."""
    return [java.path, *JVM, *options, "-cp", jars.classpath, main, *map(str, arguments)]


class Broker:
    """A broker. One that was started here can be killed and started again; of another only the address is known.

    internal_port  where it listens for other brokers, whatever it advertises; None if it was not started here
    """

    def __init__(
        self, node_id: int, host: str, port: int, seat: Seat | None = None, command: Sequence[str] = ()
    ) -> None:
        self.node_id = node_id
        self.host = host
        self.client_port = port
        self.internal_port = seat.internal if seat else None
        self._seat = seat
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._born = ""

    @property
    def pid(self) -> int | None:
        """Of its process, which leads a group; None if there is none, or if it is not ours."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """False from `kill` to `start`; of one that was not started here it is taken for granted."""
        return self._seat is None or self._process is not None

    @property
    def exit_code(self) -> int | None:
        """What the process ended with (negative: the signal that ended it), None while it runs."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start the process; it takes a while until it answers."""
        seat = self._own()
        if self._process is None:
            self._process = guarding.guard().start(self._command, log=seat.log, cwd=seat.folder)
            self._born = guarding.birth(self._process.pid) or ""

    def restart(self) -> None:
        """SIGKILL if it runs, and start it again on the same ports and storage; `Cluster.wait` waits for it."""
        self.kill()
        self.start()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. Its folder stays. Nothing happens if it does not run."""
        self._own()
        if self._process is not None:
            pid = self._process.pid
            if self._process.poll() is None:
                guarding.kill(pid, self._born)
            self._process.wait()
            guarding.guard().release(pid)
            self._process = None

    def leave(self) -> None:
        """Let the process outlive this one: from now on it is not ours."""
        self._own()
        if self._process is not None:
            guarding.guard().release(self._process.pid)
            self._process.returncode = 0  # else Python would complain that nobody waited for it
        self._seat = self._process = None

    def terminate(self, seconds: float) -> None:
        """Ask it to shut down, and wait for that; killed after so many seconds."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that it logged, warnings and errors only."""
        if self._seat is None or not self._seat.log.exists():
            return ""
        text = self._seat.log.read_text("utf-8", "replace")
        return "\n".join(text.splitlines()[-lines:])

    def _own(self) -> Seat:
        if self._seat is None:
            raise NoKafka(
                f"the broker at {self.host}:{self.client_port} was not started here, so it is left alone"
            )
        return self._seat
