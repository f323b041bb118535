"""Results as text for a terminal: figures, one row per property, a line that says what was looked at and what
was not, and the counterexamples."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eoscheck.checker.counterexample import Trace
from eoscheck.checker.verdict import Cut, Opinion, PropertyVerdict, Result
from eoscheck.gen.screen import Style, dim, glued, paint, printable, table
from eoscheck.gen.story import changes_of, claim, finds_again, labelled
from eoscheck.gen.telling import ending, story
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

if TYPE_CHECKING:
    from eoscheck.checker.checking import Checked

MARKS = {
    "holds": ("✓ holds", "green"),
    "violated": ("✗ VIOLATED", "bold red"),
    "vacuous": ("○ VACUOUS", "yellow"),
    "undecided": ("? undecided", "yellow"),
}
"""Each verdict as a mark with a word, and its colour."""

KINDS = {
    "always": "safety",
    "at-rest": "at rest",
    "sometimes": "goals",
    "eventually": "liveness",
    "possible": "possible",
}
"""Kinds of property, as the line of what was checked names them."""

LIMITS = ("capacities", "limits")
"""Bounds that are shown only where they are set."""

IMPLIED = {"exactly-once": ("no-loss", "no-duplicates")}
"""A property that is the conjunction of others: its trace tells nothing that theirs does not."""


def result_text(
    result: Result, traces: Mapping[str, Trace], commands: Mapping[str, str], style: Style
) -> str:
    """The screen of a result.

    traces     by property name, those of its violations
    commands   by property name, the command that finds the same again
    """
    parts: list[RenderableType] = []
    if not style.quiet:
        parts += [*_head(result), bounds_line(result.bounds), _figures(result), Text()]
    parts += [_rows(result)] if result.properties else [Text("  no property was asked for", "yellow")]
    if not style.quiet:
        parts += [Text(), _remarks(result, style)]
    for row in result.properties:
        if row.verdict == "violated" and row.name in traces:
            parts += [Text(), *_violation(row, result, traces[row.name], commands.get(row.name), style)]
    return paint(parts, style)


def trace_text(trace: Trace, style: Style) -> str:
    """The screen of one trace."""
    spec = str(trace.spec.get("path", ""))
    where = f"{trace.spec.get('title', '')}  ({spec})"
    changes = changes_of(trace)
    ends = [("path", trace.path if style.verbose else None), ("reproduce", finds_again(trace))]
    changed = [dim(f"  with {', '.join(changes)}")] if changes else []
    return paint([Text(printable(where), "bold"), *changed, Text(), *story(trace, ends, style)], style)


# --- the result


def _head(result: Result) -> list[RenderableType]:
    where = Text.assemble(f"  {printable(result.spec)}   ", search_state(result))
    return [Text(printable(result.title), "bold"), where]


def search_state(result: Result) -> tuple[str, str]:
    """Whether a search saw everything, in words, and their colour."""
    if result.method == "simulation":
        ended = ", interrupted" if result.interrupted else ""
        return f"simulation{ended}, nothing is proven", "yellow"
    if result.complete:
        return "search complete", "green"
    if result.stopped == "decided":
        return "search ended, every property being violated", "bold red"
    return "SEARCH NOT COMPLETE", "bold yellow"


def bounds_line(bounds: Mapping[str, Any]) -> RenderableType:
    """What a result holds within (`verdict.bounds`)."""
    budgets = [glued(f"{name} <= {budget}") for name, budget in bounds["faults"].items()]
    in_all = "" if bounds["faults_in_all"] is None else glued(f" ({bounds['faults_in_all']} in all)")
    pairs = [
        glued(f"Kafka {bounds['kafka']}"),
        glued(f"records {bounds['records']}"),
        *(glued(f"{name} x {n}") for name, n in bounds["instances"].items()),
        glued("faults: ") + (", ".join(budgets) or "none") + in_all,
        *(
            glued(f"{name.replace('_', '.')} {n:,}".removesuffix(".0"))
            for kind in LIMITS
            for name, n in bounds[kind].items()
            if n is not None
        ),
    ]
    return Padding(Text(printable("   ".join(pairs)), "dim"), (0, 0, 0, 2))


def _figures(result: Result) -> RenderableType:
    whole = result.method == "exhaustive"
    figures = [
        f"level {result.depth}" if whole else f"longest walk {result.depth}",
        f"distinct {result.states:,}",
        f"generated {result.transitions:,}",
        f"at rest {result.at_rest:,}{'' if whole else ' times'}",
        f"{result.seconds:.2f} s",
        f"{result.transitions / result.seconds:,.0f}/s" if result.seconds >= 0.1 else "",
        stored(result) if whole else "",
        f"{result.reduction} reduced" if result.reduction else "",
    ]
    return Padding(Text("   ".join(glued(f) for f in figures if f)), (0, 0, 0, 2))


def stored(result: Result) -> str:
    """What was kept of the states that were visited."""
    if result.missed is None:
        return "full states stored"
    return f"fingerprints stored: a state was missed with probability {result.missed:.1e}"


def _rows(result: Result) -> RenderableType:
    return table((MARKS[row.verdict], row.name, dim(detail(row))) for row in result.properties)


def detail(row: PropertyVerdict) -> str:
    """What there is to say of a row beside its verdict."""
    if row.reason:
        return row.reason
    if row.verdict == "violated" or row.witness:
        verb = "reached " if row.kind == "sometimes" else ""
        return f"{verb}at step {row.steps}" if row.steps else f"{verb}in the initial state"
    return ""


def _remarks(result: Result, style: Style) -> RenderableType:
    rows: list[tuple[str, str]] = [("checked", "   ".join(map(glued, checked(result))))]
    if result.checked_by_z3 is not None and result.properties:
        parts = by_z3(result.checked_by_z3, result)
        said = (part if part.startswith("-") else glued(part) for part in parts)
        rows.append(("checked by Z3", "   ".join(said)))
        rows += [("certified", said) for said in result.checked_by_z3.certified]
    if result.never_fired and result.stopped == "decided" and not style.verbose:
        rows.append(
            (
                "not fired",
                f"{_number(len(result.never_fired), 'action')} before the search ended (-v lists them)",
            )
        )
    elif result.never_fired:
        rows.append(("never fired" if result.complete else "not fired", _by_component(result.never_fired)))
    if style.verbose:
        rows += [("because", f"{name}: {why}") for name, why in result.never_because.items()]
    rows += [("cut", _cut(cut, result)) for cut in result.cut]
    if style.verbose:
        rows += [("taken", f"{n:,} times {name}") for name, n in result.actions.items() if n]
    rows += [("note", note) for note in result.notes if style.verbose or "ignored, since" not in note]
    return labelled(rows)


def _cut(cut: Cut, result: Result) -> str:
    return cut.transition if result.reduction else f"{cut.transition} ({cut.count:,} times)"


def _by_component(names: Iterable[str]) -> str:
    """Names of actions, each component said once: "p1: send(), hear(); p2: send()"."""
    groups: dict[str, list[str]] = {}
    for name in names:
        owner, action = owner_and_action(name)
        groups.setdefault(owner, []).append(glued(action))
    return "; ".join(f"{owner}: {', '.join(actions)}" for owner, actions in groups.items())


def owner_and_action(name: str) -> tuple[str, str]:
    """The component whose action this is, and the rest of its name.

    >>> owner_and_action("txn:p1.end_transaction(p1:wire, ABORT)")
    ('txn:p1', 'end_transaction(p1:wire, ABORT)')
    """
    parts = re.fullmatch(r"(.*)\.(\w+\(.*\))", name)
    return (parts[1], parts[2]) if parts else ("", name)


def checked(result: Result) -> list[str]:
    """Kinds of property, with a + for what was checked and a - for what was not."""
    counts = {kind: sum(p.kind == kind for p in result.properties) for kind in KINDS}
    parts = [f"+ {word} {counts[kind]}" for kind, word in KINDS.items() if kind in result.checked]
    parts += [f"- {KINDS[kind]} ({why})" for kind, why in result.unchecked.items()]
    parts += [
        f"- {word} (none asked)" for kind, word in KINDS.items() if not counts[kind] and kind != "possible"
    ]
    return parts


def by_z3(opinion: Opinion, result: Result) -> list[str]:
    """The same of what Z3 has confirmed."""
    kinds = {row.name: row.kind for row in result.properties}
    parts = []
    for word, goals in (("counterexamples", False), ("goals", True)):
        steps = [n for name, n in opinion.steps.items() if (kinds[name] == "sometimes") is goals]
        if steps:
            parts.append(f"+ {word} {len(steps)} ({_number(sum(steps), 'step')})")
    if opinion.valuations:
        seen = _number(sum(opinion.valuations.values()), "valuation")
        parts.append(f"+ invariants {len(opinion.valuations)} ({seen})")
    reasons: dict[str, list[str]] = {}
    for name, why in opinion.unchecked.items():
        reasons.setdefault(why, []).append(name)
    parts += [f"- {', '.join(names)} ({why})" for why, names in reasons.items()]
    return parts


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _violation(
    row: PropertyVerdict, result: Result, trace: Trace, command: str | None, style: Style
) -> list[RenderableType]:
    """The story of a violation, or, where it is that of another one over again, its end only."""
    ends = [("trace", row.trace), ("reproduce", command)]
    sink = row.name.removeprefix(row.base)
    parts = {f"{base}{sink}" for base in IMPLIED.get(row.base, ())}
    told = any(p.name in parts and p.verdict == "violated" for p in result.properties)
    if told and not style.verbose and not style.full:
        return [claim(trace), *ending(trace, ends)]
    return story(trace, ends, style)


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
    noun = "spec" if total == 1 else "specs"
    line = f"{number} {noun} in {seconds:.1f} s: {shown or 'nothing checked'}"
    return paint([Text(line, "bold")], style)
