"""Packing: where each variable lies in a state of 64-bit words, in exactly the bits that its range needs.

A cell never straddles two words. Cells that some command addresses by a computed index lie at equal distances,
the fields of one record of a log side by side, so that appending a record writes one word. All others fill what
is left, in the order of their components, so that what one process writes in a step lies together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import Program
from eoscheck.model.domains import Region

WORD = 64


def bits(region: Region) -> int:
    """How many bits a cell of a region needs.

    >>> from eoscheck.model.domains import scalar
    >>> bits(Region("n", 0, 1, scalar(range(3, 8)), 3, None))
    3
    """
    return (region.domain.hi - region.domain.lo).bit_length()


@dataclass(frozen=True)
class Place:
    """A cell: `width` bits from bit `shift` of word `word`, holding its value less the smallest one."""

    word: int
    shift: int
    width: int

    @property
    def mask(self) -> int:
        return ((1 << self.width) - 1) << self.shift


@dataclass(frozen=True)
class Row:
    """The cells of a region that are addressed by a computed index: cell i lies in word `word + i // each`, at bit
    `shift + stride * (i % each)`."""

    word: int
    shift: int
    width: int
    stride: int
    each: int

    def place(self, index: int) -> Place:
        return Place(
            self.word + index // self.each, self.shift + self.stride * (index % self.each), self.width
        )


@dataclass(frozen=True)
class Packing:
    """The layout of a model's states.

    places  by number of the cell
    rows    by region, for those that are addressed by a computed index
    """

    regions: tuple[Region, ...]
    places: tuple[Place, ...]
    rows: dict[Region, Row]

    @cached_property
    def words(self) -> int:
        """Words of a state; one at least."""
        return max((place.word for place in self.places), default=0) + 1

    @cached_property
    def used(self) -> int:
        """Bits of a state that hold something."""
        return sum(place.width for place in self.places)

    def pack(self, state: bytes) -> list[int]:
        """The words of a state given as one byte per cell."""
        packed = [0] * self.words
        for (low, word, shift, _), value in zip(self._cells, state, strict=True):
            packed[word] |= (value - low) << shift
        return packed

    def unpack(self, packed: Sequence[int]) -> bytes:
        """The state, one byte per cell, of its words."""
        return bytes([low + (packed[word] >> shift & most) for low, word, shift, most in self._cells])

    @cached_property
    def _cells(self) -> list[tuple[int, int, int, int]]:
        """By cell: its smallest value, its word and shift, and its largest value less the smallest."""
        pairs = zip(self.lows, self.places, strict=True)
        return [(low, p.word, p.shift, (1 << p.width) - 1) for low, p in pairs]

    @cached_property
    def lows(self) -> list[int]:
        """By number of the cell, its smallest value."""
        return [region.domain.lo for region in self.regions for _ in range(region.count)]

    def __str__(self) -> str:
        """One line per cell: word, bits, name, range."""
        names = (region.cell(i) for region in self.regions for i in range(region.count))
        domains = (region.domain for region in self.regions for _ in range(region.count))
        cells = sorted(zip(self.places, names, domains, strict=True), key=lambda c: (c[0].word, c[0].shift))
        head = f"{self.words} words of {WORD} bits, {self.used} bits used, {len(self.places)} cells"
        lines = (
            f"{p.word:>4}  {p.shift:>2}..{p.shift + p.width - 1:<2}  {name}  {d}" for p, name, d in cells
        )
        return "\n".join([head, *lines])


def pack(program: Program) -> Packing:
    """The packing of a model's states, the same on every run."""
    regions = tuple(program.model.regions)
    indexed = _indexed(program)
    shelves = _Shelves()
    rows: dict[Region, Row] = {}
    places: dict[int, Place] = {}
    for group in _records(regions, indexed):
        rows.update(shelves.records(group))
    for region, row in rows.items():
        places.update((region.base + i, row.place(i)) for i in range(region.count))
    free = [(r, i) for r in regions if r not in rows for i in range(r.count)]
    for region, i in sorted(free, key=lambda cell: _rank(regions, cell[0])):
        places[region.base + i] = shelves.cell(bits(region))
    return Packing(regions, tuple(places[i] for i in range(len(places))), rows)


