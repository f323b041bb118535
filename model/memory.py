"""Where variables live while an action runs, and what a component sees of them when it says `self.x`.

A memory answers loads and stores of cells; the concrete one below holds plain values, the tracer has one of
terms. The views turn `self.x`, `self.x[i]`, `self.log[i].field` into loads and stores; they hold no state
themselves.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from eoscheck.model.domains import Out, Region
from eoscheck.model.values import ite, minimum


class Memory(Protocol):
    """Where variables live while an action runs."""

    def load(self, region: Region, index: Any) -> Any: ...
    def store(self, region: Region, index: Any, value: Any) -> None: ...


class Holder(Protocol):
    """Whoever has the memory of the moment: a model."""

    memory: Memory


class ConcreteMemory:
    """Plain values: the memory of the reference interpreter."""

    def __init__(self, state: bytes) -> None:
        self.cells = bytearray(state)

    def load(self, region: Region, index: Any) -> Any:
        if not 0 <= index < region.count:
            raise Out(region, indexed=True)
        return region.values[region.init if region.constant else self.cells[region.base + index]]

    def store(self, region: Region, index: Any, value: Any) -> None:
        if not 0 <= index < region.count:
            raise Out(region, indexed=True)
        code = region.domain.encode(value)
        if code is None:
            raise Out(region)
        if not region.constant:
            self.cells[region.base + index] = code


class Scalar:
    """A single value: `self.x`, `self.x = v`."""

    __slots__ = ("model", "region")

    def __init__(self, model: Holder, region: Region) -> None:
        self.model, self.region = model, region

    def get(self) -> Any:
        return self.model.memory.load(self.region, 0)

    def set(self, value: Any) -> None:
        self.model.memory.store(self.region, 0, value)

    def reset(self) -> None:
        self.set(self.region.domain.decode(self.region.init))

    @property
    def regions(self) -> list[Region]:
        return [self.region]


class RecordView:
    """One record of an array or a log: its fields are attributes."""

    __slots__ = ("_index", "_model", "_regions")

    _index: Any
    _model: Holder
    _regions: dict[str, Region]

    def __init__(self, model: Holder, regions: dict[str, Region], index: Any) -> None:
        object.__setattr__(self, "_model", model)
        object.__setattr__(self, "_regions", regions)
        object.__setattr__(self, "_index", index)

    def __getattr__(self, name: str) -> Any:
        region = self._regions.get(name) or _field(self._regions, name)
        return self._model.memory.load(region, self._index)

    def __setattr__(self, name: str, value: Any) -> None:
        self._model.memory.store(_field(self._regions, name), self._index, value)


def _field(regions: dict[str, Region], name: str) -> Region:
    if name in regions:
        return regions[name]
    raise AttributeError(f"a record has no field {name!r}{did_you_mean(name, regions)}")


class ArrayView:
    """A fixed array: `self.x[i]`, `self.x[i] = v`, `for v in self.x`."""

    __slots__ = ("_own", "_records", "_regions", "count", "model")

    def __init__(self, model: Holder, regions: dict[str, Region], count: int) -> None:
        self.model, self._regions, self.count = model, regions, count
        self._own = regions.get("")
        self._records = [RecordView(model, regions, i) for i in range(0 if self._own else count)]

    def get(self) -> ArrayView:
        return self

    def set(self, value: Any) -> None:
        raise TypeError("an array is assigned element by element")

    def __getitem__(self, index: Any) -> Any:
        if self._own is not None:
            return self.model.memory.load(self._own, index)
        if type(index) is int and 0 <= index < self.count:
            return self._records[index]
        return RecordView(self.model, self._regions, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        if self._own is not None:
            self.model.memory.store(self._own, index, value)
            return
        if not isinstance(value, dict):
            raise TypeError("a record is assigned as a dict of its fields, or field by field")
        for name in value:
            _field(self._regions, name)
        for name, region in self._regions.items():
            if name not in value:
                raise TypeError(f"field {name!r} is missing; a record is assigned as a whole")
            self.model.memory.store(region, index, value[name])

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self.count))

    def __len__(self) -> int:
        return self.count

    def reset(self) -> None:
        for region in self.regions:
            for i in range(region.count):
                self.model.memory.store(region, i, region.domain.decode(region.init))

    @property
    def regions(self) -> list[Region]:
        return list(self._regions.values())


class LogView(ArrayView):
    """A log: `append(field=value, ...)`, `length`, `log[i].field`, `truncate(length)`, `for record in
    log`."""

    __slots__ = ("_length",)

    def __init__(self, model: Holder, regions: dict[str, Region], capacity: int, length: Region) -> None:
        super().__init__(model, regions, capacity)
        self._length = length

    @property
    def length(self) -> Any:
        """Number of records; the offset that the next one gets."""
        return self.model.memory.load(self._length, 0)

    @property
    def capacity(self) -> int:
        return self.count

    def __len__(self) -> int:
        raise TypeError("len() of a log cannot be a value of the state; say log.length, or log.capacity")

    def __iter__(self) -> Iterator[Any]:
        """The records that are there: one case per length."""
        for i in range(self.count):
            if not i < self.length:
                return
            yield self[i]

    def append(self, **record: Any) -> None:
        """Add one record; a field that is not given has its initial value. A full log cuts the transition."""
        for name in record:
            _field(self._regions, name)
        end = self.length
        self.model.memory.store(self._length, 0, end + 1)
        for name, region in self._regions.items():
            initial = region.domain.decode(region.init)
            self.model.memory.store(region, end, record.get(name, initial))

    def truncate(self, length: Any) -> None:
        """Keep the first `length` records, all of them where there are fewer."""
        length = minimum(length, self.length)
        for region in self._regions.values():
            initial = region.domain.decode(region.init)
            for i in range(self.count):
                kept = self.model.memory.load(region, i)
                self.model.memory.store(region, i, ite(i < length, kept, initial))
        self.model.memory.store(self._length, 0, length)

    @property
    def regions(self) -> list[Region]:
        return [self._length, *self._regions.values()]


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no choice is near.

    >>> did_you_mean("tik", ["tick", "tock"])
    "; did you mean 'tick'?"
    """
    near = difflib.get_close_matches(word, list(choices), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
