"""Real clients, steered step by step and killed at any point, and the user's own program.

Each is a process in a session of its own that ends with this one. The clients are those of confluent-kafka
(librdkafka), in `main.py`; where they connect to is for the caller to say, usually a proxy's address.

    producer = Client(proxy.bootstrap("producer"), producer={"enable.idempotence": True})
    producer.send("payments", 0, "m1")
    producer.kill()
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import queue
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eoscheck.gen.kafka import guard as guarding
from eoscheck.gen.kafka.guard import guard

TIMEOUT = 30.0
"""Seconds that a command may take, unless it has a time limit of its own."""

PRODUCER: Mapping[str, Any] = {
    "linger.ms": 0,
    "retry.backoff.ms": 10,
    "reconnect.backoff.ms": 10,
    "reconnect.backoff.max.ms": 50,
}
"""What a producer has unless told otherwise. It is idempotent by itself only if it has a transactional.id."""

CONSUMER: Mapping[str, Any] = {
    "group.id": "eoscheck",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 50,
    "reconnect.backoff.ms": 10,
    "reconnect.backoff.max.ms": 50,
}
"""What a consumer has unless told otherwise."""

BOOTSTRAP = ("BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVERS")
"""Environment variables that tell the user's program where to connect."""

_CHILD = "eoscheck.gen.clients.main"


