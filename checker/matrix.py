"""The table of guarantees: every combination of some settings explored, and what each combination guarantees.

A combination that the loader refuses is knowledge too, and a row. Combinations that come to the same pipeline are
explored once. What the whole grid says of a property becomes a finding: the condition under which it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from eoscheck.checker.counterexample import Trace
from eoscheck.checker.examine import Examination, examine, limits_of
from eoscheck.checker.implicants import Box, Point, cover, deciding
from eoscheck.checker.parallel import in_order
from eoscheck.checker.prepare import UnknownProperty, built
from eoscheck.checker.verdict import PropertyVerdict
from eoscheck.model.language import did_you_mean
from eoscheck.model.source import SpecError
from eoscheck.model.spec import Spec
from eoscheck.model.vary import BadChange, Change

LARGEST = 10_000
"""Combinations of one table."""

Where = dict[str, tuple[str, ...]]
"""A condition: by setting, the values that it may have. Settings that are not named may have any."""


@dataclass(frozen=True)
class Row:
    """One combination of settings.

    settings  by key, the value as it was written
    refused   why there is no such pipeline, else ""
    same_as   number of the row that was explored in its place, both being the same pipeline; its own, if it was itself
    verdicts  by full name, each property that the pipeline has
    pages     by full name, a page about its counterexample that a browser shows
    notes     what the loader had to say
    """

    number: int
    settings: dict[str, str]
    refused: str = ""
    same_as: int = 0
    states: int = 0
    verdicts: dict[str, PropertyVerdict] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    traces: dict[str, Trace] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Finding:
    """What a complete table says of a property, or (`subject` a reason) of what is refused.

    where      it is so where any of these conditions is met, and nowhere else among the rows it speaks of; or,
               if `except_`, everywhere among them else
    deciding   the settings that it depends on
    count, of  in how many rows it is so, of how many that are not refused (a reason: of all)
    odd        how many rows are undecided, vacuous, or have nothing that the property speaks of, by that word
    """

    subject: str
    where: tuple[Where, ...]
    except_: bool
    deciding: tuple[str, ...]
    count: int
    of: int
    odd: dict[str, int] = field(default_factory=dict)

    def covers(self, settings: Mapping[str, str]) -> bool:
        """Whether it is so with these settings."""
        met = any(all(settings[k] in values for k, values in where.items()) for where in self.where)
        return met is not self.except_


@dataclass(frozen=True)
class Matrix:
    """The table, as far as it was computed.

    settings  by key, its values, in the order of the columns
    rows      by number
    total     number of combinations; fewer rows: it was interrupted
    """

    spec: str
    title: str
    settings: dict[str, tuple[str, ...]]
    rows: tuple[Row, ...]
    total: int
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        return len(self.rows) == self.total

    @property
    def properties(self) -> list[str]:
        """Full names of all properties that any row has."""
        return list(dict.fromkeys(name for row in self.rows for name in row.verdicts))

    @property
    def exit_code(self) -> int:
        """0 where everything was computed and decided; 130 interrupted; 3 where a row is undecided."""
        if not self.complete:
            return 130
        return 3 if any(v.verdict == "undecided" for row in self.rows for v in row.verdicts.values()) else 0


@dataclass(frozen=True)
class Grid:
    """All combinations, loaded and ready to be explored: `specs` by number of the row, but for those refused."""

    settings: dict[str, tuple[str, ...]]
    rows: tuple[Row, ...]
    specs: dict[int, Spec]
    wanted: tuple[str, ...]

    @property
    def distinct(self) -> list[int]:
        """Numbers of the rows to explore."""
        return [row.number for row in self.rows if row.same_as == row.number]


@dataclass(frozen=True)
class _Task:
    number: int
    spec: Spec
    wanted: tuple[str, ...]
    limits: dict[str, Any]


def grid(path: str, variations: Sequence[Sequence[Change]], wanted: Sequence[str] = ()) -> Grid:
    """Every combination of the variations, one change of each.

    wanted   full or bare names of properties, the only ones to check; none: those of the spec

    Raises BadChange, UnknownProperty, and SpecError where every single combination is refused.
    """
    keys = [variation[0].key for variation in variations]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice:
        raise BadChange(f"{twice} is varied twice; give all its values at once, with commas")
    for variation in variations:
        _check_values(path, variation)
    settings = {variation[0].key: tuple(c.said for c in variation) for variation in variations}
    rows, specs = _loaded(path, variations)
    if wanted:
        _check_wanted(path, specs, wanted)
    return Grid(settings, tuple(rows), specs, tuple(wanted))


def _check_values(path: str, variation: Sequence[Change]) -> None:
    """No value is one that its key cannot have, whatever else is set: that is a slip of the pen, and no row.

    The loader quotes such a value; where settings do not go together, it names the settings. Raises SpecError.
    """
    from eoscheck.model.loader import load

    for one in variation:
        try:
            load(path, (), [one])
        except SpecError as error:
            if f"'{one.said}'" in error.message or f"no Kafka {one.said}" in error.message:
                raise


def _loaded(path: str, variations: Sequence[Sequence[Change]]) -> tuple[list[Row], dict[int, Spec]]:
    from eoscheck.model.loader import load

    size = 1
    for variation in variations:
        size *= len(variation)
    if size > LARGEST:
        raise BadChange(f"{path}: {size:,} combinations are too many, at most {LARGEST:,}")
    rows: list[Row] = []
    specs: dict[int, Spec] = {}
    first: dict[Spec, int] = {}
    reasons: list[SpecError] = []
    for number, changes in enumerate(product(*variations), 1):
        row = Row(number, {c.key: c.said for c in changes})
        try:
            spec = specs[number] = load(path, (), changes)
            built(spec)
        except SpecError as error:
            specs.pop(number, None)
            reasons.append(error)
            rows.append(replace(row, refused=error.message))
            continue
        rows.append(replace(row, same_as=first.setdefault(replace(spec, notes=()), number), notes=spec.notes))
    if not specs:
        raise reasons[0]
    return rows, specs


def _check_wanted(path: str, specs: Mapping[int, Spec], wanted: Sequence[str]) -> None:
    """Every property that is wanted exists in one combination at least."""
    names = [p.name for spec in specs.values() for p in built(spec, wanted=wanted).model.properties]
    known = dict.fromkeys(word for name in names for word in (name.partition("@")[0], name))
    for word in wanted:
        if word not in known:
            hint = did_you_mean(word, known) or f"; known: {', '.join(dict.fromkeys(names))}"
            raise UnknownProperty(f"no property {word!r} in {path}{hint}")


def explored(grid: Grid, jobs: int = 1, **limits: Any) -> Iterator[Row]:
    """Every row once, as soon as it is known, so not in their order: first those that are refused.

    A row that was explored itself comes with the traces that were found.

    limits   of each combination, as `limits_of` takes them

    Raises KeyboardInterrupt after the rows that were known by then.
    """
    yield from (row for row in grid.rows if row.refused)
    tasks = [_Task(number, grid.specs[number], grid.wanted, limits) for number in grid.distinct]
    for number, found in in_order(_explore, tasks, jobs):
        if found.result.interrupted:
            raise KeyboardInterrupt
        for row in grid.rows:
            if row.same_as == number:
                yield replace(row, **_figures(found), traces=found.traces if row.number == number else {})


def _figures(found: Examination) -> dict[str, Any]:
    verdicts = {row.name: row for row in found.result.properties}
    return {"states": found.result.states, "verdicts": verdicts}


def _explore(task: _Task) -> tuple[int, Examination]:
    pipeline = built(task.spec, wanted=task.wanted)
    if task.wanted:
        known = pipeline.model.properties
        known[:] = [p for p in known if {p.name, p.name.partition("@")[0]} & set(task.wanted)]
    return task.number, examine(pipeline, limits_of(task.spec, **task.limits))


# --- what the table says


def findings(matrix: Matrix) -> list[Finding]:
    """Of each property, where it holds. Nothing while the table is not complete."""
    if not matrix.complete:
        return []
    accepted = [row for row in matrix.rows if not row.refused]
    return [_finding(matrix, accepted, name) for name in matrix.properties]


def _finding(matrix: Matrix, accepted: Sequence[Row], name: str) -> Finding:
    words = {
        row.number: row.verdicts[name].verdict if name in row.verdicts else "not asked" for row in accepted
    }
    true = [_point(matrix, row) for row in accepted if words[row.number] == "holds"]
    false = [_point(matrix, row) for row in accepted if words[row.number] != "holds"]
    odd = {w: list(words.values()).count(w) for w in ("undecided", "vacuous", "not asked")}
    where, besides = _conditions(matrix, true, false), _conditions(matrix, false, true)
    except_ = bool(true) and bool(false) and len(besides) < len(where) and not any(odd.values())
    sizes = _sizes(matrix)
    axes = deciding(sizes, true, false) if true and false else ()
    keys = tuple(list(matrix.settings)[axis] for axis in axes)
    odd = {word: count for word, count in odd.items() if count}
    return Finding(name, besides if except_ else where, except_, keys, len(true), len(accepted), odd)


def refusals(matrix: Matrix) -> list[Finding]:
    """Of each reason for which a combination is refused, where that is.

    A condition may include combinations that are refused for another reason first, if that is said in fewer words.
    """
    if not matrix.complete:
        return []
    reasons = dict.fromkeys(row.refused for row in matrix.rows if row.refused)
    return [_refusal(matrix, reason) for reason in reasons]


def _refusal(matrix: Matrix, reason: str) -> Finding:
    true = [_point(matrix, row) for row in matrix.rows if row.refused == reason]
    exact = _conditions(matrix, true, [_point(matrix, row) for row in matrix.rows if row.refused != reason])
    wide = _conditions(matrix, true, [_point(matrix, row) for row in matrix.rows if not row.refused])
    where = wide if len(wide) < len(exact) else exact
    return Finding(reason, where, False, (), len(true), matrix.total)


def _sizes(matrix: Matrix) -> list[int]:
    return [len(values) for values in matrix.settings.values()]


def _point(matrix: Matrix, row: Row) -> Point:
    return tuple(values.index(row.settings[key]) for key, values in matrix.settings.items())


def _conditions(matrix: Matrix, true: Sequence[Point], false: Sequence[Point]) -> tuple[Where, ...]:
    return tuple(_where(matrix, box) for box in cover(_sizes(matrix), true, false))


def _where(matrix: Matrix, box: Box) -> Where:
    return {
        key: tuple(values[i] for i in sorted(chosen))
        for (key, values), chosen in zip(matrix.settings.items(), box, strict=True)
        if len(chosen) < len(values)
    }
