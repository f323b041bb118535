"""`eoscheck show TRACE`: one trace, in the terminal, step by step, as JSON, as a sequence diagram, or as a page."""

from __future__ import annotations

from pathlib import Path

import click
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.tracefile import read
from eoscheck.cli.options import form_of, screen, writable
from eoscheck.cli.output import deliver
from eoscheck.gen.diagram import FORMS, drawn
from eoscheck.gen.screen import Style
from eoscheck.gen.text import trace_text

SUFFIXES = {
    "txt": "text",
    "html": "html",
    "json": "json",
    "mmd": "mermaid",
    "puml": "plantuml",
    **{name: name for name in FORMS},
}
"""The forms by the suffixes of files."""


@click.command("show", short_help="Show a trace: as text, as a picture, or step by step.")
@click.argument("trace")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", *FORMS, "html"]),
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
        style = Style(width=style.width, full=style.full)
    deliver(_shown(found, form or form_of(output, SUFFIXES, "text"), style), output)
    return 0


def _shown(trace: Trace, form: str, style: Style) -> str | bytes:
    if form in FORMS:
        return drawn(trace, form)
    if form == "html":
        from eoscheck.gen.page.page import trace_page

        return trace_page(trace)
    return trace.to_json() if form == "json" else trace_text(trace, style)
