"""A signal is a KeyboardInterrupt, also where Python or ctypes would make nothing of it, and while Z3 thinks."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import z3  # type: ignore[import-untyped]
from eoscheck.checker.solver.answers import answer
from eoscheck.cli.interrupts import interrupts

NUMBERS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


class Freed:
    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


def converted(number: int) -> None:
    """What z3 does where ctypes makes another error of everything that is raised."""
    given: dict[str, Any] = {"__name__": "z3.z3core", "signal": signal, "number": number}
    lines = ["def convert():", " try: signal.raise_signal(number)", " except BaseException: raise ValueError"]
    exec("\n".join([*lines, "convert()"]), given)


@NUMBERS
@pytest.mark.parametrize("lose", [Freed, converted])
def test_what_would_be_lost_is_raised_once_the_caller_goes_on(lose: Callable[[int], object], number: int):
    with interrupts(), pytest.raises(KeyboardInterrupt):
        lose(number)
        pytest.fail("it was lost")
    assert sys.gettrace() is None


@NUMBERS
def test_two_signals_that_would_be_lost_are_one(number: int):
    def both() -> None:
        with contextlib.suppress(ValueError):
            converted(number)
        Freed(number)
        pytest.fail("it was lost")

    with interrupts(), pytest.raises(KeyboardInterrupt):
        both()
    assert sys.gettrace() is None


@NUMBERS
def test_z3_is_stopped_where_it_thinks_for_long(number: int):
    pigeons, holes = range(13), range(12)
    at = [[z3.Bool(f"pigeon {p} hole {h}") for h in holes] for p in pigeons]
    solver = z3.SolverFor("QF_FD")
    solver.add([z3.Or(row) for row in at])
    solver.add([z3.Or(z3.Not(at[p][h]), z3.Not(at[q][h])) for h in holes for p in pigeons for q in range(p)])
    began = time.monotonic()
    threading.Timer(0.5, os.kill, (os.getpid(), number)).start()
    with interrupts(), pytest.raises(KeyboardInterrupt):
        answer(solver, time.monotonic() + 60)
    assert 0.4 < time.monotonic() - began < 20


def test_signals_are_handled_as_before_afterwards():
    def handlers() -> list[Any]:
        return [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]

    before = handlers()
    with interrupts():
        assert handlers() != before
    assert handlers() == before and signal.set_wakeup_fd(-1) == -1


@NUMBERS
def test_what_comes_last_is_interrupted_no_more(number: int):
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        with interrupts(last=True), pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        signal.raise_signal(number)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
