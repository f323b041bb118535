"""`eoscheck show`: what explore printed, again; as a picture, even of a pipeline that no diagram knows; in steps."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from eoscheck.cli.main import run

Write = Callable[..., str]
Capture = pytest.CaptureFixture[str]
TRACE = ".eoscheck/a/no-duplicates@shelf.json"


@pytest.fixture
def trace(write: Write) -> str:
    run(["explore", write("a", "lost: 1"), "--quiet"])
    return TRACE


@pytest.mark.parametrize("form, begin", [("mermaid", "sequenceDiagram\n"), ("plantuml", "@startuml\n")])
def test_show_prints_a_diagram_as_text(trace: str, form: str, begin: str, capsys: pytest.CaptureFixture[str]):
    capsys.readouterr()
    assert run(["show", trace, "--format", form]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(begin) and err == ""
    assert "FAULT lost-response: the answer is lost" in out and "records [0] → [0, 0]" in out


def test_show_writes_the_same_picture_as_it_prints(trace: str, world: Path, capsysbinary):
    capsysbinary.readouterr()
    for form in ("svg", "png"):
        assert run(["show", trace, "--format", form]) == 0
        printed = capsysbinary.readouterr().out
        assert run(["show", trace, "--format", form, "-o", f"out.{form}"]) == 0
        assert capsysbinary.readouterr() == (b"", f"wrote out.{form}\n".encode())
        assert (world / f"out.{form}").read_bytes() == printed
    assert printed.startswith(b"\x89PNG")
    steps = ElementTree.parse(world / "out.svg").getroot().iter("{http://www.w3.org/2000/svg}g")
    assert [g.get("id") for g in steps if g.get("data-step")] == ["step-1", "step-2", "step-3"]


def test_a_terminal_is_not_given_a_png(
    trace: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    terminal = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", terminal)
    assert run(["show", trace, "--format", "png"]) == 2
    said = capsys.readouterr().err
    assert said == "eoscheck show: a picture is not for a terminal: say where to write it, -o FILE\n"
    assert not terminal.buffer.getvalue()


SPEC = Path(__file__).resolve().parents[2] / "specs/stores/insert-in-transaction.yaml"


@pytest.mark.parametrize(
    ("keys", "steps"),
    [
        ("", [0]),
        ("q", [0]),
        ("n n\x7fq", [0, 1, 2, 3, 2]),
        ("G\nn", [0, 7, 7, 7]),
        ("4\np1\n", [0, 4, 3, 1]),
        ("99\ngp", [0, 7, 0, 0]),
        ("4x5\nq", [0, 5]),
        ("naaG", [0, 1, 1, 1, 7]),
    ],
)
def test_show_step_walks_as_the_keys_say(keys: str, steps: list[int], tmp_path: Path):
    command = [sys.executable, "-m", "eoscheck.cli.main"]
    if not list(tmp_path.iterdir()):
        subprocess.run([*command, "explore", SPEC, "-q", "--out", "."], cwd=tmp_path, capture_output=True)
    done = subprocess.run(
        [*command, "show", "no-duplicates@ledger.json", "--step"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        input=keys,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [int(n) for n in re.findall(r"── step (\d+) of 7", done.stdout)] == steps


def test_show_step_goes_with_nothing_else(capsys: Capture, tmp_path: Path):
    file = tmp_path / "t.json"
    assert run(["explore", str(SPEC), "-q", "--out", str(tmp_path)]) == 1
    file = tmp_path / "no-duplicates@ledger.json"
    capsys.readouterr()
    assert run(["show", str(file), "--step", "--format", "json"]) == 2
    assert "--step shows the trace in the terminal" in capsys.readouterr().err


def test_show_prints_what_explore_printed(write: Write, capsys: Capture, world: Path):
    run(["explore", write("a", "lost: 1")])
    printed = capsys.readouterr().out
    file = ".eoscheck/a/no-duplicates@shelf.json"
    assert run(["show", file]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[2:8] == printed.splitlines()[16:22]
    assert run(["show", file, "--format", "json"]) == 0
    assert capsys.readouterr().out == (world / file).read_text()
    assert run(["show", file, "-o", "out.txt"]) == 0
    assert capsys.readouterr() == ("", "wrote out.txt\n") and (world / "out.txt").read_text() == shown


def test_the_command_that_found_a_trace_is_the_one_that_is_named(tmp_path: Path, capsys: Capture):
    """Also of a random walk."""
    assert run(["simulate", str(SPEC), "--walks", "400", "--seed", "3", "-q", "--out", str(tmp_path)]) == 1
    found = capsys.readouterr().out
    for trace in sorted(tmp_path.glob("*.json")):
        assert run(["show", str(trace)]) == 0
        last = capsys.readouterr().out.splitlines()[-1]
        assert "eoscheck simulate" in last and "--seed 3" in last and last in found.splitlines()


def test_devices_pipes_and_links_stay_what_they_are(tmp_path: Path, capsys: Capture):
    assert run(["explore", str(SPEC), "-q", "--out", str(tmp_path)]) == 1
    trace = str(tmp_path / "no-duplicates@ledger.json")
    (tmp_path / "target.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "target.txt")
    assert run(["show", trace, "-o", str(tmp_path / "link.txt")]) == 0
    assert (tmp_path / "link.txt").is_symlink() and "violated in 7 steps" in (
        tmp_path / "target.txt"
    ).read_text()
    assert run(["show", trace, "-o", "/dev/null"]) == 0
    assert not Path("/dev/null").is_file()
    capsys.readouterr()
    assert run(["show", trace, "-o", "-"]) == 0
    assert "violated in 7 steps" in capsys.readouterr().out
