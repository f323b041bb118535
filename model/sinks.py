"""Sinks: where effects of inputs can be counted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from eoscheck.model.processor import Processor
from eoscheck.model.reader import Reader
from eoscheck.model.store import Relay, Store
from eoscheck.model.values import any_of

if TYPE_CHECKING:
    from eoscheck.model.pipeline import Pipeline, Stage


Group = tuple[str, list[int], list[int]]
"""A place of a reader: its name, the partitions (by number) that belong to it, the inputs it is to get."""


class Sink(ABC):
    """Where effects of inputs can be counted: a store, or what a reader was given of one group of partitions."""

    def __init__(self, name: str, stages: list[Stage], values: list[int]) -> None:
        self.name, self.stages, self.values = name, stages, values

    @abstractmethod
    def counts(self, value: int) -> list[tuple[str, Any]]:
        """(where, how often, up to 2), for every place that is to have the effect of `value`."""

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
    def __init__(self, name: str, reader: Reader, stages: list[Stage], groups: list[Group]) -> None:
        super().__init__(name, stages, sorted({v for _, _, values in groups for v in values}))
        self.reader = reader
        self.groups = groups

    def counts(self, value: int) -> list[tuple[str, Any]]:
        found = []
        for label, partitions, values in self.groups:
            if value in values:
                total: Any = 0
                for k in partitions:
                    total = total + self.reader.count(k, value)
                found.append((label, total))
        return found

    def hidden(self) -> Any:
        return any_of(source.partition.has_open_transaction() for source in self.reader.partitions)


def _groups(pipeline: Pipeline, reader: Reader) -> list[Group]:
    """Places of a reader's topics, each with the inputs it is to get: a topic, or with fan-out each partition."""
    found: list[Group] = []
    for topic in reader.spec.topics:
        own = [k for k, source in enumerate(reader.partitions) if source.partition.topic.name == topic]
        laid = [v for part in pipeline.laid.get(topic, ()) for v in part.values]
        if laid:
            found.append((topic, own, laid))
        for stage in pipeline.stages:
            if topic in stage.topics:
                values = pipeline.inputs_of(
                    [stage, *pipeline.upstream(topic=stage.source), *_feeding(pipeline, stage)]
                )
                places = [[k] for k in own] if stage.fan_out else [own]
                found += [
                    (reader.partitions[p[0]].name if stage.fan_out else topic, p, values) for p in places
                ]
    return found


def _feeding(pipeline: Pipeline, stage: Stage) -> list[Stage]:
    return pipeline.upstream(store=stage.store) if isinstance(stage.clients[0], Relay) else []


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
        found.append(ReaderSink(name, reader, stages, _groups(pipeline, reader)))
    for name, store in pipeline.stores.items():
        stages = [s for s in pipeline.upstream(store=store) if not isinstance(s.clients[0], Relay)]
        found.append(StoreSink(name, store, stages, pipeline.inputs_of(stages)))
    return found
