"""`eoscheck matrix`, and `--set`: what they print and write, and how they end.

Mostly on the tiny pipeline, where an answer that is lost doubles a record; on a real spec where it is about Kafka.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from eoscheck.checker.tracefile import read
from eoscheck.cli.main import run

Write = Callable[..., str]
Capture = pytest.CaptureFixture[str]
SPECS = Path(__file__).resolve().parents[2] / "specs"
IDEMPOTENT = "producer-idempotent.yaml"


def test_the_table_is_a_table_and_no_verdict(write: Write, capsys: Capture) -> None:
    assert run(["matrix", write("a", "lost: 1"), "--vary", "lost=0,1", "--vary", "records=1,2"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "4 combinations, 4 explored" in out and "A shelf" in out
    assert [line for line in out.splitlines() if line[:1].isdigit()] == [
        "1  0     1        ✓ holds               ✓ holds  ✓ holds",
        "2  0     2        ✓ holds               ✓ holds  ✓ holds",
        "3  1     1        ✗ VIOLATED at step 3  ✓ holds  ✓ holds",
        "4  1     2        ✗ VIOLATED at step 3  ✓ holds  ✓ holds",
    ]
    assert "no-duplicates  holds where lost=0 (2 of 4)" in out


def test_each_counterexample_is_a_trace_that_show_understands(
    write: Write, world: Path, capsys: Capture
) -> None:
    run(["matrix", write("a b", "lost: 1"), "--vary", "lost=0,1", "--vary", "records=1,2"])
    files = sorted(p.name for p in (world / ".eoscheck/a b/matrix").iterdir())
    assert [name for name in files if "dup" in name] == [
        "3-no-duplicates@shelf.json",
        "4-no-duplicates@shelf.json",
    ]
    capsys.readouterr()
    assert run(["show", ".eoscheck/a b/matrix/3-no-duplicates@shelf.json"]) == 0
    out = capsys.readouterr().out
    assert "  with lost=1, records=1\n" in out
    last = out.splitlines()[-1].split("reproduce  eoscheck ")[1]
    assert last == "explore 'a b.yaml' --set lost=1 --set records=1 --property no-duplicates@shelf"
    assert run([*shlex.split(last), "--out", "again"]) == 1
    there = (world / ".eoscheck/a b/matrix/3-no-duplicates@shelf.json").read_text()
    found = read(world / "again/no-duplicates@shelf.json")
    assert replace(found, again="").to_json() == there


def test_the_forms_go_to_the_terminal_or_to_a_file(write: Write, world: Path, capsys: Capture) -> None:
    words = ["matrix", write("a", "lost: 1"), "--vary", "lost=0,1", "--out", "t", "--jobs", "1"]
    for form in ("text", "markdown", "csv", "json", "html"):
        assert run([*words, "--format", form]) == 0
        printed = capsys.readouterr().out
        assert run([*words, "--format", form, "-o", f"table.{form}"]) == 0
        out, err = capsys.readouterr()
        assert (out, err) == ("", f"wrote table.{form}\n")
        if form != "text":  # which says how long it took
            assert (world / f"table.{form}").read_text() == printed
    data = json.loads((world / "table.json").read_text())
    assert data["rows"][1]["cells"]["no-duplicates@shelf"]["trace"] == "t/2-no-duplicates@shelf.json"
    assert [r["no-duplicates"] for r in csv.DictReader(io.StringIO((world / "table.csv").read_text()))] == [
        "holds",
        "violated",
    ]


def test_links_are_relative_to_the_file(write: Write, world: Path) -> None:
    run(
        ["matrix", write("a", "lost: 1"), "--vary", "lost=0,1", "--format", "markdown", "-o", "docs/table.md"]
    )
    assert "(<../.eoscheck/a/matrix/2-no-duplicates@shelf.json>)" in (world / "docs/table.md").read_text()


def test_only_the_property_that_is_asked_for_has_a_column(write: Write, capsys: Capture) -> None:
    assert run(["matrix", write("a", "lost: 1"), "--vary", "lost=0,1", "--property", "no-loss"]) == 0
    out = capsys.readouterr().out
    assert "no-loss" in out and "no-duplicates" not in out


def test_an_undecided_row_is_exit_code_3(write: Write, capsys: Capture) -> None:
    assert run(["matrix", write("a", "lost: 1"), "--vary", "lost=0,1", "--max-states", "2"]) == 3
    assert "stopped at" in capsys.readouterr().out


BAD = [
    (["--vary", "acks"], "'acks' is not KEY=V1,V2,..."),
    (["--vary", "ack=0,1"], f"{IDEMPOTENT}: there is no setting 'ack'; did you mean 'acks'?"),
    (["--vary", "acks=0,1"], f"{IDEMPOTENT}:9: producers.shop.config: acks must be all"),
    (["--vary", "acks=0,all", "--vary", "acks=1"], "acks is varied twice"),
    (["--vary", "acks=all", "--property", "no-los"], "no property 'no-los'"),
    ([], "missing option '--vary'"),
]


@pytest.mark.parametrize(("words", "said"), BAD)
def test_bad_input_is_one_line_before_anything_is_explored(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(SPECS / "delivery" / IDEMPOTENT, tmp_path)
    assert run(["matrix", IDEMPOTENT, *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and said in err
    assert not (tmp_path / ".eoscheck").exists()


def test_what_kafka_refuses_is_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(SPECS / "delivery" / IDEMPOTENT, tmp_path)
    words = ["--vary", "acks=1,all", "--vary", "enable.idempotence=true,false,unset"]
    assert run(["matrix", IDEMPOTENT, *words, "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [bool(row["refused"]) for row in rows] == [True, False, False, False, False, False]
    assert [row["same_as"] for row in rows] == [None, 2, 2, 4, 5, 4]
    verdicts = [row["cells"]["no-duplicates@orders"]["verdict"] for row in rows[1:]]
    assert verdicts == ["violated", "violated", "holds", "violated", "holds"]


def test_set_takes_a_setting_instead_of_what_the_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """What the spec expects speaks of its own settings; a property that is gone with them is no mistake."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SPECS / "transactions" / "consume-process-produce.yaml", tmp_path / "a.yaml")
    set_ = ["--set", "transactional.id=unset", "--set", "offsets=after-processing"]
    assert run(["explore", "a.yaml", *set_, "--property", "no-duplicates"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.endswith(
        "a.yaml --set transactional.id=unset --set offsets=after-processing --property no-duplicates@payments"
    )
    folder = f".eoscheck/a+{set_[1]}+{set_[3]}"  # not that of the spec as it is
    assert read(f"{folder}/no-duplicates@payments.json").spec["changes"] == [set_[1], set_[3]]
    assert run(["simulate", "a.yaml", *set_, "--walks", "200", "--json"]) in (1, 3)
    names = [p["name"] for p in json.loads(capsys.readouterr().out)["properties"]]
    assert "exactly-once@payments" in names and "atomic-visibility@payments" not in names
    assert run(["explore", "a.yaml", "--set", "offests=auto"]) == 2
    assert "did you mean 'offsets'?" in capsys.readouterr().err
    assert run(["explore", "a.yaml", "--set", "transactional.id=unset"]) == 2
    assert "a.yaml:17: processors.enricher: 'offsets: in-transaction' needs" in capsys.readouterr().err


def test_ctrl_c_leaves_the_rows_found_so_far(tmp_path: Path) -> None:
    """The second combination would take for ever."""
    command = [
        sys.executable,
        "-m",
        "eoscheck.cli.main",
        "matrix",
        str(SPECS / "delivery/producer-at-least-once.yaml"),
    ]
    command += ["--vary", "producers.shop.records=1,40", "--format", "json", "--jobs", "2"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    traces = tmp_path / ".eoscheck"
    end = time.monotonic() + 30
    while not traces.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "eoscheck: interrupted\n")
    data = json.loads(out)
    assert data["complete"] is False and data["findings"] == []
    assert [row["number"] for row in data["rows"]] == [1]


@pytest.mark.parametrize(
    ("varied", "said"),
    [
        ("isolation.level=read_comitted,read_uncommitted", "did you mean 'read_committed'?"),
        ("acks=0,2,all", "acks is '2'; it must be one of all, -1, 0, 1"),
        ("kafka.version=3.9,9.9", "there is no Kafka 9.9"),
    ],
)
def test_a_value_that_a_key_cannot_have_is_no_row(
    varied: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    shutil.copy(SPECS / "transactions" / "guarantees.yaml", tmp_path / "a.yaml")
    monkeypatch.chdir(tmp_path)
    assert run(["matrix", "a.yaml", "--vary", varied]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / ".eoscheck").exists()
