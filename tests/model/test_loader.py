"""Spec files, good and bad: what a good one means, and that a bad one ends in one line naming the place."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from eoscheck.model import templates
from eoscheck.model.loader import SpecError, load, loads
from eoscheck.model.spec import Fault, Reader, Spec, Store
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

PIPELINE = """\
# Orders become payments
kafka: {version: 3.9}
topics:
  orders: {partitions: 2, records: 2, min.insync.replicas: 2}
  payments:
producers:
  app: {to: orders, records: 1, config: {acks: all}, on.error: resend}
processors:
  enricher:
    instances: 2
    from: orders
    to: payments
    producer: {transactional.id: "enricher-${instance}"}
    consumer: {isolation.level: read_committed, enable.auto.commit: false}
    lookup: rates
consumers:
  billing:
    from: orders
    config: {enable.auto.commit: false}
    store: ledger
readers:
  audit: {topics: [orders], isolation.level: read_committed}
stores:
  ledger: {write: dedupe}
lookups:
  rates: {versions: 3}
faults:
  crash: 1
  pause: {budget: 2, where: [enricher]}
bounds: {states: 1000, seconds: 1.5, memory.mb: 100}
properties: [no-loss]
expect: {no-loss: holds, no-duplicates@payments: violated}
"""


def minimal(extra: str = "", topics: str = "{orders: {records: 1}}") -> str:
    """A spec whose `extra` starts in line 2."""
    return f"topics: {topics}\n{extra}"


def processor(line: str = "", producer: str = "{transactional.id: t}") -> str:
    """A spec with a processor whose own `line` is line 7."""
    return f"""\
topics: {{a: {{records: 1}}, b: }}
processors:
  p:
    from: a
    to: b
    producer: {producer}
    {line}
