"""Threads that run compiled code, while Python stays awake."""

from __future__ import annotations

import threading
from collections.abc import Callable

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
    halt      asks the work to end, once an exception has come up meanwhile, which is raised when all are done
    """
    first = 0 if look_up else 1
    crew = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(first, threads)]
    for member in crew:
        member.start()
    if look_up is None:
        work(0)
        for member in crew:
            member.join()
        return
    raised: BaseException | None = None
    for member in crew:
        while member.is_alive():
            try:
                member.join(PAUSE)
                look_up()
            except BaseException as error:
                raised = raised or error
                halt()
    if raised:
        raise raised
