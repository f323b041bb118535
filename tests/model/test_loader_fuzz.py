"""Whatever a spec file holds, loading it ends in a Spec or in a SpecError of one line, never in anything else."""

from __future__ import annotations

from pathlib import Path

from eoscheck.model.loader import SpecError, load, loads
from eoscheck.model.spec import Spec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from specfiles import PIPELINE, processor


def outcome(text: str) -> Spec | str:
    try:
        return loads(text, "fuzz.yaml")
    except SpecError as error:
        message = str(error)
        assert len(message.splitlines()) == 1
        message.encode("utf-8")
        return message


FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

WORDS = st.sampled_from(
    [
        *("topics", "orders", "payments", "p", "r", "kafka", "version", "3.9", "processors", "consumers"),
        *(
            "readers",
            "stores",
            "faults",
            "crash",
            "from",
            "to",
            "offsets",
            "in-transaction",
            "config",
            "acks",
        ),
        *(
            "acks",
            "all",
            "transactional.id",
            "write",
            "insert",
            "lookup",
            "bounds",
            "states",
            "expect",
            "holds",
        ),
        *("no-loss", "on", "~", "null", "true", "0", "1", "-1", "1e9", ".nan", ".inf", "2024-01-01"),
        *("9" * 30, "!!int", "&a", "*a", "<<", "?", "|", ">", "-", "@", "`", "%", "\ufeff"),
    ]
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=5)),
    max_leaves=20,
)


def flow(value: object) -> str:
    """A value in YAML's flow style, with no attempt to make it valid."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return str(value)


@FUZZ
@given(st.binary(max_size=300))
@example(b"\xef\xbb\xbf")
@example(b"\x85")
def test_any_bytes_end_in_a_spec_or_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "fuzz.yaml"
    path.write_bytes(data)
    try:
        load(path)
    except SpecError as error:
        assert len(str(error).splitlines()) == 1


@FUZZ
@given(st.dictionaries(WORDS, VALUES, max_size=6).map(flow))
def test_any_structure_ends_in_a_spec_or_one_line(text: str) -> None:
    outcome(text)


@FUZZ
@given(st.data())
def test_mutated_spec_ends_in_a_spec_or_one_line(data: st.DataObject) -> None:
    lines = PIPELINE.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(lines) - 1))
        words = lines[index].split(" ")
        place = data.draw(st.integers(0, len(words) - 1))
        words[place] = data.draw(st.one_of(WORDS, VALUES.map(flow), st.text(max_size=5)))
        lines[index] = " ".join(words)
    outcome("\n".join(lines))


@FUZZ
@given(st.data())
def test_shuffled_lines_end_in_a_spec_or_one_line(data: st.DataObject) -> None:
    lines = PIPELINE.splitlines()
    outcome("\n".join(data.draw(st.permutations(lines))[: data.draw(st.integers(1, len(lines)))]))


@FUZZ
@given(
    VALUES,
    st.sampled_from(["topics", "processors", "faults", "kafka", "bounds", "expect", "properties", "title"]),
)
def test_any_value_in_a_section_ends_in_a_spec_or_one_line(value: object, section: str) -> None:
    outcome(
        f"{section}: {flow(value)}\n{processor('')}" if section != "topics" else f"topics: {flow(value)}\n"
    )
