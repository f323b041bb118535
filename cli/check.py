"""`eoscheck check PATH...`: many specs against what each expects."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from eoscheck.checker.checking import Checked, check_files, specs_in
from eoscheck.checker.files import write_atomically
from eoscheck.checker.native.memory import cores
from eoscheck.checker.verdict import INTERRUPTED, worst
from eoscheck.cli.options import screen, writable
from eoscheck.cli.output import emit, emit_json
from eoscheck.gen.junit import junit
from eoscheck.gen.screen import Style
from eoscheck.gen.text import checked_line, summary_line


@click.command("check", short_help="Explore many specs and compare.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--junit", "junit_file", metavar="FILE", help="Also write JUnit XML.")
@click.option("--json", "as_json", is_flag=True, help='Print one JSON object, "eoscheck-check/1".')
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Specs at a time [default: the cores].")
@screen
def command(
    paths: tuple[str, ...], junit_file: str | None, as_json: bool, jobs: int | None, style: Style
) -> int:
    """Explore every spec in PATH... (files, or folders of *.yaml) and compare it with its `expect:`.

    Exit codes: 0 everything as expected, 1 an expectation differs, 2 a spec is bad, 3 undecided or 4 vacuous
    where something was expected.
    """
    specs = specs_in(paths)
    if not specs:
        raise click.UsageError(f"no *.yaml in {', '.join(paths)}")
    if junit_file is not None:
        writable(Path(junit_file))
    started = time.monotonic()
    done, interrupted = _check(specs, jobs or cores(), style, as_json)
    if junit_file is not None:
        write_atomically(Path(junit_file), junit(done))
    if as_json:
        emit_json(_json(done, interrupted))
    else:
        emit(summary_line(done, len(specs), time.monotonic() - started, style))
    return INTERRUPTED if interrupted else worst(c.code for c in done)


def _check(specs: list[str], jobs: int, style: Style, as_json: bool) -> tuple[list[Checked], bool]:
    """Every spec, printed as soon as its turn comes; and whether it was interrupted."""
    done: list[Checked] = []
    width = max(map(len, specs))
    try:
        for checked in check_files(specs, jobs):
            done.append(checked)
            if not as_json and (checked.code or not style.quiet):
                emit(checked_line(checked, width, style))
            if checked.code == INTERRUPTED:
                return done, True
    except KeyboardInterrupt:
        return done, True
    return done, False


def _json(done: list[Checked], interrupted: bool) -> dict[str, Any]:
    specs = [
        {
            "spec": c.path,
            "result": c.result.to_json() if c.result else None,
            "differences": [str(d) for d in c.differences],
            "expected": c.expected,
            "error": c.error or None,
            "code": c.code,
        }
        for c in done
    ]
    return {"format": "eoscheck-check/1", "specs": specs, "complete": not interrupted}
