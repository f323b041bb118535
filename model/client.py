"""A client process: the steps of its loop, and the producer client library inside it.

`KafkaProducer`, `TransactionManager`, `Sender`. A loop is a sequence of steps (`program`); a step that is a
request is sent, handled by a broker and received in three actions. Everything here is volatile: a crash loses
it all, and only the `transactional.id` in the configuration is left.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from eoscheck.model.language import Array, Component, Var, action
from eoscheck.model.network import Wire
from eoscheck.model.protocol import Api, At, Error, Kind, Phase
from eoscheck.model.values import any_of, ite, neg, one_of, say, when

if TYPE_CHECKING:
    from eoscheck.model.partition import Partition
    from eoscheck.model.spec import ProducerConfig, Switches
    from eoscheck.model.transactions import TransactionCoordinator

RETRIED = (Error.NO_ANSWER, Error.NOT_ENOUGH_REPLICAS)
REQUESTS = {
    At.INIT: Api.INIT_PRODUCER_ID,
    At.BUMP: Api.INIT_PRODUCER_ID,
    At.ADD_PARTITIONS: Api.ADD_PARTITIONS,
    At.PRODUCE: Api.PRODUCE,
    At.ADD_OFFSETS: Api.ADD_OFFSETS,
    At.SEND_OFFSETS: Api.TXN_OFFSET_COMMIT,
    At.COMMIT: Api.COMMIT,
    At.ABORT: Api.ABORT,
    At.OFFSET_COMMIT: Api.OFFSET_COMMIT,
}


class Client(Component):
    """Base of producing applications and processors.

    outputs       partitions it can produce to
    places        where the record in hand goes: one of the `outputs` of each place, by its lane
    coordinator   that of its transactional.id, or None
    program       the steps of one round of its loop, in order
    expires       whether delivery.timeout.ms can pass for a batch
    pid           its producer id: fixed with a transactional.id, else the first of its restarts
    numbers       what its transactions are counted by, others with its transactional.id have other numbers
    """

    program: list[At]
    offsets_partition: Partition | None = None

    def __init__(
        self, name: str, index: int, config: ProducerConfig, switches: Switches, sizes: dict[str, int]
    ) -> None:
        self.name, self.index, self.config, self.switches, self.sizes = name, index, config, switches, sizes
        self.wires: list[Wire] = []
        self.outputs: list[Partition] = []
        self.places: list[list[int]] = []
        self.coordinator: TransactionCoordinator | None = None
        self.pid, self.numbers = 0, range(0)
        self.restart_on_fatal = True
        self.expires = False

    at = Var(At, At.DOWN)
    epoch = Var(lambda self: range(self.sizes["epoch"] + 1))
    place = Var(lambda self: range(max(len(self.places), 1)))
    sequences = Var(lambda self: Array(range(self.sizes["sequence"] + 1), max(len(self.outputs), 1)))
    value = Var(lambda self: range(self.sizes["value"] + 1))
    version = Var(lambda self: range(self.sizes["version"] + 1))
    bump_needed = Var(bool)
    # KIP-939: the epoch of the prepared transaction that initTransactions(keepPreparedTxn) found, one too
    # high; 0: none.
    prepared = Var(lambda self: range(self.sizes["epoch"] + 2 if self.config.two_phase_commit else 1))
    # A producer without transactional.id gets a new producer id at every start.
    incarnation = Var(lambda self: range(self.sizes["incarnation"] + 1), durable=True)
    # Which transaction this is, counted over the life of the application: no such number exists in Kafka.
    txn = Var(lambda self: range(self.sizes["txn"] + 1), durable=True)
    # What the application was told, over its whole life: the properties ask for it.
    acknowledged = Var(lambda self: Array(bool, self.sizes["value"] + 1), durable=True)

    def begin(self) -> None:
        """The pipeline is up: producers have their ids, groups are stable."""
        self.at = At.POLL

    # -- where records go

    def produces(self, places: list[list[Partition]]) -> None:
        """Configuration: one record per input goes to one partition of each place."""
        for partitions in places:
            first = len(self.outputs)
            self.outputs += partitions
            self.places.append(list(range(first, len(self.outputs))))

    @property
    def lanes(self) -> int:
        """How many ways there are to choose a partition of every place."""
        return math.lcm(*(len(place) for place in self.places)) if self.places else 1

    def lane_of(self, value: Any) -> Any:
        """The lane of an input: records are dealt over the partitions in turn."""
        lane: Any = 0
        for v in range(1, self.sizes["value"] + 1) if self.lanes > 1 else ():
            lane = ite(value == v, (v - 1) % self.lanes, lane)
        return lane

    def lane(self) -> Any:
        """The lane of the record in hand."""
        return self.lane_of(self.value)

    def reaches(self, output: int, lane: Any) -> Any:
        """A record of this lane goes to this output."""
        place = next(p for p in self.places if output in p)
        return any_of(lane == k for k in range(self.lanes) if place[k % len(place)] == output)

    # -- what others ask

    def is_down(self) -> Any:
        return one_of(self.at, At.DOWN, At.STOPPED)

    def is_up(self) -> Any:
        return neg(self.is_down())

    def in_turn(self, wire: Wire) -> None:
        """Guard: requests of one connection are handled in the order in which they were sent."""

    def disconnected(self, wire: Wire) -> None:
        """The connection broke while `wire` waited: whatever was sent behind it on the connection is lost
        with it."""

    def describe(self, request: Any) -> str:
        return f"input {request.value}"

    def committing(self) -> None:
        """Bookkeeping, at the moment the coordinator decides to commit for this client."""

    def in_transaction(self) -> Any:
        """Between beginTransaction and the answer to EndTxn."""
        return one_of(self.at, *[s for s in self.program if s != At.OFFSET_COMMIT], At.ABORT, At.BUMP)

    def may_time_out(self) -> Any:
        """Its transaction can be older than transaction.timeout.ms."""
        return self.in_transaction() | self.is_down()

    def abandoned(self) -> Any:
        """It does not know of any open transaction and will not look for one."""
        return neg(self.in_transaction()) & (self.at != At.DOWN) & (self.at != At.INIT)

    # -- the loop

    def after(self, step: At) -> At:
        """The step behind `step`; poll at the end of the round."""
        following = self.program[self.program.index(step) + 1 :]
        return following[0] if following else At.POLL

    def done(self, step: At) -> None:
        """`step` succeeded."""
        self.at = self.after(step)
        if self.after(step) == At.POLL:
            self.finish()

    def finish(self) -> None:
        """The round is over: nothing is in hand any more."""
        self.value, self.version, self.place = 0, 0, 0

    def transactional_steps(self) -> list[At]:
        return [At.ADD_PARTITIONS] if self.coordinator and not self.switches.tv2 else []

    def begin_transaction(self) -> None:
        """beginTransaction() for the record in hand. No request, no broker knows."""
        if self.coordinator is not None and self.coordinator.shared:
            self.txn = self.coordinator.unused(self.numbers)
        elif self.coordinator is not None:
            self.txn = self.txn + 1

    # -- requests

    def _send(self, api: Api, **fields: Any) -> None:
        wire = self.wires[0]
        when(wire.phase == Phase.IDLE)
        if self.config.idempotence:
            fields |= {"pid": self.producer_id(), "epoch": self.epoch}
        if self.coordinator:
            fields["txn"] = self.txn
        wire.send(api, **fields)
        say(f"{self.name} sends {api.value}")

    def producer_id(self) -> Any:
        return self.pid if self.coordinator else self.incarnation + self.pid

    def _initial_steps(self) -> list[At]:
        if self.coordinator is None:
            return []
        return [At.INIT, At.BUMP] if self.expires and not self.switches.tv2 else [At.INIT]

    @action(api="InitProducerId", each=lambda self: [(s,) for s in self._initial_steps()])
    def initialise(self, step: At) -> None:
        """initTransactions(), or after an abort that left a batch unresolved the same request with the own
        epoch."""
        when(self.at == step)
        self._send(Api.INIT_PRODUCER_ID, expected=self.epoch + 1 if step == At.BUMP else 0)

    @action(api="AddPartitionsToTxn", only=lambda self: At.ADD_PARTITIONS in self.program)
    def add_partitions(self) -> None:
        when(self.at == At.ADD_PARTITIONS)
        self._send(Api.ADD_PARTITIONS, output=self.lane())

    @action(
        api="Produce",
        each=lambda self: [(k,) for k in range(len(self.outputs))] if At.PRODUCE in self.program else [],
    )
    def produce(self, output: int) -> None:
        when(self.at == At.PRODUCE)
        when(any_of(self.place == i for i, place in enumerate(self.places) if output in place))
        when(self.reaches(output, self.lane()))
        fields = {"sequence": self.sequences[output]} if self.config.idempotence else {}
        self._send(Api.PRODUCE, output=output, value=self.value, version=self.version, **fields)
        if self.config.acks == "0":
            self._produced(output)

    @action(api="AddOffsetsToTxn", only=lambda self: At.ADD_OFFSETS in self.program)
    def add_offsets(self) -> None:
        when(self.at == At.ADD_OFFSETS)
        self._send(Api.ADD_OFFSETS)

    @action(api="EndTxn", only=lambda self: At.COMMIT in self.program)
    def commit_transaction(self) -> None:
        when(self.at == At.COMMIT)
        self._send(Api.COMMIT)

    @action(api="EndTxn", only=lambda self: self.coordinator)
    def abort_transaction(self) -> None:
        when(self.at == At.ABORT)
        self._send(Api.ABORT)
        assert self.coordinator is not None
        self.coordinator.mark(True, self.txn, Kind.ABORT)

    def steps(self) -> list[At]:
        """The steps that are requests over the first connection."""
        steps = [s for s in self.program if s in REQUESTS]
        return [*steps, *self._initial_steps(), *([At.ABORT] if self.coordinator else [])]

    @action(each=lambda self: [(s,) for s in self.steps()])
    def receive(self, step: At) -> None:
        """The answer to the outstanding request, or the end of waiting for it."""
        when(self.at == step)
        wire = self.wires[0]
        when(wire.phase == Phase.ANSWERED)
        error, granted = wire.error, wire.request[0].epoch if self.config.idempotence else 0
        output = wire.request[0].output
        if step == At.INIT and self.config.two_phase_commit:
            self.prepared = ite(error == Error.NONE, wire.request[0].expected, 0)
        wire.close()
        if error == Error.NONE:
            self.succeeded(step, output if step == At.PRODUCE else granted)
        elif one_of(error, *RETRIED):
            self.unanswered(step)
        elif error == Error.PRODUCER_FENCED or (
            step != At.PRODUCE and one_of(error, Error.INVALID_PRODUCER_EPOCH, Error.INVALID_TXN_STATE)
        ):
            self.fatal(error)
        else:
            self.failed(step, error)

    def unanswered(self, step: At) -> None:
        """Retriable: the client library sends the same request again (retries > 0)."""
        if step == At.PRODUCE and not self.config.retries:
            self.failed(step, Error.DELIVERY_TIMEOUT)
        else:
            say(f"{self.name} gets no answer to {REQUESTS[step].value} and will send it again")

    def succeeded(self, step: At, granted: Any) -> None:
        """The request of `step` was answered without error; what it was granted: an epoch, or (Produce) the
        output that has the record."""
        if step in (At.INIT, At.BUMP):
            say(f"{self.name} has its producer id with epoch {granted}")
            self._restart_sequences(granted)
            if step == At.INIT:
                self.initialised()
            else:
                self.aborted()
        elif step == At.PRODUCE:
            self._produced(granted)
        elif step == At.COMMIT:
            self._ended(granted)
            self.acknowledged[self.value] = True
            say(f"{self.name} knows that its transaction is committed")
            self.done(step)
        elif step == At.ABORT:
            self._ended(granted)
            say(f"{self.name} knows that its transaction is aborted")
            # KIP-360: a batch with unknown outcome; only a new epoch keeps a late copy of it out.
            if self.bump_needed and self.switches.client_epoch_bump and not self.switches.tv2:
                self.bump_needed, self.at = False, At.BUMP
            else:
                self.bump_needed = False
                self.aborted()
        else:
            say(f"{self.name} gets the answer to {REQUESTS[step].value}")
            self.done(step)

    def _produced(self, output: Any) -> None:
        say(f"{self.name} knows that input {self.value} was appended")
        if self.config.idempotence:
            self.sequences[output] = self.sequences[output] + 1
        if len(self.places) > 1 and self.place < len(self.places) - 1:
            self.place = self.place + 1
        else:
            if self.coordinator is None:
                self.acknowledged[self.value] = True
            self.place = 0
            self.done(At.PRODUCE)

    def _ended(self, granted: Any) -> None:
        if self.switches.tv2:
            self._restart_sequences(granted)

    def _restart_sequences(self, epoch: Any) -> None:
        self.epoch = epoch
        for k in range(len(self.sequences)):
            self.sequences[k] = 0

    def failed(self, step: At, error: Any) -> None:
        """An error that a transaction can be aborted for."""
        if self.coordinator is None:
            say(f"{self.name} gets {error.name}, gives up and starts again")
            self.go_down(At.DOWN)
        else:
            say(f"{self.name} gets {error.name} and aborts")
            self.abort(step)

    def abort(self, step: At) -> None:
        """abortTransaction(), at this step. Where nothing was added to the transaction yet, no request is sent: the
        coordinator knows of none (`TransactionManager.nextRequest`)."""
        adding = (At.ADD_PARTITIONS, At.PRODUCE, At.ADD_OFFSETS, At.SEND_OFFSETS)
        if step in self.program and not any(
            s in adding for s in self.program[: self.program.index(step) + 1]
        ):
            self.aborted()
        else:
            self.at = At.ABORT

    def fatal(self, error: Any) -> None:
        """Fenced, or in a state that nothing leads out of: the application closes its producer and starts
        again, or not."""
        what = "cannot go on" if error == Error.DELIVERY_TIMEOUT else "is fenced"
        say(
            f"{self.name} gets {error.name}: it {what}, closes and "
            + ("starts again" if self.restart_on_fatal else "stops")
        )
        self.go_down(At.DOWN if self.restart_on_fatal else At.STOPPED)

    def go_down(self, where: At) -> None:
        """The process ends; what it had in memory is gone."""
        for wire in self.wires:
            wire.lose_volatile()
        self.lose_volatile()
        self.at = where

    @action(fault="delivery-timeout", only=lambda self: At.PRODUCE in self.program)
    def expire_batch(self) -> None:
        """delivery.timeout.ms passes for the batch: send() fails, and whether it was appended is unknown
        (KIP-91)."""
        when(self.at == At.PRODUCE)
        wire = self.wires[0]
        when(one_of(wire.phase, Phase.SENT, Phase.ANSWERED))
        say(
            f"delivery.timeout.ms passes: {self.name} is told that input {self.value} failed,"
            " which may not be so"
        )
        wire.close()
        if self.coordinator and not self.switches.client_epoch_bump and not self.switches.tv2:
            # Before KIP-360 nothing could keep a late copy out or say which sequence is next: `Sender.run`
            # gave up with "It isn't safe to continue".
            self.fatal(Error.DELIVERY_TIMEOUT)
            return
        self.bump_needed = True
        self.failed(At.PRODUCE, Error.DELIVERY_TIMEOUT)

    # -- what the applications define

    def initialised(self) -> None:
        """initTransactions() is done."""
        self.at = At.POLL

    def aborted(self) -> None:
        """abortTransaction() is done."""
        self.at = At.POLL
