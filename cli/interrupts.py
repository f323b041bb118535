"""Ctrl-C and SIGTERM: KeyboardInterrupt, at once, and never where it would be lost.

Python drops what is raised while an object is freed, and ctypes makes another error of what is raised while it converts
an argument. Z3's terms are objects that are freed by the million, and all that is asked of Z3 goes through ctypes. What
strikes there is raised as soon as the caller goes on. And while Z3 thinks, Python cannot act: another thread tells it
to stop.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


@contextlib.contextmanager
def interrupts(*, last: bool = False) -> Iterator[None]:
    """Have both signals raise KeyboardInterrupt in the main thread. A signal that is ignored stays so.

    last   they are ignored from its end on, without a moment in between
    """
    wanted = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, _handle) for number in wanted}
    noticed, told = os.pipe()
    os.set_blocking(told, False)
    watcher = threading.Thread(target=_watch, args=(noticed,), daemon=True)
    watcher.start()
    previous = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    try:
        yield
    finally:
        for number in wanted:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(previous)
        os.close(told)
        for number, handler in () if last else before.items():
            signal.signal(number, handler)


def _watch(noticed: int) -> None:
    """Stop what Z3 is doing whenever a signal came. Ends with the pipe."""
    while os.read(noticed, 1):
        context = getattr(sys.modules.get("z3.z3"), "_main_ctx", None)
        if context is not None:
            context.interrupt()
    os.close(noticed)


def _handle(number: int, frame: FrameType | None) -> None:
    lost, at = None, frame
    while at is not None:
        if at.f_code.co_name == "__del__" or at.f_globals.get("__name__", "").startswith("z3."):
            lost = at
        at = at.f_back
    if lost is None or lost.f_back is None:
        raise KeyboardInterrupt
    if sys.gettrace() is not _nothing:
        _raise_in(lost.f_back)


def _raise_in(frame: FrameType) -> None:
    """Raise KeyboardInterrupt before the next instruction of a frame that has called others."""
    own = frame.f_trace, frame.f_trace_opcodes

    def now(*_: Any) -> None:
        frame.f_trace, frame.f_trace_opcodes = own
        raise KeyboardInterrupt  # which is also the end of all tracing

    frame.f_trace, frame.f_trace_opcodes = now, True
    sys.settrace(_nothing)


def _nothing(*_: Any) -> None:
    """To trace only frames that say how."""
