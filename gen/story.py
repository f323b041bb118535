"""A counterexample as a story: numbered sentences, under each what it changed, at the end why it is wrong.

What changed is grouped by component. Where a step puts much of a component back to how it was at the start (a
crash, an emptied request), it says just that; `Style.full` spells it out, with whole states and observations.
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

RESETS = 3
"""From so many variables on, a group that goes back to its initial values is told as one reset."""

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
    for step in trace.steps:
        if trace.lasso and trace.lasso.get("length") and step.number == trace.lasso.get("after", 0) + 1:
            grid.add_row("", "", "", Text("from here on, for ever:", "bold"))
        grid.add_row(str(step.number), *_told(step))
        state.update({name: after for name, (_, after) in step.changes.items()})
        for text in _below(step, trace, state, style):
            grid.add_row("", "", "", Text(printable(text), "dim"))
    return grid


def _told(step: Step) -> tuple[Text, Text, Text]:
    """Mark, lane and sentence of a step; a sentence need not begin with who is named beside it."""
    fault = bool(step.fault)
    sentence = step.sentence.removeprefix(f"{step.actor} ")
    text = Text.assemble((f"FAULT {step.fault}: " if fault else "", "bold red"), printable(sentence))
    if step.api and step.api not in sentence:
        text.append(f"  [{printable(step.api)}]", "dim")
    return Text("!" if fault else "", "bold red"), Text(printable(step.actor), "cyan"), text


def _below(step: Step, trace: Trace, state: Mapping[str, Any], style: Style) -> list[str]:
    # That a fault uses up its budget goes without saying.
    hidden = "faults." if step.fault else "\0"
    groups: dict[str, dict[str, list[Any]]] = {}
    for name, pair in step.changes.items():
        if not name.startswith(hidden):
            owner, _, variable = name.partition(".")
            groups.setdefault(owner, {})[variable] = pair
    initial = {} if style.full else _initial(trace)
    lines = [f"{owner}: {_changes(owner, changes, initial)}" for owner, changes in groups.items()]
    if style.full:
        lines += [_state(state), f"observation: {_value(step.observation)}"]
    return lines


def _changes(owner: str, changes: Mapping[str, list[Any]], initial: Mapping[str, Any]) -> str:
    back = [name for name, (_, after) in changes.items() if initial.get(f"{owner}.{name}", _NOTHING) == after]
    if len(back) < RESETS:
        back = []
    told = [_change(name, *pair) for name, pair in changes.items() if name not in back]
    if back:
        told.append(f"{', '.join(back)} as at the start")
    return ", ".join(told)


def _change(name: str, old: Any, new: Any) -> str:
    return glued(f"{name} {_value(old)} → {_value(new)}")


_NOTHING = object()


def _initial(trace: Trace) -> Mapping[str, Any]:
    variables = trace.initial.get("variables")
    return variables if isinstance(variables, dict) else {}


def _state(variables: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in variables.items())


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
