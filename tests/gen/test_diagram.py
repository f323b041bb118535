"""Sequence diagrams: nothing of a trace is left out, nothing overlaps, and no text that a trace can hold breaks a
form."""

from __future__ import annotations

import dataclasses
import itertools
import re
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import everyspec
import pytest
from eoscheck.checker.counterexample import Step, Trace
from eoscheck.checker.files import cache
from eoscheck.gen.diagram import drawn
from eoscheck.gen.diagram.mermaid import mermaid
from eoscheck.gen.diagram.metrics import width
from eoscheck.gen.diagram.notes import Log
from eoscheck.gen.diagram.plantuml import plantuml
from eoscheck.gen.diagram.png import png
from eoscheck.gen.diagram.sequence import NOWHERE, Diagram, Event, sequence
from eoscheck.gen.diagram.svg import svg
from eoscheck.model.loader import load
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
VIOLATED = sorted(
    str(path.relative_to(ROOT / "specs").with_suffix(""))
    for path in (ROOT / "specs").rglob("*.yaml")
    if "violated" in dict(load(path).expect).values()
)
GOLDEN = {
    "insert-in-transaction": ("stores/insert-in-transaction", "no-duplicates@ledger"),
    "retries-for-ever": ("hazards/a1-retry-without-idempotence-order-fixed", "progress@orders"),
}
SVG = "{http://www.w3.org/2000/svg}"


Traces = dict[str, dict[str, Trace]]


@pytest.fixture(scope="module")
def traces() -> Traces:
    """The traces of each spec, by property."""
    found: Traces = defaultdict(dict)
    for (spec, name), trace in everyspec.traces().items():
        found[spec.removeprefix("specs/").removesuffix(".yaml")][name] = trace
    return found


def told(traces: Traces, spec: str, name: str) -> Diagram:
    return sequence(traces[spec][name])


# --- the data


@pytest.mark.parametrize("spec", VIOLATED)
def test_every_step_and_every_actor_is_there_and_nothing_overlaps(traces: Traces, spec: str) -> None:
    for trace in traces[spec].values():
        diagram = sequence(trace)
        check_data(diagram, trace)
        root = ElementTree.fromstring(svg(diagram))
        assert [g.get("data-step") for g in of_class(root, "step")] == [str(s.number) for s in trace.steps]
        assert [g.get("data-lane") for g in of_class(root, "lane")] == [lane.name for lane in diagram.lanes]
        check_texts(root)


def check_data(diagram: Diagram, trace: Trace) -> None:
    lanes = {lane.name for lane in diagram.lanes}
    assert len(lanes) == len(diagram.lanes)
    assert {step.actor for step in trace.steps} - {NOWHERE} <= lanes
    assert "other" not in {lane.kind for lane in diagram.lanes}, "every lane of a real pipeline is known"
    for event, step in zip(diagram.events, trace.steps, strict=True):
        assert (event.number, event.sentence, event.fault) == (step.number, step.sentence, step.fault)
        assert {end for arrow in event.arrows for end in (arrow.start, arrow.end)} <= lanes
        assert {event.lane, event.struck or event.lane} | {note.lane for note in event.notes} <= lanes
        if event.arrows:
            assert event.lane in {end for a in event.arrows for end in (a.start, a.end)}
        if step.api and step.fault != "delayed-marker":
            assert event.arrows, f"{step.label} is a request, and leads from one lane to another"


def of_class(root: ElementTree.Element, word: str) -> list[ElementTree.Element]:
    return [g for g in root.iter(f"{SVG}g") if word in g.get("class", "").split()]


Box = tuple[float, float, float, float, str]


