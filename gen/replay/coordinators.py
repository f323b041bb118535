"""A transactional.id at its coordinator: when its markers are written, and when its time is up.

Markers are steered where the cluster was started with its inter-broker listener behind `Markers`. On any other
cluster they are written by the coordinator as soon as it likes, and a trace in which something happens in between
cannot be forced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eoscheck.gen.kafka.wire import error_name
from eoscheck.gen.replay.actor import Actor
from eoscheck.gen.replay.outcome import CannotForce, means
from eoscheck.gen.replay.speech import until

if TYPE_CHECKING:
    from eoscheck.gen.replay.markers import Held
    from eoscheck.gen.replay.run import Run


class Transaction(Actor):
    """`id` is the transactional.id on the cluster."""

    def __init__(self, run: Run, name: str) -> None:
        super().__init__(run, name)
        self.id = run.unique(name)
        self._late: dict[str, Held] = {}

    @property
    def producer_id(self) -> int:
        return self.run.producer_ids[self.id]

    def state(self) -> tuple[str, int]:
        """State and producer epoch, as DescribeTransactions tells them."""
        return self.run.speech.transaction(self.connection(), self.id)

    def writes_marker(self, partition: str, *, written: bool) -> None:
        """The marker of the transaction that was decided reaches one partition."""
        if self.run.markers is None:
            self.note(f"WriteTxnMarkers {partition}: left to the coordinator")
            return
        place = self.run.place(partition)
        error = self.run.markers.write(self.producer_id, place.topic, place.partition)
        self.note(f"WriteTxnMarkers {partition} -> {error}")
        if written:
            self.agree(f"WriteTxnMarkers {partition}", "NONE", error)

    def settles(self, group: str, *, pending: list[str]) -> None:
        """Offsets of a transaction become current a moment after their marker: the coordinator of the group in
        releases before 4.0 does that in another thread (`GroupMetadataManager.scheduleHandleTxnCompletion`)."""
        steered = self.run.groups[group]
        until(
            f"pending offsets of {group} to be {pending}",
            lambda: sorted(steered.offsets(steered.reads, True, self.connection())[1]) == sorted(pending),
        )

    def keeps_marker_back(self, partition: str) -> None:
        """The request to one leader is given up, and still on its way."""
        if self.run.markers is None:
            raise CannotForce("markers cannot be kept back on this cluster")
        place = self.run.place(partition)
        self._late[partition] = self.run.markers.copy(self.producer_id, place.topic, place.partition)
        self.note(f"WriteTxnMarkers {partition}: on its way for a long time; the coordinator sends it again")

    def delivers_marker_late(self, partition: str, *, written: bool) -> None:
        """The request that was given up arrives (KAFKA-19446)."""
        error = self._late.pop(partition).deliver()
        self.note(f"late: WriteTxnMarkers {partition} -> {error}")
        if written:
            self.agree(f"late WriteTxnMarkers {partition}", "NONE", error)
        elif error not in ("NONE", "INVALID_PRODUCER_EPOCH"):
            raise self.differs(f"late WriteTxnMarkers {partition}", "refused or a retry", error)

    def completes(self, *, state: str) -> None:
        """Every marker is written and the coordinator knows it."""
        until(f"{self.name} to be {state}", lambda: self.state()[0] == state)
        self.note(f"DescribeTransactions -> {state}")

    def times_out(self, *, epoch: int) -> None:
        """transaction.timeout.ms is over. The coordinator fences the producer and aborts, which is what it does for
        an InitProducerId, too (`TransactionMetadata.prepareFenceProducerEpoch`), at a moment that can be chosen."""
        answer = self.connection().call(self.run.speech.init_producer_id(self.id, 60_000))
        error = error_name(answer.error_code)
        self.note(f"transaction timeout (InitProducerId of nobody) -> {error}")
        if not means("CONCURRENT_TRANSACTIONS", error):
            raise self.differs("transaction timeout", "CONCURRENT_TRANSACTIONS", error)
        self.agree("epoch after the transaction timeout", epoch, self.state()[1])
