"""Nothing is left behind: servers and their folders end with the Python process that started them, however it ends.

A process of its own watches this one through a pipe. When the pipe closes, be it by the end of a test run, Ctrl-C or
kill -9, it kills what it was told about and removes the folders it was told about. This file is that process too: it
is run as a script, and therefore imports nothing but the standard library.

    watch = guard()
    folder = watch.temporary("eoscheck-database-")
    server = watch.start(["postgres", "-D", str(folder)], log=folder / "log", first=signal.SIGQUIT)
    ...
    stop(server)
    shutil.rmtree(folder)
    watch.release(server.pid, folder)
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

GRACE = 3.0
"""Seconds that a process gets to follow its first signal before it is killed."""

GLANCE = 0.5
"""Seconds between two looks at whether the parent is still there: a pipe that a forked child holds never closes."""

ON_COMMAND = 'read -r go && exec "$@" </dev/null'
"""Shell: become the program when told so, and end if whoever should say it dies first."""


class Guard:
    """What this Python process must not leave behind. Safe to use from several threads."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._held: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._watcher: subprocess.Popen[bytes] | None = None

    def start(
        self,
        command: Sequence[str | Path],
        *,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        first: signal.Signals = signal.SIGKILL,
    ) -> subprocess.Popen[bytes]:
        """Start a server in a session of its own, guarded before its first instruction.

        log    file that its output is added to, else nowhere
        first  as for `process`

        Raises OSError where the log cannot be opened; a program that is not there shows as exit code 126 or 127.
        """
        server = on_command(command, log=log, env=env, cwd=cwd)
        self.process(server.pid, first=first)
        go(server)
        return server

    def process(self, pid: int, *, first: signal.Signals = signal.SIGKILL) -> None:
        """Kill this process and its whole group in the end. It must lead a group (start_new_session=True).

        first  sent to the process alone before that, and waited for: a server that cleans up after itself is let
        """
        born = birth(pid)
        if born is not None:
            self._hold(str(pid), {"process": pid, "born": born, "first": int(first)})

    def directory(self, path: Path) -> None:
        """Remove this folder with all that is in it in the end, after the processes are gone."""
        self._hold(str(path.absolute()), {"directory": str(path.absolute())})

    def temporary(self, prefix: str, parent: Path | None = None) -> Path:
        """A new empty folder of this user alone that is removed in the end."""
        path = (parent or Path(tempfile.gettempdir())) / (prefix + secrets.token_hex(6))
        self.directory(path)
        path.mkdir(mode=0o700)
        return path.absolute()

    def release(self, *what: int | Path) -> None:
        """Forget processes and folders: they are gone, or are meant to stay."""
        with self._lock:
            for one in what:
                key = str(one.absolute() if isinstance(one, Path) else one)
                if self._held.pop(key, None) is not None:
                    self._tell({"release": key})

    def _hold(self, key: str, message: dict[str, Any]) -> None:
        with self._lock:
            self._held[key] = message
            self._tell({"hold": key, **message})

    def _tell(self, message: dict[str, Any]) -> None:
        if self._watcher is not None:
            with contextlib.suppress(OSError):
                _write(self._watcher, message)
                return
        self._watcher = _watcher()
        for key, held in self._held.items():
            _write(self._watcher, {"hold": key, **held})


_guard: Guard | None = None
_starting = threading.Lock()


def guard() -> Guard:
    """The guard of this Python process, started when it is first told something. A forked child gets its own."""
    global _guard
    with _starting:
        if _guard is None or _guard.owner != os.getpid():
            _guard = Guard()
        return _guard


def on_command(
    command: Sequence[str | Path],
    *,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """A process that waits, in a session of its own, and becomes the program at `go`."""
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(open(log, "ab")) if log else subprocess.DEVNULL
        return subprocess.Popen(
            ["/bin/sh", "-c", ON_COMMAND, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )


def go(server: subprocess.Popen[bytes]) -> None:
    """Let what `on_command` gave become its program."""
    assert server.stdin is not None
    with contextlib.suppress(OSError):  # already gone, which its exit code says
        server.stdin.write(b"go\n")
        server.stdin.close()


def birth(pid: int) -> str | None:
    """When a process began, as the system writes it; None if there is none. Numbers are used again, births are not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        if sys.platform == "linux":
            return None
    said = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True).stdout
    return said.strip() or None


def alive(pid: int, born: str) -> bool:
    """Whether this very process is there and runs. One that has ended and waits to be collected is not."""
    if birth(pid) != born:
        return False
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def kill(pid: int, born: str, first: int = signal.SIGKILL) -> None:
    """End a process and its group, and wait until they are gone. A stranger with the same number is left alone."""
    if birth(pid) not in (born, None):
        return
    if first != signal.SIGKILL:
        with contextlib.suppress(OSError):
            os.kill(pid, first)
        _until(lambda: not alive(pid, born))
    # Where the leader is gone but members are left, its number cannot have been given out anew.
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
        _until(lambda: not alive(pid, born))


def remove(folder: str | Path) -> None:
    """Remove a folder, in which somebody dying may still be writing."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return
        time.sleep(0.1)


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + GRACE
    while not done() and time.monotonic() < end:
        time.sleep(0.01)


def _watcher() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def _write(watcher: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    assert watcher.stdin is not None
    watcher.stdin.write(json.dumps(message).encode() + b"\n")
    watcher.stdin.flush()


# -- the other process


def _messages(parent: int) -> Iterator[dict[str, Any] | None]:
    """What the parent says until it ends, and None from time to time."""
    said = b""
    while True:
        there = os.getppid() == parent
        if select.select([0], [], [], GLANCE if there else 0)[0]:
            more = os.read(0, 65536)
            if not more:
                return
            *lines, said = (said + more).split(b"\n")
            yield from (json.loads(line) for line in lines)
        elif there:
            yield None
        else:
            return


def _group_exists(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _watch(parent: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    held: dict[str, dict[str, Any]] = {}
    for message in _messages(parent):
        if message is None:  # what has ended by itself is forgotten while its number cannot be another's
            for key in [k for k, m in held.items() if "process" in m and not _group_exists(m["process"])]:
                del held[key]
        elif "hold" in message:
            held[message["hold"]] = message
        else:
            held.pop(message["release"], None)
    for message in held.values():
        if "process" in message:
            kill(message["process"], message["born"], message["first"])
    for message in held.values():
        if "directory" in message:
            remove(message["directory"])


if __name__ == "__main__":
    _watch(int(sys.argv[1]))
