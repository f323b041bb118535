"""`eoscheck conform SPEC...`: the model confronted with a real Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from eoscheck.checker.files import write_atomically
from eoscheck.checker.verdict import INTERRUPTED, REPLAY_DIFFERS, WORD, worst
from eoscheck.cli.kafka import usable
from eoscheck.cli.options import HISTORY, Keeper, writable
from eoscheck.cli.output import Progress, emit, emit_json

if TYPE_CHECKING:
    from eoscheck.gen.replay.conform import Conformance
    from eoscheck.gen.replay.testbed import Testbed
    from eoscheck.model.spec import Spec


@click.command("conform", short_help="Confront the model with a real Kafka.")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@click.option(
    "--traces", type=click.IntRange(min=1), default=200, show_default=True, help="Executions of each spec."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same executions."
)
@click.option(
    "--kafka", "names", metavar="NAMES", help="Such as 3.9.1,4.1.2:tv0 [default: Maven's, one release]."
)
@click.option("--bootstrap", metavar="HOST:PORT", help="A Kafka that runs already.")
@click.option(
    "--postgres-dsn", metavar="DSN", help="Where stores lie [default: sqlite, or a server of ours]."
)
@click.option("--junit", "junit_file", metavar="FILE", help="Also write JUnit XML.")
@HISTORY
@click.option("--json", "as_json", is_flag=True, help='Print one JSON object, "eoscheck-conform/1".')
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@usable
def command(
    specs: tuple[str, ...],
    traces: int,
    seed: int,
    names: str | None,
    bootstrap: str | None,
    postgres_dsn: str | None,
    junit_file: str | None,
    histories: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Replay executions of each SPEC on a real Kafka and compare every answer and everything that can be seen; audit
    what was sent and seen, and compare what the audit finds with what the model says.

    A first set takes every action in each of its cases, random walks follow. The spec is taken as the release of each
    Kafka would run it. Exit codes: 0 as the model says, 5 it differs, 3 not all of it could be tried.
    """
    from eoscheck.gen.conformance import conformance_junit, conformance_text
    from eoscheck.gen.kafka.provider import choose
    from eoscheck.gen.replay.testbed import Testbed
    from eoscheck.model.loader import load

    if junit_file is not None:
        writable(Path(junit_file))
    keep = Keeper(histories)
    loaded = [load(spec) for spec in specs]
    providers = [choose(name or None, bootstrap) for name in (names or "").split(",")]
    done: list[Conformance] = []
    refused: dict[str, str] = {}
    for provider in providers:
        if done and done[-1].stopped:
            break
        with Testbed(provider, postgres_dsn) as testbed:
            for found in _on(testbed, loaded, traces, seed, quiet, refused, keep):
                done.append(found)
                if not as_json:
                    emit(conformance_text(found))
    if junit_file is not None:
        write_atomically(Path(junit_file), conformance_junit(done))
    if as_json:
        results = [found.to_json() for found in done]
        emit_json({"format": "eoscheck-conform/1", "results": results, "refused": refused})
    else:
        emit("".join(f"not replayed: {reason}\n" for reason in refused.values()))
    return _code(done, bool(refused))


def _on(
    testbed: Testbed,
    specs: list[Spec],
    traces: int,
    seed: int,
    quiet: bool,
    refused: dict[str, str],
    keep: Keeper,
) -> Iterator[Conformance]:
    """Each spec on one Kafka, until it is interrupted; why a spec cannot be replayed goes to `refused`."""
    from eoscheck.gen.conformance import progress
    from eoscheck.gen.replay.conform import CannotConform, conform

    for spec in specs:
        try:
            with Progress(quiet=quiet) as shown:
                found = conform(spec, testbed, traces, seed, lambda now: shown.say(progress(now)), keep)
        except CannotConform as error:
            refused[spec.path] = str(error)
            continue
        yield found
        if found.stopped:
            return


def _code(done: list[Conformance], refused: bool) -> int:
    if done and done[-1].stopped:
        return INTERRUPTED
    differ = any(found.divergences for found in done)
    partly = refused or any(found.skipped or not found.complete for found in done)
    return worst([REPLAY_DIFFERS if differ else 0, WORD["undecided"] if partly else 0])
