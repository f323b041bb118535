"""What each step of the model asks for outside: the calls that a replay makes, with what must come back.

Every action of the model is one of three things: a call (mostly one request to a broker, made where the model's
broker handles it), nothing that anybody outside could see (a client makes up its mind, or gives an answer to its
application), or something that cannot be forced from outside. The steps are walked with the interpreter, so what a
call sends and what must be answered are the model's own values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eoscheck.checker.engine import Interpreter
from eoscheck.gen.replay.calls import Call, Planned
from eoscheck.gen.replay.handlers import Handler, Handlers, silent
from eoscheck.gen.replay.second import Watcher
from eoscheck.gen.replay.setting import predicted
from eoscheck.model import values
from eoscheck.model.client import Client
from eoscheck.model.faults import Crashes
from eoscheck.model.groups import GroupCoordinator
from eoscheck.model.language import Action, ConcreteMemory
from eoscheck.model.network import Wire
from eoscheck.model.partition import Partition
from eoscheck.model.pipeline import Pipeline
from eoscheck.model.processor import Processor
from eoscheck.model.protocol import At, Error, Membership
from eoscheck.model.reader import Reader
from eoscheck.model.store import Lookup, Store
from eoscheck.model.transactions import TransactionCoordinator

# Steps in which nothing happens that a broker, a store or a reader could notice.
SILENT = {
    ("client", "initialise"),
    ("client", "add_partitions"),
    ("client", "produce"),
    ("client", "add_offsets"),
    ("client", "commit_transaction"),
    ("client", "send_offsets"),
    ("client", "commit_offsets"),
    ("client", "expire_batch"),
    ("client", "send"),
    ("client", "hear"),
    ("client", "expire"),
    ("client", "rejoin"),
    ("wire", "lose_request"),
    ("wire", "lose_response"),
}

# Steps that no client, proxy or administrator can bring about at a given moment, on a cluster of one broker.
UNFORCED = {
    ("partition", "replicate"): "replication between brokers is not steered",
    ("partition", "acknowledge"): "replication between brokers is not steered",
    ("partition", "miss_replicas"): "the in-sync replicas are not steered",
    ("partition", "shrink_isr"): "the in-sync replicas are not steered",
    ("partition", "expand_isr"): "the in-sync replicas are not steered",
    ("partition", "fail_over"): "a failover needs a cluster of brokers, which are not steered",
    (
        "transaction",
        "fail_over",
    ): "the move of a coordinator needs a cluster of brokers, which are not steered",
}

KINDS: tuple[tuple[type, str], ...] = (
    (Client, "client"),
    (Wire, "wire"),
    (Partition, "partition"),
    (TransactionCoordinator, "transaction"),
    (GroupCoordinator, "group"),
    (Reader, "reader"),
    (Store, "store"),
    (Lookup, "lookup"),
    (Crashes, "environment"),
)


def kind_of(component: Any) -> str:
    """Which of the kinds of a model's parts a component is."""
    return next(name for kind, name in KINDS if isinstance(component, kind))


def unforced(pipeline: Pipeline, action: Action) -> str | None:
    """Why a step cannot be forced from outside, or None where it can."""
    return UNFORCED.get((kind_of(action.component), action.method))


def unplayable(pipeline: Pipeline) -> str | None:
    """Why nothing of a pipeline can be replayed, or None where it can."""
    if any(client.config.two_phase_commit for client in pipeline.clients):
        return "two-phase commit (KIP-939) is in no release of Kafka"
    if any(part.replicated for parts in pipeline.partitions.values() for part in parts):
        return "its partitions have a follower, and replication between brokers is not steered"
    processors = [c for c in pipeline.clients if isinstance(c, Processor)]
    if any(p.spec.consumer.group_protocol == "consumer" for p in processors):
        return "with group.protocol=consumer (KIP-848) the brokers assign partitions, which is not steered"
    return None


