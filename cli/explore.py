"""`eoscheck explore SPEC`: search everything inside the bounds."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from eoscheck.checker.counterexample import Subject
from eoscheck.checker.examine import Examination, examine, limits_of
from eoscheck.checker.files import write_atomically
from eoscheck.checker.prepare import prepare
from eoscheck.checker.userproperties import load_properties
from eoscheck.cli.options import (
    Command,
    again,
    finite,
    for_seconds,
    html_file,
    save,
    screen,
    subject,
    trace_folder,
)
from eoscheck.cli.output import Progress, emit, emit_json
from eoscheck.cli.streams import remark
from eoscheck.gen.screen import Style
from eoscheck.gen.text import result_text
from eoscheck.model.vary import Change

if TYPE_CHECKING:
    from eoscheck.checker.native.search import Options

NATIVE = ("threads", "fingerprint", "checkpoint", "checkpoint_every", "resume")


def native_options(command: Command) -> Command:
    """Those that only the native engine has; the command gets them as `native`, and --packing as itself."""

    @click.option("--threads", type=click.IntRange(1, 64), metavar="N", help="Threads [default: the cores].")
    @click.option(
        "--fingerprint",
        is_flag=True,
        help="Keep 64 bits of each state in memory, and say with what probability a state was missed.",
    )
    @click.option("--checkpoint", metavar="DIR", help="Keep the search in DIR while it runs.")
    @click.option(
        "--checkpoint-every",
        type=click.FloatRange(min=0, min_open=True),
        callback=finite,
        metavar="S",
        help="Keep it every S seconds [default: 60].",
    )
    @click.option("--resume", metavar="DIR", help="Go on with the search that is kept in DIR.")
    @click.option("--packing", is_flag=True, help="Print how states lie in memory, and stop.")
    @functools.wraps(command)
    def with_native(**given: Any) -> Any:
        native = {name: given.pop(name) for name in NATIVE}
        return command(native=native, **given)

    return with_native


@click.command("explore", short_help="Walk every interleaving of one pipeline.")
@subject
@click.option("--max-states", type=click.IntRange(min=1), metavar="N", help="Stop at N states.")
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="Stop after N steps.")
@for_seconds
@click.option(
    "--memory",
    type=click.IntRange(min=1),
    metavar="MB",
    help="Keep within MB of memory: states go to a file in $TMPDIR or /var/tmp, and the search stops where "
    "even that is not enough.",
)
@native_options
@click.option("--no-reduction", is_flag=True, help="Search every state, however many there are.")
@click.option(
    "--certify",
    is_flag=True,
    help="Have Z3 check everything it can, whatever that costs: also that no step leads out of the states that were "
    "explored, and the model itself.",
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
    no_reduction: bool,
    certify: bool,
    html: Path | None,
    packing: bool,
    native: Mapping[str, Any],
    **limits: Any,
) -> int:
    """Walk every interleaving and every crash point of SPEC, inside its bounds, and say what holds.

    What breaks comes with a shortest counterexample. Exit codes: 0 everything holds, 1 violated, 3 undecided
    (a limit was reached), 4 vacuous.
    """
    if certify and engine == "interpreter":
        raise click.UsageError("--certify asks Z3 about traced actions; --engine interpreter traces none")
    if packing and (as_json or html):
        ignored = "--json" if as_json else "--html"
        raise click.UsageError(f"--packing prints how states lie in memory, and stops: it has no {ignored}")
    folder = trace_folder(spec, out, changes)
    options = _options(engine, native, reduce=not no_reduction)
    mine = load_properties(files)
    pipeline = prepare(spec, mine, wanted, changes)
    if packing:
        emit(_packing(pipeline))
        return 0
    bounds = limits_of(
        pipeline.spec,
        states=limits["max_states"],
        depth=limits["depth"],
        seconds=limits["seconds"],
        memory_mb=limits["memory"],
    )
    with Progress(quiet=style.quiet) as progress, mine.blamed():
        found = examine(pipeline, bounds, engine, progress, options, certify=certify, explain=True)
    kept = native["checkpoint"] or native["resume"]
    if kept and found.result.stopped:
        words = ["eoscheck", *again("explore", spec, changes, files), "--resume", kept]
        hint = f"kept in {kept}: {shlex.join(words)} goes on"
        found = replace(found, result=replace(found.result, notes=(*found.result.notes, hint)))
    return report(found, folder, again("explore", spec, changes, files), style, as_json, html)


def _options(engine: str, native: Mapping[str, Any], *, reduce: bool) -> Options | None:
    """How the native engine goes about it. Raises UsageError where that is asked of another one, or of two folders."""
    asked = [f"--{name.replace('_', '-')}" for name, value in native.items() if value]
    if engine != "native":
        if asked:
            raise click.UsageError(f"{asked[0]} is an option of --engine native, not of {engine}")
        return None
    from eoscheck.checker.native.search import Options

    checkpoint, resume = native["checkpoint"], native["resume"]
    if checkpoint and resume:
        raise click.UsageError(
            "--resume keeps the search where it was kept; --checkpoint cannot be given as well"
        )
    folder = checkpoint or resume
    if folder is None and native["checkpoint_every"]:
        raise click.UsageError("--checkpoint-every needs --checkpoint or --resume")
    return Options(
        threads=native["threads"],
        fingerprint=native["fingerprint"],
        checkpoint=Path(folder) if folder else None,
        every=native["checkpoint_every"] or Options.every,
        resume=bool(resume),
        reduce=reduce,
    )


def _packing(pipeline: Subject) -> str:
    from eoscheck.checker.native.packing import pack
    from eoscheck.checker.trace import trace

    return f"{pack(trace(pipeline.model))}\n"


def report(
    found: Examination, folder: Any, words: list[str], style: Style, as_json: bool, html: Path | None = None
) -> int:
    """Write the traces, and the page if there is to be one, print the result; gives the exit code.

    words   the words of the command that reproduces it, after `eoscheck`
    """
    commands = {name: shlex.join(["eoscheck", *words, "--property", name]) for name in found.traces}
    traces = {name: replace(trace, again=commands[name]) for name, trace in found.traces.items()}
    result = found.result.with_traces(save(traces, folder))
    if html:
        from eoscheck.gen.page.page import report_page

        write_atomically(html, report_page(result, traces))
        remark(f"wrote {html}\n")
    if as_json:
        emit_json(result.to_json())
    else:
        emit(result_text(result, traces, commands, style))
    return result.exit_code
