"""Pipelines of other shapes than the specs have: chains, several readers, faults with a place, refused company."""

from __future__ import annotations

import pytest
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.liveness import violations
from eoscheck.checker.search import Limits, explore
from eoscheck.checker.trace import trace
from eoscheck.model.loader import SpecError, loads
from eoscheck.model.pipeline import build
from eoscheck.model.sizes import Sizes

CONSUMER = "{enable.auto.commit: false, auto.offset.reset: earliest}"
COMMITTED = "{isolation.level: read_committed, enable.auto.commit: false, auto.offset.reset: earliest}"


def verdicts(text: str, *wanted: str) -> dict[str, bool]:
    """Is it violated, for every property; the search must be complete."""
    pipeline = build(loads(text, "t.yaml"), wanted=wanted)
    engine = Compiled(trace(pipeline.model))
    found = explore(engine, Limits())
    assert found.complete, found.cut
    broken = {*found.hits, *violations(engine, found)}
    return {p.name: i in broken for i, p in enumerate(pipeline.model.properties)}


def test_a_chain_processes_records_behind_control_records() -> None:
    found = verdicts(
        f"""
topics: {{orders: {{records: 3}}, mid: }}
processors:
  p: {{from: orders, to: mid, producer: {{transactional.id: p}}, consumer: {COMMITTED}, offsets: in-transaction}}
consumers:
  q: {{from: mid, config: {COMMITTED}, offsets: after-processing}}
""",
        "progress",
    )
    assert found["progress@q"] is False and found["no-loss@q"] is False


def test_a_fault_stays_where_the_spec_puts_it() -> None:
    text = f"""
topics: {{a: {{records: 1}}, b: , c: }}
processors:
  p: {{from: a, to: b, producer: {{enable.idempotence: false}}, consumer: {CONSUMER}, offsets: after-processing}}
  q: {{from: b, to: c, producer: {{enable.idempotence: false}}, consumer: {CONSUMER}, offsets: after-processing}}
readers: {{mid: {{topics: b}}, end: {{topics: c}}}}
faults: {{lost-response: {{budget: 1, where: [WHERE]}}}}
"""
    assert verdicts(text.replace("WHERE", "p"))["no-duplicates@mid"] is True
    found = verdicts(text.replace("WHERE", "q"))
    assert found["no-duplicates@mid"] is False and found["no-duplicates@end"] is True


def test_a_reader_of_two_topics_expects_of_each_what_flows_there() -> None:
    found = verdicts(
        """
topics: {a: , b: }
producers:
  one: {to: a, records: 1, config: {}}
  two: {to: b, records: 1, config: {}}
readers: {audit: {topics: [a, b]}}
"""
    )
    assert not any(found.values())


def test_order_is_promised_to_each_producer() -> None:
    found = verdicts(
        """
topics: {a: }
producers:
  one: {to: a, records: 2, config: {}}
  two: {to: a, records: 2, config: {}}
readers: {audit: {topics: [a]}}
"""
    )
    assert found["order@audit"] is False


def test_acks_0_goes_on_without_an_answer() -> None:
    found = verdicts(
        f"""
topics: {{a: {{records: 1}}, b: }}
processors:
  p: {{from: a, to: b, producer: {{acks: 0}}, consumer: {CONSUMER}, offsets: after-processing}}
""",
        "progress",
    )
    assert not any(found.values())


def test_no_reset_policy_passes_nothing_over() -> None:
    found = verdicts(
        """
topics: {a: {records: 1}}
consumers:
  c: {from: a, config: {enable.auto.commit: false, auto.offset.reset: none}, offsets: after-processing}
faults: {crash: 1}
"""
    )
    assert found["no-loss@c"] is False


def test_auto_commit_commits_before_partitions_are_revoked() -> None:
    found = verdicts(
        """
topics: {a: {records: 1}}
consumers:
  c: {from: a, instances: 2, config: {auto.offset.reset: earliest}, offsets: auto}
faults: {rebalance: 1}
"""
    )
    assert found["no-duplicates@c"] is False


def test_a_version_travels_with_its_record() -> None:
    found = verdicts(
        f"""
topics: {{a: {{records: 1}}, mid: , out: }}
processors:
  p:
    {{from: a, to: mid, lookup: rates, producer: {{transactional.id: p}},
     consumer: {COMMITTED}, offsets: in-transaction}}
  q: {{from: mid, to: out, producer: {{transactional.id: q}}, consumer: {COMMITTED}, offsets: in-transaction}}
lookups: {{rates: }}
faults: {{lookup-change: 1}}
readers:
  early: {{topics: mid, isolation.level: read_committed}}
  late: {{topics: out, isolation.level: read_committed}}
"""
    )
    assert found["agreement"] is False


@pytest.mark.parametrize(
    ("consumers", "words"),
    [
        ("c: {from: a, store: s}\n  d: {from: a, store: s}", "writes store 's' too"),
        ("c: {from: a, config: {group.id: g}}\n  d: {from: a, config: {group.id: g}}", "is in group 'g' too"),
    ],
)
def test_what_two_consumers_may_not_share_is_refused(consumers: str, words: str) -> None:
    stores = "stores: {s: {write: insert}}\n" if "store:" in consumers else ""
    with pytest.raises(SpecError, match=words):
        loads(f"topics: {{a: {{records: 1}}}}\nconsumers:\n  {consumers}\n{stores}", "t.yaml")


@pytest.mark.parametrize(
    ("version", "records", "fault", "more"),
    [
        ("2.4", 1, "crash", ""),
        ("2.4", 1, "exception", ""),
        ("2.0", 1, "pause", ""),
        ("0.11", 1, "delivery-timeout", ""),
        ("2.4", 2, "delayed-request", ""),
        ("3.9", 1, "crash", "require.stable: false, "),
    ],
)
def test_nothing_is_cut_where_the_next_owner_does_not_wait_for_pending_offsets(
    version: str, records: int, fault: str, more: str
) -> None:
    found = verdicts(
        f"""
kafka: {{version: "{version}"}}
topics: {{orders: {{records: {records}}}, payments: }}
processors:
  e:
    {{from: orders, to: payments, instances: 2, producer: {{transactional.id: "e-${{instance}}"}},
     consumer: {COMMITTED.replace("{", "{" + more)}, offsets: in-transaction}}
faults: {{{fault}: 1}}
""",
        "no-loss",
    )
    assert found["no-loss@payments"] is False


def sizes(version: str, faults: str, more: str = "") -> Sizes:
    """Of a pipeline with two instances, two records and one partition."""
    return Sizes(
        loads(
            f"""
kafka: {{version: "{version}"}}
topics: {{orders: {{records: 2}}, payments: }}
processors:
  e:
    {{from: orders, to: payments, instances: 2, producer: {{transactional.id: "e-${{instance}}"}},
     consumer: {COMMITTED}, offsets: in-transaction{more}}}
faults: {{{faults}}}
""",
            "t.yaml",
        )
    )


def test_logs_are_larger_only_where_an_owner_may_read_an_old_offset() -> None:
    # One round for each record; then for each rebalance what its owner may be behind by.
    assert [sizes(v, "crash: 1").rounds() for v in ("0.11", "2.4", "2.5", "3.9", "4.0")] == [4, 4, 3, 3, 3]
    assert [sizes(v, "rebalance: 2").rounds() for v in ("2.4", "2.5")] == [4, 4]
    assert [sizes(v, "pause: 1").rounds() for v in ("2.4", "2.5")] == [6, 3]
    assert sizes("3.9", "pause: 1", ", group.metadata: none").rounds() == 5
    assert sizes("2.4", "crash: 1").log("payments", True) == 9
