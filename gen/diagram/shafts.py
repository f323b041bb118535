"""The lines of arrows: a request is drawn by halves, the one that it has gone and the one that it has to go."""

from __future__ import annotations

from collections.abc import Iterator

from eoscheck.gen.diagram.arrows import How
from eoscheck.gen.diagram.elements import element, line, number, path

DOTS: dict[str, str | float] = {"stroke_width": 1.3, "stroke_dasharray": "1.5 4"}


def shaft(how: How, x1: float, x2: float, y: float, color: str) -> Iterator[str]:
    """The line of an arrow with its head, by how the message goes."""
    way = 1 if x2 > x1 else -1
    middle = (x1 + x2) / 2
    if how in ("sent", "lost", "delayed"):
        yield _dot(x1, y, color)
        yield line(x1, y, middle, y, color, stroke_width=1.7)
        yield from _far(how, middle, x2, y, color, way)
    elif how in ("answered", "read"):
        yield line(x1, y, x2 - way, y, color, stroke_width=1.5, stroke_dasharray="6 3")
        yield _open(x2 - way, y, way, color)
    else:
        yield line(x1, y, middle, y, color, **DOTS) if how == "handled" else _dot(x1, y, color)
        yield line(middle if how == "handled" else x1, y, x2 - 7 * way, y, color, stroke_width=1.7)
        yield _filled(x2, y, way, color)


def _far(how: How, middle: float, x2: float, y: float, color: str, way: int) -> Iterator[str]:
    """The second half of the way of a message that has not arrived."""
    if how == "lost":
        yield _cross(middle + 5 * way, y, color)
        return
    yield line(middle + 4 * way, y, x2, y, color, **DOTS)
    if how == "sent":
        yield _open(middle, y, way, color)
    else:
        yield _clock(middle, y, color)


def _dot(x: float, y: float, color: str) -> str:
    return element("circle", cx=x, cy=y, r=3.0, class_=f"f-{color}")


def _clock(x: float, y: float, color: str) -> str:
    face = element("circle", cx=x, cy=y, r=6.0, class_=f"f-paper s-{color}", stroke_width=1.5)
    return face + path(f"M{number(x)} {number(y - 3.5)}v3.5h3", f"s-{color}", stroke_width=1.3)


def _filled(x: float, y: float, way: int, color: str) -> str:
    return path(f"M{number(x)} {number(y)}l{-10 * way} -4.5v9z", f"f-{color}")


def _open(x: float, y: float, way: int, color: str) -> str:
    return path(
        f"M{number(x - 8 * way)} {number(y - 4.5)}L{number(x)} {number(y)}l{-8 * way} 4.5",
        f"s-{color}",
        stroke_width=1.5,
    )


def _cross(x: float, y: float, color: str) -> str:
    return path(
        f"M{number(x - 5)} {number(y - 5)}l10 10M{number(x - 5)} {number(y + 5)}l10 -10",
        f"s-{color}",
        stroke_width=2.6,
    )
