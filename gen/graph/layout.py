"""Where boxes lie and how lines run between them: by Graphviz's `dot` where there is one, otherwise by grandalf.

What stands beside an arrow is a box as well, in the middle of the line, so that nothing can lie upon anything else. The
steps that lead back up are turned round for the layout, which so never has to break a cycle.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A line from one box down to another; `heavy`: it should be short and straight."""

    above: int
    below: int
    heavy: bool = False


@dataclass(frozen=True)
class Sketch:
    """What is to be laid out: width and height of each box, and the lines, which have no cycles."""

    boxes: Sequence[tuple[float, float]]
    lines: Sequence[Line]


@dataclass(frozen=True)
class Layout:
    """Where everything lies.

    centres  by box
    curves   by line, from above to below: a point, then three for each Bézier curve
    """

    width: float
    height: float
    centres: Sequence[Point]
    curves: Sequence[Sequence[Point]]


def layout(sketch: Sketch) -> Layout:
    """Lay it out with what there is."""
    from eoscheck.gen.graph import graphviz, sugiyama

    program = shutil.which("dot")
    found = graphviz.layout(sketch, program) if program else None
    return found or sugiyama.layout(sketch)


def moved(centres: Sequence[Point], curves: Sequence[Sequence[Point]], sketch: Sketch) -> Layout:
    """The layout moved so that it begins at 0, 0."""
    xs = [x + s * w / 2 for (x, _), (w, _) in zip(centres, sketch.boxes, strict=True) for s in (-1, 1)]
    ys = [y + s * h / 2 for (_, y), (_, h) in zip(centres, sketch.boxes, strict=True) for s in (-1, 1)]
    points = [point for curve in curves for point in curve]
    xs, ys = xs + [x for x, _ in points], ys + [y for _, y in points]
    left, top = min(xs), min(ys)

    def move(point: Point) -> Point:
        return round(point[0] - left, 1), round(point[1] - top, 1)

    return Layout(
        round(max(xs) - left, 1),
        round(max(ys) - top, 1),
        [move(p) for p in centres],
        [[move(p) for p in curve] for curve in curves],
    )
