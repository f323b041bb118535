"""Kafkas that stay up after the command that started them: one record each, in the cache.

Nobody guards them. A record whose brokers are gone is cleaned away with what they left, by whoever reads it next.
"""

from __future__ import annotations

import dataclasses
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eoscheck.checker.files import cache, write_atomically
from eoscheck.gen.kafka import guard
from eoscheck.gen.kafka.cluster import start
from eoscheck.gen.kafka.flavour import TRANSACTION_VERSION, Flavour, NoKafka
from eoscheck.gen.kafka.jars import locked


@dataclass(frozen=True)
class Kept:
    """A Kafka that stays up.

    name       of its flavour
    processes  of its brokers, by node: number, and when it began (`guard.birth`)
    started    seconds since 1970
    """

    name: str
    version: str
    features: dict[str, int]
    bootstrap: str
    processes: tuple[tuple[int, str], ...]
    folder: str
    started: float

    @property
    def transaction_version(self) -> int:
        return self.features.get(TRANSACTION_VERSION, 0)

    @property
    def pids(self) -> list[int]:
        """Of the brokers that still run."""
        return [pid for pid, born in self.processes if guard.alive(pid, born)]

    @property
    def seconds(self) -> float:
        """How long it has been up."""
        return max(0.0, time.time() - self.started)

    @property
    def file(self) -> Path:
        return _folder() / (re.sub(r"[^\w.]", "-", self.name) + ".json")


def up(flavour: Flavour, brokers: int = 1) -> tuple[Kept, bool]:
    """Start a Kafka that stays; gives it, and whether it had to be started. Raises NoKafka."""
    with locked("up/records"):
        for kept in _records():
            if kept.name == str(flavour):
                if len(kept.processes) != brokers:
                    raise NoKafka(
                        f"Kafka {kept.name} is up with {_count(len(kept.processes))}: "
                        f"eoscheck kafka down --kafka {kept.name} first"
                    )
                return kept, False
        with start(flavour, brokers=brokers) as cluster:
            processes = tuple((b.pid or 0, guard.birth(b.pid or 0) or "") for b in cluster.brokers)
            kept = Kept(
                name=str(flavour),
                version=cluster.version,
                features=dict(cluster.features),
                bootstrap=cluster.bootstrap,
                processes=processes,
                folder=str(cluster.folder),
                started=time.time(),
            )
            _write(kept)
            cluster.leave()
        return kept, True


def down(name: str | None = None) -> list[Kept]:
    """Stop the Kafka of this flavour, or all that stay up, and remove what they wrote; gives them."""
    with locked("up/records"):
        stopped = [kept for kept in _records() if name in (None, kept.name)]
        for kept in stopped:
            _clean(kept)
        return stopped


def records() -> list[Kept]:
    """The Kafkas that stay up, oldest first."""
    with locked("up/records"):
        return _records()


def version_at(bootstrap: str) -> str | None:
    """The version of the Kafka that stays up at one of these addresses, None if it is another's."""
    asked = set(bootstrap.split(","))
    return next((k.version for k in records() if asked & set(k.bootstrap.split(","))), None)


def _folder() -> Path:
    return cache() / "up"


def _records() -> list[Kept]:
    found = []
    for file in _folder().glob("*.json"):
        kept = _read(file)
        if kept is None:
            file.unlink(missing_ok=True)
        elif not kept.pids:
            _clean(kept)
        else:
            found.append(kept)
    return sorted(found, key=lambda kept: kept.started)


def _read(file: Path) -> Kept | None:
    """A record; None where it is damaged, which leaves nothing to find its brokers by."""
    try:
        data: dict[str, Any] = json.loads(file.read_text("utf-8"))
        processes = tuple((int(pid), str(born)) for pid, born in data.pop("processes"))
        return Kept(processes=processes, **data)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write(kept: Kept) -> None:
    write_atomically(kept.file, json.dumps(dataclasses.asdict(kept), sort_keys=True, indent=2) + "\n")


def _clean(kept: Kept) -> None:
    for pid, born in kept.processes:
        if guard.alive(pid, born):  # else the number may long be that of somebody else's group
            guard.kill(pid, born)
    guard.remove(kept.folder)
    kept.file.unlink(missing_ok=True)


def _count(brokers: int) -> str:
    return "1 broker" if brokers == 1 else f"{brokers} brokers"
