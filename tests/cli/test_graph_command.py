"""The command `graph`: its formats, its files, what it refuses."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from eoscheck.cli.main import run

Write = Callable[..., str]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")


def test_dot_goes_to_the_terminal_and_nothing_else(write: Write, capsys: Capture) -> None:
    assert run(["graph", write("a", "lost: 1")]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.startswith("digraph states {\n") and out.endswith("}\n")
    assert "violates no-duplicates" in out


@pytest.mark.parametrize(
    ("file", "begin"),
    [
        ("x.svg", b"<svg "),
        ("x.PNG", b"\x89PNG"),
        ("x.graphml", b"<graphml "),
        ("x.gv", b"digraph"),
        ("x", b"digraph"),
    ],
)
def test_the_name_of_the_file_says_the_format(
    write: Write, world: Path, capsys: Capture, file: str, begin: bytes
) -> None:
    assert run(["graph", write("a", "lost: 1"), "-o", f"deep/{file}"]) == 0
    assert (world / "deep" / file).read_bytes().startswith(begin)
    assert capsys.readouterr() == ("", f"wrote deep/{file}\n")


def test_format_decides_over_the_name(write: Write, world: Path) -> None:
    assert run(["graph", write("a", "lost: 1"), "-o", "x.svg", "--format", "dot"]) == 0
    assert (world / "x.svg").read_text().startswith("digraph")


def test_svg_and_png_can_be_piped(write: Write, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    a = write("a", "lost: 1")
    assert run(["graph", a, "--format", "svg"]) == 0
    ElementTree.fromstring(capfdbinary.readouterr().out)
    assert run(["graph", a, "--format", "png"]) == 0
    assert capfdbinary.readouterr().out.startswith(b"\x89PNG")


def test_a_png_is_not_written_to_a_terminal(
    write: Write, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run(["graph", write("a", "lost: 1"), "--format", "png"]) == 2
    out, err = capsys.readouterr()
    assert (
        out == ""
        and err == "eoscheck graph: a picture is not for a terminal: say where to write it, -o FILE\n"
    )


def test_a_graph_that_is_not_complete_is_drawn_and_undecided(write: Write, capsys: Capture) -> None:
    assert run(["graph", write("a", "lost: 0", "records: 9"), "--max-states", "4"]) == 3
    assert "INCOMPLETE: the search ended at 4 states" in capsys.readouterr().out
    assert run(["graph", write("b", "lost: 0", "states: 3")]) == 3


def test_the_property_that_is_asked_for_is_shown(write: Write, capsys: Capture) -> None:
    a = write("a", "lost: 1", "records: 9")
    assert run(["graph", a, "--property", "all-sent", "--max-nodes", "40"]) == 0
    assert "all-sent is met in 18 steps" in capsys.readouterr().out
    assert run(["graph", a, "--property", "no-loss@shelf", "--max-nodes", "9"]) == 0
    out = capsys.readouterr().out
    assert "no-loss@shelf: not violated" in out and "the first 9 of" in out


def test_a_property_of_ones_own_has_a_counterexample_too(write: Write, world: Path, capsys: Capture) -> None:
    (world / "mine.py").write_text(
        "from eoscheck.model.language import Witness, always\n\n\n@always\ndef never_two(pipeline):\n"
        '    return Witness("two") if pipeline.sender.at == 2 else None\n'
    )
    assert run(["graph", write("a", "lost: 0"), "--properties", "mine.py", "--property", "never-two"]) == 0
    assert "never-two is violated in 4 steps" in capsys.readouterr().out


def test_a_projection_is_drawn(write: Write, capsys: Capture) -> None:
    assert run(["graph", write("a", "lost: 1"), "--project", "sender.phase"]) == 0
    out = capsys.readouterr().out
    assert "13 states, seen through sender.phase" in out and "phase SENT" in out
    assert "steps that change nothing of this are left out" in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--project", "sendr"], "eoscheck graph: nothing is called 'sendr'; did you mean 'sender'?"),
        (["--property", "all-snt"], "no property 'all-snt' in a.yaml; did you mean 'all-sent'?"),
        (["--format", "pgn"], "eoscheck graph: invalid value for '--format'"),
        (["-o", "x.sgv"], "eoscheck graph: 'x.sgv' ends with no format"),
        (["-o", "x.html"], "ends with no format; known: gv, dot, graphml, svg, png (or say --format)"),
        (["-o", "a.yaml/x.svg"], "eoscheck graph: 'a.yaml/x.svg' cannot be written"),
        (["--max-nodes", "1"], "eoscheck graph: invalid value for '--max-nodes'"),
        (["--around", "-1"], "eoscheck graph: invalid value for '--around'"),
        (["--projct", "x"], "eoscheck graph: no option '--projct'; did you mean '--project'?"),
    ],
)
def test_2_bad_input_is_one_line(
    write: Write, world: Path, capsys: Capture, arguments: list[str], line: str
) -> None:
    assert run(["graph", write("a", "lost: 1"), *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and line in err
    assert sorted(p.name for p in world.iterdir()) == ["a.yaml"]


def test_an_unknown_name_is_answered_before_anything_is_searched(write: Write) -> None:
    big = write("a", "records: 60", "lost: 60")
    assert run(["graph", big, "--project", "nobody"]) == 2


SPEC = Path(__file__).resolve().parents[2] / "specs/stores/insert-in-transaction.yaml"


def test_what_is_around_a_trace_is_drawn_without_a_search(tmp_path: Path, capsys: Capture) -> None:
    assert run(["explore", str(SPEC), "-q", "--out", str(tmp_path)]) == 1
    trace = str(tmp_path / "no-duplicates@ledger.json")
    capsys.readouterr()
    assert run(["graph", trace]) == 0
    alone = capsys.readouterr().out
    assert run(["graph", str(SPEC), "--property", "no-duplicates@ledger", "-q"]) == 0
    searched = capsys.readouterr().out
    edges = [[line for line in out.splitlines() if " -> " in line] for out in (alone, searched)]
    assert edges[0] == edges[1] and len(edges[0]) > 20
    assert "18,238 states in all" in searched and "states in all" not in alone
    assert run(["graph", trace, "--project", "ledger"]) == 2
    assert "--project and --property need the spec" in capsys.readouterr().err
