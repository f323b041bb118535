"""From a spec to a model: which components there are and how they are wired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from eoscheck.model import spec as spec_module
from eoscheck.model.client import Client
from eoscheck.model.declarations import NameTaken
from eoscheck.model.faults import Crashes, may_hit, scope
from eoscheck.model.groups import GroupCoordinator
from eoscheck.model.inputs import Input, Laid, Written
from eoscheck.model.language import Action, Component, Model
from eoscheck.model.network import Wire
from eoscheck.model.partition import Partition
from eoscheck.model.processor import Processor
from eoscheck.model.producer import PlainSender, Sender, TransactionalSender
from eoscheck.model.reader import Reader
from eoscheck.model.sizes import Sizes
from eoscheck.model.source import SpecError
from eoscheck.model.spec import FAULTS, Spec, Topic
from eoscheck.model.store import Lookup, Relay, Store
from eoscheck.model.transactions import TransactionCoordinator


@dataclass
class Stage:
    """One step of the data on its way: the clients that do it, what they read and write."""

    name: str
    source: str | None
    clients: list[Any]
    topics: tuple[str, ...]
    store: Store | None
    fan_out: bool = False


@dataclass
class Pipeline:
    """The model of a spec, with its parts by name."""

    spec: Spec
    sizes: Sizes
    partitions: dict[str, list[Partition]] = field(default_factory=dict)
    laid: dict[str, list[Laid]] = field(default_factory=dict)
    coordinators: dict[str, TransactionCoordinator] = field(default_factory=dict)
    groups: dict[str, GroupCoordinator] = field(default_factory=dict)
    stores: dict[str, Store] = field(default_factory=dict)
    lookups: dict[str, Lookup] = field(default_factory=dict)
    readers: dict[str, Reader] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    model: Model = None  # type: ignore[assignment]

    @property
    def clients(self) -> list[Client]:
        """Every process of the pipeline."""
        return [client for stage in self.stages for client in stage.clients]

    def upstream(self, topic: str | None = None, store: Store | None = None) -> list[Stage]:
        """The stages whose output ends in a topic or a store, nearest first."""
        found: list[Stage] = []
        for stage in self.stages:
            relaying = isinstance(stage.clients[0], Relay)
            writes = store is not None and stage.store is store and not relaying
            if (topic is not None and topic in stage.topics) or writes:
                found.append(stage)
                if relaying:
                    found += self.upstream(store=stage.store)
                if stage.source:
                    found += self.upstream(topic=stage.source)
        return [stage for i, stage in enumerate(found) if stage not in found[:i]]

    def inputs_of(self, stages: list[Stage]) -> list[int]:
        """The inputs that flow through `stages`."""
        values: list[int] = []
        for stage in stages:
            if isinstance(stage.clients[0], Sender):
                values += stage.clients[0].values
            elif stage.source in self.laid:
                values += [v for part in self.laid[stage.source] for v in part.values]
        return sorted(set(values))

    def origins(self) -> list[list[int]]:
        """Inputs in the order in which they were sent: by producer, and by partition in which they lay."""
        senders = [s.clients[0].values for s in self.stages if isinstance(s.clients[0], Sender)]
        return [*senders, *(part.values for parts in self.laid.values() for part in parts if part.values)]

    def actor(self, action: Action) -> str:
        """The lane of an action in a diagram."""
        component = action.component
        return component.client.name if isinstance(component, Wire) else component.name

    def observe(self) -> dict[str, Any]:
        """What an outsider could see in the model's current (concrete) state: logs with LSO, committed offsets,
        rows of the stores, what readers were given."""
        seen: dict[str, Any] = {
            "partitions": {},
            "groups": {},
            "stores": {},
            "readers": {},
            "transactions": {},
        }
        offsets = [group.offsets for group in self.groups.values()]
        for part in [*(p for parts in self.partitions.values() for p in parts), *offsets]:
            seen["partitions"][part.name] = _observe_partition(part)
        for name, group in self.groups.items():
            seen["groups"][name] = {
                "generation": group.generation,
                "committed": {str(k): _committed(group, k) for k in range(group.inputs)},
            }
        for name, store in self.stores.items():
            rows = [v for v in range(1, len(store.rows)) for _ in range(store.rows[v])]
            seen["stores"][name] = {"rows": rows}
            if store.sizes["version"]:
                single = [v for v in dict.fromkeys(rows) if not store.mixed[v]]
                seen["stores"][name]["versions"] = {str(v): store.versions[v] - 1 for v in single}
            if store.spec.write in ("offsets", "two-phase"):
                seen["stores"][name]["next offsets"] = [store.next[k] for k in range(len(store.next))]
        for name, reader in self.readers.items():
            seen["readers"][name] = {
                source.name: [
                    v for v in range(1, reader.sizes["value"] + 1) for _ in range(reader.count(k, v))
                ]
                for k, source in enumerate(reader.partitions)
            }
        for name, coordinator in self.coordinators.items():
            seen["transactions"][name] = {"state": coordinator.status.value, "epoch": coordinator.epoch}
        return seen


def _observe_partition(part: Partition) -> dict[str, Any]:
    log = part.log
    data = [i for i in range(log.length) if log[i].kind.value == "data"]
    versions = {"versions": [log[i].version for i in data]} if part.sizes["version"] else {}
    return {
        **versions,
        "records": [
            log[i].value if log[i].kind.value == "data" else log[i].kind.value for i in range(log.length)
        ],
        "outcomes": [part.outcome(i).value for i in range(log.length)],
        "high_watermark": part.high_watermark(),
        "last_stable_offset": part.last_stable_offset(),
    }


def _committed(group: GroupCoordinator, partition: int) -> int | None:
    known, offset = group.offsets.committed_offset(partition)
    return offset if known else None


def build(
    spec: Spec, user_properties: Sequence[Callable[[Any], Any]] = (), wanted: Sequence[str] = ()
) -> Pipeline:
    """The model of a spec with the properties that it asks for, those `wanted` besides, and the user's own.

    Raises Refused where the spec asks for something that this pipeline does not have, SpecError where two of its parts
    would have one name.
    """
    from eoscheck.model import properties
    from eoscheck.model.alike import exchanges

    builder = _Builder(spec)
    builder.wire()
    pipeline = builder.pipeline
    chosen = properties.choose(pipeline, wanted)
    chosen += [getattr(function, "__property__")(pipeline) for function in user_properties]  # noqa: B009
    budgets = {f.name: f.budget for f in spec.faults if f.name in FAULTS}
    budgets["late-delivery"] = budgets.get("delayed-request", 0)
    budgets["late-marker"] = budgets.get("delayed-marker", 0)
    late = ("late-delivery", "late-marker")
    try:
        pipeline.model = Model(
            builder.components(),
            chosen,
            budgets,
            spec.bounds.faults,
            late,
            lambda action: may_hit(pipeline, action),
            lambda: exchanges(pipeline),
        )
    except NameTaken as error:  # orders-1 is the second partition of a topic, and an instance of a processor
        raise SpecError(spec.path, 1, str(error)) from None
    return pipeline


class _Builder:
    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.sizes = Sizes(spec)
        self.pipeline = Pipeline(spec, self.sizes)
        self.pids = 0
        self.offsets: list[Partition] = []
        self.wires: list[Wire] = []

    def wire(self) -> None:
        spec, pipeline = self.spec, self.pipeline
        self._number_producers()
        for topic in spec.topics:
            self._topic(topic)
        for store in spec.stores:
            pipeline.stores[store.name] = Store(store, self.sizes.of())
        for lookup in spec.lookups:
            pipeline.lookups[lookup.name] = Lookup(lookup, self.sizes.of())
        first = sum(t.records for t in spec.topics) + 1
        for producer in spec.producers:
            self._producer(producer, first)
            first += producer.records
        for processor in spec.processors:
            self._processor(processor)
        for store in spec.stores:
            if store.write == "outbox" and store.relay_to:
                self._relay(pipeline.stores[store.name], store.relay_to)
        for reader in spec.readers:
            parts = [Written(p) for t in reader.topics for p in pipeline.partitions.get(t, [])]
            if parts:
                largest = max(p.partition.sizes["log"] for p in parts)
                observer = pipeline.readers[reader.name] = Reader(reader, parts, self.sizes.of(log=largest))
                observer.origins += pipeline.origins()
                for k, part in enumerate(parts):
                    part.partition.consumers.append((observer, k))

    def _number_producers(self) -> None:
        """How many producer ids there can be: one per transactional.id, one per start of the others."""
        spec = self.spec
        ids = {p.config.transactional_id for p in spec.producers if p.config.transactional_id}
        starts = 3 * self.sizes.anew + 2
        count = len(ids) + sum(
            starts for p in spec.producers if p.config.idempotence and not p.config.transactional_id
        )
        for p in spec.processors:
            if p.producer and p.to:
                if p.producer.transactional_id:
                    count += p.instances
                elif p.producer.idempotence:
                    count += starts * p.instances
        count += sum(starts for s in spec.stores if s.write == "outbox")
        self.most_pids = count

    def _topic(self, topic: Topic) -> None:
        spec = self.spec
        written = self.sizes.written(topic.name)
        if topic.records or not written:
            self.pipeline.laid[topic.name] = self._lay(topic)
        if not written:
            return
        replicated = bool(spec.budget("broker-failover", topic.name) or spec.budget("isr-shrink", topic.name))
        sizes = self.sizes.of(
            self.sizes.log(topic.name, self.sizes.transactional(topic.name)), self.most_pids
        )
        self.pipeline.partitions[topic.name] = [
            Partition(topic, k, sizes, spec.switches, replicated) for k in range(topic.partitions)
        ]
        for part, laid in zip(
            self.pipeline.partitions[topic.name], self.pipeline.laid.get(topic.name, ()), strict=False
        ):
            part.laid = laid.values

    def _lay(self, topic: Topic) -> list[Laid]:
        before = 0
        for other in self.spec.topics:
            if other.name == topic.name:
                break
            before += other.records
        return [Laid(topic.name, k, topic.partitions, topic.records, before) for k in range(topic.partitions)]

    # -- clients

    def _fields(self, client: Client) -> dict[str, Any]:
        sizes = client.sizes
        return {
            "output": range(max(len(client.outputs), client.lanes, 1)),
            "value": range(sizes["value"] + 1),
            "version": range(sizes["version"] + 1),
            "pid": range(self.most_pids + 1),
            "epoch": range(sizes["epoch"] + 1),
            "expected": range(sizes["epoch"] + 2),
            "sequence": range(sizes["sequence"] + 1),
            "txn": range(sizes["txn"] + 1),
            "key": range(self.sizes.partitions),
            "offset": range(sizes["offset"] + 2),
            "generation": range(sizes["generation"] + 1),
        }

    def _connect(self, client: Client, name: str) -> Wire:
        late = bool(self.spec.budget("delayed-request", name))
        label = client.name if not client.wires else f"{client.name}/{len(client.wires) + 1}"
        wire = Wire(f"{label}:wire", client, self._fields(client), late, client.config.acks != "0")
        client.wires.append(wire)
        client.expires = bool(self.spec.budget("delivery-timeout", name))
        self.wires.append(wire)
        return wire

    def _producer(self, spec: spec_module.Producer, first: int) -> None:
        sizes = self.sizes.of(pid=self.most_pids)
        outputs = self.pipeline.partitions[spec.to]
        client: Sender
        if spec.config.transactional_id:
            sender = TransactionalSender(spec, first, self.spec.switches, sizes)
            client = sender
            client.produces([outputs])
            if spec.position == "in-transaction":
                topic = Topic(f"{spec.name}-positions")
                log = self.sizes.log(spec.to, True)
                sender.positions = Partition(
                    topic, 0, self.sizes.of(log, self.most_pids), self.spec.switches, False
                )
                client.produces([[sender.positions]])
                self.pipeline.partitions[topic.name] = [sender.positions]
            self._connect(client, spec.name)
            self._coordinate(client, spec.config.transactional_id, spec.config)
        else:
            client = PlainSender(spec, first, self.spec.switches, sizes)
            client.produces([outputs])
            client.pid = self.pids + 1
            self.pids += 3 * self.sizes.anew + 2 if spec.config.idempotence else 0
            for _ in range(2 if spec.config.max_in_flight > 1 and spec.records > 1 else 1):
                self._connect(client, spec.name)
        self._write_to(client)
        self.pipeline.stages.append(Stage(spec.name, None, [client], (spec.to,), None))

    def _write_to(self, client: Client) -> None:
        for k, part in enumerate(client.outputs):
            part.writers += [(wire, k) for wire in client.wires]

    def _coordinate(self, client: Client, transactional_id: str, config: spec_module.ProducerConfig) -> None:
        coordinators = self.pipeline.coordinators
        if transactional_id not in coordinators:
            self.pids += 1
            coordinators[transactional_id] = TransactionCoordinator(
                f"txn:{transactional_id}",
                self.pids,
                self.spec.switches,
                self.sizes.epoch,
                self.sizes.txn,
                config.two_phase_commit,
            )
            coordinators[transactional_id].late_markers = bool(self.spec.budget("delayed-marker"))
        coordinator = coordinators[transactional_id]
        coordinator.keeps |= isinstance(client, Processor) and client.two_phase
        client.coordinator, client.pid = coordinator, coordinator.pid
        first = len(coordinator.wires) * self.sizes.transactions + 1
        client.numbers = range(first, first + self.sizes.transactions)
        coordinator.wires += client.wires
        touched = [*client.outputs, *([client.offsets_partition] if client.offsets_partition else [])]
        coordinator.partitions += [p for p in touched if p not in coordinator.partitions]

    def _processor(self, spec: spec_module.Processor) -> None:
        sources: list[Input] = [Written(p) for p in self.pipeline.partitions.get(spec.source, [])]
        sources = sources or list(self.pipeline.laid[spec.source])
        transactional = bool(spec.producer and spec.producer.transactional_id)
        sizes = self.sizes.of(
            self.sizes.offsets_log(spec), self.most_pids if transactional else 0, len(sources)
        )
        sizes["value"] = max(sizes["value"], self.sizes.offset + 1)
        offsets = Partition(Topic(f"__consumer_offsets:{spec.name}"), 0, sizes, self.spec.switches, False)
        group = GroupCoordinator(
            f"group:{spec.name}", len(sources), offsets, self.sizes.generation, self.spec.switches
        )
        self.offsets.append(offsets)
        self.pipeline.groups[spec.name] = group
        store = self.pipeline.stores.get(spec.store) if spec.store else None
        lookup = self.pipeline.lookups.get(spec.lookup) if spec.lookup else None
        clients = [
            self._instance(k, spec, sources, store, lookup, group, offsets) for k in range(spec.instances)
        ]
        self.pipeline.stages.append(Stage(spec.name, spec.source, clients, spec.to, store, spec.fan_out))

    def _instance(
        self,
        index: int,
        spec: spec_module.Processor,
        sources: list[Input],
        store: Store | None,
        lookup: Lookup | None,
        group: GroupCoordinator,
        offsets: Partition,
    ) -> Processor:
        name = spec.name if spec.instances == 1 else f"{spec.name}-{index + 1}"
        client = Processor(
            name, index, spec, self.spec, self.sizes.of(pid=self.most_pids), sources, store, lookup
        )
        client.group = group
        group.processes.append(client)
        for k, source in enumerate(sources):
            if isinstance(source, Written):
                source.partition.consumers.append((client, k))
        if store is not None:
            store.writers.append(client)
        parts = [self.pipeline.partitions[t] for t in spec.to]
        client.produces([[p] for ps in parts for p in ps] if spec.fan_out else parts)
        if spec.offsets == "in-transaction":
            client.offsets_partition = offsets
        self._connect(client, spec.name)
        if spec.producer and spec.producer.transactional_id:
            self._coordinate(
                client, spec.producer.transactional_id.replace("${instance}", str(index + 1)), spec.producer
            )
        else:
            client.pid = self.pids + 1
            self.pids += (
                3 * self.sizes.anew + 2 if spec.producer and spec.producer.idempotence and spec.to else 0
            )
        self._write_to(client)
        return client

    def _relay(self, store: Store, topic: str) -> None:
        config = store.spec.relay_config
        relay = Relay(store, config, self.spec.switches, self.sizes.of(pid=self.most_pids))
        relay.pid = self.pids + 1
        self.pids += 3 * self.sizes.anew + 2 if config.idempotence else 0
        relay.produces([self.pipeline.partitions[topic]])
        self._connect(relay, store.name)
        self._write_to(relay)
        self.pipeline.stages.append(Stage(relay.name, None, [relay], (topic,), store))

    def components(self) -> list[Component]:
        """Everything, in the order in which states are laid out and actions are tried."""
        p, spec = self.pipeline, self.spec
        stages = {stage.name: stage for stage in p.stages}
        crashing = [c for s in stages.values() for c in s.clients if spec.budget("crash", scope(s))]
        _rename_stores(p)
        return [
            *p.clients,
            *self.wires,
            *p.coordinators.values(),
            *p.groups.values(),
            *self.offsets,
            *(part for parts in p.partitions.values() for part in parts),
            *p.stores.values(),
            *p.lookups.values(),
            *p.readers.values(),
            Crashes(crashing),
        ]


def _rename_stores(pipeline: Pipeline) -> None:
    """The implicit store of a consumer has the consumer's name; two parts of a model must not share one."""
    names = {client.name for client in pipeline.clients}
    for store in pipeline.stores.values():
        if store.name in names:
            store.name = f"{store.name}:effect"
