"""`eoscheck explain NAME`: what a word of eoscheck means."""

from __future__ import annotations

import click
from eoscheck.cli.options import screen
from eoscheck.cli.output import emit
from eoscheck.gen.glossary import UnknownWord, entry_text, list_text
from eoscheck.gen.screen import Style


@click.command("explain", short_help="Explain a word.")
@click.argument("name", required=False)
@screen
def command(name: str | None, style: Style) -> int:
    """Explain NAME: a property, a fault, a way to commit offsets, or a hazard such as A13.

    `explain faults` explains all of one kind. Without NAME, list everything that can be explained.
    """
    try:
        emit(entry_text(name, style) if name else list_text(style))
    except UnknownWord as error:
        raise click.UsageError(str(error)) from None
    return 0
