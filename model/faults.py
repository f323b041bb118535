"""Crashes, and where faults may fall.

What a crash takes is said where variables are declared: everything of the process that is not durable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eoscheck.model.client import Client
from eoscheck.model.language import Action, Component, action
from eoscheck.model.partition import Partition
from eoscheck.model.protocol import At
from eoscheck.model.store import Lookup, Relay
from eoscheck.model.values import say, when

if TYPE_CHECKING:
    from eoscheck.model.pipeline import Pipeline, Stage


class Crashes(Component):
    """SIGKILL, power loss, OOM: a process ends between any two of its steps and is started again later."""

    def __init__(self, processes: list[Client]) -> None:
        self.name = "environment"
        self.processes = processes

    @action(fault="crash", each=lambda self: [(p,) for p in self.processes])
    def crash(self, process: Client) -> None:
        when(process.is_up())
        say(f"{process.name} crashes; what it had in memory is gone")
        process.go_down(At.DOWN)


def may_hit(pipeline: Pipeline, action: Action) -> bool:
    """A fault happens only where the spec lets it (`where`)."""
    fault = next((f for f in pipeline.spec.faults if f.name == action.info.fault), None)
    return fault is None or not fault.where or bool(set(fault.where) & _names(pipeline, action))


def _names(pipeline: Pipeline, action: Action) -> set[str]:
    """The names in the spec of those whom an action concerns: processes, topics, lookups."""
    names: set[str] = set()
    for part in (action.component, *action.arguments):
        if isinstance(part, Partition):
            names.add(part.topic.name)
        elif isinstance(part, Lookup):
            names.add(part.name)
        for stage in pipeline.stages:
            own = [*stage.clients, *(w for c in stage.clients for w in c.wires)]
            own += [p for c in stage.clients for p in (c.coordinator, getattr(c, "group", None)) if p]
            if any(part is one for one in own):
                names.add(scope(stage))
    return names


def scope(stage: Stage) -> str:
    """The name that the spec gives to the processes of a stage."""
    return stage.store.name if stage.store is not None and isinstance(stage.clients[0], Relay) else stage.name
