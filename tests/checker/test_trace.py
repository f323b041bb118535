"""Tracing: which paths an action has, what they read and write, and what cannot be traced."""

from __future__ import annotations

import contextlib
import enum
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from random import randint
from typing import Any

import pytest
from eoscheck.checker import watch
from eoscheck.checker.commands import Program
from eoscheck.checker.engine import Interpreter
from eoscheck.checker.search import Limits, explore
from eoscheck.checker.symbols import TraceError
from eoscheck.checker.trace import trace
from eoscheck.model.language import Array, Component, Log, Model, Property, Var, action
from eoscheck.model.values import Witness, derived, ite, minimum, say, when
from tinymodels import Clock, Counter, Vote


def shown(program: Program) -> str:
    return re.sub(r"test_trace.py:\d+|tinymodels.py:\d+", "FILE:LINE", str(program))


def test_a_path_is_its_conditions_and_its_writes() -> None:
    assert shown(trace(Model([Clock()]))) == (
        "clock.tick()  path 0\n"
        "  when  clock.hour == 12\n"
        "  do    clock.hour := 1\n"
        "\n"
        "clock.tick()  path 1\n"
        "  when  clock.hour != 12\n"
        "  do    clock.hour := clock.hour + 1"
    )


def test_what_a_path_knows_does_not_fork() -> None:
    assert shown(trace(Model([Counter()]))) == (
        "counter.count()  path 0\n  when  counter.n < 3\n  do    counter.n := counter.n + 1"
    )


class Variables(Component):
    name = "d"

    n = Var(range(4))
    m = Var(range(4))
    flag = Var(bool)
    vote = Var(Vote)
    row = Var(Array(range(4), 4))
    log = Var(Log({"a": range(4)}, 2))


class Device(Variables):
    """Any action, by its body."""

    def __init__(self, body: Any, inner: Any = None) -> None:
        self.body, self.inner = body, inner

    @action
    def act(self) -> None:
        self.body(self)

    @derived
    def computed(self) -> Any:
        return self.inner(self)


def direct(body: Callable[[Any], Any]) -> Component:
    """A device whose action this is."""
    made: Component = type("Device", (Variables,), {"body": action(body)})()
    return made


def traced(body: Callable[[Any], Any], inner: Callable[[Any], Any] | None = None) -> Program:
    return trace(Model([Device(body, inner)]))


def test_a_value_that_could_leave_its_range_is_cut_and_told() -> None:
    def body(d: Any) -> None:
        d.n += 1

    cut, step = traced(body).commands
    assert cut.cut and re.fullmatch(r"d\.act\(\) \(test_trace\.py:\d+\): d\.n leaves 0\.\.3", cut.cut)
    assert [str(g) for g in cut.guards] == ["d.n >= 3"] and not cut.effects
    assert [str(e) for e in step.effects] == ["d.n := d.n + 1"]


def test_an_index_that_could_leave_its_array_is_cut_and_told() -> None:
    def body(d: Any) -> None:
        d.row[d.n + 1] = 2

    cut = traced(body).commands[0].cut
    assert cut and cut.endswith("d.row is indexed outside 0..3")


def test_both_engines_name_a_cut_alike() -> None:
    def body(d: Any) -> None:
        d.log.append(a=d.n)
        d.n += 1

    engine = Interpreter(Model([Device(body)]))
    found = explore(engine, Limits())
    assert dict(found.cut) == {c.cut: 1 for c in traced(body).commands if c.cut and "length" in c.cut}


def test_what_is_the_same_before_and_after_is_no_write() -> None:
    def body(d: Any) -> None:
        when(d.n == 2)
        d.n, d.m, d.flag = 2, d.m, True

    (command,) = traced(body).commands
    assert [str(e) for e in command.effects] == ["d.flag := True"]


def test_a_later_write_to_the_same_place_wins() -> None:
    def body(d: Any) -> None:
        d.row[d.n] = 1
        d.row[d.m] = 2
        d.row[d.n] = 3

    (command,) = traced(body).commands
    assert [str(e) for e in command.effects] == ["d.row[d.m] := 2", "d.row[d.n] := 3"]


