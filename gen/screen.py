"""What a terminal can show, and text made for it: width, colour, encoding.

Every decision about colour is taken here. Colour is never alone: a word or a mark says the same.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

NARROWEST, WIDEST = 40, 120
"""Columns: below, nothing fits; above, lines are too long to read."""


GLUE = "\ue000"
"""A space at which a line must not be broken (a no-break space is one to rich)."""


@dataclass(frozen=True)
class Style:
    """How to print.

    width     columns
    full      whole states and observations after each step, not only what changed
    verbose   also what is of interest only now and then (ignored settings, how often each action was taken)
    quiet     the verdicts only
    """

    color: bool = False
    width: int = 80
    full: bool = False
    verbose: bool = False
    quiet: bool = False


def colored(stream: TextIO, environment: Mapping[str, str], *, forbidden: bool = False) -> bool:
    """Whether to use colour: --no-color decides, then NO_COLOR, FORCE_COLOR, whether it is a terminal.

    >>> colored(io.StringIO(), {"FORCE_COLOR": "1"})
    True
    >>> colored(io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"})
    False
    """
    if forbidden or environment.get("NO_COLOR"):
        return False
    forced = environment.get("FORCE_COLOR", "")
    if forced:
        return forced.lower() not in ("0", "false")
    return stream.isatty() and environment.get("TERM") != "dumb"


def style_for(stream: TextIO, *, no_color: bool = False, full: bool = False, verbosity: int = 0) -> Style:
    """The style that suits a stream. `verbosity`: how many -v, less how many -q."""
    width = min(max(shutil.get_terminal_size((80, 24)).columns, NARROWEST), WIDEST)
    color = colored(stream, os.environ, forbidden=no_color)
    return Style(color, width, full, verbosity > 0, verbosity < 0)


def paint(parts: Iterable[RenderableType], style: Style) -> str:
    """The text of renderables, without spaces at the ends of lines. A Text with `no_wrap` is never broken."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=style.width,
        force_terminal=style.color,
        no_color=not style.color,
        color_system="standard" if style.color else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text) and bool(part.no_wrap))
    text = out.getvalue().replace(GLUE, " ")
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def table(rows: Iterable[tuple[tuple[str, str], str, RenderableType]]) -> RenderableType:
    """Rows of a mark (a word with its colour), a name, and what there is to say of it."""
    grid = Table.grid(padding=(0, 2), pad_edge=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for (word, color), name, detail in rows:
        grid.add_row(Text(word, color), printable(name), detail)
    return grid


def folded(text: Text, width: int) -> list[Text]:
    """A text in lines of so many columns; a word that is longer is broken."""
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False, _environ={})
    return list(text.wrap(console, width, overflow="fold"))


def dim(text: str) -> Text:
    """What is of less interest."""
    return Text(printable(text), "dim")


def glued(text: str) -> str:
    """The text in a form that is not wrapped."""
    return text.replace(" ", GLUE)


def printable(text: str) -> str:
    """The text without characters that a terminal would act upon (a trace file may hold any)."""
    return "".join(c if c.isprintable() or c == GLUE else " " if c in "\n\t" else "\ufffd" for c in text)


_ASCII = str.maketrans(
    {"✓": "+", "✗": "x", "○": "o", "●": "*", "→": "->", "…": "...", "–": "-", "—": "-"}
    | {"│": "|", "─": "-", "╌": ".", "┌": "+", "┼": "+", "├": "|", "┤": "|", "▶": ">", "◀": "<"}
)


def encodable(text: str, encoding: str | None) -> str:
    """The text in characters that `encoding` has: marks by their nearest ASCII, the rest by `?`."""
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        known = encoding or "ascii"
        return text.translate(_ASCII).encode(known, "replace").decode(known)
    return text
