"""Threads that run compiled code, while Python stays awake; and signals that must wait until they are done."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence

PAUSE = 0.05
"""Seconds after which Python looks up while it waits."""


def together(
    threads: int,
    work: Callable[[int], object],
    look_up: Callable[[], object] | None = None,
    halt: Callable[[], object] = lambda: None,
) -> None:
    """Do work(0), work(1), ... at the same time, and wait until all are done.

    look_up   called every now and then while it takes long. Without it the calling thread does work(0) itself
    halt      asks the work to end, once look_up has raised an exception, which is raised again when all are done

    Raises MemoryError where there cannot be so many threads; then nothing was done.
    """
    cores = sorted(os.sched_getaffinity(0)) if threads > 1 and hasattr(os, "sched_getaffinity") else []

    complete, missing = threading.Event(), list[BaseException]()

    def apart(i: int) -> None:
        complete.wait()
        if missing:
            return
        if cores:
            _go_to(cores, i)
        work(i)

    first = 0 if look_up else 1
    crew = [threading.Thread(target=apart, args=(i,), daemon=True) for i in range(first, threads)]
    try:
        for member in crew:
            member.start()
    except RuntimeError as error:
        missing.append(error)
        raise MemoryError from None
    finally:
        complete.set()
    if look_up is None:
        apart(0)
    raised: BaseException | None = None
    for member in crew:
        while member.is_alive():
            member.join(PAUSE)
            try:
                if look_up:
                    look_up()
            except BaseException as error:
                raised = raised or error
                halt()
    if raised:
        raise raised


def _go_to(cores: Sequence[int], number: int) -> None:
    """Have the present thread begin on a core of its own; it may be moved at once.

    Threads that wait for each other by looking are always busy. Linux leaves two of them on one core for twenty
    milliseconds and more, if that is where they began, while another core has nothing to do.
    """
    with contextlib.suppress(OSError):  # a container may forbid it
        os.sched_setaffinity(0, {cores[number % len(cores)]})
        os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def patient(interrupt: Callable[[], object]) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM call this instead of what they would do, which could raise an exception while threads
    work on memory that it makes nobody's. Handlers belong to the main thread; elsewhere nothing can be raised."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if callable(handler):
                before[number] = handler
                signal.signal(number, lambda *_: interrupt())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
