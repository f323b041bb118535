"""`eoscheck kafka`: a Kafka outlives the command that started it, and nothing outlives `down`."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from eoscheck.checker import files
from eoscheck.cli.main import run
from eoscheck.gen.kafka import guard, kept, provider
from eoscheck.gen.kafka.flavour import NoKafka, parse
from eoscheck.gen.kafka.prepare import plan

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No Kafka is up here, whatever else is up on this machine."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("EOSCHECK_CACHE", str(folder))
    return folder


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """As `empty`, but with all that has been fetched and prepared already."""
    try:
        plan(parse("4.1.2:tv1"))
    except NoKafka as error:
        pytest.skip(str(error))
    usual, folder = files.cache(), tmp_path / "cache"
    folder.mkdir()
    for part in ("jars", "classes", "formatted"):
        (usual / part).mkdir(exist_ok=True)
        (folder / part).symlink_to(usual / part)
    monkeypatch.setenv("EOSCHECK_CACHE", str(folder))
    yield folder
    kept.down()


def said(capsys: Capture) -> str:
    return capsys.readouterr().out


def test_nothing_is_up(empty: Path, capsys: Capture):
    assert run(["kafka", "status"]) == 0
    assert said(capsys) == "no Kafka is up\n"
    assert run(["kafka", "down"]) == 0
    assert said(capsys) == "no Kafka was up\n"
    assert run(["kafka", "status", "--json"]) == 0
    assert json.loads(said(capsys)) == {"format": "eoscheck-kafka/1", "kafkas": []}
    assert run(["kafka"]) == 0
    assert "eoscheck kafka up" in said(capsys)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["up", "--kafka", "4.1.2:tv4"], "eoscheck: no Kafka 'tv4' in '4.1.2:tv4'; did you mean 'tv2'?"),
        (["up", "--kafka", "3.9.1:tv2"], "eoscheck: Kafka 3.9.1 has no transaction.version 2"),
        (["down", "--kafka", "hom"], "eoscheck: no Kafka 'hom'; did you mean 'home'?"),
        (["up", "--brokers", "0"], "eoscheck kafka up: invalid value for '--brokers'"),
        (["upp"], "eoscheck kafka: no such command 'upp'"),
    ],
)
def test_bad_input_is_one_line_and_2(empty: Path, capsys: Capture, arguments: list[str], line: str):
    assert run(["kafka", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith(line)
    assert error.count("\n") == 1


def test_without_java_up_is_2(empty: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JAVA_HOME", str(empty))
    assert run(["kafka", "up", "--kafka", "4.1.2"]) == 2
    assert "where there is no bin/java" in capsys.readouterr().err


def test_a_damaged_record_is_cleaned_away(empty: Path, capsys: Capture):
    record = empty / "up" / "4.1.2.json"
    record.parent.mkdir()
    record.write_text("{")
    assert run(["kafka", "status"]) == 0
    assert said(capsys) == "no Kafka is up\n"
    assert not record.exists()


@pytest.mark.kafka
def test_up_stays_up_until_down(ready: Path, capsys: Capture):
    assert run(["kafka", "up", "--kafka", "4.1.2:tv1", "--json"]) == 0
    first = json.loads(said(capsys))
    one = first["kafkas"][0]
    assert (first["started"], one["flavour"], one["features"]["transaction.version"]) == (
        True,
        "4.1.2:tv1",
        1,
    )
    time.sleep(3 * guard.GLANCE)  # the guard has looked in between
    assert run(["kafka", "up", "--kafka", "4.1.2:tv1"]) == 0
    assert said(capsys).startswith("already up: Kafka 4.1.2:tv1")
    assert run(["kafka", "up", "--kafka", "4.1.2:tv1", "--brokers", "3"]) == 2
    assert "is up with 1 broker" in capsys.readouterr().err
    assert run(["kafka", "status"]) == 0
    line = said(capsys)
    assert f"bootstrap {one['bootstrap']}   transaction.version 1   pid {one['pids'][0]}   for " in line
    attached = provider.choose(bootstrap=one["bootstrap"]).start()
    assert (attached.version, attached.ours) == ("4.1.2", False)
    folder = Path(kept.records()[0].folder)
    assert run(["kafka", "down"]) == 0
    assert said(capsys) == "down: Kafka 4.1.2:tv1\n"
    assert not folder.exists()
    assert not guard.alive(one["pids"][0], guard.birth(one["pids"][0]) or "")


@pytest.mark.kafka
def test_one_that_died_is_cleaned_away(ready: Path, capsys: Capture):
    assert run(["kafka", "up", "--kafka", "4.1.2:tv1"]) == 0
    one = kept.records()[0]
    os.killpg(one.pids[0], signal.SIGKILL)
    end = time.monotonic() + 5
    while one.pids and time.monotonic() < end:
        time.sleep(0.02)
    assert run(["kafka", "status", "--json"]) == 0
    assert json.loads(said(capsys).partition("\n")[2])["kafkas"] == []
    assert not Path(one.folder).exists()
    assert not one.file.exists()
