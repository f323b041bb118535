"""What an outsider sees change at a step: logs as cells with their watermarks, rows, and plain facts.

The data of the notes that stand on lifelines, and their plain text for forms that have no cells.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eoscheck.gen.diagram.cast import Cast
from eoscheck.gen.screen import GLUE, printable

MARKERS = {"COMMIT": "C", "ABORT": "A"}
FATES = {"COMMIT": "committed", "ABORT": "aborted", "data": "open"}
LONGEST = 60
"""Characters of a fact; the picture is no place for more."""


@dataclass(frozen=True)
class Cell:
    """One record of a log, or one row.

    fate   committed, open (its transaction is), aborted, commit or abort (a marker), or cut (no longer there)
    new    this step put it there, or decided it
    """

    text: str
    fate: str = "committed"
    new: bool = False


@dataclass(frozen=True)
class Log:
    """The log of a partition, from offset 0 on. Watermarks are None where nobody needs to know them."""

    lane: str
    place: str
    cells: tuple[Cell, ...]
    last_stable_offset: int | None = None
    high_watermark: int | None = None

    def __str__(self) -> str:
        records = ", ".join(c.text + _SAID.get(c.fate, "") for c in self.cells)
        marks = [
            f" {name} {offset}"
            for name, offset in (("LSO", self.last_stable_offset), ("HW", self.high_watermark))
            if offset is not None
        ]
        return f"{self.place} [{records}]{','.join(marks)}"


_SAID = {"open": " (open)", "aborted": " (aborted)", "cut": " (cut)"}


@dataclass(frozen=True)
class Rows:
    """Things in a row that are not a log: rows of a store, records that a reader was given."""

    lane: str
    place: str
    cells: tuple[Cell, ...]

    def __str__(self) -> str:
        return f"{self.place} [{', '.join(c.text for c in self.cells)}]"


@dataclass(frozen=True)
class Fact:
    """One thing that was and now is something else."""

    lane: str
    text: str

    def __str__(self) -> str:
        return self.text


Note = Log | Rows | Fact


def clean(value: Any) -> str:
    """A text that is safe to print, whatever a trace file holds."""
    return printable(value if isinstance(value, str) else said(value)).replace(GLUE, " ")


def said(value: Any) -> str:
    """A value in a word: nothing is "none", an object its pairs.

    >>> said(None), said({"1": 0, "2": 1}), said([1, 2])
    ('none', '1: 0, 2: 1', '[1, 2]')
    """
    if value is None or value == {}:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {said(part)}" for key, part in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def short(text: str, longest: int = LONGEST) -> str:
    """The text, or its beginning with an ellipsis."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


Observation = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Watched:
    """Places where a watermark ever lies below the end of the log, by watermark: the others need none."""

    last_stable_offset: frozenset[str]
    high_watermark: frozenset[str]


def watched(observations: list[Observation]) -> Watched:
    """Which watermarks matter in a trace."""
    below: dict[str, set[str]] = {"last_stable_offset": set(), "high_watermark": set()}
    for seen in observations:
        for place, log in seen.get("partitions", {}).items():
            for name, places in below.items():
                if log.get(name) != len(_list(log.get("records"))):
                    places.add(place)
    lagging = frozenset(below["high_watermark"])
    return Watched(frozenset(below["last_stable_offset"]), lagging)


def changes(before: Observation, after: Observation, who: Cast, marks: Watched) -> list[Note]:
    """The notes of a step, by place; logs before what follows from them."""
    found = [
        note
        for section, places in after.items()
        for place, things in places.items()
        if things != (old := before.get(section, {}).get(place, {}))
        for note in _of_place(section, place, old, things, who, marks)
    ]
    return sorted(found, key=lambda note: isinstance(note, Fact))


def _of_place(
    section: str,
    place: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    who: Cast,
    marks: Watched,
) -> Iterator[Note]:
    lane = clean(who.lane(section, place))
    if section == "partitions":
        yield _log(lane, place, old, new, marks)
    elif section == "readers":
        for source, values in new.items():
            if values != old.get(source):
                yield _rows(
                    lane,
                    f"given from {source}" if len(new) > 1 else "given",
                    _list(old.get(source)),
                    _list(values),
                )
    elif section == "groups":
        yield from _group(lane, old, new)
    elif section == "transactions":
        yield from _facts(lane, old, new, named=("epoch",))
    else:
        if new.get("rows") != old.get("rows"):
            yield _rows(lane, "rows", _list(old.get("rows")), _list(new.get("rows")))
        rest = {k: v for k, v in new.items() if k != "rows"}
        yield from _facts(lane, old, rest, named=tuple(rest))


def _group(lane: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Fact]:
    yield from _facts(lane, old, {k: v for k, v in new.items() if k != "committed"}, named=tuple(new))
    then, now = _dict(old.get("committed")), _dict(new.get("committed"))
    for partition, offset in now.items():
        if offset != then.get(partition):
            of = f" of partition {partition}" if len(now) > 1 else ""
            change = f"{said(then.get(partition))} → {said(offset)}"
            yield Fact(lane, short(clean(f"committed offset{of}: {change}")))


def _facts(
    lane: str, old: Mapping[str, Any], new: Mapping[str, Any], named: tuple[str, ...]
) -> Iterator[Fact]:
    for key, value in new.items():
        if value != old.get(key):
            name = f"{key} " if key in named else ""
            change = f"{said(old[key])} → {said(value)}" if key in old else said(value)
            yield Fact(lane, short(clean(f"{name}{change}")))


def _log(lane: str, place: str, old: Mapping[str, Any], new: Mapping[str, Any], marks: Watched) -> Log:
    # Offsets carry no version of what was looked up.
    ignored = () if lane == clean(place) else ("versions",)
    then, now = (_cells({k: v for k, v in log.items() if k not in ignored}) for log in (old, new))
    cells = [Cell(cell.text, cell.fate, new=i >= len(then) or then[i] != cell) for i, cell in enumerate(now)]
    cells += [Cell(cell.text, "cut", new=True) for cell in then[len(now) :]]
    return Log(
        lane,
        short(clean(place)),
        tuple(cells),
        _offset(new, "last_stable_offset") if place in marks.last_stable_offset else None,
        _offset(new, "high_watermark") if place in marks.high_watermark else None,
    )


def _cells(log: Mapping[str, Any]) -> list[Cell]:
    outcomes, versions = _list(log.get("outcomes")), iter(_list(log.get("versions")))
    cells = []
    for i, record in enumerate(_list(log.get("records"))):
        if isinstance(record, str) and record in MARKERS:
            cells.append(Cell(MARKERS[record], record.lower()))
            continue
        version = next(versions, None)
        text = short(clean(record), 12) + ("" if version is None else f" v{clean(version)}")
        fate = FATES.get(str(outcomes[i]), "committed") if i < len(outcomes) else "committed"
        cells.append(Cell(text, fate))
    return cells


def _rows(lane: str, place: str, old: list[Any], new: list[Any]) -> Rows:
    left = list(old)
    cells = []
    for value in new:
        known = value in left
        if known:
            left.remove(value)
        cells.append(Cell(short(clean(value), 12), new=not known))
    return Rows(lane, short(clean(place)), tuple(cells))


def _offset(log: Mapping[str, Any], name: str) -> int | None:
    offset = log.get(name)
    return offset if isinstance(offset, int) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
