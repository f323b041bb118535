"""What is printed: word for word for one tiny pipeline, and at any width and without colour for all."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
import tinypipe
from eoscheck.checker.counterexample import Trace
from eoscheck.checker.examine import Examination, examine
from eoscheck.checker.search import Limits
from eoscheck.checker.simulate import Walks, simulate
from eoscheck.gen.screen import Style, colored, encodable, paint, printable
from eoscheck.gen.text import result_text, trace_text

NOTES = ("c: ignored, since it does not matter to delivery here: client.id", "acks=1 is odd")


def screen(style: Style | None = None, limits: Limits | None = None, **changes: Any) -> str:
    found = examine(
        tinypipe.build(tinypipe.spec("specs/tiny.yaml", notes=NOTES, **changes)), limits or Limits()
    )
    return shown(found, style or Style())


def shown(found: Examination, style: Style) -> str:
    result = replace(found.result, seconds=0.0).with_traces({"no-duplicates@shelf": "t.json"})
    return result_text(
        result, found.traces, {"no-duplicates@shelf": "eoscheck explore specs/tiny.yaml"}, style
    )


GOLDEN = """\
A shelf
  specs/tiny.yaml   search complete
  Kafka 3.9   records 2   faults: lost-response <= 1
  level 7   distinct 13   generated 12   at rest 3   0.00 s   full states stored

  ✗ VIOLATED  no-duplicates@shelf  at step 3
  ✓ holds     no-loss@shelf
  ✓ holds     all-sent             reached at step 4

  checked        + safety 1   + at rest 1   + goals 1
                 - liveness (none asked)
  checked by Z3  + counterexamples 1 (3 steps)   + goals 1 (4 steps)
                 + invariants 1 (6 valuations)
  never fired    sender: never(1), never(2)
  note           acks=1 is odd

no-duplicates@shelf is violated in 3 steps: No record lies on the shelf twice.

      ┌ sender
      │ ┌ shelf
      │ │ ┌ network
  1 * ● │ │  sender sends record 0. The broker appends it  [Produce]
      │ │ │  shelf: records [] → [0]
  2 ! │ │ ✗  FAULT lost-response: the answer is lost
  3 * ● │ │  sender sends record 0. The broker appends it  [Produce]
      │ │ │  shelf: records [0] → [0, 0]

  why        record 0 lies there twice (steps 1 and 3)
             In step 1 sender sends record 0. The broker appends it.
             FAULT: in step 2 the answer is lost.
             In step 3 sender sends record 0. The broker appends it.
  trace      t.json
  reproduce  eoscheck explore specs/tiny.yaml
