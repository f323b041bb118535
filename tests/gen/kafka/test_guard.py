"""What the guard was told about ends with the process that told it, however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from eoscheck.gen.kafka import guard


def until(done: Callable[[], bool], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.02)
    return done()


def gone(pid: int) -> bool:
    there = guard.birth(pid)
    return there is None or not guard.alive(pid, there)


CHILD = """
import sys, time
from pathlib import Path
from eoscheck.gen.kafka.guard import guard
folder = guard().temporary("eoscheck-guarded-", Path(sys.argv[1]))
server = guard().start(["/bin/sh", "-c", f"sleep 60 & echo $! > {sys.argv[1]}/child; sleep 60"], log=folder / "log")
print(server.pid, folder, flush=True)
time.sleep(60 if sys.argv[2] == "stay" else 0.3)
"""


def left_by(tmp_path: Path, number: int | None) -> tuple[int, Path, subprocess.Popen[str]]:
    how = "go" if number is None else "stay"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    pid, folder = child.stdout.readline().split()
    return int(pid), Path(folder), child


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None])
def test_what_is_guarded_ends_with_its_parent(tmp_path: Path, number: int | None):
    pid, folder, child = left_by(tmp_path, number)
    assert until((tmp_path / "child").exists)
    if number is not None:
        assert not gone(pid)
        assert folder.is_dir()
        child.send_signal(number)
    child.wait(10)
    assert until(lambda: gone(pid) and not folder.exists())
    assert until(lambda: gone(int((tmp_path / "child").read_text())))


def test_what_is_released_stays(tmp_path: Path):
    code = CHILD.replace("print(", "guard().release(server.pid, folder)\nprint(")
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), "go"], stdout=subprocess.PIPE, text=True, timeout=20
    ).stdout
    pid, folder = int(said.split()[0]), Path(said.split()[1])
    time.sleep(3 * guard.GLANCE)
    assert not gone(pid)
    assert folder.is_dir()
    guard.kill(pid, guard.birth(pid) or "")
    assert until(lambda: gone(pid))


def test_a_stranger_with_the_same_number_is_left_alone():
    sleeper = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        guard.kill(sleeper.pid, "another time")
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_server_may_clean_up_first(tmp_path: Path):
    script = f"trap 'echo clean > {tmp_path}/said; exit' TERM; echo > {tmp_path}/there; while :; do sleep 0.05; done"
    server = guard.guard().start(["/bin/sh", "-c", script], first=signal.SIGTERM)
    assert until((tmp_path / "there").exists)
    guard.kill(server.pid, guard.birth(server.pid) or "", signal.SIGTERM)
    server.wait()
    guard.guard().release(server.pid)
    assert (tmp_path / "said").read_text() == "clean\n"


def test_a_process_whose_parent_dies_before_it_is_told_to_go_never_goes(tmp_path: Path):
    waiting = guard.on_command(["/bin/sh", "-c", f"echo gone > {tmp_path}/said"])
    assert waiting.stdin is not None
    waiting.stdin.close()
    waiting.wait(5)
    assert not (tmp_path / "said").exists()


def test_a_guard_that_was_killed_is_replaced_and_told_everything(tmp_path: Path):
    watch = guard.Guard()
    first, second = watch.temporary("first-", tmp_path), tmp_path / "second"
    watcher = watch._watcher
    assert watcher is not None
    watcher.kill()
    watcher.wait()
    watch.directory(second)
    second.mkdir()
    assert watch._watcher is not None
    assert watch._watcher.stdin is not None
    watch._watcher.stdin.close()
    assert watch._watcher.wait(10) == 0
    assert not first.exists()
    assert not second.exists()
