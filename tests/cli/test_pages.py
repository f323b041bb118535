"""Pages from the commands: where they go, what is said of it, and what is refused before a search begins."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from eoscheck.cli.main import run

Write = Callable[..., str]
Capture = pytest.CaptureFixture[str]


def test_explore_writes_the_page_beside_what_it_prints(write: Write, capsys: Capture, world: Path):
    assert run(["explore", write("a", "lost: 1"), "--html", "deep/report.html", "--json"]) == 1
    out, err = capsys.readouterr()
    assert err == "wrote deep/report.html\n" and json.loads(out)["verdict"] == "violated"
    page = (world / "deep/report.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>") and "no-duplicates@shelf/3" in page
    assert [path.name for path in (world / "deep").iterdir()] == ["report.html"]


def test_simulate_writes_one_too_and_does_not_say_that_anything_holds(write: Write, world: Path):
    assert run(["simulate", write("a", "lost: 0"), "--walks", "3", "--html", "report.html"]) == 3
    page = (world / "report.html").read_text("utf-8")
    assert "Simulation, nothing is proven." in page and page.count('<tr class="undecided">') == 2
    assert "<dt>seed</dt><dd>0</dd>" in page


def test_a_page_that_cannot_be_written_is_refused_before_the_search(
    write: Write, capsys: Capture, world: Path
):
    (world / "file").write_text("")
    for place in (".", "file/report.html"):
        assert run(["explore", write("a", "lost: 1"), "--html", place]) == 2
        assert capsys.readouterr().err == f"eoscheck explore: {place!r} cannot be written\n"
    assert not (world / ".eoscheck").exists()


@pytest.mark.parametrize("how", [["--format", "html", "-o", "trace.page"], ["-o", "trace.html"]])
def test_show_writes_the_page_of_a_trace(write: Write, capsys: Capture, world: Path, how: list[str]):
    run(["explore", write("a", "lost: 1"), "--quiet"])
    capsys.readouterr()
    assert run(["show", ".eoscheck/a/no-duplicates@shelf.json", *how]) == 0
    assert capsys.readouterr() == ("", f"wrote {how[-1]}\n")
    assert "no-duplicates@shelf is violated in 3 steps" in (world / how[-1]).read_text("utf-8")
