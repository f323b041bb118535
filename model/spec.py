"""What a pipeline is: the validated content of a spec file, as plain frozen data.

Everything that explores, proves or replays starts from a `Spec`. It holds what the team wrote, with Kafka's
defaults filled in and the effective client settings resolved (what the client *would do*, not what was typed).
Reading YAML, checking it and resolving settings is the business of `loader` and `settings`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Offsets = Literal[
    "in-transaction",
    "before-transaction",
    "after-transaction",
    "before-processing",
    "after-processing",
    "auto",
    "in-store",
]
"""Where in the loop the input position is committed.

in-transaction      sendOffsetsToTransaction (KIP-98)
before-transaction  commitSync just before commitTransaction
after-transaction   commitSync just after commitTransaction
before-processing   commitSync right after poll
after-processing    commitSync after the last output or store write
auto                enable.auto.commit: the positions, at a later poll
in-store            in the same database transaction as the row; Kafka's committed offset is not used

Where enable.auto.commit is on, as it is unless it is switched off, the consumer commits as in `auto` beside all of
these but the last.
"""

FAULTS: dict[str, str] = {
    "crash": "a process is killed at any point; its volatile state is gone and it starts again",
    "pause": "a live member is paused beyond session.timeout.ms / max.poll.interval.ms and is removed from its group",
    "lost-request": "a request never reaches the broker; the client notices after request.timeout.ms",
    "lost-response": "the broker did it, the client never heard",
    "delayed-request": "the client gives up on a request, which is delivered later, after its retry",
    "delayed-marker": "a WriteTxnMarkers request is given up, sent again, and delivered once more later",
    "retriable-error": "a leader answers Produce with a retriable error and appends nothing",
    "delivery-timeout": "delivery.timeout.ms passes for a batch: send() fails, the outcome is unknown; that its request"
    " is handled later still is a delayed-request",
    "broker-failover": "a partition leader dies and a replica takes over with what it has",
    "isr-shrink": "the follower falls out of the in-sync replicas",
    "coordinator-failover": "the transaction coordinator moves; what it held only in memory is gone",
    "transaction-timeout": "transaction.timeout.ms passes while the transaction of a live producer is open",
    "rebalance": "the group rebalances although nobody left (metadata change, a member joins)",
    "lookup-change": "the value behind an external lookup changes",
    "exception": "processing throws; the application closes its consumer in an orderly way and starts again",
}


@dataclass(frozen=True)
class Topic:
    """A topic. `records` inputs lie in it from the beginning, dealt over its partitions in turn."""

    name: str
    partitions: int = 1
    records: int = 0
    min_insync_replicas: int = 1
    unclean_leader_election: bool = False


@dataclass(frozen=True)
class ProducerConfig:
    """Effective settings of one producer client. `transactional_id` may contain `${instance}`, which tells
    the instances apart; without it all instances share one id."""

    acks: Literal["0", "1", "all"] = "all"
    idempotence: bool = True
    retries: bool = True
    max_in_flight: int = 5
    transactional_id: str | None = None
    transaction_timeout_ms: int = 60_000
    two_phase_commit: bool = False


@dataclass(frozen=True)
class ConsumerConfig:
    """Effective settings of one consumer client.

    background_commit   auto-commit may happen at any moment, not only at a poll()
    """

    group_id: str | None = None
    isolation_level: Literal["read_uncommitted", "read_committed"] = "read_uncommitted"
    auto_commit: bool = True
    auto_offset_reset: Literal["earliest", "latest", "none"] = "latest"
    require_stable: bool = True
    group_protocol: Literal["classic", "consumer"] = "classic"
    background_commit: bool = False


@dataclass(frozen=True)
class Producer:
    """An application that sends `records` records, which it reads from a source outside Kafka, to a topic.

    position   what survives a crash of the application: `none` (it begins again), `external` (a position saved
               after the record was acknowledged), `in-transaction` (a record of the same Kafka transaction, KIP-618)
    on_error   what it does when send() fails: `skip` to the next record, `resend` (a new send() of the same
               record), `abort` (abort the transaction and send the record in a new one)
    on_restart with a transactional producer and a commit whose outcome is unknown: `resend` or `assume-sent`
    """

    name: str
    to: str
    records: int
    config: ProducerConfig
    position: Literal["none", "external", "in-transaction"] = "none"
    on_error: Literal["skip", "resend", "abort"] = "skip"
    on_restart: Literal["resend", "assume-sent"] = "resend"


@dataclass(frozen=True)
class Processor:
    """A consume-transform-produce loop, or (with no `to`) a consumer whose processing is its effect.

    source         the topic it reads
    to             topics it writes, one record per input and topic (partition = partition of the input);
                   `outputs` partitions of each topic get one record each when `fan_out` is set
    after_abort    `seek` back to the committed offset, or `continue` with the next record (KAFKA-17582)
    group_metadata what is sent along with offsets: of the moment of the `poll`, of the moment of the `commit`,
                   or `none` (the group id only, KIP-447)
    threads        `poll-loop` (one thread) or `worker` (records are handed to another thread, polling goes on)
    store, lookup  name of the external store written, of the lookup made, per record; or None
    record_lookup  the result of the lookup is stored durably, by input, before it is used
    on_fatal       what a fenced process does: `restart` or `stop`
    processing_ms  the longest time between beginTransaction and commitTransaction, against transaction.timeout.ms;
                   None: unknown, any transaction may time out
    """

    name: str
    source: str
    to: tuple[str, ...]
    instances: int
    producer: ProducerConfig | None
    consumer: ConsumerConfig
    offsets: Offsets
    fan_out: bool = False
    after_abort: Literal["seek", "continue"] = "seek"
    group_metadata: Literal["poll", "commit", "none"] = "poll"
    threads: Literal["poll-loop", "worker"] = "poll-loop"
    store: str | None = None
    lookup: str | None = None
    record_lookup: bool = False
    on_fatal: Literal["restart", "stop"] = "restart"
    processing_ms: int | None = None

    @property
    def auto_commits(self) -> bool:
        """Its consumer commits positions by itself, beside what `offsets` says. Where positions are in a database,
        nobody asks for those."""
        return self.consumer.auto_commit and self.offsets != "in-store"


@dataclass(frozen=True)
class Reader:
    """An observer at the end: `members` consumers of one group that divide the partitions of `topics` among them."""

    name: str
    topics: tuple[str, ...]
    isolation_level: Literal["read_uncommitted", "read_committed"] = "read_committed"
    members: int = 1


@dataclass(frozen=True)
class Store:
    """A database.

    write        insert       one more row each time
                 upsert       one row per input id
                 dedupe       a row only if its message id is new
                 offsets      row and next offset in one database transaction (`compare_and_set`: only from the old one)
                 outbox       row now, published to `relay_to` later by a relay
                 two-phase    the decision to commit the Kafka transaction is recorded in the database
    key          what `dedupe` takes for the identity: the business `id`, or the `offset` of the input record
    atomic       `dedupe`: looking and inserting are one database transaction
    relay        `mark`: the relay marks rows it has sent; `serial`: it remembers the highest serial id sent
    relay_config its producer: the defaults of the release
    """

    name: str
    write: Literal["insert", "upsert", "dedupe", "offsets", "outbox", "two-phase"]
    key: Literal["id", "offset"] = "id"
    atomic: bool = True
    compare_and_set: bool = True
    relay: Literal["mark", "serial"] = "mark"
    relay_to: str | None = None
    relay_config: ProducerConfig = ProducerConfig()


@dataclass(frozen=True)
class Lookup:
    """A value outside the pipeline, read during processing, that may change between two attempts."""

    name: str
    versions: int = 2


@dataclass(frozen=True)
class Fault:
    """At most `budget` occurrences in one execution; `where` names the processes or topics it may hit (empty: any)."""

    name: str
    budget: int
    where: tuple[str, ...] = ()


@dataclass(frozen=True)
class Switches:
    """Kafka's release differences (kafka/KIP numbers at each). Defaults: Kafka 3.9.

    transaction_version      0, 1: original protocol; 2: epoch bump on every EndTxn (KIP-890 part 2)
    epoch_bump_on_timeout    KAFKA-6119
    client_epoch_bump        KIP-360
    strict_end_txn_epoch     KAFKA-9600
    group_metadata           KIP-447
    verify_produce           KIP-890 part 1 (KAFKA-14402)
    verify_txn_offsets       KAFKA-15449
    strict_marker_epoch      KIP-1228 (KAFKA-19446, KAFKA-19999)
    concurrent_first         KAFKA-18660: a coordinator that is completing a transaction says so
                             (CONCURRENT_TRANSACTIONS) before it looks at the epoch of a request
    memberless_offsets       KAFKA-18060: TxnOffsetCommit without a member passes in KIP-848 groups, too
    """

    transaction_version: Literal[0, 1, 2] = 0
    epoch_bump_on_timeout: bool = True
    client_epoch_bump: bool = True
    strict_end_txn_epoch: bool = True
    group_metadata: bool = True
    verify_produce: bool = True
    verify_txn_offsets: bool = True
    strict_marker_epoch: bool = False
    concurrent_first: bool = False
    memberless_offsets: bool = False

    @property
    def tv2(self) -> bool:
        return self.transaction_version == 2


@dataclass(frozen=True)
class Bounds:
    """Limits of the search (None: none) and capacities of the model (None: as large as the budgets can need).

    faults: how many faults one execution may contain in all, whichever they are (None: as the budgets say).
    """

    states: int | None = None
    depth: int | None = None
    seconds: float | None = None
    memory_mb: int | None = None
    log: int | None = None
    epoch: int | None = None
    generation: int | None = None
    faults: int | None = None


@dataclass(frozen=True)
class Spec:
    """One pipeline, the faults it is exposed to and what it is expected to show.

    expect: property name (bare, or with `@sink`) to "holds" or "violated". A bare name covers all its sinks:
    it holds if all hold and is violated if any is.
    changes: what differs from the file, as `--set` takes it: ("acks=1",).
    """

    path: str
    title: str
    version: str
    switches: Switches
    topics: tuple[Topic, ...]
    producers: tuple[Producer, ...] = ()
    processors: tuple[Processor, ...] = ()
    readers: tuple[Reader, ...] = ()
    stores: tuple[Store, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    faults: tuple[Fault, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    properties: tuple[str, ...] = ()
    expect: tuple[tuple[str, Literal["holds", "violated"]], ...] = ()
    notes: tuple[str, ...] = ()
    changes: tuple[str, ...] = field(default=(), compare=False)

    def topic(self, name: str) -> Topic:
        return next(t for t in self.topics if t.name == name)

    def budget(self, fault: str, where: str | None = None) -> int:
        """How many of `fault` one execution may contain (at `where`, if given); 0 if none."""
        for f in self.faults:
            if f.name == fault and (where is None or not f.where or where in f.where):
                return f.budget
        return 0
