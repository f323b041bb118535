"""A sequence diagram as SVG: sentences in a column, lanes beside them, and on the lanes what each step does.

Every step is a group of its own (`<g class="step" data-step="7" id="step-7">`), every lane too, so that a page can
point at them. Colour is never alone: a fault is called one, an aborted record is struck through.
"""

from __future__ import annotations

from collections.abc import Iterator

from eoscheck.gen.diagram import layout as place
from eoscheck.gen.diagram.arrows import Arrow
from eoscheck.gen.diagram.elements import element, line, number, path, rect, text, title
from eoscheck.gen.diagram.layout import (
    LABEL,
    LINE,
    MARGIN,
    NUMBER,
    PADDING,
    SMALL,
    TEXT,
    TITLE,
    Layout,
    Row,
)
from eoscheck.gen.diagram.legend import height as legend_height
from eoscheck.gen.diagram.legend import legend
from eoscheck.gen.diagram.metrics import fitted, width
from eoscheck.gen.diagram.palette import ROOT, style
from eoscheck.gen.diagram.sequence import Diagram, Lane
from eoscheck.gen.diagram.shafts import shaft
from eoscheck.gen.diagram.strips import stacked

FONTS = "'Source Sans Pro', 'Source Sans 3', system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"

COLORS = {
    "producer": "app",
    "processor": "app",
    "consumer": "app",
    "relay": "app",
    "group": "broker",
    "transactions": "broker",
    "partition": "log",
    "store": "outside",
    "lookup": "outside",
    "reader": "good",
    "other": "soft",
}
"""The colour of a lane, by its kind; the head says the same in words."""


def svg(diagram: Diagram, *, embedded: bool = False, plain: bool = False, prefix: str = "") -> str:
    """The picture, a whole XML document.

    embedded   for an HTML page, which has heading and sentences of its own: lanes and numbers only, no background, and
               colours from the page's variables (`palette`)
    plain      light colours without CSS variables, for renderers that know none
    prefix     of all ids, where a page has several pictures
    """
    spot = place.layout(diagram, legend_height, bare=embedded)
    inside = [
        title(diagram.title),
        element("style", style(embedded=embedded, plain=plain)),
        "" if embedded else rect(0, 0, spot.width, spot.height, "f-paper"),
        *([] if embedded else _heading(diagram, spot)),
        *(_lane(lane, spot) for lane in diagram.lanes),
        *_separators(spot),
        *_frame(diagram, spot),
        element("g", *stacked(diagram.initial, spot.x, spot.start), class_="initial"),
        *(_step(row, spot, prefix) for row in spot.rows),
        *_witness(diagram, spot),
        *legend(diagram, spot.legend, spot.width),
    ]
    return (
        element(
            "svg",
            "\n".join(filter(None, inside)),
            xmlns="http://www.w3.org/2000/svg",
            class_=ROOT,
            role="img",
            aria_label=f"Sequence diagram: {diagram.title}",
            viewBox=f"0 0 {number(spot.width)} {number(spot.height)}",
            width=spot.width,
            height=spot.height,
            font_family=FONTS,
        )
        + "\n"
    )


def _heading(diagram: Diagram, spot: Layout) -> Iterator[str]:
    for i, words in enumerate(spot.title):
        yield text(MARGIN, MARGIN + 18 + 26 * i, words, TITLE, bold=True)
    if diagram.subject:
        room = spot.width - 2 * MARGIN
        shown = fitted(diagram.subject, room, TEXT, most=1)[0]
        yield text(MARGIN, MARGIN + 12 + 26 * len(spot.title), shown, TEXT, "soft")


# --- lanes


def _lane(lane: Lane, spot: Layout) -> str:
    x, box = spot.x[lane.name], spot.boxes[lane.name]
    bottom = max(spot.rows[-1].top + spot.rows[-1].height if spot.rows else spot.start, spot.heads[-1])
    return element(
        "g",
        title(f"{lane.name}: {lane.role}" if lane.role else lane.name),
        line(x, spot.heads[0] + box.height, x, bottom, "line", stroke_width=1.2),
        *(part for y in spot.heads for part in _head(lane, box, x, y)),
        class_="lane",
        data_lane=lane.name,
    )


def _head(lane: Lane, box: place.Head, x: float, y: float) -> Iterator[str]:
    left, color = x - box.width / 2, COLORS[lane.kind]
    yield rect(left, y, box.width, box.height, f"f-panel s-{color}", radius=5, stroke_width=1.2)
    yield rect(left, y, box.width, 4, f"f-{color}", radius=2)
    for i, words in enumerate(box.name):
        yield text(x, y + 20 + 16 * i, words, TEXT, anchor="middle", bold=True)
    yield text(x, y + box.height - 9, lane.role, SMALL, color, anchor="middle")


def _separators(spot: Layout) -> Iterator[str]:
    for row in spot.rows:
        yield line(MARGIN, row.top, spot.width - MARGIN, row.top, "faint")


def _frame(diagram: Diagram, spot: Layout) -> Iterator[str]:
    """The lasso: a frame with its name in the corner, and an arrow that leads back to its beginning."""
    if spot.frame is None:
        return
    top, high = spot.frame
    first, last = diagram.lasso or (0, 0)
    back = path(f"M{number(spot.width - MARGIN + 12)} {number(top + 6)}l6 11h-12z", "f-broker")
    left, right = MARGIN - 12, spot.width - MARGIN + 12
    wide = width(diagram.forever, TEXT, bold=True) + 24
    yield element(
        "g",
        title(diagram.forever),
        rect(left, top, right - left, high, "s-broker", radius=6, stroke_width=2, stroke_dasharray="7 4"),
        rect(left, top, wide, 24, "f-broker", radius=6),
        text(left + 12, top + 17, diagram.forever, TEXT, "on-dark", bold=True),
        back if first <= last else "",
        class_="lasso",
    )


