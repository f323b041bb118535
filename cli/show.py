"""`eoscheck show TRACE`: one trace, in the terminal, as JSON, or as a sequence diagram."""

from __future__ import annotations

from pathlib import Path

import click
from eoscheck.checker.counterexample import read
from eoscheck.checker.files import write_atomically
from eoscheck.cli.options import screen
from eoscheck.cli.output import emit, emit_bytes
from eoscheck.gen.diagram import FORMS, drawn
from eoscheck.gen.screen import Style
from eoscheck.gen.text import trace_text


@click.command("show", short_help="Show a trace.")
@click.argument("trace")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", *FORMS]), default="text", show_default=True
)
@click.option("-o", "--output", metavar="FILE", help="Write it there instead of to the terminal.")
@screen
def command(trace: str, form: str, output: str | None, style: Style) -> int:
    """Show TRACE, a file that `explore` wrote: numbered sentences, and under each only what it changed."""
    found = read(trace)
    if output:
        style = Style(width=style.width, full=style.full)
    shown = drawn(found, form) if form in FORMS else trace_text(found, style)
    shown = found.to_json() if form == "json" else shown
    if output:
        write_atomically(Path(output), shown)
        click.echo(f"wrote {output}", err=True)
    elif isinstance(shown, bytes):
        emit_bytes(shown)
    else:
        emit(shown)
    return 0
