"""A page is one file, whatever the names in it: well-formed, small, the same every time, and asking for nothing."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pages
import pytest
import tinypipe
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.examine import examine
from eoscheck.checker.search import Limits
from eoscheck.checker.tracefile import read
from eoscheck.gen.page.case import cases, changes, shown
from eoscheck.gen.page.page import report_page, trace_page
from hypothesis import given, settings
from hypothesis import strategies as st

INLINE = {"a", "b", "code", "span", "strong", "small"}
VOID = {"meta", "link", "input", "br"}
LARGEST = 5_000_000


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed in order, no id is given twice, every link leads somewhere."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice: {names}"
        self.elements.append((tag, dict(attrs)))
        if tag not in INLINE:
            self.texts.append(("", " "))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data:
            self.texts.append((self.open[-1] if self.open else "", data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def all(self, attribute: str) -> list[str]:
        return [value or "" for _, a in self.elements if (value := a.get(attribute)) is not None]

    def tags(self) -> list[str]:
        """All but what diagrams are made of, which depends on how long words are."""
        drawn = {"svg", "g", "path", "line", "rect", "circle", "text", "tspan", "style", "title"}
        return [tag for tag, _ in self.elements if tag not in drawn]

    @property
    def text(self) -> str:
        return " ".join(
            "".join(data for within, data in self.texts if within not in ("style", "script")).split()
        )


def tiny() -> pages.Report:
    found = examine(tinypipe.build(tinypipe.spec("specs/tiny.yaml")), Limits())
    return dataclasses.replace(found.result, seconds=0.0), found.traces


def all_pages() -> dict[str, str]:
    found = {name: report_page(*report) for name, report in pages.reports().items()}
    found |= {
        f"{name} {t.property}": trace_page(t)
        for name, (_, ts) in pages.reports().items()
        for t in ts.values()
    }
    return {**found, "tiny": report_page(*tiny()), "many": report_page(*pages.large_report())}


@pytest.fixture(scope="module")
def readers() -> dict[str, Reader]:
    return {name: Reader(page) for name, page in all_pages().items()}


def test_every_page_is_well_formed_and_every_link_leads_to_a_place_on_it(readers: dict[str, Reader]):
    for name, reader in readers.items():
        ids = reader.all("id")
        assert len(ids) == len(set(ids)), name
        assert {link[1:] for link in reader.all("href") if link.startswith("#")} <= set(ids), name
        named = {
            i
            for a in ("aria-labelledby", "aria-describedby")
            for value in reader.all(a)
            for i in value.split()
        }
        assert named <= set(ids), name


def test_no_page_names_another_resource(readers: dict[str, Reader]):
    for reader in readers.values():
        assert not reader.all("src") and not reader.all("srcset") and not reader.all("data")
        assert {link for link in reader.all("href") if not link.startswith("#")} == {"data:,"}
        style = "".join(data for within, data in reader.texts if within == "style")
        assert "url(" not in style.replace("url(#", "") and "@import" not in style


def test_a_page_is_the_same_every_time_and_from_the_file_of_its_trace(tmp_path: Path):
    for name in ("a12", "b1", "a22"):
        result, traces = pages.report(name)
        assert report_page(result, traces) == report_page(result, dict(reversed(traces.items())))
        for trace in traces.values():
            (tmp_path / "t.json").write_text(trace.to_json())
            assert trace_page(read(tmp_path / "t.json")) == trace_page(trace)


def test_pages_stay_small():
    assert len(report_page(*pages.large_report()).encode()) < LARGEST
    assert len(trace_page(pages.long_trace()).encode()) < LARGEST


def test_a_report_says_verdicts_figures_bounds_what_never_fired_and_what_was_not_checked():
    text = Reader(report_page(*tiny())).text
    assert "✗ VIOLATED 3 properties: 1 violated, 2 hold. Search complete." in text
    for said in ("no-duplicates@shelf", "at step 3", "distinct states 13", "faults lost-response ≤ 1"):
        assert said in text
    assert "not checked: liveness (none asked)" in text and "checked: safety 1" in text
    assert "never(1)" in text and "Never fired" in text and "✓ reached all-sent" in text


def test_without_a_script_every_step_is_in_a_list_with_what_it_changed(readers: dict[str, Reader]):
    for name, (_, traces) in pages.reports().items():
        for trace in traces.values():
            text = readers[f"{name} {trace.property}"].text
            for step in trace.steps:
                assert step.sentence.removeprefix(f"{step.actor} ").replace("\n", " ") in text
            assert trace.witness["sentence"] in text
    assert (
        "ledger rows: 1 → 1, 2" in readers["a12-late-offset-commit-regress-broken no-duplicates@ledger"].text
    )


def test_what_led_to_it_is_told_in_short_and_the_rest_is_routine():
    (case,) = cases([pages.trace("a12", "no-duplicates")])
    assert case.trace.why is not None
    assert tuple(line.number for line in case.lines if not line.routine) == case.trace.why.chain
    text = Reader(trace_page(case.trace)).text
    for sentence in case.prose:
        assert str(sentence).replace("FAULT: in", "FAULT In") in text
    assert [line.number for line in case.lines if line.contradicts] == [13, 23]
    assert (3, "billing:wire.copies.offset") in case.lines[13].uses
    (unexplained,) = cases([dataclasses.replace(case.trace, why=None)])
    assert (
        not unexplained.folds
        and not unexplained.prose
        and not any(line.routine or line.uses for line in unexplained.lines)
    )


def test_a_lasso_says_where_it_begins_and_where_it_rests():
    (turning,) = cases([pages.trace("a22", "progress")])
    assert turning.trace.lasso is not None and turning.trace.lasso["length"] > 0
    assert [line.number for line in turning.lines if line.repeats] == [turning.trace.lasso["after"] + 1]
    assert "repeat for ever" in turning.ending
    (resting,) = cases([pages.trace("b1", "no-hanging")])
    assert "rests for ever" in resting.ending and not any(line.repeats for line in resting.lines)


def test_states_are_found_again_from_their_differences():
    for _, traces in pages.reports().values():
        for trace in traces.values():
            (case,) = cases([trace])
            state = json.loads(json.dumps(case.data["start"]))
            for step, kept in zip(trace.steps, case.data["steps"], strict=True):
                for section, place, thing, old, new in kept["seen"]:
                    assert state[section][place][thing] == old
                    state[section][place][thing] = new
                assert state == step.observation


words = st.sampled_from(["", "a", "b", "__proto__"])
values = st.none() | st.integers(0, 2) | st.lists(st.integers(0, 1), max_size=2)
observations = st.dictionaries(words, st.dictionaries(words, st.dictionaries(words, values, max_size=3)))


@given(observations, observations)
@settings(max_examples=60, deadline=None)
def test_changes_are_all_and_only_differences(before: Any, after: Any):
    for section, place, thing, old, new in changes(before, after):
        assert before.get(section, {}).get(place, {}).get(thing) == old != new
        assert after.get(section, {}).get(place, {}).get(thing) == new
    assert changes(after, after) == []


HOSTILE = st.one_of(
    st.text(min_size=1),
    st.sampled_from(
        ["</script>", "<!--", "-->", "]]>", "\u2028", '"onload="x', "'", "&lt;", "{{ 7*7 }}", "\ud800", "\0"]
    ),
    st.sampled_from(
        ["<script>alert(1)</script>", "</style>", "<img src=x onerror=x>", "javascript:x", "__proto__"]
    ),
).map(lambda s: s * 2)


def spoiled(trace: Trace, name: str) -> Trace:
    """A trace with this name wherever it has one."""
    seen = {name: {name: {name: [name], "records": [name]}}}
    return dataclasses.replace(
        trace,
        spec={"title": name, "path": name},
        property=name,
        says=name,
        initial={"variables": {name: name}, "observation": {}},
        steps=tuple(
            dataclasses.replace(
                step,
                actor=name,
                api=name,
                fault=name,
                sentence=name,
                changes={name: [None, name]},
                observation=seen,
            )
            for step in trace.steps[:2]
        ),
        witness={"sentence": name},
        why=None,
    )


@given(HOSTILE)
@settings(max_examples=150, deadline=None)
def test_no_name_can_be_anything_but_a_name(name: str):
    plain, hostile = (Reader(trace_page(spoiled(_short(), n))) for n in ("x", name))
    assert hostile.tags() == plain.tags()
    assert {n for _, a in hostile.elements for n in a} == {n for _, a in plain.elements for n in a}
    (data,) = (text for within, text in hostile.texts if text.startswith('{"start"') and within == "script")
    assert json.loads(data)["steps"][0]["changes"] == {name: [None, name]}
    assert not re.search("[<>]", data)
    trace_page(spoiled(_short(), name)).encode()


@given(HOSTILE)
@settings(max_examples=60, deadline=None)
def test_nor_in_a_report(name: str):
    def page(word: str) -> Reader:
        result, traces = pages.report("a19")
        rows = [dataclasses.replace(p, says=word, reason=word) for p in result.properties]
        rows[0] = dataclasses.replace(rows[0], name=word)
        spoilt = dataclasses.replace(
            result,
            spec=word,
            title=word,
            properties=tuple(rows),
            notes=(word,),
            actions={word: 1},
            never_fired=(word,),
            never_because={word: word},
            bounds={**result.bounds, "faults": {word: 1}, "instances": {word: 1}, "kafka": word},
        )
        return Reader(report_page(spoilt, {word: spoiled(next(iter(traces.values())), word)}))

    assert page(name).tags() == page("x").tags()


def _short() -> Trace:
    return pages.trace("a19", "atomic-read")


def test_a_trace_without_steps_is_a_page():
    trace = dataclasses.replace(_short(), steps=(), why=None)
    text = Reader(trace_page(trace)).text
    assert "in the initial state" in text and "It is so in the initial state." in text


def test_values_are_shown_in_words():
    assert shown([1, [2, {"a": None}]]) == "1, (2, (a: none))"
    assert shown({"1": [], "0": True}) == "0: true, 1: none" and shown("x") == "x"
