"""From a trace to a replay: the calls of its steps, made one after the other, and what came of them."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eoscheck.checker.audit.history import History
from eoscheck.checker.counterexample import Trace, readable
from eoscheck.checker.tracefile import StaleTrace, spec_of
from eoscheck.gen.clients.background import ProxyError
from eoscheck.gen.kafka.flavour import NoKafka
from eoscheck.gen.kafka.wire import WireError
from eoscheck.gen.replay.calls import Call, Planned
from eoscheck.gen.replay.outcome import CannotForce, Diverged, JudgesDiffer, NotReproduced
from eoscheck.gen.replay.plan import Planner, unplayable
from eoscheck.gen.replay.run import Run
from eoscheck.gen.replay.setting import setting
from eoscheck.gen.replay.testbed import Testbed
from eoscheck.model.pipeline import Pipeline, build
from eoscheck.model.spec import Spec


class BrokerGone(NoKafka):
    """The Kafka that was started for replays has ended. One line, with the last that it logged."""


@dataclass(frozen=True)
class Plan:
    """Everything that one replay does.

    setting    the calls of the set-up
    steps      the steps of the trace with their calls
    must_see   the observation at the end
    judgement  the last call: what an audit must say
    postgres   whether its stores need transactions side by side
    refused    why it cannot be replayed at all, or None
    """

    spec: Spec
    setting: Sequence[Call]
    steps: Sequence[Planned]
    must_see: dict[str, Any]
    judgement: Call
    postgres: bool
    refused: str | None = None

    @property
    def unforced(self) -> list[Planned]:
        """The steps that cannot be forced from outside."""
        return [step for step in self.steps if step.unforced]


@dataclass(frozen=True)
class Report:
    """What came of a replay.

    outcome   "as predicted", "diverged", "not reproduced", "cannot be forced"; "judges differ": all was seen as
              predicted, and yet an audit of it says something else of the guarantees than the model
    step      where it ended: the last step, or the one that went otherwise; None: at the end
    text      one line
    what      for a divergence what differed, without the numbers of this run: its kind
    timeline  every request and answer
    history   what was sent and seen, where the replay came to its end
    """

    outcome: str
    step: int | None
    text: str
    seconds: float
    timeline: list[str] = field(default_factory=list)
    what: str = ""
    history: History | None = None

    @property
    def good(self) -> bool:
        return self.outcome == "as predicted"


def plan_path(pipeline: Pipeline, labels: Sequence[str]) -> Plan:
    """The plan of an execution, given by the names of its actions. The pipeline is used up by it."""
    planner = Planner(pipeline)
    begin = setting(pipeline)
    planner.walk(labels)
    last = planner.observation()
    outbox = any(store.write == "outbox" for store in pipeline.spec.stores)
    refused = unplayable(pipeline)
    return Plan(pipeline.spec, begin, planner.steps, last, planner.judgement(), outbox, refused)


def plan_trace(trace: Trace) -> Plan:
    """The plan of a trace file. Raises StaleTrace."""
    pipeline = build(spec_of(trace.spec))
    try:
        plan = plan_path(pipeline, [step.label for step in trace.steps])
    except ValueError as error:
        raise StaleTrace(
            f"{error}: the trace was found by another version of the model, explore again"
        ) from None
    if readable(pipeline.observe()) != trace.must_see:
        raise StaleTrace("its end is not what the model says by now: explore again")
    for prop in pipeline.model.properties:
        if prop.name == trace.property and prop.kind in ("always", "at-rest") and not prop.check():
            raise StaleTrace(f"its end does not violate {prop.name}: explore again")
    return plan


def perform(run: Run, call: Call) -> None:
    """Make one call."""
    places: dict[str, Any] = {
        "client": run.clients,
        "group": run.groups,
        "transaction": run.transactions,
        "reader": run.readers,
        "store": run.stores,
        "lookup": run.lookups,
    }
    who = run if call.kind == "run" else places[call.kind][call.who]
    getattr(who, call.verb)(*call.arguments, **call.keywords)


def hindrance(plan: Plan, steered: bool = True) -> str | None:
    """Why a plan cannot be replayed from end to end, or None where it can.

    steered  whether transaction markers wait for their step
    """
    if plan.refused:
        return plan.refused
    decided: set[str] = set()
    for step in plan.steps:
        if step.unforced:
            return f"step {step.number}: {step.unforced}"
        sent = (c for c in step.calls if c.verb != "decides_to_abort")
        others = [c for c in sent if not (c.kind == "transaction" and {c.who} == decided)]
        if decided and others and not steered:
            return f"step {step.number} comes between a decision and its markers, which are not steered on this Kafka"
        states = step.observation.get("transactions", {})
        decided = {name for name, seen in states.items() if str(seen.get("state")).startswith("Prepare")}
    if decided and not steered:
        return "it ends between a decision and its markers, which are not steered on this Kafka"
    return None


def replay(testbed: Testbed, plan: Plan, every_step: bool = False) -> Report:
    """Replay a plan. `every_step`: compare everything that can be seen after each step, not only at the end.

    A connection that breaks is a divergence. Raises BrokerGone where there is no broker any more.
    """
    begin = time.monotonic()
    if reason := hindrance(plan, testbed.steered):
        return Report("cannot be forced", None, reason, 0.0)
    every_step = every_step and testbed.steered
    run = testbed.run(postgres=plan.postgres)
    try:
        with run:
            _play(run, plan, every_step)
    except Diverged as failure:
        what = f"{failure.what.partition(': ')[2]}: {failure.model}, not {failure.real}"
        return _report("diverged", failure.step, str(failure), begin, run, what)
    except NotReproduced as failure:
        step = run.timeline.step if every_step else None
        return _report("diverged" if step else "not reproduced", step, str(failure), begin, run, failure.what)
    except JudgesDiffer as failure:
        return _report("judges differ", None, str(failure), begin, run, str(failure))
    except CannotForce as failure:
        return _report(
            "diverged", run.timeline.step, f"step {run.timeline.step}: {failure}", begin, run, str(failure)
        )
    except WireError as failure:
        cluster = testbed.cluster
        if cluster.ours and any(broker.exit_code is not None for broker in cluster.brokers):
            said = cluster.log_tail(1).strip() or "it logged nothing"
            raise BrokerGone(f"{testbed} has ended in the middle of a replay: {said}") from None
        step = run.timeline.step
        return _report("diverged", step, f"step {step}: {failure}", begin, run, str(failure))
    except ProxyError as failure:
        # The coordinator never asks for a marker that the model wants written.
        step = run.timeline.step
        return _report("diverged", step, f"step {step}: {failure}", begin, run, "no such marker")
    return _report("as predicted", None, f"{len(plan.steps)} steps, as predicted", begin, run, "")


def _play(run: Run, plan: Plan, every_step: bool) -> None:
    for call in plan.setting:
        perform(run, call)
    for step in plan.steps:
        run.timeline.step = step.number
        for call in step.calls:
            perform(run, call)
        if every_step and step.calls:
            run.must_see(step.observation)
    run.must_see(plan.must_see)
    perform(run, plan.judgement)


def _report(outcome: str, step: int | None, text: str, begin: float, run: Run, what: str) -> Report:
    kind = re.sub(r"[0-9]+", "n", what)
    return Report(outcome, step, text, time.monotonic() - begin, run.timeline.lines, kind, run.history)
