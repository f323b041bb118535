"""The stores and lookups of a replay, as callers of `database`: every call is one step of a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eoscheck.gen.replay.actor import Actor
from eoscheck.gen.replay.database import Database, Session, Where, unique_prefix
from eoscheck.gen.replay.database import Lookup as LookupTables
from eoscheck.model import spec as spec_module

if TYPE_CHECKING:
    from eoscheck.gen.replay.run import Run


class Store(Actor):
    """One database that processes of the pipeline write, each over a session of its own."""

    def __init__(self, run: Run, name: str, where: Where, spec: spec_module.Store, partitions: int) -> None:
        super().__init__(run, name)
        self.database = Database(where, unique_prefix(name), spec, partitions)
        self.database.create()
        self._sessions: dict[str, Session] = {}

    def session(self, client: str) -> Session:
        if client not in self._sessions or self._sessions[client].broken:
            self._sessions[client] = self.database.session(client)
        return self._sessions[client]

    def crashed(self, client: str) -> None:
        """A process is gone, and what it had not committed with it."""
        if client in self._sessions:
            self._sessions.pop(client).crash()

    def insert(self, client: str, value: int, *, version: int = 0, at: list[int] | None = None) -> None:
        """One more row."""
        self.session(client).insert(value, version, _at(at))
        self.note(f"{client}: INSERT input {value}")

    def upsert(self, client: str, value: int, *, version: int = 0) -> None:
        """The row of an input, made or overwritten."""
        self.session(client).upsert(value, version)
        self.note(f"{client}: upsert input {value}")

    def knows(self, client: str, value: int, *, at: list[int] | None = None, gives: bool) -> None:
        """Is there a row with this message id?"""
        known = not self.session(client).is_new(value if at is None else (at[0], at[1]))
        self.note(f"{client}: SELECT input {value} -> {'known' if known else 'new'}")
        self.agree(f"whether input {value} is known", gives, known)

    def insert_if_new(
        self, client: str, value: int, *, version: int = 0, at: list[int] | None = None, gives: bool
    ) -> None:
        """A row unless its message id is there."""
        new = self.session(client).insert_if_new(value, version, _at(at))
        self.note(f"{client}: INSERT input {value} ON CONFLICT DO NOTHING -> {'a row' if new else 'no row'}")
        self.agree(f"whether input {value} is new", gives, new)

    def put_with_offset(
        self,
        client: str,
        value: int,
        *,
        version: int = 0,
        partition: int,
        offset: int,
        only_from: int | None = None,
        gives: bool,
    ) -> None:
        """Row and next offset in one transaction of the database."""
        done = self.session(client).write_with_offset(value, version, partition, offset, only_from)
        self.note(
            f"{client}: row of input {value} and offset {offset} -> {'committed' if done else 'refused'}"
        )
        self.agree(f"whether the row of input {value} is taken", gives, done)

    def next_offset(self, client: str, partition: int, *, gives: int) -> None:
        """The offset that the database has for an input partition."""
        found = self.session(client).next_offset(partition)
        self.note(f"{client}: SELECT next offset of partition {partition} -> {found}")
        self.agree("next offset in the database", gives, found)

    def takes_serial(self, client: str, value: int, *, gives: int) -> None:
        """An outbox row is written in a transaction that stays open."""
        serial = self.session(client).take_serial(value)
        self.note(f"{client}: outbox row of input {value} -> serial {serial}")
        self.agree(f"serial id of input {value}", gives, serial)

    def publishes(self, client: str, value: int) -> None:
        """The transaction of the outbox row commits."""
        self.session(client).publish()
        self.note(f"{client}: COMMIT of the outbox row of input {value}")

    def relay_takes(self, client: str, *, gives: list[int]) -> None:
        """The relay reads the first row that it has not sent: serial id and input."""
        found = self.session(client).next_unsent()
        self.note(f"{client}: next outbox row -> {found}")
        self.agree("next outbox row", list(gives), list(found[:2]) if found else None)

    def relay_sent(self, client: str, row: int) -> None:
        """The relay remembers that a row is sent."""
        self.session(client).mark_sent(row)
        self.note(f"{client}: serial {row} is sent")

    def end(self) -> None:
        """Remove it."""
        self.database.drop()


def _at(at: list[int] | None) -> tuple[int, int] | None:
    return None if at is None else (at[0], at[1])


class Lookup(Actor):
    """A value outside the pipeline."""

    def __init__(self, run: Run, name: str, where: Where, versions: int) -> None:
        super().__init__(run, name)
        self.tables = LookupTables(where, unique_prefix(name), versions)
        self.tables.create()

    def asked(self, client: str, value: int, *, record: bool, gives: int) -> None:
        """A processor looks up what belongs to an input."""
        found = self.tables.answer_for(value, record)
        self.note(f"{client}: lookup for input {value} -> version {found}")
        self.agree(f"version looked up for input {value}", gives, found)

    def changes(self, *, version: int) -> None:
        """The value changes."""
        self.tables.change()
        self.agree("version", version, self.tables.version())
        self.note(f"changes to version {version}")

    def end(self) -> None:
        """Remove it."""
        self.tables.drop()
