"""Whether brokers are ready for a replay, by asking them: features, members, coordinators, producer ids."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from eoscheck.gen.kafka.wire import Connection, WireError, error_name, request

PATIENCE = 60.0
"""Seconds until a cluster that is not ready counts as broken."""

PAUSE = 0.02
"""Seconds between two questions."""

NAME = "eoscheck-ready"
"""Of the group and the transactional id that coordinators are asked about; neither ever exists."""

GROUP, TRANSACTION = 0, 1
_QUIET = {"allow_auto_topic_creation": False, "include_topic_authorized_operations": False}
_NOBODY = {"producer_id": -1, "producer_epoch": -1}
_GONE = {"TRANSACTIONAL_ID_NOT_FOUND", "GROUP_ID_NOT_FOUND"}


class NotReady(Exception):
    """What is still missing, in a few words."""


@dataclass(frozen=True)
class Address:
    """A broker as clients see it."""

    node_id: int
    host: str
    port: int


def features(host: str, port: int) -> dict[str, int]:
    """The finalized features of a cluster and their levels; one at level 0 is not among them.

    Raises NotReady while the broker has not heard of them, WireError where there is no broker.
    """
    with _connected(host, port) as broker:
        version = {"client_software_name": "eoscheck", "client_software_version": "1"}
        answer = broker.call(request("ApiVersions", 3, **version))
    if error_name(answer.error_code) != "NONE":
        raise WireError(f"{host}:{port} does not tell its features: {error_name(answer.error_code)}")
    if answer.finalized_features_epoch < 0:
        raise NotReady("no finalized features yet")
    return {f.name: f.max_version_level for f in answer.finalized_features}


def members(host: str, port: int) -> list[Address]:
    """The brokers of a cluster, as one of them knows them, by node id. Raises WireError."""
    with _connected(host, port) as broker:
        answer = broker.call(request("Metadata", 12, topics=[], **_QUIET))
    return sorted(
        (Address(int(b.node_id), str(b.host), int(b.port)) for b in answer.brokers), key=lambda b: b.node_id
    )


def complete(host: str, port: int, count: int) -> None:
    """Raises NotReady until a broker knows so many, WireError where there is none."""
    if (there := len(members(host, port))) != count:
        raise NotReady(f"it knows {there} brokers of {count}")


def coordinator(host: str, port: int, kind: int, key: str) -> Address:
    """Which broker coordinates a group (GROUP) or a transactional id (TRANSACTION).

    Asking creates the internal topic. Raises NotReady until there is one, WireError where there is no broker.
    """
    with _connected(host, port) as broker:
        answer = broker.call(
            request("FindCoordinator", 4, key_type=kind, coordinator_keys=[key])
        ).coordinators[0]
    if error_name(answer.error_code) != "NONE":
        raise NotReady(f"no coordinator of {'transactions' if kind else 'groups'}")
    return Address(int(answer.node_id), str(answer.host), int(answer.port))


def loaded(host: str, port: int) -> None:
    """Raises NotReady until both coordinators have read their logs and every broker has producer ids to give.

    Leaves nothing in any log: a producer id without transactional id is not written anywhere.
    """
    found = coordinator(host, port, TRANSACTION, NAME)
    with _connected(found.host, found.port) as broker:
        states = broker.call(request("DescribeTransactions", 0, transactional_ids=[NAME]))
        _no_error(states.transaction_states[0].error_code, "the coordinator of transactions loads")
    found = coordinator(host, port, GROUP, NAME)
    with _connected(found.host, found.port) as broker:
        groups = broker.call(request("DescribeGroups", 5, groups=[NAME], include_authorized_operations=False))
        _no_error(groups.groups[0].error_code, "the coordinator of groups loads")
    for member in members(host, port):
        with _connected(member.host, member.port) as broker:
            answer = broker.call(
                request("InitProducerId", 4, transactional_id=None, transaction_timeout=60_000, **_NOBODY)
            )
            _no_error(answer.error_code, f"broker {member.node_id} has no producer ids")


def wait(ready: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Ask until there is an answer; gives it. Raises NotReady after so many seconds.

    what  who is asked, for the message
    """
    end = time.monotonic() + patience
    while True:
        try:
            return ready()
        except (WireError, NotReady) as error:
            if time.monotonic() > end:
                raise NotReady(f"{what} is not ready after {patience:.0f} s: {error}") from None
        time.sleep(PAUSE)


@contextlib.contextmanager
def _connected(host: str, port: int) -> Iterator[Connection]:
    connection = Connection(host, port)
    try:
        yield connection
    finally:
        connection.close()


def _no_error(code: Any, otherwise: str) -> None:
    if error_name(code) not in {"NONE", *_GONE}:
        raise NotReady(f"{otherwise} ({error_name(code)})")