class Planner(Handlers):
    """Walks one execution of a pipeline and says what a replay has to do at each step."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(pipeline)
        self.model = pipeline.model
        self.actions = {action.name: action for action in pipeline.model.actions}
        self.interpreter = Interpreter(self.model)
        self.state = self.model.initial
        self.steps: list[Planned] = []
        self._watcher = Watcher(pipeline)
        for wire in {id(w): w for c in pipeline.clients for w in c.wires}.values():
            self._listen(wire)

    def _listen(self, wire: Wire) -> None:
        answer = wire.answer

        def noted(slot: int, error: Error) -> None:
            self.answers[wire.name, slot] = error
            answer(slot, error)

        object.__setattr__(wire, "answer", noted)

    def walk(self, labels: Iterable[str]) -> list[Planned]:
        """All steps of an execution. Raises ValueError for one that the model does not have."""
        for label in labels:
            self.take(label)
        return self.steps

    def take(self, label: str) -> Planned:
        """One step: the action of this name. Raises ValueError where it cannot happen now."""
        action = self.actions.get(label)
        if action is None:
            raise ValueError(f"the model has no action {label}")
        reason = unforced(self.pipeline, action)
        self.model.memory = ConcreteMemory(self.state)
        self.answers.clear()
        before = self._memberships()
        handler = self._handler(action)
        next(handler)
        said = self._step(action)
        self.numbers.after(action, self.answers)
        calls: list[Call] = []
        try:
            next(handler)
        except StopIteration as done:
            calls = done.value
        calls += self._membership_calls(action, before)
        planned = Planned(
            number=len(self.steps) + 1,
            label=label,
            actor=self.pipeline.actor(action),
            fault=action.info.fault,
            sentence=". ".join(s.rstrip(".") for s in said) or action.name,
            calls=() if reason else tuple(calls),
            unforced=reason,
            observation=self.observation(),
        )
        self.steps.append(planned)
        return planned

    def observation(self) -> dict[str, Any]:
        """What must be seen now."""
        self.model.memory = ConcreteMemory(self.state)
        return predicted(self.pipeline, self.numbers)

    def judgement(self) -> Call:
        """The last call: the audit must say of the guarantees what the model says now."""
        return self._watcher.judgement(self.state)

    def _step(self, action: Action) -> list[str]:
        self.numbers.before(action)
        said: list[str] = []
        values.listen(said.append)
        try:
            after = self.interpreter.step(self.state, action)
        finally:
            values.listen(None)
        if not isinstance(after, bytes):
            raise ValueError(f"step {len(self.steps) + 1}, {action.name}, cannot happen")
        self.state = after
        self.model.memory = ConcreteMemory(after)
        self._watcher.look()
        return said

    def _handler(self, action: Action) -> Handler:
        kind = kind_of(action.component)
        if (kind, action.method) in SILENT or (kind, action.method) in UNFORCED:
            return silent()
        method = getattr(self, f"_{kind}_{action.method}")
        handler: Handler = method(action.component, *action.arguments)
        return handler

    def _memberships(self) -> dict[str, list[Membership]]:
        return {
            name: [group.members[i] for i in range(len(group.processes))]
            for name, group in self.pipeline.groups.items()
        }

    def _membership_calls(self, action: Action, before: dict[str, list[Membership]]) -> list[Call]:
        """Members that joined or left in a step, whatever step it was."""
        calls = []
        for name, group in self.pipeline.groups.items():
            for process, old in zip(group.processes, before[name], strict=True):
                new = group.members[process.index]
                joining = new in (Membership.JOINING, Membership.NEW)
                if joining and (old != new or self._joins(action, process)):
                    calls.append(Call("group", name, "joins", (process.name,)))
                elif new == Membership.OUT and old != new:
                    calls.append(Call("group", name, "loses", (process.name,)))
        return calls

    def _joins(self, action: Action, process: Processor) -> bool:
        """A member that crashed while it was joining joins once more."""
        own = action.component is process and action.method in ("start", "receive", "rejoin")
        return own and process.at == At.JOIN
