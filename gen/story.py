"""A counterexample as a story: numbered sentences, under each what it changed, at the end why it is wrong.

What changed is what an outsider could see change: logs, offsets, rows, what readers were given. `Style.full` spells
out every variable, with whole states and observations.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from eoscheck.checker.counterexample import Step, Trace
from eoscheck.gen.screen import Style, glued, printable
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

UNTOLD = ("outcomes",)
"""Parts of an observation that follow from others."""

End = tuple[str, str | None]


def story(trace: Trace, ends: Iterable[End], style: Style) -> list[RenderableType]:
    """The whole of a trace. `ends`: labelled lines to be copied, after its reason."""
    parts: list[RenderableType] = [claim(trace), Text()]
    if style.full:
        parts += [Padding(Text(printable(_state(_initial(trace))), "dim"), (0, 0, 0, 4)), Text()]
    if trace.steps:
        parts += [_steps(trace, style), Text()]
    return [*parts, *ending(trace, ends)]


def claim(trace: Trace) -> RenderableType:
    """The sentence that a trace shows: what is violated, and in how many steps."""
    steps = len(trace.steps)
    when = f"in {steps} steps" if steps > 1 else "in one step" if steps else "in the initial state"
    said = f": {' '.join(trace.says.split())}" if trace.says else ""
    verb, color = ("reached", "bold green") if trace.kind == "sometimes" else ("violated", "bold red")
    return Text.assemble((printable(trace.property), color), printable(f" is {verb} {when}{said}"))


def ending(trace: Trace, ends: Iterable[End]) -> list[RenderableType]:
    """Why the last state is wrong, and the lines below."""
    why = labelled([("why      ", str(trace.witness.get("sentence", "")))])
    return [why, *(unbroken(label, text) for label, text in ends if text)]


def unbroken(label: str, text: str) -> RenderableType:
    """A labelled line to be copied: it is never wrapped."""
    return Text.assemble((f"  {label:<9}  ", "dim"), printable(text), no_wrap=True)


def labelled(rows: Iterable[tuple[str, str]]) -> RenderableType:
    """Paragraphs beside their labels."""
    grid = Table.grid(padding=(0, 2), pad_edge=True)
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for label, text in rows:
        grid.add_row(label, Text(printable(text)))
    return grid


def _steps(trace: Trace, style: Style) -> RenderableType:
    grid = Table.grid(padding=(0, 1), pad_edge=True)
    grid.add_column(justify="right", no_wrap=True, min_width=3)
    grid.add_column(no_wrap=True, width=1)
    grid.add_column(overflow="fold", max_width=22)
    grid.add_column(overflow="fold")
    state = dict(_initial(trace))
    seen: Mapping[str, Any] = trace.initial.get("observation") or {}
    for step in trace.steps:
        if trace.lasso and trace.lasso.get("length") and step.number == trace.lasso.get("after", 0) + 1:
            grid.add_row("", "", "", Text("from here on, for ever:", "bold"))
        mark, lane, text = _told(step)
        state.update({name: after for name, (_, after) in step.changes.items()})
        for line in _below(step, seen, state, style):
            text.append(f"\n{printable(line)}", "dim")
        grid.add_row(str(step.number), mark, lane, text)
        seen = step.observation
    return grid


def _told(step: Step) -> tuple[Text, Text, Text]:
    """Mark, lane and sentence of a step; a sentence need not begin with who is named beside it."""
    fault = bool(step.fault)
    sentence = step.sentence.removeprefix(f"{step.actor} ")
    text = Text.assemble((f"FAULT {step.fault}: " if fault else "", "bold red"), printable(sentence))
    if step.api and step.api not in sentence:
        text.append(f"  [{printable(step.api)}]", "dim")
    return Text("!" if fault else "", "bold red"), Text(printable(step.actor), "cyan"), text


def _below(step: Step, seen: Mapping[str, Any], state: Mapping[str, Any], style: Style) -> list[str]:
    if style.full:
        groups: dict[str, dict[str, list[Any]]] = {}
        for name, pair in step.changes.items():
            owner, _, variable = name.partition(".")
            groups.setdefault(owner, {})[variable] = pair
        lines = [f"{owner}: {_changes(changes)}" for owner, changes in groups.items()]
        return [*lines, _state(state), f"observation: {_value(step.observation)}"]
    return [f"{owner}: {_changes(changes)}" for owner, changes in differences(seen, step.observation)]


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[str, dict[str, list[Any]]]]:
    """What an outsider sees change: by place, each thing that was one and is now another."""
    found = []
    for section, places in after.items():
        old_places = before.get(section, {})
        for place, things in places.items() if isinstance(places, dict) else ():
            old = old_places.get(place, {})
            changed = {k: [old.get(k), v] for k, v in things.items() if old.get(k) != v and k not in UNTOLD}
            if changed:
                found.append((place, changed))
    return found


def _changes(changes: Mapping[str, list[Any]]) -> str:
    return ", ".join(_change(name, *pair) for name, pair in changes.items())


def _change(name: str, old: Any, new: Any) -> str:
    return glued(f"{name} {_value(old)} → {_value(new)}")


def _initial(trace: Trace) -> Mapping[str, Any]:
    variables = trace.initial.get("variables")
    return variables if isinstance(variables, dict) else {}


def _state(variables: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in variables.items())


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
