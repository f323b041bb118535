"""Notes on lifelines: logs and rows as strips of cells with their watermarks, facts as small labels."""

from __future__ import annotations

from collections.abc import Iterator

from eoscheck.gen.diagram.elements import element, line, number, path, rect, text
from eoscheck.gen.diagram.layout import (
    CAPTION,
    CELL,
    MARK,
    SMALL,
    caption,
    cell_width,
    cells_of,
    marks_of,
    size,
)
from eoscheck.gen.diagram.metrics import width
from eoscheck.gen.diagram.notes import Cell, Fact, Note

FILLS = {
    "committed": "f-good-band s-good",
    "open": "f-open-band s-open",
    "aborted": "f-gone-band s-gone",
    "cut": "f-paper s-fault",
    "commit": "f-good s-good",
    "abort": "f-gone s-gone",
}
INKS = {
    "committed": "ink",
    "open": "ink",
    "aborted": "gone",
    "cut": "fault",
    "commit": "on-dark",
    "abort": "on-dark",
}
DASHED = ("open", "cut")


def stacked(notes: tuple[Note, ...], x: dict[str, float], top: float) -> Iterator[str]:
    """The notes of one step, each below the others of its lane."""
    y = dict.fromkeys(x, top)
    for note in notes:
        yield _note(note, x[note.lane], y[note.lane])
        y[note.lane] += size(note)[1]


def _note(note: Note, x: float, y: float) -> str:
    wide, high = size(note)
    back = rect(x - wide / 2, y, wide, high - 4, "f-paper", radius=4)
    if isinstance(note, Fact):
        return element(
            "g",
            rect(x - wide / 2 + 3, y + 1, wide - 6, 20, "f-panel s-line", radius=10),
            text(x, y + 15, note.text, SMALL, anchor="middle"),
            class_="note",
        )
    return element("g", back, *_strip(note, x, y), class_="note")


def _strip(note: Note, x: float, y: float) -> Iterator[str]:
    above = caption(note)
    if above:
        yield text(x, y + 11, above, SMALL, "soft", anchor="middle")
        y += CAPTION
    cells, left_out = cells_of(note)
    edges = _edges(cells, x)
    if not cells:
        yield rect(x - CELL / 2, y + 1, CELL, CELL - 2, "f-paper s-line", radius=3, stroke_dasharray="2 2")
        yield text(x, y + 15.5, "–", SMALL, "soft", anchor="middle")
    for cell, left in zip(cells, edges, strict=False):
        yield from cell_at(cell, left, y)
    for i, (name, offset) in enumerate(marks_of(note)):
        place = min(max(offset - left_out, 0), len(cells))
        yield from _mark(f"{name} {offset}", edges[place], y, y + CELL + MARK * i)


def _edges(cells: list[Cell], x: float) -> list[float]:
    """Where cells begin, and where the last one ends."""
    edges = [x - sum(map(cell_width, cells)) / 2]
    for cell in cells:
        edges.append(edges[-1] + cell_width(cell))
    return edges


def cell_at(cell: Cell, left: float, y: float) -> Iterator[str]:
    """One cell, with its upper left corner there."""
    wide = cell_width(cell)
    more: dict[str, str | float] = {"stroke_width": 2.2 if cell.new else 1}
    if cell.fate in DASHED:
        more["stroke_dasharray"] = "3 2"
    yield rect(left + 1.5, y + 1.5, wide - 3, CELL - 3, FILLS[cell.fate], radius=3, **more)
    if cell.fate in ("aborted", "cut"):
        color = "gone" if cell.fate == "aborted" else "fault"
        yield line(left + 4, y + CELL - 4, left + wide - 4, y + 4, color, stroke_width=1, opacity="0.55")
    yield text(left + wide / 2, y + 15, cell.text, SMALL, INKS[cell.fate], anchor="middle", bold=cell.new)


def _mark(words: str, x: float, top: float, y: float) -> Iterator[str]:
    """A watermark: a line through the strip, and its name below."""
    color = "broker" if words.startswith("LSO") else "app"
    yield line(x, top - 1, x, y + 4, color, stroke_width=2)
    half = width(words, SMALL) / 2
    yield rect(x - half, y + 4, 2 * half, MARK - 2, "f-paper")
    yield path(f"M{number(x)} {number(y)}l3.5 5h-7z", f"f-{color}")
    yield text(x, y + 14, words, SMALL, color, anchor="middle")
