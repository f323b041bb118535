"""`eoscheck prove`: each word that it answers, each exit code, and the file that it leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from eoscheck.cli.main import run

ROOT = Path(__file__).resolve().parents[2]
IDEMPOTENT = str(ROOT / "specs/delivery/producer-idempotent.yaml")
OFFSETS = str(ROOT / "specs/stores/offsets-in-store.yaml")
LOOP = str(ROOT / "specs/transactions/consume-process-produce.yaml")

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def test_what_is_proved_can_be_checked_again(folder: Path, capsys: Capture) -> None:
    assert run(["prove", IDEMPOTENT]) == 0
    out = capsys.readouterr().out
    assert out.count("✓ proved") == 4 and "proof.json" in out
    file = ".eoscheck/producer-idempotent/proof.json"
    assert run(["prove", "--check", file]) == 0
    assert "the proof holds" in capsys.readouterr().out
    assert run(["prove", "--check", file, "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert checked["holds"] and {o["failure"] for o in checked["obligations"]} == {None}


def test_a_proof_with_a_lemma_less_is_none(folder: Path, capsys: Capture) -> None:
    assert run(["prove", IDEMPOTENT, "-o", "p.json", "--property", "no-duplicates"]) == 0
    proof = json.loads(Path("p.json").read_text())
    assert proof["format"] == "eoscheck-proof/1" and proof["properties"] == ["no-duplicates@orders"]
    proof["lemmas"] = proof["lemmas"][::2]
    Path("p.json").write_text(json.dumps(proof))
    capsys.readouterr()
    assert run(["prove", "--check", "p.json"]) == 1
    out = capsys.readouterr().out
    assert "✗ FAILS" in out and "this is no proof (any more)" in out


def test_a_proof_is_one_of_its_own_spec_and_of_more_faults(folder: Path, capsys: Capture) -> None:
    assert run(["prove", IDEMPOTENT, "-o", "p.json", "--property", "no-duplicates"]) == 0
    assert json.loads(Path("p.json").read_text())["unlimited"] == ["lost-response", "lost-request"]
    assert "any number of lost-response, lost-request" in " ".join(capsys.readouterr().out.split())
    text = Path(IDEMPOTENT).read_text()
    Path("faults.yaml").write_text(text.replace("lost-response: 2", "lost-response: 5"))
    assert run(["prove", "--check", "p.json", "faults.yaml"]) == 0
    Path("records.yaml").write_text(text.replace("records: 2", "records: 3"))
    assert run(["prove", "--check", "p.json", "records.yaml"]) == 1


def test_what_is_violated_has_the_trace_of_a_search(folder: Path, capsys: Capture) -> None:
    assert run(["prove", OFFSETS, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in found["properties"]}
    broken = rows.pop("fencing@enricher")
    assert (broken["verdict"], broken["depth"], broken["reason"]) == ("violated", 5, "by Z3, and by search")
    assert {row["verdict"] for row in rows.values()} == {"proved"} and found["proof"]
    assert run(["show", broken["trace"]]) == 0
    assert "fencing@enricher is violated in 5 steps" in capsys.readouterr().out
    assert run(["explore", OFFSETS, "--out", "searched"]) == 1
    searched = json.loads(Path("searched/fencing@enricher.json").read_text())
    assert len(searched["steps"]) == 5


def test_without_a_search(capsys: Capture) -> None:
    assert run(["prove", OFFSETS, "--depth", "4"]) == 3
    assert capsys.readouterr().out.count("? holds up to depth 4") == 4
    assert run(["prove", OFFSETS, "--depth", "5", "--property", "fencing"]) == 1
    assert "at step 5, by Z3" in capsys.readouterr().out


def test_time_that_is_up_is_never_a_proof(capsys: Capture) -> None:
    assert run(["prove", LOOP, "--property", "exactly-once", "--seconds", "1"]) == 3
    assert "? undecided" in capsys.readouterr().out and not Path(".eoscheck").exists()
    assert run(["prove", LOOP, "--depth", "60", "--property", "exactly-once", "--seconds", "2"]) == 3
    assert "then the time was up" in " ".join(capsys.readouterr().out.split())


def test_what_is_never_asked_for_is_vacuous(world: Path, capsys: Capture) -> None:
    Path("a.yaml").write_text("lost: 0\nproperties: empty-promise\n")
    assert run(["prove", "a.yaml"]) == 4
    assert "○ VACUOUS  empty-promise" in capsys.readouterr().out


def test_what_is_cut_is_not_vacuous(tmp_path: Path, capsys: Capture) -> None:
    """Behind a cut, a premise that was not met may be."""
    text = Path(LOOP).read_text().split("expect:")[0]
    (tmp_path / "cut.yaml").write_text(text.split("bounds:")[0] + "\nbounds: {log: 1, faults: 1}\n")
    assert run(["prove", str(tmp_path / "cut.yaml"), "--out", str(tmp_path)]) == 3
    out = capsys.readouterr().out
    assert "a transition is cut" in " ".join(out.split()) and "VACUOUS" not in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "eoscheck prove: missing argument 'SPEC'"),
        (["--check", "none.json"], "eoscheck: none.json:1: No such file or directory"),
        (["--check", "bad.json"], "eoscheck: bad.json:1: no proof: there is no"),
        (["--check", "bad.json", "--depth", "3"], "eoscheck prove: --check takes a proof as it is"),
        ([IDEMPOTENT, "-o", "."], "eoscheck prove: '.' cannot be written"),
        ([IDEMPOTENT, "--property", "no-los"], "did you mean 'no-loss'?"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], line: str, capsys: Capture) -> None:
    Path("bad.json").write_text("{}")
    assert run(["prove", *arguments]) == 2
    said = capsys.readouterr().err
    assert line in said and said.count("\n") == 1


def test_an_interrupt_leaves_what_was_found(folder: Path) -> None:
    command = [sys.executable, "-c", "from eoscheck.cli.main import main; main()", "prove", LOOP, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        next(line for line in process.stderr if "induction" in line)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    found = json.loads(out)
    assert found["interrupted"] and {row["reason"] for row in found["properties"]} == {"interrupted"}
