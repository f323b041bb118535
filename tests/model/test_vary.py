"""Changed from outside is changed in the file: the same spec, or the same complaint."""

from __future__ import annotations

from pathlib import Path

import pytest
from eoscheck.model.loader import SpecError, load, loads
from eoscheck.model.spec import Spec
from eoscheck.model.vary import BadChange, change, variation
from hypothesis import given, settings
from hypothesis import strategies as st
from specfiles import PIPELINE


def changed(*said: str, text: str = PIPELINE, path: str = "a.yaml") -> Spec:
    return loads(text, path, (), [change(s) for s in said])


def by_hand(*edits: tuple[str, str], text: str = PIPELINE) -> Spec:
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return loads(text, "a.yaml")


ENRICHER = 'producer: {transactional.id: "enricher-${instance}"}'
CONSUMER = "consumer: {isolation.level: read_committed, enable.auto.commit: false}"
BILLING = "config: {enable.auto.commit: false}"

SAME = [
    # a producer setting: in the config of a producer, and in the producer of a processor
    (
        ["max.in.flight.requests.per.connection=1"],
        [
            ("{acks: all}", "{acks: all, max.in.flight.requests.per.connection: 1}"),
            (ENRICHER, ENRICHER.replace('"}', '", max.in.flight.requests.per.connection: 1}')),
        ],
    ),
    (
        ["transactional.id='t-${instance}'"],
        [("{acks: all}", "{acks: all, transactional.id: 't-${instance}'}"), ("enricher-$", "t-$")],
    ),
    (
        ["transactional.id=unset", "lookups=unset", "processors.enricher.lookup=unset"],
        [(ENRICHER, "producer: {}"), ("    lookup: rates\n", ""), ("lookups:\n  rates: {versions: 3}\n", "")],
    ),
    # a consumer setting: of processors and consumers; isolation.level also of readers
    (
        ["auto.offset.reset=none"],
        [
            (CONSUMER, CONSUMER.replace("}", ", auto.offset.reset: none}")),
            (BILLING, BILLING.replace("}", ", auto.offset.reset: none}")),
        ],
    ),
    (
        ["isolation.level=read_uncommitted"],
        [
            ("{isolation.level: read_committed, enable", "{isolation.level: read_uncommitted, enable"),
            (BILLING, BILLING.replace("}", ", isolation.level: read_uncommitted}")),
            ("[orders], isolation.level: read_committed", "[orders], isolation.level: read_uncommitted"),
        ],
    ),
    # keys of the spec, where only one thing can be meant
    (
        ["offsets=after-processing"],
        [
            ("    lookup: rates", "    lookup: rates\n    offsets: after-processing"),
            ("    store: ledger", "    store: ledger\n    offsets: after-processing"),
        ],
    ),
    (["write=upsert"], [("{write: dedupe}", "{write: upsert}")]),
    (["group.metadata=none"], [("    lookup: rates", "    lookup: rates\n    group.metadata: none")]),
    (["on.error=skip"], [("on.error: resend", "on.error: skip")]),
    # paths
    (["processors.enricher.instances=1"], [("instances: 2", "instances: 1")]),
    (
        ["processors.enricher.transaction.timeout.ms=9"],
        [(ENRICHER, ENRICHER.replace('"}', '", transaction.timeout.ms: 9}'))],
    ),
    (
        ["processors.enricher.producer.transaction.timeout.ms=9"],
        [(ENRICHER, ENRICHER.replace('"}', '", transaction.timeout.ms: 9}'))],
    ),
    (
        ["consumers.billing.config.group.id=g"],
        [(BILLING, "config: {enable.auto.commit: false, group.id: g}")],
    ),
    (["readers.audit.isolation.level=unset"], [("[orders], isolation.level: read_committed", "[orders]")]),
    (["topics.orders.records=1"], [("records: 2, min", "records: 1, min")]),
    (["topics.payments.partitions=2"], [("payments:\n", "payments: {partitions: 2}\n")]),
    (["kafka.version=4.1"], [("{version: 3.9}", "{version: 4.1}")]),
    (["kafka=4.1"], [("{version: 3.9}", "4.1")]),
    (["faults.crash.budget=2"], [("crash: 1", "crash: 2")]),
    (["faults.crash=unset"], [("  crash: 1\n", "")]),
    (["faults={rebalance: 1}"], [("  crash: 1\n  pause: {budget: 2, where: [enricher]}", "  rebalance: 1")]),
    (["bounds.faults=1"], [("bounds: {", "bounds: {faults: 1, ")]),
    (["bounds=unset"], [("bounds: {states: 1000, seconds: 1.5, memory.mb: 100}\n", "")]),
    # the last one counts
    (["acks=all", "write=insert", "write=upsert"], [("{acks: all}", "{acks: all}"), ("dedupe", "upsert")]),
]


