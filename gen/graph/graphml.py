"""A state graph as GraphML, for Gephi, yEd and programs: all marks as attributes of plain types."""

from __future__ import annotations

import json
from typing import Any

from eoscheck.checker.stategraph import Edge, Node, StateGraph
from eoscheck.gen.graph.labels import Labels, plain


def graphml(graph: StateGraph) -> str:
    """The text of the GraphML file."""
    import networkx  # type: ignore[import-untyped]

    labels = Labels(graph)
    found: Any = networkx.MultiDiGraph(
        title=graph.title,
        spec=graph.spec,
        kind=graph.kind,
        shows=graph.shows or "",
        verdict=graph.verdict,
        states=graph.states,
        complete=graph.stopped is None,
        notes="\n".join(graph.notes),
    )
    for node in graph.nodes:
        found.add_node(str(node.number), **_node(node, labels))
    for number, edge in enumerate(graph.edges):
        found.add_edge(str(edge.source), str(edge.target), key=str(number), **_edge(edge, labels))
    return "\n".join(networkx.generate_graphml(found, named_key_ids=False)) + "\n"


def _node(node: Node, labels: Labels) -> dict[str, Any]:
    return {
        "label": plain(labels.node(node)),
        "kind": node.kind,
        "level": node.level,
        "states": node.states,
        "initial": node.initial,
        "violates": ", ".join(node.violates),
        "meets": ", ".join(node.meets),
        "dead": node.dead,
        "rests": node.rests,
        "on_trace": bool(node.steps),
        "steps": _numbers(node.steps),
        "hidden": node.hidden,
        "values": json.dumps(node.values, sort_keys=True, ensure_ascii=False),
        "observation": json.dumps(node.observation, sort_keys=True, ensure_ascii=False),
    }


def _edge(edge: Edge, labels: Labels) -> dict[str, Any]:
    return {
        "label": plain(labels.edge(edge)),
        "actions": "\n".join(edge.actions),
        "fault": edge.fault,
        "cut": edge.cut,
        "on_trace": bool(edge.steps),
        "steps": _numbers(edge.steps),
    }


def _numbers(steps: tuple[int, ...]) -> str:
    return " ".join(map(str, steps))
