"""`eoscheck show` as a picture: what goes where, also of a pipeline that no diagram knows."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from eoscheck.cli.main import run

Write = Callable[..., str]
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
