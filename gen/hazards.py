"""The catalogue of delivery hazards that `explain` tells: what goes wrong, and what removes it.

Each but A4 has two specs: the broken pipeline, and the same with the removing configuration.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hazard:
    """A way in which a pipeline loses, repeats or tears records.

    breaks   the properties it violates
    removal  how to get rid of it
    specs    whether there are a broken and a fixed spec
    """

    id: str
    name: str
    breaks: str
    story: str
    removal: str
    specs: bool = True

    @property
    def files(self) -> tuple[str, ...]:
        """The specs that show it: broken, then fixed."""
        stem = f"specs/hazards/{self.id.lower()}-{self.name}"
        return (f"{stem}-broken.yaml", f"{stem}-fixed.yaml") if self.specs else ()


_ALL = (
    Hazard(
        "A1",
        "retry-without-idempotence",
        "no-duplicates, order",
        "The broker appends a record, but its answer is lost. The producer does what it should and "
        "sends the record again; with idempotence off the broker cannot know that it has it already, "
        "and appends it a second time. With several requests in flight a batch that is retried can also "
        "land behind its successor.",
        "enable.idempotence=true, the default since 3.0. Mind that acks=1 or retries=0 disables it "
        "without an error where it was not asked for explicitly.",
    ),
    Hazard(
        "A2",
        "acks0-blind",
        "no-loss",
        "With acks=0 a record counts as sent once it is in the socket's buffer. A connection that dies "
        "before the broker reads it, or a broker that refuses it, takes the record along, and nobody is "
        "told.",
        "acks=all, and look at the outcome of every send.",
    ),
    Hazard(
        "A3",
        "acks1-failover",
        "no-loss, durability",
        "The leader acknowledges a record on its own, before a follower has fetched it, and dies. The "
        "follower is still in sync by the clock, takes over in a perfectly clean election, and has "
        "never heard of the record. When the old leader returns, it truncates its log to match.",
        "acks=all together with min.insync.replicas of at least 2.",
    ),
    Hazard(
        "A4",
        "min-isr-one",
        "no-loss, durability",
        "acks=all waits for all replicas that are in sync, and with min.insync.replicas=1 the leader "
        "alone may be all of them. What it then acknowledges exists on one disk; with that disk, an "
        "acknowledged record is gone.",
        "min.insync.replicas of at least 2, and from 4.1 on eligible leader replicas (KIP-966).",
        specs=False,
    ),
    Hazard(
        "A5",
        "unclean-election",
        "no-loss, durability, agreement",
        "All replicas in sync are down, and one that lags behind is allowed to lead. Its offsets begin "
        "again where its own log ends: acknowledged records vanish, and offsets that were handed out "
        "once already get other records. Two consumers can then hold different records for one and the "
        "same offset.",
        "unclean.leader.election.enable=false: rather unavailable than wrong.",
    ),
    Hazard(
        "A6",
        "producer-restart-new-pid",
        "no-duplicates",
        "Idempotence ends with the process. A producer that crashes before it noted what was "
        "acknowledged comes back with a new producer id, sends the record again, and the broker takes "
        "it for a new one.",
        "A transactional producer that stores the position in its source in the same transaction, or a "
        "consumer that drops what it has seen by business id. A transactional.id alone does not help.",
    ),
    Hazard(
        "A7",
        "app-resend-after-error",
        "no-duplicates, order",
        "delivery.timeout.ms passes, send() fails, and the application calls send() again. But a "
        "timeout only says that the outcome is unknown: the first attempt may be in the log, or still "
        "on its way. The second is a new record with a new sequence, which idempotence has no reason to "
        "refuse.",
        "Do not resend: abort the transaction and start over from the input, or carry an id that the "
        "other end recognises.",
    ),
    Hazard(
        "A8",
        "commit-before-process",
        "no-loss",
        "The offset is committed right after poll(). A crash between there and the end of processing "
        "leaves a record that nobody will ever look at again: at most once, by construction.",
        "Commit after processing; that turns the loss into a duplicate (A9), to be removed there.",
    ),
    Hazard(
        "A9",
        "commit-after-process",
        "no-duplicates",
        "The offset is committed after processing. A crash in between, or a rebalance that makes the "
        "commit fail, and the record is processed once more by whoever gets the partition: at least "
        "once, by construction.",
        "A transaction that holds outputs and offsets, or a sink that takes the second time for the first.",
    ),
    Hazard(
        "A10",
        "auto-commit-escape",
        "no-loss",
        "Auto-commit commits what earlier calls of poll() returned. That is safe as long as all of it "
        "has been processed by the next poll(). Hand the records to another thread, or close the "
        "consumer while an exception is on its way up, and the commit overtakes the work.",
        "enable.auto.commit=false, and commit the offsets of what was really processed.",
    ),
    Hazard(
        "A11",
        "latest-reset-gap",
        "no-loss",
        "A consumer without a committed offset starts at the end (auto.offset.reset=latest, the "
        "default). If it reads a record and crashes before its first commit, it starts at the end once "
        "more, which by now lies behind that record. Expired offsets and newly added partitions open "
        "the same gap.",
        "auto.offset.reset=earliest, or none with a first commit made on purpose.",
    ),
    Hazard(
        "A12",
        "late-offset-commit-regress",
        "no-duplicates",
        "An OffsetCommit gets stuck on an old connection. The client gives up on it, reconnects, and "
        "commits a later offset. Then the old request arrives after all, and the coordinator stores it: "
        "to it, last is right. After a restart, records are read a second time, even in a design that "
        "commits first and thus expects none.",
        "Offsets in the transaction with transaction.version 2, or a sink that drops duplicates.",
    ),
    Hazard(
        "A13",
        "db-write-in-loop",
        "no-duplicates, store-consistency",
        "A row is inserted in a database between beginTransaction and commitTransaction. The database "
        "knows nothing of Kafka's transaction: when that one aborts, the row stays, the input is read "
        "again, and there are two rows.",
        "Keep the message id, or the input offset, in the same database transaction as the row. An "
        "upsert ends with the right rows, but shows them before their time.",
    ),
    Hazard(
        "A14",
        "lookup-divergence",
        "agreement",
        "Processing asks another system for a value and writes what follows from it to two places. The "
        "first attempt reaches only one of them; by the second attempt the value has changed. Each "
        "place holds the input exactly once, and they contradict each other.",
        "Store the answer by input id before using it, ask for the value as of a version, or join with "
        "a topic.",
    ),
    Hazard(
        "A15",
        "dedupe-wrong-identity",
        "no-duplicates, no-loss",
        "Duplicates are dropped by topic, partition and offset. But a record that was sent twice "
        "upstream has two offsets, and both pass. Where looking and inserting are two database "
        "transactions, two owners pass at once.",
        "An id given where the record was born, a unique constraint in the transaction of the effect, "
        "and ids kept longer than anything can be retried.",
    ),
    Hazard(
        "A16",
        "db-offset-without-cas",
        "no-duplicates, fencing, store-consistency",
        "Offsets live in the database beside the results. One member reads a record and is paused; the "
        "group gives its partition to another, which applies the record. The first wakes up and applies "
        "it as well. Kafka is not asked for anything here, so Kafka can fence nobody.",
        "Move the stored offset only from the value it is expected to have, in the same database "
        "transaction.",
    ),
    Hazard(
        "A17",
        "outbox-relay",
        "no-duplicates, no-loss, order",
        "A relay publishes the rows of an outbox table. If it crashes after sending and before marking, "
        "it sends again. If it remembers the highest serial id instead, it can skip a row whose "
        "transaction took a lower id but committed later, a loss without any failure.",
        "Scan for unsent rows or follow the log of the database, and let consumers drop duplicates by "
        "row id.",
    ),
    Hazard(
        "A18",
        "aborted-read",
        "atomic-visibility, no-duplicates",
        "A reader with the default isolation level is given records of transactions that are still "
        "open, or aborted. It sees the failed attempt and then the good one.",
        "isolation.level=read_committed in every consumer, mirrors and sink connectors included.",
    ),
    Hazard(
        "A19",
        "torn-read",
        "atomic-read",
        "A transaction over two partitions is committed by a marker in each, and the markers do not "
        "arrive together. For a while a read_committed reader has one half and not the other; with two "
        "members of a group that can be a long while.",
        "Nothing in the configuration: put what belongs together in one record or partition, or wait "
        "for a record that says it is complete.",
    ),
    Hazard(
        "A20",
        "offset-outside-txn",
        "no-duplicates, no-loss",
        "Outputs are transactional, offsets are committed on their own. Committed after the "
        "transaction, a crash in between repeats the outputs; committed before it, a crash or an abort "
        "drops the input.",
        "sendOffsetsToTransaction, and enable.auto.commit=false.",
    ),
    Hazard(
        "A21",
        "abort-without-seek",
        "no-loss",
        "abortTransaction takes back the outputs, not the position of the consumer. A loop that just "
        "goes on polls the next record and commits an offset beyond the one that was aborted.",
        "After an abort, seek every partition back to its committed offset.",
    ),
    Hazard(
        "A22",
        "shared-transactional-id",
        "progress",
        "Two live instances use one transactional.id. Each one's initTransactions fences the other and "
        "aborts what it had open; the other restarts and does the same. Nothing is lost, and nothing is "
        "ever done.",
        "One transactional.id per live instance, the same after each restart.",
    ),
    Hazard(
        "A23",
        "zombie-memberless-commit",
        "no-duplicates, fencing",
        "Offsets are sent to the transaction with the bare group id. An instance is paused with a "
        "transaction open, its partition goes to another, which processes the record; then the first "
        "wakes up and commits, and as no member and generation are given, the group has nothing to "
        "check.",
        "Pass consumer.groupMetadata() (KIP-447).",
    ),
    Hazard(
        "A24",
        "stale-records-fresh-epoch",
        "no-duplicates, fencing",
        "Records wait in a buffer while the group rebalances and their partition moves away. The worker "
        "then commits with group metadata that is read at that moment: a current member of the current "
        "generation, which is all that Kafka checks. That the partition is no longer its own, nobody "
        "notices.",
        "Keep the metadata of the poll together with its records, and drop buffers when partitions are "
        "revoked.",
    ),
    Hazard(
        "A25",
        "unstable-offset-read",
        "no-duplicates, fencing",
        "A transaction is decided, but its marker has not reached the offsets topic. A successor that "
        "does not insist on stable offsets reads the old one and processes the record again; then the "
        "marker arrives.",
        "Clients that ask with require_stable (OffsetFetch 7 and later, KIP-447).",
    ),
    Hazard(
        "A26",
        "txn-timeout-short",
        "progress, store-consistency",
        "Processing takes longer than transaction.timeout.ms. The coordinator aborts, the producer is "
        "fenced and restarts, and the same input is as slow as before. What is written outside of Kafka "
        "is written each time.",
        "A timeout above the longest processing, or smaller batches.",
    ),
    Hazard(
        "A27",
        "external-2pc-timeout",
        "no-loss, store-consistency",
        "A database decides that the Kafka transaction must commit, and moves its own offsets on. The "
        "process is down for longer than transaction.timeout.ms, Kafka aborts, and on recovery there is "
        "nothing left to commit.",
        "A transaction timeout above any downtime; prepared transactions (KIP-939) once they can be had.",
    ),
    Hazard(
        "A28",
        "connect-streams-default",
        "no-duplicates",
        "Connect source connectors commit their offsets after producing, and Streams runs at_least_once "
        "unless told otherwise; Connect's producers even have idempotence off. A crash in between "
        "repeats records.",
        "exactly.once.source.support=enabled, processing.guarantee=exactly_once_v2.",
    ),
    Hazard(
        "A29",
        "indeterminate-commit",
        "no-duplicates, no-loss",
        "The answer to EndTxn is lost and the process dies. Its successor calls initTransactions, which "
        "waits for, or aborts, what was there, and does not say which. If the position in the source is "
        "kept elsewhere, resending may repeat and not resending may lose.",
        "Store the position in the source in the same transaction: what is committed there is the answer.",
    ),
)

HAZARDS = {hazard.id: hazard for hazard in _ALL}
"""By id, in the order of the catalogue."""
