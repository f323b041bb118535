"""The whole suite leaves nothing behind: no process, no file outside the cache."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

STARTED = time.time()
FOLDERS = (Path("/dev/shm"), Path(tempfile.gettempdir()))
PATIENCE = 10.0
"""Seconds until the last process that was killed must be gone."""


MARK = "EOSCHECK_SUITE"
"""In the environment of whatever the suite starts, so that others' brokers are not taken for ours."""

os.environ[MARK] = str(os.getpid())


def left_behind() -> list[str]:
    """Processes that the suite started, and folders that are younger than it and nobody else's."""
    ours, others = _processes()
    folders = [
        entry
        for folder in FOLDERS
        if folder.is_dir()
        for entry in folder.glob("eoscheck-*")
        if entry.stat().st_mtime >= STARTED and not any(str(entry) in line for line in others)
    ]
    return [*map(str, sorted(folders)), *ours]


def _processes() -> tuple[list[str], list[str]]:
    """Command lines of processes that carry the mark, and of all others that can be seen."""
    ours, others = [], []
    mark = f"{MARK}={os.getpid()}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            marked = mark in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        # The guard itself ends with this process.
        if line and int(entry.name) != os.getpid() and "guard.py" not in line:
            (ours if marked else others).append(f"process {entry.name}: {line}" if marked else line)
    return ours, others


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the run for what is left when every fixture has been torn down."""
    end = time.monotonic() + PATIENCE
    while (left := left_behind()) and time.monotonic() < end:
        time.sleep(0.1)
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line("LEFT BEHIND by the suite:\n  " + "\n  ".join(left), red=True)
