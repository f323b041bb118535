"""Results and counterexamples as text for a terminal.

A result is its figures, one row per property, and a line that says what was looked at and what was not.
A counterexample is a numbered list of sentences, under each of them only what it changed, and at the end why
the last state breaks the property.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eoscheck.checker.checking import Checked
from eoscheck.checker.counterexample import Step, Trace
from eoscheck.checker.verdict import PropertyVerdict, Result
from eoscheck.gen.screen import Style, glued, paint, printable
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

MARKS = {
    "holds": ("✓ holds", "green"),
    "violated": ("✗ VIOLATED", "bold red"),
    "vacuous": ("○ VACUOUS", "yellow"),
    "undecided": ("? undecided", "yellow"),
}
"""Each verdict as a mark with a word, and its colour."""

KINDS = {"always": "safety", "at-rest": "at rest", "sometimes": "goals", "eventually": "liveness"}
"""Kinds of property, as the line of what was checked names them."""


def result_text(
    result: Result, traces: Mapping[str, Trace], commands: Mapping[str, str], style: Style
) -> str:
    """The screen of a result.

    traces     by property name, those to be told in full
    commands   by property name, the command that finds the same again
    """
    parts: list[RenderableType] = [_head(result), *_bounds(result), _figures(result)]
    if style.quiet:
        parts = []
    parts += [Text(), _rows(result)] if result.properties else [Text("  no property was asked for", "yellow")]
    if not style.quiet:
        parts += [Text(), _remarks(result, style)]
    for row in result.properties:
        if row.verdict == "violated" and row.name in traces:
            ends = [("trace", row.trace), ("reproduce", commands.get(row.name))]
            parts += [Text(), *_counterexample(traces[row.name], ends, style)]
    return paint(parts, style)


def trace_text(trace: Trace, style: Style) -> str:
    """The screen of one trace."""
    spec = str(trace.spec.get("path", ""))
    where = f"{trace.spec.get('title', '')}  ({spec})"
    command = f"eoscheck explore {shlex.quote(spec)} --property {shlex.quote(trace.property)}"
    ends = [("path", trace.path), ("reproduce", command)]
    return paint([Text(printable(where), "bold"), Text(), *_counterexample(trace, ends, style)], style)


# --- the result


def _head(result: Result) -> RenderableType:
    if result.method == "simulation":
        state = ("simulation, nothing is proven", "yellow")
    elif result.complete:
        state = ("search complete", "green")
    elif result.stopped == "decided":
        state = ("search ended, every property being violated", "bold red")
    else:
        state = ("SEARCH NOT COMPLETE", "bold yellow")
    title = printable(result.title)
    name = "" if title == printable(result.spec) else f"  ({printable(result.spec)})"
    return Text.assemble((title, "bold"), (name, "dim"), "  ", state)


def _bounds(result: Result) -> list[RenderableType]:
    bounds = result.bounds
    budgets = [glued(f"{name} <= {budget}") for name, budget in bounds["faults"].items()]
    pairs = [
        glued(f"Kafka {bounds['kafka']}"),
        glued(f"records {bounds['records']}"),
        *(glued(f"{name} x {n}") for name, n in bounds["instances"].items()),
        glued("faults: ") + (", ".join(budgets) or "none"),
        *(glued(f"{name} {n:,}") for name, n in bounds["limits"].items() if n is not None),
    ]
    return [Padding(Text(printable("   ".join(pairs)), "dim"), (0, 0, 0, 2))]


def _figures(result: Result) -> RenderableType:
    rate = f"{result.transitions / result.seconds:,.0f}/s" if result.seconds >= 0.1 else ""
    whole = result.method == "exhaustive"
    kept = "full states stored" if whole else ""
    figures = [
        f"level {result.depth}" if whole else f"longest walk {result.depth}",
        f"distinct {result.states:,}",
        f"generated {result.transitions:,}",
        f"at rest {result.at_rest:,}{'' if whole else ' times'}",
        f"{result.seconds:.2f} s",
        rate,
        kept,
    ]
    return Padding(Text("   ".join(glued(f) for f in figures if f)), (0, 0, 0, 2))


def _rows(result: Result) -> RenderableType:
    grid = Table.grid(padding=(0, 2), pad_edge=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for row in result.properties:
        word, color = MARKS[row.verdict]
        grid.add_row(Text(word, color), printable(row.name), Text(printable(_detail(row)), "dim"))
    return grid


def _detail(row: PropertyVerdict) -> str:
    if row.reason:
        return row.reason
    if row.verdict == "violated" or row.witness:
        verb = "reached " if row.kind == "sometimes" else ""
        return f"{verb}at step {row.steps}" if row.steps else f"{verb}in the initial state"
    return ""


def _remarks(result: Result, style: Style) -> RenderableType:
    rows: list[tuple[str, str]] = [("checked", _checked(result))]
    if result.never_fired:
        rows.append(("never fired" if result.complete else "not fired", ", ".join(result.never_fired)))
    rows += [("cut", f"{cut.transition} ({cut.count:,} times)") for cut in result.cut]
    if style.verbose:
        rows += [("taken", f"{n:,} times {name}") for name, n in result.actions.items() if n]
    rows += [("note", note) for note in result.notes if style.verbose or "ignored, since" not in note]
    return _labelled(rows)


def _checked(result: Result) -> str:
    """The line with a + for what was checked and a - for what was not."""
    counts = {kind: sum(p.kind == kind for p in result.properties) for kind in KINDS}
    parts = [f"+ {word} {counts[kind]}" for kind, word in KINDS.items() if kind in result.checked]
    parts += [f"- {KINDS[kind]} ({why})" for kind, why in result.unchecked.items()]
    parts += [f"- {word} (none asked)" for kind, word in KINDS.items() if not counts[kind]]
    return "   ".join(map(glued, parts))


def _labelled(rows: Iterable[tuple[str, str]]) -> RenderableType:
    grid = Table.grid(padding=(0, 2), pad_edge=True)
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for label, text in rows:
        grid.add_row(label, Text(printable(text)))
    return grid


# --- the counterexample


def _counterexample(
    trace: Trace, ends: Iterable[tuple[str, str | None]], style: Style
) -> list[RenderableType]:
    """The whole story; `ends` are labelled lines after its reason."""
    why = [("why      ", str(trace.witness.get("sentence", "")))]
    parts: list[RenderableType] = [_claim(trace), Text()]
    if style.full:
        parts += [_indented(_state(trace.initial.get("variables", {})), "dim"), Text()]
    if trace.steps:
        parts += [_steps(trace, style), Text()]
    return [*parts, _labelled(why), *(_unbroken(label, text) for label, text in ends if text)]


def _unbroken(label: str, text: str) -> RenderableType:
    """A line to be copied: it is never wrapped."""
    return Text.assemble((f"  {label:<9}  ", "dim"), printable(text), no_wrap=True)


def _claim(trace: Trace) -> RenderableType:
    steps = len(trace.steps)
    when = f"in {steps} steps" if steps > 1 else "in one step" if steps else "in the initial state"
    said = f": {' '.join(trace.says.split())}" if trace.says else ""
    if trace.kind == "sometimes":
        return Text.assemble(
            (printable(trace.property), "bold green"), printable(f" is reached {when}{said}")
        )
    return Text.assemble((printable(trace.property), "bold red"), printable(f" is violated {when}{said}"))


def _steps(trace: Trace, style: Style) -> RenderableType:
    grid = Table.grid(padding=(0, 1), pad_edge=True)
    grid.add_column(justify="right", no_wrap=True, min_width=3)
    grid.add_column(no_wrap=True, width=1)
    grid.add_column(overflow="fold", max_width=22)
    grid.add_column(overflow="fold")
    state = dict(trace.initial.get("variables", {}))
    for step in trace.steps:
        if trace.lasso and trace.lasso.get("length") and step.number == trace.lasso.get("after", 0) + 1:
            grid.add_row("", "", "", Text("from here on, for ever:", "bold"))
        mark, actor, sentence = _told(step)
        grid.add_row(str(step.number), mark, actor, sentence)
        state.update({name: pair[1] for name, pair in step.changes.items()})
        for text in _below(step, state, style):
            grid.add_row("", "", "", Text(printable(text), "dim"))
    return grid


def _told(step: Step) -> tuple[Text, Text, Text]:
    fault = bool(step.fault)
    sentence = Text.assemble((f"FAULT {step.fault}: " if fault else "", "bold red"), printable(step.sentence))
    if step.api and step.api not in step.sentence:
        sentence.append(f"  [{printable(step.api)}]", "dim")
    return Text("!" if fault else "", "bold red"), Text(printable(step.actor), "cyan"), sentence


def _below(step: Step, state: Mapping[str, Any], style: Style) -> list[str]:
    # That a fault uses up its budget goes without saying.
    changes = {
        name: pair for name, pair in step.changes.items() if not (step.fault and name.startswith("faults."))
    }
    changed = [f"{name}: {_value(old)} → {_value(new)}" for name, (old, new) in changes.items()]
    lines = [", ".join(changed)] if changed else []
    if style.full:
        lines += [_state(state), f"observation: {_value(step.observation)}"]
    return lines


def _state(variables: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {_value(value)}" for name, value in variables.items())


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _indented(text: str, color: str) -> RenderableType:
    return Padding(Text(printable(text), color), (0, 0, 0, 4))


# --- many specs


def checked_line(checked: Checked, width: int, style: Style) -> str:
    """One spec of a `check`: mark, path (in `width` columns), figures, and below what differs."""
    word, color = _checked_mark(checked)
    figures = ""
    if checked.result:
        figures = f"{checked.result.states:>12,} states  {checked.result.seconds:>7.2f} s"
    tail = "  nothing expected" if checked.result and not checked.expected else ""
    head = f" {printable(checked.path):<{width}}  {figures}"
    line = Text.assemble((f"{word:<11}", color), head, (tail, "dim"), no_wrap=True)
    reasons = [checked.error] if checked.error else [str(d) for d in checked.differences]
    below = [Padding(Text(printable(reason)), (0, 0, 0, 12)) for reason in reasons]
    return paint([line, *below], style)


def _checked_mark(checked: Checked) -> tuple[str, str]:
    if checked.error:
        return "✗ ERROR", "bold red"
    if checked.result and checked.result.interrupted:
        return "? stopped", "yellow"
    if checked.differences:
        return "✗ DIFFERS", "bold red"
    return ("✓ expected", "green") if checked.expected else ("✓ explored", "green")


def summary_line(all_checked: Sequence[Checked], total: int, seconds: float, style: Style) -> str:
    """The last line of a `check` of `total` specs, not all of which it may have come to."""
    counts = Counter(_checked_mark(c)[0].split()[1] for c in all_checked)
    words = {
        "expected": "as expected",
        "DIFFERS": "different",
        "ERROR": "in error",
        "stopped": "stopped",
        "explored": "with nothing expected",
    }
    shown = ", ".join(f"{counts[mark]} {word}" for mark, word in words.items() if counts[mark])
    number = f"{total}" if len(all_checked) == total else f"{len(all_checked)} of {total}"
    return paint([Text(f"{number} specs in {seconds:.1f} s: {shown or 'nothing checked'}", "bold")], style)
