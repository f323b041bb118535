"""The standard streams as a process may find them: closed, or with nobody at the other end. Imports next to nothing."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


def open_closed() -> None:
    """Have /dev/null for each standard stream that the process was started without.

    It gets the number of the stream, the lowest that is free, so that no other file does.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def silence(stream: TextIO) -> None:
    """Let what is still written to a closed pipe go nowhere, also what Python itself flushes at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())


def remark(text: str) -> None:
    """Write it to stderr, on which nothing depends: where it cannot be written, it is not."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        silence(sys.stderr)


def complain(message: str, code: int, who: str = "eoscheck") -> int:
    """Say it in one line on stderr; gives the exit code."""
    remark(f"{who}: {' '.join(message.split())}\n")
    return code
