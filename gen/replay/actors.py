"""Raw actors: clients and readers whose every request is made here, when the trace says and with the trace's numbers.

A call is one step of a trace: it sends one request, compares the answer with what the model predicted, and notes both
in the timeline. What the network does to a request needs no network: one that is lost is not sent, an answer that is
lost is not used, one that comes late is sent late, from a connection that outlives its client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eoscheck.checker.audit.history import Send
from eoscheck.gen.kafka.wire import Connection, error_name
from eoscheck.gen.replay.actor import Actor, parsed, text

if TYPE_CHECKING:
    from eoscheck.gen.replay.groups import Group
    from eoscheck.gen.replay.run import Run

OFFSETS = "__consumer_offsets"


@dataclass(frozen=True)
class Request:
    """A request that is ready to be sent: what it is, for people, and how its answer is read: error, and the rest.

    sends  the record that it sends, for the history
    ends   the transaction that it ends, and whether that is a commit
    """

    what: str
    payload: Any
    read: Callable[[Any], tuple[str, dict[str, Any]]]
    sends: Send | None = None
    ends: tuple[str, bool] | None = None


class Client(Actor):
    """A producing application or a processor.

    transactional_id   on the cluster, or None
    idempotence        whether it has a producer id
    acks               "0", "1" or "all"
    isolation          isolation.level of its consumer
    """

    def __init__(
        self,
        run: Run,
        name: str,
        *,
        transactional_id: str | None = None,
        idempotence: bool = True,
        acks: str = "all",
        isolation: str = "read_uncommitted",
        timeout: int = 60_000,
    ) -> None:
        super().__init__(run, name)
        self.transactional_id, self.idempotence, self.acks = transactional_id, idempotence, acks
        self.isolation, self.timeout = isolation, timeout
        self.group: Group | None = None
        self.plain_id: int | None = None
        self._incarnation = 0
        self._kept: dict[str, tuple[Request, Connection]] = {}
        self._transactions = 0
        self._in_transaction = False
        self._told: set[str] = set()

    # -- producer ids

    @property
    def producer_id(self) -> int:
        if self.transactional_id is not None:
            return self.run.producer_ids[self.transactional_id]
        if not self.idempotence:
            return -1
        if self.plain_id is None:
            answer = self.connection().call(self.run.speech.init_producer_id(None, self.timeout))
            self.plain_id = answer.producer_id
            self.note(f"InitProducerId -> producer id {self.plain_id}")
        return self.plain_id

    def _init_producer_id(self, *, bumping: int | None = None) -> Request:
        own = (-1, -1) if bumping is None else (self.producer_id, bumping)
        request = self.run.speech.init_producer_id(self.transactional_id, self.timeout, *own)
        return Request(f"InitProducerId{'' if bumping is None else f' epoch {bumping}'}", request, _error)

    def init_producer_id(self, *, answers: str, now: int | None = None, bumping: int | None = None) -> None:
        """initTransactions(), or with `bumping` the epoch that it asks to be raised (KIP-360)."""
        assert self.transactional_id is not None
        asked = self._init_producer_id(bumping=bumping)
        self._in_transaction = False
        answer = self.connection().call(asked.payload)
        error = error_name(answer.error_code)
        self.note(
            f"{asked.what} -> {error}" + (f", epoch {answer.producer_epoch}" if error == "NONE" else "")
        )
        self.run.answered(self, "InitProducerId", answers, error)
        if error == "NONE":
            self.run.has_producer_id(self.transactional_id, answer.producer_id)
        if now is not None:
            self.agree("epoch that InitProducerId gives", now, int(answer.producer_epoch))

    # -- requests

    def _ask(self, asked: Request, expected: Mapping[str, Any]) -> None:
        """Send a request now and compare what comes back."""
        self._asks_for_end(asked)
        result = asked.read(self.connection().call(asked.payload))
        self._record(asked, result)
        if asked.ends is not None and result[0] == "NONE":
            self.run.recorder.ended(*asked.ends)
            self._told.add(asked.ends[0])
        self._compare(asked.what, result, expected)

    def _asks_for_end(self, asked: Request) -> None:
        """The client asks for a commit (of an abort it was said when it was decided)."""
        if asked.ends is not None and asked.ends[1]:
            self.run.recorder.ends(*asked.ends)

    def _record(self, asked: Request, result: tuple[str | None, dict[str, Any]]) -> None:
        """The broker has handled a request: what it sent goes into the history."""
        if asked.sends is not None:
            self.run.recorder.answered(asked.sends, result[0], result[1].get("offset"), self.producer_id)

    def _transaction(self) -> str | None:
        """The transaction that a request of now belongs to, as the client counts: it begins with the first request
        behind an end, or an InitProducerId."""
        if self.transactional_id is None:
            return None
        self._transactions += not self._in_transaction
        self._in_transaction = True
        return f"{self.name}/{self._transactions}"

    def _compare(self, what: str, result: tuple[str, dict[str, Any]], expected: Mapping[str, Any]) -> None:
        error, found = result
        shown = "".join(f", {name} {value}" for name, value in found.items()) if error == "NONE" else ""
        self.note(f"{what} -> {error}{shown}")
        self.run.answered(self, what, expected.get("answers", "NONE"), error)
        for name, value in expected.items():
            if name != "answers":
                self.agree(f"{name} that {what} answers", value, found.get(name))

    def add_partitions(self, *partitions: str, epoch: int, answers: str) -> None:
        """AddPartitionsToTxn."""
        self._ask(self._add_partitions(*partitions, epoch=epoch), {"answers": answers})

    def _add_partitions(self, *partitions: str, epoch: int) -> Request:
        self._transaction()
        places = [self.run.place(p) for p in partitions]
        request = self.run.speech.add_partitions(self._id(), self.producer_id, epoch, places)
        return Request(f"AddPartitionsToTxn {', '.join(partitions)} epoch {epoch}", request, _added)

    def add_offsets(self, *, epoch: int, answers: str) -> None:
        """AddOffsetsToTxn."""
        self._ask(self._add_offsets(epoch=epoch), {"answers": answers})

    def _add_offsets(self, *, epoch: int) -> Request:
        self._transaction()
        request = self.run.speech.add_offsets(self._id(), self.producer_id, epoch, self._group().id)
        return Request(f"AddOffsetsToTxn epoch {epoch}", request, _error)

    def produce(
        self,
        partition: str,
        value: int,
        *,
        version: int | None = None,
        sequence: int = -1,
        epoch: int = -1,
        incarnation: int = 0,
        **expected: Any,
    ) -> None:
        """Produce of one input. With acks=0 no answer comes; that the broker has handled it is known when it
        has answered the next request on the connection."""
        asked = self._produce(
            partition, value, version=version, sequence=sequence, epoch=epoch, incarnation=incarnation
        )
        if self.acks == "0":
            self._send_unanswered(asked, self.connection())
        else:
            self._ask(asked, expected)

    def _send_unanswered(self, asked: Request, connection: Connection) -> None:
        connection.send_only(asked.payload)
        connection.call(self.run.speech.metadata([]))
        self._record(asked, (None, {}))
        self.note(f"{asked.what} -> no answer is expected")

    def _produce(
        self,
        partition: str,
        value: int,
        *,
        version: int | None = None,
        sequence: int = -1,
        epoch: int = -1,
        incarnation: int = 0,
    ) -> Request:
        """The request; of a later `incarnation`, with a producer id that is asked for now."""
        if incarnation > self._incarnation:
            self._incarnation, self.plain_id = incarnation, None
        request = self.run.speech.produce(
            self.run.place(partition),
            text(value, version),
            transactional_id=self.transactional_id,
            acks=self.acks,
            producer_id=self.producer_id,
            epoch=epoch,
            sequence=sequence,
        )
        numbers = f" sequence {sequence} epoch {epoch}" if self.idempotence else ""
        send = Send(event=0, partition=partition, value=value, by=self.name, transaction=self._transaction())
        return Request(f"Produce {partition} input {value}{numbers}", request, _produced, send)

    def send_offset(self, partition: str, offset: int, *, generation: int, epoch: int, answers: str) -> None:
        """TxnOffsetCommit; generation 0: without group metadata."""
        asked = self._send_offset(partition, offset, generation=generation, epoch=epoch)
        self._ask(asked, {"answers": answers})

    def _send_offset(self, partition: str, offset: int, *, generation: int, epoch: int) -> Request:
        group = self._group()
        member, real = group.credentials(self, generation)
        request = self.run.speech.txn_offset_commit(
            self._id(), self.producer_id, epoch, group.id, member, real, self.run.place(partition), offset
        )
        what = f"TxnOffsetCommit {partition} offset {offset} generation {generation} epoch {epoch}"
        send = Send(
            event=0,
            partition=f"{OFFSETS}:{group.name}",
            value=f"{partition}@{offset}",
            by=self.name,
            transaction=self._transaction(),
        )
        return Request(what, request, _offset_stored, send)

    def commit_offset(self, partition: str, offset: int, *, generation: int, answers: str) -> None:
        """OffsetCommit."""
        self._ask(self._commit_offset(partition, offset, generation=generation), {"answers": answers})

    def _commit_offset(self, partition: str, offset: int, *, generation: int) -> Request:
        group = self._group()
        member, real = group.credentials(self, generation)
        request = self.run.speech.offset_commit(group.id, member, real, self.run.place(partition), offset)
        return Request(
            f"OffsetCommit {partition} offset {offset} generation {generation}", request, _offset_stored
        )

    def commit_transaction(self, *, epoch: int, answers: str, now: int | None = None) -> None:
        """EndTxn(commit)."""
        self._end(self._commit_transaction(epoch=epoch), answers, now)

    def decides_to_abort(self) -> None:
        """abortTransaction() is called. Its request comes later, or never; from now on nothing may be committed."""
        self.note("abortTransaction()")
        if f"{self.name}/{self._transactions}" in self._told:
            self._transaction()  # one in which nothing was sent
        self.run.recorder.ends(f"{self.name}/{self._transactions}", False)

    def abort_transaction(self, *, epoch: int, answers: str, now: int | None = None) -> None:
        """EndTxn(abort)."""
        self._end(self._abort_transaction(epoch=epoch), answers, now)

    def _end(self, asked: Request, answers: str, now: int | None) -> None:
        expected = {"answers": answers} | ({} if now is None else {"epoch": now})
        self._ask(asked, expected)

    def _commit_transaction(self, *, epoch: int) -> Request:
        return self._end_transaction(epoch, True)

    def _abort_transaction(self, *, epoch: int) -> Request:
        return self._end_transaction(epoch, False)

    def _end_transaction(self, epoch: int, commit: bool) -> Request:
        request = self.run.speech.end_transaction(self._id(), self.producer_id, epoch, commit)
        self._in_transaction = False
        ends = f"{self.name}/{self._transactions}", commit
        return Request(f"EndTxn({'commit' if commit else 'abort'}) epoch {epoch}", request, _ended, ends=ends)

    # -- what the network does

    def keeps_back(self, wire: str, verb: str, *arguments: Any, **sent: Any) -> None:
        """The client gives up on a request that is still on its way: its bytes are kept, to be sent late."""
        asked: Request = getattr(self, f"_{verb}")(*arguments, **sent)
        self._kept[wire] = asked, self.run.connect(self.name)
        self._asks_for_end(asked)
        self.note(f"{asked.what}: on its way for a long time; {self.name} gives up on it")

    def delivers_late(self, wire: str, **expected: Any) -> None:
        """What was kept back arrives. Nobody hears the answer, but it is compared all the same."""
        asked, connection = self._kept.pop(wire)
        if self.acks == "0" and asked.what.startswith("Produce"):
            self._send_unanswered(asked, connection)
        else:
            result = asked.read(connection.call(asked.payload))
            self._record(asked, result)
            self._compare(f"late: {asked.what}", result, expected)
        connection.close()

    def is_refused(self, api: str, error: str) -> None:
        """The client is answered an error without the broker being asked: nothing is sent, nothing changes there."""
        self.note(f"{api} -> {error} (answered in the broker's place)")

    def forget(self) -> None:
        """Close everything, what was kept back and never came included."""
        for _, connection in self._kept.values():
            connection.close()
        self._kept.clear()
        self.disconnect()

    # -- life and death

    def crashes(self) -> None:
        """SIGKILL: the sockets are closed, what it knew is gone."""
        self.note("killed")
        self.disconnect()
        self.plain_id = None
        self.run.crashed(self)

    def starts(self) -> None:
        """Started again; without transactional.id it will ask for another producer id."""
        self.note("started again")
        self.plain_id = None

    def closes(self) -> None:
        """Closes its clients in an orderly way."""
        self.note("closes")
        self.plain_id = None
        self.disconnect()
        self.run.crashed(self)

    # -- consuming

    def polls(self, partition: str, offset: int, *, gives: int, version: int | None = None) -> None:
        """poll() hands out the record at an offset."""
        self._reads(partition, offset, self.isolation, gives, version)

    def skips(self, partition: str, offset: int) -> None:
        """poll() passes over what lies at an offset: a control record, or something aborted."""
        self._skips(partition, offset, self.isolation)

    def fetches_offset(self, partition: str, *, stable: bool, gives: int | None) -> None:
        """OffsetFetch."""
        found = self._group().committed([partition], stable, self.connection())[partition]
        self.note(f"OffsetFetch {partition} -> {found}")
        self.agree(f"committed offset of {partition}", gives, found)

    def resets(self, partition: str, reset: str, *, gives: int) -> None:
        """auto.offset.reset, where nothing is committed."""
        place = self.run.place(partition)
        found = self.run.speech.list_offset(self.connection(), place, reset, self.isolation)
        self.note(f"ListOffsets {partition} {reset} -> {found}")
        self.agree(f"{reset} offset of {partition}", gives, found)

    def reads_position(self, partition: str, *, gives: int | None) -> None:
        """The last committed record of the partition in which a producer keeps its source position."""
        place = self.run.place(partition)
        fetched = self.run.speech.fetch(self.connection(), place, 0, "read_committed")
        data = [b for b in fetched.batches if not b.control and fetched.outcome(b) == "COMMIT"]
        found = parsed(data[-1].records[-1][1])[0] if data else None
        self.note(f"last committed record of {partition} -> {found}")
        self.agree(f"last committed record of {partition}", gives, found)

    def _id(self) -> str:
        assert self.transactional_id is not None
        return self.transactional_id

    def _group(self) -> Group:
        assert self.group is not None
        return self.group


class Reader(Actor):
    """A consumer at the end of the pipeline, and what it was given so far, by partition."""

    def __init__(self, run: Run, name: str, isolation: str) -> None:
        super().__init__(run, name)
        self.isolation = isolation
        self.given: dict[str, list[int]] = {}

    def _given(self, partition: str, offset: int, value: int | None, marker: str | None) -> None:
        self.run.recorder.reads(self.name, partition, offset, value, marker)

    def reads(self, partition: str, offset: int, *, gives: int, version: int | None = None) -> None:
        """poll() hands out the record at an offset."""
        self._reads(partition, offset, self.isolation, gives, version)
        self.given.setdefault(partition, []).append(gives)

    def skips(self, partition: str, offset: int) -> None:
        """poll() passes over what lies at an offset."""
        self._skips(partition, offset, self.isolation)


# -- reading answers: the error, and what else is compared


def _error(answer: Any) -> tuple[str, dict[str, Any]]:
    return error_name(answer.error_code), {}


def _added(answer: Any) -> tuple[str, dict[str, Any]]:
    results = answer.results_by_topic_v3_and_below
    errors = [error_name(p.partition_error_code) for topic in results for p in topic.results_by_partition]
    return next((e for e in errors if e != "NONE"), "NONE"), {}


def _produced(answer: Any) -> tuple[str, dict[str, Any]]:
    found = answer.responses[0].partition_responses[0]
    return error_name(found.error_code), {"offset": int(found.base_offset)}


def _offset_stored(answer: Any) -> tuple[str, dict[str, Any]]:
    return error_name(answer.topics[0].partitions[0].error_code), {}


def _ended(answer: Any) -> tuple[str, dict[str, Any]]:
    epoch = getattr(answer, "producer_epoch", None)
    return error_name(answer.error_code), {} if epoch is None else {"epoch": int(epoch)}
