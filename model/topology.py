"""Whether the parts of a pipeline fit together: every name names something, data flows one way, no
setting contradicts another. What the spec leaves unsaid is filled in: a reader for each topic at the end,
a store for each pure consumer.

Contradictions that no client or broker would accept are errors (`Problem`, with the place in the spec);
what works but not as one may think is a note.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from eoscheck.model.source import Place, Problem, did_you_mean, dotted
from eoscheck.model.spec import FAULTS, Fault, Processor, Producer, Reader, Spec, Store

PROPERTIES = (
    "no-loss",
    "no-duplicates",
    "exactly-once",
    "atomic-visibility",
    "atomic-read",
    "agreement",
    "store-consistency",
    "order",
    "fencing",
    "durability",
    "progress",
    "no-hanging-transaction",
)

_TRANSACTIONAL = ("in-transaction", "before-transaction", "after-transaction")
_ON_PROCESSES = ("crash", "pause", "exception", "rebalance", "transaction-timeout")
_ON_TOPICS = ("broker-failover", "isr-shrink")

Sections = Mapping[str, str]
"""Of each processor, the section it was written in: `processors` or `consumers`."""


def check_references(spec: Spec, sections: Sections) -> None:
    """Every name is unique and names something; there is something to check. Raises Problem."""
    _check_names(spec, sections)
    _check_producers(spec)
    for processor in spec.processors:
        _check_processor(spec, processor, (sections[processor.name], processor.name))
    _check_readers(spec)
    for store in spec.stores:
        _check_store(spec, store)
    _check_cycles(spec)
    _check_company(spec, sections)
    _check_faults(spec)
    _check_elections(spec)
    if not spec.processors and not spec.producers and not spec.readers:
        raise Problem((), "nothing to check: no producers, processors, consumers or readers")
    if not spec.producers and not any(topic.records for topic in spec.topics):
        raise Problem(("topics",), "no input: no topic has records and there is no producer")


def complete(spec: Spec) -> Spec:
    """The spec with what it leaves unsaid: readers of the topics at the end, stores of pure consumers."""
    sources = {p.source for p in spec.processors} | {t for r in spec.readers for t in r.topics}
    ends = [t.name for t in spec.topics if t.name in _written(spec) and t.name not in sources]
    readers = tuple(Reader(name, (name,)) for name in ends)
    pure = [p.name for p in spec.processors if not p.to and p.store is None]
    stores = tuple(Store(name, "insert") for name in pure)
    processors = tuple(replace(p, store=p.name) if p.name in pure else p for p in spec.processors)
    return replace(spec, processors=processors, readers=spec.readers + readers, stores=spec.stores + stores)


def check_properties(spec: Spec, extra: Collection[str]) -> None:
    """Every property asked for or expected exists, and so does the sink after its `@`. Raises Problem."""
    for index, name in enumerate(spec.properties):
        _check_property(spec, name, ("properties", index), extra)
        if name in spec.properties[:index]:
            raise Problem(("properties", index), f"property '{name}' is given twice")
    for name, _ in spec.expect:
        _check_property(spec, name, ("expect", name), extra)


def notes(spec: Spec) -> Iterator[str]:
    """What a team should know about a spec that is accepted."""
    yield from _unused(spec)
    yield from _shared_ids(spec)
    yield from _idle(spec)
    yield from _awaited(spec)
    yield from _faults_without_effect(spec)


# --- names


def _check_names(spec: Spec, sections: Sections) -> None:
    """One name, one thing. A reader may be called like its only topic, a store like its only writer."""
    seen: dict[str, Place] = {}
    for place in _places(spec, sections):
        name = str(place[-1])
        if place[0] == "topics" and (name in (".", "..") or name.startswith("__")):
            raise Problem(place, f"{dotted(place)}: Kafka keeps this name for itself")
        first = seen.setdefault(name, place)
        if first is not place and not _may_share(spec, first, place):
            raise Problem(place, f"{dotted(place)}: the name is taken already by {dotted(first)}")


def _places(spec: Spec, sections: Sections) -> list[Place]:
    found: list[Place] = [("topics", topic.name) for topic in spec.topics]
    found += [("producers", producer.name) for producer in spec.producers]
    found += [(sections[processor.name], processor.name) for processor in spec.processors]
    found += [("readers", reader.name) for reader in spec.readers]
    found += [("stores", store.name) for store in spec.stores]
    found += [("lookups", lookup.name) for lookup in spec.lookups]
    return found


def _may_share(spec: Spec, first: Place, second: Place) -> bool:
    kinds, name = (first[0], second[0]), str(second[-1])
    if kinds == ("topics", "readers"):
        return any(reader.name == name and reader.topics == (name,) for reader in spec.readers)
    if kinds[0] in ("processors", "consumers") and kinds[1] == "stores":
        return {p.name for p in spec.processors if p.store == name} == {name}
    return False


def _known(place: Place, kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise Problem(place, f"{dotted(place)}: there is no {kind} '{name}'{did_you_mean(name, known)}")


def _topic_names(spec: Spec) -> list[str]:
    return [topic.name for topic in spec.topics]


def _written(spec: Spec) -> set[str]:
    """Topics that something writes."""
    written = {producer.to for producer in spec.producers} | {t for p in spec.processors for t in p.to}
    return written | {store.relay_to for store in spec.stores if store.relay_to}


def _check_property(spec: Spec, name: str, place: Place, extra: Collection[str]) -> None:
    base, at, sink = name.partition("@")
    known = (*PROPERTIES, *extra)
    if name not in extra and base not in known:
        raise Problem(place, f"{place[0]}: there is no property '{base}'{did_you_mean(base, known)}")
    sinks = [str(p[-1]) for p in _places(spec, {p.name: "processors" for p in spec.processors})]
    if at and name not in extra and sink not in sinks:
        raise Problem(place, f"{place[0]}: nothing is called '{sink}'{did_you_mean(sink, sinks)}")


# --- parts


def _check_producers(spec: Spec) -> None:
    for producer in spec.producers:
        place: Place = ("producers", producer.name)
        _known((*place, "to"), "topic", producer.to, _topic_names(spec))
        if producer.config.transactional_id is None:
            for key, value in (("position", producer.position), ("on.error", producer.on_error)):
                if value in ("in-transaction", "abort"):
                    raise Problem(
                        (*place, key), f"{dotted(place)}: '{key}: {value}' needs a transactional.id"
                    )


def _check_processor(spec: Spec, processor: Processor, place: Place) -> None:
    _known((*place, "from"), "topic", processor.source, _topic_names(spec))
    for index, topic in enumerate(processor.to):
        _known((*place, "to", index), "topic", topic, _topic_names(spec))
        if topic in processor.to[:index]:
            raise Problem((*place, "to", index), f"{dotted(place)}: topic '{topic}' is given twice in 'to'")
    if processor.store is not None:
        _known((*place, "store"), "store", processor.store, [store.name for store in spec.stores])
    if processor.lookup is not None:
        _known((*place, "lookup"), "lookup", processor.lookup, [lookup.name for lookup in spec.lookups])
    elif processor.record_lookup:
        raise Problem((*place, "record.lookup"), f"{dotted(place)}: 'record.lookup' needs a lookup")
    _check_offsets(spec, processor, place)


def _check_offsets(spec: Spec, processor: Processor, place: Place) -> None:
    at, offsets = (*place, "offsets"), processor.offsets
    transactional = processor.producer is not None and processor.producer.transactional_id is not None
    write = next((store.write for store in spec.stores if store.name == processor.store), None)
    if offsets in _TRANSACTIONAL and not transactional:
        raise Problem(at, f"{dotted(place)}: 'offsets: {offsets}' needs a producer with a transactional.id")
    if offsets == "auto" and not processor.consumer.auto_commit:
        raise Problem(at, f"{dotted(place)}: 'offsets: auto' needs enable.auto.commit=true")
    if offsets == "in-store" and write not in ("offsets", "two-phase"):
        raise Problem(
            at,
            f"{dotted(place)}: 'offsets: in-store' needs a store with 'write: offsets' or 'write: two-phase'",
        )
    if offsets != "in-store" and write in ("offsets", "two-phase"):
        raise Problem(
            at, f"{dotted(place)}: a store with 'write: {write}' needs 'offsets: in-store', not '{offsets}'"
        )
    if write == "two-phase" and not transactional:
        raise Problem(
            (*place, "store"),
            f"{dotted(place)}: a two-phase store needs a producer with a transactional.id",
        )


def _check_readers(spec: Spec) -> None:
    for reader in spec.readers:
        for index, topic in enumerate(reader.topics):
            place = ("readers", reader.name, "topics", index)
            _known(place, "topic", topic, _topic_names(spec))
            if topic in reader.topics[:index]:
                raise Problem(place, f"readers.{reader.name}: topic '{topic}' is given twice")


def _check_store(spec: Spec, store: Store) -> None:
    place: Place = ("stores", store.name)
    if store.relay_to is None and store.write == "outbox":
        raise Problem(
            place, f"{dotted(place)}: 'write: outbox' needs 'relay.to', the topic it is published to"
        )
    if store.relay_to is not None:
        if store.write != "outbox":
            raise Problem((*place, "relay.to"), f"{dotted(place)}: 'relay.to' needs 'write: outbox'")
        _known((*place, "relay.to"), "topic", store.relay_to, _topic_names(spec))


def _check_cycles(spec: Spec) -> None:
    """A cycle of topics would feed itself for ever."""
    relays = {store.name: store.relay_to for store in spec.stores if store.relay_to}
    flows: dict[str, set[str]] = {}
    for processor in spec.processors:
        relay = relays.get(processor.store or "")
        for target in (*processor.to, *([relay] if relay else [])):
            flows.setdefault(target, set()).add(processor.source)
    try:
        TopologicalSorter(flows).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        raise Problem(("topics", cycle[0]), f"cyclic topology: {' -> '.join(cycle)}") from None


def _check_company(spec: Spec, sections: Sections) -> None:
    """What two processors may not share, since the model tells them apart by it."""
    for i, one in enumerate(spec.processors):
        for other in spec.processors[:i]:
            place: Place = (sections[one.name], one.name)
            if one.store is not None and one.store == other.store:
                raise Problem(
                    place,
                    f"{dotted(place)}: '{other.name}' writes store '{one.store}' too; give each its own",
                )
            if one.source == other.source and set(one.to) & set(other.to):
                raise Problem(
                    place,
                    f"{dotted(place)}: '{other.name}' makes the same records from '{one.source}'; use two topics",
                )
            if one.consumer.group_id == other.consumer.group_id:
                group = one.consumer.group_id
                raise Problem(
                    place, f"{dotted(place)}: '{other.name}' is in group '{group}' too; use instances"
                )


def _check_faults(spec: Spec) -> None:
    topics = _topic_names(spec)
    processes = [client.name for client in _clients(spec)]
    outboxes = [store.name for store in spec.stores if store.write == "outbox"]
    lookups = [lookup.name for lookup in spec.lookups]
    for fault in spec.faults:
        if fault.name not in FAULTS:
            hint = did_you_mean(fault.name, FAULTS)
            raise Problem(("faults", fault.name), f"faults: there is no fault '{fault.name}'{hint}")
        for index, name in enumerate(fault.where):
            place = ("faults", fault.name, "where", index)
            _known(place, "process or topic", name, [*topics, *processes, *outboxes, *lookups])
            _check_where(fault, name, place, topics, lookups)


def _check_elections(spec: Spec) -> None:
    """The model has one follower. Where the leader and every replica in sync die, a third one that lags may lead."""
    for topic in spec.topics:
        dies = spec.budget("broker-failover", topic.name) > 1 and spec.budget("isr-shrink", topic.name) > 0
        if topic.unclean_leader_election and topic.min_insync_replicas > 1 and dies:
            place = ("topics", topic.name, "unclean.leader.election.enable")
            raise Problem(
                place,
                f"{dotted(place)}: with min.insync.replicas={topic.min_insync_replicas} and two failovers a third"
                " replica that lags would be elected, which is not modelled; records would be lost",
            )


def _check_where(
    fault: Fault, name: str, place: Place, topics: Collection[str], lookups: Collection[str]
) -> None:
    if fault.name in _ON_PROCESSES and name in topics:
        raise Problem(place, f"faults.{fault.name}: it hits processes, and '{name}' is a topic")
    if fault.name in _ON_TOPICS and name not in topics:
        raise Problem(place, f"faults.{fault.name}: it hits topics, and '{name}' is none")
    if (name in lookups) != (fault.name == "lookup-change") and (name in lookups or name in topics):
        raise Problem(place, f"faults.{fault.name}: it cannot hit '{name}'")


# --- notes


def _unused(spec: Spec) -> Iterator[str]:
    read = {p.source for p in spec.processors} | {t for r in spec.readers for t in r.topics}
    written = _written(spec)
    for topic in spec.topics:
        if topic.name not in read:
            yield f"topic '{topic.name}' is read by nobody"
        elif topic.name not in written and not topic.records:
            yield f"topic '{topic.name}' stays empty: it has no records and nobody writes it"
    stores = {p.store for p in spec.processors}
    yield from (f"store '{s.name}' is written by nobody" for s in spec.stores if s.name not in stores)
    lookups = {p.lookup for p in spec.processors}
    yield from (f"lookup '{k.name}' is made by nobody" for k in spec.lookups if k.name not in lookups)


def _clients(spec: Spec) -> list[Producer | Processor]:
    return [*spec.producers, *spec.processors]


def _transactional_id(client: Producer | Processor) -> str | None:
    config = client.config if isinstance(client, Producer) else client.producer
    return config.transactional_id if config else None


def _shared_ids(spec: Spec) -> Iterator[str]:
    """Live producers that share a transactional.id fence each other again and again."""
    owners: dict[str, str] = {}
    for client in _clients(spec):
        id_ = _transactional_id(client)
        if id_ is None:
            continue
        count = client.instances if isinstance(client, Processor) else 1
        own = dict.fromkeys(id_.replace("${instance}", str(k + 1)) for k in range(count))
        for one in own:
            if one in owners:
                both = f"'{owners[one]}' and '{client.name}'"
                yield f"{both} share the transactional.id '{one}' and fence each other"
            owners.setdefault(one, client.name)
        if isinstance(client, Processor) and client.instances > 1 and "${instance}" not in id_:
            yield (
                f"{client.name}: its {client.instances} instances share the transactional.id '{id_}'"
                " and fence each other; ${instance} in it tells them apart"
            )


def _awaited(spec: Spec) -> Iterator[str]:
    """An application that does not wait can commit offsets ahead of what it has sent."""
    for processor in spec.processors:
        config = processor.producer
        if processor.to and config and config.transactional_id is None and config.acks != "0":
            yield f"{processor.name}: it is taken to wait for each send(), or to flush() before offsets are committed"


def _idle(spec: Spec) -> Iterator[str]:
    partitions = {topic.name: topic.partitions for topic in spec.topics}
    for processor in spec.processors:
        if processor.producer and processor.producer.transactional_id is None and processor.processing_ms:
            yield f"{processor.name}: processing.ms is without effect, there is no transaction"
    for reader in spec.readers:
        if reader.members > sum(partitions[topic] for topic in reader.topics):
            yield f"{reader.name}: more members than partitions, some of them read nothing"


def _faults_without_effect(spec: Spec) -> Iterator[str]:
    """Faults that nothing in this pipeline can suffer."""
    transactional = any(_transactional_id(client) for client in _clients(spec))
    sending = bool(_written(spec))
    reasons = {
        "no transactional.id": not transactional
        and ("transaction-timeout", "delayed-marker", "coordinator-failover"),
        "no processor or consumer": not spec.processors and ("pause", "rebalance", "exception"),
        "no lookup is made": not any(p.lookup for p in spec.processors) and ("lookup-change",),
        "nothing is sent": not sending and ("delivery-timeout", "retriable-error"),
        "nobody writes a topic": not sending and ("broker-failover", "isr-shrink"),
        "nothing is sent, and auto commit is one step": not sending
        and all(p.offsets == "auto" for p in spec.processors)
        and ("lost-request", "lost-response", "delayed-request"),
    }
    for fault in spec.faults:
        for reason, names in reasons.items():
            if names and fault.name in names:
                yield f"fault '{fault.name}' cannot happen: {reason}"
