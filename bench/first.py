"""How long the first counterexample takes from a cold start: a new process, an empty folder for compiled code.

python bench/first.py specs --runs 3

Of each spec that expects a violation: when the search knows of the first one (`known`), when the whole command is over,
all counterexamples printed and their traces written (`seconds`), and what that took of a processor (`cpu`), which says
more where others use the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from eoscheck.checker.checking import specs_in
from eoscheck.model.loader import load

LIMIT = 1.0
"""Seconds that a first counterexample may take."""


def command() -> None:
    """What `eoscheck` runs, saying on stderr when it first knows of a violation."""
    from eoscheck.checker import examine
    from eoscheck.checker.native.search import Search
    from eoscheck.cli.main import main

    record, lassos, known = Search._record, examine._lassos, list[float]()

    def recorded(search: Search, hits: int, steps: int) -> None:
        kinds = (p.kind for i, p in enumerate(search.engine.model.properties) if hits >> i & 1)
        if any(kind in ("always", "at-rest") for kind in kinds):
            known.append(time.monotonic())
        record(search, hits, steps)

    def sought(*given: Any) -> Any:
        found = lassos(*given)
        known.extend([time.monotonic()] * bool(found))
        return found

    Search._record, examine._lassos = recorded, sought  # type: ignore[method-assign]
    try:
        main()
    finally:
        print(f"known {known[0]}", file=sys.stderr)


def measured(spec: str, hooked: bool) -> tuple[float, float]:
    """Seconds of one cold run, until the first violation is known or until the command is over; and of a processor."""
    module = [str(Path(__file__)), "--command"] if hooked else ["-m", "eoscheck.cli.main"]
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, *module, "explore", spec, "--out", f"{folder}/traces"]
        environment = {**os.environ, "EOSCHECK_CACHE": f"{folder}/cache"}
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(words, env=environment, capture_output=True, text=True)
        over, after = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 1:
        raise SystemExit(f"{spec}: exit code {done.returncode}, not 1\n{done.stderr}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (float(done.stderr.split()[-1]) if hooked else over) - begun, used


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("specs", nargs="*", default=["specs"], help="files and folders")
    parser.add_argument("--runs", type=int, default=1, help="of each; the median counts")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    specs = [s for s in specs_in(options.specs) if "violated" in dict(load(s).expect).values()]
    rows: list[dict[str, Any]] = []
    for spec in specs:
        known = median(measured(spec, True)[0] for _ in range(options.runs))
        runs = [measured(spec, False) for _ in range(options.runs)]
        whole, cpu = (median(each) for each in zip(*runs, strict=True))
        rows.append(
            {"spec": spec, "known": round(known, 3), "seconds": round(whole, 3), "cpu": round(cpu, 3)}
        )
        if not options.json:
            print(f"{known:6.2f} {whole:6.2f} {cpu:6.2f}  {spec}", flush=True)
    summary: dict[str, Any] = {"specs": len(rows)}
    for what in ("known", "seconds", "cpu"):
        times = [row[what] for row in rows]
        over = sum(t > LIMIT for t in times)
        summary[what] = {"median": round(median(times), 3), "worst": max(times), "over": over}
        if not options.json:
            print(
                f"{what:<8} median {median(times):.2f} s, worst {max(times):.2f} s, {over} of {len(times)} over 1 s"
            )
    if options.json:
        print(json.dumps({**summary, "rows": rows}, indent=2))


if __name__ == "__main__":
    if "--command" in sys.argv[:2]:
        del sys.argv[1]
        command()
    else:
        main()
