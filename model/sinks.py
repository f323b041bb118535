"""Sinks: where effects of inputs can be counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eoscheck.model.processor import Processor
from eoscheck.model.reader import Reader
from eoscheck.model.store import Relay, Store
from eoscheck.model.values import any_of

if TYPE_CHECKING:
    from eoscheck.model.pipeline import Pipeline, Stage


class Sink:
    """Where effects of inputs can be counted: a store, or what a reader was given of one group of partitions."""

    def __init__(self, name: str, stages: list[Stage], values: list[int]) -> None:
        self.name, self.stages, self.values = name, stages, values

    def counts(self, value: int) -> list[tuple[str, Any]]:
        """(where, how often, up to 2), for every place that is to have the effect of `value`."""
        raise NotImplementedError

    def hidden(self) -> Any:
        """Something at the sink is withheld by an open transaction."""
        return False

    def pending(self, value: int) -> Any:
        """Somebody upstream will still come to `value`."""
        return any_of(_pending(stage, value) for stage in self.stages)

    def moved(self) -> Any:
        """Somebody upstream has put an input behind it."""
        return any_of(stage.clients[0].progressed(v) for stage in self.stages for v in self.values)


def _pending(stage: Stage, value: int) -> Any:
    held = any_of(client.holds(value) for client in stage.clients if isinstance(client, Processor))
    return stage.clients[0].pending(value) | held


class ReaderSink(Sink):
    def __init__(self, name: str, reader: Reader, stages: list[Stage], values: list[int]) -> None:
        super().__init__(name, stages, values)
        self.reader = reader
        self.groups = _groups(reader, stages)

    def counts(self, value: int) -> list[tuple[str, Any]]:
        found = []
        for label, partitions in self.groups:
            total: Any = 0
            for k in partitions:
                total = total + self.reader.count(k, value)
            found.append((label, total))
        return found

    def hidden(self) -> Any:
        return any_of(source.partition.has_open_transaction() for source in self.reader.partitions)


def _groups(reader: Reader, stages: list[Stage]) -> list[tuple[str, list[int]]]:
    """Places of a reader's topics that each get every input: a topic, or with fan-out each of its partitions."""
    found: dict[str, list[int]] = {}
    for k, source in enumerate(reader.partitions):
        topic = source.partition.topic.name
        fan_out = any(topic in stage.topics and stage.fan_out for stage in stages)
        found.setdefault(source.name if fan_out else topic, []).append(k)
    return list(found.items())


class StoreSink(Sink):
    def __init__(self, name: str, store: Store, stages: list[Stage], values: list[int]) -> None:
        super().__init__(name, stages, values)
        self.store = store

    def counts(self, value: int) -> list[tuple[str, Any]]:
        return [(self.name, self.store.rows[value])]


def sinks(pipeline: Pipeline) -> list[Sink]:
    """All sinks of a pipeline."""
    found: list[Sink] = []
    for name, reader in pipeline.readers.items():
        stages: list[Stage] = []
        for topic in reader.spec.topics:
            stages += [s for s in pipeline.upstream(topic=topic) if s not in stages]
        laid = [v for t in reader.spec.topics for part in pipeline.laid.get(t, ()) for v in part.values]
        found.append(ReaderSink(name, reader, stages, sorted({*pipeline.inputs_of(stages), *laid})))
    for name, store in pipeline.stores.items():
        stages = [s for s in pipeline.upstream(store=store) if not isinstance(s.clients[0], Relay)]
        found.append(StoreSink(name, store, stages, pipeline.inputs_of(stages)))
    return found