"""


def test_the_whole_screen():
    assert screen() == GOLDEN


def test_verbose_adds_ignored_settings_and_how_often_each_action_was_taken():
    assert "client.id" not in screen()
    assert "client.id" in screen(Style(verbose=True))
    assert "5 times sender.send()" in screen(Style(verbose=True))


def test_verbose_says_why_an_action_never_fired():
    found = examine(tinypipe.build(tinypipe.spec()), Limits(), explain=True)
    assert "because" not in shown(found, Style())
    assert "because        sender.never(1): no path of it changes anything" in shown(
        found, Style(verbose=True)
    )


def test_what_z3_has_not_checked_is_said_with_the_reason():
    found = examine(tinypipe.build(tinypipe.spec(lost=0)), Limits(), certify=True)
    said = found.result.checked_by_z3
    assert said is not None
    partly = replace(said, valuations={}, unchecked={"no-loss@shelf": "9 of them", "all-sent": "9 of them"})
    text = shown(replace(found, result=replace(found.result, checked_by_z3=partly)), Style())
    assert "+ goals 1 (4 steps)   - no-loss@shelf, all-sent (9 of them)" in text
    assert "certified      closed: the initial state is explored, and of 4 steps from" in text


def test_quiet_leaves_the_verdicts():
    lines = screen(Style(quiet=True), lost=0).split("\n")
    assert [line.split()[1] for line in lines if line] == ["holds"] * 3


def test_full_adds_states_and_observations():
    text = screen(Style(full=True))
    assert 'observation: {"stores": {"shelf": {"records": [0, 0]}}}' in text and "sender.at 0" in text
    assert "sender.told" not in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
def test_no_line_is_wider_than_the_terminal_but_what_is_to_be_copied(width: int):
    for style in (Style(width=width), Style(width=width, full=True, verbose=True)):
        lines = [line for line in screen(style).splitlines() if not line.startswith("  reproduce")]
        assert max(map(len, lines)) <= width


def test_colour_changes_no_letter():
    colour = screen(Style(color=True))
    assert "\x1b[" in colour and "\x1b[" not in screen()
    plain = re.sub("\x1b\\[[0-9;]*m", "", colour)
    assert [line.rstrip() for line in plain.splitlines()] == screen().splitlines()


@pytest.mark.parametrize(
    ("limits", "changes", "lines"),
    [
        (
            Limits(states=3),
            {},
            ["SEARCH NOT COMPLETE", "? undecided  no-loss@shelf        stopped at 3 states"],
        ),
        (Limits(depth=2), {}, ["stopped after 2 steps", "not fired", "depth 2"]),
        (Limits(), {"lost": 2}, ["cut", "transitions were cut"]),
        (
            Limits(),
            {"lost": 0, "properties": ("empty-promise",)},
            ["○ VACUOUS  empty-promise  its premise was never met"],
        ),
        (Limits(), {"properties": ("no-duplicates@shelf",)}, ["search ended, every property being violated"]),
        (Limits(), {"properties": ()}, ["no property was asked for"]),
    ],
)
def test_what_is_not_known_is_said(limits: Limits, changes: dict[str, Any], lines: list[str]):
    text = screen(limits=limits, **changes)
    assert [line for line in lines if line not in text] == []


def test_a_simulation_is_called_one():
    pipeline = tinypipe.build(tinypipe.spec())
    text = shown(simulate(pipeline, Walks(5, 9, 3)), Style())
    assert "simulation, nothing is proven" in text and "seed 3" in text and "longest walk" in text


def a_trace(**changes: Any) -> Trace:
    return replace(
        examine(tinypipe.build(tinypipe.spec()), Limits()).traces["no-duplicates@shelf"], **changes
    )


def test_one_trace_is_told_like_in_the_result():
    text = trace_text(a_trace(), Style())
    assert text.splitlines()[0] == "A shelf  (tiny.yaml)"
    assert text.splitlines()[2:15] == GOLDEN.splitlines()[16:29]
    assert text.endswith("  reproduce  eoscheck explore tiny.yaml --property no-duplicates@shelf\n")


def test_a_cycle_says_where_it_begins():
    text = trace_text(a_trace(lasso={"after": 1, "length": 2}), Style())
    assert text.index("  1 ") < text.index("from here on, for ever:") < text.index("  2 ")


def test_steps_that_do_not_matter_are_folded():
    why = a_trace().why
    assert why is not None
    text = trace_text(a_trace(why=replace(why, needed=(3,), chain=(3,), contradiction=(3,))), Style())
    assert "    : │ │ │  2 steps that do not matter here (1 to 2; --full shows them)" in text
    assert "FAULT" not in text.split("why")[0] and "  3 * ●" in text
    full = trace_text(a_trace(why=replace(why, needed=(3,), chain=(3,))), Style(full=True))
    assert "  2 ! │ │ ✗  FAULT lost-response" in full


def test_without_room_for_lanes_there_are_none():
    text = trace_text(a_trace(), Style(width=40))
    assert "┌" not in text and "\n  2 ! FAULT lost-response: the" in text


def test_a_violation_at_the_very_start_has_no_steps():
    text = trace_text(a_trace(steps=(), path="", why=None), Style())
    assert "is violated in the initial state" in text and "path" not in text


def test_no_trace_can_speak_to_the_terminal():
    text = trace_text(a_trace(property="\x1b[31mx\x07", says="a\nb"), Style())
    assert "\x1b" not in text and "\x07" not in text and ": a b" in text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "forbidden", "answer"),
    [
        (Terminal(), {}, False, True),
        (io.StringIO(), {}, False, False),
        (Terminal(), {"NO_COLOR": "1"}, False, False),
        (Terminal(), {"NO_COLOR": ""}, False, True),
        (Terminal(), {"TERM": "dumb"}, False, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, False, True),
        (Terminal(), {"FORCE_COLOR": "0"}, False, False),
        (io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        (Terminal(), {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colour_is_decided_in_one_order(
    stream: Any, environment: dict[str, str], forbidden: bool, answer: bool
):
    assert colored(stream, environment, forbidden=forbidden) is answer


def test_text_fits_the_encoding():
    assert encodable("✓ a → ü", "utf-8") == "✓ a → ü"
    assert encodable("✓ a → ü", "ascii") == "+ a -> ?"
    assert encodable("✓", None) == "+"
    assert printable("a\x1b\tb") == "a\ufffd b"
    assert paint([], Style()) == ""


def test_a_property_that_follows_from_others_is_not_told_twice():
    pipeline = tinypipe.build(tinypipe.spec())
    twice = pipeline.model.properties[0]
    pipeline.model.properties[:] = [twice, replace(twice, name="exactly-once@shelf", says="")]
    found = examine(pipeline, Limits())
    short, whole = (result_text(found.result, found.traces, {}, Style(verbose=v)) for v in (False, True))
    assert (short.count("FAULT lost"), whole.count("FAULT lost")) == (1, 2)
    assert "exactly-once@shelf is violated in 3 steps\n  why        record 0 lies there twice" in short
