"""Exported tests under pytest, each in a pytest of its own: on a real Kafka, on none, and where they fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from eoscheck.cli.main import run
from eoscheck.gen.replay.plugin import steps

ROOT = Path(__file__).resolve().parents[3]
FILE = "test_it.py"

Pytest = Callable[..., str]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two tests: a processor that commits before it processes loses an input, and its fix does not."""
    folder = tmp_path_factory.mktemp("exported")
    hazard = ROOT / "specs/hazards/a8-commit-before-process"
    run(["explore", f"{hazard}-broken.yaml", "--property", "no-loss", "-q", "--out", str(folder)])
    trace, test = str(folder / "no-loss@ledger.json"), folder / FILE
    assert run(["export", trace, "-o", str(test), "--fix", f"{hazard}-fixed.yaml"]) == 0
    return test.read_text("utf-8")


@pytest.fixture
def pytest_on(tmp_path: Path) -> Pytest:
    """pytest_on(text, "--kafka", "4.1.2") runs a file in a pytest of its own; gives what that prints."""

    def runs(text: str, *options: str, code: int = 0, **environment: str) -> str:
        (tmp_path / FILE).write_text(text, "utf-8")
        # The entry point is what is under test, so the plugin is not named here.
        command = [sys.executable, "-m", "pytest", "-rsfE", "-p", "no:cacheprovider", *options, FILE]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "200", **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return runs


@pytest.mark.kafka
def test_an_anomaly_shows_itself_and_the_fix_keeps_the_property(exported: str, pytest_on: Pytest):
    out = pytest_on(exported, "-v", "--require-kafka")
    assert "test_no_loss_at_ledger_is_violated[3.9.1] PASSED" in out
    assert "test_no_loss_at_ledger_is_kept_with_the_fix[3.9.1] PASSED" in out


@pytest.mark.kafka
def test_a_test_runs_on_every_kafka_that_is_named(exported: str, pytest_on: Pytest):
    out = pytest_on(exported, "-v", "--require-kafka", "--kafka", "3.9.1,4.1.2:tv1")
    assert "4 passed" in out and "is_violated[4.1.2:tv1] PASSED" in out


@pytest.mark.kafka
def test_the_three_failures_are_told_apart(exported: str, pytest_on: Pytest):
    """In one pytest: a step that goes otherwise, an end that does, and a fix that does not help."""
    anomaly, guarantee = exported.split("@pytest.mark.eos_guarantee")
    head, anomaly = anomaly.split("\n\n\n@pytest.mark.eos_anomaly")
    guarantee = f"@pytest.mark.eos_guarantee{guarantee}"
    anomaly = f"@pytest.mark.eos_anomaly{anomaly}"
    diverging = anomaly.replace("_is_violated", "_1").replace("stable=True, gives=1", "stable=True, gives=0")
    other_end = anomaly.replace("_is_violated", "_2").replace('"rows": []', '"rows": [1]')
    # A fix that writes nothing: the row is missing as it was without it.
    no_help = guarantee.replace('ledger.insert("billing", 1)', "assert ledger")
    out = pytest_on("\n\n\n".join([head, diverging, other_end, no_help]), "--require-kafka", code=1)
    failures = out.partition(" short test summary info ")[0]
    first, second, third = re.split(r"\n_{5,} test_\S+ _{5,}\n", failures)[1:]
    assert "E   Diverged: diverged at step 7: billing: committed offset of orders-0" in first
    assert 'billing.fetches_offset("orders-0", stable=True, gives=0)' in first
    assert (
        "E   NotReproduced: not reproduced: stores ledger rows: the model says [1], Kafka says []" in second
    )
    assert "E   GuaranteeViolated: guarantee violated, the anomaly shows in spite of the fix" in third
    assert "stores ledger rows: []" in third
    for failure in (first, second, third):
        assert "- timeline -" in failure and "OffsetCommit orders-0 offset 1 generation 1 -> NONE" in failure
        assert failure.count(f"{FILE}:") == 1 and "gen/replay" not in failure
    summary = [line for line in out.splitlines() if line.startswith("FAILED")]
    assert [line.split(" - ")[1].split(":")[0] for line in summary] == [
        "diverged at step 7",
        "not reproduced",
        "guarantee violated, the anomaly shows in spite of the fix",
    ]


