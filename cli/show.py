"""`eoscheck show TRACE`: one trace, in the terminal, step by step, as JSON, or as a sequence diagram."""

from __future__ import annotations

from pathlib import Path

import click
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.files import write_atomically
from eoscheck.checker.tracefile import read
from eoscheck.cli.options import screen, writable
from eoscheck.cli.output import emit, emit_bytes
from eoscheck.gen.diagram import FORMS, drawn
from eoscheck.gen.screen import Style
from eoscheck.gen.text import trace_text

SUFFIXES = {
    ".json": "json",
    ".mmd": "mermaid",
    ".png": "png",
    ".puml": "plantuml",
    ".svg": "svg",
}
"""What a file is to hold whose name ends so, where nothing else is said; any other holds text."""


@click.command("show", short_help="Show a trace: as text, as a picture, or step by step.")
@click.argument("trace")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", *FORMS]),
    help="[default: what the name of FILE says, else text]",
)
@click.option("-o", "--output", metavar="FILE", help="Write it there instead of to the terminal.")
@click.option(
    "--step",
    "stepping",
    is_flag=True,
    help="Walk through it: all that is the case at each step, and what else could have happened.",
)
@screen
def command(trace: str, form: str | None, output: str | None, stepping: bool, style: Style) -> int:
    """Show TRACE, a file that `explore` wrote: who did what, step by step, and under each only what it changed."""
    if output:
        writable(Path(output))
    found = read(trace)
    if stepping:
        from eoscheck.cli.stepping import step_through

        if output or form not in (None, "text"):
            raise click.UsageError(
                "--step shows the trace in the terminal; it goes with no --format and no -o"
            )
        step_through(found, trace, style)
        return 0
    if output:
        form = form or SUFFIXES.get(Path(output).suffix)
        style = Style(width=style.width, full=style.full)
    shown = _shown(found, form or "text", style)
    if output:
        write_atomically(Path(output), shown)
        click.echo(f"wrote {output}", err=True)
    elif isinstance(shown, bytes):
        emit_bytes(shown)
    else:
        emit(shown)
    return 0


def _shown(trace: Trace, form: str, style: Style) -> str | bytes:
    if form in FORMS:
        return drawn(trace, form)
    return trace.to_json() if form == "json" else trace_text(trace, style)
