"""Domains: which values a variable can have, and where in the state they lie.

A state is a row of cells, one small number (0..255) per scalar. A *region* is a run of cells with one domain: a
scalar is a region of length 1, an array or one field of a log is a longer one, addressed by an index.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

LARGEST = 255


class DomainError(TypeError):
    """A variable was declared with something that is not a bounded domain."""


class Out(Exception):
    """A value left its declared range, or an index its array: the transition cannot be taken as written."""

    def __init__(self, region: Region, value: object) -> None:
        super().__init__(f"{region.name} cannot be {value} (it has {region.domain})")
        self.region = region


@dataclass(frozen=True)
class Domain:
    """A finite set of scalars, coded as lo..hi. `type` is bool, int, an Enum class, or Ref."""

    lo: int
    hi: int
    type: Any
    targets: tuple[Any, ...] = ()

    def encode(self, value: Any) -> int | None:
        """The code of `value`; None if it lies outside this domain.

        >>> Domain(0, 3, int).encode(4) is None
        True
        """
        if isinstance(value, enum.Enum):
            if value.__class__ is not self.type:
                raise DomainError(f"{value} is not a {self}")
            return list(self.type).index(value)
        if self.type is Ref:
            return next((i for i, target in enumerate(self.targets) if target is value), None)
        if isinstance(self.type, enum.EnumMeta) or not isinstance(value, int):
            raise DomainError(f"{value!r} is not a {self}")
        if self.type is bool and not isinstance(value, bool):
            raise DomainError(f"{value!r} is not a {self}")
        return int(value) if self.lo <= value <= self.hi else None

    def decode(self, code: int) -> Any:
        """The value that `code` stands for."""
        if self.type is int:
            return code
        if self.type is bool:
            return bool(code)
        return self.targets[code] if self.type is Ref else list(self.type)[code]

    def __str__(self) -> str:
        if self.type is int:
            return f"{self.lo}..{self.hi}"
        return "reference" if self.type is Ref else self.type.__name__


class Ref:
    """Domain of references to the given components, or None.

    >>> str(scalar(Ref("a", "b")))
    'reference'
    """

    def __init__(self, *targets: Any) -> None:
        self.targets = (None, *targets)


@dataclass(frozen=True)
class Array:
    """`count` elements: of one scalar domain, or records given as a dict of field name to scalar domain."""

    element: Any
    count: int


@dataclass(frozen=True)
class Log:
    """A sequence of records (a dict of field name to scalar domain) that grows at its end, at most `capacity` long."""

    record: dict[str, Any]
    capacity: int


def scalar(spec: Any) -> Domain:
    """The domain that `bool`, a `range`, an Enum class or a `Ref` denotes."""
    if spec is bool:
        return Domain(0, 1, bool)
    if isinstance(spec, range):
        if not spec or spec.step != 1 or spec[0] < 0 or spec[-1] > LARGEST:
            raise DomainError(f"{spec} is not a run of numbers within 0..{LARGEST}")
        return Domain(spec[0], spec[-1], int)
    if isinstance(spec, enum.EnumMeta):
        return Domain(0, len(spec) - 1, spec)
    if isinstance(spec, Ref):
        return Domain(0, len(spec.targets) - 1, Ref, spec.targets)
    hint = "; an unbounded int cannot be explored, say range(n)" if spec is int else ""
    raise DomainError(f"{spec!r} is not bool, a range, an Enum class or a Ref{hint}")


@dataclass(frozen=True, eq=False)
class Region:
    """A run of `count` cells from `base` with one domain and one initial code."""

    name: str
    base: int
    count: int
    domain: Domain
    init: int
    owner: Any = field(repr=False)
    durable: bool = True
    ghost: bool = False

    def cell(self, index: int) -> str:
        """The name of one cell, as a reader of a trace sees it."""
        return self.name if self.count == 1 else f"{self.name}[{index}]"
