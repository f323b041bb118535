"""The lanes of a sequence diagram in characters, as beside a history of commits: who acts, and on whom.

  ┌ enricher
  │ ┌ payments-0
5 ●─┤   sends Produce          on its way
6 ├─▶   appends input 1        arrived and handled
7 ◀╌●   hears of it            an answer, or something that is read
"""

from __future__ import annotations

from collections.abc import Sequence

from eoscheck.gen.diagram.arrows import Arrow
from eoscheck.gen.diagram.sequence import Diagram, Event, Lane

SHAFT = {"sent": "─", "handled": "─", "call": "─", "answered": "╌", "read": "╌", "lost": "╌", "delayed": "╌"}
NARROWEST_TEXT = 34
"""Columns that must be left for the words; with less there are no lanes."""


def fits(diagram: Diagram, width: int) -> bool:
    """Whether lanes leave room for words."""
    return bool(diagram.lanes) and width - 7 - wide(diagram) >= NARROWEST_TEXT


def wide(diagram: Diagram) -> int:
    """Columns of the lanes."""
    return 2 * len(diagram.lanes)


def heads(lanes: Sequence[Lane]) -> list[str]:
    """A line for the name of each lane, above where it begins."""
    return [
        f"{'│ ' * i}┌ {lane.name}{f'  ({lane.role})' if lane.role else ''}" for i, lane in enumerate(lanes)
    ]


def plain(diagram: Diagram) -> str:
    """Lanes in which nothing happens."""
    return "│ " * len(diagram.lanes)


def row(diagram: Diagram, event: Event) -> str:
    """The lanes at a step: its arrow, or a dot where it happens; its further arrows are `more`."""
    return _row(diagram, event, event.arrows[0] if event.arrows else None)


def more(diagram: Diagram, event: Event) -> list[str]:
    """The further arrows of a step, a line each."""
    return [_row(diagram, event, arrow) for arrow in event.arrows[1:]]


def _row(diagram: Diagram, event: Event, arrow: Arrow | None) -> str:
    place = {lane.name: 2 * i for i, lane in enumerate(diagram.lanes)}
    cells = list(plain(diagram))
    if arrow is not None:
        _draw(cells, place[arrow.start], place[arrow.end], arrow.how)
    else:
        cells[place[event.lane]] = "●"
    if event.struck is not None and (arrow is None or arrow.how != "lost"):
        cells[place[event.struck]] = "✗"
    return "".join(cells)


def _draw(cells: list[str], start: int, end: int, how: str) -> None:
    step = 1 if start < end else -1
    for at in range(start + step, end, step):
        cells[at] = "┼" if cells[at] == "│" else SHAFT[how]
    right = step > 0
    cells[start] = ("├" if right else "┤") if how == "handled" else "●"
    if how in ("sent", "delayed"):
        cells[end] = "┤" if right else "├"
    elif how == "lost":
        cells[end - step] = "✗"
    else:
        cells[end] = "▶" if right else "◀"