def test_what_has_one_value_is_never_written() -> None:
    """It takes no room in a state, so a write would be one of something else."""

    class Sender(Component):
        name = "d"
        log = Var(Log({"a": range(4), "same": range(1)}, 3))

        @action
        def act(self) -> None:
            self.log.append(a=1)
            self.log.append(a=2)

    program = trace(Model([Sender()]))
    assert {e.region.name for c in program.commands for e in c.effects} == {"d.log.a", "d.log.length"}


def test_a_condition_that_only_computes_data_does_not_fork() -> None:
    def body(d: Any) -> None:
        d.n = ite(d.m == 2, 0, minimum(d.m + 1, 3))

    (command,) = traced(body).commands
    assert [str(e.value) for e in command.effects] == ["(0 if d.m == 2 else (d.m + 1 if d.m < 2 else 3))"]


def test_a_derived_method_is_one_value() -> None:
    def inner(d: Any) -> Any:
        if d.flag:
            return 1
        return 2 if d.m == 3 else 0

    def body(d: Any) -> None:
        d.n = d.computed()

    (command,) = traced(body, inner).commands
    assert [str(e.value) for e in command.effects] == ["(1 if d.flag else (2 if d.m == 3 else 0))"]


def test_a_derived_method_gives_a_tuple_and_may_leave_its_array() -> None:
    def inner(d: Any) -> Any:
        return d.row[d.n + 1], d.flag

    def body(d: Any) -> None:
        d.m, d.flag = d.computed()

    cut, step = traced(body, inner).commands
    assert cut.cut and [str(e) for e in step.effects] == ["d.m := d.row[d.n + 1]"]


def test_a_python_list_is_indexed_case_by_case() -> None:
    table = [3, 1, 2, 0]

    def body(d: Any) -> None:
        d.m = table[d.n]

    assert [str(c.effects[0].value) for c in traced(body).commands] == ["3", "1", "2", "0"]


def test_what_an_action_says_costs_no_path() -> None:
    def body(d: Any) -> None:
        say(f"{d.n} of {d.vote.name}, {d.row[d.m]:>3}")
        d.flag = not d.flag

    assert len(traced(body).commands) == 2


class Other(enum.Enum):
    PREPARED = 1


def opened(self: Any) -> None:
    with open("/dev/null"):
        self.n = 1


def endless(self: Any) -> None:
    while True:
        pass


def endless_counting(self: Any) -> None:
    i = 0
    while self.n >= 0:
        i += 1


def endless_asking(self: Any) -> None:
    known = self.n < 3
    i = 0
    while known:
        i += 1


def shelled(self: Any) -> None:
    subprocess.run(["true"], check=False)


def waiting(self: Any) -> None:
    time.sleep(1)


def lucky(self: Any) -> None:
    self.n = random.randrange(3)


def luckier(self: Any) -> None:
    self.n = randint(0, 3)


def talking(self: Any) -> None:
    print("hello")


def helped(self: Any) -> None:
    when(self.n == 0)
    waiting(self)


def calling(self: Any) -> None:
    socket.socket()


def same_member(self: Any) -> None:
    if self.vote is Vote.PREPARED:
        self.n = 1


def case_true(self: Any) -> None:
    match self.flag:
        case True:
            self.n = 1


memory: list[int] = []


def remembering(self: Any) -> None:
    memory.append(1)
    if len(memory) % 2:
        when(self.flag)
    when(self.n == 0)
    self.m = 1


def looked_up(self: Any) -> None:
    if self.n in {1, 2}:
        self.m = 1


def other_enum(self: Any) -> None:
    when(self.vote == Other.PREPARED)


def number_for_member(self: Any) -> None:
    self.vote = self.n


def member_for_number(self: Any) -> None:
    self.n = Vote.PREPARED


def truth_of_member(self: Any) -> None:
    if self.vote:
        self.n = 1


def product(self: Any) -> None:
    self.m = self.n * self.m


def name_of_member(self: Any) -> None:
    if self.vote.name == "PREPARED":
        self.n = 1


def text_of_number(self: Any) -> None:
    if str(self.n) == "1":
        self.m = 1


def undeclared(self: Any) -> None:
    self.mm = 1


def hidden_state(self: Any) -> None:
    self._count = 1


def misspelt_field(self: Any) -> None:
    self.log.append(b=1)


def missing(self: Any) -> None:
    self.n = self.nn


def inverted(self: Any) -> None:
    self.flag = ~self.flag


