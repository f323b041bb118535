"""What is said of a trace whatever form it takes: its claim, what an outsider sees change, values as one reads them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from eoscheck.checker.counterexample import Step, Trace
from eoscheck.gen.screen import glued, printable
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

UNTOLD = ("outcomes",)
"""Parts of an observation that follow from others."""


def claim(trace: Trace) -> RenderableType:
    """The sentence that a trace shows: what is violated, and in how many steps."""
    steps = len(trace.steps)
    when = f"in {steps} steps" if steps > 1 else "in one step" if steps else "in the initial state"
    said = f": {' '.join(trace.says.split())}" if trace.says else ""
    verb, color = ("reached", "bold green") if trace.kind == "sometimes" else ("violated", "bold red")
    return Text.assemble((printable(trace.property), color), printable(f" is {verb} {when}{said}"))


def changes_of(trace: Trace) -> list[str]:
    """The settings that were changed before it was found, as KEY=VALUE."""
    return [str(change) for change in trace.spec.get("changes") or ()]


def finds_again(trace: Trace) -> str:
    """The command that finds a trace again."""
    if trace.again:
        return trace.again
    words = ["explore", str(trace.spec.get("path", ""))]
    words += [word for change in changes_of(trace) for word in ("--set", change)]
    return shlex.join(["eoscheck", *words, "--property", trace.property])


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


def changed(step: Step) -> list[str]:
    """Every variable that a step changed, a line for each component."""
    groups: dict[str, dict[str, list[Any]]] = {}
    for name, pair in step.changes.items():
        owner, _, variable = name.partition(".")
        groups.setdefault(owner, {})[variable] = pair
    return [
        f"{owner}: {', '.join(_change(n, *pair) for n, pair in own.items())}" for owner, own in groups.items()
    ]


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


def _change(name: str, old: Any, new: Any) -> str:
    return glued(f"{name} {value(old)} → {value(new)}")


def stated(variables: Mapping[str, Any]) -> str:
    """All variables in a row."""
    return ", ".join(f"{name} {value(found)}" for name, found in variables.items())


def value(found: Any) -> str:
    """A value as one reads it: text as it is, anything else as JSON."""
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, sort_keys=True)
