"""`eoscheck matrix SPEC --vary KEY=V1,V2 ...`: the table of guarantees."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.matrix import Grid, Matrix, Row, explored, grid
from eoscheck.checker.native.memory import cores
from eoscheck.cli.options import for_seconds, form_of, screen, trace_folder, writable
from eoscheck.cli.output import Progress, deliver
from eoscheck.cli.streams import remark
from eoscheck.gen.matrix.files import kept
from eoscheck.gen.screen import Style
from eoscheck.model.vary import Change, variation

FORMS = ("text", "markdown", "csv", "json", "html")
SUFFIXES = {"txt": "text", "md": "markdown", "csv": "csv", "json": "json", "html": "html"}


@click.command("matrix", short_help="Compute the table of guarantees.")
@click.argument("spec")
@click.option(
    "--vary",
    "variations",
    multiple=True,
    required=True,
    callback=lambda context, parameter, given: tuple(map(variation, given)),
    metavar="KEY=V1,V2,...",
    help="A column, and its values (repeatable): acks=0,1,all; transactional.id=unset,NAME; faults.crash=unset,1. The "
    "word unset takes the key away.",
)
@click.option("--property", "wanted", multiple=True, metavar="NAME", help="Check this one only (repeatable).")
@click.option(
    "--max-states", "states", type=click.IntRange(min=1), metavar="N", help="Of each: stop at N states."
)
@for_seconds
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Combinations at a time [default: the cores]."
)
@click.option(
    "--format", "form", type=click.Choice(FORMS), help="[default: what the name of FILE says, else text]"
)
@click.option("-o", "--output", metavar="FILE", help="Write the table there instead of to the terminal.")
@click.option("--out", metavar="DIR", help="Where traces go [default: .eoscheck/<name of the spec>/matrix].")
@screen
def command(
    spec: str,
    variations: tuple[tuple[Change, ...], ...],
    wanted: tuple[str, ...],
    jobs: int | None,
    form: str | None,
    output: str | None,
    out: str | None,
    style: Style,
    **limits: Any,
) -> int:
    """Explore SPEC with every combination of the settings that are varied, and show as a table what each guarantees.

    A KEY is a setting of Kafka (acks, isolation.level), for every client that knows it; a key of a processor or a
    store (offsets, write); or a path (processors.enricher.instances, kafka.version, faults.crash). What Kafka or
    eoscheck refuses is a row as well. Exit codes: 0 the table was computed, whatever it says; 3 a row is undecided;
    2 nothing but refusals; 130 interrupted, with the rows found so far.
    """
    folder = trace_folder(spec, out) if out else trace_folder(spec, None) / "matrix"
    if output:
        writable(Path(output))
        form = form or form_of(output, SUFFIXES, "text")
    whole = grid(spec, variations, wanted)
    rows: list[Row] = []
    started = time.monotonic()
    with Progress(quiet=style.quiet) as progress:
        try:
            _collect(whole, rows, folder, progress, _page(form), jobs=jobs or cores(), **limits)
        except KeyboardInterrupt:
            remark("eoscheck: interrupted\n")
    title = next(iter(whole.specs.values())).title
    rows.sort(key=lambda row: row.number)
    matrix = Matrix(spec, title, whole.settings, tuple(rows), len(whole.rows), time.monotonic() - started)
    deliver(
        _shown(matrix, form or "text", Path(output).parent if output else Path(), _style(style, output)),
        output,
    )
    return matrix.exit_code


def _collect(
    whole: Grid,
    rows: list[Row],
    folder: Path,
    progress: Progress,
    rendered: Callable[[Trace], str] | None,
    **how: Any,
) -> None:
    known: dict[int, Row] = {}
    for row in explored(whole, **how):
        rows.append(kept(row, folder, known, rendered))
        settings = "  ".join(f"{key}={value}" for key, value in row.settings.items())
        progress.say(f"{len(rows)}/{len(whole.rows)}  {settings}")


def _page(form: str | None) -> Callable[[Trace], str] | None:
    """What makes the page of a counterexample that a cell is linked to, if the table is one as well."""
    if form != "html":
        return None
    from eoscheck.gen.page.page import trace_page

    return trace_page


def _style(style: Style, output: str | None) -> Style:
    return Style(width=style.width, verbose=style.verbose, quiet=style.quiet) if output else style


def _shown(matrix: Matrix, form: str, folder: Path, style: Style) -> str:
    """The table in one of its forms, with links as a file in `folder` has them."""
    if form == "html":
        from eoscheck.gen.matrix.page import matrix_html

        return matrix_html(matrix, folder)
    if form == "text":
        from eoscheck.gen.matrix.text import matrix_text

        return matrix_text(matrix, style)
    from eoscheck.gen.matrix.forms import csv_text, json_text, markdown

    return (
        markdown(matrix, folder)
        if form == "markdown"
        else csv_text(matrix)
        if form == "csv"
        else json_text(matrix)
    )
