"""What is promised: the properties, each for every sink (reader or store) or topic that it speaks of.

A property at rest is asked only where nothing but a fault can happen any more: an input without effect is lost there,
and merely late everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from eoscheck.model.language import Property
from eoscheck.model.partition import Partition
from eoscheck.model.processor import Processor
from eoscheck.model.protocol import Membership, Phase, Status
from eoscheck.model.refused import Refused
from eoscheck.model.sinks import ReaderSink, Sink, StoreSink, sinks
from eoscheck.model.transactions import TORN, UNDECIDED
from eoscheck.model.values import Witness, all_of, any_of, neg, one_of

if TYPE_CHECKING:
    from eoscheck.model.pipeline import Pipeline, Stage

DOCS: dict[str, str] = {
    "no-loss": "Every input has its effect: none is passed over by everybody and never shows at the sink.",
    "no-duplicates": "No input has its effect twice at the sink.",
    "exactly-once": "Every input has its effect at the sink once: neither lost nor doubled.",
    "atomic-visibility": (
        "The outcome of a transaction is all or none: no reader is given a record of an aborted or undecided"
        " transaction, and never do some of its outputs and offsets end committed and others aborted."
    ),
    "atomic-read": (
        "No reader ever holds a strict part of a transaction. Kafka does not promise this: markers arrive partition"
        " by partition."
    ),
    "agreement": "Every visible effect of one input has one value, whichever sink one asks.",
    "store-consistency": (
        "Once an attempt at an input is decided, its effect is in the store exactly if its Kafka side committed; an"
        " attempt still under way violates nothing."
    ),
    "order": "A reader is given the inputs of a partition in the order in which they were sent.",
    "fencing": "Nothing of an older epoch, generation or owner commits after a newer one was given out.",
    "durability": "What was acknowledged survives: a record whose send() or commit succeeded stays visible.",
    "progress": "Every input is processed in the end, if everything that can go on does go on.",
    "no-hanging-transaction": "No transaction stays open for ever: the last stable offset moves on in the end.",
}
LIVENESS = ("progress", "no-hanging-transaction")
ON_REQUEST = (*LIVENESS, "atomic-read", "exactly-once")


# --- safety, sink by sink -----------------------------------------------------------------------------------------


def _lost(sink: Sink) -> Witness | None:
    for value in sink.values:
        for where, count in sink.counts(value):
            if (count == 0) & neg(sink.pending(value)) & neg(sink.hidden()):
                return Witness(
                    "input {input} never reaches {sink}: everything is at rest, and nobody will come back to it",
                    input=value,
                    sink=where,
                )
    return None


def _doubled(sink: Sink) -> Witness | None:
    for value in sink.values:
        for where, count in sink.counts(value):
            if count > 1:
                return Witness("input {input} has its effect twice at {sink}", input=value, sink=where)
    return None


def no_loss(sink: Sink) -> Property:
    return Property("at-rest", f"no-loss@{sink.name}", lambda: _lost(sink), sink.moved, DOCS["no-loss"])


def _present(sink: Sink) -> Any:
    return any_of(count != 0 for v in sink.values for _, count in sink.counts(v))


def no_duplicates(sink: Sink) -> Property:
    return Property(
        "always",
        f"no-duplicates@{sink.name}",
        lambda: _doubled(sink),
        lambda: _present(sink),
        DOCS["no-duplicates"],
    )


def exactly_once(sink: Sink) -> Property:
    return Property(
        "at-rest",
        f"exactly-once@{sink.name}",
        lambda: _doubled(sink) or _lost(sink),
        lambda: _present(sink),
        DOCS["exactly-once"],
    )


def order(sink: ReaderSink) -> Property:
    reader = sink.reader

    def check() -> Witness | None:
        if reader.disorder != 0:
            return Witness(
                "{reader} was given input {input} after a later one", reader=sink.name, input=reader.disorder
            )
        return None

    later = [v for origin in reader.origins for v in origin[1:]]
    return Property(
        "always",
        f"order@{sink.name}",
        check,
        lambda: any_of(v == last for v in later for last in reader.last),
        DOCS["order"],
    )


def atomic_visibility(pipeline: Pipeline, sink: ReaderSink) -> Property:
    clients = [c for stage in sink.stages for c in stage.clients if c.coordinator is not None]
    coordinators = list({id(c.coordinator): c.coordinator for c in clients}.values())

    def check() -> Witness | None:
        if sink.reader.undecided != 0:
            return Witness(
                "{reader} was given input {input} out of a transaction that was not committed",
                reader=sink.name,
                input=sink.reader.undecided,
            )
        for coordinator in coordinators:
            for number in range(1, coordinator.txns + 1):
                if coordinator.fate[number] == TORN:
                    return Witness(
                        "transaction {number} of {name} ended in part committed, in part aborted",
                        number=number,
                        name=coordinator.name,
                    )
        return None

    def premise() -> Any:
        return any_of(f != UNDECIDED for c in coordinators for f in c.fate)

    return Property("always", f"atomic-visibility@{sink.name}", check, premise, DOCS["atomic-visibility"])


def atomic_read(sink: ReaderSink) -> Property:
    reader = sink.reader
    members = range(reader.spec.members)
    single = len(sink.groups) == 1

    def check() -> Witness | None:
        for value in sink.values:
            for member in members:
                counts = [
                    any_of(reader.count(k, value) != 0 for k in ks if reader.member_of(k) == member)
                    for _, ks, values in sink.groups
                    if value in values
                ]
                if any_of(counts) & neg(all_of(counts)):
                    return Witness(
                        "{reader} holds input {input} from one partition of its transaction and not from the other",
                        reader=sink.name,
                        input=value,
                    )
        return None

    return Property(
        "always",
        f"atomic-read@{sink.name}",
        (lambda: None) if single else check,
        lambda: _present(sink),
        DOCS["atomic-read"],
    )


def store_consistency(sink: StoreSink) -> Property:
    stage = sink.stages[0]

    def check() -> Witness | None:
        for value in sink.values:
            busy = any_of(client.holds(value) | _undecided(client) for client in stage.clients)
            row, done = sink.store.rows[value] != 0, stage.clients[0].settled(value)
            if neg(busy) & row & neg(done) & neg(any_of(_will_commit(c, value) for c in stage.clients)):
                return Witness(
                    "{store} has the effect of input {input}, whose attempt was not committed in Kafka",
                    store=sink.name,
                    input=value,
                )
            if neg(busy) & neg(row) & done & neg(any_of(_will_poll(c, value) for c in stage.clients)):
                return Witness(
                    "{store} has no effect of input {input}, which is committed as processed in Kafka",
                    store=sink.name,
                    input=value,
                )
        return None

    return Property(
        "always", f"store-consistency@{sink.name}", check, lambda: _present(sink), DOCS["store-consistency"]
    )


def _will_commit(client: Processor, value: int) -> Any:
    """Auto-commit: it polled `value` and is still in its group, so a later poll() commits it."""
    if not client.spec.auto_commits:
        return False
    return any_of(
        _has_position(client, k)
        & source.contains_from(0, value)
        & neg(source.contains_from(client.position[k], value))
        for k, source in enumerate(client.inputs)
    )


def _will_poll(client: Processor, value: int) -> Any:
    """`value` lies before it: with auto.offset.reset=latest that matters while nothing is committed yet."""
    if client.spec.consumer.auto_offset_reset == "earliest":
        return False
    return any_of(
        _has_position(client, k) & source.contains_from(client.position[k], value)
        for k, source in enumerate(client.inputs)
    )


def _has_position(client: Processor, partition: int) -> Any:
    member = client.group.members[client.index] != Membership.OUT
    current = client.is_up() & member & (client.generation == client.group.generation)
    return current & client.mine[partition] & (client.position[partition] != client.unknown)


def _undecided(client: Any) -> Any:
    if client.coordinator is None:
        return False
    return one_of(client.coordinator.status, Status.ONGOING, Status.PREPARE_COMMIT, Status.PREPARE_ABORT)


def agreement(pipeline: Pipeline) -> Property:
    places: list[Any] = [*pipeline.readers.values(), *pipeline.stores.values()]
    values = sorted({v for sink in sinks(pipeline) for v in sink.values})

    def check() -> Witness | None:
        for value in values:
            for i, place in enumerate(places):
                if place.mixed[value]:
                    return Witness(
                        "input {input} shows with two values at {one}", input=value, one=place.name
                    )
                for other in places[:i]:
                    mine, theirs = place.versions[value], other.versions[value]
                    if (mine != 0) & (theirs != 0) & (mine != theirs):
                        return Witness(
                            "input {input} has one value at {one} and another at {other}",
                            input=value,
                            one=place.name,
                            other=other.name,
                        )
        return None

    def premise() -> Any:
        return any_of(place.versions[v] != 0 for place in places for v in values)

    return Property("always", "agreement", check, premise, DOCS["agreement"])


# --- safety, by group, transactional.id or topic ------------------------------------------------------------------


def fencing(stage: Stage) -> Property:
    first = stage.clients[0]
    groups = [first.group] if isinstance(first, Processor) else []
    coordinators = list({id(c.coordinator): c.coordinator for c in stage.clients if c.coordinator}.values())

    def check() -> Witness | None:
        for place in [*groups, *coordinators]:
            if place.stale_commit:
                # A position in a store is committed there; the group is not asked.
                in_store = place in groups and first.spec.offsets == "in-store" and first.store is not None
                name = first.store.name if in_store else place.name
                return Witness("{place} let somebody commit who had been replaced", place=name)
        return None

    def premise() -> Any:
        return any_of([*(g.generation != 1 for g in groups), *(c.epoch != 0 for c in coordinators)])

    return Property("always", f"fencing@{stage.name}", check, premise, DOCS["fencing"])


def durability(pipeline: Pipeline, topic: str) -> Property:
    stages = [s for s in pipeline.stages if topic in s.topics]
    values = pipeline.inputs_of(pipeline.upstream(topic=topic))
    partitions = pipeline.partitions[topic]

    def check() -> Witness | None:
        for stage in stages:
            completing = any_of(
                c.coordinator.status == Status.PREPARE_COMMIT
                for c in stage.clients
                if c.coordinator is not None
            )
            for value in values:
                told = any_of(c.acknowledged[value] & neg(_on_its_way(c, value)) for c in stage.clients)
                places = [[p] for p in partitions] if stage.fan_out else [partitions]
                there = all_of(
                    any_of(p.committed_value(value, completing) for p in place) for place in places
                )
                if told & neg(there):
                    return Witness(
                        "{who} was told that input {input} is in {topic}, and it is not",
                        who=stage.name,
                        input=value,
                        topic=topic,
                    )
        return None

    def premise() -> Any:
        return any_of(c.acknowledged[v] for s in stages for c in s.clients for v in values)

    return Property("always", f"durability@{topic}", check, premise, DOCS["durability"])


def _on_its_way(client: Any, value: int) -> Any:
    """acks=0 counts a record as sent once it is in the socket; it is not lost while a leader may read it."""
    return any_of((wire.phase == Phase.SENT) & (wire.request[0].value == value) for wire in client.wires)


# --- liveness -----------------------------------------------------------------------------------------------------


def progress(sink: Sink) -> Property:
    return Property(
        "eventually",
        f"progress@{sink.name}",
        lambda: all_of(count != 0 for v in sink.values for _, count in sink.counts(v)),
        None,
        DOCS["progress"],
    )


def no_hanging_transaction(name: str, partitions: list[Partition]) -> Property:
    return Property(
        "eventually",
        f"no-hanging-transaction@{name}",
        lambda: all_of(p.settled() for p in partitions),
        lambda: any_of(p.has_open_transaction() for p in partitions),
        DOCS["no-hanging-transaction"],
    )


# --- which apply --------------------------------------------------------------------------------------------------


def applicable(pipeline: Pipeline) -> Iterator[Property]:
    """Every property that says something about this pipeline."""
    found = sinks(pipeline)
    explicit = {
        s.name for s in pipeline.spec.stores if s.name not in {p.name for p in pipeline.spec.processors}
    }
    everywhere: list[Callable[[Sink], Property]] = [no_loss, no_duplicates, exactly_once]
    for make in everywhere:
        yield from (make(sink) for sink in found)
    for sink in found:
        if isinstance(sink, ReaderSink):
            yield from _of_reader(pipeline, sink)
        elif isinstance(sink, StoreSink) and sink.name in explicit and sink.stages:
            yield store_consistency(sink)
    if pipeline.lookups:
        yield agreement(pipeline)
    for stage in pipeline.stages:
        if isinstance(stage.clients[0], Processor) or stage.clients[0].coordinator is not None:
            yield fencing(stage)
    for topic in pipeline.spec.topics:
        if topic.name in pipeline.partitions:
            yield durability(pipeline, topic.name)
    yield from (progress(sink) for sink in found)
    for name, partitions in pipeline.partitions.items():
        if any(p.sizes["txn"] for p in partitions) and pipeline.coordinators:
            yield no_hanging_transaction(name, partitions)


def _of_reader(pipeline: Pipeline, sink: ReaderSink) -> Iterator[Property]:
    if any(len(origin) > 1 for origin in sink.reader.origins):
        yield order(sink)
    if any(c.coordinator for stage in sink.stages for c in stage.clients):
        yield atomic_visibility(pipeline, sink)
        yield atomic_read(sink)


def choose(pipeline: Pipeline, wanted: Sequence[str] = ()) -> list[Property]:
    """The properties a spec asks for (by bare or full name), and those `wanted` besides; without a list, all safety
    properties that apply, and what `expect` names. Raises Refused."""
    spec = pipeline.spec
    every = list(applicable(pipeline))
    named = [*spec.properties, *(name for name, _ in spec.expect)]
    for name in named:
        base = name.split("@")[0]
        if base in DOCS and not any(_matches(p, name) for p in every):
            raise Refused(name, f"{name}: this pipeline has nothing that the property speaks of")
    named += wanted
    if spec.properties:
        return [p for p in every if any(_matches(p, name) for name in named)]
    return [
        p for p in every if p.name.split("@")[0] not in ON_REQUEST or any(_matches(p, name) for name in named)
    ]


def _matches(prop: Property, name: str) -> bool:
    return name in (prop.name, prop.name.split("@")[0])
