"""Work on many things, several at a time, with answers in the order in which they were asked for."""

from __future__ import annotations

import errno
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

T = TypeVar("T")
Answer = TypeVar("Answer")


def in_order(work: Callable[[T], Answer], things: Sequence[T], jobs: int) -> Iterator[Answer]:
    """The answer for each thing, `jobs` of them being worked on at a time.

    Ctrl-C passes through, after the answers that were there already.
    """
    if jobs == 1 or len(things) < 2:
        yield from map(work, things)
        return
    # Forked, since a fresh interpreter for each worker would import everything once more.
    others = set(multiprocessing.active_children())
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
    except BrokenProcessPool:
        raise OSError(errno.ENOMEM, "a worker was killed; is there too little memory?", "eoscheck") from None
    finally:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        workers.shutdown(cancel_futures=True)


def _deaf() -> None:
    """A worker leaves Ctrl-C to its parent, which ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
