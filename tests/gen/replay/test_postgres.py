"""A server of our own is soon there, is reached by nobody else, and is gone afterwards, however its Python ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from eoscheck.gen.replay import postgres
from eoscheck.gen.replay.postgres import NoPostgres, Server

SERVE = """
from eoscheck.gen.replay.postgres import server
import psycopg, sys, time
server = server()
session = psycopg.connect(server.dsn)
session.execute("CREATE TABLE kept (n integer)")
print(server.dsn, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def no_given_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(postgres.GIVEN, raising=False)


@pytest.fixture
def own() -> Iterator[Server]:
    try:
        server = postgres._own()
    except NoPostgres as reason:
        pytest.skip(str(reason))
    yield server
    server.stop()


def folder(dsn: str) -> Path:
    return Path(psycopg.conninfo.conninfo_to_dict(dsn)["host"])  # type: ignore[arg-type]


def processes(data: Path) -> list[str]:
    """The server and the processes that it has made: their working directory is its data folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if str(data) in os.readlink(entry):
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


def eventually(done: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.02)
    return done()


def test_a_server_can_be_used_and_leaves_nothing_behind(own: Server) -> None:
    with psycopg.connect(own.dsn) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)
        assert session.execute("SHOW listen_addresses").fetchone() == ("",)
    place = folder(own.dsn)
    assert place.stat().st_mode & 0o077 == 0
    assert processes(place) or not Path("/proc").exists()
    own.stop()
    own.stop()
    assert not place.exists() and not processes(place)


def test_the_second_start_takes_what_the_first_has_kept(
    own: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(postgres.CACHE, str(tmp_path))
    postgres._own().stop()
    (template,) = (tmp_path / "postgresql").iterdir()
    begun = time.monotonic()
    second = postgres._own()
    assert time.monotonic() - begun < 5
    second.stop()
    # A kept folder that is of no use is made anew.
    (template / "PG_VERSION").write_text("1")
    third = postgres._own()
    with psycopg.connect(third.dsn) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)
    third.stop()
    assert (template / "PG_VERSION").read_text() != "1"


def test_a_cache_that_cannot_be_written_is_no_obstacle(
    own: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(postgres.CACHE, str(tmp_path / "file"))
    server = postgres._own()
    assert server.runs()
    server.stop()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, None])
def test_the_server_ends_with_its_python_process(own: Server, how: signal.Signals | None) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None and child.stdout is not None
    place = folder(child.stdout.readline())
    assert place.is_dir() and (processes(place) or not Path("/proc").exists())
    if how is None:
        child.stdin.close()
    else:
        child.send_signal(how)
    child.wait(20)
    assert eventually(lambda: not place.exists() and not processes(place))


def test_one_process_has_one_server(own: Server) -> None:
    first = postgres.server()
    assert postgres.server() is first
    first.stop()
    second = postgres.server()
    assert second is not first and second.runs()
    second.stop()


def test_a_given_server_is_used_and_left_alone(own: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    given = postgres.server(own.dsn)
    assert given.dsn == own.dsn and given.origin == "given"
    given.stop()
    monkeypatch.setenv(postgres.GIVEN, own.dsn)
    assert postgres.server().dsn == own.dsn
    assert own.runs()


def test_what_is_missing_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres, "INSTALLED", ())
    monkeypatch.setattr(postgres, "PACKAGE", "no_such_package")
    with pytest.raises(NoPostgres, match=r"none is installed.*install PostgreSQL.*EOSCHECK_POSTGRES") as told:
        postgres._own()
    assert "\n" not in str(told.value)
    with pytest.raises(NoPostgres, match="cannot connect to the given"):
        postgres.server(f"host={tmp_path} user=nobody")


def test_binaries_that_do_not_work_are_passed_over(
    own: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("postgres", "initdb"):
        (tmp_path / name).write_text("#!/bin/sh\necho broken >&2; exit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(postgres, "INSTALLED", (str(tmp_path), *postgres.INSTALLED))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    server = postgres._own()
    assert server.origin != str(tmp_path) and server.runs()
    server.stop()
