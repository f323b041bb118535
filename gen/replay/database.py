"""External stores and lookups of a replay: what `model/store.py` says of them, done by a real database.

The SQL is what an application of its own would send, and it runs on sqlite and on PostgreSQL. Each process of the
pipeline has a session of its own, that is a connection; every method of `Session` is a step. Outside begin() and
commit() a step is one database transaction, between them it is part of the open one.

PostgreSQL runs at "read committed", its default. sqlite begins with BEGIN IMMEDIATE: one transaction writes at a time,
so an outbox, whose writers hold transactions open side by side, needs PostgreSQL.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from eoscheck.gen.replay import postgres
from eoscheck.model import spec as spec_module

Where = Path | str
"""A file of sqlite, or a connection string of PostgreSQL."""

Row = tuple[Any, ...]

At = tuple[int, int] | None
"""An input partition, and the offset behind a record of it."""


class StoreError(Exception):
    """A step that the database refuses. The open transaction of the session, if any, is rolled back by then."""


class Blocked(StoreError):
    """The step had to wait for the open transaction of another session for longer than it may."""


class Disconnected(StoreError):
    """The session has no connection (any more)."""


class ResponseLost(Disconnected):
    """The commit happened, and the connection broke before the caller heard of it."""


class Unsupported(StoreError):
    """This database cannot do what the store asks for."""


# -- connections: all in which the two databases differ

Connection = sqlite3.Connection | psycopg.Connection[Row]


def connect(where: Where, name: str, wait: float) -> Connection:
    """A connection outside any transaction: BEGIN and COMMIT are statements like others. Raises Disconnected."""
    try:
        if isinstance(where, str):
            return postgres.connect(where, name, wait)
        file = sqlite3.connect(where, timeout=wait, isolation_level=None, check_same_thread=False)
        # Readers are never in the way of the writer; and a killed process loses nothing that it gave to the kernel.
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = OFF")
        return file
    except (sqlite3.Error, psycopg.Error) as error:
        raise Disconnected(f"{where}: {error}") from error


def execute(connection: Connection, sql: str, values: tuple[Any, ...] = ()) -> tuple[list[Row], int]:
    """The rows that a statement gives, and how many it has touched. Raises StoreError."""
    try:
        if isinstance(connection, sqlite3.Connection):
            written = connection.execute(sql, values)
            return written.fetchall(), written.rowcount
        cursor = connection.execute(sql.replace("?", "%s").encode(), values or None)
        return cursor.fetchall() if cursor.description else [], cursor.rowcount
    except (sqlite3.Error, psycopg.Error) as error:
        raise _refusal(connection, error)(str(error).strip()) from error


def _refusal(connection: Connection, error: Exception) -> type[StoreError]:
    """What the caller is told."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    blocked = psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or isinstance(error, blocked):
        return Blocked
    return Disconnected if isinstance(connection, psycopg.Connection) and connection.broken else StoreError


# -- sessions


