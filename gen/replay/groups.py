"""A consumer group as a replay steers it, with Kafka's classic protocol: who owns what is said by a member.

A member that was paused or killed leaves when the trace says so, by a LeaveGroup in its name: the coordinator removes
it in the same way as after session.timeout.ms (`GroupMetadataManager.removeMemberAndUpdateGroup`), only the wait is
left out. Joining blocks until everybody has rejoined, so it is a request without an answer until the rebalance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eoscheck.gen.kafka.wire import Connection, error_name
from eoscheck.gen.replay.actor import Actor
from eoscheck.gen.replay.actors import Client
from eoscheck.gen.replay.outcome import CannotForce
from eoscheck.gen.replay.speech import until

if TYPE_CHECKING:
    from eoscheck.gen.replay.run import Run


class _Member:
    """One membership: its id at the coordinator, and its JoinGroup while it waits for an answer."""

    def __init__(self, client: Client) -> None:
        self.client, self.id = client, ""
        self.waiting: Connection | None = None


class Group(Actor):
    """`id` is the group.id on the cluster, `reads` its partitions. Generations count as in the trace, from 1."""

    def __init__(self, run: Run, name: str, reads: Sequence[str], members: Sequence[Client]) -> None:
        super().__init__(run, name)
        self.id, self.reads = run.unique(name), list(reads)
        self.clients = {c.name: c for c in members}
        for client in members:
            client.group = self
        self.members: dict[str, _Member] = {}
        # Ids that a client had before it crashed: the coordinator keeps them until their session ends.
        self._orphans: list[str] = []
        self._last_id: dict[str, str] = {}
        self._generations: dict[int, int] = {}

    # -- what others ask

    def credentials(self, client: Client, generation: int) -> tuple[str, int]:
        """Member id and real generation for a commit; generation 0: without group metadata."""
        if generation == 0:
            return "", -1
        return self._last_id.get(client.name, ""), self._generations.get(generation, generation)

    def committed(
        self, partitions: Sequence[str], stable: bool, connection: Connection
    ) -> dict[str, int | None]:
        """Committed offsets by partition. Raises CannotForce where they stay undecided though `stable` is asked."""
        found = until(
            f"stable offsets of {self.name}",
            lambda: self._committed(partitions, stable, connection),
        )
        return dict(found)

    def _committed(
        self, partitions: Sequence[str], stable: bool, connection: Connection
    ) -> dict[str, int | None] | None:
        offsets, unstable = self.offsets(partitions, stable, connection)
        return None if unstable else offsets

    def offsets(
        self, partitions: Sequence[str], stable: bool, connection: Connection
    ) -> tuple[dict[str, int | None], list[str]]:
        """Committed offsets, and the partitions whose offset is undecided (asked only with `stable`)."""
        places = {self.run.place(p): p for p in partitions}
        answer = connection.call(self.run.speech.offset_fetch(self.id, places, stable))
        found: dict[str, int | None] = {}
        unstable = []
        for topic in answer.groups[0].topics:
            for part in topic.partitions:
                name = next(
                    n
                    for p, n in places.items()
                    if (p.topic, p.partition) == (topic.name, part.partition_index)
                )
                error = error_name(part.error_code)
                if error == "UNSTABLE_OFFSET_COMMIT":
                    unstable.append(name)
                elif error != "NONE":
                    raise self.differs(f"OffsetFetch {name}", "NONE", error)
                found[name] = None if part.committed_offset < 0 else int(part.committed_offset)
        return found, unstable

    # -- membership

    def joins(self, client: str) -> None:
        """JoinGroup of a client that is no member, or came back as another one. It waits for the rebalance."""
        before = self.members.pop(client, None)
        if before is not None and before.id:
            self._orphans.append(before.id)
        member = self.members[client] = _Member(self.clients[client])
        self._send_join(member)
        self.run.settle_joined(self.id, member.id)
        self.note(f"JoinGroup of {client}")

    def _send_join(self, member: _Member) -> None:
        if not member.id:
            connection = self.run.connect(member.client.name)
            answer = connection.call(self.run.speech.join(self.id, ""))
            member.id = answer.member_id
            connection.close()
        member.waiting = self.run.connect(member.client.name)
        member.waiting.send(self.run.speech.join(self.id, member.id))

    def loses(self, client: str) -> None:
        """The coordinator takes a member out: its session ended, it was paused for too long, or it left."""
        member = self.members.pop(client)
        self.agree(f"LeaveGroup of {client}", "NONE", self._leave(member.id))
        if member.waiting is not None:
            member.waiting.close()
        self.note(f"{client} is removed (LeaveGroup in its name)")

    def _leave(self, member_id: str) -> str:
        answer = self.connection().call(self.run.speech.leave(self.id, member_id))
        error = error_name(answer.members[0].error_code) if answer.members else error_name(answer.error_code)
        if error not in ("NONE", "UNKNOWN_MEMBER_ID"):
            raise CannotForce(f"LeaveGroup of {member_id} is answered {error}")
        return error

    def is_disturbed(self) -> None:
        """A rebalance without anybody leaving: somebody joins for a moment, and goes."""
        stranger = _Member(Client(self.run, "stranger"))
        self._send_join(stranger)
        self.run.settle_joined(self.id, stranger.id)
        self._leave(stranger.id)
        if stranger.waiting is not None:
            stranger.waiting.close()
        self.note("somebody joins for a moment: the group must rebalance")

    def rebalances(self, shares: Mapping[str, str], *, generation: int) -> None:
        """Everybody rejoins; the next generation has these owners, by partition."""
        for orphan in self._orphans:
            self._leave(orphan)
        self._orphans.clear()
        real, leader = self._join_all()
        self._sync(real, leader, shares)
        self._generations[generation] = real
        for name, member in self.members.items():
            self._last_id[name] = member.id
        told = ", ".join(f"{p} to {c}" for p, c in shares.items())
        self.note(f"JoinGroup, SyncGroup of {', '.join(self.members)} -> generation {real}: {told}")

    def _join_all(self) -> tuple[int, str]:
        """JoinGroup of every member until all are in one generation: (generation, member id of the leader)."""
        for _ in range(5):
            for member in self.members.values():
                if member.waiting is not None and member.waiting.answered():
                    # It was alone when it asked, so its generation has come and gone.
                    self._joined(member)
                if member.waiting is None:
                    self._send_join(member)
            answers = [self._joined(member) for member in self.members.values()]
            if len({a.generation_id for a in answers}) == 1 and all(
                error_name(a.error_code) == "NONE" for a in answers
            ):
                return int(answers[0].generation_id), str(answers[0].leader)
        raise CannotForce(f"the members of {self.name} do not come together in one generation")

    def _joined(self, member: _Member) -> Any:
        assert member.waiting is not None
        answer = member.waiting.receive()
        member.waiting.close()
        member.waiting = None
        if error_name(answer.error_code) == "UNKNOWN_MEMBER_ID":
            member.id = ""
        return answer

    def _sync(self, generation: int, leader: str, shares: Mapping[str, str]) -> None:
        owned = {
            m.id: json.dumps(sorted(p for p, c in shares.items() if c == name)).encode()
            for name, m in self.members.items()
        }
        first = sorted(self.members.values(), key=lambda m: m.id != leader)
        for member in first:
            given = owned if member.id == leader else {}
            answer = self.connection().call(self.run.speech.sync(self.id, member.id, generation, given))
            error = error_name(answer.error_code)
            if error != "NONE":
                raise self.differs(f"SyncGroup of {member.client.name}", "NONE", error)
            if bytes(answer.assignment) != owned[member.id]:
                raise self.differs("assignment", owned[member.id], bytes(answer.assignment))

    def end(self) -> None:
        """Everybody leaves."""
        for member in [*self.members.values()]:
            if member.waiting is not None:
                member.waiting.close()
        for member_id in [*self._orphans, *(m.id for m in self.members.values())]:
            self._leave(member_id)
        self.members.clear()
        self.disconnect()