class ClientError(Exception):
    """What a client was told to do failed. `name` is the error's in librdkafka's spelling ("_FENCED")."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        self.name = str(error["name"])
        self.fatal = bool(error.get("fatal"))
        self.retriable = bool(error.get("retriable"))
        self.requires_abort = bool(error.get("abort"))
        super().__init__(f"{self.name}: {error['text']}")


class ClientGone(Exception):
    """The process ended, or does not answer in time."""


class Client:
    """A process with a producer, a consumer, a database connection, or several of them.

    Raises ClientError for settings that librdkafka refuses.

    producer, consumer  settings on top of PRODUCER and CONSUMER; None: the client has none
    database            file of a SQLite database that `insert` adds rows to
    events              what librdkafka said by itself: errors, assignments
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        producer: Mapping[str, Any] | None = None,
        consumer: Mapping[str, Any] | None = None,
        database: Path | None = None,
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._said: collections.deque[str] = collections.deque(maxlen=200)
        self._process = subprocess.Popen(
            [sys.executable, "-m", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._born = guarding.birth(self.pid) or ""
        guard().process(self.pid)
        for read in (self._read_answers, self._read_log):
            threading.Thread(target=read, daemon=True).start()
        where = {"bootstrap.servers": bootstrap}
        if producer is not None:
            producer = {**PRODUCER, "enable.idempotence": "transactional.id" in producer, **where, **producer}
        try:
            self.call(
                "open",
                producer=producer,
                consumer=None if consumer is None else {**CONSUMER, **where, **consumer},
                database=None if database is None else str(database),
            )
        except BaseException:
            self.kill()
            raise

    # -- commands

    def tell(self, do: str, **arguments: Any) -> None:
        """Give a command without waiting for its end; `result` does. One at a time."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise self._gone(f"cannot be told to {do}") from None

    def result(self, timeout: float = TIMEOUT) -> Any:
        """What the last command gave. Raises ClientError if it failed and ClientGone if there is no answer."""
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise self._gone(f"has not answered for {timeout:g} s") from None
        if line is None:
            raise self._gone("ended")
        answer = json.loads(line)
        self.events += answer["events"]
        if "error" in answer:
            raise ClientError(answer["error"])
        return answer["ok"]

    def call(self, do: str, **arguments: Any) -> Any:
        """Give a command and wait for its end."""
        self.tell(do, **arguments)
        return self.result(arguments.get("timeout", 0.0) + TIMEOUT)

    def init(self) -> None:
        """initTransactions()"""
        self.call("init")

    def begin(self) -> None:
        """beginTransaction()"""
        self.call("begin")

    def send(self, topic: str, partition: int, value: str) -> None:
        """send(); what became of it tells `flush`."""
        self.call("send", topic=topic, partition=partition, value=value)

    def flush(self, timeout: float = TIMEOUT) -> list[dict[str, Any]]:
        """Wait for all that is under way: records with their offsets, or with "error", in the order of their ends."""
        return list(self.call("flush", timeout=timeout)["done"])

    def commit(self) -> None:
        """commitTransaction()"""
        self.call("commit")

    def abort(self) -> None:
        """abortTransaction()"""
        self.call("abort")

    def send_offsets(self, *offsets: tuple[str, int, int]) -> None:
        """sendOffsetsToTransaction(), each as topic, partition, offset of the next record"""
        self.call("send_offsets", offsets=offsets)

    def assign(self, *places: tuple[str, int] | tuple[str, int, int]) -> None:
        """assign(), each as topic, partition and offset to begin at; without one, at the committed offset"""
        self.call("assign", places=places)

    def subscribe(self, *topics: str) -> None:
        """subscribe(); members get partitions while they poll."""
        self.call("subscribe", topics=topics)

    def poll(self, timeout: float = 1.0) -> dict[str, Any] | None:
        """The next record, None if there is none within so many seconds."""
        record: dict[str, Any] | None = self.call("poll", timeout=timeout)
        return record

    def next(self, timeout: float = TIMEOUT) -> dict[str, Any]:
        """The next record. Raises ClientGone if there is none within so many seconds."""
        record = self.poll(timeout)
        if record is None:
            raise ClientGone(f"no record for {timeout:g} s{self._log()}")
        return record

    def commit_offsets(self, *offsets: tuple[str, int, int]) -> None:
        """commitSync(); of what was polled last if no offsets are given"""
        self.call("commit_offsets", offsets=offsets or None)

    def insert(self, value: str) -> None:
        """Insert a row, committed when this returns."""
        self.call("insert", value=value)

    # -- the process

    def pause(self) -> None:
        """Stop it where it is (SIGSTOP); its connections stay open."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        os.killpg(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it at once (SIGKILL), wherever it is. Again is no harm."""
        _kill(self._process, self._born)

    def close(self) -> None:
        """End it in an orderly way, as far as it can."""
        with contextlib.suppress(ClientGone, ClientError):
            self.call("close")
        self.kill()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def log(self) -> str:
        """What librdkafka logged lately."""
        return "\n".join(self._said)

    def _read_answers(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.append(line.rstrip())

    def _gone(self, what: str) -> ClientGone:
        return ClientGone(f"client {self.pid} {what}{self._log()}")

    def _log(self) -> str:
        return f"; it logged:\n{self.log()}" if self._said else ""


def rows(database: Path) -> list[str]:
    """The values in a database of `Client.insert`, in the order of their insertion."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM rows ORDER BY number")]


# -- the user's own program


@dataclass(frozen=True)
class Run:
    """One run of a program: exit code (negative: the signal that ended it) and all that it printed."""

    exit_code: int
    output: str


class UserProgram:
    """Any command, started and killed as a unit with all of its child processes.

    command    with "{bootstrap}" wherever the address of the brokers belongs
    bootstrap  that address; also in the environment, as BOOTSTRAP_SERVERS and KAFKA_BOOTSTRAP_SERVERS
    env        further variables, on top of those of this process; "{bootstrap}" is replaced there, too
    runs       what has ended so far
    """

    def __init__(
        self,
        command: Sequence[str],
        bootstrap: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.runs: list[Run] = []
        self._command = [part.replace("{bootstrap}", bootstrap) for part in command]
        further = {name: value.replace("{bootstrap}", bootstrap) for name, value in (env or {}).items()}
        self._env = {**os.environ, **dict.fromkeys(BOOTSTRAP, bootstrap), **further}
        self._cwd = cwd
        self._folder = guard().temporary("eoscheck-program-")
        self._process: subprocess.Popen[bytes] | None = None
        self._born = ""

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended yet."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, or start it again after it ended."""
        if self.running:
            raise ClientGone("the program runs already")
        self._collect()
        self._process = guard().start(self._command, log=self._log, env=self._env, cwd=self._cwd)
        self._born = guarding.birth(self._process.pid) or ""

    def wait(self, timeout: float = TIMEOUT) -> Run:
        """Wait until it ends by itself. Raises ClientGone if it does not within so many seconds."""
        if self._process is None:
            raise ClientGone("the program was not started")
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ClientGone(
                f"the program has not ended for {timeout:g} s; it said:\n{self.output()}"
            ) from None
        return self._collect()

    def until(self, text: str, timeout: float = TIMEOUT) -> None:
        """Wait until it has printed something. Raises ClientGone if it ends, or does not in so many seconds."""
        end = time.monotonic() + timeout
        while text not in self.output():
            if not self.running or time.monotonic() > end:
                raise ClientGone(f"the program did not print {text!r}; it said:\n{self.output()}")
            time.sleep(0.005)

    def kill(self) -> Run:
        """End it and all that it started at once (SIGKILL)."""
        if self._process is None:
            raise ClientGone("the program was not started")
        _kill(self._process, self._born)
        return self._collect()

    def output(self) -> str:
        """What the present or last run printed so far."""
        if self._log.exists():
            return self._log.read_text(errors="replace")
        return self.runs[-1].output if self.runs else ""

    def close(self) -> None:
        """Kill it if it still runs, and remove what was kept of it."""
        if self.running:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
        guard().release(self._folder)

    def __enter__(self) -> UserProgram:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _log(self) -> Path:
        return self._folder / f"run-{len(self.runs) + 1}"

    def _collect(self) -> Run:
        """Keep what there is of a run that has ended."""
        if self._process is not None and self._process.returncode is not None:
            _kill(self._process, self._born)  # and what it left behind
            self.runs.append(Run(self._process.returncode, self.output()))
            self._process = None
        return self.runs[-1] if self.runs else Run(0, "")


def _kill(process: subprocess.Popen[Any], born: str) -> None:
    """Kill a process and its whole group, wait, and forget it."""
    guarding.kill(process.pid, born)
    process.wait()
    guard().release(process.pid)
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
