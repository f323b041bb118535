"""Pictures of state graphs: everything is in them, nothing lies upon anything else, with Graphviz and without."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import debian
import networkx
import pytest
from eoscheck.checker.examine import limits_of
from eoscheck.checker.picture import Wish, picture
from eoscheck.checker.prepare import prepare
from eoscheck.checker.stategraph import Edge, Node, StateGraph
from eoscheck.gen.graph import sugiyama
from eoscheck.gen.graph.labels import EDGE_WIDE, WIDE, Labels
from eoscheck.gen.graph.layout import Line, Sketch
from eoscheck.gen.graph.render import FORMATS, render
from eoscheck.gen.graph.svg import edge_classes, node_classes
from hypothesis import given, settings
from hypothesis import strategies as st

SPECS = Path(__file__).parents[2] / "specs"
INSERT = str(SPECS / "stores/insert-in-transaction.yaml")
SVG = "{http://www.w3.org/2000/svg}"

WISHES = {
    "neighbourhood": Wish(),
    "folded": Wish(most=17),
    "projected": Wish(("ledger.rows", "enricher-1.at")),
    "coordinator": Wish(("txn:enricher-1",)),
    "group": Wish(("group:enricher",), most=8),
}


@pytest.fixture(scope="module")
def graphs() -> dict[str, StateGraph]:
    """Graphs of all kinds."""
    found = {}
    for name, wish in WISHES.items():
        pipeline = prepare(INSERT)
        found[name] = picture(pipeline, limits_of(pipeline.spec), wish)
    whole = prepare(str(SPECS / "delivery/producer-at-most-once.yaml"))
    found["whole"] = picture(whole, limits_of(whole.spec), Wish())
    holds = prepare(INSERT, wanted=["no-loss@ledger"])
    found["beginning"] = picture(holds, limits_of(holds.spec), Wish(most=30))
    return found


KINDS = [*WISHES, "whole", "beginning"]


@pytest.fixture(scope="module")
def graphviz(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder for PATH with a `dot` in it."""
    program, folder = debian.dot(), tmp_path_factory.mktemp("graphviz")
    given = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in program.environment.items())
    script = folder / "dot"
    script.write_text(f'#!/bin/sh\n{given}exec {shlex.quote(program.path)} "$@"\n')
    script.chmod(0o755)
    return str(folder)


