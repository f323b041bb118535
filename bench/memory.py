"""Memory that is at hand: some is taken, and given back, before something is measured.

A virtual machine may have given its free memory back to its host, and waits where it needs it again: a run would be
slow or fast by what ran before it. Large pages are taken, of which small ones can be made; of small ones that are given
back no large ones were made on the machine where this was tried.
"""

from __future__ import annotations

import mmap
import subprocess
import sys

POPULATE_WRITE = 23
"""MADV_POPULATE_WRITE, of which Python does not know."""


def at_hand(size: int) -> None:
    """Have so many bytes at hand for the next process. Linux only."""
    subprocess.run([sys.executable, __file__, str(size)], check=True)


if __name__ == "__main__":
    memory = mmap.mmap(-1, int(sys.argv[1]), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    memory.madvise(POPULATE_WRITE)
