"""Options that several commands have, and the choices that follow from them."""

from __future__ import annotations

import functools
import math
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.examine import ENGINES
from eoscheck.checker.files import write_atomically
from eoscheck.gen.screen import style_for
from eoscheck.model.language import did_you_mean
from eoscheck.model.vary import Change, change

if TYPE_CHECKING:
    from eoscheck.checker.audit.history import History

Command = Callable[..., Any]


def screen(command: Command) -> Command:
    """-v, -q, --no-color and --full; the command gets them as `style`."""

    @click.option(
        "-v",
        "--verbose",
        count=True,
        help="Also notes on ignored settings, each action's count, and why one never fired.",
    )
    @click.option("-q", "--quiet", count=True, help="Verdicts only, no progress.")
    @click.option("--no-color", is_flag=True, help="No colour, as with NO_COLOR (FORCE_COLOR: always).")
    @click.option("--full", is_flag=True, help="Whole states and observations, not only what changed.")
    @functools.wraps(command)
    def with_style(*, verbose: int, quiet: int, no_color: bool, full: bool, **rest: Any) -> Any:
        style = style_for(sys.stdout, no_color=no_color, full=full, verbosity=verbose - quiet)
        return command(style=style, **rest)

    return with_style


def subject(command: Command) -> Command:
    """SPEC, --set, --properties, --property, --engine, --out and --json; the command gets --set as `changes`."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help='Print one JSON object, "eoscheck-result/1".'),
        click.option("--out", metavar="DIR", help="Where traces go [default: .eoscheck/<name of the spec>]."),
        click.option("--engine", type=click.Choice(ENGINES), default="native", show_default=True),
        click.option(
            "--property", "wanted", multiple=True, metavar="NAME", help="Check this one only (repeatable)."
        ),
        click.option(
            "--properties", "files", multiple=True, metavar="FILE.py", help="Properties of your own."
        ),
        click.option(
            "--set",
            "changes",
            multiple=True,
            callback=lambda context, parameter, given: tuple(map(change, given)),
            metavar="KEY=VALUE",
            help="Take this setting instead of what SPEC says (repeatable): acks=1, transactional.id=unset, "
            "processors.enricher.instances=1.",
        ),
        click.argument("spec"),
    ):
        command = option(command)
    return command


def again(command: str, spec: str, changes: Sequence[Change], files: Sequence[str]) -> list[str]:
    """The words of a command on the same spec, after `eoscheck`."""
    told = [word for change in changes for word in ("--set", str(change))]
    return [command, spec, *told, *(word for file in files for word in ("--properties", file))]


def finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Refuse `nan` and `inf`, which are numbers to click."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a finite number", context, parameter)
    return value


for_seconds = click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    callback=finite,
    metavar="S",
    help="Stop after S seconds.",
)


html_file = click.option(
    "--html",
    metavar="FILE",
    callback=lambda context, parameter, value: _open_file(value),
    help="Also write it to FILE as one page, with a stepper for each counterexample.",
)


def _open_file(name: str | None) -> Path | None:
    if name is None:
        return None
    writable(Path(name))
    return Path(name)


def writable(file: Path) -> None:
    """Raises UsageError where no such file can be written, before a long search and not after it."""
    nearest = _nearest(file.parent)
    if file.is_dir() or not file.name or not _is_open(nearest):
        raise click.UsageError(f"{str(file)!r} cannot be written")


def _nearest(folder: Path) -> Path:
    return next(p for p in (folder, *folder.resolve().parents) if p.exists())


def _is_open(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK)


def form_of(file: str | None, known: Mapping[str, str], default: str) -> str:
    """The form that a file's name asks for: by its suffix, or `default` without one.

    Raises UsageError where no form has that suffix.
    """
    suffix = Path(file or "").suffix.removeprefix(".").lower()
    if suffix and suffix not in known:
        hint = did_you_mean(suffix, known) or f"; known: {', '.join(known)}"
        raise click.UsageError(f"{file!r} ends with no format{hint} (or say --format)")
    return known[suffix] if suffix else default


def trace_folder(spec: str, out: str | None, changes: Sequence[Change] = ()) -> Path:
    """Where the traces of a spec, with these changes, go. Raises UsageError where nothing can be written there."""
    told = "".join(f"+{change}" for change in changes)
    safe = "".join(c if c.isalnum() or c in "@._-+=," else "_" for c in told)
    folder = Path(out or Path(".eoscheck") / f"{Path(spec).stem}{safe}")
    nearest = _nearest(folder)
    if not _is_open(nearest):
        raise click.UsageError(
            f"traces cannot be written to {folder}: {nearest} is no folder that can be written"
        )
    return folder


def save(traces: dict[str, Trace], folder: Path) -> dict[str, str]:
    """Write each trace to `folder/<property>.json`; gives the paths by property."""
    paths: dict[str, str] = {}
    for name, trace in traces.items():
        safe = "".join(c if c.isalnum() or c in "@._-" else "_" for c in name)
        path = folder / f"{safe}.json"
        write_atomically(path, trace.to_json())
        paths[name] = str(path)
    return paths


HISTORY = click.option(
    "--history", "histories", metavar="DIR", help="Keep what was sent and seen there, for eoscheck audit."
)


class Keeper:
    """Writes the history of each replay to a folder, one file after the other.

    Raises UsageError where nothing can be written there.
    """

    def __init__(self, folder: str | None) -> None:
        self._folder = Path(folder) if folder else None
        self._count: Counter[str] = Counter()
        if self._folder is not None and not _is_open(_nearest(self._folder)):
            raise click.UsageError(f"{folder!r} cannot be written")

    def __call__(self, name: str, history: History | None) -> None:
        """Keep the history of a replay of this trace or spec, if there is one and a folder for it."""
        if self._folder is None or history is None:
            return
        from eoscheck.checker.audit.jsonlines import as_json_lines

        stem = Path(name).stem
        self._count[stem] += 1
        write_atomically(self._folder / f"{stem}-{self._count[stem]}.jsonl", as_json_lines(history))