"""


def consumer(line: str, stores: str = "{}") -> str:
    """A spec with a consumer whose own `line` is line 5."""
    return (
        f"topics: {{a: {{records: 1}}, b: }}\nconsumers:\n  c:\n    from: a\n    {line}\nstores: {stores}\n"
    )


MALFORMED = [
    # the file
    ("empty", "", 1, "is empty"),
    ("only_comments", "# nothing\n\n", 1, "is empty"),
    ("null_document", "~", 1, "is empty"),
    ("list_at_top", "- a\n- b\n", 1, "expected a mapping"),
    ("text_at_top", "just words", 1, "expected a mapping"),
    ("syntax", "topics: {a: {records: 1}\nfaults: 3\n", 2, "not YAML"),
    ("tab_indent", "topics:\n\ta: 1\n", 2, "not YAML"),
    ("two_documents", "topics: {a: }\n---\ntopics: {b: }\n", 3, "one YAML document"),
    ("duplicate_key", "topics:\n  a:\n  b:\n  a:\n", 4, "'a' is given twice (first in line 2)"),
    ("duplicate_section", "topics: {a: }\ntopics: {b: }\n", 2, "'topics' is given twice"),
    ("alias", "topics: &t {a: {records: 1}}\nlookups: *t\n", 1, "anchors and aliases"),
    ("bomb", "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", 1, "anchors and aliases"),
    ("python_tag", "topics: !!python/object/apply:os.system ['true']\n", 1, "tags are not supported"),
    ("plain_tag", "title: !!str 5\n", 1, "tags are not supported"),
    ("mapping_as_key", "? {a: b}\n: c\n", 1, "a key must be a word"),
    ("deep_flow", "topics: " + "[" * 100_000, 1, "nested too deeply"),
    ("deep_maps", "topics: " + "{a: " * 5_000, 1, "nested too deeply"),
    ("too_many_values", "topics: [" + "a," * 30_000 + "]", 1, "too large"),
    ("escaped_surrogate", 'title: "\\ud800"\n', 1, ""),
    ("nul_escape", 'topics: {"a\\0": }\n', 1, "unprintable"),
    # keys
    ("unknown_section", minimal("procesors: {}"), 2, "unknown key 'procesors'; did you mean 'processors'?"),
    (
        "unknown_key",
        processor("ofsets: auto"),
        7,
        "processors.p: unknown key 'ofsets'; did you mean 'offsets'?",
    ),
    ("unknown_topic_key", "topics:\n  a:\n    partition: 2\n", 3, "did you mean 'partitions'?"),
    ("unknown_switch", minimal("kafka: {versoin: 3.9}"), 2, "did you mean 'version'?"),
    (
        "unknown_bound",
        minimal("bounds: {state: 3}"),
        2,
        "bounds: unknown key 'state'; did you mean 'states'?",
    ),
    ("undotted_key", minimal("stores: {s: {write: outbox, relay_to: a}}"), 2, "did you mean 'relay.to'?"),
    ("merge_key", "topics:\n  a: {<<: 1}\n", 2, "unknown key '<<'"),
    ("missing_from", minimal("processors:\n  p: {to: orders}"), 3, "processors.p: 'from' is missing"),
    ("missing_write", minimal("stores: {s: {}}"), 2, "stores.s: 'write' is missing"),
    ("missing_to", minimal("producers: {p: }"), 2, "producers.p: expected a mapping, not null"),
    ("first_error_by_line", "bounds: {x: 1}\ntopics: {a: {y: 1}}\n", 1, "unknown key 'x'"),
    # types
    ("bool_for_number", minimal(topics="{a: {records: true}}"), 1, "expected a whole number, not true"),
    ("text_for_number", minimal(topics="{a: {records: '1'}}"), 1, "expected a whole number, not '1'"),
    ("fraction", minimal(topics="{a: {records: 1.5}}"), 1, "expected a whole number, not 1.5"),
    ("huge_number", minimal(topics="{a: {records: " + "9" * 50 + "}}"), 1, "at most 100"),
    ("enormous_number", minimal(topics="{a: {records: " + "9" * 5000 + "}}"), 1, "whole number, not '999"),
    ("not_a_number", minimal("bounds: {seconds: .nan}"), 2, "bounds.seconds"),
    ("infinite", minimal("bounds: {seconds: 1e999}"), 2, "bounds.seconds"),
    (
        "on_for_bool",
        minimal(topics="{a: {unclean.leader.election.enable: on}}"),
        1,
        "true or false, not 'on'",
    ),
    ("number_for_bool", processor("fan.out: 1"), 7, "expected true or false, not 1"),
    ("date_for_number", minimal("faults: {crash: 2024-01-01}"), 2, "faults.crash: expected a budget"),
    ("list_for_mapping", "topics: [a, b]\n", 1, "topics: expected a mapping, not a list"),
    ("text_for_mapping", "topics: a\n", 1, "topics: expected a mapping, not 'a'"),
    ("number_for_name", minimal("producers: {p: {to: 5}}"), 2, "expected a name or text"),
    ("number_for_title", minimal("title: 5"), 2, "title"),
    ("null_name", minimal("readers: {r: {topics: [~]}}"), 2, "readers.r.topics.0"),
    ("null_for_word", processor("after.abort:"), 7, "null is not one of seek, continue"),
    ("null_for_number", minimal(topics="{a: {partitions: }}"), 1, "expected a whole number, not null"),
    ("bad_word", processor("offsets: in-transactions"), 7, "did you mean 'in-transaction'?"),
    ("bad_write", minimal("stores: {s: {write: upserts}}"), 2, "did you mean 'upsert'?"),
    ("bad_name", minimal(topics="{'a b': }"), 1, "is not a name"),
    ("sink_in_name", minimal(topics="{a@b: }"), 1, "is not a name"),
    ("empty_name", "topics: {'': }", 1, "is not a name"),
    ("no_topics_read", minimal("readers: {r: {topics: []}}"), 2, "at least one name"),
    # limits
    ("no_partitions", minimal(topics="{a: {partitions: 0}}"), 1, "must be at least 1, not 0"),
    ("no_instances", processor("instances: 0"), 7, "must be at least 1, not 0"),
    ("negative_budget", minimal("faults: {crash: -1}"), 2, "faults.crash.budget: must be at least 1, not -1"),
    ("zero_budget", minimal("faults: {crash: 0}"), 2, "must be at least 1, not 0"),
    ("bool_budget", minimal("faults: {crash: true}"), 2, "expected a whole number, not true"),
    ("zero_bound", minimal("bounds: {states: 0}"), 2, "must be at least 1, not 0"),
    ("zero_seconds", minimal("bounds: {seconds: 0}"), 2, "must be more than 0, not 0"),
    ("no_members", minimal("readers: {r: {topics: orders, members: 0}}"), 2, "at least 1"),
    ("one_version", minimal("lookups: {k: {versions: 1}}"), 2, "at least 2"),
    # releases
    ("ancient", minimal("kafka: 0.10"), 2, "no transactions"),
    ("future", minimal("kafka: {version: '3.12'}"), 2, "there is no Kafka 3.12"),
    ("version_is_word", minimal("kafka: latest"), 2, "is not a Kafka version"),
    ("version_is_list", minimal("kafka: {version: [3]}"), 2, "expected a version"),
    ("tv2_too_early", minimal("kafka: {version: 3.9, transaction.version: 2}"), 2, "2 needs Kafka 4.0"),
    ("tv3", minimal("kafka: {transaction.version: 3}"), 2, "at most 2"),
    # names that must name something
    ("no_topics", "faults: {crash: 1}\n", 1, "there are no topics"),
    ("nothing_to_check", minimal(), 1, "nothing to check"),
    ("no_input", processor().replace("{records: 1}", ""), 1, "no input"),
    ("unknown_topic", minimal("producers: {p: {to: order}}"), 2, "no topic 'order'; did you mean 'orders'?"),
    ("unknown_source", processor().replace("from: a", "from: x"), 4, "no topic 'x'; known: a, b"),
    ("unknown_target", processor().replace("to: b", "to: [b, x]"), 5, "no topic 'x'"),
    ("unknown_store", consumer("store: leger", "{ledger: {write: insert}}"), 5, "did you mean 'ledger'?"),
    ("unknown_lookup", processor("lookup: rate"), 7, "there is no lookup 'rate'"),
    ("unknown_reader_topic", minimal("readers: {r: {topics: ordrs}}"), 2, "did you mean 'orders'?"),
    ("unknown_fault", processor("") + "faults: {crsh: 1}", 8, "no fault 'crsh'; did you mean 'crash'?"),
    ("unknown_where", processor("") + "faults: {crash: {where: [q]}}", 8, "no process or topic 'q'"),
    ("where_a_topic", processor("") + "faults: {crash: {where: b}}", 8, "'b' is a topic"),
    ("where_a_process", processor("") + "faults: {isr-shrink: {where: p}}", 8, "'p' is none"),
    ("unknown_property", processor("") + "properties: [no-los]", 8, "did you mean 'no-loss'?"),
    ("property_twice", processor("") + "properties: [order, order]", 8, "given twice"),
    ("unknown_expect", processor("") + "expect: {no-dups: holds}", 8, "no property 'no-dups'"),
    ("unknown_sink", processor("") + "expect: {no-loss@c: holds}", 8, "nothing is called 'c'"),
    ("bad_verdict", processor("") + "expect: {no-loss: hold}", 8, "did you mean 'holds'?"),
    ("name_twice", minimal("stores: {orders: {write: insert}}"), 2, "taken already by topics.orders"),
    (
        "consumer_like_processor",
        processor("") + "consumers: {p: {from: a}}",
        8,
        "taken already by processors.p",
    ),
    ("implicit_store_taken", consumer("", "{c: {write: insert}}"), 6, "taken already by consumers.c"),
    ("internal_topic", minimal(topics="{__consumer_offsets: }"), 1, "Kafka keeps this name"),
    # what does not fit together
    ("cycle", processor("").replace("to: b", "to: [b, a]"), 1, "cyclic topology: a -> a"),
    (
        "long_cycle",
        processor("") + "  q: {from: b, to: a}\n",
        1,
        "cyclic topology",
    ),
    ("relay_cycle", consumer("store: s", "{s: {write: outbox, relay.to: a}}"), 1, "cyclic topology"),
    ("target_twice", processor("").replace("to: b", "to: [b, b]"), 5, "given twice"),
    (
        "in_transaction_without",
        processor("offsets: in-transaction", "{}"),
        7,
        "needs a producer with a transactional.id",
    ),
    ("before_transaction_without", processor("offsets: before-transaction", "{}"), 7, "transactional.id"),
    ("consumer_in_transaction", consumer("offsets: in-transaction"), 5, "transactional.id"),
    (
        "auto_without",
        processor("consumer: {enable.auto.commit: false}\n    offsets: auto"),
        8,
        "enable.auto.commit=true",
    ),
    ("in_store_without", consumer("offsets: in-store"), 5, "needs a store with 'write: offsets'"),
    (
        "store_offsets_elsewhere",
        consumer("offsets: after-processing\n    store: s", "{s: {write: offsets}}"),
        5,
        "needs 'offsets: in-store'",
    ),
    ("two_phase_without", consumer("store: s", "{s: {write: two-phase}}"), 5, "two-phase store needs"),
    ("outbox_without", minimal("stores: {s: {write: outbox}}"), 2, "needs 'relay.to'"),
    ("relay_without", minimal("stores: {s: {write: insert, relay.to: orders}}"), 2, "needs 'write: outbox'"),
    ("relay_nowhere", minimal("stores: {s: {write: outbox, relay.to: x}}"), 2, "no topic 'x'"),
    ("record_nothing", processor("record.lookup: true"), 7, "needs a lookup"),
    ("position", minimal("producers: {p: {to: orders, position: in-transaction}}"), 2, "transactional.id"),
    ("abort", minimal("producers: {p: {to: orders, on.error: abort}}"), 2, "transactional.id"),
    ("consumer_writes", consumer("to: b"), 5, "processors write topics"),
    ("producer_for_nothing", processor("").replace("    to: b\n", ""), 5, "needs 'to'"),
    ("config_twice", consumer("config: {}\n    consumer: {}"), 6, "are the same"),
    (
        "isolation_twice",
        minimal("readers: {r: {topics: orders, isolation.level: read_committed, config: {}}}"),
        2,
        "not both",
    ),
    # settings
    ("settings_list", consumer("config: [a]"), 5, "expected settings or the name of a file"),
    ("settings_number", consumer("config: 5"), 5, "expected settings or the name of a file"),
    ("settings_nested", consumer("config: {enable: {auto.commit: false}}"), 5, "write nested keys with dots"),
    (
        "settings_unknown",
        consumer("config: {enable.auto.comit: false}"),
        5,
        "did you mean 'enable.auto.commit'?",
    ),
    ("settings_null", consumer("config: {enable.auto.commit: }"), 5, "has no value"),
    ("settings_of_producer", consumer("config: {acks: all}"), 5, "acks is a producer setting"),
    ("settings_word", consumer("config:\n      auto.offset.reset: first"), 6, "must be one of"),
    (
        "settings_conflict",
        processor("", "{transactional.id: t, acks: 1}"),
        6,
        "transactional.id needs idempotence",
    ),
    (
        "reader_word",
        minimal("readers: {r: {topics: orders, isolation.level: committed}}"),
        2,
        "read_committed",
    ),
    ("no_config_file", consumer("config: nowhere.properties"), 5, "there is no file 'nowhere.properties'"),
    ("nul_in_file_name", consumer('config: "a\\tb/' + "x" * 5000 + '"'), 5, "there is no file"),
]


@pytest.mark.parametrize(
    ("text", "line", "words"), [row[1:] for row in MALFORMED], ids=[row[0] for row in MALFORMED]
)
def test_malformed_spec_is_one_line_that_names_the_place(
    text: str, line: int, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: ")
    assert words in message
    assert len(message.splitlines()) == 1
    assert len(message) < 400 + len(str(path))


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"topics:\n  a: \xff\n", 2, "not UTF-8: byte 0xff"),
        ("topics: {a: }\n".encode("utf-16"), 1, "not UTF-8"),
        (b"topics: {a: }\n\x00", 2, "unprintable character U+0000"),
        (b"topics: {a: }\n\x1b[31m", 2, "unprintable character U+001B"),
        (b"# " + b"x" * 10_000_000, 1, "is too large: 10000002 bytes"),
        (b"x: " + b"[" * 900_000, 1, "nested too deeply"),
    ],
)
def test_bad_bytes_are_refused_quickly(data: bytes, line: int, words: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(data)
    start = time.perf_counter()
    with pytest.raises(SpecError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert words in str(caught.value)
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "is a directory"),
        ("missing.yaml", "no such file"),
        ("missing/spec.yaml", "no such file"),
        ("a\0b", ""),
        ("two\nlines", "no such file"),
        ("x" * 5000, ""),
    ],
)
def test_what_is_no_file_is_refused(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load(tmp_path / name)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_whole_pipeline_is_read() -> None:
    spec = loads(PIPELINE, "dir/pipeline.yaml")
    assert (spec.title, spec.version, spec.path) == ("Orders become payments", "3.9", "dir/pipeline.yaml")
    assert spec.topic("orders").partitions == 2
    assert spec.topic("orders").min_insync_replicas == 2
    assert spec.producers[0].on_error == "resend"
    enricher, billing = spec.processors
    assert (enricher.to, enricher.offsets, enricher.instances) == (("payments",), "in-transaction", 2)
    assert enricher.producer is not None
    assert enricher.producer.transactional_id == "enricher-${instance}"
    assert enricher.consumer.group_id == "enricher"
    assert (billing.to, billing.producer, billing.offsets) == ((), None, "after-processing")
    assert spec.stores == (Store("ledger", "dedupe"),)
    assert spec.faults == (Fault("crash", 1), Fault("pause", 2, ("enricher",)))
    assert (spec.bounds.states, spec.bounds.seconds, spec.bounds.memory_mb) == (1000, 1.5, 100)
    assert spec.expect == (("no-loss", "holds"), ("no-duplicates@payments", "violated"))
    assert spec.notes == ()


def test_topic_at_the_end_gets_a_read_committed_reader() -> None:
    assert loads(PIPELINE, "p.yaml").readers == (
        Reader("audit", ("orders",), "read_committed"),
        Reader("payments", ("payments",), "read_committed"),
    )


def test_explicit_reader_has_kafkas_default_and_replaces_the_implicit_one() -> None:
    spec = loads(processor("") + "readers: {b: {topics: b}}\n", "p.yaml")
    assert spec.readers == (Reader("b", ("b",), "read_uncommitted"),)


def test_outbox_topic_is_an_end() -> None:
    spec = loads(consumer("store: s", "{s: {write: outbox, relay.to: b}}"), "p.yaml")
    assert [reader.name for reader in spec.readers] == ["b"]


def test_consumer_without_store_gets_one_of_its_name() -> None:
    spec = loads(consumer(""), "p.yaml")
    assert spec.stores == (Store("c", "insert"),)
    assert spec.processors[0].store == "c"


def test_explicit_store_may_carry_the_name_of_its_consumer() -> None:
    spec = loads(consumer("store: c", "{c: {write: upsert}}"), "p.yaml")
    assert spec.stores == (Store("c", "upsert"),)


@pytest.mark.parametrize(
    ("text", "offsets"),
    [
        (processor(""), "in-transaction"),
        (processor("", "{}"), "auto"),
        (processor("consumer: {enable.auto.commit: false}", "{}"), "after-processing"),
        (consumer(""), "auto"),
        (consumer("config: {enable.auto.commit: false}"), "after-processing"),
        (consumer("store: s", "{s: {write: offsets}}"), "in-store"),
    ],
)
def test_offsets_follow_from_the_settings(text: str, offsets: str) -> None:
    assert loads(text, "p.yaml").processors[0].offsets == offsets


@pytest.mark.parametrize(
    ("kafka", "on"),
    [
        ("'0.11'", ""),
        ("'1.1'", "epoch_bump_on_timeout"),
        ("2.5", "epoch_bump_on_timeout client_epoch_bump group_metadata"),
        ("2.6", "epoch_bump_on_timeout client_epoch_bump group_metadata strict_end_txn_epoch"),
        (
            "3.6.1",
            "epoch_bump_on_timeout client_epoch_bump group_metadata strict_end_txn_epoch verify_produce",
        ),
        (
            "{version: 4, strict.marker.epoch: false, epoch.bump.on.timeout: false}",
            "client_epoch_bump group_metadata strict_end_txn_epoch verify_produce verify_txn_offsets tv2",
        ),
        (
            "{version: 4.2, transaction.version: 1, transaction.partition.verification.enable: false}",
            "epoch_bump_on_timeout client_epoch_bump group_metadata strict_end_txn_epoch verify_txn_offsets"
            " strict_marker_epoch",
        ),
    ],
)
def test_switches_follow_from_the_release(kafka: str, on: str) -> None:
    switches = loads(processor("") + f"kafka: {kafka}\n", "p.yaml").switches
    fields = [name for name in vars(switches) if name != "transaction_version"]
    assert {name for name in [*fields, "tv2"] if getattr(switches, name)} == set(on.split())


def test_default_release_is_3_9() -> None:
    spec = loads(processor(""), "p.yaml")
    assert spec.version == "3.9"
    assert (spec.switches.verify_txn_offsets, spec.switches.transaction_version) == (True, 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (processor("", "{acks: 1}"), "p: the client would disable idempotence because acks=1"),
        (processor("offsets: after-processing"), "p: enable.auto.commit is left on, as by default"),
        (processor("consumer: {enable.auto.commit: true}"), "p: enable.auto.commit is on"),
        (processor("instances: 2"), "share the transactional.id 't'"),
        (processor("") + "  q: {from: a, to: b, producer: {transactional.id: t}}", "'p' and 'q' share"),
        (processor("after.abort: seek", "{}"), "'after.abort' is without effect"),
        (processor("processing.ms: 5", "{}"), "processing.ms is without effect"),
        (processor("", "{}") + "faults: {transaction-timeout: 1}", "'transaction-timeout' cannot happen"),
        (processor("") + "faults: {lookup-change: 1}", "'lookup-change' cannot happen"),
        (minimal("producers: {p: {to: orders}}\nfaults: {pause: 1}"), "'pause' cannot happen"),
        (consumer("store: s", "{s: {write: insert, atomic: false}}"), "s: 'atomic' is without effect"),
        (consumer(""), "topic 'b' is read by nobody"),
        (consumer("", "{s: {write: insert}}"), "store 's' is written by nobody"),
        (processor("") + "kafka: {version: 2.8, verify.txn.offsets: true}", "came with Kafka 3.7"),
        (processor("") + "readers: {r: {topics: b, members: 2}}", "r: more members than partitions"),
    ],
)
def test_surprises_are_notes(text: str, words: str) -> None:
    assert any(words in note for note in loads(text, "p.yaml").notes)


def test_property_of_the_user_is_known_when_named() -> None:
    text = processor("") + "expect: {all-paid: holds, all-paid@b: violated}\nproperties: [all-paid]\n"
    assert loads(text, "p.yaml", {"all-paid"}).properties == ("all-paid",)
    with pytest.raises(SpecError, match="no property 'all-paid'"):
        loads(text, "p.yaml")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# One\n# Two\n", "One"),
        ("#\n#   One  \n", "One"),
        ("title: 'Three\n  words'\n", "Three words"),
        ("title: ''\n", "spec"),
        ("", "spec"),
    ],
)
def test_title_is_given_or_the_first_comment_or_the_file_name(text: str, title: str) -> None:
    assert loads(text + processor(""), "dir/spec.yaml").title == title


def test_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_bytes(b"\xef\xbb\xbf" + processor("").replace("\n", "\r\n").encode())
    assert load(tmp_path / "spec.yaml").processors[0].name == "p"


def test_template_of_init_loads_without_notes() -> None:
    spec = loads(templates.SPEC, "pipeline.yaml")
    assert spec.notes == ()
    assert spec.processors[0].offsets == "in-transaction"
    uncommented = [line for line in templates.SPEC.splitlines() if line.startswith("#   ")]
    assert len(uncommented) >= 5


@pytest.mark.parametrize("section", ["consumers", "readers", "stores", "lookups"])
def test_what_the_template_comments_out_loads_too(section: str) -> None:
    text = templates.SPEC.replace("    # store:", "    store:").replace("    # lookup:", "    lookup:")
    for name in {section, "stores", "lookups"}:
        head, _, rest = text.partition(f"# {name}:\n")
        text = f"{head}{name}:\n{rest.replace('#   ', '  ', 1)}"
    assert loads(text, "pipeline.yaml").processors[0].store == "ledger"


def test_pydantic_waits_until_a_file_is_loaded() -> None:
    code = "import sys, eoscheck.model.loader; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- fuzz: a Spec or a SpecError of one line, never anything else


def outcome(text: str) -> Spec | str:
    try:
        return loads(text, "fuzz.yaml")
    except SpecError as error:
        message = str(error)
        assert len(message.splitlines()) == 1
        message.encode("utf-8")
        return message


FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

WORDS = st.sampled_from(
    [
        *("topics", "orders", "payments", "p", "r", "kafka", "version", "3.9", "processors", "consumers"),
        *(
            "readers",
            "stores",
            "faults",
            "crash",
            "from",
            "to",
            "offsets",
            "in-transaction",
            "config",
            "acks",
        ),
        *(
            "acks",
            "all",
            "transactional.id",
            "write",
            "insert",
            "lookup",
            "bounds",
            "states",
            "expect",
            "holds",
        ),
        *("no-loss", "on", "~", "null", "true", "0", "1", "-1", "1e9", ".nan", ".inf", "2024-01-01"),
        *("9" * 30, "!!int", "&a", "*a", "<<", "?", "|", ">", "-", "@", "`", "%", "\ufeff"),
    ]
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=5)),
    max_leaves=20,
)


def flow(value: object) -> str:
    """A value in YAML's flow style, with no attempt to make it valid."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return str(value)


