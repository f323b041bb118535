"""A search on disk, to go on with after whatever ended the process: its states in one file, what else there is to know
in another.

Both are written between two blocks of work, the states first, and the second file is replaced as a whole. So it always
speaks of states that are there; what lies behind them in the file is found again.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eoscheck.checker.digest import digest
from eoscheck.checker.files import write_atomically
from eoscheck.checker.native.engine import Native

FORMAT = "eoscheck-checkpoint/1"
MANIFEST = "search.json"
PART = 1 << 20
"""Bytes of states that are read at once."""

_FILES = {False: "states", True: "states-reduced"}
"""Where states are kept, by whether the search is reduced: so that one can take the place of the other at once."""


class BadCheckpoint(Exception):
    """A folder that no search can be kept in, or gone on from; in one line."""


@dataclass(frozen=True)
class Saved:
    """A search between two blocks.

    levels, seen, at  as of `Visited` and `Context`; states: how many of those in the file are known
    hits              per property index, the steps to where it is hit first
    premises          bit mask of properties whose premise was met
    fired, cuts       by command, how often it was taken and cut
    rest, dead        states in which nothing but a fault can happen, in which nothing can
    pending_hits, pending_premises   bit masks of what the present level has met so far
    seconds           of searching
    """

    levels: list[int]
    seen: list[tuple[list[int], int]]
    at: int
    states: int
    hits: dict[int, int]
    premises: int
    fired: list[int]
    cuts: list[int]
    rest: int
    dead: int
    pending_hits: int
    pending_premises: int
    seconds: float


class Checkpoint:
    """The folder of one search, which nobody else may use meanwhile.

    resume   it is there already, and will be gone on with
    over     one that is there, and is not reduced, may be replaced by one that is

    Raises BadCheckpoint where another process does, OSError where it cannot be written.
    """

    def __init__(
        self, folder: Path, engine: Native, *, fingerprint: bool, resume: bool, over: bool = False
    ) -> None:
        self.folder, self.size = folder, 8 * engine.words
        reduced = engine.reduction is not None
        self.states, self.file = folder / _FILES[reduced], folder / MANIFEST
        self._other = folder / _FILES[not reduced]
        exchanges = engine.reduction.symmetry.exchanges if engine.reduction else ()
        self._initial = engine.packing.pack(engine.model.initial)
        self._summed, self._checksum = 0, 0
        self._what = {
            "format": FORMAT,
            "version": version("eoscheck"),
            "fingerprint": fingerprint,
            "reduced": engine.reduction is not None,
            "program": digest(engine.program, str(engine.packing), *map(repr, exchanges)),
        }
        if not resume and not over and self.file.exists():
            raise BadCheckpoint(
                f"{folder}: a search is kept there already; --resume {folder} goes on with it"
            )
        if resume and not self.file.exists():
            raise BadCheckpoint(f"{folder}: no search is kept there")
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.states, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.saved = self._load() if resume else None
        except BlockingIOError:
            self.close()
            raise BadCheckpoint(f"{folder}: another search is using it") from None
        except BaseException:
            self.close()
            raise
        for left in folder.glob(f".{MANIFEST}.*"):  # by a process that was killed while it wrote
            left.unlink(missing_ok=True)
        if not resume:
            os.ftruncate(self._file, 0)

    def save(self, saved: Saved) -> None:
        """Keep a search. Its states must be on disk already. Raises OSError, and what was kept before is still
        there."""
        whole = {**self._what, **asdict(saved), "checksum": self._sum(saved.states)}
        write_atomically(self.file, json.dumps(whole) + "\n", durable=True)
        self._other.unlink(missing_ok=True)

    def _sum(self, states: int) -> int:
        """The checksum of the first states; they are only ever added to."""
        while self._summed < states * self.size:
            part = os.pread(self._file, min(PART, states * self.size - self._summed), self._summed)
            if not part:
                break
            self._checksum = zlib.crc32(part, self._checksum)
            self._summed += len(part)
        return self._checksum

    def _load(self) -> Saved:
        """What was kept. Raises BadCheckpoint where it is of something else, or damaged."""
        try:
            found: dict[str, Any] = json.loads(self.file.read_text(encoding="utf-8"))
            kept = {name: found[name] for name in self._what}
            numbers = {field.name: found[field.name] for field in fields(Saved)}
            numbers["hits"] = {int(i): steps for i, steps in found["hits"].items()}
            checksum = found["checksum"]
            saved = Saved(**numbers)
            whole = os.pread(self._file, self.size, 0) == b"".join(
                w.to_bytes(8, "little") for w in self._initial
            )
            whole &= os.fstat(self._file).st_size >= saved.states * self.size
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadCheckpoint(f"{self.file}: damaged, or no search of eoscheck") from None
        self._compare(kept)
        if not whole:
            raise BadCheckpoint(f"{self.states}: damaged: states are missing")
        if self._sum(saved.states) != checksum:
            raise BadCheckpoint(f"{self.states}: damaged: the states are not those that were kept")
        return saved

    def _compare(self, kept: dict[str, Any]) -> None:
        mine = self._what
        if kept["version"] != mine["version"] or kept["format"] != mine["format"]:
            raise BadCheckpoint(
                f"{self.file}: written by eoscheck {kept['version']}, this is {mine['version']}"
            )
        if kept["program"] != mine["program"]:
            raise BadCheckpoint(
                f"{self.file}: a search of something else: the spec or its properties have changed"
            )
        if kept["fingerprint"] != mine["fingerprint"]:
            raise BadCheckpoint(f"{self.file}: that search is one {_by(kept)}, this one is to be {_by(mine)}")
        if kept["reduced"] != mine["reduced"]:
            how = "is reduced" if kept["reduced"] else "is not reduced"
            raise BadCheckpoint(
                f"{self.file}: that search {how}, this one is to be otherwise (--no-reduction)"
            )

    def close(self) -> None:
        """Let others use it."""
        os.close(self._file)
        os.close(self._lock)


def is_reduced(folder: Path) -> bool:
    """Is a search kept there that is reduced?"""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("reduced") is True


def _by(what: dict[str, Any]) -> str:
    return "by fingerprints" if what["fingerprint"] else "with full states"