def check_texts(root: ElementTree.Element) -> None:
    """No text lies upon another one, and none beyond the picture."""
    wide, high = float(root.get("width", 0)), float(root.get("height", 0))
    boxes = sorted(texts(root, 0, 0), key=lambda box: box[1])
    for left, top, right, bottom, said in boxes:
        assert left >= 0 <= top, said
        assert right <= wide and bottom <= high, said
    for i, (left, top, right, bottom, said) in enumerate(boxes):
        for other in itertools.takewhile(lambda box, below=bottom: box[1] < below, boxes[i + 1 :]):
            apart = other[0] >= right or other[2] <= left or other[3] <= top
            assert apart, f"{said!r} and {other[4]!r} overlap"


def texts(element: ElementTree.Element, x: float, y: float) -> Iterator[Box]:
    moved = re.fullmatch(r"translate\(([\d.]+) ([\d.]+)\)", element.get("transform", ""))
    x, y = (x + float(moved[1]), y + float(moved[2])) if moved else (x, y)
    if element.tag == f"{SVG}text":
        said, size = element.text or "", float(element.get("font-size", 0))
        room = width(said, size, bold=element.get("font-weight") == "600")
        left = (
            x
            + float(element.get("x", 0))
            - {"middle": room / 2, "end": room}.get(element.get("text-anchor", ""), 0)
        )
        base = y + float(element.get("y", 0))
        yield left, base - 0.7 * size, left + room, base + 0.2 * size, said
    for child in element:
        yield from texts(child, x, y)


# --- who speaks to whom


def arrows(event: Event) -> list[tuple[str, str, str]]:
    return [(arrow.start, arrow.how, arrow.end) for arrow in event.arrows]


def test_a_request_goes_out_is_handled_and_is_answered_in_three_steps(traces: Traces) -> None:
    events = told(traces, "delivery/producer-at-least-once", "no-duplicates@orders").events
    sent, handled = arrows(events[0]), arrows(events[1])
    assert (sent, handled) == ([("shop", "sent", "orders-0")], [("shop", "handled", "orders-0")])
    answered = [a for event in events for a in event.arrows if a.how == "answered"]
    assert all((a.start, a.end) == ("orders-0", "shop") for a in answered)


def test_a_lost_answer_never_comes(traces: Traces) -> None:
    events = told(traces, "hazards/a1-retry-without-idempotence-broken", "no-duplicates@orders").events
    (lost,) = [event for event in events if event.fault == "lost-response"]
    assert arrows(lost) == [("orders-0", "lost", "shop")]
    waiting = events[lost.number]
    assert "no answer" in waiting.sentence and not waiting.arrows


def test_a_paused_process_is_struck_on_its_own_lane(traces: Traces) -> None:
    events = told(traces, "stores/insert-in-transaction", "no-duplicates@ledger").events
    (pause,) = [event for event in events if event.fault]
    assert (pause.lane, pause.struck) == ("group:enricher", "enricher-1")
    assert arrows(events[pause.number]) == [("group:enricher", "call", "enricher-2")]


def test_a_crash_is_drawn_where_it_strikes(traces: Traces) -> None:
    diagram = told(traces, "delivery/chain", "no-duplicates@billing")
    (crash,) = [event for event in diagram.events if event.fault == "crash"]
    assert crash.lane == crash.struck == "billing"
    assert NOWHERE not in {lane.name for lane in diagram.lanes}


def test_markers_go_from_the_coordinator_to_the_partition_and_move_its_lso(traces: Traces) -> None:
    diagram = told(traces, "protocol/b4-delayed-marker-broken", "no-loss@payments")
    markers = [event for event in diagram.events if event.api == "WriteTxnMarkers" and not event.fault]
    for event in markers:
        assert [a.how for a in event.arrows] == ["call"]
        assert event.arrows[0].start == "txn:enricher"
        (log,) = [note for note in event.notes if isinstance(note, Log)]
        assert log.cells[-1].fate in ("commit", "abort") and log.last_stable_offset == len(log.cells)
    (late,) = [event for event in diagram.events if event.fault == "late-marker"]
    assert arrows(late) == [("txn:enricher", "handled", "group:enricher")]


