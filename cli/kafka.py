"""`eoscheck kafka up | status | down`: a real Kafka that stays up, so that replays need not wait for one."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from eoscheck.cli.output import emit, emit_json
from eoscheck.cli.streams import remark

if TYPE_CHECKING:
    from eoscheck.gen.kafka.kept import Kept

Command = Callable[..., int]

as_json = click.option("--json", "as_json", is_flag=True, help='Print one JSON object, "eoscheck-kafka/1".')


def usable(command: Command) -> Command:
    """What is missing here to run Kafka is bad input (exit code 2), and one line."""

    @functools.wraps(command)
    def explained(**options: Any) -> int:
        try:
            importlib.import_module("eoscheck.gen.kafka.kept")
        except ImportError as error:
            raise click.ClickException(
                f"a real Kafka needs more packages ({error.name}): pip install 'eoscheck[replay]'"
            ) from None
        from eoscheck.gen.kafka.flavour import NoKafka
        from eoscheck.gen.replay.postgres import NoPostgres

        try:
            return command(**options)
        except (NoKafka, NoPostgres) as error:
            raise click.ClickException(str(error)) from None

    return explained


@click.group("kafka", invoke_without_command=True, short_help="Keep a real Kafka up.")
@click.pass_context
def command(context: click.Context) -> int:
    """A real Kafka on this machine, to replay on with --bootstrap.

    \b
    eoscheck kafka up --kafka 4.1.2:tv1    start one that stays up
    eoscheck kafka status                  which are up, and where
    eoscheck kafka down                    stop them and remove what they wrote

    Needs Java 17, and Maven the first time a version is asked for.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return 0


@command.command("up", short_help="Start a Kafka that stays up.")
@click.option(
    "--kafka",
    "name",
    metavar="FLAVOUR",
    help="3.9.1, 4.1.2:tv1, 3.9.1:unverified, home ($KAFKA_HOME) [default: home if it is set, else 4.1.2].",
)
@click.option("--brokers", type=click.IntRange(1, 5), default=1, show_default=True, metavar="N")
@as_json
@usable
def up(name: str | None, brokers: int, as_json: bool) -> int:
    """Start a Kafka that stays up after this command, or say where it is up already.

    Exit codes: 0 it is up, 2 something is missing to start it.
    """
    from eoscheck.gen.kafka import jars, kept, provider

    flavour = provider.choose(name).flavour
    assert flavour is not None
    if flavour.version and not flavour.source and not jars.has(flavour.version):
        remark(f"fetching Kafka {flavour.version}, this once\n")
    found, started = kept.up(flavour, brokers)
    if as_json:
        emit_json({"format": "eoscheck-kafka/1", "started": started, "kafkas": [_json(found)]})
    else:
        emit(f"{'up' if started else 'already up'}: {_line(found)}\n")
    return 0


@command.command("status", short_help="Which Kafkas are up, and where.")
@as_json
@usable
def status(as_json: bool) -> int:
    """Say which Kafkas `eoscheck kafka up` has left running."""
    from eoscheck.gen.kafka import kept

    found = kept.records()
    if as_json:
        emit_json({"format": "eoscheck-kafka/1", "kafkas": [_json(one) for one in found]})
    else:
        emit("".join(f"{_line(one)}\n" for one in found) or "no Kafka is up\n")
    return 0


@command.command("down", short_help="Stop them and remove what they wrote.")
@click.option("--kafka", "name", metavar="FLAVOUR", help="Only this one [default: all].")
@as_json
@usable
def down(name: str | None, as_json: bool) -> int:
    """Stop the Kafkas that `eoscheck kafka up` has left running, and remove all that they wrote."""
    from eoscheck.gen.kafka import kept
    from eoscheck.gen.kafka.flavour import parse

    stopped = kept.down(None if name is None else str(parse(name)))
    if as_json:
        emit_json({"format": "eoscheck-kafka/1", "stopped": [one.name for one in stopped]})
    else:
        emit("".join(f"down: Kafka {one.name}\n" for one in stopped) or "no Kafka was up\n")
    return 0


def _json(kept: Kept) -> dict[str, Any]:
    return {
        "flavour": kept.name,
        "version": kept.version,
        "features": kept.features,
        "bootstrap": kept.bootstrap,
        "brokers": len(kept.processes),
        "pids": kept.pids,
        "uptime_seconds": round(kept.seconds, 1),
    }


def _line(kept: Kept) -> str:
    running, meant = kept.pids, len(kept.processes)
    missing = f"   {meant - len(running)} of {meant} brokers gone" if len(running) < meant else ""
    return (
        f"Kafka {kept.name}   bootstrap {kept.bootstrap}   transaction.version {kept.transaction_version}"
        f"   pid {' '.join(map(str, running))}   for {_duration(kept.seconds)}{missing}"
    )


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
