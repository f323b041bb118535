"""Rules of Kafka that are easily taken for others, each as two pipelines that differ in what it rests on."""

from __future__ import annotations

from pathlib import Path

import pytest
from eoscheck.checker.counterexample import retell
from eoscheck.checker.liveness import violations
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.search import explore_natively
from eoscheck.checker.search import Limits
from eoscheck.checker.shortest import way_to_hit
from eoscheck.checker.trace import trace
from eoscheck.model.loader import SpecError, load, loads
from eoscheck.model.pipeline import build
from eoscheck.model.spec import Spec

EARLIEST = "enable.auto.commit: false, auto.offset.reset: earliest"
COMMITTED = f"isolation.level: read_committed, {EARLIEST}"


def violated(spec: Spec) -> set[str]:
    """Names of the properties that are violated; the search must be complete."""
    pipeline = build(spec)
    engine = Native(trace(pipeline.model))
    found = explore_natively(engine, Limits())
    assert found.complete, found.cut
    broken = {*found.hits, *violations(engine, found)}
    return {p.name for i, p in enumerate(pipeline.model.properties) if i in broken}


def producing(version: str, config: str, faults: str, records: int = 2, more: str = "") -> str:
    return f"""
kafka: {{version: "{version}"}}
topics: {{orders: {{{more}}}}}
producers: {{shop: {{to: orders, records: {records}, config: {{{config}}}, on.error: skip}}}}
faults: {{{faults}}}
"""


def consuming(config: str, more: str, faults: str, topic: str = "records: 1", version: str = "3.9") -> str:
    return f"""
kafka: {{version: "{version}"}}
topics: {{orders: {{{topic}}}}}
consumers: {{billing: {{from: orders, config: {{group.id: billing, {config}}}, {more}}}}}
faults: {{{faults}}}
"""


def transferring(producer: str, consumer: str, more: str, faults: str, version: str = "3.9") -> str:
    return f"""
kafka: {{version: "{version}"}}
topics: {{orders: {{records: 1}}, payments: }}
processors:
  enricher: {{from: orders, to: payments, producer: {{{producer}}}, consumer: {{group.id: g, {consumer}}}, {more}}}
faults: {{{faults}}}
"""


def outbox(version: str) -> str:
    text = consuming(EARLIEST, "offsets: after-processing, store: db", "", version=version)
    text = text.replace("topics: {orders", "topics: {events: , orders").replace("faults: {}\n", "")
    stores = "stores: {db: {write: outbox, relay.to: events}}\n"
    return text + stores + "faults: {lost-response: {budget: 1, where: [db]}}\n"


