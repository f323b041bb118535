"""`eoscheck prove SPEC`: proofs by induction, and counterexamples, by Z3."""

from __future__ import annotations

import shlex
import time
from dataclasses import replace
from pathlib import Path

import click
from eoscheck.checker.examine import limits_of
from eoscheck.checker.files import write_atomically
from eoscheck.checker.prepare import prepare
from eoscheck.checker.solver.answers import OutOfTime
from eoscheck.checker.solver.proof import Obligation, check, read
from eoscheck.checker.solver.proving import Prover
from eoscheck.checker.trace import trace
from eoscheck.checker.userproperties import UserProperties, load_properties
from eoscheck.cli.options import for_seconds, save, screen, trace_folder, writable
from eoscheck.cli.output import Progress, emit, emit_json
from eoscheck.cli.streams import remark
from eoscheck.gen.proving import check_text, proving_text
from eoscheck.gen.screen import Style


@click.command("prove", short_help="Prove it for any number of steps, with Z3.")
@click.argument("spec", required=False)
@click.option("--check", "checked", metavar="FILE", help="Check a proof again, from nothing.")
@click.option(
    "--depth", type=click.IntRange(min=0), metavar="N", help="Do not search: executions of N steps only."
)
@for_seconds
@click.option("--properties", "files", multiple=True, metavar="FILE.py", help="Properties of your own.")
@click.option("--property", "wanted", multiple=True, metavar="NAME", help="Prove this one only (repeatable).")
@click.option("-o", "--output", metavar="FILE", help="Where the proof goes [default: beside the traces].")
@click.option("--out", metavar="DIR", help="Where traces go [default: .eoscheck/<name of the spec>].")
@click.option("--json", "as_json", is_flag=True, help='Print one JSON object, "eoscheck-proving/1".')
@screen
def command(
    spec: str | None,
    checked: str | None,
    depth: int | None,
    seconds: float | None,
    files: tuple[str, ...],
    wanted: tuple[str, ...],
    output: str | None,
    out: str | None,
    as_json: bool,
    style: Style,
) -> int:
    """Prove the safety properties of SPEC by induction: for any number of steps, within its bounds.

    Lemmas are learned from a complete search and proved by Z3; they go to a file, which --check proves again. What is
    violated gets the shortest counterexample, as a formula. Exit codes: 0 proved, 1 violated (--check: no proof any
    more), 3 holds up to a depth, or undecided, 4 vacuous.
    """
    mine = load_properties(files)
    if checked is not None:
        if depth is not None or wanted or output or out:
            raise click.UsageError(
                "--check takes a proof as it is: only SPEC, --properties and --seconds go with it"
            )
        return _check(checked, spec, mine, seconds, style, as_json)
    if spec is None:
        raise click.UsageError("missing argument 'SPEC'")
    folder = trace_folder(spec, out)
    file = Path(output) if output else folder / "proof.json"
    writable(file)
    pipeline = prepare(spec, mine, wanted)
    with Progress(quiet=style.quiet) as progress, mine.blamed():

        def watch(what: str, lemmas: int) -> None:
            progress.say(f"{what}   {lemmas:,} lemmas" if lemmas else what)

        prover = Prover(pipeline, limits_of(pipeline.spec, seconds=seconds), watch, progress)
        found = prover.prove() if depth is None else prover.unroll(depth)
    paths = save(found.traces, folder)
    rows = tuple(replace(row, trace=paths.get(row.name)) for row in found.answer.properties)
    answer = replace(found.answer, properties=rows)
    if found.proof is not None:
        write_atomically(file, found.proof.to_json())
        answer = replace(answer, proof=str(file))
    if as_json:
        emit_json(answer.to_json())
    else:
        again = ["eoscheck", "prove", spec, *(word for name in files for word in ("--properties", name))]
        commands = {name: shlex.join([*again, "--property", name]) for name in found.traces}
        emit(proving_text(answer, found.traces, commands, style))
    return answer.exit_code


def _check(
    path: str, spec: str | None, mine: UserProperties, seconds: float | None, style: Style, as_json: bool
) -> int:
    """Check a proof, of the spec that it names or of another one."""
    proof = read(path)
    if spec is not None:
        proof = replace(proof, spec=spec)
    until = None if seconds is None else time.monotonic() + seconds
    obligations: list[Obligation] = []
    with Progress(quiet=style.quiet) as progress, mine.blamed():
        program = trace(prepare(proof.spec, mine).model)
        try:
            obligations += check(program, proof, path, until, lambda what, _: (progress.say(what), None)[1])
        except OutOfTime:
            remark(f"eoscheck: {path}: the time was up\n")
            return 3
    holds = not any(obligation.failure for obligation in obligations)
    if as_json:
        shown = [{"says": o.says, "failure": o.failure or None} for o in obligations]
        emit_json({"format": "eoscheck-proof-check/1", "proof": path, "holds": holds, "obligations": shown})
    else:
        emit(check_text(proof, obligations, style))
    return 0 if holds else 1
