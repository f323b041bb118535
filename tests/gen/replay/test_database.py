"""What the model says of a store, a real database does: each kind of write, crashes, and two sessions side by side."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eoscheck.gen.replay import postgres
from eoscheck.gen.replay.database import (
    Blocked,
    Database,
    Disconnected,
    Lookup,
    ResponseLost,
    Session,
    StoreError,
    Unsupported,
    Where,
    unique_prefix,
)
from eoscheck.model.spec import Store
from hypothesis import given, settings
from hypothesis import strategies as st

Made = Callable[..., Database]


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    try:
        server = postgres.server()
    except postgres.NoPostgres as reason:
        pytest.skip(str(reason))
    yield server.dsn
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    if request.param == "sqlite":
        return tmp_path / "replay.db"
    found: str = request.getfixturevalue("dsn")
    return found


@pytest.fixture
def made(where: Where) -> Iterator[Made]:
    """Makes the tables of a store; they are gone in the end."""
    databases = []

    def make(write: Any, place: Where = where, partitions: int = 1, **options: Any) -> Database:
        store = Store("ledger", write, **options)
        database = Database(place, unique_prefix("ledger"), store, partitions, wait=0.1)
        database.create()
        databases.append(database)
        return database

    yield make
    for database in databases:
        database.drop()
        with pytest.raises(StoreError):
            database.rows()


# -- kinds of write


def test_insert_makes_one_more_row_each_time(made: Made) -> None:
    store = made("insert")
    session = store.session("a")
    assert all(session.write(1, k, 0, 1) for k in (1, 0, 1))
    assert store.rows() == [(1, 0), (1, 1), (1, 1)]
    assert store.observe() == {"rows": [1, 1]}  # counted up to 2, as the model does


def test_upsert_keeps_the_last_version(made: Made) -> None:
    store = made("upsert")
    session = store.session("a")
    assert all(session.write(1, k, 0, 1) for k in (0, 1))
    assert store.rows() == [(1, 1)]


def test_dedupe_by_id_or_by_offset(made: Made) -> None:
    by_id, by_offset = made("dedupe"), made("dedupe", key="offset")
    for store in (by_id, by_offset):
        session = store.session("a")
        assert session.is_new(1) and session.is_new((0, 5))
        assert session.insert_if_new(1, 0, (0, 5))
        assert not session.insert_if_new(1, 1, (0, 5))
        assert not session.is_new(1) and not session.is_new((0, 5)) and session.is_new((0, 6))
    # The same order sent twice is one id at two offsets.
    assert not by_id.session("a").insert_if_new(1, 0, (0, 6))
    assert by_offset.session("a").insert_if_new(1, 0, (0, 6))
    assert by_id.rows() == [(1, 0)] and by_offset.rows() == [(1, 0), (1, 0)]


def test_looking_first_and_inserting_later_lets_two_in(made: Made) -> None:
    store = made("dedupe", atomic=False)
    first, second = store.session("a"), store.session("b")
    fresh = first.is_new(1), second.is_new(1)
    assert fresh == (True, True)
    first.write(1, 0, 0, 1, fresh=fresh[0])
    second.write(1, 0, 0, 1, fresh=fresh[1])
    second.write(1, 0, 0, 1, fresh=second.is_new(1))
    assert store.observe() == {"rows": [1, 1]}


def test_a_message_id_in_an_open_transaction_is_waited_for(made: Made) -> None:
    store = made("dedupe")
    first, second = store.session("a"), store.session("b")
    first.begin()
    assert first.insert_if_new(1)
    with pytest.raises(Blocked):
        second.insert_if_new(1)
    first.rollback()
    assert second.insert_if_new(1)
    assert store.rows() == [(1, 0)]


def test_compare_and_set_refuses_a_stale_owner(made: Made) -> None:
    store = made("offsets", partitions=2)
    stale, owner = store.session("a"), store.session("b")
    assert owner.write(1, 0, 0, 1)
    assert not stale.write(1, 0, 0, 1)
    assert not stale.write(3, 0, 0, 3)  # nor may it jump ahead
    assert stale.write(4, 0, 1, 1)
    assert store.observe() == {"rows": [1, 4], "next offsets": [1, 1]}
    with pytest.raises(StoreError, match="partition 2"):
        owner.next_offset(2)


def test_without_it_the_last_one_wins(made: Made) -> None:
    store = made("offsets", compare_and_set=False)
    stale, owner = store.session("a"), store.session("b")
    assert owner.write(1, 0, 0, 1) and owner.write(2, 0, 0, 2) and stale.write(1, 0, 0, 1)
    assert store.observe() == {"rows": [1, 1, 2], "next offsets": [1]}


def test_two_phase_records_row_offset_and_decision_at_once(made: Made) -> None:
    store = made("two-phase")
    session = store.session("a")
    assert session.decided("a") is None
    assert session.write(1, 0, 0, 1, epoch=3)
    assert session.decided("a") == 3
    assert not session.write(1, 0, 0, 1, epoch=4)  # refused: nothing is decided either
    assert session.decided("a") == 3
    session.begin()
    session.write(2, 0, 0, 2, epoch=5)
    session.crash()
    again = store.session("a")
    assert (again.decided("a"), again.next_offset(0)) == (3, 1)
    again.decide("a", 6)
    assert again.decided("a") == 6 and store.rows() == [(1, 0)]


# -- outbox


def test_sqlite_is_no_place_for_an_outbox(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="needs PostgreSQL"):
        Database(tmp_path / "replay.db", "x", Store("ledger", "outbox"))


@pytest.mark.parametrize(("relay", "sent"), [("mark", [2, 1]), ("serial", [2])])
def test_a_row_that_commits_late_is_passed_over_by_a_cursor(
    dsn: str, relay: Any, sent: list[int], tmp_path: Path
) -> None:
    store = Database(dsn, unique_prefix("outbox"), Store("outbox", "outbox", relay=relay))
    store.create()
    first, second, reader = store.session("a"), store.session("b"), store.session("relay")
    assert (first.take_serial(1), second.take_serial(2)) == (1, 2)
    assert reader.next_unsent() is None and store.rows() == []
    second.publish(2)
    found = []
    for late in (True, False):
        while row := reader.next_unsent():
            found.append(row[1])
            reader.mark_sent(row[0])
        if late:
            with pytest.raises(StoreError, match="not serial id 2"):
                first.publish(2)
            first.publish()
    assert found == sent
    assert store.rows() == [(1, 0), (2, 0)]
    store.drop()


def test_a_serial_id_is_gone_with_a_crash(dsn: str) -> None:
    store = Database(dsn, unique_prefix("outbox"), Store("outbox", "outbox"))
    store.create()
    first, second = store.session("a"), store.session("b")
    assert first.write(1, 0, 0, 1)
    first.crash()
    assert second.write(1, 0, 0, 1)
    second.publish()
    assert second.next_unsent() == (2, 1, 0)
    store.drop()


# -- crashes


def test_a_crash_between_write_and_commit_leaves_nothing(made: Made) -> None:
    store = made("insert")
    session = store.session("a")
    session.begin()
    session.insert(1)
    assert session.rows() == [(1, 0)] and store.rows() == []
    session.crash()
    assert store.rows() == []
    with pytest.raises(Disconnected):
        session.insert(1)
    store.session("b").insert(2)  # nothing is locked any more
    assert store.rows() == [(2, 0)]


def test_a_commit_whose_response_is_lost_leaves_the_row(made: Made) -> None:
    store = made("insert")
    session = store.session("a")
    session.begin()
    session.insert(1)
    with pytest.raises(ResponseLost):
        session.commit_unheard()
    assert session.broken and store.rows() == [(1, 0)]


KILLED = """
import sys
from pathlib import Path
from eoscheck.gen.replay.database import Database
from eoscheck.model.spec import Store
kind, place, prefix = sys.argv[1:]
session = Database(Path(place) if kind == "sqlite" else place, prefix, Store("ledger", "insert")).session("child")
session.insert(1)
session.begin()
session.insert(2)
print("open", flush=True)
sys.stdin.read()
"""


def test_a_killed_process_leaves_what_it_has_committed(made: Made, where: Where) -> None:
    store = made("insert")
    kind = "sqlite" if isinstance(where, Path) else "postgresql"
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, kind, str(where), store.prefix],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None and child.stdout.readline() == b"open\n"
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    store.session("b").insert(3)
    assert store.rows() == [(1, 0), (3, 0)]


def test_transactions_are_not_nested(made: Made) -> None:
    session = made("insert").session("a")
    for step in (session.commit, session.rollback, session.commit_unheard, session.publish):
        with pytest.raises(StoreError):
            step()
    session.begin()
    with pytest.raises(StoreError, match="open already"):
        session.begin()
    session.rollback()


def test_an_error_ends_the_open_transaction(made: Made) -> None:
    store = made("dedupe")
    session = store.session("a")
    session.begin()
    session.insert(1)
    with pytest.raises(StoreError):
        session.insert(1)  # unique
    assert not session.in_transaction
    assert store.rows() == []
    session.insert(1)
    assert store.rows() == [(1, 0)]


def test_replays_do_not_see_each_other(made: Made) -> None:
    first, second = made("insert"), made("upsert")
    first.session("a").insert(1)
    assert (len(first.rows()), second.rows()) == (1, [])
    with pytest.raises(ValueError, match="no prefix"):
        Database(first.where, "Robert'); --", first.spec)


def test_of_many_at_once_one_is_new(made: Made) -> None:
    store = made("dedupe")
    sessions = [store.session(f"a{k}") for k in range(4)]
    new: list[bool] = []
    threads = [threading.Thread(target=lambda s=s: new.append(s.insert_if_new(1))) for s in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new) == [False, False, False, True] and store.rows() == [(1, 0)]


# -- lookups


def test_a_recorded_answer_stays(where: Where) -> None:
    lookup = Lookup(where, unique_prefix("rates"), versions=2)
    lookup.create()
    assert (lookup.version(), lookup.answer_for(1), lookup.answer_for(2, record=False)) == (0, 0, 0)
    lookup.change()
    assert (lookup.version(), lookup.answer_for(1), lookup.answer_for(2)) == (1, 0, 1)
    assert lookup.answer_for(1, record=False) == 1
    with pytest.raises(StoreError, match="no further version"):
        lookup.change()
    lookup.drop()


# -- laws

KINDS = [
    Store("s", "insert"),
    Store("s", "upsert"),
    Store("s", "dedupe"),
    Store("s", "dedupe", key="offset"),
    Store("s", "dedupe", atomic=False),
    Store("s", "offsets"),
    Store("s", "offsets", compare_and_set=False),
    Store("s", "two-phase"),
]
WRITES = st.tuples(
    st.sampled_from(["check", "write"]), st.integers(0, 1), st.integers(1, 2), st.integers(1, 3)
)
OTHERS = st.tuples(
    st.sampled_from(["begin", "commit", "rollback", "crash", "unheard", "read"]),
    st.integers(0, 1),
    st.just(1),
    st.just(1),
)


class Reference:
    """`model/store.py` in plain Python, for one partition: what is committed after each write."""

    def __init__(self, spec: Store) -> None:
        self.spec, self.rows, self.keys, self.next = spec, [0, 0, 0], set[int](), 0

    def is_new(self, value: int, offset: int) -> bool:
        return offset not in self.keys if self.spec.key == "offset" else self.rows[value] == 0

    def write(self, value: int, offset: int, fresh: bool) -> bool:
        kind = self.spec.write
        if kind == "dedupe" and not (self.is_new(value, offset) if self.spec.atomic else fresh):
            return True
        if kind in ("offsets", "two-phase"):
            if self.spec.compare_and_set and self.next + 1 != offset:
                return False
            self.next = offset
        self.rows[value] = 1 if kind == "upsert" else min(self.rows[value] + 1, 2)
        self.keys.add(offset)
        return True

    def observe(self) -> dict[str, list[int]]:
        seen = {"rows": [v for v in (1, 2) for _ in range(self.rows[v])]}
        return seen | ({"next offsets": [self.next]} if self.spec.write in ("offsets", "two-phase") else {})


def key(store: Database, value: int, offset: int) -> int | tuple[int, int]:
    return (0, offset) if store.spec.key == "offset" else value


@settings(max_examples=40, deadline=None, derandomize=True)
@given(spec=st.sampled_from(KINDS), steps=st.lists(WRITES, max_size=12))
def test_writes_do_what_the_model_says(
    tmp_path_factory: pytest.TempPathFactory, spec: Store, steps: list[tuple[str, int, int, int]]
) -> None:
    store = Database(tmp_path_factory.mktemp("law") / "replay.db", "law", spec)
    store.create()
    model, fresh, sessions = Reference(spec), [True, True], [store.session("a"), store.session("b")]
    for word, who, value, offset in steps:
        if word == "check":
            fresh[who] = sessions[who].is_new(key(store, value, offset))
            assert fresh[who] == model.is_new(value, offset)
        else:
            done = sessions[who].write(value, 0, 0, offset, fresh=fresh[who])
            assert done == model.write(value, offset, fresh[who])
        assert store.observe() == model.observe()
    store.drop()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(spec=st.sampled_from(KINDS), steps=st.lists(st.one_of(WRITES, OTHERS), max_size=16))
def test_the_two_databases_behave_alike(
    tmp_path_factory: pytest.TempPathFactory, dsn: str, spec: Store, steps: list[tuple[str, int, int, int]]
) -> None:
    """Steps that sqlite cannot do, because another session's transaction is open, are left out of both."""
    file = tmp_path_factory.mktemp("law") / "replay.db"
    stores = [Database(place, unique_prefix("law"), spec, wait=1) for place in (file, dsn)]
    try:
        for store in stores:
            store.create()
        names = [[store.session(n) for n in "ab"] for store in stores]
        for word, who, value, offset in steps:
            mine, other = names[0][who].in_transaction, names[0][1 - who].in_transaction
            if other and not mine and word in ("begin", "write"):
                continue
            step = word, value, offset
            told = [run(store, own, who, step) for store, own in zip(stores, names, strict=True)]
            assert told[0] == told[1]
            assert stores[0].observe() == stores[1].observe()
            assert stores[0].rows() == stores[1].rows()
    finally:
        for store in stores:
            store.drop()


def run(store: Database, sessions: list[Session], who: int, step: tuple[str, int, int]) -> Any:
    """One step, and what the process is told."""
    word, value, offset = step
    session = sessions[who]
    try:
        if word == "write":
            return session.write(
                value, 0, 0, offset, epoch=offset if store.spec.write == "two-phase" else None
            )
        if word == "check":
            return session.is_new(key(store, value, offset))
        if word == "read":
            decided = session.decided(session.name) if store.spec.write == "two-phase" else None
            return session.rows(), decided, session.in_transaction
        if word == "unheard":
            return session.commit_unheard()
        return getattr(session, word)()
    except StoreError as error:
        return type(error)
    finally:
        if session.broken:
            sessions[who] = store.session(session.name)


def test_prefixes_are_names_of_their_own() -> None:
    made = [unique_prefix("Ledger of the orders " * 5) for _ in range(50)]
    assert all(a != b for a, b in itertools.pairwise(sorted(made))) and len(made[0]) <= 48
