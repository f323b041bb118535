"""A state graph as SVG: boxes for states, arrows for what happens, the counterexample in bold from top to bottom.

Colour never stands alone: what it says, a word, a border or a dash says as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from eoscheck.checker.stategraph import Edge, Node, StateGraph
from eoscheck.gen.diagram.elements import number as n_
from eoscheck.gen.diagram.metrics import width
from eoscheck.gen.graph.labels import Labels
from eoscheck.gen.graph.labels import Line as Text
from eoscheck.gen.graph.layout import Line, Point, Sketch, layout
from eoscheck.gen.graph.metrics import BOLD, LEADING, SIZES, block

FAMILY = "Source Sans Pro, Source Sans 3, Helvetica, Arial, sans-serif"
MARGIN = 24.0
BOX, LABEL = (12.0, 8.0), (3.0, 1.5)
"""Air in a box, and around what stands beside an arrow."""

INSET = 3.0
"""Between the two borders of a state that violates something."""

STYLE = """
text { fill: #1d2733; }
.head, .bad, .end { font-weight: bold; }
.bad { fill: #b00020; } .good { fill: #1b6e33; } .quiet { fill: #5b6673; }
.node rect { fill: #ffffff; stroke: #51606f; stroke-width: 1.2; }
.node.initial rect { fill: #d7e6f7; }
.node.on-trace rect { stroke: #0b3d78; stroke-width: 2.6; }
.node.more rect, .node.cut rect { fill: #f1f3f5; stroke-dasharray: 2 3; }
.node.open rect { stroke-dasharray: 2 3; }
.node.dead-end rect { fill: #eceef0; stroke-width: 3; }
.node.violating rect { fill: #fdecee; stroke: #b00020; stroke-dasharray: none; }
.node.violating rect.inner { fill: none; stroke-width: 1.2; }
.edge path { fill: none; stroke: #7a8794; stroke-width: 1.2; }
.edge polygon { fill: #7a8794; }
.edge.fault path { stroke: #b00020; stroke-dasharray: 6 4; }
.edge.fault polygon { fill: #b00020; } .edge.fault text { fill: #b00020; }
.edge.on-trace path { stroke: #0b3d78; stroke-width: 3; }
.edge.on-trace polygon { fill: #0b3d78; } .edge.on-trace text { fill: #0b3d78; font-weight: bold; }
.edge.on-trace.fault path { stroke: #b00020; }
.edge.on-trace.fault polygon { fill: #b00020; } .edge.on-trace.fault text { fill: #b00020; }
.edge.cut path { stroke-dasharray: 1 3; }
.edge rect { fill: #ffffff; fill-opacity: 0.9; }
"""


def svg(graph: StateGraph) -> str:
    """The picture. The same graph and the same layout engine give the same bytes."""
    return _Drawing(graph).text()


def node_classes(node: Node) -> list[str]:
    """What a node is, in words that styles and readers of the file can use."""
    words = ["node", node.kind]
    words += ["initial"] * node.initial + ["on-trace"] * bool(node.steps)
    words += ["violating"] * bool(node.violating) + ["goal"] * bool(node.meets)
    words += ["dead-end"] * bool(node.dead and node.dead == node.states)
    words += ["at-rest"] * bool(node.rests > node.dead) + ["open"] * bool(node.hidden)
    return words


def edge_classes(edge: Edge) -> list[str]:
    """The same for an edge."""
    return ["edge"] + ["fault"] * edge.fault + ["on-trace"] * bool(edge.steps) + ["cut"] * edge.cut


class _Drawing:
    def __init__(self, graph: StateGraph) -> None:
        self.graph, labels = graph, Labels(graph)
        self.labels = labels
        self.texts = [labels.node(node) for node in graph.nodes]
        self.edge_texts = [labels.edge(edge) for edge in graph.edges]
        boxes = [block(lines, BOX) for lines in self.texts] + [block(t, LABEL) for t in self.edge_texts]
        self.sketch = Sketch(boxes, self._lines())
        self.layout = layout(self.sketch)
        self.legend = legend(graph)
        self.left, self.top = MARGIN, MARGIN

    def _lines(self) -> list[Line]:
        """Two lines for each edge, to what is written beside it and on; both downwards."""
        count, lines = len(self.graph.nodes), []
        for i, edge in enumerate(self.graph.edges, count):
            above, below = sorted((edge.source, edge.target))
            heavy = bool(edge.steps) and edge.source < edge.target
            lines += [Line(above, i, heavy), Line(i, below, heavy)]
        return lines

    def text(self) -> str:
        heading = self.labels.heading()
        high = sum(_size(line) * LEADING for line in heading) + 14
        body = [*self._heading(heading)]
        self.top = MARGIN + high
        graph_width = self.layout.width
        wide = max([graph_width, *(_wide(line) for line in heading), _legend_width(self.legend)])
        self.left = MARGIN + (wide - graph_width) / 2
        for i, edge in enumerate(self.graph.edges):
            body += self._edge(i, edge)
        for i, node in enumerate(self.graph.nodes):
            body += self._node(i, node)
        below = self.top + self.layout.height + 20
        body += _legend(self.legend, MARGIN, below)
        whole, high = wide + 2 * MARGIN, below + LEGEND_HEIGHT + MARGIN
        title = escape(f"{self.graph.title or self.graph.spec}")
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{n_(whole)}" height="{n_(high)}" '
            f'viewBox="0 0 {n_(whole)} {n_(high)}" font-family={quoteattr(FAMILY)} font-size="12" role="img">'
        )
        back = f'<rect width="{n_(whole)}" height="{n_(high)}" fill="#ffffff"/>'
        return "\n".join(
            [head, f"<title>{title}</title>", f"<style>{STYLE}</style>", back, *body, "</svg>\n"]
        )

    def _heading(self, lines: Sequence[Text]) -> list[str]:
        y, found = MARGIN, []
        for line in lines:
            size = _size(line)
            found.append(_text(line, MARGIN, y + size, size))
            y += size * LEADING
        return found

    def _at(self, point: Point) -> Point:
        return point[0] + self.left, point[1] + self.top

    def _node(self, i: int, node: Node) -> list[str]:
        (x, y), (w, h) = self._at(self.layout.centres[i]), self.sketch.boxes[i]
        parts = [f'<g class="{" ".join(node_classes(node))}" id="n{node.number}">']
        parts.append(f"<title>{escape(self.labels.tooltip(node))}</title>")
        parts.append(_rect(x - w / 2, y - h / 2, w, h, 7))
        if node.violating:
            parts.append(
                _rect(x - w / 2 + INSET, y - h / 2 + INSET, w - 2 * INSET, h - 2 * INSET, 5, "inner")
            )
        return [*parts, *_centred(self.texts[i], x, y - h / 2 + BOX[1]), "</g>"]

    def _edge(self, i: int, edge: Edge) -> list[str]:
        parts = [f'<g class="{" ".join(edge_classes(edge))}" id="e{edge.source}-{edge.target}-{i}">']
        parts.append(f"<title>{escape(self.labels.edge_tooltip(edge))}</title>")
        curves = [[self._at(p) for p in curve] for curve in self.layout.curves[2 * i : 2 * i + 2]]
        if edge.source > edge.target:
            curves = [curve[::-1] for curve in curves[::-1]]
        parts += [_path(curve) for curve in curves]
        parts.append(_arrow(curves[-1]))
        place = len(self.graph.nodes) + i
        (x, y), (w, h) = self._at(self.layout.centres[place]), self.sketch.boxes[place]
        parts.append(_rect(x - w / 2, y - h / 2, w, h, 3))
        return [*parts, *_centred(self.edge_texts[i], x, y - h / 2 + LABEL[1]), "</g>"]


# --- pieces


def _size(line: Text) -> float:
    return 17 if line.style == "head" else 13


def _wide(line: Text) -> float:
    return width(line.text, _size(line), bold=line.style in BOLD)


def _rect(x: float, y: float, w: float, h: float, round: float, name: str = "") -> str:
    named = f' class="{name}"' if name else ""
    return f'<rect{named} x="{n_(x)}" y="{n_(y)}" width="{n_(w)}" height="{n_(h)}" rx="{n_(round)}"/>'


def _text(line: Text, x: float, y: float, size: float, anchor: str = "start") -> str:
    return (
        f'<text class="{line.style}" x="{n_(x)}" y="{n_(y)}" font-size="{n_(size)}" '
        f'text-anchor="{anchor}">{escape(line.text.strip())}</text>'
    )


def _centred(lines: Sequence[Text], x: float, top: float) -> list[str]:
    found = []
    for line in lines:
        size = SIZES[line.style]
        found.append(_text(line, x, top + size, size, "middle"))
        top += size * LEADING
    return found


def _path(curve: Sequence[Point]) -> str:
    first, rest = curve[0], curve[1:]
    points = " ".join(f"{n_(x)},{n_(y)}" for x, y in rest)
    return f'<path d="M{n_(first[0])},{n_(first[1])} C{points}"/>'


def _arrow(curve: Sequence[Point]) -> str:
    """The head of an arrow at the end of a curve."""
    tip = curve[-1]
    back = next((p for p in reversed(curve[:-1]) if math.dist(p, tip) > 1), (tip[0], tip[1] - 1))
    length = math.dist(back, tip)
    dx, dy = (tip[0] - back[0]) / length, (tip[1] - back[1]) / length
    base = tip[0] - 9 * dx, tip[1] - 9 * dy
    corners = [tip, (base[0] - 4 * dy, base[1] + 4 * dx), (base[0] + 4 * dy, base[1] - 4 * dx)]
    return f'<polygon points="{" ".join(f"{n_(x)},{n_(y)}" for x, y in corners)}"/>'


# --- the legend

LEGEND_HEIGHT = 22.0


def legend(graph: StateGraph) -> list[tuple[str, str]]:
    """The marks that occur in a graph, each with what it means: (classes, words)."""
    nodes = {word for node in graph.nodes for word in node_classes(node)}
    edges = {word for edge in graph.edges for word in edge_classes(edge)}
    known = [
        ("node", "initial", "initial"),
        ("node", "on-trace", "on the counterexample"),
        ("node", "violating", "violates a property (all states behind it)"),
        ("node", "dead-end", "dead end: nothing can happen"),
        ("node", "open", "more can happen than is shown"),
        ("node", "more", "several, folded"),
        ("edge", "on-trace", "step of the counterexample"),
        ("edge", "fault", "FAULT"),
        ("edge", "cut", "cut by a capacity"),
    ]
    return [
        (f"{kind} {word}", text) for kind, word, text in known if word in (nodes if kind == "node" else edges)
    ]


def _legend_width(entries: Sequence[tuple[str, str]]) -> float:
    return sum(52 + width(text, 12) for _, text in entries)


def _legend(entries: Sequence[tuple[str, str]], x: float, y: float) -> list[str]:
    found = ['<g class="legend">']
    for classes, text in entries:
        found.append(f'<g class="{classes}">')
        if classes.startswith("node"):
            found.append(_rect(x, y + 2, 26, 16, 4))
            found += [_rect(x + INSET, y + 2 + INSET, 20, 10, 3, "inner")] * ("violating" in classes)
        else:
            found += [
                _path([(x, y + 10)] * 2 + [(x + 18, y + 10)] * 2),
                _arrow([(x, y + 10), (x + 26, y + 10)]),
            ]
        found += ["</g>", _text(Text(text), x + 32, y + 14, 12)]
        x += 52 + width(text, 12)
    return [*found, "</g>"]