@pytest.mark.kafka
def test_a_kafka_that_is_not_the_one_of_the_test_is_said_to_be_another(exported: str, pytest_on: Pytest):
    text = exported.replace("gives=1)", "gives=0)")
    out = pytest_on(text, "--require-kafka", "--kafka", "4.1.2", code=1)
    assert (
        "this ran on Kafka 4.1.2, transaction.version 2, and was written for 3.9.1: transaction.version:"
        in out
    )


@pytest.mark.kafka
def test_kafka_is_stopped_after_an_interrupt(exported: str, pytest_on: Pytest):
    begin = "        run.topic("
    lines = ("print('pid', kafka.testbed.cluster.brokers[0].pid, flush=True)", "raise KeyboardInterrupt")
    interrupt = "".join(f"        {line}\n" for line in lines)
    out = pytest_on(exported.replace(begin, interrupt + begin, 1), "-s", "--require-kafka", code=2)
    found = re.search(r"pid (\d+)", out)
    assert found and not Path(f"/proc/{found[1]}").exists()


def test_without_a_kafka_it_is_skipped_or_an_error(exported: str, pytest_on: Pytest):
    nowhere = {"PATH": "", "JAVA_HOME": ""}
    out = pytest_on(exported, **nowhere)
    assert "2 skipped" in out and out.count("no java in PATH: install Java 17 or later") == 2
    out = pytest_on(exported, "--require-kafka", code=1, **nowhere)
    assert "2 errors" in out and "no java in PATH" in out and "During handling" not in out


def test_without_the_packages_it_is_skipped(exported: str, pytest_on: Pytest, tmp_path: Path):
    (tmp_path / "conftest.py").write_text("import sys\nsys.modules['kio'] = None\n")
    assert out_of_two(pytest_on(exported), "a real Kafka needs more packages (kio")


def out_of_two(out: str, reason: str) -> bool:
    return "2 skipped" in out and reason in out


def test_where_no_tested_kafka_fits_it_is_skipped(exported: str, pytest_on: Pytest):
    text = exported.replace('kafka="3.9.1"', "kafka=None")
    assert out_of_two(pytest_on(text), "name one by --kafka or --bootstrap")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--kafka", "3.9.x"), "--kafka: no Kafka '3.9.x'; did you mean '3.9.1'?"),
        (("--kafka", "3.9.1", "--bootstrap", "localhost:1"), "say one of them"),
    ],
)
def test_a_mistake_in_the_options_is_told_at_once(tmp_path: Path, options: tuple[str, ...], said: str):
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 4 and done.stderr.startswith("ERROR: ") and said in done.stderr


def test_other_tests_of_a_project_are_left_alone(pytest_on: Pytest):
    assert "1 passed" in pytest_on("def test_nothing():\n    pass\n", "--kafka", "3.9.1", "--strict-markers")


def test_a_step_is_what_the_last_numbered_comment_says():
    lines = [
        "@mark",
        "def test_it(kafka):",
        "    run.begins()",
        "    #  1  it goes on",
        "    go_on()",
        "    # 10  FAULT crash: it",
        "    #     ends, after 3  blanks",
        "    end(",
        "        1,",
        "    )",
        "def test_other(kafka):",
        "    # 2 retries",
        "    begin()",
    ]
    assert steps(lines) == [0, 0, 0, 1, 1, 10, 10, 10, 10, 10, 0, 0, 0]


def test_the_plugin_costs_every_pytest_next_to_nothing():
    code = "import eoscheck.gen.replay.plugin, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    large = (
        "kio",
        "psycopg",
        "pydantic",
        "rich",
        "yaml",
        "confluent_kafka",
        "eoscheck.model",
        "eoscheck.checker",
    )
    assert [name for name in large if name in loaded] == []
