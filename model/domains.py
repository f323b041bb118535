"""Domains: which values a variable can have, and where in the state they lie.

A state is a row of cells, one small number (0..255) per scalar. A *region* is a run of cells with one
domain: a scalar is a region of length 1, an array or one field of a log is a longer one, addressed by an
index.
"""

from __future__ import annotations

import enum
import functools
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

LARGEST = 255


class DomainError(TypeError):
    """A variable was declared with something that is not a bounded domain."""


class Out(Exception):
    """A value left its declared range, or an index its array: the transition cannot be taken as written.

    `place` is the FILE:LINE where the model does so.
    """

    def __init__(self, region: Region, *, indexed: bool = False) -> None:
        left = f"is indexed outside 0..{region.count - 1}" if indexed else f"leaves {region.domain}"
        super().__init__(f"{region.name} {left}")
        self.region = region
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and _ours(frame):
            frame = frame.f_back
        self.place = _named(frame.f_code.co_filename, frame.f_lineno) if frame else ""


LANGUAGE = tuple(
    f"eoscheck.model.{module}" for module in ("declarations", "domains", "language", "memory", "values")
)


def _ours(frame: FrameType) -> bool:
    """Is this the machinery, not the model that somebody wrote in it?"""
    name = str(frame.f_globals.get("__name__"))
    return name in LANGUAGE or name.startswith("eoscheck.checker.")


def _named(file: str, line: int) -> str:
    return f"{Path(file).name}:{line}"


def place(error: BaseException, home: Any) -> str:
    """FILE:LINE of the line of the model that led to `error`; that of the function `home` where there is
    none."""
    found = _named(home.__code__.co_filename, home.__code__.co_firstlineno)
    step = error.__traceback__
    while step is not None:
        if not _ours(step.tb_frame):
            found = _named(step.tb_frame.f_code.co_filename, step.tb_lineno)
        step = step.tb_next
    return found


@functools.cache
def _codes(members: type[enum.Enum]) -> dict[enum.Enum, int]:
    return {member: code for code, member in enumerate(members)}


@dataclass(frozen=True)
class Domain:
    """A finite set of scalars, coded as lo..hi. `type` is bool, int, an Enum class, or Ref; `targets` are
    the values of the last two."""

    lo: int
    hi: int
    type: Any
    targets: tuple[Any, ...] = ()

    def encode(self, value: Any) -> int | None:
        """The code of `value`; None if it lies outside this domain.

        >>> Domain(0, 3, int).encode(4) is None
        True
        """
        if self.type is Ref:
            code = next((i for i, target in enumerate(self.targets) if target is value), None)
            if code is None:
                raise DomainError(f"{_name(value)} is none of {', '.join(map(_name, self.targets))}")
            return code
        if isinstance(self.type, enum.EnumMeta):
            if value.__class__ is not self.type:
                raise DomainError(f"{value!r} is not a {self}")
            return _codes(self.type)[value]
        number = isinstance(value, int) and not isinstance(value, enum.Enum)
        if not number or isinstance(value, bool) != (self.type is bool):
            raise DomainError(f"{value!r} is not {'a bool' if self.type is bool else 'a number'}")
        return int(value) if self.lo <= value <= self.hi else None

    def decode(self, code: int) -> Any:
        """The value that `code` stands for."""
        if self.type is int:
            return code
        if self.type is bool:
            return code == 1
        return self.targets[code]

    def __str__(self) -> str:
        if self.type is int:
            return f"{self.lo}..{self.hi}"
        return "reference" if self.type is Ref else str(self.type.__name__)


def _name(target: Any) -> str:
    return str(getattr(target, "name", "") or target)


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
    """A sequence of records (a dict of field name to scalar domain) that grows at its end, at most
    `capacity` long."""

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
    targets: tuple[Any, ...] = ()
    if isinstance(spec, enum.EnumMeta) and enum.Flag not in spec.__mro__:
        targets = tuple(spec)
    elif isinstance(spec, Ref):
        targets = spec.targets
    if targets:
        if len(targets) > LARGEST + 1:
            raise DomainError(f"{len(targets)} values are more than {LARGEST + 1}")
        return Domain(0, len(targets) - 1, Ref if isinstance(spec, Ref) else spec, targets)
    hint = "; an unbounded int cannot be explored, say range(n)" if spec is int else ""
    raise DomainError(f"{spec!r} is not bool, a range, an Enum class with members or a Ref{hint}")


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

    @functools.cached_property
    def constant(self) -> bool:
        """Its domain has one value: it takes no room in a state."""
        return self.domain.lo == self.domain.hi

    @functools.cached_property
    def values(self) -> tuple[Any, ...]:
        """What its codes stand for."""
        return tuple(map(self.domain.decode, range(self.domain.hi + 1)))

    def cell(self, index: int) -> str:
        """The name of one cell, as a reader of a trace sees it."""
        return self.name if self.count == 1 else f"{self.name}[{index}]"
