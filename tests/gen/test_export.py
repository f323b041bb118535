"""Traces as pytest files: word for word for one, and for many that they are Python that formatters leave alone."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.examine import examine
from eoscheck.checker.prepare import prepare
from eoscheck.checker.search import Limits
from eoscheck.gen.export import Source, exported, pipeline_line, signs
from eoscheck.gen.literals import call, literal
from eoscheck.gen.replay.fixing import NoFix, fixed_plan, follow
from eoscheck.gen.replay.replayer import Plan, plan_trace
from eoscheck.model.loader import load
from eoscheck.model.pipeline import build

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "exported"
SMALL = (
    "specs/hazards/a1-retry-without-idempotence-broken.yaml",
    "specs/hazards/a3-acks1-failover-broken.yaml",
    "specs/hazards/a13-db-write-in-loop-offset-broken.yaml",
    "specs/hazards/a14-lookup-divergence-broken.yaml",
    "specs/hazards/a17-outbox-relay-broken.yaml",
    "specs/hazards/a20-offset-outside-txn-broken.yaml",
    "specs/hazards/a22-shared-transactional-id-broken.yaml",
    "specs/protocol/b1-hanging-txn-broken.yaml",
    "specs/protocol/b4-delayed-marker-broken.yaml",
    "specs/protocol/b6-epoch-not-bumped-broken.yaml",
)


@pytest.fixture(autouse=True)
def _in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def traces(spec: str) -> dict[str, Trace]:
    return examine(prepare(spec), Limits()).traces


def source(name: str, *more: str) -> Source:
    return Source(
        f"{name}.json", "0123456789ab", ["eoscheck", "export", f"{name}.json", "-o", "test_it.py", *more]
    )


def text_of(trace: Trace, fix: Plan | None = None) -> str:
    return exported(trace, plan_trace(trace), source(trace.property), fix)


def fixed(trace: Trace) -> Plan | None:
    try:
        return fixed_plan(trace, trace.spec["path"].replace("-broken", "-fixed"))
    except NoFix:
        return None


def test_a_test_file_is_what_people_would_write():
    trace = traces("specs/stores/insert-in-transaction.yaml")["no-duplicates@ledger"]
    assert text_of(trace) == (GOLDEN / "insert_in_transaction.py").read_text("utf-8")


def test_a_fix_adds_a_test_of_what_it_guarantees():
    trace = traces("specs/hazards/a8-commit-before-process-broken.yaml")["no-loss@ledger"]
    fix = fixed_plan(trace, "specs/hazards/a8-commit-before-process-fixed.yaml")
    text = text_of(trace, fix)
    assert text == (GOLDEN / "commit_before_process.py").read_text("utf-8")
    assert text.count("\ndef test_") == 2


def test_many_are_python_that_formatters_leave_alone(tmp_path: Path):
    number = 0
    for spec in SMALL:
        for trace in traces(spec).values():
            fix = fixed(trace)
            text = text_of(trace, fix)
            assert text == text_of(trace, fix)
            compile(text, trace.property, "exec")
            number += 1
            (tmp_path / f"test_{number}.py").write_text(text, "utf-8")
    assert number >= 20
    for width in ("88", "110"):
        ruff("format", "--check", "--line-length", width, folder=tmp_path)
    ruff("check", "--select", "E,F,I,B,UP,SIM,RUF,D3", "--line-length", "110", folder=tmp_path)


def ruff(*words: str, folder: Path) -> None:
    command = [sys.executable, "-m", "ruff", *words, "--isolated", "--no-cache", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_step_is_told_with_its_number():
    trace = traces("specs/hazards/a20-offset-outside-txn-broken.yaml")["no-duplicates@payments"]
    text = text_of(trace)
    for step in trace.steps:
        assert f"        # {step.number:>2}  " in text
    assert "FAULT crash: enricher crashes" in text


def test_what_cannot_be_forced_is_skipped_and_says_why():
    trace = next(iter(traces("specs/hazards/a3-acks1-failover-broken.yaml").values()))
    text = text_of(trace)
    assert 'reason="its partitions have a follower, and replication between brokers is not steered"' in text
    assert "kafka.run" not in text and "#  1  " in text


def test_a_spec_that_no_tested_kafka_fits_says_so():
    trace = next(iter(traces("specs/protocol/b6-epoch-not-bumped-broken.yaml").values()))
    text = text_of(trace)
    assert "kafka=None)" in text and "which no tested release behaves like" in text


def test_a_cycle_is_marked():
    trace = traces("specs/hazards/a22-shared-transactional-id-broken.yaml")["progress@payments"]
    assert trace.lasso and trace.lasso["length"]
    assert "#     from here on, for ever:\n" in text_of(trace)


def test_names_in_a_trace_cannot_become_code():
    trace = traces("specs/stores/insert-in-transaction.yaml")["no-duplicates@ledger"]
    evil = 'x"""\nimport os\n\\'
    spec = {**trace.spec, "title": evil}
    told = replace(trace, spec=spec, says=evil, witness={"sentence": evil, "facts": {}})
    text = text_of(told)
    compile(text, "told", "exec")
    assert "\nimport os" not in text
    assert sorted(line for line in text.splitlines() if line.startswith("import")) == ["import pytest"]


