"""Kafka's protections, one by one: each alone turned off lets its anomaly in, and the anomaly needs its fault.

If turning a protection off shows nothing, the model has lost something; if the anomaly stays without its fault, it has
the wrong cause.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.liveness import violations
from eoscheck.checker.search import Limits, explore
from eoscheck.checker.trace import trace
from eoscheck.model.loader import load
from eoscheck.model.pipeline import build
from eoscheck.model.spec import Spec

PROTOCOL = Path(__file__).resolve().parents[2] / "specs" / "protocol"

SWITCHES = [
    ("verify_produce", False, "b1-hanging-txn", "no-hanging-transaction", "delayed-request"),
    ("verify_txn_offsets", False, "b1-hanging-txn-offsets", "progress", "delayed-request"),
    ("verify_produce", False, "b2-late-produce-joins-next", "no-duplicates", "delayed-request"),
    ("transaction_version", 0, "b3-delayed-endtxn", "atomic-visibility", "delayed-request"),
    ("transaction_version", 0, "b5-late-txn-offset-commit", "no-duplicates", "delayed-request"),
    ("strict_marker_epoch", False, "b4-delayed-marker", "atomic-visibility", "delayed-marker"),
    ("epoch_bump_on_timeout", False, "b6-epoch-not-bumped", "no-loss", "transaction-timeout"),
    ("client_epoch_bump", False, "client-epoch-bump", "progress", "delivery-timeout"),
    ("group_metadata", False, "group-metadata", "no-duplicates", "pause"),
]


def violated(spec: Spec) -> set[str]:
    pipeline = build(spec)
    engine = Compiled(trace(pipeline.model))
    found = explore(engine, Limits())
    assert found.complete
    broken = {*found.hits, *violations(engine, found)}
    return {p.name.split("@")[0] for i, p in enumerate(pipeline.model.properties) if i in broken}


@pytest.mark.parametrize(("switch", "off", "name", "anomaly", "fault"), SWITCHES)
def test_a_protection_alone_keeps_its_anomaly_out(
    switch: str, off: object, name: str, anomaly: str, fault: str
) -> None:
    safe = load(PROTOCOL / f"{name}-fixed.yaml")
    exposed = replace(safe, switches=replace(safe.switches, **{switch: off}))
    assert anomaly not in violated(safe)
    assert anomaly in violated(exposed)
    harmless = tuple(f for f in exposed.faults if f.name != fault)
    assert anomaly not in violated(replace(exposed, faults=harmless))
