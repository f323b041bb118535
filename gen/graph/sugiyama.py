"""A layered layout in plain Python (Sugiyama 1981), by grandalf: layers, their order, and where each box lies.

Lines run straight down through the layers and bend between them, so that none runs across a box.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from eoscheck.gen.graph.layout import Layout, Point, Sketch, moved

BESIDE, BETWEEN = 16.0, 34.0
"""Pixels between two boxes of a layer, and between two layers."""

PASSING = 10.0
"""Width of what a line needs to pass a layer."""

PORTS = 22.0
"""Pixels between two lines that leave a box, at the most."""

ROUNDS = 3


class _View:
    """A box, as grandalf wants it."""

    def __init__(self, width: float = PASSING, height: float = 0.0) -> None:
        self.w, self.h = width, height
        self.xy: Point = (0.0, 0.0)


def layout(sketch: Sketch) -> Layout:
    """Lay it out; the same on every run."""
    if not sketch.lines:
        return moved([(0.0, 0.0) for _ in sketch.boxes], [], sketch)
    from grandalf.graphs import Edge, Graph, Vertex  # type: ignore[import-untyped]
    from grandalf.layouts import SugiyamaLayout  # type: ignore[import-untyped]

    vertices = [Vertex(i) for i in range(len(sketch.boxes))]
    for vertex, (width, height) in zip(vertices, sketch.boxes, strict=True):
        vertex.view = _View(width, height)
    edges = [Edge(vertices[line.above], vertices[line.below]) for line in sketch.lines]
    (core,) = Graph(vertices, edges).C
    drawing = SugiyamaLayout(core)
    drawing.dw, drawing.dh = PASSING, 0.0
    drawing.xspace, drawing.yspace = BESIDE, BETWEEN
    drawing.init_all(roots=[vertices[0]], inverted_edges=[], optimize=False)
    drawing.draw(ROUNDS)
    return _read(drawing, vertices, edges, sketch)


def _read(drawing: Any, vertices: Sequence[Any], edges: Sequence[Any], sketch: Sketch) -> Layout:
    bands = []
    for layer in drawing.layers:
        _spread(layer)
        high = max(v.view.h for v in layer) / 2
        middle = layer[0].view.xy[1]
        bands.append((middle - high, middle + high))
    columns = [_columns(drawing, edge) for edge in edges]
    leaving, arriving = _ports(edges, columns)
    curves = []
    for i, edge in enumerate(edges):
        first, last = (drawing.grx[v].rank for v in edge.v)
        xs = [leaving[i], *columns[i][1:-1], arriving[i]]
        ys = (edge.v[0].view.xy[1] + edge.v[0].view.h / 2, edge.v[1].view.xy[1] - edge.v[1].view.h / 2)
        curves.append(_curve(xs, ys, bands[first : last + 1]))
    return moved([v.view.xy for v in vertices], curves, sketch)


def _columns(drawing: Any, edge: Any) -> list[float]:
    """By layer from the one end of an edge to the other, where it is."""
    first, last = (drawing.grx[v].rank for v in edge.v)
    passed = drawing.ctrls.get(edge, {})
    passing = [passed[r].view.xy[0] for r in range(first + 1, last)]
    return [edge.v[0].view.xy[0], *passing, edge.v[1].view.xy[0]]


def _ports(edges: Sequence[Any], columns: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Where each edge leaves its box and arrives at the other: beside one another, in the order of where they go."""
    found: tuple[list[float], list[float]] = [0.0] * len(edges), [0.0] * len(edges)
    for end, places in enumerate(found):
        boxes: dict[Any, list[int]] = {}
        for i, edge in enumerate(edges):
            boxes.setdefault(edge.v[end], []).append(i)
        for box, those in boxes.items():
            those.sort(key=lambda i: (columns[i][-2 if end else 1], i))
            apart = min(PORTS, 0.7 * box.view.w / len(those))
            for k, i in enumerate(those):
                places[i] = box.view.xy[0] + apart * (k - (len(those) - 1) / 2)
    return found


def _spread(layer: Sequence[Any]) -> None:
    """See to it that nothing in a layer lies upon what is beside it."""
    ordered = sorted(layer, key=lambda v: v.view.xy[0])
    for left, right in pairwise(ordered):
        least = left.view.xy[0] + (left.view.w + right.view.w) / 2 + BESIDE / 2
        x, y = right.view.xy
        right.view.xy = (max(x, least), y)


def _curve(
    columns: Sequence[float], ends: tuple[float, float], bands: Sequence[tuple[float, float]]
) -> list[Point]:
    """A line that is in these columns where it passes the layers, which are these bands of y."""
    points: list[Point] = [(columns[0], ends[0])]
    for (x, to), (_, bottom), (top, _) in zip(pairwise(columns), bands, bands[1:], strict=False):
        points += _straight(points[-1], (x, bottom))
        middle = (bottom + top) / 2
        points += [(x, middle), (to, middle), (to, top)]
    return points + _straight(points[-1], (columns[-1], ends[1]))


def _straight(begin: Point, end: Point) -> list[Point]:
    """A straight line as a curve; nothing where there is no way to go."""
    return [begin, end, end] if begin != end else []
