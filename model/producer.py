"""Applications that send records from a source outside Kafka.

`KafkaProducer.send` with its three outcomes: acknowledged, failed, unknown. The application holds a position in its
source; what survives a crash of it is a matter of configuration.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from eoscheck.model import spec as spec_module
from eoscheck.model.client import Client
from eoscheck.model.language import Array, Var, action
from eoscheck.model.network import Wire
from eoscheck.model.partition import Partition
from eoscheck.model.protocol import Api, At, Error, Phase
from eoscheck.model.spec import Switches
from eoscheck.model.values import all_of, any_of, ite, neg, one_of, say, when


class Sender(Client, ABC):
    """Base: inputs `first`.. are its records, in this order."""

    def __init__(
        self, spec: spec_module.Producer, first: int, switches: Switches, sizes: dict[str, int]
    ) -> None:
        super().__init__(spec.name, 0, spec.config, switches, sizes)
        self.spec, self.first = spec, first
        self.values = list(range(first, first + spec.records))
        self.program = []

    next = Var(lambda self: range(self.spec.records + 1))
    saved = Var(lambda self: range(self.spec.records + 1), durable=True)

    def begin(self) -> None:
        super().begin()
        if self.coordinator is not None and self.coordinator.wires[0] is self.wires[0]:
            self.coordinator.owner = 1
        elif self.coordinator is not None:
            self.at = At.INIT

    @action
    def start(self) -> None:
        """The application is started again."""
        when(self.at == At.DOWN)
        say(f"{self.name} starts again")
        if self.coordinator is None and self.config.idempotence:
            self.incarnation = self.incarnation + 1
        if self.coordinator is not None:
            self.at = At.INIT
        else:
            self.at = At.POLL
            self.next = self.saved

    @abstractmethod
    def holds(self, value: int) -> Any:
        """It is sending `value` right now."""

    def pending(self, value: int) -> Any:
        """It will still send `value`, or send it again."""
        if value not in self.values:
            return False
        index = value - self.first
        untouched = (self.next < index) | (self.next == index)
        stopped = self.is_down() & neg(self.acknowledged[value])
        return (self.is_up() & (untouched | self.holds(value))) | stopped

    def progressed(self, value: int) -> Any:
        """It counts `value` as sent."""
        return neg(self.pending(value))


class PlainSender(Sender):
    """Without transactional.id. Up to two requests are in flight (max.in.flight.requests.per.connection > 1)."""

    held = Var(lambda self: Array(range(self.sizes["value"] + 1), len(self.wires)))
    # Sequence of the batch, one too high; 0: it has none yet.
    sequence = Var(lambda self: Array(range(self.sizes["sequence"] + 2), len(self.wires)))
    older = Var(lambda self: range(len(self.wires)))
    fresh_sequence = Var(lambda self: Array(range(self.sizes["sequence"] + 1), len(self.outputs)))
    # A batch failed with unknown outcome (`TransactionManager.markSequenceUnresolved`).
    unresolved = Var(bool)

    def holds(self, value: int) -> Any:
        return any_of(h == value for h in self.held)

    def in_turn(self, wire: Wire) -> None:
        if len(self.wires) > 1:
            other = self.wires[1 - self.wires.index(wire)]
            when((other.phase != Phase.SENT) | (self.older == self.wires.index(wire)))

    def disconnected(self, wire: Wire) -> None:
        if len(self.wires) > 1:
            other = self.wires[1 - self.wires.index(wire)]
            behind = (other.phase != Phase.IDLE) & (self.older == self.wires.index(wire))
            other.error = ite(behind, Error.NO_ANSWER, other.error)
            other.phase = ite(behind, Phase.ANSWERED, other.phase)

    @action(api="Produce", each=lambda self: [(w,) for w in self.wires])
    def send(self, wire: Wire) -> None:
        """send() of the next record, or the client's retry of a batch: the same bytes again."""
        when(self.at == At.POLL)
        when(wire.phase == Phase.IDLE)
        k = self.wires.index(wire)
        when((self.held[k] != 0) | (self.next < self.spec.records))
        self._keep_order(k)
        if self.held[k] == 0:
            self.held[k] = self.next + self.first
            self.next = self.next + 1
            say(f"{self.name} sends input {self.held[k]}")
        else:
            say(f"{self.name} sends input {self.held[k]} again")
        self._transmit(k)

    def _keep_order(self, k: int) -> None:
        """An idempotent producer retries batches in the order of their sequences, each when the one before
        it is done. It sends nothing new past a batch that waits for its retry, nor behind an unresolved
        sequence while another is in flight (`RecordAccumulator.shouldStopDrainBatchesForPartition`)."""
        if len(self.wires) == 1 or not self.config.idempotence:
            return
        other = 1 - k
        numbered = self.sequence[other] != 0
        earlier = numbered & (self.sequence[other] < self.sequence[k])
        waiting = (self.held[other] != 0) & (self.wires[other].phase == Phase.IDLE)
        blocked = ite(self.held[k] == 0, waiting, False) | (numbered & (waiting | self.unresolved))
        when(neg(ite(self.sequence[k] == 0, blocked, earlier)))

    def _number(self, k: int, output: Any) -> None:
        """The next sequence of the partition; behind an unresolved one all of them begin again under a higher
        epoch (`TransactionManager.maybeResolveSequences`, `bumpIdempotentProducerEpoch`), before KIP-360 under a new
        producer id (`resetProducerId`)."""
        if self.switches.client_epoch_bump:
            self.epoch = self.epoch + ite(self.unresolved, 1, 0)
        else:
            self.incarnation = self.incarnation + ite(self.unresolved, 1, 0)
        for i in range(len(self.outputs)):
            self.fresh_sequence[i] = ite(self.unresolved, 0, self.fresh_sequence[i])
        self.fresh_sequence[output] = self.fresh_sequence[output] + 1
        self.sequence[k] = self.fresh_sequence[output]
        self.unresolved = False

    def _transmit(self, k: int) -> None:
        wire = self.wires[k]
        if len(self.wires) > 1:
            self.older = ite(self.wires[1 - k].phase == Phase.IDLE, k, 1 - k)
        output = self.lane_of(self.held[k])
        fields: dict[str, Any] = {"output": output, "value": self.held[k]}
        if self.config.idempotence:
            if self.sequence[k] == 0:
                self._number(k, output)
            fields |= {"pid": self.producer_id(), "epoch": self.epoch, "sequence": self.sequence[k] - 1}
        wire.send(Api.PRODUCE, **fields)
        if self.config.acks == "0":
            self.acknowledged[self.held[k]] = True
            self.held[k] = 0

    @action(each=lambda self: [(w,) for w in self.wires if self.config.acks != "0"])
    def hear(self, wire: Wire) -> None:
        """The answer to a Produce request, or the end of waiting for it."""
        when(self.at == At.POLL)
        when(wire.phase == Phase.ANSWERED)
        k = self.wires.index(wire)
        error = wire.error
        wire.close()
        if error == Error.NONE:
            say(f"{self.name} is told that input {self.held[k]} was appended")
            self.acknowledged[self.held[k]] = True
            self._forget(k)
        elif self.config.retries and one_of(
            error, Error.NO_ANSWER, Error.NOT_ENOUGH_REPLICAS, Error.OUT_OF_ORDER_SEQUENCE_NUMBER
        ):
            say(f"{self.name} gets no answer or a retriable error for input {self.held[k]} and will retry")
            if self.config.idempotence and len(self.wires) > 1:
                # A real gap: it takes the first sequence of the next epoch (`TransactionManager.canRetry`).
                gap = self.unresolved & (error == Error.OUT_OF_ORDER_SEQUENCE_NUMBER)
                self.sequence[k] = ite(gap, 0, self.sequence[k])
        else:
            self._fail(k)

    def _forget(self, k: int) -> None:
        self.held[k] = 0
        self.sequence[k] = 0

    def _fail(self, k: int) -> None:
        say(
            f"send() of input {self.held[k]} fails; {self.name} "
            + ("calls send() with it again" if self.spec.on_error == "resend" else "goes on with the next")
        )
        if self.config.idempotence:
            self.unresolved = True
        if self.spec.on_error == "resend":
            self.sequence[k] = 0
        else:
            self._forget(k)

    @action(fault="delivery-timeout", each=lambda self: [(w,) for w in self.wires if self.config.acks != "0"])
    def expire(self, wire: Wire) -> None:
        """delivery.timeout.ms passes: send() fails with TimeoutException, the outcome is unknown (KIP-91). A
        request that was not handled by then is lost, and the connection with it."""
        when(self.at == At.POLL)
        when(one_of(wire.phase, Phase.SENT, Phase.ANSWERED, Phase.APPENDED))
        say("delivery.timeout.ms passes")
        if wire.phase == Phase.SENT:
            self.disconnected(wire)
        wire.close()
        self._fail(self.wires.index(wire))

    @action(only=lambda self: self.spec.position == "external")
    def save(self) -> None:
        """Store the position in the source, behind what was acknowledged."""
        when(self.at == At.POLL)
        when(self.saved < self.next)
        position = self.saved
        when(
            all_of(
                (position != i) | (self.acknowledged[v] & neg(self.holds(v)))
                for i, v in enumerate(self.values)
            )
        )
        self.saved = self.saved + 1
        say(f"{self.name} saves its source position {self.saved}")


