"""How the time of a search grows with the number of states, on the model "eos-loop".

    python bench/growth.py --sets 2212,3212,4222 --runs 3 --svg growth.svg

Linear growth is a constant number of nanoseconds for each state. The drawing needs matplotlib. Before each run, as much
memory as it needs is taken and given back, so that none waits for the host of a virtual machine to give it; with
`--no-warm`, a run finds what the one before left.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from memory import at_hand

PROGRAM = Path(__file__).with_name("eos_loop.py")


def measured(sets: Sequence[str], runs: int, threads: str, *, warm: bool) -> Iterator[dict[str, Any]]:
    """By set, the run of median time. Sets take turns, since a machine that others use has slow and fast minutes. In a
    first round, which does not count, it is seen how much memory each needs."""
    commands = {set_: [sys.executable, str(PROGRAM), set_, "--threads", threads] for set_ in sets}
    for command in commands.values():
        subprocess.run([*command, "--compile"], check=True)
    found: dict[str, list[dict[str, Any]]] = {set_: [] for set_ in sets}
    for _ in range(1 + runs):
        for set_, command in commands.items():
            if warm and found[set_]:
                at_hand(round(1.1 * found[set_][0]["bytes_per_state"] * found[set_][0]["states"]))
            run = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
            found[set_].append(json.loads(run.stdout))
    yield from (figures(counted) for _, *counted in found.values())


def figures(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Those of the run of median time."""
    chosen = sorted(runs, key=lambda run: run["seconds"])[(len(runs) - 1) // 2]
    seconds = chosen["seconds"]
    return {
        "set": chosen["set"],
        "states": chosen["states"],
        "seconds": seconds,
        "nanoseconds_per_state": round(1e9 * seconds / chosen["states"], 1),
        "without_kernel": round(
            1e9 * (seconds - chosen["kernel_seconds"] / chosen["threads"]) / chosen["states"], 1
        ),
        "bytes_per_state": chosen["bytes_per_state"],
    }


def middle(values: list[float]) -> float:
    """What is as many times the least as the most is of it."""
    return math.sqrt(min(values) * max(values))


def draw(rows: list[dict[str, Any]], file: str) -> None:
    import matplotlib.pyplot as plt  # type: ignore[import-not-found]

    plt.rcParams["svg.hashsalt"] = "eoscheck"
    figure, axes = plt.subplots(figsize=(7, 4.5))
    states, seconds = [row["states"] for row in rows], [row["seconds"] for row in rows]
    axes.loglog(states, seconds, "o-", label="measured")
    own = [1e-9 * row["without_kernel"] * row["states"] for row in rows]
    axes.loglog(states, own, "x:", label="without the kernel's time, which gives memory")
    rate = middle([s / n for s, n in zip(seconds, states, strict=True)])
    axes.loglog(
        states, [rate * n for n in states], "--", color="grey", label=f"linear, {1e9 * rate:.0f} ns a state"
    )
    for row in rows:
        axes.annotate(
            row["set"], (row["states"], row["seconds"]), textcoords="offset points", xytext=(6, -12)
        )
    axes.set_xlabel("distinct states")
    axes.set_ylabel("seconds of searching")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", default="2212,3212,4222")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", default="2")
    parser.add_argument(
        "--warm",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="have memory at hand before each run",
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--svg", metavar="FILE")
    options = parser.parse_args()
    rows = sorted(
        measured(options.sets.split(","), options.runs, options.threads, warm=options.warm),
        key=lambda row: row["states"],
    )
    if options.svg:
        draw(rows, options.svg)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("   ".join(f"{name} {value}" for name, value in row.items()))
    for name in ("nanoseconds_per_state", "without_kernel"):
        times = [row[name] for row in rows]
        print(f"{name} is within {max(times) / middle(times):.2f} times of {middle(times):.0f}")


if __name__ == "__main__":
    main()
