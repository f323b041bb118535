"""One replay on a cluster: its topics, groups, ids and tables, all with names that no other replay has.

with Run(cluster_address, transaction_version=0) as run:
    run.topic("payments")
    producer = run.client("app", idempotence=False)
    run.begins()
    producer.produce("payments", 1, answers="NONE", offset=0)
    run.must_see({"partitions": {"payments-0": {"records": [1]}}})
    run.must_be_judged(violated=[])
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from eoscheck.checker.audit.history import History, Send
from eoscheck.gen.kafka.wire import Connection, WireError, error_name, request
from eoscheck.gen.replay.actor import Actor, outcome, text
from eoscheck.gen.replay.actors import OFFSETS, Client, Reader
from eoscheck.gen.replay.coordinators import Transaction
from eoscheck.gen.replay.groups import Group
from eoscheck.gen.replay.observe import Observer, differences
from eoscheck.gen.replay.outcome import (
    CannotForce,
    GuaranteeViolated,
    JudgesDiffer,
    NotReproduced,
    Timeline,
    means,
)
from eoscheck.gen.replay.recorder import Look, Recorder, Subject
from eoscheck.gen.replay.second import disagreements, judged
from eoscheck.gen.replay.speech import Place, Speech, until
from eoscheck.model import spec as spec_module

if TYPE_CHECKING:
    from eoscheck.gen.replay.markers import Markers


class Run:
    """A replay under way.

    bootstrap   (host, port) of a broker
    speech      the requests that a client of this cluster speaks
    markers     what steers transaction markers, or None where they are left to the coordinator
    database    where stores live: a connection string of PostgreSQL, or None for sqlite
    history     what was sent, answered and seen, once it was judged
    """

    def __init__(
        self,
        bootstrap: tuple[str, int],
        transaction_version: int = 0,
        markers: Markers | None = None,
        database: str | None = None,
        replicas: int = 1,
    ) -> None:
        self.bootstrap, self.markers, self.replicas = bootstrap, markers, replicas
        self.speech = Speech(transaction_version)
        self.suffix = secrets.token_hex(4)
        self.timeline = Timeline()
        self.recorder = Recorder()
        self.history: History | None = None
        self.producer_ids: dict[str, int] = {}
        self.topics: dict[str, int] = {}
        self.clients: dict[str, Client] = {}
        self.groups: dict[str, Group] = {}
        self.readers: dict[str, Reader] = {}
        self.stores: dict[str, Any] = {}
        self.lookups: dict[str, Any] = {}
        self.transactions: dict[str, Transaction] = {}
        self._inputs: dict[str, list[list[int]]] = {}
        self._database, self._folder = database, None if database else tempfile.TemporaryDirectory()
        self._observer = Observer(self, "observer")
        self._offsets_partitions = 0
        self._begins: dict[str, int] = {}

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    # -- names and connections

    def unique(self, name: str) -> str:
        """A name of the trace as it is called on the cluster."""
        return f"{name}-{self.suffix}"

    def place(self, partition: str) -> Place:
        """A partition of the trace ("payments-0") on the cluster. Where the offsets of a group lie is said by
        the hash of its id (`GroupMetadataManager.partitionFor`)."""
        topic, _, number = partition.rpartition("-")
        if topic.startswith(f"{OFFSETS}:"):
            group = self.groups[topic.partition(":")[2]]
            return Place(OFFSETS, _java_hash(group.id) % self.offsets_partitions)
        return Place(self.unique(topic), int(number))

    @property
    def offsets_partitions(self) -> int:
        """How many partitions `__consumer_offsets` has."""
        if not self._offsets_partitions:
            answer = self._observer.connection().call(self.speech.metadata([OFFSETS]))
            self._offsets_partitions = len(answer.topics[0].partitions) or 50
        return self._offsets_partitions

    def connect(self, client: str) -> Connection:
        """A new connection to the broker."""
        return Connection(*self.bootstrap, client=self.unique(client))

    # -- what there is

    def topic(self, name: str, partitions: int = 1, inputs: Sequence[Sequence[int]] = ()) -> None:
        """A topic, and the inputs that lie in its partitions from the beginning."""
        self.topics[name] = partitions
        self._inputs[name] = [list(values) for values in inputs]

    def client(
        self,
        name: str,
        *,
        transactional_id: str | None = None,
        idempotence: bool = True,
        acks: str = "all",
        isolation: str = "read_uncommitted",
    ) -> Client:
        """A producing application or a processor, with the settings of its clients."""
        own = self.transaction(transactional_id).id if transactional_id else None
        self.clients[name] = Client(
            self, name, transactional_id=own, idempotence=idempotence, acks=acks, isolation=isolation
        )
        return self.clients[name]

    def transaction(self, transactional_id: str) -> Transaction:
        """The coordinator's side of a transactional.id."""
        if transactional_id not in self.transactions:
            self.transactions[transactional_id] = Transaction(self, transactional_id)
        return self.transactions[transactional_id]

    def group(self, name: str, reads: Sequence[str], members: Sequence[str]) -> Group:
        """A consumer group over input partitions."""
        self.groups[name] = Group(self, name, reads, [self.clients[m] for m in members])
        return self.groups[name]

    def reader(self, name: str, isolation: str) -> Reader:
        """A consumer at the end of the pipeline."""
        self.readers[name] = Reader(self, name, isolation)
        return self.readers[name]

    def store(self, name: str, write: str, partitions: int = 1, **settings: Any) -> Any:
        """A database that processors write to; the settings of `stores` in a spec."""
        from eoscheck.gen.replay.stores import Store

        spec = spec_module.Store(name, write, **settings)  # type: ignore[arg-type]
        self.stores[name] = Store(self, name, self._where(), spec, partitions)
        return self.stores[name]

    def lookup(self, name: str, versions: int) -> Any:
        """A value outside the pipeline."""
        from eoscheck.gen.replay.stores import Lookup

        self.lookups[name] = Lookup(self, name, self._where(), versions)
        return self.lookups[name]

    def _where(self) -> Path | str:
        if self._database:
            return self._database
        assert self._folder is not None
        return Path(self._folder.name) / "stores.db"

    # -- the start

    def begins(
        self, *, initialised: Sequence[str] = (), shares: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """Make everything as it is at the start of a trace: inputs laid, producers of the given clients initialised,
        groups stable in generation 1 with these owners, nothing committed."""
        self._create_topics()
        for topic, partitions in self._inputs.items():
            for number, values in enumerate(partitions):
                for value in values:
                    self._lay(f"{topic}-{number}", value)
        for name in initialised:
            self.clients[name].init_producer_id(answers="NONE", now=0)
        for name, owners in (shares or {}).items():
            group = self.groups[name]
            self._begins[f"{OFFSETS}:{name}-0"] = self._end_of(f"{OFFSETS}:{name}-0") if initialised else 0
            for client in group.clients:
                group.joins(client)
            group.rebalances(owners, generation=1)

    def _end_of(self, partition: str) -> int:
        found = self.speech.list_offset(
            self._observer.connection(), self.place(partition), "latest", "read_uncommitted"
        )
        return int(found)

    def _create_topics(self) -> None:
        names = {self.unique(name): partitions for name, partitions in self.topics.items()}
        if not names:
            return
        connection = self._observer.connection()
        for topic in connection.call(self.speech.create(names, self.replicas)).topics:
            error = error_name(topic.error_code)
            if error != "NONE":
                raise CannotForce(
                    f"topic {topic.name} cannot be created: {error} {topic.error_message or ''}"
                )
        places = [Place(name, k) for name, count in names.items() for k in range(count)]
        until("leaders of the topics", lambda: self.speech.led(connection, places))

    def _lay(self, partition: str, value: int) -> None:
        place = self.place(partition)
        put = self.speech.produce(
            place,
            text(value, None),
            transactional_id=None,
            acks="all",
            producer_id=-1,
            epoch=-1,
            sequence=-1,
        )
        answer = self._observer.connection().call(put)
        laid = answer.responses[0].partition_responses[0]
        error = error_name(laid.error_code)
        send = Send(event=0, partition=partition, value=value, by=partition)
        self.recorder.answered(send, error, int(laid.base_offset), -1)
        if error != "NONE":
            raise CannotForce(f"input {value} cannot be laid into {place.topic}: {error}")

    # -- on the way

    def has_producer_id(self, transactional_id: str, producer_id: int) -> None:
        """A transactional.id was given its producer id: from now on its markers are steered."""
        if self.producer_ids.get(transactional_id) != producer_id:
            self.producer_ids[transactional_id] = producer_id
            if self.markers is not None:
                self.markers.control(producer_id)

    def answered(self, actor: Actor, what: str, model: str, real: str) -> None:
        """Compare the error of an answer. Raises Diverged."""
        if not means(model, real):
            raise actor.differs(what, model, real)

    def crashed(self, client: Client) -> None:
        """A process is gone: its sessions in the databases are, too."""
        for store in self.stores.values():
            store.crashed(client.name)

    def settle_joined(self, group: str, member: str) -> None:
        """Wait until the coordinator has seen a JoinGroup, whose answer comes later."""

        def seen() -> bool:
            answer = self._observer.connection().call(
                request("DescribeGroups", 4, groups=[group], include_authorized_operations=False)
            )
            described = answer.groups[0]
            known = member in [m.member_id for m in described.members]
            return known and described.group_state in ("PreparingRebalance", "CompletingRebalance")

        until(f"{member} to be seen joining", seen)

    # -- the end

    def observe(self, predicted: Mapping[str, Any]) -> dict[str, Any]:
        """What is seen now, of the things that a predicted observation speaks of."""
        return self._observer.all_of(predicted)

    def look(self, partition: str) -> Look:
        """The log of a partition as it is now, from where it ended when the replay began."""
        begin = self._begins.get(partition, 0)
        log = self.speech.fetch(self._observer.connection(), self.place(partition), begin, "read_uncommitted")
        batches = [(b, outcome(b, log.batches)) for b in log.batches]
        return Look(batches, log.high_watermark, log.last_stable_offset)

    def must_see(self, predicted: Mapping[str, Any], *, never: Mapping[str, Any] | None = None) -> None:
        """The end of a trace: everything must be seen as predicted. Raises NotReproduced.

        never   what an anomaly looks like that must not show itself; raises GuaranteeViolated if it does
        """
        wrong = differences(predicted, self.observe(predicted))
        for line in wrong:
            self.timeline.note("observer", f"!! {line}")
        if wrong and never and not differences(never, self.observe(never)):
            shown = "; ".join(
                f"{section} {name} {key}: {value}"
                for section, places in never.items()
                for name, things in places.items()
                for key, value in things.items()
            )
            raise GuaranteeViolated(f"guarantee violated, the anomaly shows in spite of the fix: {shown}")
        if wrong:
            raise NotReproduced(wrong)
        self.timeline.note("observer", "everything is seen as predicted")

    def must_be_judged(
        self,
        *,
        violated: Sequence[str],
        places: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
        members: Mapping[str, Mapping[str, str]] | None = None,
        origins: Mapping[str, Sequence[int]] | None = None,
        due: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        """The end of a trace, for the second judge: an audit of what was really sent, answered and seen must find
        these guarantees violated and no others. The rest is what it is to be judged by (`Subject`).

        Raises JudgesDiffer.
        """
        subject = Subject(places or {}, members or {}, origins or {}, due or {})
        self.history = self.recorder.history(self, subject)
        result = judged(self.history)
        found = [j.name for j in result.judgements if j.verdict == "violated"]
        self.timeline.note("audit", f"violated: {', '.join(found)}" if found else "all is explained")
        differing = disagreements(result, violated)
        for line in differing:
            self.timeline.note("audit", f"!! {line}")
        if differing:
            raise JudgesDiffer(differing)

    def end(self) -> None:
        """Remove everything of this replay from the cluster and the database."""
        try:
            if self.markers is not None:
                for producer_id in self.producer_ids.values():
                    self.markers.release(producer_id)
            for group in self.groups.values():
                group.end()
            if self.topics:
                self._observer.connection().call(self.speech.delete([self.unique(t) for t in self.topics]))
        except (WireError, CannotForce) as error:
            self.timeline.note("observer", f"!! cannot clean up: {error}")
        finally:
            for client in self.clients.values():
                client.forget()
            for actor in [*self.readers.values(), *self.transactions.values()]:
                actor.disconnect()
            for store in [*self.stores.values(), *self.lookups.values()]:
                store.end()
            self._observer.disconnect()
            if self._folder is not None:
                self._folder.cleanup()


def _java_hash(text: str) -> int:
    """`Utils.abs(groupId.hashCode)`: which partition of the offsets topic a group has."""
    value = 0
    for character in text:
        value = (31 * value + ord(character)) & 0xFFFFFFFF
    return value & 0x7FFFFFFF