class Session:
    """The connection of one process, for one thread at a time. A process that starts again asks for a new one.

    Every step raises Disconnected on a broken session, Blocked and StoreError as these say.
    """

    def __init__(self, name: str, prefix: str, spec: spec_module.Store, connection: Connection) -> None:
        self.name, self.prefix, self.spec = name, prefix, spec
        self.in_transaction = False
        self._connection: Connection | None = connection
        self._serial: int | None = None

    # -- transactions

    def begin(self) -> None:
        """Open a transaction. Raises StoreError if one is open."""
        if self.in_transaction:
            raise StoreError(f"{self.name} has a transaction open already")
        at_once = " IMMEDIATE" if isinstance(self._connected(), sqlite3.Connection) else ""
        execute(self._connected(), "BEGIN" + at_once)
        self.in_transaction = True

    def commit(self) -> None:
        """Commit the open transaction. Raises StoreError if none is open."""
        self._end("COMMIT")

    def rollback(self) -> None:
        """Undo the open transaction. Raises StoreError if none is open."""
        self._end("ROLLBACK")

    def commit_unheard(self) -> None:
        """Commit, and lose the response. Raises ResponseLost, always; the session is broken."""
        self.commit()
        self.crash()
        raise ResponseLost(f"{self.name} does not hear that its transaction was committed")

    def crash(self) -> None:
        """The process is gone, and its connection with it: an open transaction is rolled back when this returns."""
        connection, self._connection = self._connection, None
        self.in_transaction, self._serial = False, None
        if isinstance(connection, sqlite3.Connection):
            connection.close()
        elif connection is not None:
            postgres.break_off(connection)

    @property
    def broken(self) -> bool:
        return self._connection is None

    def _connected(self) -> Connection:
        if self._connection is None:
            raise Disconnected(f"the session of {self.name} is broken")
        return self._connection

    def _end(self, sql: str) -> None:
        self._connected()
        if not self.in_transaction:
            raise StoreError(f"{self.name} has no transaction open")
        self._run(sql)
        self.in_transaction, self._serial = False, None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """One transaction around several statements: the open one, else one of their own."""
        if self.in_transaction:
            yield
            return
        self.begin()
        yield  # a statement that fails has ended the transaction (`_run`)
        self.commit()

    def _run(self, sql: str, *values: Any) -> tuple[list[Row], int]:
        """A statement in which `$rows` is the table "rows" of this store."""
        connection = self._connected()
        try:
            return execute(connection, sql.replace("$", f"{self.prefix}_"), values)
        except StoreError:
            # PostgreSQL allows nothing but ROLLBACK now; sqlite would, and is made to behave alike.
            if self.in_transaction:
                self.in_transaction, self._serial = False, None
                with contextlib.suppress(StoreError):
                    execute(connection, "ROLLBACK")
            raise

    def _rows(self, sql: str, *values: Any) -> list[Row]:
        return self._run(sql, *values)[0]

    def _count(self, sql: str, *values: Any) -> int:
        return self._run(sql, *values)[1]

    # -- steps of a processor

    def write(
        self,
        input: int,
        version: int,
        partition: int,
        next_offset: int,
        fresh: bool = True,
        epoch: int | None = None,
    ) -> bool:
        """The step that the store's kind of write makes of the record in hand; False where the store refuses it.

        fresh  what is_new() has said in the step before, for a `dedupe` that is not atomic
        epoch  of the Kafka transaction that is to be committed, for a `two-phase` that decides
        """
        kind, at = self.spec.write, (partition, next_offset)
        if kind in ("offsets", "two-phase"):
            with self._transaction():
                only_from = next_offset - 1 if self.spec.compare_and_set else None
                moved = self.write_with_offset(input, version, *at, only_from)
                if moved and epoch is not None:
                    self.decide(self.name, epoch)
            return moved
        if kind == "upsert":
            self.upsert(input, version, at)
        elif kind == "outbox":
            self.take_serial(input, version)
        elif kind == "dedupe" and self.spec.atomic:
            self.insert_if_new(input, version, at)
        elif kind == "insert" or fresh:
            self.insert(input, version, at)
        return True

    def insert(self, input: int, version: int = 0, at: At = None) -> None:
        """One more row. `at`: input partition and offset, kept with the row."""
        self._insert(input, version, at)

    def _insert(self, input: int, version: int, at: At, conflict: str = "") -> int:
        row = "INSERT INTO $rows (input, version, input_partition, next_offset) VALUES (?, ?, ?, ?)"
        return self._count(f"{row} {conflict}", input, version, *(at or (None, None)))

    def upsert(self, input: int, version: int = 0, at: At = None) -> None:
        """The row of an input, made or overwritten. Only for an `upsert` store."""
        update = ", ".join(f"{c} = excluded.{c}" for c in ("version", "input_partition", "next_offset"))
        self._insert(input, version, at, f"ON CONFLICT (input) DO UPDATE SET {update}")

    def is_new(self, key: int | tuple[int, int]) -> bool:
        """No row has this message id: an input, or its partition and offset."""
        if isinstance(key, int):
            return not self._rows("SELECT 1 FROM $rows WHERE input = ?", key)
        return not self._rows("SELECT 1 FROM $rows WHERE input_partition = ? AND next_offset = ?", *key)

    def insert_if_new(self, input: int, version: int = 0, at: At = None) -> bool:
        """A row unless its message id is known, looked up and inserted at once; whether there is a new row.

        For an atomic `dedupe`: the unique constraint decides. While another session has the id in an open
        transaction, this waits for its outcome.
        """
        return self._insert(input, version, at, "ON CONFLICT DO NOTHING") > 0

    def write_with_offset(
        self, input: int, version: int, partition: int, next_offset: int, only_from: int | None = None
    ) -> bool:
        """Row and next offset in one transaction; False, and nothing written, where the offset has moved on.

        only_from  the offset that it must still be (compare-and-set); None: whatever it is now
        """
        with self._transaction():
            sql = "UPDATE $offsets SET next_offset = ? WHERE input_partition = ?"
            if only_from is not None:
                moved = self._count(f"{sql} AND next_offset = ?", next_offset, partition, only_from)
            else:
                moved = self._count(sql, next_offset, partition)
            if moved:
                self.insert(input, version, (partition, next_offset))
        return bool(moved)

    def next_offset(self, partition: int) -> int:
        """The offset to go on at. Raises StoreError for a partition that the store was not made for."""
        for row in self._rows("SELECT next_offset FROM $offsets WHERE input_partition = ?", partition):
            return int(row[0])
        raise StoreError(f"no offset is kept for partition {partition}")

    def decide(self, writer: str, epoch: int) -> None:
        """Record that the Kafka transaction of this writer and epoch is to be committed."""
        sql = "INSERT INTO $decisions VALUES (?, ?) ON CONFLICT (writer) DO UPDATE SET epoch = excluded.epoch"
        self._run(sql, writer, epoch)

    def decided(self, writer: str) -> int | None:
        """The epoch that a writer has last decided to commit; None if it never has."""
        rows = self._rows("SELECT epoch FROM $decisions WHERE writer = ?", writer)
        return int(rows[0][0]) if rows else None

    def take_serial(self, input: int, version: int = 0) -> int:
        """Open a transaction, write row and outbox row, and leave it open; the serial id, counted from 1.

        Ids are taken from the sequence at once and for good, whatever becomes of the transaction.
        """
        self.begin()
        self.insert(input, version)
        sql = "INSERT INTO $outbox (input, version) VALUES (?, ?) RETURNING serial"
        self._serial = int(self._rows(sql, input, version)[0][0])
        return self._serial

    def publish(self, serial: int | None = None) -> None:
        """Commit the transaction that has taken `serial` (None: whichever is open here): the rows become visible."""
        if self._serial is None or serial not in (self._serial, None):
            raise StoreError(f"{self.name} has not serial id {serial} in hand")
        self.commit()

    # -- steps of a relay

    def next_unsent(self) -> tuple[int, int, int] | None:
        """The first visible outbox row that is not sent yet, as the relay remembers it: serial id, input, version."""
        unsent = "serial > (SELECT serial FROM $cursor)" if self.spec.relay == "serial" else "sent_at IS NULL"
        sql = f"SELECT serial, input, version FROM $outbox WHERE {unsent} ORDER BY serial LIMIT 1"
        return next(((int(a), int(b), int(c)) for a, b, c in self._rows(sql)), None)

    def mark_sent(self, serial: int) -> None:
        """Remember that an outbox row is sent: by a mark on it, or as the cursor."""
        if self.spec.relay == "serial":
            self._run("UPDATE $cursor SET serial = ?", serial)
        else:
            self._run("UPDATE $outbox SET sent_at = CURRENT_TIMESTAMP WHERE serial = ?", serial)

    def rows(self) -> list[tuple[int, int]]:
        """Input and lookup version of every row that this session sees, sorted."""
        rows = self._rows("SELECT input, version FROM $rows ORDER BY input, version")
        return [(int(input), int(version)) for input, version in rows]