def test_variables_are_names_of_python_and_differ():
    from eoscheck.gen.export import _Names
    from eoscheck.gen.replay.calls import Call

    made = [
        Call("client", "class", "starts"),
        Call("client", "1st", "starts"),
        Call("client", "a-b", "starts"),
        Call("client", "a.b", "starts"),
        Call("store", "run", "insert"),
        Call("group", "a-b", "is_disturbed"),
        Call("transaction", "a-b", "times_out"),
    ]
    step: Any = SimpleNamespace(calls=made)
    setting = [Call("run", "run", c.kind, (c.who,)) for c in made if c.kind != "transaction"]
    plan: Any = SimpleNamespace(steps=[step], setting=setting)
    names = _Names(plan)
    found = [names.of(c) for c in made]
    assert found == ["class_client", "client_1st", "a_b", "a_b_client", "run_store", "a_b_group", "txn_a_b"]


def test_literals_and_calls_are_spread_only_where_they_do_not_fit():
    assert (
        literal({"a": [1, None, True], "it's": 'say "so"'})
        == """{"a": [1, None, True], "it's": 'say "so"'}"""
    )
    assert call(4, "run.f", ["x"], {"n": 1}) == ['    run.f("x", n=1)']
    assert call(4, "run.f", ["x" * 80], {"n": 1}) == [
        "    run.f(",
        f'        "{"x" * 80}",',
        "        n=1,",
        "    )",
    ]


def test_a_pipeline_is_told_on_one_line():
    line = pipeline_line(load("specs/hazards/a17-outbox-relay-broken.yaml"))
    assert line == (
        "orders -> intake x 2 (offsets after-processing) -> outbox (outbox); "
        "events -> billing (offsets after-processing) -> ledger (insert); outbox (relay: serial) -> events"
    )


@pytest.mark.parametrize(
    ("anomaly", "kept", "lost", "found"),
    [
        ([1, 1], [1], False, True),
        ([1], [1, 1], False, False),
        ([], [1], False, False),
        ([], [1], True, True),
        ([1], [1], True, False),
    ],
)
def test_a_sign_of_an_anomaly_is_not_an_earlier_moment(
    anomaly: list[int], kept: list[int], lost: bool, found: bool
):
    seen = signs({"stores": {"l": {"rows": anomaly}}}, {"stores": {"l": {"rows": kept}}}, "l", lost=lost)
    assert seen == ({"stores": {"l": {"rows": anomaly}}} if found else {})


# --- the schedule under the fix


def test_a_schedule_is_followed_and_then_comes_to_rest():
    trace = traces("specs/hazards/a17-outbox-relay-broken.yaml")["no-loss@ledger"]
    labels = [step.label for step in trace.steps]
    spec = load("specs/hazards/a17-outbox-relay-fixed.yaml")
    followed = follow(spec, "no-loss@ledger", labels)
    assert [label for label in followed if label in labels][: len(labels)] == labels
    pipeline = build(spec)
    plan = fixed_plan(trace, spec.path)
    assert [step.label for step in plan.steps] == followed
    assert plan.must_see["stores"]["ledger"]["rows"] == [1, 2]
    assert pipeline.spec == plan.spec


@pytest.mark.parametrize(
    ("broken", "name", "fix", "said"),
    [
        (
            "a9-commit-after-process-broken",
            "no-duplicates@ledger",
            "a9-commit-after-process-broken",
            "does not fix",
        ),
        ("a3-acks1-failover-broken", "no-loss@orders", "a3-acks1-failover-fixed", "cannot be replayed"),
        (
            "a17-outbox-relay-broken",
            "no-loss@ledger",
            "a19-torn-read-fixed",
            "has no property no-loss@ledger",
        ),
        (
            "a1-retry-without-idempotence-order-broken",
            "order@orders",
            "a1-retry-without-idempotence-order-fixed",
            "never comes to rest",
        ),
    ],
)
def test_what_is_no_fix_is_refused(broken: str, name: str, fix: str, said: str):
    trace = traces(f"specs/hazards/{broken}.yaml")[name]
    with pytest.raises(NoFix, match=said) as refusal:
        fixed_plan(trace, f"specs/hazards/{fix}.yaml")
    assert "\n" not in str(refusal.value)
