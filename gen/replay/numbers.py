"""Numbers of the model as a broker counts them.

Epochs, generations and offsets of the model are Kafka's own, but for one case: where several clients share a
transactional.id, the model leaves out epochs and generations that nobody holds any more and records that were
aborted (`TransactionCoordinator.shared`). A broker forgets nothing, so here they are counted on.
"""

from __future__ import annotations

from typing import Any

from eoscheck.model.client import Client
from eoscheck.model.groups import GroupCoordinator
from eoscheck.model.inputs import Written
from eoscheck.model.language import Action
from eoscheck.model.network import CURRENT, Wire
from eoscheck.model.partition import Partition
from eoscheck.model.pipeline import Pipeline
from eoscheck.model.processor import Processor
from eoscheck.model.protocol import Api, At, Error, Membership, Phase
from eoscheck.model.transactions import TransactionCoordinator


class Numbers:
    """Follows an execution. `before` and `after` are called around every step, in the state of that moment."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.counted = any(c.shared for c in pipeline.coordinators.values())
        self.wires = list({id(w): w for c in pipeline.clients for w in c.wires}.values())
        self.partitions = [p for parts in pipeline.partitions.values() for p in parts]
        self._epochs: dict[Any, int] = {}
        self._generations: dict[Any, int] = {}
        self._offsets: dict[str, list[int]] = {}
        self._ends: dict[str, int] = {}
        for group in pipeline.groups.values():
            self._generations[group.name] = 1
            for process in group.processes:
                self._generations[process.name] = 1
        for partition in self.partitions:
            laid = len(partition.laid)
            self._offsets[partition.name], self._ends[partition.name] = list(range(laid)), laid

    # -- what is asked

    def transactional_id(self, coordinator: TransactionCoordinator) -> str:
        return next(name for name, other in self.pipeline.coordinators.items() if other is coordinator)

    def epoch(self, coordinator: TransactionCoordinator) -> int:
        """The producer epoch that a coordinator has now."""
        return self._epochs.get(coordinator.name, 0) if coordinator.shared else coordinator.epoch

    def request_epoch(self, wire: Wire, slot: int) -> int:
        """The producer epoch in a request (in its answer, once that is there)."""
        coordinator = wire.client.coordinator
        if coordinator is not None and coordinator.shared:
            return self._epochs.get((wire.name, slot), 0)
        epoch: int = wire.message(slot).epoch
        return epoch

    def group_generation(self, group: GroupCoordinator) -> int:
        return self._generations[group.name] if self.counted else group.generation

    def generation(self, process: Processor) -> int:
        """The generation that a process believes in; 0: none."""
        generation: int = process.generation
        return self._generations[process.name] if self.counted and generation else generation

    def request_generation(self, wire: Wire, slot: int) -> int:
        generation: int = wire.message(slot).generation
        return self._generations.get((wire.name, slot), 0) if self.counted and generation else generation

    def offset(self, place: Any, offset: int) -> int:
        """The broker's offset of an offset of the model."""
        partition = place.partition if isinstance(place, Written) else place
        if not isinstance(partition, Partition) or partition.name not in self._offsets:
            return offset
        known = self._offsets[partition.name]
        if offset < len(known):
            return known[offset]
        return self._ends[partition.name] + offset - len(known)

    # -- what happens

    def before(self, action: Action) -> None:
        """Remember what the step may change."""
        self._lengths = {p.name: p.log.length for p in self.partitions}
        self._phases = {w.name: w.phase for w in self.wires}
        self._copied = {w.name: w.copied for w in self.wires}
        self._bumps = self._epoch_bumps(action) if self.counted else 0
        self._heard = action.component.wires[0].error if action.method == "receive" else None

    def _epoch_bumps(self, action: Action) -> int:
        """By how much a step raises the epoch of a coordinator, as far as can be said beforehand."""
        coordinator = action.component
        if not isinstance(coordinator, TransactionCoordinator):
            return 0
        if action.method == "init_producer_id":
            request = action.arguments[0].request[0]
            known = coordinator.status.value != "Ongoing" and request.expected == coordinator.last_epoch
            return 0 if known and request.expected else 1
        if action.method in ("time_out", "expire"):
            return int(coordinator.switches.epoch_bump_on_timeout)
        return 0

    def after(self, action: Action, answers: dict[tuple[str, int], Error]) -> None:
        """Count on."""
        self._follow_logs()
        if not self.counted:
            return
        self._follow_epochs(action, answers)
        self._follow_generations(action)

    def _follow_logs(self) -> None:
        for partition in self.partitions:
            known, length = self._offsets[partition.name], partition.log.length
            before = self._lengths[partition.name]
            del known[min(before, length) :]
            for _ in range(length - before):
                known.append(self._ends[partition.name])
                self._ends[partition.name] += 1

    def _follow_epochs(self, action: Action, answers: dict[tuple[str, int], Error]) -> None:
        component = action.component
        if isinstance(component, TransactionCoordinator):
            self._coordinator_acts(component, action, answers)
        if isinstance(component, Client) and action.method == "receive" and self._heard == Error.NONE:
            step = action.arguments[0]
            ended = component.switches.tv2 and step in (At.COMMIT, At.ABORT)
            if step in (At.INIT, At.BUMP) or ended:
                self._epochs[component.name] = self._epochs.get((component.wires[0].name, CURRENT), 0)
        for wire in self.wires:
            if self._phases[wire.name] == Phase.IDLE and wire.phase == Phase.SENT:
                self._epochs[wire.name, 0] = self._epochs.get(wire.client.name, 0)
            if wire.copied > self._copied[wire.name]:
                self._epochs[wire.name, 1] = self._epochs.get((wire.name, 0), 0)

    def _coordinator_acts(
        self, coordinator: TransactionCoordinator, action: Action, answers: dict[tuple[str, int], Error]
    ) -> None:
        now = self._epochs.get(coordinator.name, 0)
        fenced = Error.PRODUCER_FENCED in answers.values()
        if action.method == "end_transaction" and coordinator.switches.tv2 and coordinator.preparing():
            now += 1
        self._epochs[coordinator.name] = now + (0 if fenced else self._bumps)
        granting = action.method == "init_producer_id" or (
            action.method == "end_transaction" and coordinator.switches.tv2
        )
        if granting:
            wire = action.arguments[0]
            if answers.get((wire.name, CURRENT)) == Error.NONE:
                self._epochs[wire.name, CURRENT] = self._epochs[coordinator.name]

    def _follow_generations(self, action: Action) -> None:
        group = action.component
        if isinstance(group, GroupCoordinator) and action.method == "rebalance":
            self._generations[group.name] += 1
            for process in group.processes:
                if group.members[process.index] != Membership.OUT:
                    self._generations[process.name] = self._generations[group.name]
        if isinstance(group, Processor) and action.method == "poll":
            self._generations[group.name, "polled"] = self._generations[group.name]
        for wire in self.wires:
            client = wire.client
            if not isinstance(client, Processor):
                continue
            if self._phases[wire.name] == Phase.IDLE and wire.phase == Phase.SENT:
                polled = (
                    client.spec.group_metadata not in ("none", "commit")
                    and wire.request[0].api == Api.TXN_OFFSET_COMMIT
                )
                source: Any = (client.name, "polled") if polled else client.name
                self._generations[wire.name, 0] = self._generations.get(source, 0)
            if wire.copied > self._copied[wire.name]:
                self._generations[wire.name, 1] = self._generations.get((wire.name, 0), 0)
