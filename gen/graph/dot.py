"""A state graph as DOT, for Graphviz: the same texts and marks as the picture, levels as ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from eoscheck.checker.stategraph import Edge, Node, StateGraph
from eoscheck.gen.graph.labels import Labels, plain

HEAD = [
    '  fontname="Helvetica"; labelloc=t; labeljust=l; nodesep=0.25; ranksep=0.4; newrank=true;',
    '  node [shape=box, style="rounded,filled", fillcolor="#ffffff", color="#51606f"];',
    '  node [fontname="Helvetica", fontsize=12];',
    '  edge [color="#7a8794", fontname="Helvetica", fontsize=11];',
]

BLUE, RED = "#0b3d78", "#b00020"

LEGEND = (
    "blue and bold: the counterexample, with its steps; double red border: violates a property; "
    "red and dashed: a FAULT; dotted border: more can happen than is shown"
)


def dot(graph: StateGraph) -> str:
    """The text of the DOT file."""
    labels = Labels(graph)
    title = "".join(f"{line.text}\\l" for line in labels.heading())
    lines = ["digraph states {", f"  label={_quoted(title, LEGEND)};", *HEAD]
    lines += [f"  {node.number} [{_attributes(_node(node, labels))}];" for node in graph.nodes]
    lines += _ranks(graph.nodes)
    lines += [
        f"  {edge.source} -> {edge.target} [{_attributes(_edge(edge, labels))}];" for edge in graph.edges
    ]
    return "\n".join([*lines, "}\n"])


def _ranks(nodes: Sequence[Node]) -> list[str]:
    levels = groupby(sorted(nodes, key=lambda node: (node.level, node.number)), key=lambda node: node.level)
    return [f"  {{rank=same; {'; '.join(str(node.number) for node in those)}}}" for _, those in levels]


def _node(node: Node, labels: Labels) -> dict[str, str]:
    found = {"label": plain(labels.node(node)), "tooltip": labels.tooltip(node) or " "}
    if node.initial:
        found["fillcolor"] = "#d7e6f7"
    if node.steps:
        found |= {"color": BLUE, "penwidth": "2.5", "group": "trace"}
    if node.hidden or node.kind in ("more", "cut"):
        found["style"] = "rounded,filled,dotted"
    if node.dead and node.dead == node.states:
        found |= {"fillcolor": "#eceef0", "penwidth": "3"}
    if node.violating:
        found |= {"color": RED, "fillcolor": "#fdecee", "peripheries": "2", "style": "rounded,filled"}
    return found


def _edge(edge: Edge, labels: Labels) -> dict[str, str]:
    found = {"label": plain(labels.edge(edge)), "tooltip": labels.edge_tooltip(edge)}
    if edge.steps:
        found |= {"color": BLUE, "fontcolor": BLUE, "penwidth": "3", "weight": "40"}
    if edge.fault:
        found |= {"color": RED, "fontcolor": RED, "style": "dashed"}
    if edge.cut:
        found["style"] = "dotted"
    return found


def _attributes(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={_quoted(value)}" for name, value in values.items())


def _quoted(*texts: str) -> str:
    """A string of DOT. `\\l` at the end of a line of the title is Graphviz's own."""
    text = "".join(texts)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + escaped.replace("\\\\l", "\\l") + '"'