@pytest.mark.parametrize(("said", "edits"), SAME, ids=lambda x: x[0] if isinstance(x[0], str) else "")
def test_a_change_from_outside_is_an_edit_of_the_file(said: list[str], edits: list[tuple[str, str]]) -> None:
    spec = changed(*said)
    assert spec == by_hand(*edits)
    assert spec.changes == tuple(said)
    assert spec != loads(PIPELINE, "a.yaml")


def test_a_short_form_is_written_out_first() -> None:
    text = PIPELINE.replace("kafka: {version: 3.9}", "kafka: 3.9")
    assert changed("kafka.transaction.version=1", text=text) == by_hand(
        ("{version: 3.9}", "{version: 3.9, transaction.version: 1}")
    )


def test_settings_in_a_file_are_changed_too(tmp_path: Path) -> None:
    (tmp_path / "app.properties").write_text("# of the team\nacks=1\nenable.idempotence=false\nretries=3\n")
    text = PIPELINE.replace("config: {acks: all}", "config: app.properties")
    path = str(tmp_path / "a.yaml")
    plain = changed(text=text, path=path).producers[0].config
    other = changed("producers.app.acks=0", text=text, path=path).producers[0].config
    fewer = changed(
        "producers.app.acks=unset", "producers.app.enable.idempotence=unset", text=text, path=path
    )
    assert (plain.acks, plain.idempotence) == ("1", False) and (other.acks, other.idempotence) == ("0", False)
    assert (fewer.producers[0].config.acks, fewer.producers[0].config.idempotence) == ("all", True)


def test_a_reader_with_a_config_has_its_isolation_level_there() -> None:
    edit = (
        "[orders], isolation.level: read_committed",
        "[orders], config: {isolation.level: read_committed}",
    )
    text = PIPELINE.replace(*edit)
    assert (
        changed("isolation.level=read_uncommitted", text=text).readers[0].isolation_level
        == "read_uncommitted"
    )


def test_a_name_may_hold_dots() -> None:
    text = "topics: {orders: {records: 1}, orders.v1: {records: 1}}\nreaders: {r: {topics: orders}}\n"
    spec = changed("topics.orders.v1.records=3", "topics.orders.records=2", text=text)
    assert [t.records for t in spec.topics] == [2, 3]


BAD = [
    ("ack=1", "a.yaml: there is no setting 'ack'; did you mean 'acks'?"),
    ("isolation.levle=x", "did you mean 'isolation.level'?"),
    ("offset=auto", "did you mean 'offsets'?"),
    ("faults.crsh=1", "there is no setting 'faults.crsh'; did you mean 'faults.crash'?"),
    ("kafka.versoin=4", "did you mean 'kafka.version'?"),
    ("bound.faults=4", "did you mean 'bounds.faults'?"),
    ("crash=1", "did you mean 'faults.crash'?"),
    (
        "processors.enrichr.acks=1",
        "there is nothing called 'enrichr' in processors; did you mean 'enricher'?",
    ),
    ("processors.enricher.instance=1", "did you mean 'processors.enricher.instances'?"),
    ("processors.enricher.producer.ack=1", "did you mean 'processors.enricher.producer.acks'?"),
    ("consumers.billing.acks=1", "there is no setting 'consumers.billing.acks'"),
    ("records=1", "'records' is open; say which: producers.app.records, topics.orders.records, topics.pay"),
    ("expect=1", "there is no setting 'expect'"),
    ("zzz=1", "there is no setting 'zzz'"),
    ("acks", "'acks' is not KEY=VALUE"),
    ("=1", "'=1' is not KEY=VALUE"),
    ("acks=", "acks has an empty value"),
    ("acks=[1", "acks=[1: not YAML"),
    ("acks=&x 1", "acks=&x 1: anchors and aliases are not supported"),
    ("acks=1\n---\n2", "is not one value"),
]


