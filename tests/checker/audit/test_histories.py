"""Histories as files: JSON lines go both ways, Jepsen's are understood, and what is wrong is said in one line."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from eoscheck.checker.audit.history import BadHistory, Read, topic_of
from eoscheck.checker.audit.jepsen import read_jepsen
from eoscheck.checker.audit.jsonlines import as_json_lines, read_json_lines
from eoscheck.checker.audit.judge import audit
from eoscheck.checker.audit.load import load_history
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import Simulation

HEAD = '{"format": "eoscheck-history/1"}\n'


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.booleans())
def test_what_is_written_is_read_again(seed: int, offsets: bool, inputs: bool) -> None:
    history = Simulation(random.Random(seed), 8, offsets, inputs).history()
    assert read_json_lines("simulated", as_json_lines(history)) == history


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ':1: it is empty: its first line must be {"format": "eoscheck-history/1"}'),
        ('{"format": "x"}', ":1: this is no history: its first line must be"),
        ("[1]", ":1: not an object: every line is one event"),
        (HEAD + "\n{", ":3: no JSON: Expecting property name enclosed in double quotes at column 2"),
        (HEAD + "{}", ":2: the event is not named: an object needs the key 'event'"),
        (HEAD + '{"event": "reed"}', ":2: unknown event 'reed'; did you mean 'read'?"),
        (HEAD + '{"event": 7}', ":2: unknown event 7; known: input, send"),
        (HEAD + '{"event": ["x"]}', ":2: unknown event ['x']; known: input, send"),
        (HEAD + '{"event": "row", "stor": "a"}', ":2: unknown key 'stor' of row; did you mean 'store'?"),
        (HEAD + '{"event": "row", "store": "a"}', ":2: row needs the key 'value'"),
        (HEAD + '{"event": "row", "store": 1, "value": 1}', ":2: store of row is a text, not 1"),
        (
            HEAD + '{"event": "row", "store": "a", "value": true}',
            ":2: value of row is a whole number or a text, not true",
        ),
        (
            HEAD + '{"event": "input", "value": 1, "due": "a"}',
            ":2: due of input is a list of readers and stores",
        ),
        (
            HEAD + '{"event": "reader", "reader": "a", "isolation": "x"}',
            ":2: isolation of reader is one of read_committed",
        ),
        (
            HEAD + '{"event": "end", "reader": "a"}',
            ":2: end needs either 'reader' and 'partition', or 'store'",
        ),
        (
            HEAD + '{"event": "row", "store": "a", "value": 1, "value": 2}',
            ":2: the key 'value' stands there twice",
        ),
        (
            HEAD + '{"event": "reader", "reader": "a", "places": {"x": ["p-0"], "x": ["p-1"]}}',
            ":2: the key 'x' stands there twice",
        ),
        (HEAD + '{"event": "row", "value": ' + "[" * 100_000, ":2: "),
        ("{:type :ok, :f :txn", ":1: no EDN: "),
        ("{:type :ok, :f :txn}\n{:type :okay}", ":2: no operation of Jepsen's Kafka workload: :type is okay"),
        (
            "{:type :ok, :f :txn, :process 1, :value [[:send 1]]}",
            ":1: no operation of Jepsen's Kafka workload: ",
        ),
        ("{:type :ok, :f :poll, :process 1, :value 7}", ":1: no operation of Jepsen's Kafka workload: "),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "history"
    file.write_text(text)
    with pytest.raises(BadHistory) as raised:
        load_history(str(file))
    assert str(raised.value).startswith(f"{file}{said}") and "\n" not in str(raised.value)


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(BadHistory, match=r"none:1: No such file"):
        load_history(str(tmp_path / "none"))
    (tmp_path / "bytes").write_bytes(b"\n\xff")
    with pytest.raises(BadHistory, match=r"bytes:2: it is not UTF-8"):
        load_history(str(tmp_path / "bytes"))


def test_topics_of_partitions() -> None:
    assert [topic_of(p) for p in ("payments-0", "a-b-12", "5", "a-b")] == ["payments", "a-b", "5", "a-b"]


# --- Jepsen


def verdicts(text: str) -> dict[str, str]:
    return {j.name: j.verdict for j in audit(read_jepsen("history.edn", text)).judgements}


def test_an_aborted_read_of_jepsen() -> None:
    """G1a: what a failed transaction wrote is polled."""
    text = """
    {:index 0, :process 0, :type :invoke, :f :txn, :value [[:send 1 2] [:send 2 3]]}
    {:index 1, :process 0, :type :fail, :f :txn, :value [[:send 1 2] [:send 2 3]]}
    {:index 2, :process 1, :type :ok, :f :poll, :value [[:poll {1 [[0 2]]}]]}
    """
    assert verdicts(text)["atomic-visibility"] == "violated"
    assert verdicts(text.replace(":fail", ":info"))["atomic-visibility"] == "holds"


def test_a_lost_write_of_jepsen() -> None:
    """Somebody has read offset 2, so what was acknowledged at 0 and 1 must have been read, too."""
    text = """
    {:process 0, :type :ok, :f :send, :value [[:send 1 [0 10]]]}
    {:process 0, :type :ok, :f :send, :value [[:send 1 [1 11]] [:send 1 [3 13]]]}
    {:process 1, :type :info, :f :send, :value [[:send 1 12]]}
    {:process 2, :type :ok, :f :poll, :value [[:poll {1 [[1 11] [2 12]]}]]}
    """
    result = audit(read_jepsen("history.edn", text))
    row = result.of("no-loss@consumers")
    assert row is not None and row.verdict == "violated"
    assert [[result.history.events[i].event for i in f.events] for f in row.findings] == [[2, 5]]


def test_an_offset_of_jepsen_with_two_values() -> None:
    text = """
    {:type :ok, :f :send, :value [[:send 11 [537 641]]], :time 280169754615, :process 379}
    {:type :ok, :f :send, :value [[:send 11 [537 645]]], :time 287474569112, :process 363}
    """
    assert verdicts(text)["provenance"] == "violated"


def test_a_consumer_of_jepsen_may_go_back_behind_a_rebalance_only() -> None:
    sent = "{:process 0, :type :ok, :f :send, :value [[:send 1 [0 10]] [:send 1 [1 11]]]}\n"
    first = "{:process 1, :type :ok, :f :poll, :value [[:poll {1 [[0 10] [1 11]]}]]}\n"
    assert verdicts(sent + first + first)["no-duplicates@consumers"] == "violated"
    for between in (
        "{:process 1, :type :ok, :f :subscribe, :value [1]}\n",
        "{:process 1, :type :info, :f :crash, :value nil}\n",
    ):
        assert set(verdicts(sent + first + between + first).values()) == {"holds"}
    rebalanced = first.replace(":f :poll", ":f :poll, :rebalance-log [{:keys [1]}]")
    assert set(verdicts(sent + first + rebalanced).values()) == {"holds"}
    other = first.replace(":process 1", ":process 2")
    assert set(verdicts(sent + first + other).values()) == {"holds"}


def test_forms_of_edn() -> None:
    """One vector of all operations, records of Jepsen's own type, the nemesis, comments, and a map over many lines."""
    ops = """{:process 0, :type :ok, :f :send,
      :value [[:send "x" [0 :a]]]}
    {:process 1, :type :ok, :f :poll, :value [[:poll {"x" [[0 :a]]}]]}"""
    nemesis = (
        '{:process :nemesis, :type :info, :f :kill, :value {:n1 :killed}, :time #inst "2024-01-01T00:00:00Z"}'
    )
    for text in (f"{ops}\n{nemesis}", f"[{ops} {nemesis}]", f"; run 7\n#jepsen.history.Op{ops}"):
        history = read_jepsen("history.edn", text)
        assert [e.value for e in history.events if isinstance(e, Read)] == ["a"]
        assert audit(history).verdict == "holds"
