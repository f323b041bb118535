"""How long a replay takes on a Kafka that is up: a counterexample of about 20 steps, set-up and clean-up included.

python bench/replay_speed.py [--runs 30] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

from eoscheck.checker.examine import examine, limits_of
from eoscheck.checker.prepare import prepare
from eoscheck.gen.kafka.provider import choose
from eoscheck.gen.replay.replayer import plan_trace, replay
from eoscheck.gen.replay.testbed import Testbed, fitting

SPEC = Path(__file__).resolve().parents[1] / "specs" / "hazards" / "a18-aborted-read-broken.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    subject = prepare(str(SPEC))
    found = examine(subject, limits_of(subject.spec))
    trace = min(found.traces.values(), key=lambda t: abs(len(t.steps) - 20))
    begin = time.monotonic()
    with Testbed(choose(str(fitting(subject.spec.switches)))) as testbed:
        ready = time.monotonic() - begin
        times, every = [], []
        for into, every_step in ((times, False), (every, True)):
            for _ in range(arguments.runs + 3):
                report = replay(testbed, plan_trace(trace), every_step)
                assert report.good, report.text
                into.append(report.seconds * 1000)
    figures = {
        "kafka": str(testbed),
        "steps": len(trace.steps),
        "runs": arguments.runs,
        "ready_s": round(ready, 2),
        # The first replays warm the broker up.
        "replay_ms": round(statistics.median(times[3:]), 1),
        "replay_worst_ms": round(max(times[3:]), 1),
        "every_step_ms": round(statistics.median(every[3:]), 1),
    }
    print(json.dumps(figures) if arguments.json else "\n".join(f"{k:18} {v}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
