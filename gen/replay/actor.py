"""What every actor of a replay has: a name, connections of its own, and ways to look at logs and to compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from eoscheck.gen.kafka.wire import Batch, Connection
from eoscheck.gen.replay.outcome import CannotForce, Diverged
from eoscheck.gen.replay.speech import Fetched, until

if TYPE_CHECKING:
    from eoscheck.gen.replay.run import Run


def text(value: int, version: int | None) -> bytes:
    """The content of a record: the input, and the version of the lookup where there is one.

    >>> text(1, None), text(1, 2)
    (b'1', b'1 v2')
    """
    return str(value).encode() if version is None else f"{value} v{version}".encode()


def parsed(content: bytes | None) -> tuple[int, int | None]:
    """The input and version in a record. The reverse of `text`."""
    value, _, version = (content or b"0").decode().partition(" v")
    return int(value), int(version) if version else None


def outcome(batch: Batch, log: Sequence[Batch]) -> str:
    """COMMIT, ABORT, or "data" while undecided: the first marker of the batch's producer behind it."""
    if batch.control or not batch.transactional:
        return "COMMIT"
    markers = (
        b.control for b in log if b.control and b.producer_id == batch.producer_id and b.offset > batch.offset
    )
    return next(markers, "data")


class Actor:
    """Something that makes calls. Its connections are its own and break with it."""

    def __init__(self, run: Run, name: str) -> None:
        self.run, self.name = run, name
        self._connections: dict[Any, Connection] = {}

    def connection(self, purpose: str = "") -> Connection:
        """A connection to the broker, opened when it is first needed."""
        if purpose not in self._connections:
            self._connections[purpose] = self.run.connect(self.name)
        return self._connections[purpose]

    def disconnect(self) -> None:
        """Close every connection."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def note(self, line: str) -> None:
        self.run.timeline.note(self.name, line)

    def differs(self, what: str, model: Any, real: Any) -> Diverged:
        """What is raised when a step goes otherwise than predicted."""
        self.note(f"!! {what}: predicted {model}, got {real}")
        return Diverged(self.run.timeline.step, f"{self.name}: {what}", model, real)

    def agree(self, what: str, model: Any, real: Any) -> None:
        """Compare a prediction. Raises Diverged."""
        if model != real:
            raise self.differs(what, model, real)

    # -- looking at logs

    def _fetched(self, partition: str, offset: int, isolation: str) -> tuple[Fetched, Batch]:
        place = self.run.place(partition)

        def there() -> tuple[Fetched, Batch] | None:
            fetched = self.run.speech.fetch(self.connection(), place, offset, isolation)
            at = next((b for b in fetched.batches if b.offset <= offset <= b.last_offset), None)
            if fetched.error != "NONE":
                raise self.differs(f"Fetch {partition} at {offset}", "NONE", fetched.error)
            return (fetched, at) if at else None

        try:
            found: tuple[Fetched, Batch] = until(f"a record at offset {offset} of {partition}", there, 1.0)
        except CannotForce:
            raise self.differs(
                f"Fetch {partition}", f"a record at offset {offset}", "nothing there"
            ) from None
        return found

    def _handed_out(self, partition: str, offset: int, isolation: str) -> tuple[int, int | None] | None:
        """What a consumer at this offset is given: input and version, or None for what it skips."""
        fetched, at = self._fetched(partition, offset, isolation)
        if at.control or (isolation == "read_committed" and fetched.outcome(at) != "COMMIT"):
            self._given(partition, offset, None, None)
            return None
        found = parsed(at.records[offset - at.offset][1])
        looked = at.transactional and isolation == "read_uncommitted"
        self._given(partition, offset, found[0], outcome(at, fetched.batches) if looked else None)
        return found

    def _given(self, partition: str, offset: int, value: int | None, marker: str | None) -> None:
        """A hook for those whose reads belong into the history: what lay at an offset (None: to be skipped), and how
        its transaction had ended by then, if that was seen."""

    def _reads(self, partition: str, offset: int, isolation: str, gives: int, version: int | None) -> None:
        found = self._handed_out(partition, offset, isolation)
        self.note(f"Fetch {partition} at {offset} -> {'skipped' if found is None else f'input {found[0]}'}")
        self.agree(f"record at offset {offset} of {partition}", gives, found and found[0])
        if version is not None:
            self.agree(f"version of input {gives}", version, found and found[1])

    def _skips(self, partition: str, offset: int, isolation: str) -> None:
        found = self._handed_out(partition, offset, isolation)
        self.note(f"Fetch {partition} at {offset} -> {'skipped' if found is None else f'input {found[0]}'}")
        self.agree(f"record at offset {offset} of {partition}", "skipped", found or "skipped")
