"""A search on disk, to go on with after whatever ended the process: its states in one file, what else there is to know
in another.

Both are written between two blocks of work, the states first, and the second file is replaced as a whole. So it always
speaks of states that are there; what lies behind them in the file is found again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eoscheck.checker.files import write_atomically
from eoscheck.checker.native.engine import Native

FORMAT = "eoscheck-checkpoint/1"


class BadCheckpoint(Exception):
    """A folder that no search can be kept in, or gone on from; in one line."""


@dataclass(frozen=True)
class Saved:
    """A search between two blocks.

    levels, at        as of `Visited` and `Context`; states: how many of those in the file are known
    hits              per property index, the steps to where it is hit first
    premises          bit mask of properties whose premise was met
    fired, cuts       by command, how often it was taken and cut
    rest, dead        states in which nothing but a fault can happen, in which nothing can
    pending_hits, pending_premises   bit masks of what the present level has met so far
    seconds           of searching
    """

    levels: list[int]
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

    Raises BadCheckpoint where another process does, OSError where it cannot be written.
    """

    def __init__(self, folder: Path, engine: Native, *, fingerprint: bool, resume: bool) -> None:
        self.folder, self.size = folder, 8 * engine.words
        self.states, self.file = folder / "states", folder / "search.json"
        self._initial = engine.packing.pack(engine.model.initial)
        self._what = {
            "format": FORMAT,
            "version": version("eoscheck"),
            "fingerprint": fingerprint,
            "program": _digest(engine),
        }
        if not resume and self.file.exists():
            raise BadCheckpoint(
                f"{folder}: a search is kept there already; --resume {folder} goes on with it"
            )
        if resume and not self.file.exists():
            raise BadCheckpoint(f"{folder}: no search is kept there")
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.states, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.saved = self._load() if resume else None
        except BlockingIOError:
            self.close()
            raise BadCheckpoint(f"{folder}: another search is using it") from None
        except BaseException:
            self.close()
            raise
        if not resume:
            os.ftruncate(self._lock, 0)

    def save(self, saved: Saved) -> None:
        """Keep a search. Its states must be on disk already. Raises OSError, and what was kept before is still
        there."""
        write_atomically(self.file, json.dumps({**self._what, **asdict(saved)}) + "\n")

    def _load(self) -> Saved:
        """What was kept. Raises BadCheckpoint where it is of something else, or damaged."""
        try:
            found: dict[str, Any] = json.loads(self.file.read_text(encoding="utf-8"))
            kept = {name: found[name] for name in self._what}
            numbers = {field.name: found[field.name] for field in fields(Saved)}
            numbers["hits"] = {int(i): steps for i, steps in found["hits"].items()}
            saved = Saved(**numbers)
            whole = os.pread(self._lock, self.size, 0) == b"".join(
                w.to_bytes(8, "little") for w in self._initial
            )
            whole &= os.fstat(self._lock).st_size >= saved.states * self.size
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadCheckpoint(f"{self.file}: damaged, or no search of eoscheck") from None
        self._compare(kept)
        if not whole:
            raise BadCheckpoint(f"{self.states}: damaged: states are missing")
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

    def close(self) -> None:
        """Let others use it."""
        os.close(self._lock)


def _by(what: dict[str, Any]) -> str:
    return "by fingerprints" if what["fingerprint"] else "with full states"


def _digest(engine: Native) -> str:
    """Of everything that a search depends on: the compiled program with its packing, the initial state, and the order
    and names of actions and properties."""
    model = engine.model
    names = [*(f"{p.kind} {p.name}" for p in model.properties), *(str(a.name) for a in model.actions)]
    whole = [engine.kernel, model.initial.hex(), *names]
    return hashlib.sha256("\n".join(whole).encode()).hexdigest()
