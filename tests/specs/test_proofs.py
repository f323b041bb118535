"""What the specs promise for any number of steps: proved by induction, and the proof checked again from nothing."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import pytest
from eoscheck.checker.checking import specs_in
from eoscheck.checker.native.search import Options, explore_natively
from eoscheck.checker.prepare import prepare
from eoscheck.checker.search import Limits
from eoscheck.checker.solver.proof import check
from eoscheck.checker.solver.proving import Prover
from eoscheck.model.vary import change

SPECS = Path(__file__).resolve().parents[2] / "specs"

PROMISES = [
    ("delivery/producer-idempotent", ("no-duplicates", "no-loss"), ()),
    # With two instances, as the spec has it, it takes a minute and a half: `eoscheck prove` does it.
    ("transactions/consume-process-produce", ("exactly-once", "atomic-visibility"), ("instances=1",)),
    ("stores/dedupe-by-id", ("no-duplicates",), ()),
    ("stores/offsets-in-store", ("no-duplicates",), ()),
]


Promise = tuple[str, tuple[str, ...], tuple[str, ...]]


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[Promise, Future[None]]]:
    """Whether each is proved, found out beside each other."""
    with ProcessPoolExecutor(os.cpu_count() or 1, multiprocessing.get_context("fork")) as workers:
        yield {promise: workers.submit(is_proved, *promise) for promise in PROMISES}
        workers.shutdown(cancel_futures=True)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise[0])
def test_a_promise_is_proved(promise: Promise, answers: dict[Promise, Future[None]]) -> None:
    answers[promise].result()


def is_proved(spec: str, wanted: tuple[str, ...], settings: tuple[str, ...]) -> None:
    changes = [change(text) for text in settings]
    prover = Prover(prepare(str(SPECS / f"{spec}.yaml"), wanted=wanted, changes=changes), Limits())
    found = prover.prove()
    assert found.answer.exit_code == 0 and found.proof is not None
    assert {row.verdict for row in found.answer.properties} == {"proved"}
    assert {name.partition("@")[0] for name in found.proof.properties} == set(wanted)
    assert not [o for o in check(prover.program, found.proof, "proof.json") if o.failure]


STEPS = 3
"""Of all specs so many are unrolled: what takes a second at three takes a minute at twenty."""


def unrolled(path: str) -> str:
    """What Z3 and a search say differently of the first steps of a spec."""
    subject = prepare(path)
    prover = Prover(subject, Limits())
    found = explore_natively(prover.engine, Limits(depth=STEPS), None, Options(threads=1))
    answer = prover.unroll(STEPS).answer
    names = [p.name for p in subject.model.properties]
    searched = {names[i]: at for i, at in found.hits.items() if i in prover.rows}
    seen = {row.name: row.depth for row in answer.properties if row.verdict == "violated"}
    rest = {row.verdict for row in answer.properties if row.verdict != "violated"}
    return "" if seen == searched and rest <= {"holds up to depth"} else f"{path}: {seen} is not {searched}"


def test_the_first_steps_of_every_spec_are_the_same_to_z3_and_to_a_search() -> None:
    paths = specs_in([str(SPECS)])
    with ProcessPoolExecutor(os.cpu_count() or 1, multiprocessing.get_context("fork")) as workers:
        assert [differing for differing in workers.map(unrolled, paths) if differing] == []
