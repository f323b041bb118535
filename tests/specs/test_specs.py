"""The specs are the argument: every verdict follows from exploration, and for the right reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.liveness import violations
from eoscheck.checker.search import Limits, explore
from eoscheck.checker.trace import trace
from eoscheck.gen.hazards import HAZARDS
from eoscheck.model.loader import load
from eoscheck.model.pipeline import build
from eoscheck.model.spec import Spec
from everyspec import ROOT, SPECS, checked

BROKEN = [path for path in SPECS if path.endswith("-broken.yaml")]

ROWS = {
    "delivery/producer-at-least-once": ("no-loss", "no-duplicates"),
    "delivery/producer-at-most-once": ("no-duplicates", "no-loss"),
    "delivery/producer-idempotent": ("no-loss no-duplicates order", ""),
    "delivery/producer-idempotent-restart": ("no-loss", "no-duplicates"),
    "delivery/consumer-at-least-once": ("no-loss", "no-duplicates"),
    "delivery/consumer-at-most-once": ("no-duplicates", "no-loss"),
    "transactions/consume-process-produce": (
        "no-loss no-duplicates exactly-once atomic-visibility fencing order",
        "",
    ),
    "transactions/guarantees": ("no-loss no-duplicates order atomic-visibility fencing durability", ""),
    "transactions/without-transaction": ("no-loss", "no-duplicates"),
    "transactions/offsets-after-transaction": ("no-loss", "no-duplicates"),
    "transactions/offsets-before-transaction": ("", "no-loss"),
    "transactions/read-uncommitted-reader": ("", "no-duplicates atomic-visibility"),
    "transactions/atomic-read-two-partitions": ("atomic-visibility", "atomic-read"),
    "transactions/atomic-read-two-members": ("atomic-visibility", "atomic-read"),
    "stores/insert-in-transaction": ("no-loss", "no-duplicates store-consistency"),
    "stores/upsert": ("no-loss no-duplicates", "store-consistency"),
    "stores/dedupe-by-id": ("no-loss no-duplicates", ""),
    "stores/offsets-in-store": ("no-loss no-duplicates store-consistency", ""),
    "stores/lookup-divergence": ("", "agreement"),
    "stores/lookup-kafka-only": ("agreement", ""),
}
"""What the guarantees of Kafka say of these pipelines, written down apart from the specs: (holds, violated)."""


@pytest.mark.parametrize("name", ROWS)
def test_the_specs_of_the_guarantees_expect_what_kafka_promises(name: str) -> None:
    expect = dict(load(ROOT / "specs" / f"{name}.yaml").expect)
    holds, violated = ROWS[name]
    assert {n: expect.get(n) for n in holds.split()} == {n: "holds" for n in holds.split()}
    assert {n: expect.get(n) for n in violated.split()} == {n: "violated" for n in violated.split()}


def test_every_spec_shows_what_it_expects() -> None:
    assert len(SPECS) >= 70
    assert [(c.path, c.error, c.differences) for c in checked() if c.code or not c.expected] == []
    incomplete = [c.path for c in checked() if c.result is None or not c.result.complete]
    assert incomplete == []


COSTLY = {"no-loss@payments", "exactly-once@payments", "no-loss@audit"}
"""Verdicts on transactions/consume-process-produce and transactions/guarantees that are not checked by default: 8,979
valuations each."""


def test_z3_confirms_every_verdict() -> None:
    """It would be exit code 70 if it did not; what it was not asked is counted here."""
    confirmed, left = 0, set()
    for spec in checked():
        assert spec.result is not None and spec.result.checked_by_z3 is not None
        said = spec.result.checked_by_z3
        confirmed += len(said.steps) + len(said.valuations)
        left |= {(name, why) for name, why in said.unchecked.items() if why not in ("liveness", "vacuous")}
    assert confirmed > 580
    assert left == {(name, "8,979 valuations; --certify looks at them") for name in COSTLY}


def test_each_hazard_has_a_broken_and_a_fixed_spec() -> None:
    missing = [file for hazard in HAZARDS.values() for file in hazard.files if not (ROOT / file).exists()]
    assert missing == []


def violated(spec: Spec) -> set[str]:
    """Bare names of the properties that exploration finds violated."""
    pipeline = build(spec)
    engine = Compiled(trace(pipeline.model))
    found = explore(engine, Limits())
    broken = {*found.hits, *violations(engine, found)}
    kinds = {
        i: p.name.split("@")[0] for i, p in enumerate(pipeline.model.properties) if p.kind != "sometimes"
    }
    return {kinds[i] for i in broken if i in kinds}


WITHOUT_FAULT: dict[str, set[str]] = {
    "a17-outbox-relay-broken.yaml": {"no-loss"},
    "a18-aborted-read-broken.yaml": {"atomic-visibility"},
    "a19-torn-read-broken.yaml": {"atomic-read"},
    "a22-shared-transactional-id-broken.yaml": {"progress"},
}
"""Broken specs whose anomaly needs no fault at all, only an interleaving."""


@pytest.mark.parametrize("path", BROKEN)
def test_without_its_fault_the_anomaly_disappears(path: str) -> None:
    spec = load(ROOT / path)
    expected = {name.split("@")[0] for name, verdict in spec.expect if verdict == "violated"}
    left = violated(replace(spec, faults=())) & expected
    assert left == WITHOUT_FAULT.get(Path(path).name, set())


PAIRED = [path for path in BROKEN if (ROOT / path.replace("-broken", "-fixed")).exists()]


@pytest.mark.parametrize("path", PAIRED)
def test_the_fixed_spec_faces_the_same_faults(path: str) -> None:
    broken, fixed = load(ROOT / path), load(ROOT / path.replace("-broken", "-fixed"))
    assert broken.faults == fixed.faults and broken.bounds == fixed.bounds
