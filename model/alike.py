"""Which parts of a pipeline are alike, and what a state is with two of them in each other's place.

That they are alike is only supposed here, from what variables are about (`ABOUT`). Who relies on it proves it
(`checker.solver.symmetry`), so what is missing here costs a chance, and no verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from eoscheck.model.client import Client
from eoscheck.model.domains import LARGEST, Region
from eoscheck.model.exchange import Condition, Exchange, Numbers
from eoscheck.model.groups import GroupCoordinator
from eoscheck.model.language import Component
from eoscheck.model.network import Wire
from eoscheck.model.partition import Partition
from eoscheck.model.processor import Processor
from eoscheck.model.protocol import Api, Kind, Phase
from eoscheck.model.reader import Reader
from eoscheck.model.store import Lookup, Store
from eoscheck.model.transactions import TransactionCoordinator

if TYPE_CHECKING:
    from eoscheck.model.pipeline import Pipeline

Clause = Mapping[str, Collection[Any]]
"""Variables of one component that have one of some values, all of them."""


def _always(element: int) -> Clause:
    return {}


@dataclass(frozen=True)
class About:
    """What a variable is about.

    index   what its elements are numbered by; two of them where one row follows on the other
    value   what its values number; a member is a process, one too high
    when    by element, where it has a meaning: elsewhere it is 0, which is nobody's number then
    """

    index: str = ""
    value: str = ""
    when: Callable[[int], Clause] = _always


def _asks(slot: str, *apis: Api) -> Callable[[int], Clause]:
    """A request is under way, one of these."""
    awake = {"phase": set(Phase) - {Phase.IDLE}} if slot == "request" else {"copied": {1}}
    return lambda _: {**awake, f"{slot}.api": apis}


def _message(slot: str) -> dict[tuple[type[Component], str], About]:
    return {
        (Wire, f"{slot}.key"): About("", "partition", _asks(slot, Api.TXN_OFFSET_COMMIT, Api.OFFSET_COMMIT)),
        (Wire, f"{slot}.output"): About("", "output", _asks(slot, Api.PRODUCE, Api.ADD_PARTITIONS)),
        (Wire, f"{slot}.pid"): About("", "producer"),
        (Wire, f"{slot}.value"): About("", "input"),
    }


ABOUT: Mapping[tuple[type[Component], str], About] = {
    (Client, "acknowledged"): About("input"),
    (Client, "sequences"): About("output"),
    (Client, "value"): About("", "input"),
    (Processor, "believed"): About("partition"),
    (Processor, "mine"): About("partition"),
    (Processor, "partition"): About("", "partition", lambda _: {"value": range(1, LARGEST + 1)}),
    (Processor, "position"): About("partition"),
    **_message("request"),
    **_message("copies"),
    (TransactionCoordinator, "added"): About("touched"),
    (GroupCoordinator, "holder"): About("partition", "member"),
    (GroupCoordinator, "members"): About("process"),
    (GroupCoordinator, "owner"): About("partition", "member"),
    (Partition, "epochs"): About("producer"),
    (Partition, "first"): About("producer"),
    (Partition, "log.key"): About(
        "", "partition", lambda k: {"log.kind": {Kind.DATA}, "log.length": range(k + 1, LARGEST + 1)}
    ),
    (Partition, "log.pid"): About("", "producer"),
    (Partition, "log.value"): About("", "input"),
    (Partition, "sequences"): About("producer"),
    (Store, "decided"): About("process"),
    (Store, "keys"): About("partition, offset"),
    (Store, "mixed"): About("input"),
    (Store, "next"): About("partition"),
    (Store, "outbox.value"): About("", "input"),
    (Store, "rows"): About("input"),
    (Store, "versions"): About("input"),
    (Lookup, "kept"): About("input"),
    (Reader, "disorder"): About("", "input"),
    (Reader, "last"): About("read, origin", "input"),
    (Reader, "mixed"): About("input"),
    (Reader, "position"): About("read"),
    (Reader, "seen"): About("read, input"),
    (Reader, "undecided"): About("", "input"),
    (Reader, "versions"): About("input"),
}


def exchanges(pipeline: Pipeline) -> Iterator[Exchange]:
    """Any two instances of a processor, any two partitions (of all topics at once)."""
    for stage in pipeline.stages:
        instances = [client for client in stage.clients if isinstance(client, Processor)]
        for one, other in combinations(instances, 2):
            yield _Instances(pipeline, one, other).exchange(f"{one.name} and {other.name}")
    most = max((len(parts) for parts in pipeline.partitions.values()), default=0)
    most = max((len(parts) for parts in pipeline.laid.values()), default=most)
    for a, b in combinations(range(most), 2):
        laid = [parts for parts in pipeline.laid.values() if b < len(parts)]
        if all(len(parts[a].values) == len(parts[b].values) for parts in laid):
            yield _Partitions(pipeline, a, b).exchange(f"partitions {a} and {b}")


class _Swap:
    """What takes whose place.

    names     of components, by the name of the one whose place they take
    numbers   of everything that is numbered the same everywhere
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.names = dict[str, str]()
        self.regions = {region.name: region for region in pipeline.model.regions}
        self.numbers: dict[str, Numbers] = {}
        self.origins = pipeline.origins()

    def exchange(self, what: str) -> Exchange:
        """The exchange as a whole."""
        places, values, when = list[int](), list[Numbers](), list[Condition]()
        for region in self.regions.values():
            component = region.owner.name
            variable = region.name.removeprefix(f"{component}.")
            about = _about(region.owner, variable)
            to = self.regions[f"{self.names.get(component, component)}.{variable}"].base
            places += [to + k for k in self._elements(region, about.index)]
            values += [self._numbers(about.value, region.owner, region.domain.hi)] * region.count
            when += [self._condition(about.when(k), component, k) for k in range(region.count)]
        return Exchange(what, places, values, when)

    def _condition(self, clause: Clause, component: str, element: int) -> Condition:
        found = []
        for name, among in clause.items():
            region = self.regions.get(f"{component}.{name}")
            if region is None:  # it has but one value
                continue
            codes = frozenset(code for value in among if (code := region.domain.encode(value)) is not None)
            found.append((region.base + (element if region.count > 1 else 0), codes))
        return tuple(found)

    def _elements(self, region: Region, index: str) -> Sequence[int]:
        """By element, which one it becomes."""
        major, _, minor = index.partition(", ")
        width = self._width(minor, region.owner)
        if region.count % width:  # there is less of it than it could be
            return range(region.count)
        rows = self._numbers(major, region.owner, region.count // width - 1)
        columns = self._numbers(minor, region.owner, width - 1)
        pairs = (divmod(k, width) for k in range(region.count))
        return [rows.get(row, row) * width + columns.get(column, column) for row, column in pairs]

    def _width(self, minor: str, owner: Any) -> int:
        """How many elements belong together."""
        if minor == "origin":
            return len(self.origins)
        if minor == "input":
            return int(owner.sizes["value"]) + 1
        return int(owner.sizes["offset"]) + 2 if minor == "offset" else 1

    def _numbers(self, of: str, owner: Any, most: int) -> Numbers:
        """What becomes of the numbers of something that a component speaks of; nothing where it has not so many."""
        found = self._own(of, owner) if of else {}
        return found if max(found.values(), default=0) <= most else {}

    def _own(self, of: str, owner: Any) -> Numbers:
        if of == "origin":
            return self._moved([frozenset(values) for values in self.origins], self._image)
        listed = {"output": "outputs", "touched": "partitions", "read": "partitions"}.get(of)
        if listed:
            parts = getattr(owner.client if isinstance(owner, Wire) else owner, listed)
            return self._moved([part.name for part in parts], lambda name: self.names.get(name, name))
        return self.numbers.get(of, {})

    def _image(self, values: frozenset[int]) -> frozenset[int]:
        inputs = self.numbers.get("input", {})
        return frozenset(inputs.get(value, value) for value in values)

    def _moved(self, parts: Sequence[Any], image: Any) -> Numbers:
        """Where parts of a list take each other's place."""
        return {k: parts.index(image(part)) for k, part in enumerate(parts) if image(part) in parts}


class _Instances(_Swap):
    """Two instances with their wires, producer ids and transaction coordinators."""

    def __init__(self, pipeline: Pipeline, one: Processor, other: Processor) -> None:
        super().__init__(pipeline)
        self.theirs = (one.group, one.store)
        for a, b in ((one, other), (other, one)):
            self.names[a.name] = b.name
            self.names.update({old.name: new.name for old, new in zip(a.wires, b.wires, strict=True)})
            if a.coordinator is not None and b.coordinator is not None:
                self.names[a.coordinator.name] = b.coordinator.name
        # Without transactional.id each start has an id of its own, and each instance as many.
        ids = (other.pid - one.pid) // (other.index - one.index)
        self.numbers = {
            "process": _swapped((one.index, other.index)),
            "member": _swapped((one.index + 1, other.index + 1)),
            "producer": _swapped(*((one.pid + k, other.pid + k) for k in range(ids))),
        }

    def _own(self, of: str, owner: Any) -> Numbers:
        return {} if of in ("process", "member") and owner not in self.theirs else super()._own(of, owner)


class _Partitions(_Swap):
    """Two partitions of every topic that has both, with the inputs that lie in them."""

    def __init__(self, pipeline: Pipeline, a: int, b: int) -> None:
        super().__init__(pipeline)
        inputs: list[tuple[int, int]] = []
        for parts in pipeline.partitions.values():
            if b < len(parts):
                self.names.update({parts[a].name: parts[b].name, parts[b].name: parts[a].name})
        for laid in pipeline.laid.values():
            if b < len(laid):
                inputs += zip(laid[a].values, laid[b].values, strict=True)
        self.groups = list(pipeline.groups.values())
        self.last = b
        self.numbers = {"partition": _swapped((a, b)), "input": _swapped(*inputs)}

    def _own(self, of: str, owner: Any) -> Numbers:
        group = next((group for group in self.groups if _belongs(owner, group)), None)
        if group is not None and of == "partition" and group.inputs <= self.last:
            return {}
        if group is not None and of == "input" and owner is group.offsets:
            return {}  # the value of a committed offset is an offset
        return super()._own(of, owner)


def _belongs(owner: Any, group: GroupCoordinator) -> bool:
    """Does a component speak of the partitions that a group reads?"""
    client = owner.client if isinstance(owner, Wire) else owner
    return owner in (group, group.offsets) or client in group.processes or _is_store_of(owner, group)


def _is_store_of(owner: Any, group: GroupCoordinator) -> bool:
    return isinstance(owner, Store) and any(writer in group.processes for writer in owner.writers)


def _swapped(*pairs: tuple[int, int]) -> Numbers:
    return {old: new for a, b in pairs for old, new in ((a, b), (b, a))}


def _about(owner: Component, variable: str) -> About:
    found = (ABOUT.get((kind, variable)) for kind in type(owner).__mro__)
    return next((about for about in found if about), About())
