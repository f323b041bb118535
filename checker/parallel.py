"""Work on many things, several at a time, with answers in the order in which they were asked for."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

T = TypeVar("T")
Answer = TypeVar("Answer")


def cores() -> int:
    """The processors that this process may use; where the system does not say (macOS), all that there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(work: Callable[[T], Answer], things: Sequence[T], jobs: int) -> Iterator[Answer]:
    """The answer for each thing, `jobs` of them being worked on at a time.

    Ctrl-C passes through, after the answers that were there already.
    """
    if jobs == 1 or len(things) < 2:
        yield from map(work, things)
        return
    # Forked, since a fresh interpreter for each worker would import everything once more.
    workers = ProcessPoolExecutor(min(jobs, len(things)), multiprocessing.get_context("fork"), _deaf)
    answers = deque(workers.submit(work, thing) for thing in things)
    try:
        while answers:
            answer = answers[0].result()
            answers.popleft()
            yield answer
    except KeyboardInterrupt:
        yield from (answer.result() for answer in answers if answer.done())
        raise
    finally:
        for child in multiprocessing.active_children():
            child.terminate()
        workers.shutdown(cancel_futures=True)


def _deaf() -> None:
    """A worker leaves Ctrl-C to its parent, which ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
