"""The confrontation itself: it finds a rule that is wrong, makes what shows it short, and says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.covering import commands_on, cover
from eoscheck.checker.search import Limits, explore
from eoscheck.checker.shortest import way_to_hit
from eoscheck.checker.trace import trace
from eoscheck.gen.conformance import conformance_junit, conformance_text
from eoscheck.gen.replay.conform import CannotConform, conform
from eoscheck.gen.replay.replayer import plan_path, replay
from eoscheck.gen.replay.testbed import Testbed
from eoscheck.model.loader import load, loads
from eoscheck.model.pipeline import build

SPECS = Path(__file__).resolve().parents[3] / "specs"


@pytest.mark.kafka
def test_a_wrong_rule_is_found_and_shown_in_few_steps(
    testbeds: Callable[[str], Testbed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model of a fenced producer before KAFKA-18660, against a broker that has it."""
    testbed = testbeds("4.1.2:tv2")
    right = testbed.switches
    assert right is not None
    monkeypatch.setattr(Testbed, "switches", property(lambda self: replace(right, concurrent_first=False)))
    spec = load(SPECS / "hazards" / "a26-txn-timeout-short-broken.yaml")
    found = conform(spec, testbed, traces=30, seed=0)
    assert found.divergences
    for divergence in found.divergences:
        assert "CONCURRENT_TRANSACTIONS" in divergence.report.text
        assert len(divergence.labels) <= 12
        assert divergence.labels[-1].startswith(("txn:", "group:", "payments-0"))
    kinds = [d.kind for d in found.divergences]
    assert len(kinds) == len(set(kinds))
    text = conformance_text(found)
    assert text.startswith(f"✗ {len(kinds)} kind") and "(InitProducerId of nobody)" in text
    assert json.loads(json.dumps(found.to_json()))["divergences"]
    xml = ElementTree.fromstring(conformance_junit([found]).encode())
    assert len(xml.findall(".//failure")) == len(kinds)


@pytest.mark.kafka
def test_same_seed_same_executions(testbeds: Callable[[str], Testbed]) -> None:
    spec = load(SPECS / "transactions" / "without-transaction.yaml")
    first, second = (conform(spec, testbeds("3.9.1"), traces=20, seed=3) for _ in range(2))
    assert (first.traces, first.steps, first.fired) == (second.traces, second.steps, second.fired)
    assert not first.divergences and first.commands[0] == first.commands[1]


@pytest.mark.kafka
@pytest.mark.parametrize(
    "name", ["a20-auto-commit-beside-transaction-broken", "a21-abort-without-seek-fixed"]
)
def test_both_judges_say_what_the_model_says(name: str, testbeds: Callable[[str], Testbed]) -> None:
    """A consumer that commits by itself beside its transactions; transactions that are aborted with nothing in them."""
    found = conform(load(SPECS / "hazards" / f"{name}.yaml"), testbeds("4.1.2:tv2"), traces=10, seed=0)
    assert found.traces >= 10 and not found.divergences, conformance_text(found)


@pytest.mark.kafka
def test_before_kip_360_a_late_batch_has_an_id_that_nothing_fences(
    testbeds: Callable[[str], Testbed],
) -> None:
    """The client of 2.4 asks for another producer id where that of 2.5 has another epoch; any broker then appends what
    comes late under the old one."""
    config = "{enable.idempotence: true, max.in.flight.requests.per.connection: 1}"
    spec = loads(
        f"""
kafka: {{version: "2.4"}}
topics: {{orders: }}
producers: {{shop: {{to: orders, records: 2, config: {config}, on.error: skip}}}}
faults: {{delivery-timeout: 1, delayed-request: 1}}
""",
        "t.yaml",
    )
    model = build(spec).model
    engine = Compiled(trace(model))
    found = explore(engine, Limits())
    order = [p.name for p in model.properties].index("order@orders")
    labels = [model.actions[n].name for n in way_to_hit(engine, found, order)]
    report = replay(testbeds("3.9.1"), plan_path(build(spec), labels), every_step=True)
    assert report.good, report.text


@pytest.mark.kafka
def test_what_cannot_be_replayed_is_refused(testbeds: Callable[[str], Testbed]) -> None:
    with pytest.raises(CannotConform, match="replication"):
        conform(load(SPECS / "hazards" / "a3-acks1-failover-broken.yaml"), testbeds("3.9.1"), 5, 0)


@pytest.mark.parametrize(
    "name", ["transactions/without-transaction", "hazards/a12-late-offset-commit-regress-broken"]
)
def test_a_covering_set_takes_every_case(name: str) -> None:
    pipeline = build(load(SPECS / f"{name}.yaml"))
    program = trace(pipeline.model)
    engine = Compiled(program)
    found = cover(program, engine)
    trees = {pipeline.model.actions.index(action): tree for action, tree in program.trees()}
    taken = set().union(*(commands_on(program, trees, engine, path) for path in found.paths))
    assert taken >= set(found.first) and found.complete
    assert {c.number for c in found.missing} & taken == set()
    assert len(found.paths) < len(found.first)
