"""`eoscheck init [FILE]`: a commented spec to start from."""

from __future__ import annotations

from pathlib import Path

import click
from eoscheck.checker.files import write_atomically
from eoscheck.cli.output import emit


@click.command("init", short_help="Write a spec to start from.")
@click.argument("file", default="pipeline.yaml")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def command(file: str, force: bool) -> int:
    """Write a commented spec to FILE (pipeline.yaml): a whole pipeline, ready to be explored."""
    from eoscheck.model.templates import SPEC

    path = Path(file)
    if path.is_dir():
        raise click.UsageError(f"{file!r} is a folder, not a file")
    if path.exists() and not force:
        raise click.UsageError(f"{file} exists; --force overwrites it")
    write_atomically(path, SPEC)
    emit(f"{file}\n")
    return 0
