"""The lines of arrows: a request is drawn by halves, the one that it has gone and the one that it has to go."""

from __future__ import annotations

from collections.abc import Iterator

from eoscheck.gen.diagram.elements import element, line, number, path


def shaft(how: str, x1: float, x2: float, y: float, color: str) -> Iterator[str]:
    """The line of an arrow with its head, by how the message goes."""
    way = 1 if x2 > x1 else -1
    middle = (x1 + x2) / 2
    dots: dict[str, str | float] = {"stroke_width": 1.3, "stroke_dasharray": "1.5 4"}
    if how == "handled":
        yield line(x1, y, middle, y, color, **dots)
        yield line(middle, y, x2 - 7 * way, y, color, stroke_width=1.7)
        yield _filled(x2, y, way, color)
    elif how in ("sent", "lost", "delayed"):
        yield element("circle", cx=x1, cy=y, r=3.0, class_=f"f-{color}")
        yield line(x1, y, middle, y, color, stroke_width=1.7)
        if how == "lost":
            yield _cross(middle + 5 * way, y, color)
        else:
            yield line(middle + 4 * way, y, x2, y, color, **dots)
        if how == "sent":
            yield _open(middle, y, way, color)
        if how == "delayed":
            yield element("circle", cx=middle, cy=y, r=6.0, class_=f"f-paper s-{color}", stroke_width=1.5)
            yield path(f"M{number(middle)} {number(y - 3.5)}v3.5h3", f"s-{color}", stroke_width=1.3)
    elif how == "call":
        yield element("circle", cx=x1, cy=y, r=3.0, class_=f"f-{color}")
        yield line(x1, y, x2 - 7 * way, y, color, stroke_width=1.7)
        yield _filled(x2, y, way, color)
    else:
        yield line(x1, y, x2 - way, y, color, stroke_width=1.5, stroke_dasharray="6 3")
        yield _open(x2 - way, y, way, color)


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
