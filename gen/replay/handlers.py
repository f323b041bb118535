"""The calls that stand for each action of the model, one method for each kind of component and action.

A method gets the component and the arguments of the action. It runs up to its `yield` before the step and from there
on behind it, so it sees both states of the model.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from eoscheck.gen.replay.calls import Call
from eoscheck.gen.replay.numbers import Numbers
from eoscheck.model.client import Client
from eoscheck.model.faults import Crashes
from eoscheck.model.groups import GroupCoordinator
from eoscheck.model.inputs import Laid
from eoscheck.model.network import CURRENT, LATE, Wire
from eoscheck.model.partition import Partition
from eoscheck.model.pipeline import Pipeline
from eoscheck.model.processor import Processor
from eoscheck.model.producer import Sender
from eoscheck.model.protocol import Api, At, Error
from eoscheck.model.reader import Reader
from eoscheck.model.store import Lookup, Relay, Store
from eoscheck.model.transactions import TransactionCoordinator

Handler = Generator[None, None, "list[Call]"]


def silent() -> Handler:
    """A step that asks for nothing."""
    yield
    return []


class Handlers:
    """`answers` holds what the brokers of the model answered in the present step, by wire and slot."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.numbers = Numbers(pipeline)
        self.answers: dict[tuple[str, int], Error] = {}

    # -- requests

    def _request(self, wire: Wire, slot: int) -> Call:
        """The request in flight, or the late copy, as a call of its client. The answer is not known yet."""
        request, client = wire.message(slot), wire.client
        epoch = self.numbers.request_epoch(wire, slot)
        name, api = client.name, request.api
        if api == Api.INIT_PRODUCER_ID:
            bump = {"bumping": epoch} if request.expected != 0 else {}
            return Call("client", name, "init_producer_id", (), bump)
        if api == Api.ADD_PARTITIONS:
            lane = request.output
            parts = [p.name for k, p in enumerate(client.outputs) if client.reaches(k, lane)]
            return Call("client", name, "add_partitions", tuple(parts), {"epoch": epoch})
        if api == Api.ADD_OFFSETS:
            return Call("client", name, "add_offsets", (), {"epoch": epoch})
        if api in (Api.COMMIT, Api.ABORT):
            verb = "commit_transaction" if api == Api.COMMIT else "abort_transaction"
            return Call("client", name, verb, (), {"epoch": epoch})
        if api == Api.PRODUCE:
            return self._produce_request(client, request, epoch)
        assert isinstance(client, Processor)
        source = client.inputs[request.key].name
        offset = self.numbers.offset(client.inputs[request.key], request.offset)
        generation = self.numbers.request_generation(wire, slot)
        if api == Api.OFFSET_COMMIT:
            return Call("client", name, "commit_offset", (source, offset), {"generation": generation})
        return Call(
            "client", name, "send_offset", (source, offset), {"generation": generation, "epoch": epoch}
        )

    def _produce_request(self, client: Client, request: Any, epoch: int) -> Call:
        partition = client.outputs[request.output]
        sent: dict[str, Any] = {}
        if client.sizes["version"]:
            sent["version"] = request.version
        if client.config.idempotence:
            sent |= {"sequence": request.sequence, "epoch": epoch}
            if client.coordinator is None and not client.switches.client_epoch_bump:
                sent["incarnation"] = request.pid - client.pid
        return Call("client", client.name, "produce", (partition.name, request.value), sent)

    def _handled(self, wire: Wire, slot: int, *grown: Partition) -> Handler:
        """A broker handles a request: it is sent now, and its answer compared."""
        asked = self._request(wire, slot)
        ends = [p.log.length for p in grown]
        yield
        expected: dict[str, Any] = {}
        error = self.answers.get((wire.name, slot))
        if error is not None:
            expected["answers"] = error.name
        for partition, end in zip(grown, ends, strict=True):
            if partition.log.length > end:
                expected["offset"] = self.numbers.offset(partition, end)
        if asked.verb == "init_producer_id":
            expected |= self._granted(wire, error)
        elif wire.client.switches.tv2 and asked.verb.endswith("_transaction") and error == Error.NONE:
            expected |= {"now": self.numbers.request_epoch(wire, slot)} if slot == CURRENT else {}
        if slot == LATE:
            return [Call("client", wire.client.name, "delivers_late", (wire.name,), expected)]
        return [Call(asked.kind, asked.who, asked.verb, asked.arguments, {**asked.keywords, **expected})]

    def _granted(self, wire: Wire, error: Error | None) -> dict[str, Any]:
        if error is None:
            return {"answers": "CONCURRENT_TRANSACTIONS"}
        return {"now": self.numbers.request_epoch(wire, CURRENT)} if error == Error.NONE else {}

    def _wire_delay_request(self, wire: Wire) -> Handler:
        asked = self._request(wire, CURRENT)
        yield
        given = (wire.name, asked.verb, *asked.arguments)
        return [Call("client", wire.client.name, "keeps_back", given, asked.keywords)]

    def _partition_append(self, partition: Partition, wire: Wire, output: int) -> Handler:
        return (yield from self._handled(wire, CURRENT, partition))

    def _partition_append_late(self, partition: Partition, wire: Wire, output: int) -> Handler:
        return (yield from self._handled(wire, LATE, partition))

    def _partition_refuse(self, partition: Partition, wire: Wire, output: int) -> Handler:
        yield
        return [Call("client", wire.client.name, "is_refused", ("Produce", "NOT_ENOUGH_REPLICAS"))]

    def _transaction_init_producer_id(self, coordinator: TransactionCoordinator, wire: Wire) -> Handler:
        return (yield from self._handled(wire, CURRENT))

    def _transaction_add_partitions(self, coordinator: TransactionCoordinator, wire: Wire) -> Handler:
        return (yield from self._handled(wire, CURRENT))

    def _transaction_add_partitions_late(self, coordinator: TransactionCoordinator, wire: Wire) -> Handler:
        return (yield from self._handled(wire, LATE))

    def _transaction_add_offsets(self, coordinator: TransactionCoordinator, wire: Wire) -> Handler:
        return (yield from self._handled(wire, CURRENT))

    def _transaction_end_transaction(
        self, coordinator: TransactionCoordinator, wire: Wire, result: Api
    ) -> Handler:
        return (yield from self._handled(wire, CURRENT))

    def _transaction_end_transaction_late(
        self, coordinator: TransactionCoordinator, wire: Wire, result: Api
    ) -> Handler:
        return (yield from self._handled(wire, LATE))

    def _group_commit_offset(self, group: GroupCoordinator, wire: Wire) -> Handler:
        return (yield from self._handled(wire, CURRENT))

    def _group_commit_offset_late(self, group: GroupCoordinator, wire: Wire) -> Handler:
        return (yield from self._handled(wire, LATE))

    def _group_commit_transactional(self, group: GroupCoordinator, wire: Wire) -> Handler:
        return (yield from self._handled(wire, CURRENT))

    def _group_commit_transactional_late(self, group: GroupCoordinator, wire: Wire) -> Handler:
        return (yield from self._handled(wire, LATE))

    # -- transactions: markers, time

    def _transaction(self, coordinator: TransactionCoordinator, verb: str, *given: Any, **sent: Any) -> Call:
        return Call("transaction", self.numbers.transactional_id(coordinator), verb, given, sent)

    def _transaction_write_marker(self, coordinator: TransactionCoordinator, partition: Partition) -> Handler:
        end = partition.log.length
        yield
        written = partition.log.length > end
        calls = [self._transaction(coordinator, "writes_marker", partition.name, written=written)]
        for name, group in self.pipeline.groups.items():
            if group.offsets is partition:
                pending = [
                    s.name for k, s in enumerate(group.processes[0].inputs) if partition.pending_offset(k)
                ]
                calls.append(self._transaction(coordinator, "settles", name, pending=pending))
        return calls

    def _transaction_delay_marker(self, coordinator: TransactionCoordinator, partition: Partition) -> Handler:
        yield
        return [self._transaction(coordinator, "keeps_marker_back", partition.name)]

    def _transaction_write_marker_late(
        self, coordinator: TransactionCoordinator, partition: Partition
    ) -> Handler:
        end = partition.log.length
        yield
        written = partition.log.length > end
        return [self._transaction(coordinator, "delivers_marker_late", partition.name, written=written)]

    def _transaction_complete(self, coordinator: TransactionCoordinator) -> Handler:
        yield
        return [self._transaction(coordinator, "completes", state=coordinator.status.value)]

    def _transaction_time_out(self, coordinator: TransactionCoordinator) -> Handler:
        yield
        return [self._transaction(coordinator, "times_out", epoch=self.numbers.epoch(coordinator))]

    _transaction_expire = _transaction_time_out

    # -- groups

    def _group_session_timeout(self, group: GroupCoordinator, process: Processor) -> Handler:
        return silent()

    _group_remove_paused = _group_session_timeout

    def _group_trigger(self, group: GroupCoordinator) -> Handler:
        yield
        return [Call("group", self._name(group), "is_disturbed")]

    def _name(self, group: GroupCoordinator) -> str:
        return next(name for name, other in self.pipeline.groups.items() if other is group)

    def _group_rebalance(self, group: GroupCoordinator, owners: tuple[int, ...]) -> Handler:
        before = group.offsets.log.length
        generations = {p.name: self.numbers.generation(p) for p in group.processes}
        holders = [next((p for p in group.processes if p.mine[k]), None) for k in range(group.inputs)]
        yield
        calls = []
        for i in range(before, group.offsets.log.length):
            # Auto commit: whoever gives a partition up commits its position first.
            key = group.offsets.log[i].key
            process = holders[key]
            assert process is not None
            calls.append(
                self._plain_commit(process, generations[process.name], key, group.offsets.log[i].value)
            )
        sources = group.processes[0].inputs
        shares = {source.name: group.processes[o - 1].name for source, o in zip(sources, owners, strict=True)}
        generation = self.numbers.group_generation(group)
        calls.append(Call("group", self._name(group), "rebalances", (shares,), {"generation": generation}))
        return calls

    def _plain_commit(self, process: Processor, generation: int, key: int, offset: int) -> Call:
        source = process.inputs[key]
        arguments = (source.name, self.numbers.offset(source, offset))
        return Call(
            "client", process.name, "commit_offset", arguments, {"generation": generation, "answers": "NONE"}
        )

    # -- processes

    def _environment_crash(self, crashes: Crashes, process: Client) -> Handler:
        yield
        return [Call("client", process.name, "crashes")]

    def _client_start(self, client: Client) -> Handler:
        yield
        return [Call("client", client.name, "starts")]

    def _client_abort_transaction(self, client: Client) -> Handler:
        yield
        return [Call("client", client.name, "decides_to_abort")]

    def _client_receive(self, client: Client, step: At) -> Handler:
        positions = getattr(client, "positions", None)
        heard = client.wires[0].error
        yield
        if step == At.INIT and heard == Error.NONE and positions is not None:
            assert isinstance(client, Sender)
            known, last = positions.committed_offset(0)
            found = {"gives": last if known else None}
            return [Call("client", client.name, "reads_position", (positions.name,), found)]
        return []

    def _client_take(self, client: Client, row: int | None = None) -> Handler:
        yield
        if isinstance(client, Relay):
            return [self._store_call(client.store, "relay_takes", client, gives=[client.row, client.value])]
        return []

    def _client_save(self, client: Client) -> Handler:
        row = client.row if isinstance(client, Relay) else 0
        yield
        if isinstance(client, Relay):
            return [self._store_call(client.store, "relay_sent", client, row)]
        return []

    def _client_poll(self, client: Client, partition: int) -> Handler:
        assert isinstance(client, Processor)
        source, position = client.inputs[partition], client.position[partition]
        offset = self.numbers.offset(source, position)
        handed = source.handed_out(position, client.spec.consumer.isolation_level)
        yield
        if not handed:
            return [Call("client", client.name, "skips", (source.name, offset))]
        gives: dict[str, Any] = {"gives": client.value}
        if client.sizes["version"] and not isinstance(source, Laid):
            gives["version"] = source.version(position)
        return [Call("client", client.name, "polls", (source.name, offset), gives)]

    def _client_fetch_position(self, client: Client, partition: int) -> Handler:
        assert isinstance(client, Processor)
        source = client.inputs[partition]
        yield
        position = self.numbers.offset(source, client.position[partition])
        if client.store is not None and client.spec.offsets == "in-store":
            return [self._store_call(client.store, "next_offset", client, partition, gives=position)]
        known, offset = client.group.offsets.committed_offset(partition)
        consumer = client.spec.consumer
        asked = Call(
            "client",
            client.name,
            "fetches_offset",
            (source.name,),
            {
                "stable": consumer.require_stable and client.switches.group_metadata,
                "gives": self.numbers.offset(source, offset) if known else None,
            },
        )
        if known:
            return [asked]
        reset = (source.name, consumer.auto_offset_reset)
        return [asked, Call("client", client.name, "resets", reset, {"gives": position})]

    def _client_auto_commit(self, client: Client, partition: int) -> Handler:
        assert isinstance(client, Processor)
        yield
        offset = client.position[partition]
        return [self._plain_commit(client, self.numbers.generation(client), partition, offset)]

    def _client_throw(self, client: Client) -> Handler:
        assert isinstance(client, Processor)
        generation, before = self.numbers.generation(client), client.group.offsets.log.length
        log = client.group.offsets.log
        yield
        commits = [
            self._plain_commit(client, generation, log[i].key, log[i].value)
            for i in range(before, log.length)
        ]
        return [*commits, Call("client", client.name, "closes")]

    # -- stores, lookups, readers

    def _store_call(self, store: Store, verb: str, client: Client, *given: Any, **expected: Any) -> Call:
        name = next(name for name, other in self.pipeline.stores.items() if other is store)
        return Call("store", name, verb, (client.name, *given), expected)

    def _client_check_store(self, client: Client) -> Handler:
        assert isinstance(client, Processor) and client.store is not None
        value, at = client.value, self._message_id(client)
        yield
        return [self._store_call(client.store, "knows", client, value, **at, gives=not client.fresh)]

    def _message_id(self, client: Processor) -> dict[str, Any]:
        """Where the record in hand lay, for a store that knows messages by that."""
        assert client.store is not None
        by_offset = client.store.spec.write == "dedupe" and client.store.spec.key == "offset"
        return {"at": [client.partition, client.next_offset]} if by_offset else {}

    def _client_write_store(self, client: Client) -> Handler:
        assert isinstance(client, Processor) and client.store is not None
        store, spec, value, fresh = client.store, client.store.spec, client.value, client.fresh
        at = self._message_id(client)
        version = {"version": client.version} if client.sizes["version"] else {}
        place = {"partition": client.partition, "offset": client.next_offset}
        kept, believed = store.next[client.partition], client.believed[client.partition]
        known = store.is_new(client) is False if spec.write == "dedupe" else False
        yield
        if spec.write in ("insert", "upsert"):
            return [self._store_call(store, spec.write, client, value, **version)]
        if spec.write == "dedupe" and spec.atomic:
            return [self._store_call(store, "insert_if_new", client, value, **at, **version, gives=not known)]
        if spec.write == "dedupe":
            return [self._store_call(store, "insert", client, value, **at, **version)] if fresh else []
        if spec.write == "outbox":
            return [self._store_call(store, "takes_serial", client, value, gives=store.serials)]
        refused = spec.compare_and_set and kept != believed
        place |= {"only_from": believed} if spec.compare_and_set else {}
        return [
            self._store_call(store, "put_with_offset", client, value, **version, **place, gives=not refused)
        ]

    def _client_commit_row(self, client: Client) -> Handler:
        assert isinstance(client, Processor) and client.store is not None
        value = client.value
        yield
        return [self._store_call(client.store, "publishes", client, value)]

    def _client_look_up(self, client: Client) -> Handler:
        assert isinstance(client, Processor) and client.lookup is not None
        lookup = client.lookup
        value = client.value
        yield
        asked = {"record": client.spec.record_lookup, "gives": client.version}
        return [Call("lookup", lookup.name, "asked", (client.name, value), asked)]

    def _lookup_change(self, lookup: Lookup) -> Handler:
        yield
        return [Call("lookup", lookup.name, "changes", (), {"version": lookup.version})]

    def _reader_read(self, reader: Reader, partition: int) -> Handler:
        source, position = reader.partitions[partition], reader.position[partition]
        offset = self.numbers.offset(source, position)
        handed = source.handed_out(position, reader.spec.isolation_level)
        value = source.value(position)
        version = source.version(position) if reader.sizes["version"] else None
        yield
        name = next(name for name, other in self.pipeline.readers.items() if other is reader)
        if not handed:
            return [Call("reader", name, "skips", (source.name, offset))]
        gives = {"gives": value} | ({} if version is None else {"version": version})
        return [Call("reader", name, "reads", (source.name, offset), gives)]
