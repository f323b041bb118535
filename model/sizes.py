"""How large variables must be so that nothing is cut within the fault budgets of a spec.

Too small is never wrong in silence: what does not fit is reported as cut. Too large costs time only for logs.
"""

from __future__ import annotations

from eoscheck.model import spec as spec_module
from eoscheck.model.spec import Spec

ANEW = (
    "crash",
    "pause",
    "exception",
    "transaction-timeout",
    "delivery-timeout",
    "rebalance",
    "broker-failover",
)
AGAIN = (
    "lost-response",
    "delayed-request",
    "lost-request",
    "retriable-error",
    "broker-failover",
    "isr-shrink",
)


class Sizes:
    """Bounds that follow from a spec.

    >>> Sizes(Spec("", "", "3.9", spec_module.Switches(), (spec_module.Topic("a", records=2),))).inputs
    2
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.inputs = sum(t.records for t in spec.topics) + sum(p.records for p in spec.producers)
        self.anew = sum(spec.budget(f) for f in ANEW)
        self.again = sum(spec.budget(f) for f in AGAIN)
        # Before KIP-447 a request that arrives late makes its producer start again, as other faults do.
        self.late = 0 if spec.switches.group_metadata else spec.budget("delayed-request")
        self.version = max((lookup.versions - 1 for lookup in spec.lookups), default=0)
        self.has_lookups = bool(spec.lookups)
        self.partitions = max((t.partitions for t in spec.topics), default=1)
        self.sharers = self._sharers()
        self.offset = max([self.end(t.name) for t in spec.topics if self._is_source(t.name)], default=0)
        self.transactions = self.rounds() + self.anew + (1 if self.sharers == 1 else 3)
        self.txn = self.transactions * self.sharers
        epochs = (
            3 * self.anew
            + 2 * self.again
            + 2
            + (self.transactions + self.anew + self.again if spec.switches.tv2 else 0)
        )
        self.epoch = min(spec.bounds.epoch or epochs + (4 * self.sharers if self.sharers > 1 else 0), 200)
        self.generation = min(spec.bounds.generation or 4 + 4 * (self.anew + self.late), 200)

    def _is_source(self, topic: str) -> bool:
        return any(p.source == topic for p in self.spec.processors)

    def _sharers(self) -> int:
        """The most clients that use one transactional.id."""
        ids = [p.config.transactional_id for p in self.spec.producers if p.config.transactional_id]
        for p in self.spec.processors:
            if p.producer and p.producer.transactional_id:
                id_ = p.producer.transactional_id
                ids += [id_.replace("${instance}", str(k + 1)) for k in range(p.instances)]
        return max([ids.count(id_) for id_ in ids], default=1)

    def rounds(self) -> int:
        """Rounds that one processor can take through its loop, all instances together."""
        # A saved position may lag behind by any number of records, unless it is saved with each transaction.
        begins_anew = any(p.offsets == "auto" for p in self.spec.processors) or any(
            p.position == "none" or (p.position == "external" and not p.config.transactional_id)
            for p in self.spec.producers
        )
        uncommitted = any(p.consumer.auto_offset_reset != "earliest" for p in self.spec.processors)
        per_fault = self.inputs if begins_anew or uncommitted else 1
        return self.inputs + max(
            [self.anew * per_fault, *(self._read_again(p) for p in self.spec.processors)]
        )

    def _read_again(self, processor: spec_module.Processor) -> int:
        """Rounds for records that a transaction of the group has already, since their next owner reads an older offset.

        A fault makes the group rebalance twice: a member leaves, and is back. Without KIP-447 whoever is next does not
        wait for what is pending, one record of each instance. Where an old owner may commit after a new one the offset
        goes back, by all records but one.
        """
        spec = self.spec
        if processor.offsets != "in-transaction" or processor.instances == 1:
            return 0
        checked = spec.switches.group_metadata
        waits = checked and processor.consumer.require_stable
        refused = checked and processor.group_metadata != "none"
        stale = not refused and (spec.budget("pause") or processor.threads == "worker")
        faults = self.anew + self.late
        rebalances = 2 * faults - spec.budget("rebalance")
        pending = 0 if waits else min(processor.instances, self.partitions)
        behind = min(pending + (self.inputs - 1 if stale or self.late else 0), self.inputs)
        return rebalances * behind + (faults if waits else 0)

    def written(self, topic: str) -> bool:
        """Somebody writes the topic."""
        spec = self.spec
        writers = any(p.to == topic for p in spec.producers) or any(topic in p.to for p in spec.processors)
        return writers or any(s.relay_to == topic for s in spec.stores)

    def transactional(self, topic: str) -> bool:
        """Somebody writes the topic in transactions."""
        spec = self.spec
        return any(p.to == topic and p.config.transactional_id for p in spec.producers) or any(
            topic in p.to and p.producer is not None and p.producer.transactional_id for p in spec.processors
        )

    def end(self, topic: str) -> int:
        """The largest offset behind a record of one partition, control records included."""
        if not self.written(topic):
            return self.spec.topic(topic).records
        return self.log(topic, self.transactional(topic))

    def records(self, topic: str) -> int:
        """Data records that one partition of a topic can get."""
        laid = self.spec.topic(topic).records
        if not self.written(topic):
            return laid
        configs = [p.config for p in self.spec.producers if p.to == topic]
        configs += [p.producer for p in self.spec.processors if p.producer and topic in p.to]
        configs += [s.relay_config for s in self.spec.stores if s.relay_to == topic]
        idempotent = all(config.idempotence for config in configs)
        # A connection that breaks takes all requests in flight along; without idempotence each is sent twice.
        writers = [p for p in self.spec.producers if p.to == topic]
        in_flight = max((min(p.config.max_in_flight, p.records, 2) for p in writers), default=1)
        return (
            laid
            + self.rounds()
            + (self.spec.budget("delayed-request") if idempotent else self.again * in_flight)
        )

    def log(self, topic: str, transactional: bool) -> int:
        """Records of one partition, control records included."""
        markers = self.rounds() + self.spec.budget("delayed-marker") + 1 if transactional else 0
        markers += 2 if self.sharers > 1 else 0
        return min(self.spec.bounds.log or self.records(topic) + markers, 60)

    def offsets_log(self, processor: spec_module.Processor) -> int:
        """Records of a group's partition of `__consumer_offsets`."""
        if processor.offsets == "in-store":
            return 1
        commits = self.rounds() + self.again
        if processor.auto_commits:  # beside its own commits, if it makes any
            commits += 2 * self.anew + 2 + (self.rounds() if processor.offsets != "auto" else 0)
        markers = self.rounds() + self.spec.budget("delayed-marker") + 1 + (2 if self.sharers > 1 else 0)
        return min(
            self.spec.bounds.log or commits + (markers if processor.offsets == "in-transaction" else 0), 60
        )

    def of(self, log: int = 1, pid: int = 0, key: int = 0) -> dict[str, int]:
        """The bounds as components want them."""
        return {
            "value": max(self.inputs, self.offset + 1),
            "version": self.version,
            "offset": self.offset,
            "partitions": self.partitions,
            "log": log,
            "pid": pid,
            "key": key,
            "epoch": self.epoch,
            "sequence": self.rounds() + self.again + 1,
            "txn": self.txn if pid or key else 0,
            "generation": self.generation,
            "incarnation": 3 * self.anew + 1,
            "attempts": self.rounds() + 1,
        }
