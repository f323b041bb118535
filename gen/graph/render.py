"""A state graph in the format that is asked for."""

from __future__ import annotations

from eoscheck.checker.stategraph import StateGraph

FORMATS = ("dot", "graphml", "svg", "png")


def render(graph: StateGraph, form: str) -> str | bytes:
    """The graph as text, or as bytes where it is PNG."""
    if form == "dot":
        from eoscheck.gen.graph.dot import dot

        return dot(graph)
    if form == "graphml":
        from eoscheck.gen.graph.graphml import graphml

        return graphml(graph)
    from eoscheck.gen.graph.svg import svg

    if form == "svg":
        return svg(graph)
    from eoscheck.gen.diagram.png import png

    return png(svg(graph), ZOOM)


ZOOM = 1.5
"""Dots of a PNG for each pixel of the picture: enough to read it enlarged."""
