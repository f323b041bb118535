"""A processor: poll, look something up, write to a store, produce, commit the position; then again.

What makes pipelines differ is the order of these steps, so a processor's loop is a sequence of them (`loop`),
made from the spec. Three positions are kept apart: where it will poll next, what is committed, and what has
been processed. Without outputs it is a plain consumer whose processing is its effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eoscheck.model import spec as spec_module
from eoscheck.model.client import Client
from eoscheck.model.language import Array, Var, action
from eoscheck.model.protocol import Api, At, Membership, Phase
from eoscheck.model.values import any_of, ite, neg, one_of, say, when

if TYPE_CHECKING:
    from eoscheck.model.groups import GroupCoordinator
    from eoscheck.model.inputs import Input
    from eoscheck.model.spec import Spec, Switches
    from eoscheck.model.store import Lookup, Store


def loop(spec: spec_module.Processor, store: Store | None, tv2: bool) -> list[At]:
    """The steps of one round after poll()."""
    transactional = spec.producer is not None and spec.producer.transactional_id is not None
    original = transactional and not tv2
    steps: list[At] = [At.OFFSET_COMMIT] if spec.offsets == "before-processing" else []
    if spec.lookup:
        steps.append(At.LOOKUP)
    two_phase = store is not None and store.spec.write == "two-phase"
    if store is not None and not two_phase:
        steps += store.steps()
    if spec.to:
        steps += [At.ADD_PARTITIONS, At.PRODUCE] if original else [At.PRODUCE]
    if spec.offsets == "in-transaction":
        steps += [At.ADD_OFFSETS, At.SEND_OFFSETS] if original else [At.SEND_OFFSETS]
    if two_phase:
        steps.append(At.STORE)
    if spec.offsets == "before-transaction":
        steps.append(At.OFFSET_COMMIT)
    if transactional:
        steps.append(At.COMMIT)
    if spec.offsets in ("after-transaction", "after-processing"):
        steps.append(At.OFFSET_COMMIT)
    return steps


class Processor(Client):
    """One instance of a processor (or consumer) of the spec."""

    def __init__(
        self,
        name: str,
        index: int,
        spec: spec_module.Processor,
        whole: Spec,
        sizes: dict[str, int],
        inputs: list[Input],
        store: Store | None,
        lookup: Lookup | None,
    ) -> None:
        switches: Switches = whole.switches
        super().__init__(
            name, index, spec.producer or spec_module.ProducerConfig(idempotence=False), switches, sizes
        )
        self.spec, self.inputs, self.store, self.lookup = spec, inputs, store, lookup
        self.program = loop(spec, store, switches.tv2)
        self.restart_on_fatal = spec.on_fatal == "restart"
        self.in_transaction_offsets = spec.offsets == "in-transaction"
        self.worker = spec.threads == "worker"
        self.may_pause = bool(whole.budget("pause", spec.name))
        self.unknown = sizes["offset"] + 1
        self.two_phase = (
            self.config.two_phase_commit and store is not None and store.spec.write == "two-phase"
        )
        self.group: GroupCoordinator

    generation = Var(lambda self: range(self.sizes["generation"] + 1))
    mine = Var(lambda self: Array(bool, len(self.inputs)))
    # Next offset to poll, by input partition; `unknown` (the largest) before it was fetched.
    position = Var(lambda self: Array(range(self.sizes["offset"] + 2), len(self.inputs)))
    # The record in hand: its partition, the offset behind it, the generation in which it was polled.
    partition = Var(lambda self: range(len(self.inputs)))
    next_offset = Var(lambda self: range(self.sizes["offset"] + 2))
    polled_generation = Var(lambda self: range(self.sizes["generation"] + 1))
    fresh = Var(bool)
    # For compare-and-set, the offset that its database has as far as it knows, by input partition.
    believed = Var(
        lambda self: Array(range(self.sizes["offset"] + 2 if self._compares() else 1), len(self.inputs))
    )
    # The serial id of the outbox row that it holds in an open transaction of the database; 0: none.
    serial = Var(lambda self: range(self.store.outbox_size() + 1 if self.store is not None else 1))

    def begin(self) -> None:
        super().begin()
        self.generation = 1
        for k in range(len(self.inputs)):
            if k % len(self.group.processes) == self.index:
                self.mine[k] = True
                self.group.owner[k] = self.group.holder[k] = self.index + 1
        if self.coordinator is not None and self.coordinator.wires[0] is self.wires[0]:
            self.coordinator.owner = 1
        elif self.coordinator is not None:
            self.at = At.INIT

    def lane(self) -> Any:
        """An output has the partition of its input."""
        lane: Any = 0
        for k in range(len(self.inputs)) if self.lanes > 1 else ():
            lane = ite(self.partition == k, k % self.lanes, lane)
        return lane

    # -- starting, joining, finding the position

    @action
    def start(self) -> None:
        """The process is started again."""
        when(self.at == At.DOWN)
        say(f"{self.name} starts again")
        if self.coordinator is None and self.config.idempotence and self.outputs:
            self.incarnation = self.incarnation + 1
        self.at = At.INIT if self.coordinator else At.JOIN
        if self.coordinator is None:
            self._join()

    def initialised(self) -> None:
        if self.two_phase and self.prepared != 0:
            self._complete_prepared()
        else:
            self._ready()

    def _complete_prepared(self) -> None:
        """completeTransaction(): the store knows whether the transaction that was kept is to be committed
        (KIP-939)."""
        assert self.store is not None
        if self.store.decided[self.index] == self.prepared:
            say(f"{self.name} finds the decision to commit in {self.store.name}")
            self.at = At.COMMIT
        else:
            say(f"{self.name} finds no decision in {self.store.name} and aborts")
            self.at = At.ABORT
        self.prepared = 0

    def done(self, step: At) -> None:
        if self.two_phase and step == At.COMMIT and self.generation == 0:
            # The transaction of its former self: it has not joined yet.
            self.finish()
            self._ready()
        else:
            super().done(step)
            if self.after(step) == At.POLL:
                self._go_on()

    def _go_on(self) -> None:
        """Poll again. Where partitions were assigned while the worker thread was busy, it finds its position first."""
        unknown = any_of(self.mine[k] & (self.position[k] == self.unknown) for k in range(len(self.inputs)))
        self.at = ite(unknown, At.FETCH, At.POLL) if self.worker else At.POLL

    def _ready(self) -> None:
        # A member that starts for the first time is in its group already.
        if self.group.members[self.index] == Membership.IN and self.generation != 0:
            self.at = At.POLL
        else:
            self._join()

    def _join(self) -> None:
        self.at = At.JOIN
        self.generation = 0
        self._forget_positions()
        self.group.join(self)

    def _forget_positions(self) -> None:
        for k in range(len(self.inputs)):
            self.mine[k] = False
            self.position[k] = 0

    @action
    def rejoin(self) -> None:
        """poll() finds out that the coordinator has removed this member: it has no partition, and joins again."""
        when(self.at == At.POLL)
        when(self.group.members[self.index] == Membership.OUT)
        say(f"{self.name} learns at poll() that it was removed from its group, and joins again")
        self._join()

    def can_rejoin(self) -> Any:
        """It is at poll() (where a member learns of a rebalance), waiting to join, or polls in another
        thread."""
        ready = one_of(self.at, At.JOIN, At.POLL, At.FETCH)
        return (ready | self.is_up()) if self.worker else ready

    def assigned(self, partitions: list[int]) -> None:
        """The group has rebalanced and this member is in it."""
        if self.spec.auto_commits:
            self._commit_revoked()
        self.generation = self.group.generation
        for k in range(len(self.inputs)):
            self.mine[k] = k in partitions
            self.position[k] = self.unknown if k in partitions else 0
        idle = one_of(self.at, At.JOIN, At.POLL, At.FETCH)
        self.at = ite(idle, At.FETCH if partitions else At.POLL, self.at)

    @action(each=lambda self: [(k,) for k in range(len(self.inputs))])
    def fetch_position(self, partition: int) -> None:
        """OffsetFetch, or the database's own offset; else auto.offset.reset. Reading it again is harmless, so
        the request and its answer are one step."""
        when(self.at == At.FETCH)
        when(self.mine[partition])
        when(self.position[partition] == self.unknown)
        self.position[partition] = self._resume(partition)
        say(
            f"{self.name} will continue at offset {self.position[partition]} of {self.inputs[partition].name}"
        )
        self.group.hand_out(self, partition)
        others = [k for k in range(len(self.inputs)) if k != partition]
        missing = any_of(self.mine[k] & (self.position[k] == self.unknown) for k in others)
        self.at = ite(missing, At.FETCH, At.POLL)

    def _resume(self, partition: int) -> Any:
        if self.store is not None and self.spec.offsets == "in-store":
            if self._compares():
                self.believed[partition] = self.store.next[partition]
            return self.store.next[partition]
        when(self.group.stable(partition, self.spec.consumer.require_stable))
        known, offset = self.group.offsets.committed_offset(partition)
        source = self.inputs[partition]
        if known:
            # A committed offset beyond the end (the log was cut back) is out of range: reset.
            return ite(source.end(self.spec.consumer.isolation_level) < offset, self._reset(source), offset)
        # auto.offset.reset=none: poll() throws NoOffsetForPartitionException, and nothing is passed over.
        when(self.spec.consumer.auto_offset_reset != "none")
        return self._reset(source)

    def _compares(self) -> bool:
        store = self.store
        return (
            store is not None and store.spec.write in ("offsets", "two-phase") and store.spec.compare_and_set
        )

    def _reset(self, source: Input) -> Any:
        latest = self.spec.consumer.auto_offset_reset == "latest"
        return source.end(self.spec.consumer.isolation_level) if latest else 0

    def truncated(self, partition: int, end: Any) -> None:
        """The log of an input partition was cut at `end`: see `Reader.truncated`."""
        position = self.position[partition]
        self.position[partition] = ite((position != self.unknown) & (end < position), end, position)

    # -- one round

    @action(each=lambda self: [(k,) for k in range(len(self.inputs))])
    def poll(self, partition: int) -> None:
        """poll() hands out the next record; the position moves on before anything is processed."""
        when(self.at == At.POLL)
        when(self.mine[partition])
        position = self.position[partition]
        when(position != self.unknown)
        source = self.inputs[partition]
        when(source.available(position, self.spec.consumer.isolation_level))
        self.position[partition] = position + 1
        if source.handed_out(position, self.spec.consumer.isolation_level):
            self.value = source.value(position)
            if self.sizes["version"]:
                self.version = source.version(position)
            say(f"{self.name} polls input {self.value} (offset {position} of {source.name})")
            self.partition, self.next_offset = partition, position + 1
            self.polled_generation = self.generation
            self.at = self.program[0] if self.program else At.POLL
            self.begin_transaction()
        else:
            say(f"{self.name} skips offset {position} of {source.name}: control record or aborted")

    @action(each=lambda self: [(k,) for k in range(len(self.inputs))] if self.spec.auto_commits else [])
    def auto_commit(self, partition: int) -> None:
        """enable.auto.commit: the position, at a poll() after auto.commit.interval.ms
        (`maybeAutoCommitOffsetsAsync`). With a worker thread the poll loop goes on while records are still
        being processed; and some clients commit at any moment."""
        any_time = self.worker or self.spec.consumer.background_commit
        when(self.is_up() if any_time else self.at == At.POLL)
        when(self.mine[partition])
        when(neg(self._replaced()))
        when(self._uncommitted(partition))
        position = self.position[partition]
        say(f"{self.name} auto-commits its position, offset {position} of partition {partition}")
        self.group.check_holder(self, partition)
        self.group.offsets.log.append(value=position, key=partition)

    def _commit_revoked(self) -> None:
        """With auto commit a member commits its positions before it gives its partitions up, or closes
        (`ConsumerCoordinator.onJoinPrepare`, `close`)."""
        for k in range(len(self.inputs)):
            if self.mine[k] & self._uncommitted(k):
                self.group.offsets.log.append(value=self.position[k], key=k)

    def _uncommitted(self, partition: int) -> Any:
        position = self.position[partition]
        known, committed = self.group.offsets.committed_offset(partition)
        return (position != self.unknown) & (position != 0) & (neg(known) | (position != committed))

    @action(fault="exception")
    def throw(self) -> None:
        """Processing throws; `finally { consumer.close(); }` runs, which with auto commit commits all positions."""
        when(one_of(self.at, *[s for s in self.program if s not in (At.COMMIT, At.OFFSET_COMMIT)]))
        when(self.wires[0].phase == Phase.IDLE)
        say(f"processing of input {self.value} throws; {self.name} closes its consumer and starts again")
        if self.spec.auto_commits and neg(self._replaced()):
            say(f"as it closes, the consumer of {self.name} auto-commits its positions")
            self._commit_revoked()
        self.group.leave(self)
        self.go_down(At.DOWN)

    @action(only=lambda self: At.LOOKUP in self.program)
    def look_up(self) -> None:
        """Read the value outside the pipeline; `record.lookup` keeps the first answer for this input."""
        when(self.at == At.LOOKUP)
        assert self.lookup is not None
        self.version = self.lookup.ask(self.value, self.spec.record_lookup)
        say(f"{self.name} looks up {self.lookup.name}: version {self.version}")
        self.done(At.LOOKUP)

    @action(only=lambda self: At.CHECK in self.program)
    def check_store(self) -> None:
        """Is the message id there already? A database transaction of its own."""
        when(self.at == At.CHECK)
        assert self.store is not None
        self.fresh = self.store.is_new(self)
        say(f"{self.name} looks whether {self.store.name} knows input {self.value}")
        self.done(At.CHECK)

    @action(only=lambda self: At.STORE in self.program)
    def write_store(self) -> None:
        """One database transaction."""
        when(self.at == At.STORE)
        assert self.store is not None
        if self.store.write(self):
            self.done(At.STORE)
        else:
            self.give_way()

    @action(only=lambda self: At.PUBLISH in self.program)
    def commit_row(self) -> None:
        """The database transaction that holds the outbox row commits."""
        when(self.at == At.PUBLISH)
        assert self.store is not None
        self.store.publish(self)
        self.done(At.PUBLISH)

    def give_way(self) -> None:
        """The store refused a stale owner: drop the work and find the position anew."""
        if self.coordinator is not None:
            self.abort(At.STORE)
        else:
            self._drop()

    def _metadata(self) -> Any:
        """The generation sent along with offsets."""
        if self.spec.group_metadata == "none":
            return 0
        return self.generation if self.spec.group_metadata == "commit" else self.polled_generation

    @action(api="TxnOffsetCommit", only=lambda self: At.SEND_OFFSETS in self.program)
    def send_offsets(self) -> None:
        """sendOffsetsToTransaction(offsets, groupMetadata)."""
        when(self.at == At.SEND_OFFSETS)
        self._send(
            Api.TXN_OFFSET_COMMIT, key=self.partition, offset=self.next_offset, generation=self._metadata()
        )

    @action(api="OffsetCommit", only=lambda self: At.OFFSET_COMMIT in self.program)
    def commit_offsets(self) -> None:
        """commitSync()."""
        when(self.at == At.OFFSET_COMMIT)
        self._send(Api.OFFSET_COMMIT, key=self.partition, offset=self.next_offset, generation=self.generation)

    def failed(self, step: At, error: Any) -> None:
        if step == At.OFFSET_COMMIT and (self.coordinator is None or self.program[-1] == At.OFFSET_COMMIT):
            say(f"{self.name} gets {error.name}: its commit failed, the partition belongs to somebody else")
            self._drop()
        else:
            super().failed(step, error)

    def _drop(self) -> None:
        """Stop working on the record in hand; join again if the group has moved on, else go back to the offset."""
        self.finish()
        if self._replaced():
            self._join()
        else:
            self._seek()

    def _replaced(self) -> Any:
        """The group has gone on without it."""
        return (self.group.members[self.index] == Membership.OUT) | (self.generation != self.group.generation)

    def _seek(self) -> None:
        for k in range(len(self.inputs)):
            self.position[k] = ite(self.mine[k], self.unknown, 0)
        self.at = At.FETCH

    def aborted(self) -> None:
        if self.spec.after_abort == "continue":
            self.finish()
            if self._replaced():
                self._join()
            else:
                say(f"{self.name} goes on polling: its position is not rewound (KAFKA-17582)")
                self._go_on()
        else:
            self._drop()

    def finish(self) -> None:
        super().finish()
        self.partition, self.next_offset, self.polled_generation = 0, 0, 0
        self.fresh, self.serial = False, 0

    def committing(self) -> None:
        if self.spec.offsets == "in-transaction":
            self.group.check_holder(self, self.partition)

    def may_time_out(self) -> Any:
        timeout = self.config.transaction_timeout_ms
        quick = self.spec.processing_ms is not None and self.spec.processing_ms < timeout
        # A quick loop outlives its timeout only where somebody paused or killed it.
        return self.is_down() | self._replaced() if quick else super().may_time_out()

    def holds(self, value: int) -> Any:
        """It is processing `value` right now."""
        return self.is_up() & (self.value == value)

    def pending(self, value: int) -> Any:
        """`value` lies at or behind the position from which this group, started anew, would go on."""
        return any_of(source.contains_from(self._restart(k), value) for k, source in enumerate(self.inputs))

    def _restart(self, partition: int) -> Any:
        if self.store is not None and self.spec.offsets == "in-store":
            return self.store.next[partition]
        known, offset = self.group.offsets.committed_offset(partition)
        return ite(known, offset, self._reset(self.inputs[partition]))

    def settled(self, value: int) -> Any:
        """Kafka's side of `value` is committed. Where the position lies in a store that decides for Kafka,
        that is said by the outputs alone."""
        if self.store is not None and self.store.spec.write == "two-phase":
            return any_of(p.committed_value(value) for p in self.outputs)
        return self.progressed(value)

    def progressed(self, value: int) -> Any:
        """The position committed for the partition of `value` is behind it."""
        return neg(self.pending(value)) & any_of(source.contains_from(0, value) for source in self.inputs)
