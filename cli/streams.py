"""The standard streams as a process may find them: with nobody at the other end. Imports next to nothing."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


def silence(stream: TextIO) -> None:
    """Let what is still written to a closed pipe go nowhere, also what Python itself flushes at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())


def complain(message: str, code: int, who: str = "eoscheck") -> int:
    """Say it in one line on stderr; gives the exit code."""
    try:
        sys.stderr.write(f"{who}: {' '.join(message.split())}\n")
        sys.stderr.flush()
    except BrokenPipeError:
        silence(sys.stderr)
    return code
