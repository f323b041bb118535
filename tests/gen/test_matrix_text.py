"""What people read of a table: the screen, the Markdown, the CSV, the JSON and the page."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from eoscheck.checker.matrix import Matrix, Row
from eoscheck.checker.verdict import PropertyVerdict
from eoscheck.gen.matrix.forms import csv_text, json_text, markdown
from eoscheck.gen.matrix.page import matrix_html
from eoscheck.gen.matrix.text import matrix_text
from eoscheck.gen.screen import Style

SETTINGS = {"acks": ("0", "all"), "transactional.id": ("unset", "t-${instance}")}


def found(
    name: str, verdict: str, steps: int = 0, reason: str = "", trace: str | None = None
) -> PropertyVerdict:
    return PropertyVerdict(name, "always", "Says.", verdict, reason, steps, trace)  # type: ignore[arg-type]


def row(
    number: int, acks: str, id_: str, *cells: PropertyVerdict, refused: str = "", same_as: int = 0
) -> Row:
    verdicts = {cell.name: cell for cell in cells}
    same_as = 0 if refused else same_as or number
    return Row(
        number, {"acks": acks, "transactional.id": id_}, refused, same_as, verdicts=verdicts, notes=("odd",)
    )


ROWS = (
    row(
        1,
        "0",
        "unset",
        found("no-loss@a", "violated", 12, trace="t/1-no-loss@a.json"),
        found("order@a", "holds"),
    ),
    row(2, "0", "t-${instance}", refused="p.producer: acks must be all, and acks=0"),
    row(
        3,
        "all",
        "unset",
        found("no-loss@a", "holds"),
        found("order@a", "vacuous", reason="its premise was never met"),
    ),
    row(
        4,
        "all",
        "t-${instance}",
        found("no-loss@a", "holds"),
        found("fencing@p", "holds"),
        found("order@a", "holds"),
    ),
)
MATRIX = Matrix("a.yaml", "A | pipeline", SETTINGS, ROWS, 4)

SCREEN = """\
A | pipeline
  a.yaml   4 combinations, 1 refused, 3 explored

   acks  transactional.id  no-loss                order      fencing
1  0     unset             ✗ VIOLATED at step 12  ✓ holds    not asked
2  0     t-${instance}     refused                refused    refused
3  all   unset             ✓ holds                ○ VACUOUS  not asked
4  all   t-${instance}     ✓ holds                ✓ holds    ✓ holds

  Of what is not refused
  no-loss  holds where acks=all (2 of 3)
  order    holds where acks=0, or transactional.id=t-${instance} (2 of 3);
           vacuous in 1
  fencing  holds where transactional.id=t-${instance} (1 of 3); not asked in 2

  refused  where acks=0 and transactional.id=t-${instance} (1 of 4):
           p.producer: acks must be all, and acks=0

  trace      t/1-no-loss@a.json
             eoscheck show FILE tells what happens there
"""

NARROW = """\
A | pipeline
  a.yaml   4 combinations, 1
refused, 3 explored

  A  no-loss
  B  order
  C  fencing

  ✓ holds   ✗ n VIOLATED at step n
  ○ VACUOUS   – refused
  · not asked

   transactional.id  A     B  C

acks=0
1  unset             ✗ 12  ✓  ·
2  t-${instance}     –     –  –

acks=all
3  unset             ✓     ○  ·
4  t-${instance}     ✓     ✓  ✓
"""

MARKDOWN = """\
**A \\| pipeline**

a.yaml: 4 combinations, 1 refused, 3 explored

|  | `acks` | `transactional.id` | no-loss | order | fencing |
| --: | --- | --- | --- | --- | --- |
| 1 | `0` | `unset` | [✗ VIOLATED at step 12](<t/1-no-loss@a.json>) | ✓ holds | not asked |
| 2 | `0` | `t-${instance}` | refused | refused | refused |
| 3 | `all` | `unset` | ✓ holds | ○ VACUOUS | not asked |
| 4 | `all` | `t-${instance}` | ✓ holds | ✓ holds | ✓ holds |

