"""Where records go: a topic of several partitions is written in all of them."""

from __future__ import annotations

from eoscheck.checker.compiled import Compiled
from eoscheck.checker.search import Limits, explore
from eoscheck.checker.trace import trace
from eoscheck.model.language import ConcreteMemory
from eoscheck.model.loader import loads
from eoscheck.model.pipeline import build

SPEC = """
topics: {orders: {partitions: 2, records: 2}, payments: {partitions: 2}, mails: {}}
processors:
  enricher:
    from: orders
    to: [payments, mails]
    producer: {transactional.id: enricher}
    consumer: {enable.auto.commit: false, auto.offset.reset: earliest}
    offsets: in-transaction
"""


def test_an_output_has_the_partition_of_its_input() -> None:
    pipeline = build(loads(SPEC, "routing.yaml"))
    found = explore(Compiled(trace(pipeline.model)), Limits())
    last = found.visited.state(found.states - 1)
    pipeline.model.memory = ConcreteMemory(last)
    records = {name: part["records"] for name, part in pipeline.observe()["partitions"].items()}
    assert records["payments-0"] == [1, "COMMIT"]
    assert records["payments-1"] == [2, "COMMIT"]
    assert sorted(map(str, records["mails-0"])) == ["1", "2", "COMMIT", "COMMIT"]


def test_a_topic_may_hold_records_and_be_written() -> None:
    spec = "topics: {orders: {records: 1}}\nproducers:\n  shop: {to: orders, records: 1, config: {}}\n"
    pipeline = build(loads(spec, "routing.yaml"))
    found = explore(Compiled(trace(pipeline.model)), Limits())
    assert found.complete
    pipeline.model.memory = ConcreteMemory(found.visited.state(found.states - 1))
    assert pipeline.observe()["readers"]["orders"] == {"orders-0": [1, 2]}
