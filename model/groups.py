"""The group coordinator: membership, generations, assignment, and committed offsets.

`GroupMetadataManager`, `ClassicGroup`, `OffsetMetadataManager`. Joining, syncing and heartbeats are folded
into one rebalance step: the generation grows and every partition gets one owner. A member that is in the
middle of its loop holds a rebalance up until it is back at poll(), unless it was removed (session.timeout.ms,
max.poll.interval.ms): then it runs on as a zombie that believes in its old generation.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from eoscheck.model.language import Array, Component, Var, action
from eoscheck.model.network import CURRENT, LATE, Wire
from eoscheck.model.partition import Partition
from eoscheck.model.protocol import Api, At, Error, Membership
from eoscheck.model.values import all_of, any_of, ite, one_of, ranks, say, when

if TYPE_CHECKING:
    from eoscheck.model.processor import Processor
    from eoscheck.model.spec import Switches


class GroupCoordinator(Component):
    """One consumer group reading `inputs` partitions. Its committed offsets are records of `offsets`, an
    ordinary partition of `__consumer_offsets`."""

    def __init__(
        self, name: str, inputs: int, offsets: Partition, generations: int, switches: Switches
    ) -> None:
        self.name, self.inputs, self.offsets = name, inputs, offsets
        self.generations, self.switches = generations, switches
        self.processes: list[Processor] = []

    generation = Var(lambda self: range(1, self.generations + 1), durable=True)
    members = Var(lambda self: Array(Membership, len(self.processes)), Membership.IN, durable=True)
    owner = Var(lambda self: Array(range(len(self.processes) + 1), self.inputs), durable=True)
    rebalancing = Var(bool, durable=True)
    # Bookkeeping for the property `fencing`: who was last given a position to process from, and whether
    # somebody else committed after that.
    holder = Var(lambda self: Array(range(len(self.processes) + 1), self.inputs), durable=True, ghost=True)
    stale_commit = Var(bool, durable=True, ghost=True)

    # -- membership

    def join(self, process: Processor) -> None:
        """JoinGroup."""
        anew = one_of(self.members[process.index], Membership.OUT, Membership.NEW)
        self.members[process.index] = ite(anew, Membership.NEW, Membership.JOINING)
        self.rebalancing = True

    def leave(self, process: Processor) -> None:
        """The coordinator takes a member out of the group."""
        self.members[process.index] = Membership.OUT
        self.rebalancing = True

    @action(each=lambda self: [(p,) for p in self.processes])
    def session_timeout(self, process: Processor) -> None:
        """No heartbeat of a dead process for session.timeout.ms."""
        when(self.members[process.index] == Membership.IN)
        when(process.is_down())
        say(f"session.timeout.ms passes: {process.name} is removed from {self.name}")
        self.leave(process)

    @action(fault="pause", each=lambda self: [(p,) for p in self.processes if p.may_pause])
    def remove_paused(self, process: Processor) -> None:
        """A live member is paused (GC, SIGSTOP, a slow call) beyond its timeouts. It does not know."""
        when(self.members[process.index] == Membership.IN)
        when(process.is_up())
        say(f"{process.name} is paused for too long and removed from {self.name}; it does not know")
        self.leave(process)

    @action(fault="rebalance")
    def trigger(self) -> None:
        """A rebalance without anybody leaving: metadata changed, or somebody joined for a moment."""
        when(self.rebalancing == False)  # noqa: E712
        say(f"{self.name} rebalances")
        self.rebalancing = True

    def _assignments(self) -> Iterator[tuple[tuple[int, ...]]]:
        for owners in itertools.product(range(1, len(self.processes) + 1), repeat=self.inputs):
            yield (owners,)

    @action(each=_assignments)
    def rebalance(self, owners: tuple[int, ...]) -> None:
        """Everybody has rejoined: the next generation, and an owner for every partition."""
        when(self.rebalancing)
        when(
            all_of((self.members[i] == Membership.OUT) | p.can_rejoin() for i, p in enumerate(self.processes))
        )
        when(all_of(self.members[i - 1] != Membership.OUT for i in sorted(set(owners))))
        self.rebalancing = False
        if any(p.coordinator is not None and p.coordinator.shared for p in self.processes):
            self._forget_generations()
        self.generation = self.generation + 1
        shares = ", ".join(f"partition {k} to {self.processes[o - 1].name}" for k, o in enumerate(owners))
        say(f"{self.name} rebalances to generation {self.generation}: {shares}")
        for partition, owner in enumerate(owners):
            self.owner[partition] = owner
        for i, process in enumerate(self.processes):
            if self.members[i] != Membership.OUT:
                self.members[i] = Membership.IN
                process.assigned([k for k, o in enumerate(owners) if o == i + 1])

    def _forget_generations(self) -> None:
        """Generations are compared and nothing else; those that nobody holds any more are left out (see
        `TransactionCoordinator.shared`). 0 is that of nobody."""
        members = [*self.processes, *(p.wires[0].request[0] for p in self.processes)]
        members += [p.wires[0].copies[0] for p in self.processes if p.wires[0].late_allowed]
        polled = [p.polled_generation for p in self.processes]
        rank = ranks([0, self.generation, *(m.generation for m in members), *polled], self.generations)
        for member in members:
            member.generation = rank(member.generation)
        for process in self.processes:
            process.polled_generation = rank(process.polled_generation)
        self.generation = rank(self.generation)

    # -- offsets

    def _validate(self, process: Processor, generation: Any) -> bool:
        """`ClassicGroup.validateOffsetCommit`: a member of the current generation. Nobody checks that it owns
        the partition (KAFKA-8421)."""
        known = one_of(self.members[process.index], Membership.IN, Membership.JOINING)
        return bool(known & (generation == self.generation))

    def _members_left(self) -> Any:
        return any_of(m != Membership.OUT for m in self.members)

    @action(
        api="OffsetCommit",
        each=lambda self: [(p.wires[0],) for p in self.processes if At.OFFSET_COMMIT in p.program],
    )
    def commit_offset(self, wire: Wire) -> None:
        """OffsetCommit: whatever arrives last is stored; there is no monotonicity."""
        self._commit_offset(wire, CURRENT)

    @action(
        api="OffsetCommit",
        fault="late-delivery",
        each=lambda self: [
            (p.wires[0],) for p in self.processes if At.OFFSET_COMMIT in p.program and p.wires[0].late_allowed
        ],
    )
    def commit_offset_late(self, wire: Wire) -> None:
        say(f"an OffsetCommit request that {wire.name} gave up on arrives after all")
        self._commit_offset(wire, LATE)

    def _commit_offset(self, wire: Wire, slot: int) -> None:
        wire.arrives(slot, Api.OFFSET_COMMIT)
        request, process = wire.message(slot), self._process(wire)
        if not self._validate(process, request.generation):
            say(f"{self.name} refuses the offset of {process.name}: ILLEGAL_GENERATION")
            wire.answer(slot, Error.ILLEGAL_GENERATION)
            return
        say(f"{self.name} stores offset {request.offset} for partition {request.key}")
        self.offsets.write_offset(process, request, transactional=False)
        if slot == CURRENT:
            self.check_holder(process, request.key)
        wire.answer(slot, Error.NONE)

    @action(
        api="TxnOffsetCommit",
        each=lambda self: [(p.wires[0],) for p in self.processes if p.in_transaction_offsets],
    )
    def commit_transactional(self, wire: Wire) -> None:
        """TxnOffsetCommit: a record of the transaction, pending until its marker. The transaction is verified (or
        the offsets topic added to it) before the group is asked (`GroupCoordinatorService.commitTransactionalOffsets`,
        before 4.0 `GroupCoordinator.handleTxnCommitOffsets`)."""
        self._commit_transactional(wire, CURRENT)

    @action(
        api="TxnOffsetCommit",
        fault="late-delivery",
        each=lambda self: [
            (p.wires[0],) for p in self.processes if p.in_transaction_offsets and p.wires[0].late_allowed
        ],
    )
    def commit_transactional_late(self, wire: Wire) -> None:
        say(f"a TxnOffsetCommit request that {wire.name} gave up on arrives after all")
        self._commit_transactional(wire, LATE)

    def _commit_transactional(self, wire: Wire, slot: int) -> None:
        wire.arrives(slot, Api.TXN_OFFSET_COMMIT)
        request, process = wire.message(slot), self._process(wire)
        assert process.coordinator is not None
        pid = request.pid
        ongoing = (self.offsets.first[pid] != 0) & (self.offsets.epochs[pid] == request.epoch + 1)
        if not ongoing:
            refused = process.coordinator.verify_offsets(self.offsets, request.epoch)
            if refused != Error.NONE:
                say(
                    f"{self.name} verifies the transaction with its coordinator"
                    f" and is refused: {refused.name}"
                )
                wire.answer(slot, refused)
                return
        if self._refuses(process, request.generation):
            # Its partition of the offsets topic has become part of the transaction by now (transaction.version 2).
            say(f"{self.name} refuses the offsets of {process.name}: ILLEGAL_GENERATION")
            wire.answer(slot, Error.ILLEGAL_GENERATION)
            return
        if self.offsets.write_offset(process, request, transactional=True):
            say(
                f"{self.name} holds offset {request.offset} for partition {request.key}"
                " pending in the transaction"
            )
            wire.answer(slot, Error.NONE)
        else:
            say(f"{self.offsets.name} refuses the old producer epoch {request.epoch}")
            wire.answer(slot, Error.INVALID_PRODUCER_EPOCH)

    def _refuses(self, process: Processor, generation: Any) -> bool:
        """KIP-447: members are checked; a commit without a member passes in any state of a classic group, and
        before 4.0 in none of a KIP-848 group that has members (`ConsumerGroup.validateOffsetCommit`)."""
        if not self.switches.group_metadata:
            return False
        if process.spec.group_metadata == "none":
            modern = process.spec.consumer.group_protocol == "consumer"
            return modern and not self.switches.memberless_offsets and bool(self._members_left())
        return not self._validate(process, generation)

    def _process(self, wire: Wire) -> Processor:
        return next(process for process in self.processes if process.wires[0] is wire)

    def check_holder(self, process: Processor, partition: Any) -> None:
        """Bookkeeping: a commit for `partition` by somebody who is no longer its holder."""
        self.stale_commit = any_of([self.stale_commit, self.holder[partition] != process.index + 1])

    def hand_out(self, process: Processor, partition: int) -> None:
        """Bookkeeping: a current member was given its position, so whoever had it before has been
        replaced."""
        current = (self.members[process.index] != Membership.OUT) & (process.generation == self.generation)
        self.holder[partition] = ite(current, process.index + 1, self.holder[partition])

    def stable(self, partition: int, require: bool) -> Any:
        """OffsetFetch may answer: with require_stable only where no transactional offset is pending
        (KIP-447)."""
        if not require or not self.switches.group_metadata:
            return True
        return self.offsets.pending_offset(partition) == False  # noqa: E712
