"""Measures eoscheck against other checkers on the model "eos-loop", in turn: ours, peer, ours, peer, ...

    python bench/compare.py --size 2212 --peers spin,c --runs 5 --json

Two figures of each, as medians, and the ratio of ours to the peer's:

- speed: distinct states a second of the search itself, once everything is compiled;
- time to verdict: from the command to its end, compiling included (for ours, with an empty cache of compiled code).

Needs `spin` and `gcc` for the peers that are asked for. Before each run of either, some memory is taken and given back,
so that none of them waits for the host of a virtual machine to give it. With `--no-warm`, a run finds what the one
before left.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import median

from memory import at_hand

HERE = Path(__file__).parent
SPIN = ["-O3", "-march=native", "-DSAFETY", "-DNOFAIR", "-DNOREDUCE", "-DMEMLIM=20000", "-DVECTORSZ=256"]
"""Depth-first with full states, its fastest exact mode. One process leaves nothing to partial-order reduction."""


@dataclass(frozen=True)
class Run:
    """What one run said: distinct states, seconds of searching, seconds in all, bytes of memory for each state."""

    states: int
    searching: float
    whole: float
    bytes_per_state: float


@dataclass(frozen=True)
class Checker:
    """One that is measured: `prepare` compiles what it runs, `run` gives its words on standard output; so many bytes of
    memory are made `warm` before."""

    name: str
    prepare: Callable[[], None]
    run: Callable[[], str]
    read: Callable[[str], tuple[int, float, float]]
    warm: int = 0

    def measure(self, *, cold: bool) -> Run:
        if self.warm:
            at_hand(self.warm)
        began = time.perf_counter()
        if cold:
            self.prepare()
        said = self.run()
        states, searching, size = self.read(said)
        return Run(states, searching, time.perf_counter() - began, size)


def out(*words: str, cwd: Path | None = None, cache: Path | None = None) -> str:
    environment = {**os.environ, **({"EOSCHECK_CACHE": str(cache)} if cache else {})}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def ours(size: str, threads: int, folder: Path) -> tuple[Checker, Checker]:
    """Ours, once with code that was compiled thoroughly before, and once with nothing compiled."""
    command = [sys.executable, str(HERE / "eos_loop.py"), size, "--threads", str(threads), "--json"]

    def read(said: str) -> tuple[int, float, float]:
        data = json.loads(said)
        return data["states"], data["seconds"], data["bytes_per_state"]

    def empty() -> None:
        shutil.rmtree(folder / "cold", ignore_errors=True)

    def thorough() -> None:
        out(*command, "--compile", cache=folder / "warm")

    warm = Checker("eoscheck", thorough, lambda: out(*command, cache=folder / "warm"), read)
    return warm, Checker("eoscheck", empty, lambda: out(*command, cache=folder / "cold"), read)


def spin(size: str, threads: int, folder: Path) -> Checker:
    numbers = [f"-D{name}={value}" for name, value in zip("NPCG", size, strict=True)]
    slots = "26" if size >= "4" else "22"

    def prepare() -> None:
        out("spin", *numbers, "-a", str(HERE.resolve() / "peers" / "eos_loop.pml"), cwd=folder)
        out("gcc", *SPIN, "-o", "pan", "pan.c", cwd=folder)

    def read(said: str) -> tuple[int, float, float]:
        found = [
            re.search(pattern, said)
            for pattern in (
                r"(\d+) states, stored",
                r"elapsed time ([\d.]+) seconds",
                r"([\d.]+)\s+total actual memory",
                r"errors: 0",
            )
        ]
        if not all(found):
            raise SystemExit(f"spin did not end as expected:\n{said}")
        states, seconds, megabytes = (float(m[1]) for m in found[:3] if m)
        return int(states), max(seconds, 0.01), megabytes * 2**20 / states

    return Checker("spin", prepare, lambda: out("./pan", "-m1000000", f"-w{slots}", cwd=folder), read)


def c(size: str, threads: int, folder: Path) -> Checker:
    numbers = [f"-D{name}={value}" for name, value in zip("NPCG", size, strict=True)]
    source, slots = HERE.resolve() / "peers" / "eos_loop.c", "24" if size >= "4" else "21"
    flags = ["-O3", "-march=native", "-pthread"]

    def read(said: str) -> tuple[int, float, float]:
        data = json.loads(said)
        if data["wrong"]:
            raise SystemExit("the C program found a property violated")
        return data["states"], data["seconds"], data["bytes_per_state"]

    def prepare() -> None:
        out("gcc", *flags, *numbers, "-o", "eos_loop", str(source), cwd=folder)

    return Checker(
        "c",
        prepare,
        lambda: out("./eos_loop", str(threads), slots, cwd=folder),
        read,
    )


PEERS = {"spin": spin, "c": c}


def compare(mine: Checker, peer: Checker, runs: int, *, cold: bool) -> tuple[list[Run], list[Run]]:
    """Ours and the peer's runs, in turn; what was compiled before is kept where it is not `cold`."""
    for checker in (mine, peer):
        checker.prepare()
        checker.run()
    pairs = [(mine.measure(cold=cold), peer.measure(cold=cold)) for _ in range(runs)]
    return [one for one, _ in pairs], [other for _, other in pairs]


def speed(runs: list[Run]) -> float:
    return median(run.states / max(run.searching, 1e-6) for run in runs)


def whole(runs: list[Run]) -> float:
    return median(run.whole for run in runs)


def measured(size: str, threads: int, peer: str, runs: int, *, warm: bool) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        room = (1536 if size >= "4" else 256) * 2**20 if warm else 0
        other = replace(PEERS[peer](size, threads, folder), warm=room)
        compiled, anew = (replace(one, warm=room) for one in ours(size, threads, folder))
        mine, theirs = compare(compiled, other, runs, cold=False)
        mine_cold, theirs_cold = compare(anew, other, runs, cold=True)
    states = {run.states for run in [*mine, *theirs, *mine_cold, *theirs_cold]}
    if len(states) != 1:
        raise SystemExit(f"they do not agree on the number of states: {sorted(states)}")
    return {
        "size": size,
        "peer": peer,
        "threads": threads,
        "states": states.pop(),
        "states_per_second": round(speed(mine)),
        "peer_states_per_second": round(speed(theirs)),
        "speed_ratio": round(speed(mine) / speed(theirs), 2),
        "verdict_seconds": round(whole(mine_cold), 3),
        "peer_verdict_seconds": round(whole(theirs_cold), 3),
        "verdict_ratio": round(whole(theirs_cold) / whole(mine_cold), 2),
        "bytes_per_state": median(run.bytes_per_state for run in mine),
        "peer_bytes_per_state": round(median(run.bytes_per_state for run in theirs), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="2212", help="NPCG [default: 2212]; several: 2212,3212")
    parser.add_argument("--peers", default="spin,c")
    parser.add_argument("--threads", default="1,2", help="[default: 1,2]")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--warm",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="have memory at hand before each run",
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    peers = options.peers.split(",")
    for peer in peers:
        if peer not in PEERS:
            parser.error(f"no peer {peer!r}; known: {', '.join(PEERS)}")
    rows = []
    for size, peer, threads in product(options.size.split(","), peers, options.threads.split(",")):
        rows.append(measured(size, int(threads), peer, options.runs, warm=options.warm))
        if not options.json:
            print("   ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    if options.json:
        print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
