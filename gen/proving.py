"""What was proved, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from eoscheck.checker.counterexample import Trace
from eoscheck.checker.solver.proof import Obligation, Proof
from eoscheck.checker.solver.proving import Proving, Row
from eoscheck.gen.screen import Style, glued, paint, printable
from eoscheck.gen.story import labelled, story
from eoscheck.gen.text import bounds_line
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

MARKS = {
    "proved": ("✓ proved", "green"),
    "holds up to depth": ("? holds up to depth", "yellow"),
    "violated": ("✗ VIOLATED", "bold red"),
    "vacuous": ("○ VACUOUS", "yellow"),
    "undecided": ("? undecided", "yellow"),
}
"""Each answer as a mark with words, and its colour."""


def proving_text(
    answer: Proving, traces: Mapping[str, Trace], commands: Mapping[str, str], style: Style
) -> str:
    """The screen of an answer.

    traces     by property name, those of its violations
    commands   by property name, the command that finds the same again
    """
    parts: list[RenderableType] = []
    if not style.quiet:
        parts += [Text(printable(answer.title), "bold"), Text(f"  {printable(answer.spec)}")]
        parts += [bounds_line(answer.assumes), _figures(answer), Text()]
    parts += [_rows(answer.properties)] if answer.properties else [Text("  no safety property was asked for")]
    if not style.quiet and answer.proof:
        faults = f" and any number of {', '.join(answer.unlimited)}" if answer.unlimited else ""
        says = f"for any number of steps{faults}, otherwise within the bounds above"
        again = f"eoscheck prove --check {answer.proof}"
        remarks = [("proved", says), ("proof", answer.proof), ("check", again)]
        parts += [Text(), labelled(remarks)]
    for row in answer.properties:
        if row.name in traces:
            ends = [("trace", row.trace), ("reproduce", commands.get(row.name))]
            parts += [Text(), *story(traces[row.name], ends, style)]
    return paint(parts, style)


def check_text(proof: Proof, obligations: Iterable[Obligation], style: Style) -> str:
    """The screen of a proof that was checked."""
    parts: list[RenderableType] = []
    if not style.quiet:
        parts += [
            Text.assemble(f"  {printable(proof.spec)}   ", (f"lemmas {len(proof.lemmas):,}", "dim")),
            Text(),
        ]
    grid = _grid()
    failed = False
    for obligation in obligations:
        word, color = ("✗ FAILS", "bold red") if obligation.failure else ("✓ shown", "green")
        failed |= bool(obligation.failure)
        grid.add_row(Text(word, color), printable(obligation.says), "")
        if obligation.failure:
            grid.add_row("", Text(printable(obligation.failure), "red"), "")
    parts.append(grid)
    end = (
        Text("  this is no proof (any more)", "bold red")
        if failed
        else Text("  the proof holds", "bold green")
    )
    return paint([*parts, Text(), end], style)


def _figures(answer: Proving) -> RenderableType:
    figures = [
        f"distinct {answer.states:,}" if answer.states else "",
        f"lemmas {answer.lemmas:,}" if answer.lemmas else "",
        f"questions to Z3 {answer.questions:,}" if answer.questions else "",
        f"{answer.seconds:.1f} s",
    ]
    return Padding(Text("   ".join(glued(f) for f in figures if f)), (0, 0, 0, 2))


def _rows(rows: Iterable[Row]) -> RenderableType:
    grid = _grid()
    for row in rows:
        word, color = MARKS[row.verdict]
        steps = f" {row.depth}" if row.verdict == "holds up to depth" else ""
        at = f"at step {row.depth}, " if row.verdict == "violated" else ""
        grid.add_row(Text(word + steps, color), printable(row.name), Text(printable(at + row.reason), "dim"))
    return grid


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2), pad_edge=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    return grid
