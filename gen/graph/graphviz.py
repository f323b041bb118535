"""The layout of Graphviz, of which only positions are taken: what is drawn looks the same whoever laid it out."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from eoscheck.gen.graph.layout import Layout, Point, Sketch, moved

INCH = 72.0

PATIENCE = 60
"""Seconds that `dot` is given."""


def layout(sketch: Sketch, program: str) -> Layout | None:
    """What `dot` makes of it; None where it cannot be started or does not answer."""
    try:
        done = subprocess.run(
            [program, "-Tjson0"],
            input=_dot(sketch),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        return _read(json.loads(done.stdout), sketch)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return None


def _dot(sketch: Sketch) -> str:
    lines = [
        "digraph { nodesep=0.2; ranksep=0.22;",
        'node [shape=box, fixedsize=true, label="", margin=0]; edge [arrowhead=none];',
    ]
    for i, (width, height) in enumerate(sketch.boxes):
        lines.append(f"{i} [width={width / INCH:.3f}, height={height / INCH:.3f}];")
    for i, line in enumerate(sketch.lines):
        weight = 40 if line.heavy else 1
        lines.append(f"{line.above} -> {line.below} [id={i}, weight={weight}];")
    return "\n".join([*lines, "}\n"])


def _read(found: dict[str, Any], sketch: Sketch) -> Layout:
    places = {int(thing["name"]): _point(thing["pos"]) for thing in found["objects"]}
    curves = {int(edge["id"]): [_point(p) for p in edge["pos"].split()] for edge in found.get("edges", ())}
    return moved(
        [places[i] for i in range(len(sketch.boxes))], [curves[i] for i in range(len(sketch.lines))], sketch
    )


def _point(text: str) -> Point:
    """A point, with y downwards."""
    x, y = text.split(",")
    return float(x), -float(y)
