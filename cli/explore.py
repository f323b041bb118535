"""`eoscheck explore SPEC`: search everything inside the bounds."""

from __future__ import annotations

import shlex
from typing import Any

import click
from eoscheck.checker.examine import Examination, examine, limits_of
from eoscheck.checker.prepare import prepare
from eoscheck.checker.userproperties import load_properties
from eoscheck.cli.options import finite, save, screen, subject, trace_folder
from eoscheck.cli.output import Progress, emit, emit_json
from eoscheck.gen.screen import Style
from eoscheck.gen.text import result_text


@click.command("explore", short_help="Walk every interleaving of one pipeline.")
@subject
@click.option("--max-states", type=click.IntRange(min=1), metavar="N", help="Stop at N states.")
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="Stop after N steps.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    callback=finite,
    metavar="S",
    help="Stop after S seconds.",
)
@click.option("--memory", type=click.IntRange(min=1), metavar="MB", help="Stop at a resident size of MB.")
@click.option("--no-reduction", is_flag=True, help="Explore unreduced (nothing is reduced today).")
@screen
def command(
    spec: str,
    files: tuple[str, ...],
    wanted: tuple[str, ...],
    style: Style,
    as_json: bool,
    out: str | None,
    engine: str,
    no_reduction: bool,
    **limits: Any,
) -> int:
    """Walk every interleaving and every crash point of SPEC, inside its bounds, and say what holds.

    What breaks comes with a shortest counterexample. Exit codes: 0 everything holds, 1 violated, 3 undecided
    (a limit was reached), 4 vacuous.
    """
    folder = trace_folder(spec, out)
    mine = load_properties(files)
    pipeline = prepare(spec, mine, wanted)
    bounds = limits_of(
        pipeline.spec,
        states=limits["max_states"],
        depth=limits["depth"],
        seconds=limits["seconds"],
        memory_mb=limits["memory"],
    )
    with Progress(quiet=style.quiet) as progress, mine.blamed():
        found = examine(pipeline, bounds, engine, progress)
    again = ["explore", spec, *(word for file in files for word in ("--properties", file))]
    return report(found, folder, again, style, as_json)


def report(found: Examination, folder: Any, again: list[str], style: Style, as_json: bool) -> int:
    """Write the traces, print the result; gives the exit code.

    again   the words of the command that reproduces it, after `eoscheck`
    """
    result = found.result.with_traces(save(found.traces, folder))
    if as_json:
        emit_json(result.to_json())
    else:
        commands = {name: shlex.join(["eoscheck", *again, "--property", name]) for name in found.traces}
        emit(result_text(result, found.traces, commands, style))
    return result.exit_code
