"""`eoscheck show TRACE --step`: the keys, and what they move."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import click
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.moments import Moments
from eoscheck.checker.tracefile import StaleTrace
from eoscheck.cli.output import emit
from eoscheck.gen.screen import Style
from eoscheck.gen.stepping import KEYS, moment_text

NEXT = {" ", "n", "j", "l", "\r", "\n", "\x1b[C", "\x1b[B", "\x1bOC", "\x1bOB"}
BACK = {"p", "k", "h", "\x7f", "\x1b[D", "\x1b[A", "\x1bOD", "\x1bOA"}
FIRST = {"g", "\x1b[H", "\x1bOH", "\x1b[1~"}
LAST = {"G", "\x1b[F", "\x1bOF", "\x1b[4~"}
OTHER_VIEW = -1
"""The same moment with every variable, or without."""

QUIT = {"q", "\x1b", "\x03", "\x04"}


def step_through(trace: Trace, path: str, style: Style) -> None:
    """Show one moment after the other, as the keys say: those of a terminal, or else what is read from stdin.

    Raises ClickException where the trace is stale.
    """
    try:
        moments = Moments(trace)
    except StaleTrace as error:
        raise click.ClickException(f"{path}: {error}") from None
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    at: int | None = 0
    keys = _keys(interactive)
    while at is not None:
        if interactive:
            click.clear()
        emit(moment_text(trace, moments[at], moments[at - 1] if at else None, style))
        emit(f"\n{KEYS}\n")
        moved_to = moved(at, len(moments) - 1, keys)
        if moved_to == OTHER_VIEW:
            style = replace(style, full=not style.full)
        else:
            at = moved_to


def moved(at: int, last: int, keys: Iterator[str]) -> int | None:
    """The moment that the next keys lead to, or OTHER_VIEW; None: none, it is over. A number is ended by Enter.

    >>> moved(3, 9, iter("n")), moved(3, 9, iter("p")), moved(3, 9, iter("17\\n")), moved(3, 9, iter("q"))
    (4, 2, 9, None)
    """
    number = ""
    for key in keys:
        if key.isdecimal():
            number += key
        elif number and key in "\r\n":
            return min(int(number), last)
        else:
            number = ""
            for group, target in ((NEXT, at + 1), (BACK, at - 1), (FIRST, 0), (LAST, last)):
                if key in group:
                    return min(max(target, 0), last)
            if key in QUIT:
                return None
            if key == "a":
                return OTHER_VIEW
    return None


def _keys(interactive: bool) -> Iterator[str]:
    read: Callable[[], str] = click.getchar if interactive else lambda: sys.stdin.read(1)
    try:
        while key := read():
            yield key
    except EOFError:
        return
