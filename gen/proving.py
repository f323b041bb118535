"""What was proved, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from eoscheck.checker.counterexample import Trace
from eoscheck.checker.solver.proof import Obligation, Proof
from eoscheck.checker.solver.proving import Proving, Row
from eoscheck.gen.screen import Style, dim, glued, paint, printable, table
from eoscheck.gen.story import labelled
from eoscheck.gen.telling import story
from eoscheck.gen.text import MARKS, bounds_line
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

PROVED = "✓ proved", "green"
SHOWN, FAILS = ("✓ shown", "green"), ("✗ FAILS", "bold red")


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


def check_text(proof: Proof, obligations: Sequence[Obligation], style: Style) -> str:
    """The screen of a proof that was checked."""
    parts: list[RenderableType] = []
    if not style.quiet:
        parts += [
            Text.assemble(f"  {printable(proof.spec)}   ", (f"lemmas {len(proof.lemmas):,}", "dim")),
            Text(),
        ]
    rows: list[tuple[tuple[str, str], str, RenderableType]] = []
    for obligation in obligations:
        rows.append((FAILS if obligation.failure else SHOWN, obligation.says, ""))
        if obligation.failure:
            rows.append((("", ""), obligation.failure, ""))
    parts.append(table(rows))
    failed = any(obligation.failure for obligation in obligations)
    said = ("this is no proof (any more)", "bold red") if failed else ("the proof holds", "bold green")
    end = Text.assemble("  ", said)
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
    return table((_mark(row), row.name, dim(_detail(row))) for row in rows)


def _mark(row: Row) -> tuple[str, str]:
    """The answer with a mark, and its colour."""
    if row.verdict == "proved":
        return PROVED
    return (
        (f"? {row.verdict} {row.depth}", "yellow")
        if row.verdict == "holds up to depth"
        else MARKS[row.verdict]
    )


def _detail(row: Row) -> str:
    return f"at step {row.depth}, {row.reason}" if row.verdict == "violated" else row.reason
