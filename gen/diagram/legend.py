"""The legend of a diagram: only what is to be seen in it."""

from __future__ import annotations

from collections.abc import Iterator

from eoscheck.gen.diagram.arrows import How
from eoscheck.gen.diagram.elements import element, text
from eoscheck.gen.diagram.layout import CELL, MARGIN, SMALL, cell_width
from eoscheck.gen.diagram.metrics import width
from eoscheck.gen.diagram.notes import Cell, Log
from eoscheck.gen.diagram.sequence import Diagram
from eoscheck.gen.diagram.shafts import shaft
from eoscheck.gen.diagram.strips import cell_at

HOW: dict[How, str] = {
    "sent": "on its way",
    "handled": "arrives and is handled",
    "answered": "answer, or what is read",
    "call": "asked and done in one step",
    "lost": "lost",
    "delayed": "given up, may still arrive",
}
FATES = {
    "committed": ("1", "committed"),
    "open": ("1", "transaction open"),
    "aborted": ("1", "aborted"),
    "cut": ("1", "cut off"),
    "commit": ("C", "commit marker"),
    "abort": ("A", "abort marker"),
}
MARKS = {"LSO": "last stable offset", "HW": "high watermark"}
Item = tuple[float, str]
"""Room that it takes, and markup with its upper left corner at 0, 0."""


LINE = 26.0


def height(diagram: Diagram, room: float) -> float:
    """Pixels that the legend needs in lines that fit into `room`; 0 where there is nothing to explain."""
    return max((y + LINE for _, y, _ in _placed(diagram, room)), default=0.0)


def legend(diagram: Diagram, top: float, room: float) -> Iterator[str]:
    """The legend, from `top` on."""
    for x, y, markup in _placed(diagram, room):
        yield element("g", markup, class_="legend", transform=f"translate({x:.1f} {top + y:.1f})")


def _placed(diagram: Diagram, room: float) -> Iterator[tuple[float, float, str]]:
    x, y = MARGIN, 0.0
    for wide, markup in _items(diagram):
        if x + wide > room - MARGIN and x > MARGIN:
            x, y = MARGIN, y + LINE
        yield x, y, markup
        x += wide + 22


def _items(diagram: Diagram) -> Iterator[Item]:
    hows = {a.how for event in diagram.events for a in event.arrows}
    for how in HOW:
        if how in hows or (how == "answered" and "read" in hows):
            yield _item(34, "".join(shaft(how, 0, 34, 11, "ink")), HOW[how])
    logs = [note for event in diagram.events for note in event.notes if isinstance(note, Log)]
    fates = {cell.fate for log in logs for cell in log.cells}
    for fate, (shown, words) in FATES.items():
        if fate in fates:
            cell = Cell(shown, fate)
            yield _item(cell_width(cell), "".join(cell_at(cell, 0, 0)), words)
    if any(cell.new for log in logs for cell in log.cells):
        yield _item(CELL, "".join(cell_at(Cell("1", new=True), 0, 0)), "new")
    offsets = {"LSO": [log.last_stable_offset for log in logs], "HW": [log.high_watermark for log in logs]}
    for name, words in MARKS.items():
        if any(offset is not None for offset in offsets[name]):
            yield _item(width(name, SMALL), text(0, 15, name, SMALL, bold=True), words)


def _item(wide: float, markup: str, words: str) -> Item:
    x = wide + 8
    return x + width(words, SMALL), markup + text(x, 15, words, SMALL, "soft")
