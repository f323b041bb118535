"""Threads end before anybody goes on, also where something is raised; a signal waits for them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Collection

import pytest
from eoscheck.checker.native.crew import patient, together


def test_what_looking_up_raises_waits_for_the_threads():
    ended: list[int] = []
    halt = threading.Event()

    def work(number: int) -> None:
        halt.wait(10)
        ended.append(number)

    def look_up() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together(2, work, look_up, halt.set)
    assert sorted(ended) == [0, 1]


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="the system does not let threads choose a core"
)
@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("forbidden", [True, False])
def test_threads_begin_apart_and_may_then_be_moved(
    watched: bool, forbidden: bool, monkeypatch: pytest.MonkeyPatch
):
    cores = os.sched_getaffinity(0)
    chosen: list[int] = []
    choose = os.sched_setaffinity

    def note(thread: int, wanted: Collection[int]) -> None:
        if forbidden:
            raise PermissionError
        if set(wanted) != cores:
            chosen.extend(wanted)
        choose(thread, wanted)

    monkeypatch.setattr(os, "sched_setaffinity", note)
    free: list[bool] = []
    look_up = (lambda: None) if watched else None
    together(4, lambda _: free.append(os.sched_getaffinity(0) == cores), look_up)
    assert free == 4 * [True] and os.sched_getaffinity(0) == cores
    if not forbidden and len(cores) > 1:
        wanted = [sorted(cores)[i % len(cores)] for i in range(4)]
        assert sorted(chosen) == sorted(wanted)


@pytest.mark.parametrize("watched", [True, False])
def test_where_a_thread_cannot_be_started_none_works(watched: bool, monkeypatch: pytest.MonkeyPatch):
    start, started, worked = threading.Thread.start, list[threading.Thread](), list[int]()

    def refuse(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(MemoryError):
        together(3, worked.append, (lambda: None) if watched else None)
    started[0].join(10)
    assert not started[0].is_alive() and worked == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_and_raises_nothing(number: signal.Signals):
    def handler(*_: object) -> None:
        raise KeyboardInterrupt

    noted: list[int] = []
    before = signal.signal(number, handler)
    try:
        with patient(lambda: noted.append(1)):
            for _ in range(3):
                signal.raise_signal(number)
                time.sleep(0)
        assert noted == [1, 1, 1] and signal.getsignal(number) is handler
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    finally:
        signal.signal(number, before)


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with patient(lambda: pytest.fail("noted")):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