- no-loss holds where acks=all (2 of 3)
- order holds where acks=0, or transactional.id=t-\\$\\{instance\\} (2 of 3); vacuous in 1
- fencing holds where transactional.id=t-\\$\\{instance\\} (1 of 3); not asked in 2
- refused where acks=0 and transactional.id=t-\\$\\{instance\\} (1 of 4): p.producer: acks must be all, and acks=0
"""


def test_the_screen_with_words_where_they_fit() -> None:
    assert matrix_text(MATRIX, Style(width=80)) == SCREEN


def test_the_screen_with_marks_and_shared_settings_above_where_they_do_not() -> None:
    assert matrix_text(MATRIX, Style(width=34)).startswith(NARROW)


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120])
def test_nothing_is_cut_at_any_width(width: int) -> None:
    text = matrix_text(MATRIX, Style(width=width))
    for word in (
        "transactional.id",
        "t-${instance}",
        "no-loss",
        "fencing",
        "VIOLATED",
        "VACUOUS",
        "not asked",
    ):
        assert word in text
    assert "…" not in text


def test_rows_that_are_all_refused_are_one_line() -> None:
    wide = tuple(
        replace(r, refused="no", verdicts={}, same_as=0) if r.settings["acks"] == "0" else r for r in ROWS
    )
    assert "\nacks=0\n1 to 2  – refused\n" in matrix_text(replace(MATRIX, rows=wide), Style(width=30))


def test_colour_is_the_styles_choice_and_changes_no_word() -> None:
    plain, colored = (matrix_text(MATRIX, Style(color=color, width=80)) for color in (False, True))
    assert "\x1b[" not in plain and "\x1b[31m" in colored.replace("\x1b[1;31m", "\x1b[31m")
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored).split() == plain.split()


def test_quiet_is_the_table_and_verbose_has_all_traces_and_notes() -> None:
    assert matrix_text(MATRIX, Style(quiet=True)).splitlines() == SCREEN.splitlines()[3:8]
    verbose = matrix_text(MATRIX, Style(verbose=True))
    assert "trace      t/1-no-loss@a.json" in verbose and "note  odd (row 1, 2, 3, 4)" in verbose


def test_an_undecided_cell_says_so_and_why() -> None:
    cells = found("no-loss@a", "undecided", reason="stopped at 5 states")
    matrix = replace(MATRIX, rows=(*ROWS[:3], row(4, "all", "t-${instance}", cells)))
    assert "? undecided" in matrix_text(matrix, Style())
    assert "4 no-loss@a  stopped at 5 states" in matrix_text(matrix, Style())
    assert "? undecided (stopped at 5 states)" in markdown(matrix, Path())
    assert "undecided in 1" in markdown(matrix, Path())


def test_an_interrupted_table_says_so_and_sums_nothing_up() -> None:
    for text in (
        matrix_text(replace(MATRIX, rows=ROWS[:2]), Style()),
        matrix_html(replace(MATRIX, rows=ROWS[:2]), Path()),
    ):
        assert "2 of 4 combinations" in text and "holds where" not in text and "nterrupted" in text


def test_a_property_of_several_sinks_has_a_column_of_its_own_for_each() -> None:
    rows = (
        row(
            1, "0", "unset", found("order@a", "holds"), found("order@b", "holds"), found("no-loss@a", "holds")
        ),
    )
    assert "order@a  order@b  no-loss" in matrix_text(replace(MATRIX, rows=rows), Style())


def test_the_markdown() -> None:
    assert markdown(MATRIX, Path()) == MARKDOWN


def test_links_are_as_the_file_has_them() -> None:
    assert "(<../t/1-no-loss@a.json>)" in markdown(MATRIX, Path("docs"))
    assert 'href="../t/1-no-loss%40a.json"' in matrix_html(MATRIX, Path("docs"))


def test_a_page_about_a_counterexample_is_linked_in_place_of_the_trace() -> None:
    rows = (replace(ROWS[0], pages={"no-loss@a": "t/1-no-loss@a.html"}), *ROWS[1:])
    for text in (
        markdown(replace(MATRIX, rows=rows), Path()),
        matrix_html(replace(MATRIX, rows=rows), Path()),
    ):
        assert ".html" in text and "no-loss@a.json" not in text and "no-loss%40a.json" not in text


def test_csv_holds_every_cell() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(MATRIX))))
    assert len(rows) == 4 and rows[0]["transactional.id"] == "unset"
    assert [r["no-loss"] for r in rows] == ["violated", "", "holds", "holds"]
    assert (rows[0]["no-loss steps"], rows[0]["no-loss trace"]) == ("12", "t/1-no-loss@a.json")
    assert rows[1]["refused"] == "p.producer: acks must be all, and acks=0"


def test_json_is_the_contract() -> None:
    data = json.loads(json_text(MATRIX))
    assert data["format"] == "eoscheck-matrix/1" and data["complete"] is True and data["combinations"] == 4
    assert data["settings"] == {"acks": ["0", "all"], "transactional.id": ["unset", "t-${instance}"]}
    cell = data["rows"][0]["cells"]["no-loss@a"]
    assert cell == {
        "verdict": "violated",
        "steps": 12,
        "reason": "",
        "trace": "t/1-no-loss@a.json",
        "page": None,
    }
    assert data["rows"][1]["refused"].startswith("p.producer") and data["rows"][1]["cells"] == {}
    assert data["findings"][0]["where"] == [{"acks": ["all"]}]
    assert json_text(MATRIX) == json_text(MATRIX)


class Tags(HTMLParser):
    """Every tag of a page, with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_is_a_table_with_scopes_that_needs_no_network() -> None:
    text = matrix_html(MATRIX, Path())
    tags = Tags(text).found
    scopes = [attributes.get("scope") for tag, attributes in tags if tag == "th"]
    assert scopes == ["col"] * 6 + ["row"] * 4
    assert [a["href"] for tag, a in tags if tag == "a"] == ["t/1-no-loss%40a.json", "#refused-1"]
    assert [a["id"] for tag, a in tags if "id" in a] == ["refused-1"]
    assert (
        not [tag for tag, a in tags if tag in ("script", "link", "img") or "src" in a] and "http" not in text
    )
    assert "prefers-color-scheme: dark" in text


def test_the_page_escapes_whatever_a_spec_says() -> None:
    text = matrix_html(replace(MATRIX, title="<script>x</script>"), Path())
    assert "<script>" not in text and "&lt;script&gt;" in text
