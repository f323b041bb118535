"""The table says of every combination what `explore` says of a file with these settings, and sums it up exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eoscheck.checker.examine import examine, limits_of
from eoscheck.checker.matrix import Finding, Matrix, Row, explored, findings, grid, refusals
from eoscheck.checker.prepare import UnknownProperty, prepare
from eoscheck.checker.tracefile import read
from eoscheck.checker.verdict import PropertyVerdict
from eoscheck.gen.matrix.files import kept
from eoscheck.gen.replay.replayer import plan_trace
from eoscheck.model.source import SpecError
from eoscheck.model.vary import BadChange, change, variation
from hypothesis import given, settings
from hypothesis import strategies as st

SPEC = """\
# A producer
topics:
  orders: {{}}
producers:
  shop: {{to: orders, records: 1, config: {{{config}}}, position: {position}}}
faults: {{lost-response: 1, crash: 1}}
bounds: {{faults: 1}}
"""
BASE = SPEC.format(config="acks: all, enable.idempotence: true, transactional.id: t", position="none") + (
    "properties: [no-loss, no-duplicates, atomic-visibility]\nexpect: {atomic-visibility: holds, progress: holds}\n"
)
AXES = {
    "acks": ["0", "all", "1"],
    "enable.idempotence": ["true", "unset", "false"],
    "transactional.id": ["unset", "t"],
    "position": ["external", "none"],
}


def computed(path: Path, axes: dict[str, list[str]] = AXES, **how: Any) -> Matrix:
    whole = grid(str(path), [variation(f"{key}={','.join(values)}") for key, values in axes.items()])
    rows = sorted(explored(whole, **how), key=lambda row: row.number)
    return Matrix(str(path), "t", whole.settings, tuple(rows), len(whole.rows))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("matrix") / "base.yaml"
    file.write_text(BASE)
    return file


@pytest.fixture(scope="module")
def matrix(base: Path) -> Matrix:
    return computed(base, jobs=2)


def by_hand(row: Row) -> str:
    """The file that somebody would write with these settings."""
    config = ", ".join(f"{k}: {v}" for k, v in row.settings.items() if k != "position" and v != "unset")
    return SPEC.format(config=config, position=row.settings["position"])


def test_a_row_for_every_combination_in_the_order_of_the_columns(matrix: Matrix) -> None:
    assert len(matrix.rows) == matrix.total == 36 and matrix.complete
    assert [row.number for row in matrix.rows] == list(range(1, 37))
    assert list(matrix.rows[0].settings.values()) == ["0", "true", "unset", "external"]
    assert list(matrix.rows[-1].settings.values()) == ["1", "false", "t", "none"]


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_a_cell_is_what_explore_says_of_a_file_written_by_hand(
    matrix: Matrix, tmp_path_factory: Any, data: Any
) -> None:
    row = data.draw(st.sampled_from(matrix.rows))
    file = tmp_path_factory.mktemp("hand") / "hand.yaml"
    file.write_text(by_hand(row))
    if row.refused:
        with pytest.raises(SpecError) as caught:
            prepare(str(file))
        assert caught.value.message == row.refused
        return
    pipeline = prepare(str(file))
    found = examine(pipeline, limits_of(pipeline.spec)).result
    said = {p.name: (p.verdict, p.steps) for p in found.properties}
    assert row.verdicts
    assert {n: (v.verdict, v.steps) for n, v in row.verdicts.items() if n in said} == {
        name: verdict for name, verdict in said.items() if name in row.verdicts
    }


def test_properties_are_those_that_the_spec_names_wherever_they_exist(matrix: Matrix) -> None:
    bare = [{name.partition("@")[0] for name in row.verdicts} for row in matrix.rows if not row.refused]
    assert {"no-loss", "no-duplicates", "progress"} in bare
    assert {"no-loss", "no-duplicates", "progress", "atomic-visibility"} in bare
    assert len({frozenset(names) for names in bare}) == 2


def test_what_is_refused_is_a_row_with_the_reason_of_the_loader(matrix: Matrix) -> None:
    row = next(r for r in matrix.rows if list(r.settings.values()) == ["1", "true", "t", "none"])
    assert row.refused == "producers.shop.config: acks must be all when idempotence is enabled, and acks=1"
    assert not row.verdicts and row.same_as == 0


def test_combinations_that_come_to_the_same_are_explored_once(matrix: Matrix) -> None:
    """acks=1 switches idempotence off where nobody has asked for it."""
    silent, told = (
        next(r for r in matrix.rows if list(r.settings.values()) == ["1", idempotence, "unset", "none"])
        for idempotence in ("unset", "false")
    )
    assert silent.same_as == silent.number and told.same_as == silent.number
    assert told.verdicts == silent.verdicts and told.states == silent.states
    assert any("disable idempotence because acks=1" in note for note in silent.notes) and not told.notes


def test_several_at_a_time_say_the_same_as_one_after_the_other(matrix: Matrix, base: Path) -> None:
    some = {**AXES, "acks": ["all"], "enable.idempotence": ["true"]}
    one, two = computed(base, some, jobs=1), computed(base, some, jobs=2)
    assert one.rows == two.rows
    inside = [
        r for r in matrix.rows if (r.settings["acks"], r.settings["enable.idempotence"]) == ("all", "true")
    ]
    assert [{n: v.verdict for n, v in r.verdicts.items()} for r in one.rows] == [
        {n: v.verdict for n, v in r.verdicts.items()} for r in inside
    ]


def test_only_what_is_wanted_is_checked(base: Path) -> None:
    whole = grid(str(base), [variation("transactional.id=unset,t")], ["atomic-visibility"])
    names = [list(row.verdicts) for row in explored(whole)]
    assert names == [[], ["atomic-visibility@orders"]]
    with pytest.raises(UnknownProperty, match="did you mean 'no-loss'"):
        grid(str(base), [variation("transactional.id=unset,t")], ["no-los"])


def test_a_limit_leaves_a_row_undecided(base: Path) -> None:
    found = computed(base, {"position": ["none", "external"]}, states=5)
    assert {v.verdict for row in found.rows for v in row.verdicts.values()} == {"undecided"}
    assert found.exit_code == 3


def test_where_every_combination_is_refused_the_first_reason_is_the_error(base: Path) -> None:
    with pytest.raises(SpecError, match=r"base.yaml:5: .*acks=0"):
        grid(str(base), [variation("acks=0,1")])


def test_too_many_combinations_and_a_key_given_twice_are_refused(base: Path) -> None:
    with pytest.raises(BadChange, match="12,100 combinations are too many"):
        numbers = ",".join(map(str, range(1, 111)))
        grid(str(base), [variation(f"retries={numbers}"), variation(f"linger.ms={numbers}")])
    with pytest.raises(BadChange, match="acks is varied twice"):
        grid(str(base), [variation("acks=0,1"), variation("acks=all")])


def test_what_is_known_at_an_interruption_stands_in_its_own_row(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With several at a time, a later combination may be done while an earlier one is still under way."""

    def interrupted(work: Any, tasks: Any, jobs: int) -> Any:
        yield work(tasks[1])
        raise KeyboardInterrupt

    def collect(rows: list[Row]) -> None:
        for row in explored(whole):
            rows.append(row)

    monkeypatch.setattr("eoscheck.checker.matrix.in_order", interrupted)
    values = ("acks=0,all", "position=none,external", "linger.ms=1,2")
    whole = grid(str(base), [variation(v) for v in values])
    rows: list[Row] = []
    with pytest.raises(KeyboardInterrupt):
        collect(rows)
    assert [(row.number, bool(row.refused)) for row in rows] == [
        *((number, True) for number in (1, 2, 3, 4)),
        *((number, False) for number in (7, 8)),
    ]
    assert (rows[-1].same_as, rows[-1].verdicts) == (7, rows[-2].verdicts) and rows[-1].verdicts