@pytest.mark.parametrize(("said", "complaint"), BAD)
def test_a_change_that_has_no_place_is_refused_in_one_line(said: str, complaint: str) -> None:
    with pytest.raises(BadChange) as caught:
        changed(said)
    assert complaint in str(caught.value)


def test_a_setting_that_nobody_can_have_is_refused() -> None:
    text = "topics: {orders: {records: 1}}\nreaders: {r: {topics: orders}}\n"
    for said in ("acks=1", "write=insert"):
        with pytest.raises(BadChange, match="there is nothing that has it"):
            changed(said, text=text)


def test_what_the_loader_says_of_a_change_names_file_and_line() -> None:
    with pytest.raises(SpecError) as caught:
        changed("processors.enricher.instances={a: 1}")
    assert str(caught.value).startswith("a.yaml:10: processors.enricher.instances: expected a whole number")
    with pytest.raises(SpecError, match=r"^a.yaml:13: .*transactional.id needs enable.idempotence=true"):
        changed("processors.enricher.enable.idempotence=false")


def test_a_section_that_is_no_mapping_is_left_to_the_loader() -> None:
    with pytest.raises(SpecError, match="expected a mapping"):
        changed(
            "bounds.faults=1",
            text=PIPELINE.replace("bounds: {states: 1000, seconds: 1.5, memory.mb: 100}", "bounds: [1]"),
        )


PIECES = st.lists(
    st.sampled_from(
        ["0", "all", "unset", "enricher-${instance}", "'a, b'", '"x,y"', "[1, 2]", "{a: 1, b: 2}"]
    ),
    min_size=1,
    unique=True,
)


@settings(deadline=None)
@given(PIECES, st.sampled_from([",", " , ", ", "]))
def test_values_are_divided_by_commas_outside_quotes_and_brackets(pieces: list[str], comma: str) -> None:
    found = variation(f"some.key={comma.join(pieces)}")
    assert [(c.key, c.said) for c in found] == [("some.key", piece) for piece in pieces]
    assert found == tuple(change(f"some.key={piece}") for piece in pieces)
    assert [c.node is None for c in found] == [piece == "unset" for piece in pieces]


@pytest.mark.parametrize("said", ["acks=1,1", "acks=0,,1", "acks=0,", "acks"])
def test_values_that_are_doubled_or_missing_are_refused(said: str) -> None:
    with pytest.raises(BadChange):
        variation(said)


def test_quoted_the_word_unset_is_a_text() -> None:
    assert changed("consumers.billing.group.id='unset'").processors[1].consumer.group_id == "unset"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stores: {ledger: nonsense}", "stores.ledger.write=insert"),
        ("bounds: 7", "bounds.faults=1"),
        ("faults: everything", "faults.crash=1"),
    ],
)
def test_what_is_wrong_with_a_file_stays_wrong(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    base = "topics: {orders: {records: 1}}\nconsumers: {billing: {from: orders, offsets: after-processing}}\n"
    file.write_text(base + text + "\n")
    with pytest.raises(SpecError) as plain:
        load(file)
    with pytest.raises(SpecError) as varied:
        load(file, changes=[change(said)])
    assert str(varied.value) == str(plain.value)


def test_the_last_change_wins_over_a_file_as_well(tmp_path: Path) -> None:
    (tmp_path / "c.properties").write_text("isolation.level=read_committed\n")
    file = tmp_path / "p.yaml"
    file.write_text(
        "topics: {orders: {records: 1}}\n"
        "consumers: {billing: {from: orders, config: c.properties, offsets: after-processing}}\n"
    )
    again = ["consumers.billing.config=c.properties"]
    read = "isolation.level=read_uncommitted"
    levels = [
        load(file, changes=[change(text) for text in texts]).processors[0].consumer.isolation_level
        for texts in ([read], [*again, read], [read, *again])
    ]
    assert levels == ["read_uncommitted", "read_uncommitted", "read_committed"]