# -- tables


class Tables(ABC):
    """Tables of one replay under a name prefix of their own, beside those of others.

    where   the database
    prefix  what the names of its tables begin with: see `unique_prefix`
    wait    seconds that a step waits for the open transaction of another session before it is `Blocked`
    """

    def __init__(self, where: Where, prefix: str, spec: spec_module.Store, wait: float = 5.0) -> None:
        if not re.fullmatch("[a-z_][a-z0-9_]{0,47}", prefix):
            raise ValueError(f"{prefix!r} is no prefix of table names: lower case, at most 48 characters")
        self.where, self.prefix, self.spec, self.wait = where, prefix, spec, wait
        self._sessions: list[Session] = []
        self._observer: Session | None = None

    @abstractmethod
    def schema(self) -> list[str]:
        """The statements that make the tables and what they hold at first."""

    def create(self) -> None:
        """Make the tables. Once for each replay; other processes only name them. Raises StoreError."""
        with self.observer._transaction():
            for sql in self.schema():
                self.observer._run(sql)

    def drop(self) -> None:
        """Break off all sessions that were opened here, and remove the tables."""
        for session in self._sessions:
            session.crash()
        for name in re.findall(r"CREATE TABLE \$(\w+)", "\n".join(self.schema())):
            self.observer._run(f"DROP TABLE IF EXISTS ${name}")
        self.observer.crash()

    def session(self, name: str) -> Session:
        """A new connection, for the process of this name. Raises Disconnected."""
        session = Session(name, self.prefix, self.spec, connect(self.where, name, self.wait))
        self._sessions = [s for s in self._sessions if not s.broken] + [session]
        return session

    @property
    def observer(self) -> Session:
        """A session of nobody in the pipeline."""
        if self._observer is None or self._observer.broken:
            self._observer = self.session("observer")
        return self._observer