def test_a_record_of_an_open_transaction_lies_behind_the_lso(traces: Traces) -> None:
    events = told(traces, "hazards/a29-indeterminate-commit-broken", "no-loss@refunds").events
    logs = [note for event in events for note in event.notes if isinstance(note, Log)]
    first = next(log for log in logs if log.place == "payments-0")
    assert [(cell.fate, cell.new) for cell in first.cells] == [("open", True)]
    assert first.last_stable_offset == 0
    assert {c.fate for log in logs for c in log.cells} == {"open", "committed", "commit", "aborted", "abort"}


def test_what_a_failover_cuts_off_is_shown(traces: Traces) -> None:
    events = told(traces, "hazards/a3-acks1-failover-broken", "durability@orders").events
    (log,) = [n for e in events if e.fault == "broker-failover" for n in e.notes if isinstance(n, Log)]
    assert [(cell.text, cell.fate) for cell in log.cells] == [("1", "cut")]
    assert (log.last_stable_offset, log.high_watermark) == (0, 0)


def test_a_lasso_is_framed_and_a_rest_is_said(traces: Traces) -> None:
    assert told(traces, *GOLDEN["retries-for-ever"]).lasso == (8, 10)
    assert told(traces, *GOLDEN["retries-for-ever"]).forever == "for ever: steps 8 to 10"
    rest = told(traces, "protocol/client-epoch-bump-broken", "progress@payments")
    assert rest.lasso and rest.lasso[0] > rest.lasso[1] == len(rest.events)


def test_lanes_stand_in_the_order_of_kafkas_parts(traces: Traces) -> None:
    diagram = told(traces, "hazards/a17-outbox-relay-broken", "no-duplicates@ledger")
    assert [lane.name for lane in diagram.lanes] == [
        *("intake-1", "outbox-relay", "billing", "group:billing"),
        *("orders-0", "events-0", "outbox", "ledger"),
    ]


# --- the picture


def test_steps_can_be_dimmed_and_marked(traces: Traces) -> None:
    trace = traces["stores/insert-in-transaction"]["no-duplicates@ledger"]
    diagram = sequence(trace, dimmed=frozenset({1}), marked=frozenset({2, 7}))
    steps = of_class(ElementTree.fromstring(svg(diagram)), "step")
    assert [g.get("data-step") for g in steps if g.get("opacity")] == ["1"]
    assert [g.get("data-step") for g in steps if "marked" in g.get("class", "")] == ["2", "7"]
    assert mermaid(diagram).count("rect") == 3 and plantuml(diagram).count("<color") >= 4


def test_an_embedded_picture_has_the_pages_colours_and_ids_of_its_own(traces: Traces) -> None:
    diagram = told(traces, *GOLDEN["insert-in-transaction"])
    alone, embedded = svg(diagram), svg(diagram, embedded=True, prefix="a-")
    assert "prefers-color-scheme: dark" in alone and "prefers-color-scheme" not in embedded
    assert 'id="a-step-7"' in embedded and 'id="step-7"' in alone
    assert "var(" not in svg(diagram, plain=True), "resvg knows no variables"
    root = ElementTree.fromstring(alone)
    assert root.get("role") == "img" and "violated in 7 steps" in root.get("aria-label", "")
    titles = [g.find(f"{SVG}title") for g in (*of_class(root, "step"), *of_class(root, "lane"))]
    assert all(t is not None and t.text for t in titles)


@pytest.mark.parametrize("zoom", [1, 2])
def test_a_png_is_as_large_as_its_svg_and_always_the_same(traces: Traces, zoom: int) -> None:
    picture = svg(told(traces, *GOLDEN["insert-in-transaction"]), plain=True)
    data = png(picture, zoom)
    root = ElementTree.fromstring(picture)
    asked = [float(root.get(side, 0)) * zoom for side in ("width", "height")]
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == pytest.approx(asked, abs=1)
    assert png(picture, zoom) == data


def test_the_text_of_a_png_is_drawn(traces: Traces) -> None:
    """Without a font resvg leaves texts out, and does not complain."""
    picture = svg(told(traces, *GOLDEN["insert-in-transaction"]), plain=True)
    assert png(picture, 1) != png(re.sub(r"<text.*?</text>", "", picture), 1)


