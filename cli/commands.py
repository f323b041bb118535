"""The command `eoscheck`: its list of commands, and the one place that turns an error into an exit code.

A command is imported when it is run, so that `--help` imports nothing but click. Each command returns its
exit code; whatever it raises becomes one line on stderr here.
"""

from __future__ import annotations

import difflib
import errno
import importlib
import os
import re
import sys
import traceback
from collections.abc import Iterable

import click
from eoscheck.cli.streams import complain, silence

COMMANDS = {
    "explore": "Walk every interleaving and every crash point of one pipeline.",
    "matrix": "Compute the table of guarantees: every combination of settings.",
    "check": "Explore many specs and compare each with what it expects.",
    "prove": "Prove it for any number of steps, with Z3; or check such a proof.",
    "simulate": "Take seeded random walks through a pipeline too large to explore.",
    "show": "Show a trace.",
    "graph": "Draw what can happen, as a state graph.",
    "replay": "Replay traces on a real Kafka.",
    "export": "Write a trace as a pytest file.",
    "explain": "Explain a property, a fault, a way to commit offsets, or a hazard.",
    "conform": "Confront the model with a real Kafka: replay many executions.",
    "audit": "Judge an observed history: can it be explained?",
    "kafka": "Keep a real Kafka up to replay on.",
    "init": "Write a commented spec to start from.",
}
"""Every command with its one-line help; it lives in `eoscheck.cli.<name>` as `command`."""

EXAMPLES = """\b
  eoscheck init pipeline.yaml
  eoscheck explore pipeline.yaml
  eoscheck check specs/

Finds out whether a Kafka pipeline is really exactly-once, before production does.

\b
Exit codes: 0 everything holds, 1 violated, 2 bad input, 3 undecided, 4 vacuous,
5 a replay differs, 70 a defect of eoscheck, 130 interrupted."""


class Commands(click.Group):
    """A group that imports a command only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"eoscheck.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"no command {args[0]!r}{_near(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, help=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="eoscheck", message="%(prog)s %(version)s")
def cli() -> None:
    pass


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"


def explained(error: Exception) -> int:
    """Say on stderr what went wrong, in one line; gives the exit code."""
    if isinstance(error, click.Abort):
        return complain("interrupted", 130)
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "eoscheck"
        return complain(_usage(error), 2, command)
    if isinstance(error, click.ClickException):
        return complain(error.format_message(), 2)
    if isinstance(error, BrokenPipeError):
        silence(sys.stdout)
        return 0
    if os.environ.get("EOSCHECK_DEBUG"):
        traceback.print_exception(error)
    return _by_kind(error)


def _usage(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption) and error.ctx:
        known = [
            name for p in error.ctx.command.get_params(error.ctx) for name in p.opts if name.startswith("--")
        ]
        return f"no option {error.option_name!r}{_near(error.option_name, known)}"
    message = re.sub(r"(?<=[\w')])\.$", "", error.format_message())
    return message[:1].lower() + message[1:]


def _by_kind(error: Exception) -> int:
    from eoscheck.checker.audit.history import BadHistory
    from eoscheck.checker.counterexample import Defect
    from eoscheck.checker.engine import TooLarge
    from eoscheck.checker.native.checkpoint import BadCheckpoint
    from eoscheck.checker.prepare import UnknownProperty
    from eoscheck.checker.solver.proof import BadProof
    from eoscheck.checker.symbols import TraceError
    from eoscheck.checker.tracefile import BadTrace
    from eoscheck.checker.userproperties import BadProperties
    from eoscheck.model.source import SpecError
    from eoscheck.model.vary import BadChange

    known = (
        SpecError,
        BadChange,
        BadTrace,
        BadProperties,
        UnknownProperty,
        BadCheckpoint,
        BadProof,
        BadHistory,
        TooLarge,
    )
    if isinstance(error, known):
        return complain(str(error), 2)
    if isinstance(error, OSError) and error.filename:
        return complain(f"{error.filename}: {error.strerror}", 2)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EIO, errno.EFBIG):
        return complain(f"it cannot be written: {error.strerror}", 2)
    kind = "" if isinstance(error, TraceError | Defect) else f"{type(error).__name__}: "
    hint = "" if os.environ.get("EOSCHECK_DEBUG") else " (EOSCHECK_DEBUG=1 shows where)"
    return complain(f"a defect of eoscheck: {kind}{error}{hint}", 70)
