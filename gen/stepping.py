"""A trace step by step: one moment on the screen, with everything that is the case there, what every observer sees, and
what could happen instead of what the trace does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from eoscheck.checker.counterexample import Step, Trace
from eoscheck.checker.moments import Choice, Moment
from eoscheck.gen.screen import Style, glued, paint, printable
from eoscheck.gen.story import UNTOLD, claim, labelled
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

Things = dict[str, dict[str, Any]]
"""By owner or place, its variables or what is seen there."""

KEYS = "next: space or →   back: p or ←   first: g   last: G   step N: N, Enter   every variable: a   quit: q"


def moment_text(trace: Trace, moment: Moment, before: Moment | None, style: Style) -> str:
    """The screen of one moment. What was changed (since `before`) stands out; with `style.full` every variable
    is there, otherwise those that changed."""
    step = trace.steps[moment.number - 1] if moment.number else None
    now, then = _owned(moment.variables), _owned(before.variables) if before else {}
    parts: list[RenderableType] = [
        claim(trace),
        _heading(f"step {moment.number} of {len(trace.steps)}"),
        labelled(_told(trace, step, moment)),
        _heading("every variable" if style.full else "what changed inside"),
        _things(now if style.full else _changed(now, then), then),
        _heading("what can be seen from outside"),
        _things(_seen(moment.observation), _seen(before.observation) if before else {}),
        _heading("what can happen here"),
        _choices(moment.choices),
    ]
    return paint(parts, style)


def _changed(now: Things, then: Things) -> Things:
    """What is not as it was; nothing at the beginning."""
    found = {
        owner: {name: value for name, value in things.items() if then[owner][name] != value}
        for owner, things in now.items()
        if then
    }
    return {owner: things for owner, things in found.items() if things}


def _heading(text: str) -> Text:
    return Text(f"── {text} ──", "bold")


def _owned(variables: Mapping[str, Any]) -> Things:
    """Variables by the component that has them: an array is a list, a log one of its records."""
    groups: Things = {}
    for name, value in variables.items():
        owner, _, variable = name.partition(".")
        array, _, index = variable.partition("[")
        mine = groups.setdefault(owner, {})
        if index:
            mine.setdefault(array, []).append(value)
        else:
            mine[array] = value
    return {owner: _with_logs(mine) for owner, mine in groups.items()}


def _with_logs(variables: dict[str, Any]) -> dict[str, Any]:
    """The variables with the columns of a log in one."""
    if "log.length" not in variables:
        return variables
    length = variables["log.length"]
    columns = {name.removeprefix("log."): v for name, v in variables.items() if name.startswith("log.")}
    del columns["length"]
    rows = [{name: _at(column, i) for name, column in columns.items()} for i in range(length)]
    others = {name: value for name, value in variables.items() if not name.startswith("log.")}
    return {"log": [" ".join(f"{name}:{value}" for name, value in row.items()) for row in rows], **others}


def _at(column: Any, index: int) -> Any:
    return column[index] if isinstance(column, list) else column


def _seen(observation: Mapping[str, Any]) -> Things:
    """What is observed, by place."""
    return {
        place: {name: value for name, value in things.items() if name not in UNTOLD}
        for places in observation.values()
        for place, things in places.items()
    }


def _things(now: Things, before: Things) -> RenderableType:
    grid = Table.grid(padding=(0, 2), pad_edge=True)
    grid.add_column(overflow="fold", max_width=26, style="dim")
    grid.add_column(overflow="fold")
    for owner, things in now.items():
        line = Text()
        for name, value in things.items():
            old = before.get(owner, {}).get(name, value)
            line.append("   " if line else "")
            line.append(*_thing(name, value, old))
        grid.add_row(printable(owner), line)
    return grid


def _thing(name: str, value: Any, old: Any) -> tuple[str, str]:
    if old == value:
        return glued(printable(f"{name} {_value(value)}")), "dim"
    return glued(printable(f"{name} {_value(old)} → {_value(value)}")), "bold yellow"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _told(trace: Trace, step: Step | None, moment: Moment) -> list[tuple[str, str]]:
    rows = [("", "nothing has happened yet")]
    if step is not None:
        rows = [(step.actor, f"FAULT {step.fault}: {step.sentence}" if step.fault else step.sentence)]
    rows += [("VIOLATED", name) for name in moment.shown]
    if moment.number == len(trace.steps):
        rows.append(("why", str(trace.witness.get("sentence", ""))))
    return rows


def _choices(choices: Iterable[Choice]) -> RenderableType:
    grid = Table.grid(padding=(0, 1), pad_edge=True)
    grid.add_column(no_wrap=True, min_width=1)
    grid.add_column(overflow="fold", max_width=22)
    grid.add_column(overflow="fold")
    for choice in choices:
        said = f"FAULT {choice.fault}: {choice.sentence}" if choice.fault else choice.sentence
        style = "bold" if choice.taken else ""
        mark = ">" if choice.taken else ""
        grid.add_row(Text(mark, "bold"), Text(printable(choice.actor), style), Text(printable(said), style))
    if not grid.row_count:
        grid.add_row("", "", "nothing")
    return grid
