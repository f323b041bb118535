"""`eoscheck replay TRACE...`: counterexamples on a real Kafka, in the terminal."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.tracefile import StaleTrace, read
from eoscheck.cli.kafka import usable
from eoscheck.cli.options import HISTORY, Keeper, screen
from eoscheck.cli.output import emit, emit_json
from eoscheck.gen.screen import Style

if TYPE_CHECKING:
    from eoscheck.gen.replay.replayer import Plan, Report
    from eoscheck.gen.replay.testbed import Testbed

UNFIT = "no tested Kafka does what its spec says: name one by --kafka or --bootstrap"


@dataclass(frozen=True)
class Replayed:
    """One trace with what came of it. `kafka`: what it ran on, None if on nothing."""

    path: str
    trace: Trace
    report: Report
    kafka: str | None

    def to_json(self) -> dict[str, Any]:
        return {
            "trace": self.path,
            "property": self.trace.property,
            "kafka": self.kafka,
            "outcome": self.report.outcome,
            "step": self.report.step,
            "steps": len(self.trace.steps),
            "text": self.report.text,
            "what": self.report.what,
            "seconds": round(self.report.seconds, 3),
            "timeline": self.report.timeline,
        }


@click.command("replay", short_help="Replay traces on a real Kafka.")
@click.argument("traces", nargs=-1, required=True, metavar="TRACE...")
@click.option(
    "--kafka", metavar="FLAVOUR", help="On this one, as 4.1.2:tv1 [default: one that fits the trace]."
)
@click.option("--bootstrap", metavar="HOST:PORT", help="On a Kafka that is up already.")
@click.option(
    "--postgres-dsn", "postgres", metavar="DSN", help="Keep the stores in this PostgreSQL [default: sqlite]."
)
@click.option(
    "--every-step", is_flag=True, help="Compare all that can be seen after each step, not at the end only."
)
@HISTORY
@click.option("--json", "as_json", is_flag=True, help='Print one JSON object, "eoscheck-replay/1".')
@screen
@usable
def command(
    traces: tuple[str, ...],
    kafka: str | None,
    bootstrap: str | None,
    postgres: str | None,
    every_step: bool,
    histories: str | None,
    as_json: bool,
    style: Style,
) -> int:
    """Replay each TRACE, a file that `explore` wrote, step by step on a real Kafka, and compare every answer.
    What was sent and seen is audited in the end, and must be found what the model says.

    Exit codes: 0 all went as predicted, 2 bad input or no Kafka, 3 something could not be forced from outside,
    5 something went otherwise.
    """
    from eoscheck.gen.kafka.wire import WireError
    from eoscheck.gen.replay.database import Disconnected
    from eoscheck.gen.replay.postgres import NoPostgres

    keep = Keeper(histories)
    planned = [(path, *_planned(path)) for path in traces]
    done: list[Replayed] = []
    try:
        with Kafkas(kafka, bootstrap, postgres) as kafkas:
            for path, trace, plan in planned:
                done.append(_replayed(path, trace, plan, kafkas, every_step, None if as_json else style))
                keep(path, done[-1].report.history)
    except (NoPostgres, WireError, Disconnected) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        used = ", ".join(dict.fromkeys(one.kafka for one in done if one.kafka))
        emit_json({"format": "eoscheck-replay/1", "kafka": used, "traces": [one.to_json() for one in done]})
    return exit_code([one.report for one in done])


def exit_code(reports: list[Report]) -> int:
    """The worst of what came of them, a difference before what is left undecided."""
    outcomes = {report.outcome for report in reports}
    if outcomes & {"diverged", "not reproduced", "judges differ"}:
        return 5
    return 3 if "cannot be forced" in outcomes else 0


def _planned(path: str) -> tuple[Trace, Plan]:
    from eoscheck.gen.replay.replayer import plan_trace

    trace = read(path)
    try:
        return trace, plan_trace(trace)
    except StaleTrace as error:
        raise click.ClickException(f"{path}: {error}") from None


class Kafkas:
    """The Kafkas that traces are replayed on, each started when it is first needed. Use as a context manager."""

    def __init__(self, kafka: str | None, bootstrap: str | None, postgres: str | None) -> None:
        from eoscheck.gen.kafka.provider import choose

        self._named = choose(kafka, bootstrap) if kafka or bootstrap else None
        self._postgres = postgres
        self._started: dict[str, Testbed] = {}
        self._open = ExitStack()

    def __enter__(self) -> Kafkas:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def fit_for(self, plan: Plan) -> Testbed | None:
        """The Kafka that was named, else one that does what the spec says; None where none does. Raises NoKafka."""
        from eoscheck.gen.kafka.provider import choose
        from eoscheck.gen.replay.testbed import Testbed, fitting

        flavour = None if self._named else fitting(plan.spec.switches)
        if flavour is None and self._named is None:
            return None
        name = str(flavour or "")
        if name not in self._started:
            provider = self._named or choose(name)
            self._started[name] = self._open.enter_context(Testbed(provider, self._postgres))
        return self._started[name]


def _replayed(
    path: str, trace: Trace, plan: Plan, kafkas: Kafkas, every_step: bool, style: Style | None
) -> Replayed:
    """Replay one trace, and print what came of it if there is a style to print in."""
    from eoscheck.gen.replay.account import account, verdict_line
    from eoscheck.gen.replay.replayer import Report, hindrance, replay

    reason = hindrance(plan)
    testbed = None if reason else kafkas.fit_for(plan)
    if testbed is None:
        report = Report("cannot be forced", None, reason or UNFIT, 0.0)
    else:
        report = replay(testbed, plan, every_step)
    if style is not None:
        if not style.quiet:
            remarks = [] if testbed is None else _remarks(plan, testbed)
            emit(account(trace, plan, report, str(testbed or ""), remarks, style))
        emit(verdict_line(report, path, len(plan.steps), style) + ("" if style.quiet else "\n"))
    return Replayed(path, trace, report, str(testbed) if testbed else None)


def _remarks(plan: Plan, testbed: Testbed) -> list[str]:
    """In what this Kafka is not one for the trace, a line each."""
    from eoscheck.gen.replay.testbed import differing

    remarks = []
    if testbed.switches is None:
        remarks.append("the release of this Kafka is not known: it may not be the one of the spec")
    elif found := differing(plan.spec.switches, testbed.switches):
        remarks.append(f"not the Kafka of the spec: {'; '.join(found)}")
    if not testbed.steered:
        remarks.append("transaction markers are left to this Kafka, which writes them at once")
    return remarks
