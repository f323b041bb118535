"""What the specs promise for any number of steps: proved by induction, and the proof checked again from nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from eoscheck.checker.prepare import prepare
from eoscheck.checker.search import Limits
from eoscheck.checker.solver.proof import check
from eoscheck.checker.solver.proving import Prover

SPECS = Path(__file__).resolve().parents[2] / "specs"

PROMISES = [
    ("delivery/producer-idempotent", ("no-duplicates", "no-loss")),
    ("transactions/consume-process-produce", ("exactly-once", "atomic-visibility")),
    ("stores/dedupe-by-id", ("no-duplicates",)),
    ("stores/offsets-in-store", ("no-duplicates",)),
]


@pytest.mark.parametrize(("spec", "wanted"), PROMISES, ids=lambda given: str(given))
def test_a_promise_is_proved(spec: str, wanted: tuple[str, ...]) -> None:
    prover = Prover(prepare(str(SPECS / f"{spec}.yaml"), wanted=wanted), Limits())
    found = prover.prove()
    assert found.answer.exit_code == 0 and found.proof is not None
    assert {row.verdict for row in found.answer.properties} == {"proved"}
    assert {name.partition("@")[0] for name in found.proof.properties} == set(wanted)
    assert not [o for o in check(prover.program, found.proof, "proof.json") if o.failure]