# --- steps


def _step(row: Row, spot: Layout, prefix: str) -> str:
    event = row.event
    attributes: dict[str, str | float] = {"opacity": "0.38"} if event.dimmed else {}
    said = f"{event.number}. " + (f"FAULT {event.fault}: " if event.fault else "") + event.sentence
    kinds = ["step", *(["fault"] if event.fault else []), *(["marked"] if event.marked else [])]
    return element(
        "g",
        title(said),
        *_behind(row, spot),
        *_sentence(row, spot),
        *_deeds(row, spot),
        *stacked(event.notes, spot.x, row.notes),
        class_=" ".join(kinds),
        data_step=str(event.number),
        id=f"{prefix}step-{event.number}",
        **attributes,
    )


def _behind(row: Row, spot: Layout) -> Iterator[str]:
    """A band behind the sentence of a fault, or of a step that is marked; lifelines lie lower and must be seen."""
    role = "mark" if row.event.marked else "fault" if row.event.fault else None
    if role is None:
        return
    left, wide, high = MARGIN - 6, spot.width - 2 * MARGIN + 12, row.height - 2
    yield rect(left, row.top + 1, spot.left - left - 14, high, f"f-{role}-band", radius=4)
    yield rect(left, row.top + 1, 4, high, f"f-{role}", radius=2)
    if row.event.marked:
        yield rect(left, row.top + 1, wide, high, "s-mark", radius=4, stroke_width=1.6)


def _sentence(row: Row, spot: Layout) -> Iterator[str]:
    event, y = row.event, row.top + PADDING + 14
    color = "fault" if event.fault else "soft"
    yield text(MARGIN + NUMBER, y, str(event.number), TEXT, color, anchor="end", bold=True)
    x = MARGIN + NUMBER + 12
    if spot.left == place.BARE:
        return
    if event.fault:
        yield _bolt(x + 5, y - 4.5, 0.8)
        fault = fitted(f"FAULT {event.fault}", place.SENTENCE - 16, TEXT, most=1, bold=True)[0]
        yield text(x + 16, y, fault, TEXT, "fault", bold=True)
        y += LINE
    for i, words in enumerate(row.lines):
        yield text(x, y + LINE * i, words, TEXT, bold=event.marked)


def _deeds(row: Row, spot: Layout) -> Iterator[str]:
    """Arrows, or a box where it happens in one lane."""
    event = row.event
    for arrow, y in zip(event.arrows, row.arrows, strict=True):
        yield _arrow(arrow, spot, y, bad=bool(event.fault))
    x, y = spot.x[event.lane], row.top + PADDING + 12
    if not event.arrows and event.struck and event.struck != event.lane:
        yield line(x, y, spot.x[event.struck], y, "fault", stroke_width=1.4, stroke_dasharray="2 3")
    if not event.arrows and event.lane != event.struck:
        yield rect(x - 6, y - 9, 12, 18, "f-panel s-soft", radius=2, stroke_width=1.4)
    if event.struck and not event.arrows:
        yield element(
            "circle", cx=spot.x[event.struck], cy=y, r=11.0, class_="f-paper s-fault", stroke_width=1.6
        )
        yield _bolt(spot.x[event.struck], y, 1.1)


def _bolt(x: float, y: float, scale: float) -> str:
    """A flash of lightning."""
    points = [(1.5, -7), (-4.5, 1), (-0.5, 1), (-1.5, 7), (4.5, -1.5), (0.5, -1.5)]
    d = "L".join(f"{number(x + a * scale)} {number(y + b * scale)}" for a, b in points)
    return path(f"M{d}z", "f-fault")


def _arrow(arrow: Arrow, spot: Layout, y: float, bad: bool) -> str:
    x1, x2 = spot.x[arrow.start], spot.x[arrow.end]
    color = "fault" if bad else "soft" if arrow.how in ("answered", "read") else "ink"
    return element(
        "g",
        *shaft(arrow.how, x1, x2, y, color),
        *_label(arrow, (x1 + x2) / 2, y, color),
        class_=f"arrow {arrow.how}",
        data_from=arrow.start,
        data_to=arrow.end,
    )


def _label(arrow: Arrow, x: float, y: float, color: str) -> Iterator[str]:
    if not arrow.label:
        return
    wide = width(arrow.label, LABEL)
    yield rect(x - wide / 2 - 3, y - 19, wide + 6, 14, "f-paper", radius=2)
    yield text(x, y - 8, arrow.label, LABEL, color, anchor="middle")


def _witness(diagram: Diagram, spot: Layout) -> Iterator[str]:
    y, lines = spot.witness
    color, word = ("good", "REACHED") if diagram.met else ("fault", "VIOLATED")
    high = len(lines) * 20 + 20
    yield element(
        "g",
        title(diagram.witness),
        rect(
            MARGIN - 6,
            y,
            spot.width - 2 * MARGIN + 12,
            high,
            f"f-{color}-band s-{color}",
            radius=6,
            stroke_width=1.4,
        ),
        text(MARGIN + 10, y + 25, word, TEXT + 1, color, bold=True),
        *(text(MARGIN + 100, y + 25 + 20 * i, words, TEXT + 1, bold=True) for i, words in enumerate(lines)),
        class_="witness",
    )
