"""`eoscheck replay` and `eoscheck export`: what they print, and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eoscheck.cli.main import run
from eoscheck.cli.replay import exit_code
from eoscheck.gen.replay.replayer import Report

ROOT = Path(__file__).resolve().parents[2]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Traces: one that replays, one that no release fits, one that cannot be forced."""
    folder = tmp_path_factory.mktemp("traces")
    for path, name in (
        ("stores/insert-in-transaction", "no-duplicates"),
        ("protocol/b1-hanging-txn-broken", "no-hanging-transaction"),
        ("hazards/a3-acks1-failover-broken", "no-loss"),
        ("protocol/b6-epoch-not-bumped-broken", "no-loss"),
    ):
        run(
            [
                "explore",
                str(ROOT / f"specs/{path}.yaml"),
                "--property",
                name,
                "-q",
                "--out",
                str(folder / path),
            ]
        )
    return folder


@pytest.fixture
def good(folder: Path) -> str:
    return str(folder / "stores/insert-in-transaction/no-duplicates@ledger.json")


@pytest.fixture
def unforced(folder: Path) -> str:
    return str(folder / "hazards/a3-acks1-failover-broken/no-loss@orders.json")


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch, capsys: Capture, folder: Path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    capsys.readouterr()


@pytest.mark.kafka
def test_a_replay_shows_each_step_with_what_was_answered(good: str, capsys: Capture):
    assert run(["replay", good]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "  1   enricher-1     polls input 1 (offset 0 of orders-0)\n" in out
    assert "Fetch orders-0 at 0 -> input 1\n" in out and "ledger: enricher-1: INSERT input 1\n" in out
    assert "  3 ! group:enricher FAULT pause: enricher-1 is paused" in out
    assert "observer: everything is seen as predicted\n" in out
    assert f"✓ as predicted    {good}   7 steps, " in out
    assert [line for line in out.splitlines() if len(line) > 80 and good not in line] == []


@pytest.mark.kafka
def test_another_kafka_than_the_specs_is_said_to_be_one_and_differs(folder: Path, capsys: Capture):
    trace = str(folder / "protocol/b1-hanging-txn-broken/no-hanging-transaction@orders.json")
    assert run(["replay", trace, "--kafka", "3.9.1"]) == 5
    out = " ".join(capsys.readouterr().out.split())
    assert "not the Kafka of the spec: verify produce: the spec says no, this Kafka yes" in out
    assert "predicted NONE, got INVALID_PRODUCER_EPOCH steps not made: 1 ✗ DIVERGED" in out
    assert "diverged at step 16: shop: late: Produce" in out


@pytest.mark.kafka
def test_several_as_json(good: str, unforced: str, capsys: Capture):
    assert run(["replay", good, unforced, "--json", "--every-step"]) == 3
    data = json.loads(capsys.readouterr().out)
    assert data["format"] == "eoscheck-replay/1" and data["kafka"] == "Kafka 3.9.1, transaction.version 0"
    first, second = data["traces"]
    assert (first["trace"], first["property"], first["outcome"]) == (
        good,
        "no-duplicates@ledger",
        "as predicted",
    )
    assert first["steps"] == 7 and first["timeline"]
    assert (second["outcome"], second["kafka"], second["timeline"]) == ("cannot be forced", None, [])


def test_what_cannot_be_forced_needs_no_kafka(
    folder: Path, unforced: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "")
    unfit = str(folder / "protocol/b6-epoch-not-bumped-broken/no-loss@payments.json")
    assert run(["replay", "-q", unforced, unfit]) == 3
    first, second = capsys.readouterr().out.splitlines()
    assert first == (
        f"? not forced      {unforced}   its partitions have a follower,"
        " and replication between brokers is not steered"
    )
    assert second.startswith(f"? not forced      {unfit}   no tested Kafka does what its spec says: name one")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["replay", "GOOD", "--kafka", "3.9.x"], "no Kafka '3.9.x'; did you mean '3.9.1'?"),
        (["replay", "GOOD", "--kafka", "3.9.1", "--bootstrap", "h:1"], "say one of them"),
        (["replay", "GOOD", "--bootstrap", "localhost:1"], "no Kafka answers at localhost:1"),
        (["replay", "GOOD"], "no java in PATH"),
        (["replay", "none.json"], "none.json:1: No such file"),
        (["replay"], "missing argument 'TRACE...'"),
        (["replay", "STALE"], "explore again"),
        (["export", "STALE"], "explore again"),
        (["replay", "OTHER"], "its end does not violate no-loss@ledger"),
        (["export", "GOOD", "--fix", "none.yaml"], "none.yaml:1: no such file"),
        (["export", "GOOD", "-o", "/"], "'/' cannot be written"),
    ],
)
def test_bad_input_is_one_line(
    good: str,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    said: str,
):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    stale = json.loads(Path(good).read_text())
    stale["steps"][0]["label"] = "enricher-1.flies()"
    (tmp_path / "stale.json").write_text(json.dumps(stale))
    other = json.loads(Path(good).read_text()) | {"property": "no-loss@ledger"}
    (tmp_path / "other.json").write_text(json.dumps(other))
    names = {"GOOD": good, "STALE": str(tmp_path / "stale.json"), "OTHER": str(tmp_path / "other.json")}
    assert run([names.get(word, word) for word in words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and said in err


@pytest.mark.kafka
def test_a_database_that_nobody_runs_is_no_defect(good: str, capsys: Capture):
    assert run(["replay", good, "-q", "--postgres-dsn", "host=127.0.0.1 port=1"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "Connection refused" in err and "defect" not in err


def test_a_fix_that_is_none_is_refused_in_one_line(good: str, capsys: Capture):
    same = str(ROOT / "specs/stores/insert-in-transaction.yaml")
    assert run(["export", good, "--fix", same]) == 2
    assert capsys.readouterr().err == (
        f"eoscheck: --fix {same}: it does not fix no-duplicates@ledger, which is violated by the same schedule"
        " at step 7\n"
    )


def test_export_writes_the_same_bytes_again(good: str, tmp_path: Path, capsys: Capture):
    test = tmp_path / "deep/er/test_it.py"
    assert run(["export", good, "-o", str(test)]) == 0
    first = test.read_bytes()
    assert capsys.readouterr() == ("", f"wrote {test}\n")
    assert run(["export", good, "-o", str(test)]) == 0
    assert test.read_bytes() == first
    assert run(["export", good]) == 0
    assert "def test_no_duplicates_at_ledger_is_violated(kafka):" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (["as predicted"], 0),
        (["as predicted", "not reproduced"], 5),
        (["cannot be forced", "diverged"], 5),
        (["cannot be forced"], 3),
        (["as predicted", "cannot be forced"], 3),
    ],
)
def test_the_exit_code_is_the_worst_outcome(outcomes: list[str], code: int):
    assert exit_code([Report(outcome, None, "", 0.0) for outcome in outcomes]) == code
