"""Crashes. What a crash takes is said where variables are declared: everything of the process that is not durable."""

from __future__ import annotations

from eoscheck.model.client import Client
from eoscheck.model.language import Component, action
from eoscheck.model.protocol import At
from eoscheck.model.values import say, when


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
