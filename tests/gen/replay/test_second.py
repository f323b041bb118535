"""The second judge: the history of a replay is what really happened, and whoever contradicts it is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from eoscheck.checker.audit.history import Abort, Committed, End, History, Log, Read, Row, Send
from eoscheck.checker.audit.judge import Audit, Judgement
from eoscheck.checker.examine import examine, limits_of
from eoscheck.checker.prepare import prepare
from eoscheck.cli.main import run
from eoscheck.gen.replay.replayer import Plan, plan_trace, replay
from eoscheck.gen.replay.second import disagreements
from eoscheck.gen.replay.testbed import Testbed

SPECS = Path(__file__).resolve().parents[3] / "specs"
Capture = pytest.CaptureFixture[str]


def plan_of(spec: str, name: str) -> Plan:
    subject = prepare(str(SPECS / f"{spec}.yaml"))
    return plan_trace(examine(subject, limits_of(subject.spec)).traces[name])


def result(**verdicts: str) -> Audit:
    rows = tuple(Judgement(name.replace("_", "-"), verdict) for name, verdict in verdicts.items())  # type: ignore[arg-type]
    return Audit(History("x", ()), rows)


def test_judges_differ_where_one_says_violated_and_the_other_does_not() -> None:
    assert disagreements(result(order="holds", no_loss="violated"), ["no-loss"]) == []
    assert disagreements(result(order="vacuous"), []) == []
    assert disagreements(result(order="violated"), []) == ["order: the model says kept, the audit violated"]
    assert disagreements(result(order="undecided"), ["order"]) == [
        "order: the model says violated, the audit undecided"
    ]
    assert disagreements(result(), ["no-loss@ledger"]) == [
        "no-loss@ledger: the model says violated, the audit does not judge it"
    ]


def test_the_audit_speaks_of_atomic_visibility_once_for_all_readers() -> None:
    found = result(atomic_visibility="violated")
    assert disagreements(found, ["atomic-visibility@a", "atomic-visibility@b"]) == []


def test_a_plan_ends_with_what_the_model_says_and_what_it_is_judged_by() -> None:
    judgement = plan_of("hazards/a8-commit-before-process-broken", "no-loss@ledger").judgement
    assert judgement.verb == "must_be_judged"
    assert judgement.keywords == {
        "violated": ["no-loss@ledger"],
        "origins": {"orders-0": [1]},
        "due": {1: ["ledger"]},
    }


@pytest.mark.kafka
def test_a_history_holds_what_kafka_and_the_store_really_did(testbeds: Callable[[str], Testbed]) -> None:
    report = replay(testbeds("3.9.1"), plan_of("stores/insert-in-transaction", "no-duplicates@ledger"))
    assert report.good and report.history is not None
    assert any(line.endswith("violated: no-duplicates@ledger") for line in report.timeline)
    events = report.history.events
    assert [(e.partition, e.value, e.offset) for e in events if isinstance(e, Send)] == [("orders-0", 1, 0)]
    assert [(e.store, e.value) for e in events if isinstance(e, Row)] == [("ledger", 1), ("ledger", 1)]
    assert {e.store or e.partition for e in events if isinstance(e, End)} == {"ledger", "payments-0"}
    assert [e.event for e in events] == list(range(2, len(events) + 2))


@pytest.mark.kafka
def test_transactions_are_those_of_the_clients(testbeds: Callable[[str], Testbed]) -> None:
    """A commit that comes late ends the next transaction, which its client aborts."""
    report = replay(
        testbeds("3.9.1"), plan_of("protocol/b3-delayed-endtxn-broken", "atomic-visibility@payments")
    )
    assert report.good and report.history is not None
    events = report.history.events
    sent = [e for e in events if isinstance(e, Send) and e.partition == "payments-0"]
    assert len({e.transaction for e in sent}) == len(sent) == 2
    looked = {e.offset: e.marker for e in events if isinstance(e, Log) and e.partition == "payments-0"}
    gone = {e.transaction for e in events if isinstance(e, Abort)}
    told = {e.transaction for e in events if isinstance(e, Committed)}
    torn = [e for e in sent if (looked[e.offset or 0] == "commit") == (e.transaction in gone)]
    assert torn or any(e.transaction in told and looked[e.offset or 0] == "abort" for e in sent)


@pytest.mark.kafka
def test_a_reader_is_recorded_with_offsets(testbeds: Callable[[str], Testbed]) -> None:
    report = replay(testbeds("3.9.1"), plan_of("hazards/a18-aborted-read-broken", "atomic-visibility@audit"))
    assert report.good and report.history is not None
    reads = [e for e in report.history.events if isinstance(e, Read)]
    assert reads and all(r.offset is not None and r.marker in ("none", "abort", "commit") for r in reads)


@pytest.mark.kafka
def test_a_model_that_says_otherwise_is_contradicted(testbeds: Callable[[str], Testbed]) -> None:
    plan = plan_of("stores/insert-in-transaction", "no-duplicates@ledger")
    wrong = replace(plan.judgement, keywords={**plan.judgement.keywords, "violated": ["no-loss@ledger"]})
    report = replay(testbeds("3.9.1"), replace(plan, judgement=wrong))
    assert report.outcome == "judges differ"
    assert report.text == (
        "the judges differ: no-duplicates@ledger: the model says kept, the audit violated; no-loss@ledger:"
        " the model says violated, the audit vacuous (not judged: nothing was due there)"
    )


@pytest.mark.kafka
def test_histories_are_kept_to_be_audited(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = str(SPECS / "hazards/a8-commit-before-process-broken.yaml")
    assert run(["explore", spec, "--property", "no-loss", "-q", "--out", "traces"]) == 1
    trace = "traces/no-loss@ledger.json"
    assert run(["replay", trace, "--history", "kept", "-q"]) == 0
    capsys.readouterr()
    assert run(["audit", "kept/no-loss@ledger-1.jsonl", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert [r["name"] for r in data["guarantees"] if r["verdict"] == "violated"] == ["no-loss@ledger"]
    assert run(["conform", spec, "--traces", "2", "--history", "many", "--json", "-q"]) == 0
    audited = json.loads(capsys.readouterr().out)["results"][0]["audited"]
    assert len(list((tmp_path / "many").iterdir())) == audited >= 2


def test_a_folder_that_cannot_be_written_is_said_at_once(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "file").write_text("")
    assert run(["replay", "none.json", "--history", str(tmp_path / "file" / "x")]) == 2
    assert "cannot be written" in capsys.readouterr().err
