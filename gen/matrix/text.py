"""A table of guarantees for a terminal: with words where they fit, else with marks and a legend that says them.

Where even that is too wide, settings stand above the rows that share them. Nothing is ever cut.
"""

from __future__ import annotations

from itertools import groupby

from eoscheck.checker.matrix import Matrix, Row, findings, refusals
from eoscheck.gen.matrix.words import cell, headings, introduction, refusal, sentence, verdict
from eoscheck.gen.screen import Style, dim, glued, paint, printable
from eoscheck.gen.story import labelled, unbroken
from eoscheck.gen.text import MARKS
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

GAP = 2
ODD = {"refused": ("– refused", "dim"), "not asked": ("· not asked", "dim")}
"""Cells without a verdict, as MARKS has the others."""


def matrix_text(matrix: Matrix, style: Style) -> str:
    """The screen of a table: what it is of, its rows, and under it what it says."""
    parts: list[RenderableType] = []
    if not style.quiet:
        seconds = f"   {matrix.seconds:.1f} s" if matrix.seconds else ""
        parts += [
            Text(printable(matrix.title), "bold"),
            dim(f"  {matrix.spec}   {introduction(matrix)}{seconds}"),
            Text(),
        ]
    parts += _rows(matrix, style)
    if not matrix.complete:
        parts += [Text(), Text("  interrupted: nothing is said of what is missing", "bold yellow")]
    if not style.quiet:
        parts += [
            *_summary(matrix),
            *_undecided(matrix),
            *_traces(matrix, style),
            *(_notes(matrix) if style.verbose else []),
        ]
    return paint(parts, style)


def _rows(matrix: Matrix, style: Style) -> list[RenderableType]:
    heads = headings(matrix)
    numbers = [str(row.number) for row in matrix.rows]
    settings = [[key, *(printable(row.settings[key]) for row in matrix.rows)] for key in matrix.settings]
    words = [[printable(head), *(_cell(row, name) for row in matrix.rows)] for name, head in heads.items()]
    if _fits(["", *numbers], *settings, *words, style=style):
        return _lines(matrix, 0, [["", *numbers], *settings, *words])
    marks = [[_letter(i), *(_mark(row, name) for row in matrix.rows)] for i, name in enumerate(heads)]
    above = next(
        (n for n in range(len(settings)) if _fits(["", *numbers], *settings[n:], *marks, style=style)),
        len(settings),
    )
    used = dict.fromkeys(verdict(row, name) for row in matrix.rows for name in heads)
    legend = "   ".join(glued(_legend(word)) for word in (*MARKS, *ODD) if word in used)
    return [
        labelled((_letter(i), head) for i, head in enumerate(heads.values())),
        Text(),
        Padding(Text(legend, "dim"), (0, 0, 0, GAP)),
        Text(),
        *_lines(matrix, above, [["", *numbers], *settings[above:], *marks]),
    ]


def _fits(*columns: list[str], style: Style) -> bool:
    return sum(max(map(len, column)) + GAP for column in columns) - GAP <= style.width


def _cell(row: Row, name: str) -> str:
    """In a table of rows, why a search was stopped stands below."""
    return cell(row, name).partition(" (")[0]


def _lines(matrix: Matrix, above: int, columns: list[list[str]]) -> list[RenderableType]:
    """The table line by line; the first `above` settings stand over the rows that share them."""
    widths = [max(map(len, column)) for column in columns]
    names = headings(matrix)
    lines: list[RenderableType] = [_line([Text(c[0], "bold") for c in columns], widths)]
    first = len(columns) - len(names)
    groups = groupby(enumerate(matrix.rows, 1), lambda numbered: list(numbered[1].settings.items())[:above])
    for shared, numbered in groups:
        rows = list(numbered)
        if shared:
            lines += [Text(), Text("  ".join(f"{key}={printable(value)}" for key, value in shared), "bold")]
        if shared and len(rows) > 1 and all(row.refused for _, row in rows):
            lines.append(Text(f"{rows[0][1].number} to {rows[-1][1].number}  {ODD['refused'][0]}", "dim"))
            continue
        for i, row in rows:
            cells = [Text(column[i]) for column in columns[:first]]
            cells[0].stylize("dim")
            cells += [Text(c[i], _color(row, name)) for c, name in zip(columns[first:], names, strict=True)]
            lines.append(_line(cells, widths))
    return lines


def _line(cells: list[Text], widths: list[int]) -> Text:
    """Cells side by side, the first of them to the right."""
    line = Text(no_wrap=True)
    for i, (text, width) in enumerate(zip(cells, widths, strict=True)):
        text.align("right" if i == 0 else "left", width)
        line.append(text).append(" " * GAP)
    return line


def _letter(number: int) -> str:
    """A, B, ... Z, A1, B1, ..."""
    return chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "")


def _legend(word: str) -> str:
    mark, said = (MARKS | ODD)[word][0].split(" ", 1)
    return f"{mark} n {said} at step n" if word == "violated" else f"{mark} {said}"


def _color(row: Row, name: str) -> str:
    return (MARKS | ODD)[verdict(row, name)][1]


def _mark(row: Row, name: str) -> str:
    word = verdict(row, name)
    steps = f" {row.verdicts[name].steps}" if word == "violated" and row.verdicts[name].steps else ""
    return f"{(MARKS | ODD)[word][0][0]}{steps}"


def _summary(matrix: Matrix) -> list[RenderableType]:
    heads = headings(matrix)
    refused = [("refused", refusal(f)) for f in refusals(matrix)]
    says = "Of what is not refused" if refused else "Of all combinations"
    rows = [(heads[f.subject], sentence(f)) for f in findings(matrix)]
    parts: list[RenderableType] = [Text(), Text(f"  {says}", "bold"), labelled(rows)] if rows else []
    return [*parts, Text(), labelled(refused)] if refused else parts


def _undecided(matrix: Matrix) -> list[RenderableType]:
    reasons = dict.fromkeys(
        (f"{row.number} {found.name}", found.reason)
        for row in matrix.rows
        for found in row.verdicts.values()
        if found.verdict == "undecided"
    )
    return [Text(), labelled(list(reasons))] if reasons else []


def _traces(matrix: Matrix, style: Style) -> list[RenderableType]:
    """Where the counterexamples are: all of them with -v, else one to begin with."""
    paths = dict.fromkeys(
        found.trace for row in matrix.rows for found in row.verdicts.values() if found.trace
    )
    if not paths:
        return []
    more = [f"and {len(paths) - 1} more, by number of the row (-v lists them)"] if len(paths) > 1 else []
    lines = (
        list(paths)
        if style.verbose
        else [next(iter(paths)), *more, "eoscheck show FILE tells what happens there"]
    )
    return [Text(), *(unbroken("trace" if i == 0 else "", str(line)) for i, line in enumerate(lines))]


def _notes(matrix: Matrix) -> list[RenderableType]:
    numbers: dict[str, list[str]] = {}
    for row in matrix.rows:
        for note in row.notes:
            numbers.setdefault(note, []).append(str(row.number))
    rows = [("note", f"{note} (row {', '.join(where)})") for note, where in numbers.items()]
    return [Text(), labelled(rows)] if rows else []
