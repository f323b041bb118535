"""The transaction coordinator: one entry of `__transaction_state`, that of one transactional.id.

`TransactionCoordinator`, `TransactionMetadata`, `TransactionMarkerChannelManager`. A client that is answered
CONCURRENT_TRANSACTIONS retries until the completion is over; nobody can tell this from a request that is
handled only then, so here it waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eoscheck.model.language import Array, Component, Var, action
from eoscheck.model.network import CURRENT, LATE, Wire
from eoscheck.model.protocol import Api, Error, Kind, Status
from eoscheck.model.values import all_of, any_of, ite, neg, one_of, ranks, say, when

if TYPE_CHECKING:
    from eoscheck.model.partition import Partition
    from eoscheck.model.spec import Switches

UNDECIDED, COMMITTED, ABORTED, TORN = range(4)


class TransactionCoordinator(Component):
    """State of one transactional.id. Its producer id is fixed (ids do not expire in the model).

    partitions   what its transactions can touch, the offsets topic included
    clients      everybody that uses this transactional.id
    bumps        how often the epoch can grow before the model cuts
    two_phase    transaction.two.phase.commit.enable: its transactions never time out (KIP-939)
    keeps        initTransactions(keepPreparedTxn): an open transaction is kept, its epoch is told to the
    client
    """

    def __init__(
        self, name: str, pid: int, switches: Switches, epochs: int, txns: int, two_phase: bool
    ) -> None:
        self.name, self.pid, self.switches, self.two_phase = name, pid, switches, two_phase
        self.late_markers = self.keeps = False
        self.epochs, self.txns = epochs, txns
        self.partitions: list[Partition] = []
        self.wires: list[Wire] = []

    status = Var(Status, durable=True)
    epoch = Var(lambda self: range(self.epochs + 1), durable=True)
    # Not in the transaction log record: a coordinator that moved has none (KAFKA-20357). One too high; 0:
    # none.
    last_epoch = Var(lambda self: range(self.epochs + 2))
    added = Var(lambda self: Array(bool, len(self.partitions)), durable=True)
    # KIP-939: the epoch in which the open transaction began; by it the client's store knows it again.
    opened = Var(lambda self: range(self.epochs + 1 if self.keeps else 1), durable=True)
    # A WriteTxnMarkers request that was given up, sent again, and is still on its way.
    late_marker = Var(
        lambda self: Array(
            {
                "waiting": bool,
                "partition": range(len(self.partitions)),
                "epoch": range(self.epochs + 1),
                "kind": Kind,
            }
            if self.late_markers
            else {"waiting": range(1)},
            1,
        ),
        durable=True,
    )
    # Bookkeeping for the properties: what became of each transaction that was begun, and who initialised last.
    fate = Var(lambda self: Array(range(4), self.txns + 1), durable=True, ghost=True)
    owner = Var(lambda self: range(len(self.wires) + 1), durable=True, ghost=True)
    stale_commit = Var(bool, durable=True, ghost=True)

    @property
    def shared(self) -> bool:
        """Several clients use this transactional.id. They fence each other for ever, so what only counts how
        long this has gone on must not be part of the state: epochs and transactions that nobody remembers,
        records that were aborted."""
        return len(self.wires) > 1

    def unused(self, numbers: range) -> Any:
        """The first number that no transaction has, or only a forgotten one; beyond all if there is none."""
        found: Any = self.txns + 1
        for number in reversed(numbers):
            found = ite(self.fate[number] == UNDECIDED, number, found)
        return found

    def _forget_aborted(self) -> None:
        """Nothing is left of what was aborted: no record, and no number."""
        for partition in self.partitions:
            partition.forget_aborted()
        for number in range(1, self.txns + 1):
            fate = self.fate[number]
            self.fate[number] = ite(fate == ABORTED, UNDECIDED, fate)

    def _forget_epochs(self) -> None:
        """Epochs are compared with each other and with nothing else, so those that nobody holds any more can
        be left out and the ones above them move down. With transaction.version 2 a request one epoch behind
        is a retry, so the epoch after each one that is held is kept free too."""
        requests = [w.message(slot) for w in self.wires for slot in ((0, 1) if w.late_allowed else (0,))]
        holders: list[Any] = [self, *(w.client for w in self.wires), *requests]
        records = [
            (p.log[i], p.log[i].pid == self.pid) for p in self.partitions for i in range(p.log.capacity)
        ]
        held = [*(h.epoch for h in holders), *(ite(own, r.epoch, 0) for r, own in records)]
        # These are one too high: 0 stands for none.
        shifted = [*(p.epochs[self.pid] for p in self.partitions), self.last_epoch]
        shifted += [request.expected for request in requests]
        held += [ite(number == 0, 0, number - 1) for number in shifted]
        rank = ranks([0, *held, *(e + 1 for e in held if self.switches.tv2)], self.epochs)
        lowered = [ite(number == 0, 0, rank(ite(number == 0, 0, number - 1)) + 1) for number in shifted]
        for holder in holders:
            holder.epoch = rank(holder.epoch)
        for record, own in records:
            record.epoch = ite(own, rank(record.epoch), record.epoch)
        for p in self.partitions:
            p.epochs[self.pid] = lowered.pop(0)
        self.last_epoch = lowered.pop(0)
        for request in requests:
            request.expected = lowered.pop(0)

    def preparing(self) -> Any:
        """Decided, markers still under way."""
        return one_of(self.status, Status.PREPARE_COMMIT, Status.PREPARE_ABORT)

    def prepare(self, status: Status) -> None:
        """The decision: written to the transaction log, from here on irrevocable."""
        self.status = status

    def mark(self, condition: Any, txn: Any, kind: Any) -> None:
        """Remember that something of transaction `txn` was committed or aborted."""
        now = ite(kind == Kind.COMMIT, COMMITTED, ABORTED)
        for number in range(1, self.txns + 1):
            before = self.fate[number]
            merged = ite((before == UNDECIDED) | (before == now), now, TORN)
            self.fate[number] = ite(condition & (txn == number), merged, before)

    # -- InitProducerId

    @action(api="InitProducerId", each=lambda self: [(w,) for w in self.wires])
    def init_producer_id(self, wire: Wire) -> None:
        """`prepareInitProducerIdTransit`: the fencing point."""
        wire.arrives(CURRENT, Api.INIT_PRODUCER_ID)
        request = wire.message(CURRENT)
        when(neg(self.preparing()))
        if self.shared:
            self._forget_epochs()
        if self.keeps and self.status == Status.ONGOING:
            self.epoch = self.epoch + 1
            say(
                f"{self.name} keeps the transaction of epoch {self.opened}"
                f" and gives out epoch {self.epoch} (KIP-939)"
            )
            request.expected = self.opened + 1
            self._initialised(wire)
        elif self.status == Status.ONGOING:
            self.epoch = self.epoch + 1
            self.prepare(Status.PREPARE_ABORT)
            say(f"{self.name} aborts the transaction that its former producer left open (epoch {self.epoch})")
        elif request.expected == 0:
            self.last_epoch = 0
            self.epoch = self.epoch + 1
            among = " (counting those in use)" if self.shared else ""
            say(f"{self.name} gives out producer epoch {self.epoch}{among}; older epochs are fenced")
            self._initialised(wire)
        elif request.expected == self.epoch + 1:
            self.last_epoch = self.epoch + 1
            self.epoch = self.epoch + 1
            say(f"{self.name} bumps the producer epoch to {self.epoch} (KIP-360)")
            self._initialised(wire)
        elif request.expected == self.last_epoch:
            say(f"{self.name} has made this bump already: epoch {self.epoch}")
            self._initialised(wire)
        else:
            wire.answer(CURRENT, Error.PRODUCER_FENCED)

    def _initialised(self, wire: Wire) -> None:
        if not (self.keeps and self.status == Status.ONGOING):
            self.status = Status.EMPTY
            if self.shared:
                self._forget_aborted()
        self.owner = self.wires.index(wire) + 1
        wire.message(CURRENT).epoch = self.epoch
        wire.answer(CURRENT, Error.NONE)

    # -- what belongs to the transaction

    def _add(self, wanted: dict[Partition, Any]) -> None:
        """Add partitions, each if its condition holds."""
        fresh = self.status != Status.ONGOING
        for i, partition in enumerate(self.partitions):
            before = ite(fresh, False, self.added[i])
            self.added[i] = any_of([wanted.get(partition, False), before])
        if self.keeps:
            self.opened = ite(fresh, self.epoch, self.opened)
        self.status = Status.ONGOING

    @action(api="AddPartitionsToTxn", each=lambda self: [(w,) for w in self.wires if not self.switches.tv2])
    def add_partitions(self, wire: Wire) -> None:
        """AddPartitionsToTxn. There is no "begin": this opens the transaction."""
        self._add_partitions(wire, CURRENT)

    @action(
        api="AddPartitionsToTxn",
        fault="late-delivery",
        each=lambda self: [(w,) for w in self.wires if w.late_allowed and not self.switches.tv2],
    )
    def add_partitions_late(self, wire: Wire) -> None:
        say(f"an AddPartitionsToTxn request that {wire.name} gave up on arrives after all")
        self._add_partitions(wire, LATE)

    def _add_partitions(self, wire: Wire, slot: int) -> None:
        wire.arrives(slot, Api.ADD_PARTITIONS)
        client, lane = wire.client, wire.message(slot).output
        wanted = {part: client.reaches(k, lane) for k, part in enumerate(client.outputs)}
        self._add_checked(wire, slot, wanted, "its output partitions")

    @action(
        api="AddOffsetsToTxn",
        each=lambda self: [(w,) for w in self.wires if w.client.offsets_partition and not self.switches.tv2],
    )
    def add_offsets(self, wire: Wire) -> None:
        """AddOffsetsToTxn: the group's partition of `__consumer_offsets` is one more participant."""
        wire.arrives(CURRENT, Api.ADD_OFFSETS)
        assert wire.client.offsets_partition is not None
        self._add_checked(wire, CURRENT, {wire.client.offsets_partition: True}, "the offsets topic")

    def _add_checked(self, wire: Wire, slot: int, wanted: dict[Partition, Any], what: str) -> None:
        request = wire.message(slot)
        if self.switches.concurrent_first:
            when(neg(self.preparing()))
        if request.epoch != self.epoch:
            say(f"{self.name} refuses epoch {request.epoch}: PRODUCER_FENCED")
            wire.answer(slot, Error.PRODUCER_FENCED)
            return
        when(neg(self.preparing()))
        say(f"{self.name} adds {what} to the transaction")
        self._add(wanted)
        wire.answer(slot, Error.NONE)

    def verify_produce(self, partition: Partition, epoch: Any) -> Any:
        """First append of a transaction on a partition: transaction.version 2 adds the partition, 3.6+
        verifies it (KIP-890), older brokers ask nobody. The check and the append are one step: a guard object
        sees to that (KAFKA-14884)."""
        return self._verify(partition, epoch, self.switches.verify_produce)

    def verify_offsets(self, partition: Partition, epoch: Any) -> Any:
        """The same for TxnOffsetCommit (KAFKA-15449)."""
        return self._verify(partition, epoch, self.switches.verify_txn_offsets)

    def _verify(self, partition: Partition, epoch: Any, verify: bool) -> Any:
        if not self.switches.tv2 and not verify:
            return Error.NONE
        if self.switches.tv2 and self.switches.concurrent_first:
            when(neg(self.preparing()))
        if epoch != self.epoch:
            return Error.INVALID_PRODUCER_EPOCH
        when(neg(self.preparing()))
        if self.switches.tv2:
            self._add({partition: True})
            return Error.NONE
        if (self.status == Status.ONGOING) & self.added[self.partitions.index(partition)]:
            return Error.NONE
        return Error.INVALID_TXN_STATE

    # -- EndTxn

    @action(api="EndTxn", each=lambda self: [(w, k) for w in self.wires for k in (Api.COMMIT, Api.ABORT)])
    def end_transaction(self, wire: Wire, result: Api) -> None:
        """EndTxn. The client is answered as soon as the decision is written, before any marker."""
        self._end(wire, result, CURRENT)

    @action(
        api="EndTxn",
        fault="late-delivery",
        each=lambda self: [(w, k) for w in self.wires if w.late_allowed for k in (Api.COMMIT, Api.ABORT)],
    )
    def end_transaction_late(self, wire: Wire, result: Api) -> None:
        """An EndTxn that its client gave up on arrives after all. It does not say which transaction it means."""
        say(f"an {result.value} request that {wire.name} gave up on arrives after all")
        self._end(wire, result, LATE)

    def _end(self, wire: Wire, result: Api, slot: int) -> None:
        wire.arrives(slot, result)
        if self.switches.tv2:
            self._end_bumping(wire, result, slot)
        else:
            self._end_original(wire, result, slot)

    def _end_original(self, wire: Wire, result: Api, slot: int) -> None:
        request = wire.message(slot)
        commit = result == Api.COMMIT
        stale = (
            request.epoch < self.epoch
            if not self.switches.strict_end_txn_epoch
            else request.epoch != self.epoch
        )
        if stale:
            say(f"{self.name} refuses {result.value} with epoch {request.epoch}: PRODUCER_FENCED")
            wire.answer(slot, Error.PRODUCER_FENCED)
            return
        when(neg(self.preparing()))
        if self.status == Status.ONGOING:
            self._decide(wire, slot, commit)
            wire.answer(slot, Error.NONE)
        elif self.status == (Status.COMPLETE_COMMIT if commit else Status.COMPLETE_ABORT):
            say(f"{self.name} has done this already ({self.status.value})")
            wire.answer(slot, Error.NONE)
        else:
            say(f"{self.name} is {self.status.value}: INVALID_TXN_STATE")
            wire.answer(slot, Error.INVALID_TXN_STATE)

    def _end_bumping(self, wire: Wire, result: Api, slot: int) -> None:
        """Transaction version 2 (KIP-890 part 2): every EndTxn bumps the epoch, so a stale one is recognised;
        a request one epoch behind is a retry of the one that bumped it."""
        if self.switches.concurrent_first:
            when(neg(self.preparing()))
        request = wire.message(slot)
        commit = result == Api.COMMIT
        retry = request.epoch + 1 == self.epoch
        if neg(retry) & (request.epoch != self.epoch):
            wire.answer(slot, Error.PRODUCER_FENCED)
            return
        when(neg(self.preparing()))
        if retry:
            if self.status == (Status.COMPLETE_COMMIT if commit else Status.COMPLETE_ABORT):
                say(f"{self.name} has done this already: epoch {self.epoch}")
                if slot == CURRENT:
                    wire.message(slot).epoch = self.epoch
                wire.answer(slot, Error.NONE)
            elif one_of(self.status, Status.ONGOING, Status.EMPTY):
                wire.answer(slot, Error.PRODUCER_FENCED)
            else:
                wire.answer(slot, Error.INVALID_TXN_STATE)
        elif self.status == Status.ONGOING:
            self.epoch = self.epoch + 1
            self._decide(wire, slot, commit)
            if slot == CURRENT:
                wire.message(slot).epoch = self.epoch
            wire.answer(slot, Error.NONE)
        elif commit:
            say(f"{self.name} is {self.status.value}: INVALID_TXN_STATE")
            wire.answer(slot, Error.INVALID_TXN_STATE)
        else:
            self.epoch = self.epoch + 1
            for i in range(len(self.partitions)):
                self.added[i] = False
            self.prepare(Status.PREPARE_ABORT)
            if slot == CURRENT:
                wire.message(slot).epoch = self.epoch
            wire.answer(slot, Error.NONE)

    def _decide(self, wire: Wire, slot: int, commit: bool) -> None:
        if commit:
            say(f"{self.name} decides to commit and answers; the markers follow")
            self.prepare(Status.PREPARE_COMMIT)
            self.stale_commit = any_of([self.stale_commit, self.owner != self.wires.index(wire) + 1])
            if slot == CURRENT:
                wire.client.committing()
        else:
            say(f"{self.name} decides to abort and answers; the markers follow")
            self.prepare(Status.PREPARE_ABORT)
        self.mark(True, wire.message(slot).txn, Kind.COMMIT if commit else Kind.ABORT)

    # -- completion

    @action(api="WriteTxnMarkers", each=lambda self: [(p,) for p in self.partitions])
    def write_marker(self, partition: Partition) -> None:
        """WriteTxnMarkers to one partition leader; partitions get theirs one by one, in any order."""
        when(self.preparing())
        index = self.partitions.index(partition)
        when(self.added[index])
        kind = ite(self.status == Status.PREPARE_COMMIT, Kind.COMMIT, Kind.ABORT)
        if partition.write_marker(self.pid, self.epoch, kind, self.mark):
            say(f"{self.name} writes its {_shown(kind)} marker to {partition.name}")
        else:
            say(f"{partition.name} refuses the marker of {self.name}")
        self.added[index] = False

    @action
    def complete(self) -> None:
        """All markers are written."""
        when(self.preparing())
        when(all_of(neg(a) for a in self.added))
        self.status = ite(self.status == Status.PREPARE_COMMIT, Status.COMPLETE_COMMIT, Status.COMPLETE_ABORT)
        say(f"{self.name} is complete: {_shown(self.status)}")

    @action(api="WriteTxnMarkers", fault="delayed-marker", each=lambda self: [(p,) for p in self.partitions])
    def delay_marker(self, partition: Partition) -> None:
        """The request to this leader is given up and will be sent again; the first one is still on its way."""
        index = self.partitions.index(partition)
        late = self.late_marker[0]
        when(self.preparing())
        when(self.added[index] & neg(late.waiting))
        say(f"{self.name} gives up on its marker for {partition.name}, which is still on its way")
        late.waiting, late.partition, late.epoch = True, index, self.epoch
        late.kind = ite(self.status == Status.PREPARE_COMMIT, Kind.COMMIT, Kind.ABORT)

    @action(api="WriteTxnMarkers", fault="late-marker", each=lambda self: [(p,) for p in self.partitions])
    def write_marker_late(self, partition: Partition) -> None:
        """The marker that was given up arrives and closes whatever is open for this producer id (KAFKA-19446)."""
        late = self.late_marker[0]
        when(late.waiting)
        when(late.partition == self.partitions.index(partition))
        say(f"a marker of {self.name} that was given up arrives at {partition.name} after all")
        partition.write_marker(self.pid, late.epoch, late.kind, self.mark)
        late.waiting, late.partition, late.epoch, late.kind = False, 0, 0, Kind.DATA

    # -- time and failover

    def _time_out(self) -> None:
        if self.switches.epoch_bump_on_timeout:
            self.epoch = self.epoch + 1
        self.prepare(Status.PREPARE_ABORT)
        say(f"transaction.timeout.ms passes: {self.name} aborts the transaction (epoch {self.epoch})")

    @action(fault="transaction-timeout", only=lambda self: not self.two_phase)
    def time_out(self) -> None:
        """transaction.timeout.ms passes while a producer that is slow, paused or dead has its transaction
        open."""
        when(self.status == Status.ONGOING)
        when(any_of(w.client.may_time_out() for w in self.wires))
        self._time_out()

    @action(only=lambda self: not self.two_phase)
    def expire(self) -> None:
        """A transaction that no live producer knows of is aborted in the end (`abortTimedOutTransactions`)."""
        when(self.status == Status.ONGOING)
        when(all_of(w.client.abandoned() for w in self.wires))
        self._time_out()

    @action(fault="coordinator-failover")
    def fail_over(self) -> None:
        """The coordinator moves. What is in the log survives; markers of a decided transaction are all sent
        again."""
        say(f"the coordinator of {self.name} moves to another broker; what it held only in memory is gone")
        self.last_epoch = 0
        for wire in self.wires:
            to_coordinator = one_of(
                wire.request[0].api,
                Api.INIT_PRODUCER_ID,
                Api.ADD_PARTITIONS,
                Api.ADD_OFFSETS,
                Api.COMMIT,
                Api.ABORT,
            )
            wire.drop(to_coordinator)


def _shown(member: Any) -> str:
    return str(getattr(member, "value", member))
