"""The states of a search, one behind the other in the order in which they were found: in memory, or in a file that is
mapped into it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import tempfile
from pathlib import Path

from eoscheck.checker.native.memory import Room, physical

ADDRESSES = 1 << 40
"""Bytes of addresses that are asked for where states lie in a file."""

FEW = 1 << 25
"""Bytes of states that are not worth large pages."""

STEP, SHARE = 1 << 24, 32
"""The part that may be used grows by so many bytes, or by one part of so many of what it has."""


class DiskFull(Exception):
    """The file of states cannot grow."""


class Store:
    """Room for states.

    size   bytes of a state
    path   keep them in this file; None: in memory
    """

    def __init__(self, size: int, path: Path | None = None) -> None:
        self.size = size
        self.file: int | None = None
        if path is not None:
            self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        # Of addresses there is an end as well: where states lie in memory, no more are asked for than it could fill.
        most = ADDRESSES if path else min(ADDRESSES, 2 * physical())
        self.room = Room(most, self.file, small=FEW, least=STEP)
        self.capacity = 0

    @property
    def step(self) -> int:
        """Bytes by which it grows."""
        return max(STEP, self.capacity * self.size // SHARE)

    @property
    def address(self) -> int:
        return self.room.address

    def extend(self, states: int) -> None:
        """Make room for so many states at least. Raises DiskFull, MemoryError."""
        step = self.step
        needed = -(-max(states, 1) * self.size // step) * step
        if needed > self.room.size:
            raise MemoryError
        if self.file is not None:
            try:
                os.posix_fallocate(self.file, 0, needed)
            except OSError as error:
                raise DiskFull(error.strerror) from None
        self.capacity = needed // self.size

    def is_large(self, states: int) -> bool:
        """Do so many states lie in large pages of memory, which are worth being taken ahead?"""
        return self.file is None and states * self.size >= FEW

    def fill(self, first: int, last: int, part: int, parts: int) -> None:
        """Take memory now, for a part of those states (see `Room.fill`)."""
        self.room.fill(first * self.size, last * self.size, part, parts)

    def to_file(self, states: int, folder: Path) -> None:
        """Move what is in memory into a file without a name. Raises DiskFull."""
        try:
            descriptor, name = tempfile.mkstemp(prefix="eoscheck-states-", dir=folder)
        except OSError as error:
            raise DiskFull(error.strerror) from None
        os.unlink(name)
        try:
            _write(descriptor, self.address, states * self.size)
            os.posix_fallocate(descriptor, 0, max(self.capacity * self.size, STEP))
        except OSError as error:
            os.close(descriptor)
            raise DiskFull(error.strerror) from None
        self.room.close()
        self.file, self.room = descriptor, Room(ADDRESSES, descriptor, least=STEP)

    def forget(self, states: int) -> None:
        """The first states will hardly be asked for: they need not stay in memory, if they are in a file."""
        self.room.forget(states * self.size)

    def flush(self) -> None:
        """See to it that the states in the file survive a power failure. Raises OSError."""
        if self.file is not None:
            os.fsync(self.file)

    def close(self) -> None:
        self.room.close()
        if self.file is not None:
            with contextlib.suppress(OSError):
                os.close(self.file)
            self.file = None


def _write(descriptor: int, address: int, count: int) -> None:
    done, most = 0, 1 << 26
    while done < count:
        part = min(most, count - done)
        done += os.pwrite(descriptor, (ctypes.c_char * part).from_address(address + done), done)