@pytest.fixture(params=["dot", "grandalf"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Graphviz on PATH, or not."""
    path = request.getfixturevalue("graphviz") if request.param == "dot" else "/nowhere"
    monkeypatch.setenv("PATH", path)
    return str(request.param)


# --- GraphML


@pytest.mark.parametrize("kind", KINDS)
def test_graphml_read_back_has_the_same_nodes_edges_and_marks(
    graphs: dict[str, StateGraph], kind: str
) -> None:
    graph = graphs[kind]
    text = render(graph, "graphml")
    assert isinstance(text, str)
    found = networkx.parse_graphml(text, force_multigraph=True)
    assert sorted(found, key=int) == [str(n.number) for n in graph.nodes]
    for node in graph.nodes:
        data = found.nodes[str(node.number)]
        marks = (node.kind, node.states, node.initial, ", ".join(node.violates), bool(node.steps), node.dead)
        names = ("kind", "states", "initial", "violates", "on_trace", "dead")
        assert tuple(data[name] for name in names) == marks
        assert json.loads(data["values"]) == node.values
    edges = [
        (int(a), int(b), data["actions"], data["fault"], data["cut"], data["on_trace"])
        for a, b, data in found.edges(data=True)
    ]
    expected = [
        (e.source, e.target, "\n".join(e.actions), e.fault, e.cut, bool(e.steps)) for e in graph.edges
    ]
    assert sorted(edges) == sorted(expected)


# --- DOT


@pytest.mark.parametrize("kind", KINDS)
def test_graphviz_reads_the_dot_file_and_finds_everything(graphs: dict[str, StateGraph], kind: str) -> None:
    graph, program = graphs[kind], debian.dot()
    text = str(render(graph, "dot"))
    done = subprocess.run(
        [program.path, "-Tjson0"], env=program.env, input=text, capture_output=True, text=True, check=True
    )
    assert "rror" not in done.stderr
    found = json.loads(done.stdout)
    nodes = [thing for thing in found["objects"] if thing["name"].isdigit()]
    assert sorted(int(n["name"]) for n in nodes) == [n.number for n in graph.nodes]
    doubled = {int(n["name"]) for n in nodes if n.get("peripheries") == "2"}
    assert doubled == {n.number for n in graph.nodes if n.violating}
    pairs = [(int(objects["tail"]), int(objects["head"])) for objects in found["edges"]]
    names = {thing["_gvid"]: int(thing["name"]) for thing in nodes}
    assert sorted((names[a], names[b]) for a, b in pairs) == sorted((e.source, e.target) for e in graph.edges)
    dashed = sum(edge.get("style") == "dashed" for edge in found["edges"])
    assert dashed == sum(edge.fault for edge in graph.edges)


def test_what_stands_in_a_dot_file_may_hold_anything() -> None:
    program = debian.dot()
    node = Node(0, "class", values={'a"b\\': "<x>\n", "c": 1})
    other = Node(1, "class", parent=0, level=1, values={'a"b\\': "\\l", "c": 2})
    graph = StateGraph("s", 'a "title"\\', "projected", 2, None, (node, other), (Edge(0, 1, ('x."()',)),))
    text = str(render(graph, "dot"))
    subprocess.run([program.path, "-Tplain"], env=program.env, input=text, text=True, check=True)
    ElementTree.fromstring(str(render(graph, "svg")))
    networkx.parse_graphml(render(graph, "graphml"))


# --- SVG


Box = tuple[float, float, float, float]


def box(rect: ElementTree.Element) -> Box:
    x, y, w, h = (float(rect.get(name, "")) for name in ("x", "y", "width", "height"))
    return x, y, x + w, y + h


def drawn(text: str, kind: str) -> dict[str, ElementTree.Element]:
    """The groups of a picture that are nodes, or edges, by id."""
    root = ElementTree.fromstring(text)
    groups = root.findall(f"{SVG}g")
    return {g.get("id", ""): g for g in groups if g.get("class", "").split()[0] == kind}


@pytest.mark.parametrize("kind", KINDS)
def test_every_node_and_edge_is_drawn_with_its_marks(
    graphs: dict[str, StateGraph], kind: str, engine: str
) -> None:
    graph = graphs[kind]
    text = str(render(graph, "svg"))
    nodes, edges = drawn(text, "node"), drawn(text, "edge")
    assert [g.get("class", "").split() for g in nodes.values()] == [node_classes(n) for n in graph.nodes]
    assert [g.get("class", "").split() for g in edges.values()] == [edge_classes(e) for e in graph.edges]
    assert all(g.find(f"{SVG}title") is not None for g in (*nodes.values(), *edges.values()))
    for node, group in zip(graph.nodes, nodes.values(), strict=True):
        said = " ".join(t.text or "" for t in group.findall(f"{SVG}text"))
        assert all(name in said.replace(" @", "@") for name in node.violates)
    for edge, group in zip(graph.edges, edges.values(), strict=True):
        said = " ".join(t.text or "" for t in group.findall(f"{SVG}text"))
        assert ("FAULT" in said) == edge.fault


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_lies_upon_anything_else(graphs: dict[str, StateGraph], kind: str, engine: str) -> None:
    text = str(render(graphs[kind], "svg"))
    root = ElementTree.fromstring(text)
    groups = [*drawn(text, "node").items(), *drawn(text, "edge").items()]
    boxes = {name: box(next(iter(g.findall(f"{SVG}rect")))) for name, g in groups}
    for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, f"{one} lies upon {other}"
    right, below = float(root.get("width", "")), float(root.get("height", ""))
    assert all(a >= 0 and b >= 0 and c <= right and d <= below for a, b, c, d in boxes.values())


@pytest.mark.parametrize("kind", KINDS)
def test_arrows_end_at_the_borders_of_their_boxes(
    graphs: dict[str, StateGraph], kind: str, engine: str
) -> None:
    graph = graphs[kind]
    text = str(render(graph, "svg"))
    boxes = {
        int(name[1:]): box(next(iter(g.findall(f"{SVG}rect")))) for name, g in drawn(text, "node").items()
    }
    for edge, group in zip(graph.edges, drawn(text, "edge").values(), strict=True):
        paths = [re.findall(r"[-\d.]+,[-\d.]+", p.get("d", "")) for p in group.findall(f"{SVG}path")]
        for number, point in ((edge.source, paths[0][0]), (edge.target, paths[-1][-1])):
            x, y = map(float, point.split(","))
            left, top, right, bottom = boxes[number]
            assert left - 3 <= x <= right + 3 and top - 3 <= y <= bottom + 3
            assert min(abs(x - left), abs(x - right), abs(y - top), abs(y - bottom)) < 3


def test_a_png_is_one(graphs: dict[str, StateGraph]) -> None:
    data = render(graphs["folded"], "png")
    assert isinstance(data, bytes) and data.startswith(b"\x89PNG\r\n")
    width = int.from_bytes(data[16:20], "big")
    assert width == pytest.approx(
        1.5 * float(re.findall(r'width="([\d.]+)"', str(render(graphs["folded"], "svg")))[0]), abs=2
    )


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "echo {}"])
def test_a_dot_that_fails_is_done_without(
    graphs: dict[str, StateGraph], script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    without = render(graphs["group"], "svg")
    (tmp_path / "dot").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert render(graphs["group"], "svg") == without


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(20, 200), st.floats(15, 120)), min_size=1, max_size=14),
    st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13)), max_size=25, unique=True),
)
def test_the_layout_without_graphviz_keeps_boxes_apart_whatever_they_are(boxes: Any, pairs: Any) -> None:
    spine = [(i // 2, i) for i in range(1, len(boxes))]
    more = [(a, b) for a, b in pairs if a < b < len(boxes)]
    sketch = Sketch(boxes, [Line(a, b) for a, b in dict.fromkeys(spine + more)])
    found = sugiyama.layout(sketch)
    places = [
        (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        for (x, y), (w, h) in zip(found.centres, boxes, strict=True)
    ]
    for a, b in itertools.combinations(places, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    for line, curve in zip(sketch.lines, found.curves, strict=True):
        assert len(curve) % 3 == 1
        assert curve[0][1] == pytest.approx(places[line.above][3], abs=0.2)
        assert curve[-1][1] == pytest.approx(places[line.below][1], abs=0.2)


# --- what is written


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_short_and_full_states_are_in_the_tooltips(
    graphs: dict[str, StateGraph], kind: str
) -> None:
    graph = graphs[kind]
    labels = Labels(graph)
    for node in graph.nodes:
        lines = labels.node(node)
        assert len(lines) <= 16 and all(0 < len(line.text) <= WIDE for line in lines)
        assert all(name in labels.tooltip(node) for name in node.values if node.kind in ("state", "class"))
    for edge in graph.edges:
        assert len(labels.edge(edge)) <= 9 and all(len(line.text) <= EDGE_WIDE for line in labels.edge(edge))
        assert all(action in labels.edge_tooltip(edge) for action in edge.actions)


def test_a_trace_can_be_read_from_its_numbers(graphs: dict[str, StateGraph]) -> None:
    labels = Labels(graphs["neighbourhood"])
    first = [labels.edge(e)[0].text for e in graphs["neighbourhood"].edges if e.steps]
    assert first == [
        "1  enricher-1.poll(0)",
        "2  enricher-1.write_store()",
        "3  FAULT group:enricher.",
        "4  group:enricher.rebalance",
        "5  enricher-2.fetch_position(0)",
        "6  enricher-2.poll(0)",
        "7  enricher-2.write_store()",
    ]
    heading = [line.text for line in labels.heading()]
    assert "no-duplicates@ledger is violated in 7 steps" in heading
    assert "input 1 has its effect twice at ledger" in heading


def test_a_coordinator_is_seen_in_the_words_of_kafka(graphs: dict[str, StateGraph]) -> None:
    graph = graphs["coordinator"]
    labels = Labels(graph)
    first = [line.text for line in labels.node(graph.nodes[0])]
    assert first == ["0  at the beginning, after steps", "1–7", "status EMPTY", "epoch 0", *first[4:]]
    assert {"status ONGOING", "status PREPARE_ABORT"} < {x.text for n in graph.nodes for x in labels.node(n)}


# --- the same on every run


def made(form: str, seed: int, path: str) -> Iterator[bytes]:
    for wish in ([], ["--project", "ledger.rows", "--project", "enricher-1.at"]):
        command = [sys.executable, "-m", "eoscheck.cli.main", "graph", INSERT, "--format", form, *wish]
        environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PATH": path}
        yield subprocess.run(command, env=environment, capture_output=True, check=True).stdout


@pytest.mark.parametrize("form", ["dot", "graphml", "svg"])
def test_every_run_gives_the_same_bytes(form: str) -> None:
    assert list(made(form, 1, "/nowhere")) == list(made(form, 2, "/nowhere"))


def test_every_run_with_graphviz_gives_the_same_bytes(graphviz: str) -> None:
    path = f"{graphviz}:/usr/bin:/bin"
    assert list(made("svg", 1, path)) == list(made("svg", 2, path))


def test_a_graph_of_one_node_can_be_drawn() -> None:
    graph = StateGraph("s", "", "whole", 1, None, (Node(0, "state", steps=(0,)),), ())
    for form in FORMATS:
        assert render(graph, form)
