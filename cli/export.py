"""`eoscheck export TRACE`: a counterexample as a pytest file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click
from eoscheck.checker.files import write_atomically
from eoscheck.checker.tracefile import StaleTrace, read
from eoscheck.cli.kafka import usable
from eoscheck.cli.options import writable
from eoscheck.cli.output import emit
from eoscheck.cli.streams import remark

DIGEST = 12
"""Digits of the SHA-256 of a trace that its test shows."""


@click.command("export", short_help="Write a trace as a pytest file.")
@click.argument("trace")
@click.option("-o", "--output", metavar="FILE.py", help="Write it there instead of to the terminal.")
@click.option(
    "--fix", metavar="SPEC", help="The repaired pipeline: a second test, that it keeps the property."
)
@usable
def command(trace: str, output: str | None, fix: str | None) -> int:
    """Write TRACE, a file that `explore` wrote, as a test that replays it on a real Kafka.

    The test passes if the anomaly shows itself exactly as it was found. It needs pytest and
    pip install 'eoscheck[replay]'; `pytest --kafka 4.1.2` runs it on another Kafka than it names.
    """
    from eoscheck.gen.export import Source, exported
    from eoscheck.gen.replay.fixing import NoFix, fixed_plan
    from eoscheck.gen.replay.replayer import plan_trace

    if output:
        writable(Path(output))
    found = read(trace)
    try:
        plan = plan_trace(found)
        fixed = fixed_plan(found, fix) if fix else None
    except StaleTrace as error:
        raise click.ClickException(f"{trace}: {error}") from None
    except NoFix as error:
        raise click.ClickException(f"--fix {fix}: {error}") from None
    words = ["eoscheck", "export", trace]
    words += ["-o", output] if output else []
    words += ["--fix", fix] if fix else []
    digest = hashlib.sha256(Path(trace).read_bytes()).hexdigest()[:DIGEST]
    text = exported(found, plan, Source(Path(trace).name, digest, words), fixed)
    if output:
        write_atomically(Path(output), text)
        remark(f"wrote {output}\n")
    else:
        emit(text)
    return 0
