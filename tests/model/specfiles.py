"""Spec files for the tests of the loader: a good one, and a table of bad ones with what is said of them."""

from __future__ import annotations

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
    (
        "where_nothing",
        processor("") + "faults:\n  crash:\n    where: []",
        10,
        "faults.crash.where: expected at least one name, not an empty list; left out, it means everywhere",
    ),
    ("where_null", processor("") + "faults: {crash: {where: }}", 8, "at least one name"),
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
