"""The requests of a replay, in the versions that a client of the cluster's transaction.version speaks.

A broker announces Produce 12 and EndTxn 5 whatever transaction.version is finalised; it is the finalised level that
decides which ones a client uses (KIP-890, `TransactionVersion`). All times are milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eoscheck.gen.kafka.wire import Batch, Connection, batch, batches, error_name, request
from eoscheck.gen.replay.outcome import CannotForce

SESSION = 600_000
"""session.timeout.ms and rebalance timeout of members: no replay lasts so long, so nobody leaves by itself."""

PATIENCE = 5.0
"""Seconds to wait for something that a broker does on its own, a moment later."""

_ISOLATION = {"read_uncommitted": 0, "read_committed": 1}
_RESETS = {"latest": -1, "earliest": -2}


@dataclass(frozen=True)
class Place:
    """A partition on the cluster."""

    topic: str
    partition: int


@dataclass(frozen=True)
class Fetched:
    """What a Fetch gave: the batches from its offset on, and the aborted transactions among them."""

    error: str
    high_watermark: int
    last_stable_offset: int
    batches: list[Batch]
    aborted: list[tuple[int, int]]

    def outcome(self, at: Batch) -> str:
        """Whether a reader of committed records is given a batch ("COMMIT") or not ("ABORT"), by the list that the
        broker sent along, as `CompletedFetch` does it; "data" for one that no such reader is sent yet."""
        if at.offset >= self.last_stable_offset:
            return "data"
        left, aborted = sorted(self.aborted, key=lambda transaction: transaction[1]), set()
        for one in self.batches:
            while left and left[0][1] <= one.last_offset:
                aborted.add(left.pop(0)[0])
            if one is at:
                return "ABORT" if at.transactional and at.producer_id in aborted else "COMMIT"
            if one.control == "ABORT":
                aborted.discard(one.producer_id)
        raise ValueError(f"no batch of this fetch: {at}")


def until(what: str, ready: Any, patience: float = PATIENCE) -> Any:
    """Ask again until `ready()` is true and give what it gave. Raises CannotForce when patience ends."""
    end = time.monotonic() + patience
    while not (found := ready()):
        if time.monotonic() > end:
            raise CannotForce(f"{what} did not happen within {patience:g} s")
        time.sleep(0.001)
    return found


def _list_offsets(places: Iterable[Place], reset: str, isolation: str) -> Any:
    topics: dict[str, list[dict[str, int]]] = {}
    for place in places:
        asked = {"partition_index": place.partition, "timestamp": _RESETS[reset]}
        topics.setdefault(place.topic, []).append(asked)
    named = [{"name": name, "partitions": partitions} for name, partitions in topics.items()]
    return request("ListOffsets", 5, replica_id=-1, isolation_level=_ISOLATION[isolation], topics=named)


class Speech:
    """Makes requests and reads answers. `transaction_version` is the finalised feature (0 where there is none)."""

    def __init__(self, transaction_version: int) -> None:
        self.tv2 = transaction_version >= 2
        self._produce, self._init, self._end, self._offsets = (12, 5, 5, 5) if self.tv2 else (11, 5, 4, 4)

    # -- producers

    def produce(
        self,
        place: Place,
        value: bytes,
        *,
        transactional_id: str | None,
        acks: str,
        producer_id: int,
        epoch: int,
        sequence: int,
    ) -> Any:
        """Produce with one record."""
        data = batch(
            value,
            producer_id=producer_id,
            epoch=epoch,
            sequence=sequence,
            transactional=transactional_id is not None,
        )
        partition = {"index": place.partition, "records": data}
        return request(
            "Produce",
            self._produce,
            transactional_id=transactional_id,
            acks=-1 if acks == "all" else int(acks),
            timeout=30_000,
            topic_data=[{"name": place.topic, "partition_data": [partition]}],
        )

    def init_producer_id(
        self, transactional_id: str | None, timeout: int, producer_id: int = -1, epoch: int = -1
    ) -> Any:
        return request(
            "InitProducerId",
            self._init,
            transactional_id=transactional_id,
            transaction_timeout=timeout,
            producer_id=producer_id,
            producer_epoch=epoch,
        )

    def add_partitions(
        self, transactional_id: str, producer_id: int, epoch: int, places: Iterable[Place]
    ) -> Any:
        topics: dict[str, list[int]] = {}
        for place in places:
            topics.setdefault(place.topic, []).append(place.partition)
        return request(
            "AddPartitionsToTxn",
            3,
            v3_and_below_transactional_id=transactional_id,
            v3_and_below_producer_id=producer_id,
            v3_and_below_producer_epoch=epoch,
            v3_and_below_topics=[{"name": t, "partitions": ps} for t, ps in topics.items()],
        )

    def add_offsets(self, transactional_id: str, producer_id: int, epoch: int, group: str) -> Any:
        return request(
            "AddOffsetsToTxn",
            3,
            transactional_id=transactional_id,
            producer_id=producer_id,
            producer_epoch=epoch,
            group_id=group,
        )

    def end_transaction(self, transactional_id: str, producer_id: int, epoch: int, commit: bool) -> Any:
        return request(
            "EndTxn",
            self._end,
            transactional_id=transactional_id,
            producer_id=producer_id,
            producer_epoch=epoch,
            committed=commit,
        )

    # -- offsets

    def txn_offset_commit(
        self,
        transactional_id: str,
        producer_id: int,
        epoch: int,
        group: str,
        member: str,
        generation: int,
        place: Place,
        offset: int,
    ) -> Any:
        partition = {"partition_index": place.partition, "committed_offset": offset, "committed_metadata": ""}
        return request(
            "TxnOffsetCommit",
            self._offsets,
            transactional_id=transactional_id,
            group_id=group,
            producer_id=producer_id,
            producer_epoch=epoch,
            generation_id=generation,
            member_id=member,
            topics=[{"name": place.topic, "partitions": [partition]}],
        )

    def offset_commit(self, group: str, member: str, generation: int, place: Place, offset: int) -> Any:
        partition = {"partition_index": place.partition, "committed_offset": offset, "committed_metadata": ""}
        return request(
            "OffsetCommit",
            8,
            group_id=group,
            generation_id_or_member_epoch=generation,
            member_id=member,
            topics=[{"name": place.topic, "partitions": [partition]}],
        )

    def offset_fetch(self, group: str, places: Iterable[Place], stable: bool) -> Any:
        topics: dict[str, list[int]] = {}
        for place in places:
            topics.setdefault(place.topic, []).append(place.partition)
        asked = [{"name": t, "partition_indexes": ps} for t, ps in topics.items()]
        return request("OffsetFetch", 8, groups=[{"group_id": group, "topics": asked}], require_stable=stable)

    # -- groups (the classic protocol: assignments are made by a member)

    def join(self, group: str, member: str) -> Any:
        return request(
            "JoinGroup",
            7,
            group_id=group,
            session_timeout=SESSION,
            rebalance_timeout=SESSION,
            member_id=member,
            protocol_type="consumer",
            protocols=[{"name": "eoscheck", "metadata": b""}],
        )

    def sync(self, group: str, member: str, generation: int, shares: Mapping[str, bytes]) -> Any:
        return request(
            "SyncGroup",
            5,
            group_id=group,
            generation_id=generation,
            member_id=member,
            protocol_type="consumer",
            protocol_name="eoscheck",
            assignments=[{"member_id": m, "assignment": a} for m, a in shares.items()],
        )

    def leave(self, group: str, member: str) -> Any:
        return request("LeaveGroup", 4, group_id=group, members=[{"member_id": member}])

    # -- topics

    def create(self, topics: Mapping[str, int], replicas: int) -> Any:
        return request(
            "CreateTopics",
            7,
            topics=[
                {
                    "name": name,
                    "num_partitions": partitions,
                    "replication_factor": replicas,
                    "assignments": [],
                    "configs": [],
                }
                for name, partitions in topics.items()
            ],
            timeout=30_000,
            validate_only=False,
        )

    def delete(self, topics: Sequence[str]) -> Any:
        return request("DeleteTopics", 5, topic_names=list(topics), timeout=30_000)

    def metadata(self, topics: Sequence[str]) -> Any:
        return request(
            "Metadata",
            9,
            topics=[{"name": name} for name in topics],
            allow_auto_topic_creation=False,
            include_cluster_authorized_operations=False,
            include_topic_authorized_operations=False,
        )

    # -- looking

    def fetch(self, connection: Connection, place: Place, offset: int, isolation: str) -> Fetched:
        """Everything from an offset on, as a consumer of this isolation level gets it, without waiting."""
        asked = {
            "partition": place.partition,
            "fetch_offset": offset,
            "partition_max_bytes": 1 << 20,
        }
        answer = connection.call(
            request(
                "Fetch",
                12,
                max_wait=0,
                min_bytes=0,
                isolation_level=_ISOLATION[isolation],
                topics=[{"topic": place.topic, "partitions": [asked]}],
                forgotten_topics_data=[],
            )
        )
        found = answer.responses[0].partitions[0]
        return Fetched(
            error=error_name(found.error_code),
            high_watermark=found.high_watermark,
            last_stable_offset=found.last_stable_offset,
            batches=batches(found.records),
            aborted=[(a.producer_id, a.first_offset) for a in found.aborted_transactions or ()],
        )

    def list_offset(self, connection: Connection, place: Place, reset: str, isolation: str) -> int:
        """Where auto.offset.reset puts a consumer."""
        answer = connection.call(_list_offsets([place], reset, isolation))
        return int(answer.topics[0].partitions[0].offset)

    def led(self, connection: Connection, places: Iterable[Place]) -> bool:
        """Whether every partition has a leader that serves it (Metadata names leaders before they are ready)."""
        answer = connection.call(_list_offsets(places, "latest", "read_uncommitted"))
        return all(error_name(p.error_code) == "NONE" for topic in answer.topics for p in topic.partitions)

    def producers(self, connection: Connection, place: Place) -> dict[int, tuple[int, int, int]]:
        """What a leader remembers of producers (DescribeProducers), by producer id: epoch, last sequence, and the first
        offset of its open transaction; -1 where there is none."""
        asked = [{"name": place.topic, "partition_indexes": [place.partition]}]
        answer = connection.call(request("DescribeProducers", 0, topics=asked))
        found = answer.topics[0].partitions[0].active_producers
        return {p.producer_id: (p.producer_epoch, p.last_sequence, p.current_txn_start_offset) for p in found}

    def transaction(self, connection: Connection, transactional_id: str) -> tuple[str, int]:
        """State and producer epoch of a transactional.id (DescribeTransactions)."""
        answer = connection.call(request("DescribeTransactions", 0, transactional_ids=[transactional_id]))
        state = answer.transaction_states[0]
        return str(state.transaction_state), int(state.producer_epoch)
