"""Memory of the system's own: large, zeroed, used only where it is touched; of nobody, or of a file."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import tempfile
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_longlong]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

FAILED = ctypes.c_void_p(-1).value
UNRESERVED = 0x4000 if sys.platform == "linux" else 0x40
PAGE = mmap.PAGESIZE
HUGE = 2 * 2**20
"""Bytes of a large page, to which what is large begins."""

POPULATE_WRITE = 23
"""MADV_POPULATE_WRITE, of which Python does not know. Older kernels refuse it, which is as well."""

SMALL = 2 * HUGE
"""Bytes that are not worth large pages."""


class Room:
    """A stretch of addresses. It takes memory where something has been written.

    size   bytes of addresses
    least  how many will do where the system does not give as many (then there are `room.size`); None: no less
    file   what is written is kept in this file descriptor, which must be made long enough before
    small  bytes at the beginning that are in pages of the usual size. A large page is taken and cleared as a whole,
           which a small search does not need, and which takes long where a virtual machine must ask its host for it

    Raises MemoryError.
    """

    def __init__(
        self, size: int, file: int | None = None, *, small: int = SMALL, least: int | None = None
    ) -> None:
        self.file, self._begin = file, 0
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | UNRESERVED if file is None else mmap.MAP_SHARED
        size = -(-size // PAGE) * PAGE
        least = size if least is None else least
        while True:
            found = _libc.mmap(
                None, size + HUGE, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1 if file is None else file, 0
            )
            if found != FAILED:
                break
            size = size // 2 // PAGE * PAGE
            if size < least:
                raise MemoryError
        self._begin, self._length, self.size = found, size + HUGE, size
        self.address: int = found if file is not None else -(-found // HUGE) * HUGE
        if file is None and size > small and hasattr(mmap, "MADV_HUGEPAGE"):
            _libc.madvise(self.address + small, size - small, mmap.MADV_HUGEPAGE)

    def fill(self, begin: int, end: int, part: int, parts: int) -> None:
        """Take memory now for one part of a stretch, every so many large pages: several threads get it faster than one
        that touches it first while the others wait."""
        if sys.platform == "linux":
            for at in range(-(-begin // HUGE) * HUGE + part * HUGE, end - HUGE + 1, parts * HUGE):
                _libc.madvise(self.address + at, HUGE, POPULATE_WRITE)

    def forget(self, upto: int) -> None:
        """What lies in the first bytes of a file need not stay in memory: it is read again where it is touched."""
        if self.file is not None and upto >= PAGE and hasattr(mmap, "MADV_DONTNEED"):
            _libc.madvise(self.address, upto // PAGE * PAGE, mmap.MADV_DONTNEED)

    def drop(self, begin: int) -> None:
        """What lies behind the first bytes is of no use any more, and takes no memory."""
        begin = -(-begin // PAGE) * PAGE
        if hasattr(mmap, "MADV_DONTNEED") and begin < self.size:
            _libc.madvise(self.address + begin, self.size - begin, mmap.MADV_DONTNEED)

    def close(self) -> None:
        """Give the addresses back. Nothing may be touched afterwards."""
        if self._begin:
            _libc.munmap(self._begin, self._length)
            self._begin = 0

    def __del__(self) -> None:
        self.close()


def scratch() -> Path:
    """The folder for large files that are of no use afterwards: $TMPDIR, else /var/tmp, since /tmp is often memory."""
    usual = "/var/tmp" if os.access("/var/tmp", os.W_OK) else tempfile.gettempdir()
    return Path(os.environ.get("TMPDIR") or usual)


def available_mb() -> float | None:
    """The memory that the process may still take, by the machine and by the control group it is in; None where the
    system does not say."""
    found = [_meminfo(), *(_left(Path("/sys/fs/cgroup"), *names) for names in _CGROUPS)]
    known = [mb for mb in found if mb is not None]
    return min(known) if known else None


_CGROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def _meminfo() -> float | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return next((int(kb) / 2**10 for kb in found), None)


def _left(folder: Path, limit: str, used: str) -> float | None:
    try:
        return (int((folder / limit).read_text()) - int((folder / used).read_text())) / 2**20
    except (OSError, ValueError):
        return None


def physical() -> int:
    """Bytes of memory of the machine, swap not counted; many, where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * PAGE
    except (ValueError, OSError):
        return 1 << 40


def cores() -> int:
    """The processors that this process may use; where the system does not say (macOS), all that there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
