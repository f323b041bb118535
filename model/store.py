"""External stores and lookups: what a Kafka transaction does not reach.

A database is a register file whose own transactions are atomic steps. Abort of a Kafka transaction never undoes a
write here, and a commit here never commits anything in Kafka.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eoscheck.model import spec as spec_module
from eoscheck.model.client import Client
from eoscheck.model.language import Array, Component, Var, action
from eoscheck.model.protocol import At
from eoscheck.model.values import all_of, any_of, ite, minimum, neg, say, when

if TYPE_CHECKING:
    from eoscheck.model.processor import Processor


class Store(Component):
    """One database that the instances of one processor write.

    rows       how many rows (or effects) there are for each input, counted up to 2
    versions   the lookup version that the row of an input was made from, one too high; 0: no row
    next       the offset recorded in the database, by input partition
    """

    def __init__(self, spec: spec_module.Store, sizes: dict[str, int]) -> None:
        self.name, self.spec, self.sizes = spec.name, spec, sizes
        self.writers: list[Processor] = []

    rows = Var(lambda self: Array(range(3), self.sizes["value"] + 1), durable=True)
    versions = Var(
        lambda self: Array(range(self.sizes["version"] + 2), self.sizes["value"] + 1), durable=True
    )
    mixed = Var(lambda self: Array(bool, self.sizes["value"] + 1), durable=True, ghost=True)
    keys = Var(lambda self: Array(bool, self._key_count()), durable=True)
    next = Var(lambda self: Array(range(self.sizes["offset"] + 2), self.sizes["partitions"]), durable=True)
    # two-phase: the epoch of the transaction that each writer last decided to commit, one too high.
    decided = Var(
        lambda self: (
            Array(range(self.sizes["epoch"] + 2), len(self.writers))
            if self._decides()
            else Array(range(1), 1)
        ),
        durable=True,
    )
    # Outbox rows in the order of their serial ids: the input, and whether the row is committed and sent.
    serials = Var(lambda self: range(self.outbox_size() + 1), durable=True)
    outbox = Var(
        lambda self: Array(
            {"value": range(self.sizes["value"] + 1), "visible": bool, "sent": bool},
            max(self.outbox_size(), 1),
        ),
        durable=True,
    )

    def _decides(self) -> bool:
        return self.spec.write == "two-phase" and any(writer.two_phase for writer in self.writers)

    def outbox_size(self) -> int:
        """How many outbox rows there can be, those of attempts that crashed included: these stay invisible."""
        return self.sizes["attempts"] if self.spec.write == "outbox" else 0

    def _key_count(self) -> int:
        return self.sizes["partitions"] * (self.sizes["offset"] + 2) if self.spec.key == "offset" else 1

    def steps(self) -> list[At]:
        """The steps that writing it takes."""
        if self.spec.write == "outbox":
            return [At.STORE, At.PUBLISH]
        return [At.STORE] if self.spec.atomic or self.spec.write != "dedupe" else [At.CHECK, At.STORE]

    def _key(self, process: Processor) -> Any:
        return process.partition * (self.sizes["offset"] + 2) + process.next_offset

    def is_new(self, process: Processor) -> Any:
        """The message id of the record in hand is not known yet."""
        if self.spec.key == "offset":
            return neg(self.keys[self._key(process)])
        return self.rows[process.value] == 0

    def write(self, process: Processor) -> bool:
        """One database transaction for the record in hand; False where the store refuses it."""
        kind = self.spec.write
        if kind in ("insert", "upsert"):
            self._put(process, once=kind == "upsert")
        elif kind == "dedupe":
            new = self.is_new(process) if self.spec.atomic else process.fresh
            if new:
                self._put(process, once=False)
                if self.spec.key == "offset":
                    self.keys[self._key(process)] = True
            else:
                say(f"{self.name} knows input {process.value} already: no row")
        elif kind == "outbox":
            self.outbox[self.serials].value = process.value
            self.serials = self.serials + 1
            process.serial = self.serials
            say(f"{process.name} takes serial id {self.serials} in {self.name} for input {process.value}")
        else:
            return self._put_with_offset(process)
        return True

    def _put_with_offset(self, process: Processor) -> bool:
        if self.spec.compare_and_set and self.next[process.partition] != process.believed[process.partition]:
            say(
                f"{self.name} refuses input {process.value}: its offset is not the one that {process.name} knows"
                " any more"
            )
            return False
        self._put(process, once=False)
        self.next[process.partition] = process.next_offset
        if self.spec.compare_and_set:
            process.believed[process.partition] = process.next_offset
        if self._decides():
            self.decided[process.index] = process.epoch + 1
        process.group.check_holder(process, process.partition)
        return True

    def _put(self, process: Processor, once: bool) -> None:
        value = process.value
        if self.spec.write == "two-phase":
            say(
                f"{process.name} records in {self.name} that the transaction of input {value} is to be committed"
            )
        else:
            say(f"{process.name} writes input {value} to {self.name}, committed there at once")
        self.rows[value] = 1 if once else minimum(self.rows[value] + 1, 2)
        if self.sizes["version"]:
            before = self.versions[value]
            self.mixed[value] = (
                any_of([self.mixed[value], (before != 0) & (before != process.version + 1)])
                if not once
                else False
            )
            self.versions[value] = process.version + 1

    def publish(self, process: Processor) -> None:
        """The database transaction of an outbox row commits: the row becomes visible."""
        for k in range(self.outbox_size()):
            row = self.outbox[k]
            row.visible = any_of([row.visible, process.serial == k + 1])
        self.rows[process.value] = minimum(self.rows[process.value] + 1, 2)
        say(f"the outbox row of input {process.value} is committed in {self.name}")


class Relay(Client):
    """Publishes outbox rows to a topic: by marking rows as sent, or with a cursor over serial ids."""

    def __init__(
        self, store: Store, config: spec_module.ProducerConfig, switches: Any, sizes: dict[str, int]
    ) -> None:
        super().__init__(f"{store.name}-relay", 0, config, switches, sizes)
        self.store = store
        self.program = [At.PRODUCE, At.SAVE]

    cursor = Var(lambda self: range(self.sizes["attempts"] + 1), durable=True)
    row = Var(lambda self: range(self.sizes["attempts"] + 1))

    @action
    def start(self) -> None:
        when(self.at == At.DOWN)
        say(f"{self.name} starts again")
        if self.config.idempotence:
            self.incarnation = self.incarnation + 1
        self.at = At.POLL

    @action(each=lambda self: [(k,) for k in range(self.sizes["attempts"])])
    def take(self, row: int) -> None:
        """Read the first committed row that it has not sent."""
        when(self.at == At.POLL)
        outbox = self.store.outbox
        when(outbox[row].visible & self._is_next(row))
        say(f"{self.name} reads serial id {row + 1}, input {outbox[row].value}")
        self.value, self.row, self.at = outbox[row].value, row + 1, At.PRODUCE

    def _is_next(self, row: int) -> Any:
        outbox = self.store.outbox
        if self.store.spec.relay == "serial":
            return (self.cursor < row + 1) & all_of(
                neg(outbox[j].visible) | (j + 1 < self.cursor + 1) for j in range(row)
            )
        return neg(outbox[row].sent) & all_of(neg(outbox[j].visible) | outbox[j].sent for j in range(row))

    @action
    def save(self) -> None:
        """Remember that the row was sent."""
        when(self.at == At.SAVE)
        say(f"{self.name} remembers that serial id {self.row} is sent")
        if self.store.spec.relay == "serial":
            self.cursor = self.row
        else:
            for k in range(self.sizes["attempts"]):
                self.store.outbox[k].sent = any_of([self.store.outbox[k].sent, self.row == k + 1])
        self.row = 0
        self.done(At.SAVE)

    def pending(self, value: int) -> Any:
        """A row of `value` is still to be sent."""
        outbox = self.store.outbox
        left = any_of(
            (outbox[k].value == value)
            & (neg(outbox[k].sent) if self.store.spec.relay == "mark" else (self.cursor < k + 1))
            for k in range(self.sizes["attempts"])
        )
        return left | (self.is_up() & (self.value == value))

    def progressed(self, value: int) -> Any:
        return neg(self.pending(value))

    def holds(self, value: int) -> Any:
        return self.is_up() & (self.value == value)


class Lookup(Component):
    """A value outside the pipeline that may change between two attempts at the same input."""

    def __init__(self, spec: spec_module.Lookup, sizes: dict[str, int]) -> None:
        self.name, self.spec, self.sizes = spec.name, spec, sizes

    version = Var(lambda self: range(self.spec.versions), durable=True)
    kept = Var(lambda self: Array(range(self.spec.versions + 1), self.sizes["value"] + 1), durable=True)

    def ask(self, value: Any, recorded: bool) -> Any:
        """The answer for an input: of now, or (for whoever records) the one that was recorded for it before."""
        if not recorded:
            return self.version
        before = self.kept[value]
        answer = ite(before == 0, self.version, before - 1)
        self.kept[value] = answer + 1
        return answer

    @action(fault="lookup-change")
    def change(self) -> None:
        when(self.version < self.spec.versions - 1)
        self.version = self.version + 1
        say(f"the value behind {self.name} changes to version {self.version}")