def test_two_hundred_steps_are_drawn_with_heads_in_between(traces: Traces) -> None:
    trace = traces["hazards/a17-outbox-relay-broken"]["no-duplicates@ledger"]
    steps = [
        dataclasses.replace(step, number=i)
        for i, step in enumerate(itertools.islice(itertools.cycle(trace.steps), 200), 1)
    ]
    root = ElementTree.fromstring(svg(sequence(dataclasses.replace(trace, steps=tuple(steps)))))
    check_texts(root)
    heads = [t for t in of_class(root, "lane")[0].iter(f"{SVG}text") if t.text == "intake-1"]
    assert len(heads) >= 200 / 24


# --- texts


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("form", ["mermaid", "plantuml"])
def test_the_text_forms_are_what_they_were(traces: Traces, name: str, form: str) -> None:
    spec, prop = GOLDEN[name]
    expected = (Path(__file__).parent / "diagrams" / f"{name}.{form}").read_text("utf-8")
    assert drawn(traces[spec][prop], form) == expected


MERMAID = re.compile(
    r"sequenceDiagram|\s*(participant p\d+ as TEXT|Note over p\d+(,p\d+)?: TEXT|p\d+(->>|-->>|-\)|--\)|-x)p\d+: TEXT"
    r"|rect rgb\(\d+, \d+, \d+\)|loop TEXT|end)".replace("TEXT", r"([^;#\n]|#\w+;|<br/>)+")
)
PLANTUML = re.compile(
    r"@startuml|@enduml|hide footbox|skinparam [\w ]+|title TEXT|loop TEXT|end|participant nobody"
    r'|(participant|control|queue|database|entity|boundary) "TEXT" as p\d+'
    r"|p\d+ [-\[\]#\w]+>>?x? p\d+ : TEXT|[hr]?note (across|over p\d+(,p\d+)?)( #\w+)? : TEXT".replace(
        "TEXT", r'[^"\n]+'
    )
)


@pytest.mark.parametrize("form", ["mermaid", "plantuml"])
@pytest.mark.parametrize("spec", [spec for spec in VIOLATED if spec.startswith("protocol/")])
def test_every_line_of_a_text_is_one_of_its_language(traces: Traces, spec: str, form: str) -> None:
    for trace in traces[spec].values():
        text = str(drawn(trace, form))
        check_lines(text, MERMAID if form == "mermaid" else PLANTUML)
        read = re.sub(r"#(\d+);", lambda c: chr(int(c[1])), text)
        read = re.sub(r"<U\+(\w+)>", lambda c: chr(int(c[1], 16)), read)
        for event in sequence(trace).events:
            assert all(f": {note}\n" in read for note in event.notes)


def check_lines(text: str, grammar: re.Pattern[str]) -> None:
    assert text.endswith("\n")
    for line in text.splitlines():
        assert grammar.fullmatch(line), line
    opened = len(re.findall(r"^\s*(?:rect|loop) ", text, re.MULTILINE))
    assert opened == len(re.findall(r"^\s*end$", text, re.MULTILINE))


PLANTUML_JAR = "net.sourceforge.plantuml:plantuml:1.2024.8"


@pytest.fixture(scope="session")
def plantuml_jar() -> Path:
    """PlantUML itself, from Maven Central, kept in the cache."""
    folder = cache() / "plantuml"
    name, version = PLANTUML_JAR.split(":")[1:]
    jar = folder / f"{name}-{version}.jar"
    if not jar.exists():
        if not shutil.which("mvn"):
            pytest.skip("no mvn in PATH, to fetch PlantUML")
        copy = ["mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"]
        subprocess.run([*copy, f"-Dartifact={PLANTUML_JAR}", f"-DoutputDirectory={folder}"], check=True)
    return jar