class TransactionalSender(Sender):
    """With transactional.id: one transaction per record; the source position in it, beside it, or nowhere."""

    def __init__(
        self, spec: spec_module.Producer, first: int, switches: Switches, sizes: dict[str, int]
    ) -> None:
        super().__init__(spec, first, switches, sizes)
        self.positions: Partition | None = None
        self.program = [*([] if switches.tv2 else [At.ADD_PARTITIONS]), At.PRODUCE]
        if spec.position == "external" and spec.on_restart == "assume-sent":
            self.program.append(At.SAVE)
        self.program.append(At.COMMIT)
        if spec.position == "external" and spec.on_restart == "resend":
            self.program.append(At.SAVE)

    def holds(self, value: int) -> Any:
        return self.value == value

    def describe(self, request: Any) -> str:
        return f"input {request.value}"

    def initialised(self) -> None:
        self.at = At.POLL
        if self.positions is not None:
            known, last = self.positions.committed_offset(0)
            self.next = ite(known, last - (self.first - 1), 0)
        else:
            self.next = self.saved

    @action
    def take(self) -> None:
        """Read the next record of the source and begin a transaction for it."""
        when(self.at == At.POLL)
        when(self.next < self.spec.records)
        self.value = self.next + self.first
        self.next = self.next + 1
        self.begin_transaction()
        self.at = self.program[0]
        say(f"{self.name} begins a transaction for input {self.value}")

    @action(only=lambda self: At.SAVE in self.program)
    def save(self) -> None:
        """Store the position in the source, outside Kafka."""
        when(self.at == At.SAVE)
        self.saved = self.next
        say(f"{self.name} saves its source position {self.saved}")
        self.done(At.SAVE)

    def aborted(self) -> None:
        if self.spec.on_error == "skip":
            self.finish()
            self.at = At.POLL
        else:
            self.begin_transaction()
            self.place, self.at = 0, self.program[0]
            say(f"{self.name} sends input {self.value} in a new transaction")
