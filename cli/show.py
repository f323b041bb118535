"""`eoscheck show TRACE`: one trace, in the terminal, step by step, or as JSON."""

from __future__ import annotations

from pathlib import Path

import click
from eoscheck.checker.files import write_atomically
from eoscheck.checker.tracefile import read
from eoscheck.cli.options import screen
from eoscheck.cli.output import emit
from eoscheck.gen.screen import Style
from eoscheck.gen.text import trace_text


@click.command("show", short_help="Show a trace.")
@click.argument("trace")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write it there instead of to the terminal.")
@click.option(
    "--step",
    "stepping",
    is_flag=True,
    help="Walk through it: all that is the case at each step, and what else could have happened.",
)
@screen
def command(trace: str, form: str, output: str | None, stepping: bool, style: Style) -> int:
    """Show TRACE, a file that `explore` wrote: numbered sentences, and under each only what it changed."""
    found = read(trace)
    if stepping:
        from eoscheck.cli.stepping import step_through

        if output or form != "text":
            raise click.UsageError(
                "--step shows the trace in the terminal; it goes with no --format and no -o"
            )
        step_through(found, trace, style)
        return 0
    if output:
        style = Style(width=style.width, full=style.full)
    text = found.to_json() if form == "json" else trace_text(found, style)
    if output:
        write_atomically(Path(output), text)
        click.echo(f"wrote {output}", err=True)
    else:
        emit(text)
    return 0
