"""Spec files, good and bad: what a good one means, and that a bad one ends in one line naming the place."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from eoscheck.model import templates
from eoscheck.model.loader import SpecError, load, loads
from eoscheck.model.spec import Fault, Reader, Store
from specfiles import MALFORMED, PIPELINE, consumer, minimal, processor


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
            "client_epoch_bump group_metadata strict_end_txn_epoch verify_produce verify_txn_offsets"
            " concurrent_first memberless_offsets tv2",
        ),
        (
            "{version: 4.2, transaction.version: 1, transaction.partition.verification.enable: false}",
            "epoch_bump_on_timeout client_epoch_bump group_metadata strict_end_txn_epoch"
            " strict_marker_epoch concurrent_first memberless_offsets",
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
        (
            processor("offsets: after-processing"),
            "p: enable.auto.commit is left on, as by default, and commits positions as well",
        ),
        (processor("consumer: {enable.auto.commit: true}"), "p: enable.auto.commit is on"),
        (processor("instances: 2"), "share the transactional.id 't'"),
        (
            processor("").replace("b: }", "b: , c: }")
            + "  q: {from: a, to: c, producer: {transactional.id: t}}",
            "'p' and 'q' share",
        ),
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
