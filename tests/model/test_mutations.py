"""Break one rule of Kafka at a time: named specs must notice.

Each mutation is a change of text in one file of model/, made in a copy of the package. A mutation that no spec notices
would mean that the rule is not covered by any spec, or that the model does not depend on it. And no proof that was made
with the rule survives without it.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from eoscheck.checker.prepare import prepare
from eoscheck.checker.search import Limits
from eoscheck.checker.solver.proving import Prover

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutation:
    """In model/`file` the texts of `changes` become others; then `spec` no longer shows what it expects of
    `property`."""

    name: str
    file: str
    spec: str
    property: str
    changes: tuple[tuple[str, str], ...]


LIVENESS = ("no-hanging-transaction", "progress")
"""Properties that induction does not prove."""

MUTATIONS: list[Mutation] = [
    Mutation(
        "InitProducerId gives out the epoch it gave out before",
        "transactions.py",
        "hazards/a28-connect-streams-default-fixed.yaml",
        "no-loss",
        (("            self.epoch = self.epoch + 1\n            among = ", "            among = "),),
    ),
    Mutation(
        "InitProducerId commits the transaction it finds open",
        "transactions.py",
        "hazards/a6-producer-restart-new-pid-fixed.yaml",
        "no-duplicates",
        (
            (
                '            self.prepare(Status.PREPARE_ABORT)\n            say(f"{self.name} aborts the',
                '            self.prepare(Status.PREPARE_COMMIT)\n            say(f"{self.name} aborts the',
            ),
        ),
    ),
    Mutation(
        "the coordinator does not look at epochs",
        "transactions.py",
        "hazards/a22-shared-transactional-id-broken.yaml",
        "fencing",
        (
            ("        if stale:\n", "        if False:\n"),
            (
                "        if request.epoch != self.epoch:\n            say(",
                "        if False:\n            say(",
            ),
            ("        if epoch != self.epoch:\n", "        if False:\n"),
        ),
    ),
    Mutation(
        "a retry of EndTxn is refused",
        "transactions.py",
        "protocol/b2-late-produce-joins-next-fixed.yaml",
        "no-duplicates",
        (
            (
                '({self.status.value})")\n            wire.answer(slot, Error.NONE)',
                '({self.status.value})")\n            wire.answer(slot, Error.INVALID_TXN_STATE)',
            ),
        ),
    ),
    Mutation(
        "a timeout does not bump the epoch",
        "transactions.py",
        "protocol/b6-epoch-not-bumped-fixed.yaml",
        "no-loss",
        (("        if self.switches.epoch_bump_on_timeout:\n", "        if False:\n"),),
    ),
    Mutation(
        "a transactional append is not verified",
        "transactions.py",
        "protocol/b1-hanging-txn-fixed.yaml",
        "no-hanging-transaction",
        (("        if not self.switches.tv2 and not verify:\n", "        if not self.switches.tv2:\n"),),
    ),
    Mutation(
        "TxnOffsetCommit is taken from any generation",
        "groups.py",
        "hazards/a24-stale-records-fresh-epoch-fixed.yaml",
        "fencing",
        (("        return not self._validate(process, generation)\n", "        return False\n"),),
    ),
    Mutation(
        "OffsetCommit is taken from any generation",
        "groups.py",
        "delivery/consumer-at-most-once-group.yaml",
        "no-duplicates",
        (("        if not self._validate(process, request.generation):\n", "        if False:\n"),),
    ),
    Mutation(
        "OffsetFetch does not wait for pending offsets",
        "groups.py",
        "hazards/a24-stale-records-fresh-epoch-fixed.yaml",
        "no-duplicates",
        (("        return self.offsets.pending_offset(partition) == False", "        return True"),),
    ),
    Mutation(
        "a leader does not check sequences",
        "partition.py",
        "delivery/producer-idempotent.yaml",
        "order",
        (("        if same_epoch & (sequence != last):\n", "        if False:\n"),),
    ),
    Mutation(
        "a leader takes older producer epochs",
        "partition.py",
        "protocol/b2-late-produce-joins-next-fixed.yaml",
        "no-duplicates",
        (("        if (known != 0) & (epoch + 1 < known):\n", "        if False:\n"),),
    ),
    Mutation(
        "a marker ends no transaction",
        "partition.py",
        "hazards/a26-txn-timeout-short-fixed.yaml",
        "progress",
        (
            (
                "        self.epochs[pid] = epoch + 1\n        self.first[pid] = 0\n",
                "        self.epochs[pid] = epoch + 1\n",
            ),
        ),
    ),
    Mutation(
        "an abort writes commit markers",
        "partition.py",
        "hazards/a18-aborted-read-fixed.yaml",
        "no-duplicates",
        (("append(kind=kind, pid=pid, epoch=epoch)", "append(kind=Kind.COMMIT, pid=pid, epoch=epoch)"),),
    ),
    Mutation(
        "acks=all does not wait for the replicas",
        "partition.py",
        "hazards/a3-acks1-failover-fixed.yaml",
        "durability",
        (
            (
                'if self.replicated and wire.client.config.acks == "all" and error == Error.NONE and slot == CURRENT:',
                "if False:",
            ),
        ),
    ),
    Mutation(
        "read_committed hands out aborted records",
        "inputs.py",
        "hazards/a18-aborted-read-fixed.yaml",
        "no-duplicates",
        (("return data & (self.partition.outcome(position) == Kind.COMMIT)", "return data"),),
    ),
    Mutation(
        "read_committed reads up to the high watermark",
        "inputs.py",
        "hazards/a18-aborted-read-fixed.yaml",
        "no-loss",
        (("return self.partition.last_stable_offset()", "return self.partition.high_watermark()"),),
    ),
    Mutation(
        "an aborted application does not seek back",
        "processor.py",
        "hazards/a21-abort-without-seek-fixed.yaml",
        "no-loss",
        (
            (
                "            self.position[k] = ite(self.mine[k], self.unknown, 0)\n        self.at = At.FETCH\n",
                "            pass\n        self.at = At.POLL\n",
            ),
        ),
    ),
    Mutation(
        "a store sets its offset without comparing",
        "store.py",
        "stores/offsets-in-store.yaml",
        "no-duplicates",
        (("if self.spec.compare_and_set and self.next[", "if False and self.next["),),
    ),
]


def broken_package(target: Path, mutation: Mutation) -> None:
    """A copy of the package with the mutation in it."""
    for folder in ("model", "checker", "gen", "cli"):
        shutil.copytree(
            ROOT / folder, target / "eoscheck" / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    file = target / "eoscheck" / "model" / mutation.file
    text = file.read_text(encoding="utf-8")
    for old, new in mutation.changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {mutation.file}"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def eoscheck(package: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command with the package in `package`."""
    environment = {**os.environ, "PYTHONPATH": str(package), "NO_COLOR": "1"}
    command = [sys.executable, "-c", "from eoscheck.cli.main import main; main()", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def proved(spec: str, name: str) -> str:
    """A proof that rests on all rules."""
    found = Prover(prepare(str(ROOT / "specs" / spec), wanted=[name]), Limits()).prove()
    assert found.answer.exit_code == 0 and found.proof is not None, found.answer
    return found.proof.to_json()


Proofs = dict[tuple[str, str], "Future[str]"]


@pytest.fixture(scope="module")
def proofs(request: pytest.FixtureRequest) -> Iterator[Proofs]:
    """Those that the tests of this run ask for, made beside them; by spec and property."""
    chosen = [
        item.callspec.params.get("mutation") for item in request.session.items if hasattr(item, "callspec")
    ]
    asked = {
        (m.spec, m.property): None for m in chosen if isinstance(m, Mutation) and m.property not in LIVENESS
    }
    with ProcessPoolExecutor(os.cpu_count() or 1, multiprocessing.get_context("fork")) as workers:
        yield {names: workers.submit(proved, *names) for names in asked}
        workers.shutdown(cancel_futures=True)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_a_broken_rule_is_noticed(mutation: Mutation, proofs: Proofs, tmp_path: Path) -> None:
    broken_package(tmp_path, mutation)
    result = eoscheck(tmp_path, "check", "--jobs", "1", f"specs/{mutation.spec}")
    assert result.returncode == 1, result.stdout + result.stderr
    assert mutation.property in result.stdout
    if mutation.property not in LIVENESS:
        file = tmp_path / "proof.json"
        file.write_text(proofs[mutation.spec, mutation.property].result(), encoding="utf-8")
        result = eoscheck(tmp_path, "prove", "--check", str(file))
        assert result.returncode == 1, result.stdout + result.stderr
        assert "✗ FAILS" in result.stdout