UNTRACEABLE: dict[Callable[[Any], Any], str] = {
    opened: "input or output",
    shelled: "(subprocess)",
    waiting: "(time)",
    helped: "(time)",
    lucky: "(random)",
    luckier: "(randint)",
    talking: "(print)",
    calling: "(socket)",
    same_member: "asks for the same object; compare values with ==",
    case_true: "asks for the same object; compare values with ==",
    remembering: "does not do the same when run again",
    looked_up: "cannot be looked up in a set or dict",
    other_enum: "a value of Vote is compared with one of Other",
    number_for_member: "d.vote is a Vote; <d.n> is not",
    member_for_number: "is not a number",
    truth_of_member: "<d.vote> is asked for its truth",
    product: "two state variables are multiplied",
    name_of_member: "compare the value itself",
    text_of_number: "compare the value itself",
    undeclared: "Device has no variable 'mm'; did you mean 'm'?",
    hidden_state: "Device has no variable '_count'",
    misspelt_field: "a record has no field 'b'",
    missing: "Device has no attribute 'nn'; did you mean 'n'?",
    inverted: "write neg(condition)",
    endless_counting: "is there an unbounded loop?",
}


@pytest.mark.parametrize("body", UNTRACEABLE, ids=lambda body: body.__name__)
def test_what_cannot_be_traced_names_the_action_and_the_line(body: Callable[[Any], Any]) -> None:
    memory.clear()
    with pytest.raises(TraceError) as caught:
        trace(Model([direct(body)]))
    said = re.fullmatch(r"d\.body\(\) \(test_trace\.py:(\d+)\): (.*)", str(caught.value), re.DOTALL)
    assert said and UNTRACEABLE[body] in said[2], caught.value
    where = waiting if body is helped else body
    assert int(said[1]) in {line for *_, line in where.__code__.co_lines()} - {where.__code__.co_firstlineno}


@pytest.mark.parametrize("body", [endless, endless_asking])
def test_a_loop_without_end_is_ended(body: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SECONDS_PER_PATH", 0.2)
    with pytest.raises(TraceError, match=r"d\.body\(\) \(test_trace\.py:\d+\): it runs for more than 0\.2 s"):
        trace(Model([direct(body)]))


def test_reading_files_is_allowed_again_after_tracing() -> None:
    with contextlib.suppress(TraceError):
        trace(Model([direct(opened)]))
    with open(__file__) as file:
        assert file.readline()


def test_a_derived_method_only_computes() -> None:
    def inner(d: Any) -> int:
        d.m = 1
        return 1

    def body(d: Any) -> None:
        d.n = d.computed()

    with pytest.raises(TraceError, match="a derived method only computes; it must not write"):
        traced(body, inner)


def test_a_safety_property_gives_a_witness_and_no_bare_bool() -> None:
    counter = Counter()
    model = Model([counter], [Property("always", "small", lambda: counter.n < 3)])
    with pytest.raises(TraceError, match=r"small: it gives .*; say a Witness in a bad state"):
        trace(model)


def test_a_property_must_not_write() -> None:
    counter = Counter()

    def write() -> Witness | None:
        counter.n = 1
        return None

    with pytest.raises(TraceError, match="writes: a property must not write"):
        trace(Model([counter], [Property("always", "writes", write)]))


def test_a_property_that_leaves_an_array_names_the_line() -> None:
    device = Device(lambda d: None)
    model = Model([device], [Property("sometimes", "far", lambda: device.row[device.n + 1] == 0)])
    with pytest.raises(TraceError, match=r"far \(test_trace\.py:\d+\): d\.row is indexed outside 0\.\.3"):
        trace(model)


BARKED = """
import sys, time
from unittest.mock import patch
from eoscheck.checker import watch

with patch.object(watch, "SECONDS_PER_PATH", 0.1), watch.Watchdog() as dog:
    for body in (lambda: [n for n in iter(int, 1)], lambda: time.sleep(0.3)):
        try:
            dog.follow(body)
            raise AssertionError
        except watch.Unbounded:
            pass
sys.settrace(lambda *_: None)
(lambda: None)()
"""


def test_a_watchdog_that_has_barked_leaves_nothing_behind() -> None:
    """Python 3.11 runs in circles where frames are traced and an exception for a thread was taken back."""
    subprocess.run([sys.executable, "-c", BARKED], check=True, timeout=60)
