"""Where everything stands: a table of numbered sentences on the left, lanes on the right, one row for each step.

Lanes are as far apart as what stands on them and the labels between them need. What one step shows never overlaps,
for arrows lie one below the other, and notes below these on their own lanes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from eoscheck.gen.diagram.metrics import width, wrap
from eoscheck.gen.diagram.notes import Cell, Fact, Log, Note, short
from eoscheck.gen.diagram.sequence import Diagram, Event

MARGIN = 24.0
NUMBER = 34.0
SENTENCE = 320.0
LEFT = MARGIN + NUMBER + 12 + SENTENCE + 24
BARE = MARGIN + NUMBER + 12
"""Where the lanes begin, with sentences beside them and without."""
GAP = 34.0
"""Between what stands on two neighbouring lanes."""

TEXT, LABEL, SMALL, TITLE = 13.0, 11.5, 11.0, 19.0
LINE = 18.0
ARROW = 30.0
PADDING = 8.0
HEAD = 150.0
CELL, MARK, CAPTION = 22.0, 15.0, 15.0
MOST_CELLS = 14
LONG, AGAIN = 12, 24
"""Steps from which heads are repeated at the bottom, and in between after so many steps."""


@dataclass(frozen=True)
class Head:
    """The box at the top of a lane."""

    name: list[str]
    width: float

    @property
    def height(self) -> float:
        return len(self.name) * 16 + 28


@dataclass(frozen=True)
class Row:
    """A step: its event, the lines of its sentence, top and height, and where arrows and notes begin."""

    event: Event
    lines: list[str]
    top: float
    height: float
    arrows: list[float]
    notes: float


@dataclass(frozen=True)
class Layout:
    """x by lane, and y of everything else.

    left    x where the lanes begin
    heads   y of each row of heads;  start  y of the notes of the beginning
    frame   top and height of what surrounds the lasso
    """

    width: float
    height: float
    left: float
    title: list[str]
    x: dict[str, float]
    boxes: dict[str, Head]
    heads: list[float]
    start: float
    rows: list[Row]
    frame: tuple[float, float] | None
    witness: tuple[float, list[str]]
    legend: float


def layout(diagram: Diagram, legend: Callable[[Diagram, float], float], *, bare: bool = False) -> Layout:
    """Place a diagram, `bare` without heading and sentences.

    legend   how high its legend is in a picture of some width (0: there is none)
    """
    left = BARE if bare else LEFT
    boxes = {lane.name: _head(lane.name, lane.role) for lane in diagram.lanes}
    x, right = _columns(diagram, boxes, left)
    wide = max(right + MARGIN, left + 320)
    title = [] if bare else wrap(diagram.title, wide - 2 * MARGIN, TITLE, bold=True)
    below_title = MARGIN + len(title) * 26 + (22 if diagram.subject else 4)
    way = _Descent(diagram, boxes, 8.0 if bare else below_title, bare)
    why = wrap(diagram.witness, wide - 2 * MARGIN - 130, TEXT + 1, bold=True)
    end = way.y + 18 + len(why) * 20 + 20
    below = legend(diagram, wide)
    high = end + (below + 18 if below else 0) + MARGIN - 6
    witness = (way.y + 18, why)
    return Layout(
        wide, high, left, title, x, boxes, way.heads, way.start, way.rows, way.frame, witness, end + 18
    )


class _Descent:
    """Goes down the page and puts one thing below the other; y is how far it has come."""

    def __init__(self, diagram: Diagram, boxes: dict[str, Head], y: float, bare: bool) -> None:
        self.diagram, self.y, self.bare = diagram, y, bare
        self.tallest = max((box.height for box in boxes.values()), default=0.0)
        self.heads: list[float] = []
        self.rows: list[Row] = []
        self.frame: tuple[float, float] | None = None
        self._put_heads(0, 12)
        self.start = self.y
        self.y += _tallest(diagram.initial) + (8 if diagram.initial else 0)
        for i, event in enumerate(diagram.events):
            self._put(i, event)
        if diagram.lasso and diagram.lasso[0] > diagram.lasso[1]:
            self.frame = (self.y + 8, 32)
            self.y += 46
        if len(diagram.events) > LONG:
            self._put_heads(8, 0)

    def _put_heads(self, above: float, below: float) -> None:
        self.heads.append(self.y + above)
        self.y += above + self.tallest + below

    def _put(self, i: int, event: Event) -> None:
        first, last = self.diagram.lasso or (0, 0)
        if i and i % AGAIN == 0 and len(self.diagram.events) - i > LONG:
            self._put_heads(8, 12)
        if first == i + 1 <= last:
            self.frame = (self.y + 4, 0)
            self.y += 34
        self.rows.append(_row(event, self.y, self.bare))
        self.y += self.rows[-1].height
        if first <= i + 1 == last and self.frame is not None:
            self.frame = (self.frame[0], self.y + 6 - self.frame[0])
            self.y += 10


def _head(name: str, role: str) -> Head:
    lines = wrap(name, HEAD, TEXT, bold=True)
    if len(lines) > 3:  # the end of a name tells instances apart
        lines = [lines[0], f"{lines[1][:-1]}…", wrap(name[::-1], HEAD, TEXT, bold=True)[0][::-1]]
    widest = max(width(line, TEXT, bold=True) for line in lines)
    return Head(lines, max(widest, width(role, SMALL), 64) + 20)


def _columns(diagram: Diagram, boxes: dict[str, Head], left: float) -> tuple[dict[str, float], float]:
    """The middle of each lane, and where the last one ends."""
    half = {name: box.width / 2 for name, box in boxes.items()}
    for note in _notes(diagram):
        half[note.lane] = max(half[note.lane], size(note)[0] / 2)
    names = list(half)
    gaps = [half[a] + half[b] + GAP for a, b in itertools.pairwise(names)]
    for low, high, label in sorted(_spans(diagram, names)):
        missing = width(label, LABEL) + 34 - sum(gaps[low:high])
        if missing > 0:
            gaps = [gap + missing / (high - low) if low <= i < high else gap for i, gap in enumerate(gaps)]
    x = left + (half[names[0]] if names else 0)
    places = {}
    for i, name in enumerate(names):
        places[name] = round(x, 1)
        x += gaps[i] if i < len(gaps) else half[name]
    return places, x


def _spans(diagram: Diagram, names: list[str]) -> Iterator[tuple[int, int, str]]:
    for event in diagram.events:
        for arrow in event.arrows:
            ends = sorted((names.index(arrow.start), names.index(arrow.end)))
            yield ends[0], ends[1], arrow.label


def _notes(diagram: Diagram) -> Iterator[Note]:
    yield from diagram.initial
    for event in diagram.events:
        yield from event.notes


def _row(event: Event, top: float, bare: bool) -> Row:
    lines = [] if bare else wrap(event.sentence, SENTENCE, TEXT, bold=event.marked)
    said = 1 if bare else len(lines) + (1 if event.fault else 0)
    y = top + PADDING
    arrows = [y + ARROW * i + 20 for i in range(len(event.arrows))]
    notes = y + max(ARROW * len(arrows), 26.0) + 3
    height = max(said * LINE, notes - y + _tallest(event.notes)) + 2 * PADDING
    return Row(event, lines, top, height, arrows, notes)


def _tallest(notes: Iterable[Note]) -> float:
    heights: dict[str, float] = {}
    for note in notes:
        heights[note.lane] = heights.get(note.lane, 0.0) + size(note)[1]
    return max(heights.values(), default=0.0)


# --- notes


def cells_of(note: Note) -> tuple[list[Cell], int]:
    """The cells that are shown, the last ones of many, and how many are left out before them."""
    cells = [] if isinstance(note, Fact) else list(note.cells)
    left_out = max(len(cells) - MOST_CELLS, 0)
    return cells[left_out:], left_out


def cell_width(cell: Cell) -> float:
    return max(CELL, width(cell.text, SMALL, bold=True) + 10)


def caption(note: Note) -> str:
    """What stands above cells: whose they are, unless that is the lane itself."""
    if isinstance(note, Fact):
        return ""
    left_out = cells_of(note)[1]
    tail = f"… from {left_out}" if left_out else ""
    return " ".join(filter(None, ("" if note.place == short(note.lane) else note.place, tail)))


def marks_of(note: Note) -> list[tuple[str, int]]:
    """The watermarks below a log, each a line of its own."""
    if not isinstance(note, Log):
        return []
    low, high = note.last_stable_offset, note.high_watermark
    if low is not None and low == high:
        return [("LSO = HW", low)]
    return [(name, offset) for name, offset in (("LSO", low), ("HW", high)) if offset is not None]


def size(note: Note) -> tuple[float, float]:
    """Width and height of a note, with the room around it."""
    if isinstance(note, Fact):
        return width(note.text, SMALL) + 18, 26
    cells, _ = cells_of(note)
    strip = sum(map(cell_width, cells)) or CELL
    marks, above = marks_of(note), caption(note)
    # A mark below the end of the strip is half outside of it.
    beside = max((width(f"{name} {offset}", SMALL) for name, offset in marks), default=0.0)
    wide = max(strip + beside, width(above, SMALL))
    return wide + 6, (CAPTION if above else 0) + CELL + MARK * len(marks) + 8