@pytest.mark.kafka
def test_plantuml_accepts_every_text(traces: Traces, plantuml_jar: Path, tmp_path: Path) -> None:
    for i, trace in enumerate(trace for spec in VIOLATED for trace in traces[spec].values()):
        (tmp_path / f"{i}.puml").write_text(plantuml(sequence(trace)), "utf-8")
    java = [shutil.which("java") or "java", "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8"]
    checked = subprocess.run(
        [*java, "-jar", plantuml_jar, "-checkonly", tmp_path], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (tmp_path / "wrong.puml").write_text("@startuml\np1 => => p2\n@enduml\n")
    assert subprocess.run(
        [*java, "-jar", plantuml_jar, "-checkonly", tmp_path], capture_output=True
    ).returncode


# --- whatever a trace file holds

HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["end", "<b>&amp;", '"]]>', "a;b#c", "\x00\x1b[31m", "x" * 400, "style a:#35;", "~**__//", " "]
    ),
    st.sampled_from(
        ["\ud800", "\ufffe", "%%{init: {}}%%", "@enduml", "' note", "note\nend note", "漢字" * 30]
    ),
)


@st.composite
def hostile(draw: st.DrawFn) -> Trace:
    """A trace whose texts, names and values are anything that a trace file may hold."""
    name, other, text = draw(HOSTILE), draw(HOSTILE), draw(HOSTILE)
    value = draw(st.one_of(st.none(), st.integers(), HOSTILE, st.lists(HOSTILE, max_size=20)))
    seen: dict[str, Any] = {
        "partitions": {f"{other}-0": {"records": value, "outcomes": [text], "last_stable_offset": value}},
        "readers": {name: {other: value}},
        draw(HOSTILE): {other: {text: value, "rows": value}},
        "groups": {name: {"committed": value, "generation": value}},
        "transactions": {name: {"state": value}},
    }
    step = Step(
        number=1,
        actor=draw(st.sampled_from([name, NOWHERE])),
        action="poll",
        label=f"{name}.poll({text})",
        arguments={
            "process": other,
            "partition": draw(st.sampled_from([0, -1, other])),
            "wire": f"{name}:wire",
        },
        api=text,
        fault=draw(st.sampled_from([None, text])),
        sentence=text,
        changes={f"{name}:wire.phase": draw(st.sampled_from([[], ["IDLE", "SENT"], ["ANSWERED", "IDLE"]]))},
        ghost={},
        observation=draw(st.sampled_from([{}, seen])),
    )
    processor = {"name": name, "source": other, "to": draw(st.sampled_from([[other], None])), "store": text}
    return Trace(
        spec={
            "processors": [processor, text],
            "topics": [{"name": other, "partitions": draw(st.sampled_from([1, 10**12, "1"]))}],
            "stores": [{"name": text}],
            "readers": value,
            "path": text,
        },
        property=name,
        kind=text,
        says=other,
        path="",
        initial={"observation": draw(st.sampled_from([None, seen]))},
        steps=(step, dataclasses.replace(step, number=2))[: draw(st.integers(0, 2))],
        witness={"sentence": draw(st.one_of(HOSTILE, st.none()))},
        lasso=draw(st.sampled_from([None, {}, {"after": 0, "length": 1}, {"after": 7, "length": 0}])),
        must_see={},
    )


@given(trace=hostile())
@settings(deadline=None, max_examples=150)
def test_no_text_that_a_trace_can_hold_breaks_a_form(trace: Trace) -> None:
    diagram = sequence(trace)
    for embedded in (False, True):
        check_texts(ElementTree.fromstring(svg(diagram, embedded=embedded)))
    check_lines(mermaid(diagram), MERMAID)
    check_lines(plantuml(diagram), PLANTUML)


@given(text=HOSTILE)
@settings(deadline=None, max_examples=20)
def test_any_text_can_be_made_a_png(text: str) -> None:
    empty = Trace({}, text, "always", text, "", {}, (), {"sentence": text}, None, {})
    assert bytes(drawn(empty, "png")).startswith(b"\x89PNG")