def _rank(regions: Sequence[Region], region: Region) -> int:
    """Components in the order of the model, each as a whole."""
    return next(i for i, other in enumerate(regions) if other.owner is region.owner)


def _indexed(program: Program) -> set[Region]:
    """Regions that a command or a property addresses by a computed index."""
    effects = [effect for command in program.commands for effect in command.effects]
    found = {effect.region for effect in effects if effect.index.op != "const"}
    terms = [term for command in program.commands for term in command.guards]
    terms += [term for effect in effects for term in (effect.value, effect.index)]
    terms += [term for observed in program.properties for term in (observed.hit, observed.premise)]
    return found | {term.args[0] for term in subterms(terms) if term.op == "select"}


def subterms(roots: Iterable[ex.Expr]) -> Iterator[ex.Expr]:
    """Every term that the roots are made of, once."""
    todo = list(dict.fromkeys(roots))
    seen = set(todo)
    while todo:
        term = todo.pop()
        yield term
        for child in ex.children(term):
            if child not in seen:
                seen.add(child)
                todo.append(child)


def _records(regions: Sequence[Region], indexed: set[Region]) -> list[list[Region]]:
    """Indexed regions, the fields of one log or array of records together, the largest first. A field that is never
    indexed itself keeps its company, since it is written with the others."""
    groups: dict[tuple[int, str, int], list[Region]] = {}
    for region in regions:
        field = re.fullmatch(r"(.*)\.\w+", region.name.removeprefix(f"{region.owner.name}."))
        stem = field[1] if field and region.count > 1 else region.name
        groups.setdefault((id(region.owner), stem, region.count), []).append(region)
    found = []
    for group in groups.values():
        if any(region in indexed for region in group):
            whole = sum(map(bits, group)) <= WORD
            found += [group] if whole else [[region] for region in group if region in indexed]
    return sorted(found, key=lambda group: -sum(map(bits, group)) * group[0].count)


class _Shelves:
    """Words being filled."""

    def __init__(self) -> None:
        self.free: list[list[tuple[int, int]]] = []
        """By word, the runs of free bits: (first bit, how many)."""

    def records(self, group: list[Region]) -> dict[Region, Row]:
        """Put `count` records with these fields into words of their own, from bit 0 on."""
        stride, count = sum(map(bits, group)), group[0].count
        each = min(WORD // stride, count)
        word = self._room(stride, count)
        shift = 0
        if word is None:
            word = len(self.free)
            for first in range(0, count, each):
                used = stride * min(each, count - first)
                self.free.append([(used, WORD - used)])
        else:
            each, shift = count, self._take(word, stride * count)
        rows = {}
        for region in group:
            rows[region] = Row(word, shift, bits(region), stride, each)
            shift += bits(region)
        return rows

    def _room(self, stride: int, count: int) -> int | None:
        """A word that has room for all records."""
        need = stride * count
        return next((w for w, runs in enumerate(self.free) if any(n >= need for _, n in runs)), None)

    def _take(self, word: int, width: int) -> int:
        runs = self.free[word]
        i = next(i for i, (_, n) in enumerate(runs) if n >= width)
        first, left = runs[i]
        runs[i] = (first + width, left - width)
        return first

    def cell(self, width: int) -> Place:
        """Put a cell where there is room: the word that is being filled, else the first that has some."""
        order = [len(self.free) - 1, *range(len(self.free) - 1)] if self.free else []
        for word in order:
            if any(n >= width for _, n in self.free[word]):
                return Place(word, self._take(word, width), width)
        self.free.append([(width, WORD - width)])
        return Place(len(self.free) - 1, 0, width)
