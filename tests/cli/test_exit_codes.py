"""Every exit code of the contract, each by a command that ends with it, and the line that goes with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tinypipe
from eoscheck.checker.commands import Program
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.counterexample import Defect
from eoscheck.checker.symbols import TraceError
from eoscheck.cli.main import run

Write = Callable[..., str]
Capture = pytest.CaptureFixture[str]
NUMBERS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])


def test_0_everything_holds(write: Write):
    assert run(["explore", write("a", "lost: 0")]) == 0


def test_1_a_property_is_violated(write: Write):
    assert run(["explore", write("a", "lost: 1")]) == 1


def test_3_a_limit_was_reached(write: Write):
    a = write("a", "lost: 0")
    assert run(["explore", a, "--max-states", "3"]) == 3
    assert run(["explore", a, "--depth", "2"]) == 3
    assert run(["explore", write("b", "lost: 0", "states: 3")]) == 3
    assert run(["simulate", a]) == 3


def test_3_what_the_spec_limits_the_command_line_can_widen(write: Write):
    assert run(["explore", write("b", "lost: 0", "states: 3"), "--max-states", "1000"]) == 0


def test_3_time_and_memory_are_limits_too(write: Write, capsys: Capture):
    big = write("a", "records: 60", "lost: 40", "properties: no-loss@shelf all-sent")
    for limit, said in ((["--seconds", "0.05"], "stopped after 0 s"), (["--memory", "1"], "limit of memory")):
        assert run(["explore", big, *limit]) == 3
        assert said in capsys.readouterr().out


def test_4_a_premise_was_never_met(write: Write):
    assert run(["explore", write("a", "lost: 0", "properties: empty-promise")]) == 4


def test_1_is_more_alarming_than_4(write: Write):
    assert run(["explore", write("a", "lost: 1", "properties: empty-promise no-duplicates@shelf")]) == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["explor", "a.yaml"], "eoscheck: no command 'explor'; did you mean 'explore'?"),
        (["explore", "a.yaml", "--jsn"], "eoscheck explore: no option '--jsn'; did you mean '--json'?"),
        (["explore"], "eoscheck explore: missing argument 'SPEC'"),
        (["explore", "a.yaml", "b"], "eoscheck explore: got unexpected extra argument (b)"),
        (["explore", "a.yaml", "--depth", "0"], "eoscheck explore: invalid value for '--depth'"),
        (["explore", "a.yaml", "--seconds", "nan"], "'--seconds': nan is not a finite number"),
        (["explore", "a.yaml", "--seconds", "inf"], "'--seconds': inf is not a finite number"),
        (["explore", "a.yaml", "--properties", "exits.py"], "eoscheck: exits.py:1: SystemExit: 3"),
        (["check", "a.yaml", "--junit", ""], "eoscheck check: '.' cannot be written"),
        (["check", "a.yaml", "--junit", "a.yaml/out.xml"], "'a.yaml/out.xml' cannot be written"),
        (["init", "."], "eoscheck init: '.' is a folder, not a file"),
        (["explore", "a.yaml", "--engine", "x"], "eoscheck explore: invalid value for '--engine'"),
        (["explore", "none.yaml"], "eoscheck: none.yaml:1: no such file"),
        (["explore", "bad.yaml"], "eoscheck: bad.yaml:2: unknown key 'lots 1'; did you mean 'lost'?"),
        (
            ["explore", "a.yaml", "--property", "no-los"],
            "no property 'no-los' in a.yaml; did you mean 'no-loss'?",
        ),
        (["explore", "a.yaml", "--property", "zzzz"], "known: no-duplicates@shelf, no-loss@shelf, all-sent"),
        (["explore", "a.yaml", "--out", "a.yaml"], "traces cannot be written to a.yaml"),
        (["check", "."], "no *.yaml in ."),
        (["check"], "eoscheck check: missing argument 'PATH...'"),
        (["show", "none.json"], "eoscheck: none.json:1: No such file or directory"),
        (["explain", "crahs"], "eoscheck explain: nothing is called 'crahs'; did you mean 'crash'?"),
        (["init", "a.yaml"], "eoscheck init: a.yaml exists; --force overwrites it"),
        (["--vers"], "eoscheck: no option '--vers'; did you mean '--version'?"),
        (["simulate", "a.yaml", "--seed", "x"], "eoscheck simulate: invalid value for '--seed'"),
    ],
)
def test_2_bad_input_is_said_in_one_line(
    write: Write,
    capsys: Capture,
    arguments: list[str],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    write("a", "lost: 0")
    write("bad", "lost: 0", "lots 1")
    (tmp_path / "exits.py").write_text("raise SystemExit(3)\n")
    if arguments == ["check", "."]:
        (tmp_path / "empty").mkdir()
        monkeypatch.chdir(tmp_path / "empty")
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and line in err and err.count("\n") == 1


def test_2_a_file_that_cannot_be_written_is_called_by_its_name(write: Write, world: Path, capsys: Capture):
    run(["explore", write("a", "lost: 1")])
    (world / "folder").mkdir()
    assert run(["show", ".eoscheck/a/no-duplicates@shelf.json", "-o", "folder"]) == 2
    assert capsys.readouterr().err == "eoscheck show: 'folder' cannot be written\n"


def test_a_check_works_where_the_system_does_not_say_which_cores_are_ours(
    write: Write, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS
    assert run(["check", write("a", "lost: 0")]) == 0


def raising(error: Exception) -> Callable[..., Any]:
    def build(*_: Any) -> Any:
        raise error

    return build


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            TraceError("app.send() (producer.py:3): no"),
            "a defect of eoscheck: app.send() (producer.py:3): no",
        ),
        (Defect("they disagree"), "a defect of eoscheck: they disagree"),
        (ZeroDivisionError("division by zero"), "a defect of eoscheck: ZeroDivisionError: division by zero"),
    ],
)
def test_70_a_defect_of_ours(
    write: Write, capsys: Capture, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
):
    a = write("a", "lost: 0")
    monkeypatch.setattr(sys.modules["eoscheck.model.pipeline"], "build", raising(error))
    assert run(["explore", a]) == 70
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"eoscheck: {said} (EOSCHECK_DEBUG=1 shows where)\n")
    assert run(["check", a, "--jobs", "1"]) == 70
    monkeypatch.setenv("EOSCHECK_DEBUG", "1")
    capsys.readouterr()
    assert run(["explore", a]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_70_z3_disagrees(write: Write, capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    """An engine that never sees the property hit."""
    a = write("a", "lost: 1", "properties: no-duplicates@shelf")
    right = Compiled.__init__

    def wrong(self: Compiled, program: Program) -> None:
        right(self, program)
        self.hits = lambda state, among=-1: 0

    monkeypatch.setattr(Compiled, "__init__", wrong)
    assert run(["explore", a, "--engine", "python"]) == 70
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("eoscheck: a defect of eoscheck: Z3 finds no-duplicates@shelf hit")
    assert "please report" in err and err.count("\n") == 1


def test_130_interrupted_before_anything_was_found(
    write: Write, capsys: Capture, monkeypatch: pytest.MonkeyPatch
):
    a = write("a", "lost: 0")
    monkeypatch.setattr(sys.modules["eoscheck.model.pipeline"], "build", raising(KeyboardInterrupt()))  # type: ignore[arg-type]
    assert run(["explore", a]) == 130
    assert capsys.readouterr().err.strip() == "eoscheck: interrupted"


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, tinypipe.__file__, *arguments]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


BIG = ("records: 60", "lost: 40", "properties: no-loss@shelf all-sent", "no-loss: holds")


@NUMBERS
@pytest.mark.parametrize("command", ["explore", "simulate"])
def test_130_a_signal_ends_it_with_the_figures_so_far(
    write: Write, world: Path, number: signal.Signals, command: str
):
    more = ["--walks", "100000000", "--depth", "1000"] if command == "simulate" else []
    process = started(world, command, write("a", *BIG), "--json", *more)
    time.sleep(1.5)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    result = json.loads(out)
    assert (result["verdict"], result["complete"], result["stopped"]) == ("undecided", False, "interrupted")
    assert result["states"] > 100 and "Traceback" not in err


@NUMBERS
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_130_a_check_ends_with_what_is_done(write: Write, world: Path, number: signal.Signals, jobs: str):
    write("a", "lost: 0", "no-loss: holds")
    write("b", *BIG)
    write("c", *BIG)
    process = started(world, "check", ".", "--jobs", jobs, "--junit", "out.xml")
    time.sleep(1.5)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "✓ expected  a.yaml" in out and "of 3 specs" in out and "Traceback" not in err
    assert (world / "out.xml").exists()
    with pytest.raises(ProcessLookupError):  # nothing of it lives on
        os.killpg(process.pid, 0)


def test_a_closed_pipe_is_silent(write: Write, world: Path):
    process = started(world, "explain")
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 0


def test_a_closed_pipe_does_not_change_the_verdict(write: Write, world: Path):
    process = started(world, "explore", write("a", "lost: 1"))
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("line", "code"), [("lost: 0", 0), ("lost: 1", 1), ("odd", 2)])
def test_a_closed_stream_does_not_change_the_exit_code(
    write: Write, world: Path, closed: str, line: str, code: int
):
    shell = ["sh", "-c", f'"$0" "$@" {closed}', sys.executable, tinypipe.__file__]
    done = subprocess.run([*shell, "explore", write("a", line)], cwd=world, capture_output=True, text=True)
    assert done.returncode == code
    assert done.stderr.count("\n") == (code == 2 and closed == ">&-") and "defect" not in done.stderr


@pytest.mark.parametrize(("line", "code"), [("lost: 0", 0), ("lost: 1", 1), ("odd", 2)])
def test_a_full_stderr_does_not_change_the_exit_code(write: Write, world: Path, line: str, code: int):
    shell = ["sh", "-c", '"$0" "$@" 2>/dev/full', sys.executable, tinypipe.__file__]
    words = ["explore", write("a", line), "--html", "a.html"]
    assert subprocess.run([*shell, *words], cwd=world, capture_output=True).returncode == code
    assert (world / "a.html").exists() is (code != 2)


@NUMBERS
def test_130_a_signal_while_it_starts(world: Path, number: signal.Signals):
    (world / "click.py").write_text(f"import signal\nsignal.raise_signal({number:d})\n")
    code = "from eoscheck.cli.main import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(world)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "eoscheck: interrupted\n")


@NUMBERS
def test_130_many_signals_are_one(write: Write, world: Path, number: signal.Signals):
    process = started(world, "simulate", write("a", *BIG), "--walks", "100000000", "--depth", "1000")
    time.sleep(1.5)
    for _ in range(50):
        process.send_signal(number)
        time.sleep(0.01)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err


@NUMBERS
@pytest.mark.parametrize(("arguments", "code"), [(["explain", "x"], 2), (["--version"], 0)])
def test_a_signal_after_the_outcome_changes_nothing(arguments: list[str], code: int, number: signal.Signals):
    lines = f"""
import signal
from eoscheck.cli import interrupts, main
def closed(fd, close=interrupts.os.close):
    close(fd)
    for _ in range(3):
        signal.raise_signal({number:d})
interrupts.os.close = closed
main.main()
"""
    done = subprocess.run([sys.executable, "-c", lines, *arguments], capture_output=True, text=True)
    assert done.returncode == code and "Traceback" not in done.stderr


def test_only_main_exits():
    module = [sys.executable, "-m", "eoscheck.cli.main"]  # it leaves signals ignored
    done = subprocess.run([*module, "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("eoscheck 0.")
