"""Standard output and standard error: results to the one, progress to the other, a closed pipe to nobody."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from eoscheck.cli.streams import remark, silence

if TYPE_CHECKING:
    from eoscheck.checker.search import Figures

EVERY = 10.0
"""Seconds between two lines of progress where they cannot be written over."""


def emit(text: str) -> None:
    """Write to stdout what the command was run for. A reader that has gone away is no error."""
    from eoscheck.gen.screen import encodable

    try:
        sys.stdout.write(encodable(text, sys.stdout.encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)


def deliver(content: str | bytes, file: str | None) -> None:
    """Write it to a file, and say so on stderr; or to stdout where there is none, or `-`. Raises UsageError where a
    terminal would get bytes."""
    if file and file != "-":
        from eoscheck.checker.files import write_atomically

        write_atomically(Path(file), content)
        remark(f"wrote {file}\n")
    elif isinstance(content, str):
        emit(content)
    else:
        spare_terminal()
        _emit_bytes(content)


def spare_terminal() -> None:
    """Raises UsageError where stdout is a terminal, which is not to get a picture."""
    if sys.stdout.isatty():
        raise click.UsageError("a picture is not for a terminal: say where to write it, -o FILE")


def _emit_bytes(data: bytes) -> None:
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        silence(sys.stdout)


def emit_json(data: dict[str, Any]) -> None:
    """Write one JSON object to stdout, with sorted keys."""
    emit(json.dumps(data, sort_keys=True, indent=2) + "\n")


def _short(number: float) -> str:
    """A number in at most eight columns or so.

    >>> _short(1234567), _short(12345678)
    ('1,234,567', '12.3M')
    """
    return f"{number:,.0f}" if number < 1e7 else f"{number / 1e6:,.1f}M"


class Progress:
    """Progress on stderr: one line in place on a terminal, else a line every ten seconds."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.stream = sys.stderr
        self.quiet = quiet
        self.in_place = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.last: Figures | None = None
        self.written = self.started = time.monotonic()
        self.dirty = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.dirty:
            self._write("\r\x1b[K")

    def __call__(self, figures: Figures) -> None:
        if self.say(self._line(figures)):
            self.last = figures

    def say(self, line: str) -> bool:
        """Show a line, unless it is too early for one; whether it was shown."""
        now = time.monotonic()
        if self.quiet or (not self.in_place and now - self.written < EVERY):
            return False
        self.written = now
        width = shutil.get_terminal_size().columns  # a line that is broken could not be written over
        self._write(f"\r{line[: width - 1]}\x1b[K" if self.in_place else f"{line}\n")
        self.dirty = self.in_place
        return True

    def _line(self, figures: Figures) -> str:
        """What fits in a line, the least of it left out first."""
        last = self.last
        if last and figures.generated < last.generated:
            last = None  # another search has begun
        passed = max(figures.seconds - (last.seconds if last else 0.0), 0.001)
        rate = (figures.generated - (last.generated if last else 0)) / passed
        expanded = figures.distinct - figures.queue - (last.distinct - last.queue if last else 0)
        parts = [
            f"level {figures.level}",
            *([f"violated {figures.violated}"] if figures.violated else ()),
            f"distinct {_short(figures.distinct)}",
            f"generated {_short(figures.generated)}",
            f"queue {_short(figures.queue)}",
            f"{_short(rate)}/s",
            f"{figures.seconds:.0f} s",
        ]
        if figures.left is not None and expanded > 0:
            parts.append(f"about {figures.left * passed / expanded:,.0f} s left")
        if figures.growth:
            parts.append(f"growth {figures.growth:.2f}")
        if figures.memory_mb:
            parts.append(f"{figures.memory_mb:,.0f} MB")
        width = shutil.get_terminal_size().columns if self.in_place else sys.maxsize
        while len("  ".join(parts)) >= width and len(parts) > 1:
            parts.pop()
        return "  ".join(parts)

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError:
            silence(self.stream)
