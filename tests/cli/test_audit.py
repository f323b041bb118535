"""`eoscheck audit`: what it prints, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from eoscheck.checker.audit import judge as judging
from eoscheck.checker.audit.rules import Question
from eoscheck.cli.main import run

ROOT = Path(__file__).resolve().parents[2]
Capture = pytest.CaptureFixture[str]

HEAD = {"format": "eoscheck-history/1"}
SENT = {
    "event": "send",
    "partition": "p-0",
    "value": 1,
    "transaction": "t",
    "acknowledged": True,
    "offset": 0,
}
READ = {"event": "read", "reader": "audit", "partition": "p-0", "value": 1, "offset": 0}
END = {"event": "end", "reader": "audit", "partition": "p-0"}
COMMITTED = {"event": "committed", "transaction": "t"}
ABORTED = {"event": "aborted", "transaction": "t"}


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)


def written(*events: dict[str, object]) -> str:
    Path("h.jsonl").write_text("".join(json.dumps(e) + "\n" for e in (HEAD, *events)))
    return "h.jsonl"


def test_0_explained(capsys: Capture) -> None:
    assert run(["audit", written(SENT, COMMITTED, READ, END)]) == 0
    assert "  ✓ holds  atomic-visibility\n" in capsys.readouterr().out


def test_1_a_contradiction_is_told_in_sentences(capsys: Capture) -> None:
    assert run(["audit", written(SENT, ABORTED, READ)]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert out.endswith(
        """
atomic-visibility is violated: A transaction is seen wholly or not at all, and
never if it was aborted.

    1   transaction t was aborted: its client was told so (line 3)
    2   audit was given 1 from offset 0 of p-0 (line 4): transaction t, which
        wrote it, was committed
    so  this cannot be explained together
"""
    )
    assert [line for line in out.splitlines() if len(line) > 80] == []


def test_1_what_a_reader_of_uncommitted_records_saw_is_no_contradiction(capsys: Capture) -> None:
    reader = {"event": "reader", "reader": "audit", "isolation": "read_uncommitted"}
    assert run(["audit", written(reader, SENT, ABORTED, READ)]) == 1
    assert capsys.readouterr().out.endswith(
        """
    1   transaction t was aborted: its client was told so (line 4)
    2   audit was given 1 from offset 0 of p-0 (line 5), and reads uncommitted
        records: it should have been given it only if transaction t, which
        wrote it, was committed
    so  with this, the guarantee cannot have been kept
"""
    )


@pytest.mark.parametrize(
    ("history", "line"),
    [
        ("none", "eoscheck: none:1: No such file or directory\n"),
        ("bad", "eoscheck: bad:2: unknown event 'sent'; did you mean 'send'?\n"),
    ],
)
def test_2_bad_input_is_one_line(capsys: Capture, history: str, line: str) -> None:
    Path("bad").write_text(json.dumps(HEAD) + '\n{"event": "sent"}\n')
    assert run(["audit", history]) == 2
    assert capsys.readouterr() == ("", line)


def test_2_an_unknown_guarantee_is_named(capsys: Capture) -> None:
    assert run(["audit", written(SENT, READ), "--property", "no-los"]) == 2
    assert capsys.readouterr().err == "eoscheck audit: no guarantee 'no-los'; did you mean 'no-loss'?\n"
    assert run(["audit", written(SENT, READ), "--property", "no-loss@audi"]) == 2
    assert "no-loss@audi: the history has nothing that it speaks of" in capsys.readouterr().err


def test_3_out_of_time(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", iter(range(10**6)).__next__)
    assert run(["audit", written(SENT, COMMITTED, READ, END), "--seconds", "0.5"]) == 3
    assert "? undecided provenance Z3 does not say: out of time" in " ".join(capsys.readouterr().out.split())


def test_130_what_was_judged_is_told(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    before, judged = judging._answered, list[str]()

    def impatient(question: Question, deadline: float) -> judging.Judgement:
        if judged:
            raise KeyboardInterrupt
        judged.append(question.name)
        return before(question, deadline)

    monkeypatch.setattr(judging, "_answered", impatient)
    path = written(SENT, COMMITTED, READ, END)
    assert run(["audit", path]) == 130
    out = capsys.readouterr().out
    assert f"✓ holds  {judged[0]}" in out and "interrupted: what is not named was not judged" in out
    judged.clear()
    assert run(["audit", path, "--json"]) == 130
    data = json.loads(capsys.readouterr().out)
    assert data["interrupted"] and data["verdict"] == "undecided" and len(data["guarantees"]) == 1
    assert run(["audit", path, "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["guarantees"] == []


def test_4_nothing_to_judge(capsys: Capture) -> None:
    assert run(["audit", written()]) == 4
    assert "nothing was sent or seen" in capsys.readouterr().out


def test_4_what_could_not_be_judged_is_said(capsys: Capture) -> None:
    assert run(["audit", written(SENT, COMMITTED, READ)]) == 4
    out = " ".join(capsys.readouterr().out.split())
    assert "○ VACUOUS no-loss@audit not judged: nothing says that it was read to its end" in out
    assert run(["audit", written(SENT, COMMITTED, READ), "--property", "atomic-visibility"]) == 0


def test_what_became_of_a_transaction_that_nobody_heard_of(capsys: Capture) -> None:
    other = {**SENT, "transaction": "u", "value": 2, "offset": 2}
    assert run(["audit", written(SENT, other, READ)]) == 4
    assert "not told  was committed: t; either, nothing tells: u" in capsys.readouterr().out


def test_atomic_read_is_asked_for(capsys: Capture) -> None:
    other = {"partition": "q-0", "value": 2}
    both = written(SENT, {**SENT, **other}, COMMITTED, READ, {**READ, **other}, END)
    assert run(["audit", both, "-q"]) == 0
    assert "atomic-read" not in capsys.readouterr().out
    assert run(["audit", both, "--atomic-read"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "and did not have the rest of transaction t then: 2 of q-0" in said


def test_as_json(capsys: Capture) -> None:
    assert run(["audit", written(SENT, ABORTED, READ), "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["format"], data["verdict"], data["events"]) == ("eoscheck-audit/1", "violated", 3)
    row = next(r for r in data["guarantees"] if r["name"] == "atomic-visibility")
    (finding,) = row["findings"]
    assert finding["events"] == [3, 4] and finding["smallest"] is True
    assert finding["because"][0] == "transaction t was aborted: its client was told so (line 3)"


def test_a_pipe_that_is_closed_early_is_no_error() -> None:
    command = [sys.executable, "-m", "eoscheck.cli.main", "audit", written(SENT, ABORTED, READ)]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert first.stdout is not None and first.stderr is not None
    first.stdout.close()
    assert first.stderr.read() == b""
    assert first.wait() in (0, 1)
    first.stderr.close()


def test_the_page_shows_what_the_command_prints(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """The example of docs/audit.md, its history and its output."""
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    Path("payments.jsonl").write_text(page.split("```json\n")[1].split("```")[0])
    assert run(["audit", "payments.jsonl"]) == 1
    shown = page.split("$ eoscheck audit payments.jsonl\n")[1].split("```")[0]
    assert without_time(shown) == without_time(capsys.readouterr().out)


def without_time(text: str) -> str:
    return " ".join(word for word in text.split() if not word.startswith("0."))
