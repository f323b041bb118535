"""The table of guarantees of the page on it: it is what is printed, and what the page says that it teaches is in it."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from eoscheck.checker.matrix import Finding, Matrix, Row, explored, findings, grid, refusals
from eoscheck.checker.native.memory import cores
from eoscheck.gen.matrix.files import kept
from eoscheck.gen.matrix.text import matrix_text
from eoscheck.gen.screen import Style
from eoscheck.model.vary import variation

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/matrix.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def sample(page: str) -> tuple[list[str], str]:
    """The words of the command that a page shows, and what it shows of its output."""
    command, _, screen = (
        page.split("```\n$ eoscheck matrix ")[1].split("```")[0].replace("\\\n", "").partition("\n")
    )
    return shlex.split(command), screen


COMMAND, SCREEN = sample(PAGE)
RIGHT = {
    "acks": "all",
    "enable.idempotence": "true",
    "transactional.id": "enricher-${instance}",
    "offsets": "in-transaction",
    "isolation.level": "read_committed",
}


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """The table that the command of the page computes, with its traces in a folder."""
    spec, *words = COMMAND
    here = os.getcwd()
    try:
        os.chdir(ROOT)
        whole = grid(spec, [variation(word) for word in words if word != "--vary"])
        os.chdir(tmp_path_factory.mktemp("guarantees"))
        known: dict[int, Row] = {}
        folder = Path(".eoscheck/guarantees/matrix")
        rows = sorted(
            (kept(row, folder, known) for row in explored(whole, cores())), key=lambda row: row.number
        )
    finally:
        os.chdir(here)
    title = next(iter(whole.specs.values())).title
    return Matrix(spec, title, whole.settings, tuple(rows), len(whole.rows), 1.0)


def told(text: str) -> str:
    return re.sub(r"[\d.]+ s\b", "TIME", " ".join(text.split()))


def test_the_page_shows_what_is_printed(matrix: Matrix) -> None:
    assert matrix.total == 72
    assert told(SCREEN) == told(matrix_text(matrix, Style(width=80)))
    command, screen = sample(README)
    assert (command, told(screen)) == (COMMAND, told(SCREEN))


def broken(row: Row) -> set[str]:
    """Bare names of what is violated in a row."""
    return {v.name.partition("@")[0] for v in row.verdicts.values() if v.verdict == "violated"}


def with_(matrix: Matrix, **changes: str) -> Row:
    wanted = {**RIGHT, **{key.replace("_", "."): value for key, value in changes.items()}}
    return next(row for row in matrix.rows if row.settings == wanted)


def finding(matrix: Matrix, name: str) -> Finding:
    return next(f for f in findings(matrix) if f.subject.partition("@")[0] == name)


def test_exactly_once_is_one_combination(matrix: Matrix) -> None:
    accepted = [row for row in matrix.rows if not row.refused]
    sound = [row for row in accepted if {v.verdict for v in row.verdicts.values()} == {"holds"}]
    assert len(accepted) == 22 and [row.settings for row in sound] == [RIGHT] and sound[0].number == 55
    assert len(sound[0].verdicts) == 6
    assert finding(matrix, "order").count == 1


def test_half_of_it_is_the_readers(matrix: Matrix) -> None:
    row = with_(matrix, isolation_level="read_uncommitted")
    assert row.number == 56 and broken(row) == {"no-duplicates", "order", "atomic-visibility"}
    assert (row.verdicts["atomic-visibility@audit"].steps, row.verdicts["no-duplicates@audit"].steps) == (
        8,
        18,
    )


def test_a_transaction_around_the_output_only_is_no_more_than_before(matrix: Matrix) -> None:
    for id_, numbers in ((RIGHT["transactional.id"], (57, 59)), ("unset", (51, 53))):
        after = with_(matrix, transactional_id=id_, offsets="after-processing")
        before = with_(matrix, transactional_id=id_, offsets="before-processing")
        assert (after.number, before.number) == numbers
        assert broken(after) == {"no-duplicates", "order"} and broken(before) == {"no-loss", "order"}


def test_idempotence_is_about_the_retries_of_one_producer(matrix: Matrix) -> None:
    def doubles(offsets: str, idempotence: str) -> tuple[int, bool]:
        row = with_(matrix, transactional_id="unset", offsets=offsets, enable_idempotence=idempotence)
        return row.number, "no-duplicates" in broken(row)

    assert [doubles("before-processing", on) for on in ("true", "false")] == [(53, False), (65, True)]
    assert [doubles("after-processing", on) for on in ("true", "false")] == [(51, True), (63, True)]


def test_acks_alone_decides_durability(matrix: Matrix) -> None:
    durable, lossless = finding(matrix, "durability"), finding(matrix, "no-loss")
    assert durable.deciding == ("acks",) and durable.where == ({"acks": ("all",)},)
    assert lossless.where == ({"acks": ("all",), "offsets": ("in-transaction", "after-processing")},)
    assert (
        matrix.rows[38].settings["acks"] == "1" and matrix.rows[38].verdicts["durability@payments"].steps == 5
    )


def test_acks_0_never_doubles_by_retrying(matrix: Matrix) -> None:
    rows = [
        with_(
            matrix,
            acks=acks,
            enable_idempotence="false",
            transactional_id="unset",
            offsets="before-processing",
        )
        for acks in ("0", "1")
    ]
    assert [row.number for row in rows] == [17, 41]
    assert [{"no-loss", "no-duplicates"} & broken(row) for row in rows] == [
        {"no-loss"},
        {"no-loss", "no-duplicates"},
    ]


def test_every_sentence_is_true_exactly_where_it_should_be(matrix: Matrix) -> None:
    accepted = [row for row in matrix.rows if not row.refused]
    for found in findings(matrix):
        holding = [
            row.number for row in accepted if (v := row.verdicts.get(found.subject)) and v.verdict == "holds"
        ]
        assert [row.number for row in accepted if found.covers(row.settings)] == holding
    refused = {row.number for row in matrix.rows if row.refused}
    assert refused == {row.number for f in refusals(matrix) for row in matrix.rows if f.covers(row.settings)}