class Database(Tables):
    """One store of the spec. Which constraints its tables have follows from how it is written.

    partitions  input partitions whose next offset it keeps, numbered from 0

    Raises Unsupported for an outbox in sqlite.
    """

    def __init__(
        self, where: Where, prefix: str, spec: spec_module.Store, partitions: int = 1, wait: float = 5.0
    ) -> None:
        super().__init__(where, prefix, spec, wait)
        self.partitions = partitions
        if spec.write == "outbox" and isinstance(where, Path):
            raise Unsupported("sqlite lets one transaction write at a time: an outbox needs PostgreSQL")

    def schema(self) -> list[str]:
        effect = "input integer NOT NULL, version integer NOT NULL"
        unique = ", UNIQUE (input)" if self.spec.write == "upsert" else ""
        if self.spec.write == "dedupe" and self.spec.atomic:
            key = "input" if self.spec.key == "id" else "input_partition, next_offset"
            unique = f", UNIQUE ({key})"
        made = [f"CREATE TABLE $rows ({effect}, input_partition integer, next_offset integer{unique})"]
        if self.spec.write == "outbox":
            made += [f"CREATE TABLE $outbox (serial bigserial PRIMARY KEY, {effect}, sent_at timestamp)"]
            made += ["CREATE TABLE $cursor (serial bigint NOT NULL)", "INSERT INTO $cursor VALUES (0)"]
        if self.spec.write in ("offsets", "two-phase"):
            key = "input_partition integer PRIMARY KEY"
            made += [f"CREATE TABLE $offsets ({key}, next_offset integer NOT NULL)"]
            made += [f"INSERT INTO $offsets VALUES ({k}, 0)" for k in range(self.partitions)]
        if self.spec.write == "two-phase":
            made += ["CREATE TABLE $decisions (writer text PRIMARY KEY, epoch integer NOT NULL)"]
        return made

    def rows(self) -> list[tuple[int, int]]:
        """Input and lookup version of every committed row, sorted."""
        return self.observer.rows()

    def observe(self) -> dict[str, list[int]]:
        """What `Pipeline.observe` says of a store: the inputs of the rows, each at most twice, and next offsets."""
        inputs = [input for input, _ in self.rows()]
        seen = {"rows": [v for v in sorted(set(inputs)) for _ in range(min(inputs.count(v), 2))]}
        if self.spec.write in ("offsets", "two-phase"):
            seen["next offsets"] = [self.observer.next_offset(k) for k in range(self.partitions)]
        return seen


class Lookup(Tables):
    """A value outside the pipeline, with the answers that were recorded for inputs."""

    def __init__(self, where: Where, prefix: str, versions: int = 2, wait: float = 5.0) -> None:
        super().__init__(where, prefix, spec_module.Store(prefix, "insert"), wait)
        self.versions = versions

    def schema(self) -> list[str]:
        lookup = ["CREATE TABLE $lookup (version integer NOT NULL)", "INSERT INTO $lookup VALUES (0)"]
        return [*lookup, "CREATE TABLE $answers (input integer PRIMARY KEY, version integer NOT NULL)"]

    def version(self) -> int:
        """The value as it is now: its version, from 0."""
        return int(self.observer._rows("SELECT version FROM $lookup")[0][0])

    def change(self) -> None:
        """The value changes. Raises StoreError if that was its last version."""
        sql = "UPDATE $lookup SET version = version + 1 WHERE version < ?"
        if not self.observer._count(sql, self.versions - 1):
            raise StoreError("the lookup has no further version")

    def answer_for(self, input: int, record: bool = True) -> int:
        """The version that an input is given: of now, or with `record` the first that was ever given to it."""
        if not record:
            return self.version()
        keep = "INSERT INTO $answers SELECT CAST(? AS integer), version FROM $lookup WHERE true ON CONFLICT DO NOTHING"
        self.observer._run(keep, input)
        return int(self.observer._rows("SELECT version FROM $answers WHERE input = ?", input)[0][0])


def unique_prefix(name: str) -> str:
    """A prefix of table names that no other replay has, in which a person recognises `name`."""
    return f"eos_{secrets.token_hex(5)}_{re.sub('[^a-z0-9]', '_', name.lower())}"[:48]
