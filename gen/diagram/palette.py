"""Colours of a diagram, by what they stand for, and the style sheet that a picture carries.

A picture that stands alone follows the reader's colour scheme; an embedded one takes `--eos-ROLE` from its page; a
plain one, for a renderer that knows no CSS variables, has the light colours.
"""

from __future__ import annotations

LIGHT = {
    "paper": "#ffffff",
    "panel": "#f5f7fa",
    "ink": "#1c2433",
    "soft": "#566074",
    "line": "#b9c1ce",
    "faint": "#e9ecf1",
    "app": "#2563c9",
    "broker": "#7a4fc9",
    "log": "#0b776c",
    "outside": "#9c560a",
    "fault": "#c62828",
    "fault-band": "#fdf0ef",
    "mark": "#8a5a00",
    "mark-band": "#fff5d9",
    "good": "#1f7548",
    "good-band": "#e6f5ec",
    "open": "#955705",
    "open-band": "#fff8e8",
    "gone": "#636d7f",
    "gone-band": "#eceff3",
    "on-dark": "#ffffff",
}

DARK = {
    "paper": "#12161d",
    "panel": "#1c222c",
    "ink": "#e6eaf1",
    "soft": "#a3adbd",
    "line": "#4a5464",
    "faint": "#252c37",
    "app": "#78a6ff",
    "broker": "#b99af5",
    "log": "#4fc7b9",
    "outside": "#e5a24f",
    "fault": "#ff8a80",
    "fault-band": "#33191b",
    "mark": "#f0b840",
    "mark-band": "#33290f",
    "good": "#68cf98",
    "good-band": "#14301f",
    "open": "#f0b860",
    "open-band": "#2e2410",
    "gone": "#8d97a8",
    "gone-band": "#252b35",
    "on-dark": "#12161d",
}

ROOT = "eos-sequence"
"""The class of the outermost element, within which the style sheet holds."""


def style(*, embedded: bool, plain: bool) -> str:
    """The style sheet: `.f-ROLE` fills and `.s-ROLE` strokes."""
    rules = []
    for role, color in LIGHT.items():
        paint = color if plain else f"var(--eos-{role}, {color})"
        rules.append(f".{ROOT} .f-{role}{{fill:{paint}}} .{ROOT} .s-{role}{{stroke:{paint}}}")
    if not plain and not embedded:
        rules.append(f".{ROOT}{{{_variables(LIGHT)}}}")
        rules.append(f"@media (prefers-color-scheme: dark){{.{ROOT}{{{_variables(DARK)}}}}}")
    return "\n".join(rules)


def _variables(colors: dict[str, str]) -> str:
    return ";".join(f"--eos-{role}:{color}" for role, color in colors.items())