IN_FLIGHT, SAFE = "max.in.flight.requests.per.connection: 1", "min.insync.replicas: 2"
RULES = {
    "KIP-360: a new epoch keeps out what a new producer id does not": (
        "order@orders",
        *(
            producing(v, f"enable.idempotence: true, {IN_FLIGHT}", "delivery-timeout: 1, delayed-request: 1")
            for v in ("2.4", "2.5")
        ),
    ),
    "KIP-91: before 2.1 nothing is sent again unless it is asked for": (
        "no-loss@orders",
        *(producing(v, "acks: all", "lost-request: 1", records=1) for v in ("2.0", "2.1")),
    ),
    "an error after the append: only an idempotent producer may try again": (
        "no-duplicates@orders",
        *(
            producing("3.9", f"enable.idempotence: {on}, acks: all, {IN_FLIGHT}", "isr-shrink: 1", more=SAFE)
            for on in ("false", "true")
        ),
    ),
    "KAFKA-18641: the new consumer of 3.8 and 3.9 commits what is still in hand": (
        "no-loss@billing",
        *(
            consuming(
                "enable.auto.commit: true, auto.offset.reset: earliest, group.protocol: consumer",
                "offsets: auto",
                "crash: 1",
                version=v,
            )
            for v in ("3.9", "4.0")
        ),
    ),
    "KAFKA-18060: a commit without a member passes in every group": (
        "no-duplicates@payments",
        *(
            transferring(
                "transactional.id: 'x-${instance}'",
                f"{COMMITTED}, group.protocol: consumer",
                f"instances: 2, group.metadata: {metadata}",
                "pause: 1",
                "4.1",
            )
            for metadata in ("none", "commit")
        ),
    ),
    "KAFKA-6119: whoever was timed out is fenced": (
        "no-loss@payments",
        *(
            transferring("transactional.id: e", COMMITTED, "offsets: in-transaction", "transaction-timeout: 1", v)
            for v in ("0.11.0.1", "0.11.0.2")
        ),
    ),
    "a quick loop outlives its timeout where it is paused": (
        "no-loss@payments",
        *(
            transferring(
                "transactional.id: e", COMMITTED, "processing.ms: 100", f"{fault}transaction-timeout: 1", "0.11"
            )
            for fault in ("pause: 1, ", "")
        ),
    ),
    "an outbox relay has the defaults of its release": ("no-duplicates@events", outbox("2.8"), outbox("3.9")),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_makes_the_difference(rule: str) -> None:
    name, without, with_it = RULES[rule]
    assert name in violated(loads(without, "without.yaml"))
    assert name not in violated(loads(with_it, "with.yaml"))


def test_close_commits_the_positions_of_all_partitions() -> None:
    text = consuming(
        "enable.auto.commit: true, auto.offset.reset: earliest",
        "offsets: auto",
        "exception: 1",
        "records: 2, partitions: 2",
    )
    assert violated(loads(text, "t.yaml")) == {"no-loss@billing"}


def test_a_worker_goes_on_where_a_rebalance_left_it_its_partition() -> None:
    text = consuming(EARLIEST, "offsets: after-processing, threads: worker", "rebalance: 1", "records: 2")
    found = violated(loads(text + "properties: [progress, no-loss]\n", "t.yaml"))
    assert not {name for name in found if name.startswith(("progress", "no-loss"))}


def test_an_abort_of_nothing_is_no_request() -> None:
    text = transferring(
        "transactional.id: e", COMMITTED, "offsets: before-processing, on.fatal: stop", "pause: 1"
    )
    assert violated(loads(text + "properties: [progress, no-duplicates]\n", "t.yaml")) == set()


@pytest.mark.parametrize("ids", [("app", "app"), ("x-${instance}", "x-1")])
def test_of_those_that_share_a_transactional_id_one_has_begun(ids: tuple[str, str]) -> None:
    """Which parts of the spec they are does not matter: InitProducerId of the one fences the other."""
    text = "topics: {a: {records: 1}, b: {records: 1}, c: }\nprocessors:\n"
    for name, source, id_ in zip("xy", "ab", ids, strict=True):
        text += (
            f"  {name}: {{from: {source}, to: c, producer: {{transactional.id: '{id_}'}},"
            f" consumer: {{group.id: {name}, {COMMITTED}}}}}\n"
        )
    spec = loads(text, "t.yaml")
    assert any("share the transactional.id" in note for note in spec.notes)
    assert violated(spec) == set()


def test_librdkafka_keeps_to_the_protocol_of_before_4_0(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"transactional.id": "e"}')
    (tmp_path / "t.yaml").write_text(
        transferring("transactional.id: e", COMMITTED, "offsets: in-transaction", "", "4.2").replace(
            "{transactional.id: e}", "p.json"
        )
    )
    spec = load(tmp_path / "t.yaml")
    assert not spec.switches.tv2 and any("librdkafka speaks" in note for note in spec.notes)
    text = (tmp_path / "t.yaml").read_text()
    (tmp_path / "t.yaml").write_text(text.replace('"4.2"', '"4.2", transaction.version: 2'))
    assert not load(tmp_path / "t.yaml").switches.tv2
    java = transferring("transactional.id: e", COMMITTED, "offsets: in-transaction", "", "4.2")
    assert loads(java, "t.yaml").switches.tv2


def test_it_is_said_that_sends_are_awaited() -> None:
    plain = transferring("acks: all", EARLIEST, "offsets: after-processing", "")
    transactional = transferring("transactional.id: e", COMMITTED, "offsets: in-transaction", "")
    said = [
        any("wait for each send()" in n for n in loads(t, "t.yaml").notes) for t in (plain, transactional)
    ]
    assert said == [True, False]


def test_an_election_that_the_model_cannot_hold_is_refused() -> None:
    topic = "min.insync.replicas: 2, unclean.leader.election.enable: true"
    assert loads(producing("3.9", "", "broker-failover: 1, isr-shrink: 1", more=topic), "t.yaml")
    with pytest.raises(SpecError, match=r"t.yaml:3: topics.orders.unclean.* is not modelled"):
        loads(producing("3.9", "", "broker-failover: 2, isr-shrink: 1", more=topic), "t.yaml")


def test_parts_with_one_name_are_refused_in_one_line() -> None:
    text = consuming(EARLIEST, "offsets: after-processing, instances: 2", "")
    text = text.replace("topics: {", "topics: {billing-1: , ").replace("faults: {}\n", "")
    text += "producers: {p: {to: billing-1, records: 1}}\n"
    with pytest.raises(SpecError, match="two parts of the model are called 'billing-1'"):
        build(loads(text, "t.yaml"))


def test_whoever_lets_a_zombie_commit_in_a_store_is_the_store() -> None:
    text = consuming(EARLIEST, "offsets: in-store, store: db, instances: 2", "pause: 1")
    spec = loads(text + "stores: {db: {write: offsets, compare.and.set: true}}\n", "t.yaml")
    pipeline = build(spec, wanted=["fencing"])
    engine = Native(trace(pipeline.model))
    found = explore_natively(engine, Limits())
    properties = pipeline.model.properties
    fencing = [p.name for p in properties].index("fencing@billing")
    told = retell(pipeline, engine, properties[fencing], way_to_hit(engine, found, fencing))
    assert "db let somebody commit" in str(told.witness)
