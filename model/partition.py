"""A partition: its log, what the leader remembers of each producer, and what readers may see of it.

`UnifiedLog`, `ProducerStateManager`, `ProducerAppendInfo`. The producer state is, as in Kafka, a function of the log
that is kept beside it and rebuilt when the log is cut back. The last stable offset and the fate of a record are
derived from log and producer state whenever somebody asks; no record carries a flag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eoscheck.model.language import Array, Component, Log, Var, action
from eoscheck.model.network import CURRENT, LATE, Wire
from eoscheck.model.protocol import Api, Error, Kind, Phase
from eoscheck.model.values import all_of, any_of, derived, ite, minimum, say, when

if TYPE_CHECKING:
    from eoscheck.model.client import Client
    from eoscheck.model.processor import Processor
    from eoscheck.model.reader import Reader
    from eoscheck.model.spec import Switches, Topic

NO_PRODUCER = 0
RETAINED_BATCHES = 5


class Partition(Component):
    """One partition. Producer ids are 1.. ; 0 marks a record of a producer without one.

    inputs, versions   value and lookup version that a record may carry
    replicated         whether a follower is modelled (only where a failover can happen)
    """

    def __init__(
        self, topic: Topic, number: int, sizes: dict[str, int], switches: Switches, replicated: bool
    ) -> None:
        self.name = f"{topic.name}-{number}"
        self.topic, self.number, self.sizes, self.switches, self.replicated = (
            topic,
            number,
            sizes,
            switches,
            replicated,
        )
        self.writers: list[tuple[Wire, int]] = []
        self.consumers: list[tuple[Reader | Processor, int]] = []
        self.laid: list[int] = []

    log = Var(
        lambda self: Log(
            {
                "kind": Kind,
                "value": range(self.sizes["value"] + 1),
                "version": range(self.sizes["version"] + 1),
                "key": range(max(self.sizes["key"], 1)),
                "pid": range(self.sizes["pid"] + 1),
                "epoch": range(self.sizes["epoch"] + 1),
                "sequence": range(self.sizes["sequence"] + 1),
                "txn": range(self.sizes["txn"] + 1),
            },
            self.sizes["log"],
        ),
        durable=True,
    )
    # ProducerStateEntry by producer id. epoch and sequence are one too high, so that 0 says "none";
    # first is currentTxnFirstOffset + 1.
    epochs = Var(lambda self: Array(range(self.sizes["epoch"] + 2), self.sizes["pid"] + 1), durable=True)
    sequences = Var(
        lambda self: Array(range(self.sizes["sequence"] + 2), self.sizes["pid"] + 1), durable=True
    )
    first = Var(lambda self: Array(range(self.sizes["log"] + 1), self.sizes["pid"] + 1), durable=True)
    follower = Var(lambda self: range((self.sizes["log"] if self.replicated else 0) + 1), durable=True)
    shrunk = Var(lambda self: range(2 if self.replicated else 1), durable=True)

    def begin(self) -> None:
        """Inputs that lie here from the beginning, on every replica."""
        for value in self.laid:
            self.log.append(value=value)
        if self.replicated:
            self.follower = len(self.laid)

    # -- what may be seen

    @derived
    def high_watermark(self) -> Any:
        """Every in-sync replica has the records below it; while there are fewer of these than
        min.insync.replicas it stands still (`Partition.maybeIncrementLeaderHW`; since 3.7, KAFKA-15583)."""
        if not self.replicated:
            return self.log.length
        if self.topic.min_insync_replicas > 1:
            return self.follower
        return ite(self.shrunk == 1, self.log.length, self.follower)

    @derived
    def last_stable_offset(self) -> Any:
        """min(high watermark, first offset of any open transaction) (`UnifiedLog.fetchLastStableOffsetMetadata`)."""
        lowest = self.high_watermark()
        for pid in range(1, len(self.first)):
            lowest = ite(self.first[pid] == 0, lowest, minimum(lowest, self.first[pid] - 1))
        return lowest

    def has_open_transaction(self) -> Any:
        """Some transaction has begun here and was not ended by a marker."""
        return any_of(self.first[pid] != 0 for pid in range(1, len(self.first)))

    @derived
    def outcome(self, offset: Any) -> Any:
        """COMMIT or ABORT: the first marker of the record's producer behind it; DATA while there is none, and for
        a record outside any transaction COMMIT."""
        log, record = self.log, self.log[offset]
        length, pid, txn = log.length, record.pid, record.txn
        found: Any = ite(txn == 0, Kind.COMMIT, Kind.DATA)
        for i in reversed(range(log.capacity)):
            other = log[i]
            kind = other.kind
            marks = (offset < i) & (i < length) & (other.pid == pid) & (kind != Kind.DATA)
            found = ite(marks & (txn != 0), kind, found)
        return found

    def committed_value(self, value: int, completing: Any = False) -> Any:
        """A record of `value` stands in the log and is committed (or its transaction is being committed)."""
        return any_of(
            (i < self.log.length)
            & (self.log[i].kind == Kind.DATA)
            & (self.log[i].value == value)
            & ((self.outcome(i) == Kind.COMMIT) | ((self.outcome(i) == Kind.DATA) & completing))
            for i in range(self.log.capacity)
        )

    @derived
    def committed_offset(self, key: int) -> Any:
        """For `__consumer_offsets`: (is there one, the offset) last committed for an input partition.

        The highest record of the key that is outside a transaction or committed: a COMMIT marker makes pending
        offsets current unless a later record for the key exists (`OffsetMetadataManager`, KAFKA-5247).
        """
        known: Any = False
        offset: Any = 0
        for i in range(self.log.capacity):
            record = self.log[i]
            counts = (i < self.log.length) & (record.kind == Kind.DATA) & (record.key == key)
            counts = counts & (self.outcome(i) == Kind.COMMIT)
            known, offset = counts | known, ite(counts, record.value, offset)
        return known, offset

    @derived
    def pending_offset(self, key: int) -> Any:
        """A transactional offset commit for `key` is undecided: OffsetFetch(require_stable) must wait (KIP-447)."""
        return any_of(
            (i < self.log.length)
            & (self.log[i].key == key)
            & (self.log[i].kind == Kind.DATA)
            & (self.outcome(i) == Kind.DATA)
            for i in range(self.log.capacity)
        )

    # -- appending

    @action(api="Produce", each=lambda self: self.writers)
    def append(self, wire: Wire, output: int) -> None:
        """The leader handles Produce."""
        self._produce(wire, output, CURRENT)

    @action(
        api="Produce",
        fault="late-delivery",
        each=lambda self: [(w, k) for w, k in self.writers if w.late_allowed],
    )
    def append_late(self, wire: Wire, output: int) -> None:
        """A Produce request that its client has given up on arrives after all."""
        say(f"a Produce request that {wire.name} gave up on arrives after all")
        self._produce(wire, output, LATE)

    def _produce(self, wire: Wire, output: int, slot: int) -> None:
        wire.arrives(slot, Api.PRODUCE)
        request = wire.message(slot)
        when(request.output == output)
        if slot == CURRENT:
            wire.client.in_turn(wire)
        error = self._append_from_client(wire.client, request)
        if self.replicated and wire.client.config.acks == "all" and error == Error.NONE and slot == CURRENT:
            wire.phase = Phase.APPENDED
        else:
            wire.answer(slot, error)

    @action(api="Produce", fault="retriable-error", each=lambda self: self.writers)
    def refuse(self, wire: Wire, output: int) -> None:
        """The leader cannot take the batch at this moment: nothing is appended, it may be sent again."""
        wire.arrives(CURRENT, Api.PRODUCE)
        when(wire.request[0].output == output)
        wire.client.in_turn(wire)
        say(f"{self.name} answers a retriable error; {wire.client.describe(wire.request[0])} is not appended")
        wire.answer(CURRENT, Error.NOT_ENOUGH_REPLICAS)

    def _append_from_client(self, client: Client, request: Any) -> Error:
        """The checks of `UnifiedLog.analyzeAndValidateProducerState`, in their order, then the append."""
        if (
            self.replicated
            and client.config.acks == "all"
            and self.topic.min_insync_replicas > 1
            and self.shrunk == 1
        ):
            say(f"{self.name} has too few in-sync replicas: NOT_ENOUGH_REPLICAS, nothing appended")
            return Error.NOT_ENOUGH_REPLICAS
        if not client.config.idempotence:
            return self._write(client, request, NO_PRODUCER)
        pid, epoch, sequence = request.pid, request.epoch, request.sequence
        known, last = self.epochs[pid], self.sequences[pid]
        same_epoch = known == epoch + 1
        # Answering a retry of one of the retained batches with its old offset is what makes a producer idempotent.
        recent = same_epoch & (last != 0) & (last < sequence + 1 + RETAINED_BATCHES)
        if recent & self._appended(pid, epoch, sequence):
            say(
                f"{self.name} has this batch already (producer id {pid}, sequence {sequence}): answered, not appended"
            )
            return Error.NONE
        if (known != 0) & (epoch + 1 < known):
            say(f"{self.name} refuses the old producer epoch {epoch}: INVALID_PRODUCER_EPOCH")
            return Error.INVALID_PRODUCER_EPOCH
        if (known != 0) & (epoch + 1 != known) & (sequence != 0):
            return self._out_of_order(sequence)
        # Only the sequence of an unknown producer is not checked (`ProducerAppendInfo.checkSequence`).
        if same_epoch & (sequence != last):
            return self._out_of_order(sequence)
        if client.coordinator:
            ongoing = self.first[pid] != 0
            if self.switches.tv2:
                ongoing = ongoing & same_epoch
            if not ongoing:
                refused: Error = client.coordinator.verify_produce(self, epoch)
                if refused != Error.NONE:
                    say(
                        f"{self.name} verifies the transaction with its coordinator and is refused: {refused.name}"
                    )
                    return refused
        return self._write(client, request, pid)

    @derived
    def _appended(self, pid: Any, epoch: Any, sequence: Any) -> Any:
        log = self.log
        return any_of(
            (i < log.length)
            & (log[i].kind == Kind.DATA)
            & (log[i].pid == pid)
            & (log[i].epoch == epoch)
            & (log[i].sequence == sequence)
            for i in range(log.capacity)
        )

    def _out_of_order(self, sequence: Any) -> Error:
        say(f"{self.name} refuses sequence {sequence}: OUT_OF_ORDER_SEQUENCE_NUMBER")
        return Error.OUT_OF_ORDER_SEQUENCE_NUMBER

    def _write(self, client: Client, request: Any, pid: Any) -> Error:
        offset = self.log.length
        say(f"{self.name} appends {client.describe(request)} at offset {offset}")
        extra = {"version": request.version} if self.sizes["version"] else {}
        if client.config.idempotence:
            self.epochs[pid] = request.epoch + 1
            self.sequences[pid] = request.sequence + 1
            extra |= {"pid": pid, "epoch": request.epoch, "sequence": request.sequence}
            if client.coordinator:
                extra["txn"] = request.txn
                self.first[pid] = ite(self.first[pid] == 0, offset + 1, self.first[pid])
        self.log.append(value=request.value, **extra)
        return Error.NONE

    def write_offset(self, client: Client, request: Any, transactional: bool) -> bool:
        """For `__consumer_offsets`: append an offset commit, in a transaction or not. A coordinator's own append
        gets the epoch check only (origin COORDINATOR); False where that fails."""
        extra: dict[str, Any] = {}
        if transactional:
            pid = request.pid
            if request.epoch + 1 < self.epochs[pid]:
                return False
            if self.epochs[pid] != request.epoch + 1:
                self.sequences[pid] = 0
            self.epochs[pid] = request.epoch + 1
            self.first[pid] = ite(self.first[pid] == 0, self.log.length + 1, self.first[pid])
            extra = {"pid": pid, "epoch": request.epoch, "txn": request.txn}
        self.log.append(value=request.offset, key=request.key, **extra)
        return True

    def write_marker(self, pid: int, epoch: Any, kind: Any, fates: Any) -> bool:
        """Append a control record that ends whatever transaction of `pid` is open here; it does not name one.

        Refused (False) for an older epoch; with KIP-1228 (KAFKA-19446) a marker of transaction.version 2 must have a
        higher one, but an equal one while nothing is open is a retry (KAFKA-19999), which is written a second time
        (`ProducerAppendInfo.checkProducerEpoch`). It is appended as with acks=all: the coordinator sends it again until
        every in-sync replica has it, and min.insync.replicas holds for it, too
        (`KafkaApis.handleWriteTxnMarkersRequest`), so append and replication are one step.
        """
        if self.topic.min_insync_replicas > 1:
            when(self.shrunk == 0)
        known = self.epochs[pid]
        if epoch + 1 < known:
            return False
        strict = self.switches.tv2 and self.switches.strict_marker_epoch
        if strict and (known == epoch + 1) & (self.first[pid] != 0):
            return False
        if fates is not None:
            for i in range(self.log.capacity):
                opened = (self.first[pid] != 0) & (self.first[pid] <= i + 1) & (i < self.log.length)
                ended = opened & (self.log[i].pid == pid) & (self.log[i].kind == Kind.DATA)
                fates(ended, self.log[i].txn, kind)
        if known != epoch + 1:
            self.sequences[pid] = 0
        self.epochs[pid] = epoch + 1
        self.first[pid] = 0
        self.log.append(kind=kind, pid=pid, epoch=epoch)
        if self.replicated:
            self.follower = ite(self.shrunk == 0, self.log.length, self.follower)
        return True

    def forget_aborted(self) -> None:
        """What was aborted at the end of the log is left out, and its offsets are given again: see
        `TransactionCoordinator.shared`. No reader of committed records can tell."""
        end: Any = 0
        for i in range(self.log.capacity):
            record = self.log[i]
            stays = (record.kind == Kind.COMMIT) | (
                (record.kind == Kind.DATA) & (self.outcome(i) != Kind.ABORT)
            )
            end = ite((i < self.log.length) & stays, i + 1, end)
        self.log.truncate(end)
        for consumer, partition in self.consumers:
            consumer.truncated(partition, end)

    # -- replication

    @action(only=lambda self: self.replicated)
    def replicate(self) -> None:
        """The follower fetches up to the end of the log; whoever waited for the high watermark is answered."""
        when(self.shrunk == 0)
        when(self.follower < self.log.length)
        say(f"the follower of {self.name} catches up to offset {self.log.length}")
        self.follower = self.log.length

    @action(each=lambda self: self.writers if self.replicated else [])
    def acknowledge(self, wire: Wire, output: int) -> None:
        """acks=all: every in-sync replica has the record (`DelayedProduce`)."""
        when(wire.phase == Phase.APPENDED)
        when(wire.request[0].output == output)
        when(self.high_watermark() == self.log.length)
        say(f"{self.name} acknowledges the record: all in-sync replicas have it")
        wire.answer(CURRENT, Error.NONE)

    @action(each=lambda self: self.writers if self.replicated and self.topic.min_insync_replicas > 1 else [])
    def miss_replicas(self, wire: Wire, output: int) -> None:
        """The record was appended, then the in-sync replicas have become too few: the client gets an error that it may
        retry for (NOT_ENOUGH_REPLICAS_AFTER_APPEND; since 3.7 REQUEST_TIMED_OUT, KAFKA-15583), the record stays."""
        when(wire.phase == Phase.APPENDED)
        when(wire.request[0].output == output)
        when(self.shrunk == 1)
        say(
            f"{self.name} has too few in-sync replicas by now: a retriable error, though the record is appended"
        )
        wire.answer(CURRENT, Error.NOT_ENOUGH_REPLICAS)

    @action(fault="isr-shrink", only=lambda self: self.replicated)
    def shrink_isr(self) -> None:
        when(self.shrunk == 0)
        say(f"the follower of {self.name} falls out of the in-sync replicas (replica.lag.time.max.ms)")
        self.shrunk = 1

    @action(only=lambda self: self.replicated)
    def expand_isr(self) -> None:
        """The follower is back, catches up and is in sync again (`Partition.maybeExpandIsr`)."""
        when(self.shrunk == 1)
        say(f"the follower of {self.name} catches up to offset {self.log.length} and is in sync again")
        self.follower, self.shrunk = self.log.length, 0

    @action(fault="broker-failover", only=lambda self: self.replicated)
    def fail_over(self) -> None:
        """The leader dies; the follower leads with what it has, and the old leader follows it when it is
        back. Without unclean.leader.election.enable only an in-sync follower may lead. A consumer that was
        ahead learns from the leader epoch that the log was cut, before it fetches again (KIP-320)."""
        if not self.topic.unclean_leader_election:
            when(self.shrunk == 0)
        say(
            f"the leader of {self.name} dies; the new leader has {self.follower} of {self.log.length} records"
        )
        self.log.truncate(self.follower)
        self.follower, self.shrunk = self.log.length, 0
        self._rebuild()
        for consumer, partition in self.consumers:
            consumer.truncated(partition, self.log.length)
        for wire, output in self.writers:
            waiting = (wire.phase == Phase.APPENDED) & (wire.request[0].output == output)
            wire.error = ite(waiting, Error.NO_ANSWER, wire.error)
            wire.phase = ite(waiting, Phase.ANSWERED, wire.phase)

    def _rebuild(self) -> None:
        """Producer state from the records that are left (`ProducerStateManager.truncateAndReload`)."""
        for pid in range(1, len(self.epochs)):
            epoch: Any = 0
            sequence: Any = 0
            first: Any = 0
            for i in range(self.log.capacity):
                record = self.log[i]
                own = (i < self.log.length) & (record.pid == pid)
                data = own & (record.kind == Kind.DATA)
                sequence = ite(data, record.sequence + 1, ite(own & (epoch != record.epoch + 1), 0, sequence))
                epoch = ite(own, record.epoch + 1, epoch)
                first = ite(
                    data & (record.txn != 0) & (first == 0),
                    i + 1,
                    ite(own & (record.kind != Kind.DATA), 0, first),
                )
            self.epochs[pid], self.sequences[pid], self.first[pid] = epoch, sequence, first

    @derived
    def settled(self) -> Any:
        """No transaction is open here."""
        return all_of(self.first[pid] == 0 for pid in range(1, len(self.first)))
