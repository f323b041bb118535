"""Readers: consumers at the end of the pipeline, who only look. What they are given is what properties speak of."""

from __future__ import annotations

from typing import Any

from eoscheck.model import spec as spec_module
from eoscheck.model.inputs import Written
from eoscheck.model.language import Array, Component, Var, action
from eoscheck.model.protocol import Kind
from eoscheck.model.values import all_of, any_of, ite, maximum, minimum, say, when


class Reader(Component):
    """The consumers of one reader group, `members` of them sharing `partitions`.

    seen         how often each input was handed out, by partition, counted up to 2
    versions     the lookup version it was handed out with, one too high; 0: not yet
    origins      inputs that were sent in this order: those of one producer, of one input partition
    undecided    a record was handed out whose transaction was open or aborted at that moment
    """

    def __init__(self, spec: spec_module.Reader, partitions: list[Written], sizes: dict[str, int]) -> None:
        self.name, self.spec, self.partitions, self.sizes = spec.name, spec, partitions, sizes
        self.origins: list[list[int]] = []

    position = Var(lambda self: Array(range(self.sizes["log"] + 1), len(self.partitions)), durable=True)
    seen = Var(lambda self: Array(range(3), len(self.partitions) * (self.sizes["value"] + 1)), durable=True)
    versions = Var(
        lambda self: Array(range(self.sizes["version"] + 2), self.sizes["value"] + 1), durable=True
    )
    mixed = Var(lambda self: Array(bool, self.sizes["value"] + 1), durable=True, ghost=True)
    last = Var(
        lambda self: Array(range(self.sizes["value"] + 1), len(self.partitions) * len(self.origins)),
        durable=True,
        ghost=True,
    )
    disorder = Var(lambda self: range(self.sizes["value"] + 1), durable=True, ghost=True)
    undecided = Var(lambda self: range(self.sizes["value"] + 1), durable=True, ghost=True)

    def member_of(self, partition: int) -> int:
        """Which member owns a partition."""
        return partition % self.spec.members

    def count(self, partition: int, value: Any) -> Any:
        """How often `value` was handed out from one partition (2: twice or more)."""
        return self.seen[value + partition * (self.sizes["value"] + 1)]

    @action(each=lambda self: [(k,) for k in range(len(self.partitions))])
    def read(self, partition: int) -> None:
        """poll() of the member that owns the partition: the next record, or one that is skipped."""
        source, isolation = self.partitions[partition], self.spec.isolation_level
        position = self.position[partition]
        when(source.available(position, isolation))
        self.position[partition] = position + 1
        who = self.name if self.spec.members == 1 else f"{self.name} (member {self.member_of(partition) + 1})"
        if source.handed_out(position, isolation):
            value = source.value(position)
            say(f"{who} reads input {value} (offset {position} of {source.name})")
            self._take(partition, value, source, position)
        else:
            say(f"{who} skips offset {position} of {source.name}: control record or aborted")

    def _take(self, partition: int, value: Any, source: Written, position: Any) -> None:
        cell = value + partition * (self.sizes["value"] + 1)
        self.seen[cell] = minimum(self.seen[cell] + 1, 2)
        for i, origin in enumerate(self.origins):
            # Order is promised to the records of one sender, or of one input partition.
            own = any_of(value == v for v in origin) if len(self.origins) > 1 else True
            place = partition * len(self.origins) + i
            early = all_of([own, value < self.last[place], self.disorder == 0])
            self.disorder = ite(early, value, self.disorder)
            self.last[place] = ite(own, maximum(self.last[place], value), self.last[place])
        if self.spec.isolation_level == "read_uncommitted":
            open_or_aborted = source.partition.outcome(position) != Kind.COMMIT
            self.undecided = ite(open_or_aborted & (self.undecided == 0), value, self.undecided)
        if self.sizes["version"]:
            version, before = source.version(position) + 1, self.versions[value]
            self.mixed[value] = any_of([self.mixed[value], (before != 0) & (before != version)])
            self.versions[value] = version

    def truncated(self, partition: int, end: Any) -> None:
        """The log was cut at `end`, and this reader may have been beyond: with a reset policy, whichever, it
        goes on at the first offset that differs (KIP-320, `SubscriptionState.maybeCompleteValidation`)."""
        self.position[partition] = minimum(self.position[partition], end)
