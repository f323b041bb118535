"""Who takes part in a trace, as its spec tells: which clients there are and whom each of them speaks to.

A trace file may hold anything, so whatever is missing or of the wrong kind is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from eoscheck.model.inputs import Laid

MOST = 1000
"""Instances, partitions or records beyond this are not drawn."""

KINDS = {
    "producer": "producer",
    "processor": "processor",
    "consumer": "consumer",
    "relay": "outbox relay",
    "group": "group coordinator",
    "transactions": "transaction coordinator",
    "partition": "partition",
    "store": "store",
    "lookup": "lookup",
    "reader": "reader",
    "other": "",
}
"""Every kind of lane, in the order in which they stand, with the words for it."""

ORDER = {kind: max(i, 3) for i, kind in enumerate(KINDS)}
"""The applications stand together, whatever they are."""


@dataclass(frozen=True)
class Client:
    """An application: lanes that it writes to by the number of its output, reads from by that of its input, and
    those that serve it. `keeps_offsets`: its positions lie in its store."""

    kind: str
    outputs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    group: str | None = None
    coordinator: str | None = None
    store: str | None = None
    lookup: str | None = None
    keeps_offsets: bool = False


@dataclass
class Cast:
    """The lanes that there can be.

    clients   applications and readers, by name
    members   of each group, in the order in which it numbers them
    laid      inputs that lie in a partition from the beginning
    stores    the name of a store in an observation, and its lane
    """

    clients: dict[str, Client] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    laid: dict[str, list[int]] = field(default_factory=dict)
    stores: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def kind(self, lane: str) -> str:
        """What a lane is: one of KINDS."""
        if lane in self.kinds:
            return self.kinds[lane]
        if lane.startswith("group:"):
            return "group"
        return "transactions" if lane.startswith("txn:") else "other"

    def lane(self, section: str, place: str) -> str:
        """The lane of a place of an observation. An offsets topic is that of its group's coordinator."""
        if section == "groups":
            return f"group:{place}"
        if section == "transactions":
            return f"txn:{place}"
        if section == "stores":
            return self.stores.get(place, place)
        return self.owner(place)

    def owner(self, component: str) -> str:
        """The lane of a component of the model."""
        offsets = component.removeprefix("__consumer_offsets:")
        return f"group:{offsets.removesuffix('-0')}" if offsets != component else component


def cast(spec: Mapping[str, Any]) -> Cast:
    """The cast of a spec, given as the dict of it that a trace carries."""
    found = Cast()
    topics = _topics(spec, found)
    names = [name for _, name in _instances(spec)]
    for store in _items(spec, "stores"):
        name = _text(store, "name")
        # A store that has the name of its only writer is told apart by the model.
        found.stores[name] = f"{name}:effect" if name in names else name
        found.kinds[found.stores[name]] = "store"
    for lookup in _items(spec, "lookups"):
        found.kinds[_text(lookup, "name")] = "lookup"
    for producer in _items(spec, "producers"):
        _producer(producer, topics, found)
    for processor, name in _instances(spec):
        _processor(processor, name, topics, found)
    for store in _items(spec, "stores"):
        if store.get("relay_to"):
            name = _text(store, "name")
            outputs = topics.get(_text(store, "relay_to"), ())
            found.clients[f"{name}-relay"] = Client("relay", outputs, store=found.stores[name])
    for reader in _items(spec, "readers"):
        inputs = tuple(p for topic in _names(reader, "topics") for p in topics.get(topic, ()))
        found.clients.setdefault(_text(reader, "name"), Client("reader", inputs=inputs))
    found.kinds |= {name: client.kind for name, client in found.clients.items()}
    return found


def _topics(spec: Mapping[str, Any], found: Cast) -> dict[str, tuple[str, ...]]:
    """The partitions of each topic."""
    topics: dict[str, tuple[str, ...]] = {}
    before = 0
    for topic in _items(spec, "topics"):
        name, count, records = _text(topic, "name"), _count(topic, "partitions", 1), _count(topic, "records")
        topics[name] = tuple(f"{name}-{k}" for k in range(count))
        for k, partition in enumerate(topics[name]):
            found.kinds[partition] = "partition"
            found.laid[partition] = Laid(name, k, count, records, before).values
        before += records
    return topics


def _instances(spec: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    for processor in _items(spec, "processors"):
        name, count = _text(processor, "name"), _count(processor, "instances", 1)
        for k in range(count):
            yield processor, name if count == 1 else f"{name}-{k + 1}"


def _producer(producer: Mapping[str, Any], topics: Mapping[str, tuple[str, ...]], found: Cast) -> None:
    name, outputs = _text(producer, "name"), topics.get(_text(producer, "to"), ())
    if producer.get("position") == "in-transaction":
        outputs = (*outputs, f"{name}-positions-0")
        found.kinds[outputs[-1]] = "partition"
    found.clients[name] = Client("producer", outputs, coordinator=_coordinator(producer.get("config"), ""))


def _processor(
    processor: Mapping[str, Any], name: str, topics: Mapping[str, tuple[str, ...]], found: Cast
) -> None:
    group = f"group:{_text(processor, 'name')}"
    members = found.members.setdefault(group, [])
    members.append(name)
    store, lookup = processor.get("store"), processor.get("lookup")
    found.clients[name] = Client(
        kind="processor" if _names(processor, "to") else "consumer",
        outputs=tuple(p for topic in _names(processor, "to") for p in topics.get(topic, ())),
        inputs=topics.get(_text(processor, "source"), ()),
        group=group,
        coordinator=_coordinator(processor.get("producer"), str(len(members))),
        store=found.stores.get(str(store), str(store)) if store else None,
        lookup=str(lookup) if lookup else None,
        keeps_offsets=processor.get("offsets") == "in-store",
    )


def _coordinator(config: Any, instance: str) -> str | None:
    transactional_id = config.get("transactional_id") if isinstance(config, Mapping) else None
    return f"txn:{transactional_id}".replace("${instance}", instance) if transactional_id else None


def _items(spec: Mapping[str, Any], section: str) -> list[Mapping[str, Any]]:
    items = spec.get(section)
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list | tuple) else []


def _text(item: Mapping[str, Any], key: str) -> str:
    return str(item.get(key, ""))


def _names(item: Mapping[str, Any], key: str) -> list[str]:
    names = item.get(key)
    return [str(name) for name in names] if isinstance(names, list | tuple) else []


def _count(item: Mapping[str, Any], key: str, default: int = 0) -> int:
    number = item.get(key, default)
    return min(max(number, 0), MOST) if isinstance(number, int) else default
