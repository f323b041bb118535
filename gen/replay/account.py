"""A replay as text: what was asked of Kafka and answered, under the steps of the trace that it stands for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from eoscheck.checker.counterexample import Trace
from eoscheck.gen.replay.calls import Planned
from eoscheck.gen.replay.replayer import Plan, Report
from eoscheck.gen.screen import Style, glued, paint, printable
from eoscheck.gen.story import claim
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

MARKS = {
    "as predicted": ("✓ as predicted", "green"),
    "diverged": ("✗ DIVERGED", "bold red"),
    "not reproduced": ("✗ NOT REPRODUCED", "bold red"),
    "judges differ": ("✗ JUDGES DIFFER", "bold red"),
    "cannot be forced": ("? not forced", "yellow"),
}
"""Each outcome as a mark with a word, and its colour."""


def account(
    trace: Trace, plan: Plan, report: Report, kafka: str, remarks: Iterable[str], style: Style
) -> str:
    """The screen of one replay, without its verdict.

    kafka    what it ran on, "" if on nothing
    remarks  about this Kafka
    """
    parts: list[RenderableType] = [claim(trace)]
    where = f"{plan.spec.path}   {glued(kafka)}".rstrip()
    parts.append(Padding(Text(printable(where), "dim"), (0, 0, 0, 2)))
    parts += [Padding(Text(printable(remark), "yellow"), (0, 0, 0, 2)) for remark in remarks]
    if report.timeline:
        parts += [Text(), _steps(plan, report)]
    return paint([*parts, Text()], style)


def verdict_line(report: Report, path: str, steps: int, style: Style) -> str:
    """What came of a replay of so many steps, on one line that is never broken."""
    word, color = MARKS[report.outcome]
    text = f"{steps} steps, {report.seconds:.1f} s" if report.good else report.text
    line = Text.assemble((f"{word:<17}", color), printable(f" {path}   {text}"), no_wrap=True)
    return paint([line], style)


def _steps(plan: Plan, report: Report) -> RenderableType:
    """The steps that were made; what was done in the set-up stands before, what was seen in the end behind them."""
    grid = Table.grid(padding=(0, 1), pad_edge=True)
    grid.add_column(justify="right", no_wrap=True, min_width=3)
    grid.add_column(no_wrap=True, width=1)
    grid.add_column(overflow="fold", max_width=22)
    grid.add_column(overflow="fold")
    answers = _by_step(report.timeline)
    _row(grid, Text("set-up", "dim"), Text(), answers.get(0, []), "")
    last = len(plan.steps) if report.step is None else report.step
    for step in plan.steps[:last]:
        grid.add_row(*_told(step))
        _row(grid, None, Text(), answers.get(step.number, []), step.actor)
    if last < len(plan.steps):
        grid.add_row("", "", "", Text(f"steps not made: {len(plan.steps) - last}", "dim"))
    return grid


def _told(step: Planned) -> tuple[str, Text, Text, Text]:
    """Number, mark, lane and sentence of a step."""
    sentence = printable(step.sentence.removeprefix(f"{step.actor} "))
    fault = (f"FAULT {step.fault}: " if step.fault else "", "bold red")
    mark = Text("!" if step.fault else "", "bold red")
    return str(step.number), mark, Text(printable(step.actor), "cyan"), Text.assemble(fault, sentence)


def _row(grid: Table, lane: Text | None, mark: Text, answers: Iterable[tuple[str, str]], actor: str) -> None:
    for who, text in answers:
        said = text if who == actor else f"{who}: {text}"
        color = "bold red" if text.startswith("!!") else "dim"
        grid.add_row("", mark, lane or "", Text(printable(said), color))
        lane = None


def _by_step(timeline: Iterable[str]) -> dict[int, list[tuple[str, str]]]:
    """Who did what, by step, from the lines that `Timeline.note` writes; 0 is the set-up."""
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for line in timeline:
        number, rest = line[:4].strip(), line[6:]
        who, _, text = rest.partition(" ")
        found[int(number or 0)].append((who, text.lstrip()))
    return found
