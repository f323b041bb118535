"""Where replays run: a Kafka whose transaction markers are steered, and a database for the stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import TracebackType

from eoscheck.gen.kafka.cluster import Cluster
from eoscheck.gen.kafka.flavour import (
    TESTED,
    TRANSACTION_VERSION,
    UNVERIFIED,
    UNVERIFIED_SETTINGS,
    Flavour,
    NoKafka,
    parse,
)
from eoscheck.gen.kafka.provider import Provider
from eoscheck.gen.replay.markers import Markers
from eoscheck.gen.replay.run import Run
from eoscheck.model import releases
from eoscheck.model.spec import Switches


class Testbed:
    """A cluster that is ready, for any number of replays. Use as a context manager, or call `close`.

    steered     whether transaction markers wait for the trace (clusters started here)
    database    where stores lie: a connection string of PostgreSQL; None: sqlite, or a server of ours for an outbox
    """

    __test__ = False

    def __init__(self, provider: Provider, postgres: str | None = None) -> None:
        self.steered = provider.flavour is not None
        self._markers = Markers() if self.steered else None
        try:
            self.cluster: Cluster = provider.start(
                advertise=self._markers.advertise if self._markers else None
            )
        except BaseException:
            if self._markers:
                self._markers.close()
            raise
        if len(self.cluster.brokers) > 1:
            self.close()
            raise NoKafka(
                f"{self.cluster.bootstrap} has {len(self.cluster.brokers)} brokers: a replay needs a cluster of one"
            )
        self.database = postgres

    def __enter__(self) -> Testbed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __str__(self) -> str:
        return f"Kafka {self.cluster.version}, transaction.version {self.cluster.transaction_version}"

    @property
    def switches(self) -> Switches | None:
        """What this cluster does, in the switches of the model; None where its release is not known."""
        settings = self.cluster.flavour.settings if self.cluster.flavour else {}
        return switches_of(self.cluster.version, self.cluster.transaction_version, settings)

    def run(self, *, postgres: bool = False) -> Run:
        """One replay. Its stores lie in PostgreSQL if that is asked for or a data source was given, else in sqlite.

        Raises NoPostgres.
        """
        first = self.cluster.brokers[0]
        return Run(
            (first.host, first.client_port),
            self.cluster.transaction_version,
            self._markers,
            self._dsn() if postgres or self.database else None,
        )

    def _dsn(self) -> str:
        if not self.database:
            from eoscheck.gen.replay.postgres import server

            self.database = server().dsn
        return self.database

    def close(self) -> None:
        """Stop what was started here. Raises ProxyError for what went wrong in the proxy unnoticed."""
        self.cluster.stop()
        if self._markers is not None:
            self._markers.close()


def switches_of(version: str, level: int, settings: Mapping[str, str]) -> Switches | None:
    """The switches of a release, with its finalized transaction.version; None for an unknown one."""
    try:
        number = releases.parse_version(version)
    except Exception:  # "unknown", or a name that somebody gave to a build of theirs
        return None
    verified = settings.get(next(iter(UNVERIFIED_SETTINGS))) != "false"
    given = {} if verified else {"verify_produce": False}
    return releases.switches(number, given, level)[0]


def differing(model: Switches, kafka: Switches) -> list[str]:
    """The switches that a model and a Kafka do not share, in words."""
    names = [f.name for f in fields(Switches) if f.name != "transaction_version"]
    found = [
        f"{name.replace('_', ' ')}: the spec says {'yes' if mine else 'no'}, this Kafka {'yes' if other else 'no'}"
        for name in names
        if (mine := getattr(model, name)) != (other := getattr(kafka, name))
    ]
    if model.tv2 != kafka.tv2:
        found.insert(
            0,
            f"transaction.version: the spec says {model.transaction_version},"
            f" this Kafka {kafka.transaction_version}",
        )
    return found


def fitting(model: Switches) -> Flavour | None:
    """The first tested release that does what a spec says, or None where none of them does."""
    for version in TESTED:
        for level in (0, 1, 2) if releases.parse_version(version) >= (4, 0) else (0,):
            for suffix, settings in (("", {}), (f":{UNVERIFIED}", UNVERIFIED_SETTINGS)):
                kafka = switches_of(version, level, settings)
                if kafka is not None and not differing(model, kafka) and kafka.tv2 == model.tv2:
                    shown = f":tv{level}" if releases.parse_version(version) >= (4, 0) else ""
                    return parse(f"{version}{shown}{suffix}")
    return None


__all__ = ["TRANSACTION_VERSION", "Testbed", "differing", "fitting", "switches_of"]