def test_a_trace_carries_its_own_settings_and_can_be_planned_for_replay(base: Path, tmp_path: Path) -> None:
    whole = grid(str(base), [variation("transactional.id=unset,t"), variation("position=none")])
    known: dict[int, Row] = {}
    pages = [
        kept(row, tmp_path / "t", known, lambda trace: f"<p>{trace.property}") for row in explored(whole)
    ]
    file = Path(pages[0].verdicts["no-duplicates@orders"].trace or "")
    assert file == tmp_path / "t" / "1-no-duplicates@orders.json"
    trace = read(file)
    assert trace.spec["changes"] == ["transactional.id=unset", "position=none"]
    assert trace.spec["producers"][0]["config"]["transactional_id"] is None
    assert len(plan_trace(trace).steps) == len(trace.steps)
    assert Path(pages[0].pages["no-duplicates@orders"]).read_text() == "<p>no-duplicates@orders"
    again = examine(
        prepare(str(base), wanted=[trace.property], changes=[change(c) for c in trace.spec["changes"]]),
        limits_of(whole.specs[1]),
    )
    assert again.traces[trace.property].to_json() == trace.to_json()


# --- what it says


def cellular(words: str, refused: str) -> Matrix:
    """A grid of 3 x 2 x 2 whose rows have these verdicts: holds, violated, undecided, not there; or are refused."""
    axes = {"a": ("x", "y", "z"), "b": ("0", "1"), "c": ("p", "q")}
    kinds: dict[str, Any] = {"h": "holds", "v": "violated", "u": "undecided", "o": "vacuous"}
    rows = []
    for i, (word, no) in enumerate(zip(words, refused, strict=True)):
        values = {"a": axes["a"][i // 4], "b": axes["b"][i // 2 % 2], "c": axes["c"][i % 2]}
        cells = {"no-loss": PropertyVerdict("no-loss", "always", "", kinds[word])} if word in kinds else {}
        rows.append(
            Row(
                i + 1,
                values,
                "no" if no == "r" else "",
                0 if no == "r" else i + 1,
                verdicts={} if no == "r" else cells,
            )
        )
    return Matrix("s.yaml", "t", axes, tuple(rows), 12)


WORDS = st.text("hhvvuo-", min_size=12, max_size=12)
REFUSED = st.text("....r", min_size=12, max_size=12)


@settings(deadline=None)
@given(WORDS, REFUSED)
def test_a_finding_is_true_exactly_where_the_property_holds(words: str, refused: str) -> None:
    table = cellular(words, refused)
    accepted = [row for row in table.rows if not row.refused]
    for found in findings(table):
        assert [found.covers(row.settings) for row in accepted] == [
            found.subject in row.verdicts and row.verdicts[found.subject].verdict == "holds"
            for row in accepted
        ]
        assert (found.count, found.of) == (sum(found.covers(r.settings) for r in accepted), len(accepted))
        named = {key for where in found.where for key in where}
        assert named <= set(found.deciding)


@settings(deadline=None)
@given(WORDS, REFUSED)
def test_a_refusal_covers_all_that_is_refused_for_it_and_nothing_that_is_not(
    words: str, refused: str
) -> None:
    table = cellular(words, refused)
    table = replace(
        table, rows=tuple(replace(r, refused=r.refused and f"no {r.number % 2}") for r in table.rows)
    )
    for found in refusals(table):
        assert all(found.covers(row.settings) for row in table.rows if row.refused == found.subject)
        assert not any(found.covers(row.settings) for row in table.rows if not row.refused)


def test_of_a_table_that_is_not_complete_nothing_is_said() -> None:
    table = cellular("h" * 12, "." * 12)
    assert findings(table) == [Finding("no-loss", ({},), False, (), 12, 12)]
    assert (
        findings(replace(table, rows=table.rows[:5])) == refusals(replace(table, rows=table.rows[:5])) == []
    )
    assert replace(table, rows=table.rows[:5]).exit_code == 130


def test_an_exception_is_said_where_that_is_shorter() -> None:
    (found,) = findings(cellular("hhhhhhhhhhhv", "." * 12))
    assert found.except_ and found.where == ({"a": ("z",), "b": ("1",), "c": ("q",)},)
