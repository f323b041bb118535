"""`eoscheck graph SPEC`: what can happen as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from eoscheck.checker.examine import limits_of
from eoscheck.checker.picture import Wish
from eoscheck.checker.prepare import prepare
from eoscheck.checker.stategraph import StateGraph
from eoscheck.checker.tracefile import StaleTrace, read
from eoscheck.checker.userproperties import load_properties
from eoscheck.cli.options import for_seconds, form_of, writable
from eoscheck.cli.output import Progress, deliver, spare_terminal
from eoscheck.gen.graph.render import FORMATS, render


@click.command("graph", short_help="Draw what can happen, as a state graph.")
@click.argument("spec")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), help="[default: what -o ends with, otherwise dot]"
)
@click.option("-o", "--output", metavar="FILE", help="Write it there instead of to the terminal.")
@click.option("--properties", "files", multiple=True, metavar="FILE.py", help="Properties of your own.")
@click.option("--property", "wanted", metavar="NAME", help="Show the counterexample of this one.")
@click.option(
    "--project",
    "onto",
    multiple=True,
    metavar="NAME",
    help="Show what a component or a variable does: txn:enricher-1, enricher-1.at (repeatable).",
)
@click.option(
    "--around",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="Steps around the counterexample.",
)
@click.option(
    "--max-nodes",
    type=click.IntRange(min=2),
    default=60,
    show_default=True,
    metavar="N",
    help="Fold what is beyond N nodes.",
)
@click.option(
    "--max-states", type=click.IntRange(min=1), metavar="N", help="Search N states [default: 1,000,000]."
)
@for_seconds
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(
    spec: str,
    form: str | None,
    output: str | None,
    files: tuple[str, ...],
    wanted: str | None,
    onto: tuple[str, ...],
    around: int,
    max_nodes: int,
    max_states: int | None,
    seconds: float | None,
    quiet: bool,
) -> int:
    """Draw the states of SPEC, or around a trace that `explore` wrote, and what leads from one to another.

    All of them, where they are few; otherwise the counterexample with what else could have happened at each step, or
    the beginning, if nothing is violated; or, with --project, what one component does.
    """
    form = form or form_of(output, {"gv": "dot", **{name: name for name in FORMATS}}, "dot")
    if output:
        writable(Path(output))
    elif form == "png":
        spare_terminal()
    wish = Wish(onto, around, max_nodes)
    if spec.endswith(".json"):
        graph = _of_trace(spec, wish, [*files, *onto, *([wanted] if wanted else [])])
    else:
        graph = _searched(spec, wish, files, wanted, max_states, seconds, quiet=quiet)
    deliver(render(graph, form), output)
    return 0 if graph.stopped is None else 130 if graph.stopped == "interrupted" else 3


def _of_trace(path: str, wish: Wish, asked: Sequence[str]) -> StateGraph:
    from eoscheck.checker.picture import picture_of

    if asked:
        raise click.UsageError(
            "of a trace, what is around it is drawn: --project and --property need the spec"
        )
    try:
        return picture_of(read(path), wish)
    except StaleTrace as error:
        raise click.ClickException(f"{path}: {error}") from None


def _searched(
    spec: str,
    wish: Wish,
    files: Sequence[str],
    wanted: str | None,
    max_states: int | None,
    seconds: float | None,
    *,
    quiet: bool,
) -> StateGraph:
    from eoscheck.checker.picture import picture
    from eoscheck.checker.projected import UnknownName

    mine = load_properties(files)
    pipeline = prepare(spec, mine, (wanted,) if wanted else ())
    limits = limits_of(pipeline.spec, states=max_states, seconds=seconds)
    try:
        with Progress(quiet=quiet) as progress, mine.blamed():
            return picture(pipeline, limits, wish, progress)
    except UnknownName as error:
        raise click.UsageError(str(error)) from None
