"""The second judge: what the model says of the guarantees at the end of an execution, and an audit of what Kafka did.

The two share nothing but the schedule. The model looks at its own state; the audit at the history of the replay, which
holds what was really answered and seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from eoscheck.checker.audit.history import History
from eoscheck.checker.audit.judge import Audit, audit
from eoscheck.checker.engine import Interpreter
from eoscheck.gen.replay.calls import Call
from eoscheck.gen.replay.recorder import Subject
from eoscheck.model.language import ConcreteMemory, Property
from eoscheck.model.pipeline import Pipeline
from eoscheck.model.producer import Sender
from eoscheck.model.properties import applicable
from eoscheck.model.sinks import ReaderSink, Sink, sinks

JUDGED = ("no-duplicates", "no-loss", "order", "atomic-visibility", "atomic-read")
"""The properties that both judge. What else there is needs more than a history shows: epochs, time."""


class Watcher:
    """Looks at the model's properties along an execution."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.properties = [p for p in applicable(pipeline) if p.name.partition("@")[0] in JUDGED]
        self.violated: set[str] = set()

    def look(self) -> None:
        """At the state that the model's memory holds."""
        for one in self.properties:
            if one.kind == "always" and one.name not in self.violated and _is_hit(one):
                self.violated.add(one.name)

    def judgement(self, state: bytes) -> Call:
        """The call that ends the replay of an execution that ends in this state: `Run.must_be_judged`."""
        model = self.pipeline.model
        resting = all(model.actions[n].info.fault for n, _ in Interpreter(model).successors(state))
        model.memory = ConcreteMemory(state)
        violated = set(self.violated)
        if resting:
            violated |= {p.name for p in self.properties if p.kind == "at-rest" and _is_hit(p)}
        names = [p.name for p in self.properties if p.name in violated]
        subject = {key: value for key, value in asdict(_subject(self.pipeline, resting)).items() if value}
        return Call("run", "run", "must_be_judged", (), {"violated": names, **subject})


def _is_hit(one: Property) -> bool:
    return one.check() not in (None, False)


def _subject(pipeline: Pipeline, resting: bool) -> Subject:
    places: dict[str, dict[str, list[str]]] = {}
    members: dict[str, dict[str, str]] = {}
    due: dict[int, list[str]] = {}
    for sink in sinks(pipeline):
        if isinstance(sink, ReaderSink):
            parts = sink.reader.partitions
            places[sink.name] = {label: [parts[k].name for k in own] for label, own, _ in sink.groups}
            if sink.reader.spec.members > 1:
                names = {part.name: str(sink.reader.member_of(k) + 1) for k, part in enumerate(parts)}
                members[sink.name] = names
        for value in sink.values if resting and not sink.hidden() else ():
            if not sink.pending(value):
                due.setdefault(value, []).extend(_shown_at(sink, value))
    return Subject(places, members, _origins(pipeline), due)


def _shown_at(sink: Sink, value: int) -> list[str]:
    if isinstance(sink, ReaderSink):
        return [f"{sink.name}/{label}" for label, _, values in sink.groups if value in values]
    return [sink.name]


def _origins(pipeline: Pipeline) -> dict[str, list[int]]:
    """`Pipeline.origins`, by name."""
    senders = (stage.clients[0] for stage in pipeline.stages if isinstance(stage.clients[0], Sender))
    laid = [part for parts in pipeline.laid.values() for part in parts if part.values]
    found = {sender.name: list(sender.values) for sender in senders}
    return found | {part.name: list(part.values) for part in laid}


# --- the comparison


def judged(history: History) -> Audit:
    """The audit of a replay."""
    return audit(history, [*JUDGED, "provenance"])


def disagreements(result: Audit, violated: Iterable[str]) -> list[str]:
    """In what the audit differs from a model that says that these properties are violated and no others, a line each.

    Of atomic visibility the audit speaks once, the model for each reader. A guarantee that the audit could not judge is
    a difference only where the model says that it is violated.
    """
    left = {name.partition("@")[0] if name.startswith("atomic-visibility") else name for name in violated}
    found = []
    for judgement in result.judgements:
        said = "violated" if judgement.name in left else "kept"
        left.discard(judgement.name)
        if (judgement.verdict == "violated") != (said == "violated"):
            reason = f" ({judgement.reason})" if judgement.reason else ""
            found.append(f"{judgement.name}: the model says {said}, the audit {judgement.verdict}{reason}")
    return found + [f"{name}: the model says violated, the audit does not judge it" for name in sorted(left)]
