"""`eoscheck simulate SPEC`: seeded random walks."""

from __future__ import annotations

from pathlib import Path

import click
from eoscheck.checker.prepare import prepare
from eoscheck.checker.simulate import Walks, simulate
from eoscheck.checker.userproperties import load_properties
from eoscheck.cli.explore import report
from eoscheck.cli.options import again, html_file, screen, subject, trace_folder
from eoscheck.cli.output import Progress
from eoscheck.gen.screen import Style
from eoscheck.model.vary import Change


@click.command("simulate", short_help="Take seeded random walks.")
@subject
@click.option("--walks", type=click.IntRange(min=1), default=1_000, show_default=True, help="How many walks.")
@click.option(
    "--depth", type=click.IntRange(min=1), default=100, show_default=True, help="Steps of one walk."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same walks."
)
@html_file
@screen
def command(
    spec: str,
    files: tuple[str, ...],
    wanted: tuple[str, ...],
    changes: tuple[Change, ...],
    style: Style,
    as_json: bool,
    out: str | None,
    engine: str,
    walks: int,
    depth: int,
    seed: int,
    html: Path | None,
) -> int:
    """Take random walks through SPEC.

    What they meet is true; what they do not meet says nothing, so this never says "holds": exit code 1 where
    a violation was met, else 3.
    """
    folder = trace_folder(spec, out, changes)
    mine = load_properties(files)
    pipeline = prepare(spec, mine, wanted, changes)
    with Progress(quiet=style.quiet) as progress, mine.blamed():
        found = simulate(pipeline, Walks(walks, depth, seed), engine, progress)
    numbers = ["--walks", str(walks), "--depth", str(depth), "--seed", str(seed)]
    words = [*again("simulate", spec, changes, files), *numbers]
    return report(found, folder, words, style, as_json, html)
