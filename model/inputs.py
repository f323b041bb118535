"""What can be polled: a partition whose records lie there from the beginning, or one that somebody writes.

`Fetcher`, `CompletedFetch`: a read_uncommitted fetch ends at the high watermark, a read_committed one at the last
stable offset, and the client drops what was aborted. A fetch changes nothing at the broker, so request and answer are
one step.
"""

from __future__ import annotations

from typing import Any, Protocol

from eoscheck.model.partition import Partition
from eoscheck.model.protocol import Kind
from eoscheck.model.values import any_of, ite


class Input(Protocol):
    """A partition as a consumer sees it. Offsets may be symbolic, `value` in `contains_from` is plain."""

    name: str

    def available(self, position: Any, isolation: str) -> Any:
        """There is something to fetch at `position`."""

    def handed_out(self, position: Any, isolation: str) -> Any:
        """What lies there is given to the application (no control record, nothing aborted that it must not see)."""

    def value(self, position: Any) -> Any:
        """The input that the record at `position` belongs to."""

    def version(self, position: Any) -> Any:
        """The lookup version that the record carries; 0 where nobody looked anything up."""

    def end(self, isolation: str) -> Any:
        """Where auto.offset.reset=latest puts a consumer."""

    def contains_from(self, position: Any, value: int) -> Any:
        """A record of `value` lies at `position` or behind it and is not aborted."""


class Laid:
    """Partition `number` of `partitions`, with its share of `records` inputs lying in it from the beginning; inputs
    1..`before` lie in other topics."""

    def __init__(self, name: str, number: int, partitions: int, records: int, before: int) -> None:
        self.name = f"{name}-{number}"
        self.values = list(range(before + number + 1, before + records + 1, partitions))
        self.first, self.partitions = before + number + 1, partitions

    def available(self, position: Any, isolation: str) -> Any:
        return position < len(self.values)

    def handed_out(self, position: Any, isolation: str) -> Any:
        return True

    def value(self, position: Any) -> Any:
        return position * self.partitions + self.first

    def version(self, position: Any) -> Any:
        return 0

    def end(self, isolation: str) -> Any:
        return len(self.values)

    def contains_from(self, position: Any, value: int) -> Any:
        if value not in self.values:
            return False
        offset = self.values.index(value)
        return (position < offset) | (position == offset)


class Written:
    """A partition of the model."""

    def __init__(self, partition: Partition) -> None:
        self.partition, self.name = partition, partition.name

    def end(self, isolation: str) -> Any:
        if isolation == "read_committed":
            return self.partition.last_stable_offset()
        return self.partition.high_watermark()

    def available(self, position: Any, isolation: str) -> Any:
        return position < self.end(isolation)

    def handed_out(self, position: Any, isolation: str) -> Any:
        data = self.partition.log[position].kind == Kind.DATA
        if isolation == "read_committed":
            return data & (self.partition.outcome(position) == Kind.COMMIT)
        return data

    def value(self, position: Any) -> Any:
        return self.partition.log[position].value

    def version(self, position: Any) -> Any:
        return self.partition.log[position].version

    def contains_from(self, position: Any, value: int) -> Any:
        log = self.partition.log
        return any_of(
            ite(position < i + 1, True, False)
            & (i < log.length)
            & (log[i].kind == Kind.DATA)
            & (log[i].value == value)
            & (self.partition.outcome(i) != Kind.ABORT)
            for i in range(log.capacity)
        )