@FUZZ
@given(st.binary(max_size=300))
@example(b"\xef\xbb\xbf")
@example(b"\x85")
def test_any_bytes_end_in_a_spec_or_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "fuzz.yaml"
    path.write_bytes(data)
    try:
        load(path)
    except SpecError as error:
        assert len(str(error).splitlines()) == 1


@FUZZ
@given(st.dictionaries(WORDS, VALUES, max_size=6).map(flow))
def test_any_structure_ends_in_a_spec_or_one_line(text: str) -> None:
    outcome(text)


@FUZZ
@given(st.data())
def test_mutated_spec_ends_in_a_spec_or_one_line(data: st.DataObject) -> None:
    lines = PIPELINE.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(lines) - 1))
        words = lines[index].split(" ")
        place = data.draw(st.integers(0, len(words) - 1))
        words[place] = data.draw(st.one_of(WORDS, VALUES.map(flow), st.text(max_size=5)))
        lines[index] = " ".join(words)
    outcome("\n".join(lines))


@FUZZ
@given(st.data())
def test_shuffled_lines_end_in_a_spec_or_one_line(data: st.DataObject) -> None:
    lines = PIPELINE.splitlines()
    outcome("\n".join(data.draw(st.permutations(lines))[: data.draw(st.integers(1, len(lines)))]))


@FUZZ
@given(
    VALUES,
    st.sampled_from(["topics", "processors", "faults", "kafka", "bounds", "expect", "properties", "title"]),
)
def test_any_value_in_a_section_ends_in_a_spec_or_one_line(value: object, section: str) -> None:
    outcome(
        f"{section}: {flow(value)}\n{processor('')}" if section != "topics" else f"topics: {flow(value)}\n"
    )
