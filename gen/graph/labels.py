"""What stands in the boxes of a state graph and beside its arrows: what tells a state from the one before, never all of
it; that is in the tooltip. Lines are short, and few.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eoscheck.checker.stategraph import Edge, Node, StateGraph
from eoscheck.gen.story import differences

WIDE = 34
"""Letters of a line in a box."""

LINES, FEWER = 6, 3
"""Things that a box says it holds: one that stands for many states, and one that stands for one."""

EDGE_WIDE, EDGE_ACTIONS = 32, 3
"""Letters of a line beside an arrow, and how many actions are named there."""

ALL_VALUES = 6
"""Where so few values differ between the nodes of a projection, each node shows them all."""


@dataclass(frozen=True)
class Line:
    """A line of text. style: "head", "plain", "bad", "good", "end", "quiet", "trace" or "fault"."""

    text: str
    style: str = "plain"


class Labels:
    """The texts of one graph."""

    def __init__(self, graph: StateGraph) -> None:
        self.graph = graph
        self.owner = f"{graph.onto[0]}." if len(graph.onto) == 1 else ""
        classes = [node for node in graph.nodes if node.kind == "class"]
        self.varying = [
            name
            for name in (classes[0].values if classes else ())
            if len({_value(node.values[name]) for node in classes}) > 1
        ]

    # -- nodes

    def node(self, node: Node) -> list[Line]:
        """What stands in the box of a node."""
        if node.kind == "cut":
            return _wrapped(f"cut: {str(node.values['cut']).rpartition(': ')[2]}", "quiet")
        lines = _wrapped(self._head(node), "head") + self._body(node)
        for name, count in node.violates.items():
            lines += _wrapped(f"violates {name}{_of(count, node)}", "bad")
        for name, count in node.meets.items():
            lines += _wrapped(f"meets {name}{_of(count, node)}", "good")
        return [*lines, *self._ends(node)]

    def _head(self, node: Node) -> str:
        if node.kind == "more":
            folded = node.values.get("nodes")
            return f"+{folded:,} more nodes" if folded else f"+{node.states:,} more"
        if not node.steps:
            return f"{node.number}"
        after = _ranges([step for step in node.steps if step])
        noun = "steps" if len(node.steps) - (0 in node.steps) > 1 else "step"
        said = ["at the beginning"] * (0 in node.steps) + [f"after {noun} {after}"] * bool(after)
        return f"{node.number}  {', '.join(said)}"

    def _body(self, node: Node) -> list[Line]:
        if node.kind == "more":
            return []
        said = self._held(node) if node.kind == "class" else self._changed(node)
        most = LINES if node.kind == "class" else FEWER
        # A line that says that there is one more takes as much room as that one.
        most = most if len(said) > most + 1 else most + 1
        lines = [line for text in said[:most] for line in _wrapped(text, "plain")]
        return [*lines, Line(f"… {len(said) - most} more", "quiet")] if len(said) > most else lines

    def _held(self, node: Node) -> list[str]:
        """The values of a class: all that differ between classes, or those that differ from the beginning."""
        names = self.varying
        if len(names) > ALL_VALUES and not node.initial:
            start = self.graph.nodes[0].values
            names = [name for name in names if node.values[name] != start[name]]
            return [f"{name} {_value(node.values[name])}" for name in names] or ["as at the beginning"]
        return [f"{name} {_value(node.values[name])}" for name in names]

    def _changed(self, node: Node) -> list[str]:
        """What has changed on the way from its parent: for an outsider, otherwise inside."""
        if node.parent is None:
            return []
        before = self.graph.nodes[node.parent]
        seen = differences(before.observation or {}, node.observation or {})
        if seen:
            return [
                f"{place}: {name} {_value(new)}"
                for place, things in seen
                for name, (_, new) in things.items()
            ]
        changed = {k: v for k, v in node.values.items() if before.values.get(k) != v}
        # How many faults have happened is seen from the arrows.
        own = {k: v for k, v in changed.items() if not k.startswith("faults.")} or changed
        return [f"{name} {_value(v)}" for name, v in sorted(own.items(), key=lambda c: _rank(c[1]))]

    def _ends(self, node: Node) -> list[Line]:
        rests = node.rests - node.dead
        if node.kind == "state":
            return [Line("dead end", "end")] * node.dead + [
                Line("at rest: nothing but faults", "end")
            ] * rests
        ends = [_number(node.dead, "dead end"), f"{rests:,} at rest" if rests else ""]
        size = "" if node.kind == "more" and "nodes" not in node.values else _number(node.states, "state")
        lines = [", ".join(part for part in (size, *ends) if part)]
        return [line for text in lines if text for line in _wrapped(text, "quiet")]

    def tooltip(self, node: Node) -> str:
        """All that a node holds."""
        if node.kind == "cut":
            return str(node.values["cut"])
        lines = [f"{name}: {_value(value)}" for name, value in node.values.items()]
        if node.observation:
            lines.append(f"observation: {_value(node.observation)}")
        if node.hidden:
            lines.append(f"{node.hidden} steps from here are not shown")
        return "\n".join(lines)

    # -- edges

    def edge(self, edge: Edge) -> list[Line]:
        """What stands beside an edge."""
        style = "fault" if edge.fault else "trace" if edge.steps else "plain"
        numbers = _ranges(edge.steps)
        names = [name.removeprefix(self.owner) for name in edge.actions[:EDGE_ACTIONS]]
        before = f"{numbers}  " if numbers else ""
        before += "FAULT " if edge.fault else ""
        lines: list[Line] = []
        for i, name in enumerate(names):
            lines += _wrapped(f"{before if i == 0 else ''}{name}", style, EDGE_WIDE)
        rest = len(edge.actions) - len(names)
        return [*lines, Line(f"… {rest} more", "quiet")] if rest else lines

    def edge_tooltip(self, edge: Edge) -> str:
        """All that happens along an edge."""
        numbers = f"step {_ranges(edge.steps)}: " if edge.steps else ""
        return numbers + ("FAULT " if edge.fault else "") + "\n".join(edge.actions)

    # -- the whole

    def heading(self) -> list[Line]:
        """What stands above the picture."""
        graph = self.graph
        in_all = f"; {graph.states:,} states in all" if graph.states else ""
        kinds = {
            "whole": f"all {graph.states:,} states" + (" that were found" if graph.stopped else ""),
            "neighbourhood": f"the counterexample and what else could have happened{in_all}",
            "beginning": f"the first {len(graph.nodes):,} of {graph.states:,} states",
            "projected": f"{graph.states:,} states, seen through {', '.join(graph.onto)}",
        }
        lines = [Line(graph.title or graph.spec, "head"), Line(f"{graph.spec}: {kinds[graph.kind]}")]
        lines.append(Line(graph.verdict, "bad" if "violated in" in graph.verdict else "plain"))
        lines += [Line(graph.why)] if graph.why else []
        return lines + [
            Line(note, "bad" if note.startswith("INCOMPLETE") else "quiet") for note in graph.notes
        ]


def _ranges(steps: Sequence[int]) -> str:
    """Numbers in order, as people write them.

    >>> _ranges([1, 2, 3, 5, 7, 8])
    '1–3, 5, 7, 8'
    """
    runs: list[list[int]] = []
    for step in steps:
        if runs and step == runs[-1][-1] + 1:
            runs[-1].append(step)
        else:
            runs.append([step])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}" if count else ""


def _of(count: int, node: Node) -> str:
    return f": {count:,} of {node.states:,}" if node.states > 1 else ""


def _rank(value: Any) -> tuple[bool, bool]:
    """Words before numbers before lists: what something does is said by words."""
    return not isinstance(value, str), isinstance(value, list)


def _wrapped(text: str, style: str, width: int = WIDE) -> list[Line]:
    """Lines of at most so many letters, broken where names of actions have their joints."""
    pieces = [piece[i : i + width] for piece in JOINT.split(text) for i in range(0, len(piece), width)]
    lines = [""]
    for piece in pieces:
        if lines[-1] and len(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [Line(line.strip(), style) for line in lines]


JOINT = re.compile(r"(?<=\s)(?=\S)|(?<=\.)(?=\D)|(?<=\w)(?=\((?!\)))|(?<=\w)(?=@)")


def _value(value: Any) -> str:
    if isinstance(value, list) and len(value) > 8 and len(set(map(repr, value))) == 1:
        return f"{len(value)} x {_value(value[0])}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def plain(lines: Iterable[Line]) -> str:
    """The text of lines, without how they look."""
    return "\n".join(line.text for line in lines)
