"""How much room text takes, in pixels: a little more than it does in the usual fonts, so that it fits in any."""

from __future__ import annotations

from collections.abc import Sequence

from eoscheck.gen.diagram.metrics import width
from eoscheck.gen.graph.labels import Line

SIZES = {"head": 13, "plain": 12, "bad": 12, "good": 12, "end": 12, "quiet": 11, "trace": 12, "fault": 12}
"""The size of letters by style."""

BOLD = ("head", "bad", "end", "trace")
LEADING = 1.3


def block(lines: Sequence[Line], margin: tuple[float, float]) -> tuple[float, float]:
    """Width and height of a box with these lines and so much air left and right, above and below."""
    wide = max((width(line.text, SIZES[line.style], bold=line.style in BOLD) for line in lines), default=0)
    height = sum(SIZES[line.style] * LEADING for line in lines)
    return round(wide + 2 * margin[0], 1), round(height + 2 * margin[1], 1)
