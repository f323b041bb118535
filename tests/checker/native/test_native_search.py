"""The native search finds what the others find, with any number of threads, with either tier and with every kind of
slot; and what it rests on (tables that grow, states on disk) changes nothing."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.engine import Interpreter, TooLarge
from eoscheck.checker.liveness import violations
from eoscheck.checker.native import search as search_module
from eoscheck.checker.native import space as space_module
from eoscheck.checker.native.crew import together
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.jit import QUICK, THOROUGH, Code, Compiling
from eoscheck.checker.native.search import Options, Search, explore_natively
from eoscheck.checker.native.table import FINGERPRINT, NARROW, WIDE, Slot
from eoscheck.checker.prepare import prepare
from eoscheck.checker.search import Exploration, Figures, Limits, explore
from eoscheck.checker.shortest import way_to_hit, way_to_state
from eoscheck.checker.symbols import TraceError
from eoscheck.checker.trace import trace
from eoscheck.model.language import Component, Model, Property, Var, action
from eoscheck.model.values import Witness, when
from hypothesis import HealthCheck, given, reject, settings
from randommodels import programs, pure, random_model
from tinymodels import Clock, Counter, everything, two_phase_commit

pytestmark = pytest.mark.usefixtures("own_cache")


def run(model: Model, limits: Limits = Limits(), **options: Any) -> Exploration:  # noqa: B008
    return explore_natively(Native(trace(model)), limits, None, Options(**options))


def agree(model: Model, limits: Limits = Limits()) -> None:  # noqa: B008
    """The native engine and the reference give the same steps, and so the same search, ways and lassos."""
    native, slow = Native(trace(model)), Interpreter(model)
    one, two = explore_natively(native, limits), explore(slow, limits)
    for number in range(one.states):
        state = one.visited.state(number)
        assert native.successors(state) == slow.successors(state)
        assert (native.hits(state), native.premises(state)) == (slow.hits(state), slow.premises(state))
        assert one.visited.number(state) == number
    assert (one.states, one.stopped) == (two.states, two.stopped)
    if one.stopped:
        return
    assert one.figures() == two.figures()
    assert [way_to_hit(native, one, i) for i in one.hits] == [way_to_hit(slow, two, i) for i in two.hits]
    ends = [violations(engine, found) for engine, found in ((native, one), (slow, two))]
    assert ends[0].keys() == ends[1].keys()
    for prop, lasso in ends[0].items():
        other = ends[1][prop]
        assert one.visited.state(lasso.state) == two.visited.state(other.state)
        assert lasso.cycle == other.cycle


@pytest.mark.parametrize("build", [everything, two_phase_commit, lambda: Model([Clock(), Counter()])])
def test_hand_made_models(build: Callable[[], Model]) -> None:
    agree(build(), Limits(states=3_000))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs, pure)
def test_random_models(chosen: Any, asked: Any) -> None:
    with patch("eoscheck.checker.trace.MOST_PATHS", 200):
        model = random_model(chosen, asked)
        thing = model.components[0]
        model.properties.append(Property("eventually", "ends calm", lambda: thing.truth(asked)))
        model.properties.append(Property("possible", "can be calm", lambda: thing.truth(asked)))
        try:
            if explore(Compiled(trace(model)), Limits(states=400)).stopped:
                reject()
            agree(model)
        except TraceError as error:
            assert str(error).endswith("more than 200 paths"), error
            reject()


# --- a model that is large enough to be worth several threads -------------------------------------


class Digit(Component):
    """Counts up and falls back, and may jump to a later value."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size = name, size

    n = Var(lambda self: range(self.size))

    @action
    def up(self) -> None:
        when(self.n < self.size - 1)
        self.n += 1

    @action
    def back(self) -> None:
        when(self.n > 2)
        self.n = 0


def digits(count: int = 5, size: int = 9) -> Model:
    parts = [Digit(f"d{i}", size) for i in range(count)]
    high = Property(
        "always", "high", lambda: Witness("high") if sum(d.n for d in parts[:3]) > 3 * size - 4 else None
    )
    return Model(list(parts), [high, Property("sometimes", "end", lambda: parts[0].n == size - 1)])


@pytest.fixture(scope="module")
def reference() -> Exploration:
    return explore(Compiled(trace(digits())), Limits())


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_any_number_of_threads_finds_the_same_states_in_the_same_order(
    threads: int, reference: Exploration
) -> None:
    found = run(digits(), threads=threads)
    assert found.states == 9**5 and found.figures() == reference.figures()
    assert some_states(found) == some_states(run(digits(), threads=1))


def some_states(found: Exploration) -> list[bytes]:
    return [found.visited.state(n) for n in range(0, found.states, 97)]


@pytest.fixture(scope="module")
def roomy() -> Exploration:
    """A search whose table is large enough from the beginning."""
    return run(digits(6))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_a_thread_that_helps_out_at_earlier_states_has_met_nothing_yet(
    threads: int, roomy: Exploration
) -> None:
    assert some_states(run(digits(6), threads=threads)) == some_states(roomy)


@pytest.mark.parametrize("build", [two_phase_commit, lambda: Model([Clock(), Counter()]), lambda: digits(3)])
@pytest.mark.parametrize("depth", [None, 1, 4])
def test_levels_that_python_does_not_look_at_are_the_same(
    build: Callable[[], Model], depth: int | None
) -> None:
    slow = explore(Interpreter(build()), Limits(depth=depth))
    seen = []
    for passed in (0, 1, 3, 64):
        with patch.object(search_module, "PASSED", passed):
            search = Search(Native(trace(build())), Limits(depth=depth), Options(), None)
            found = search.run()
        assert found.figures() == slow.figures() and search.levels == slow.visited.levels
        seen.append(search.visited.seen)
    assert seen == seen[:1] * 4 and len(seen[0]) == (depth or found.depth)


def search_from(slot: Slot, threads: int) -> Search:
    """A search that begins with a small table of such slots."""
    search = Search(Native(trace(digits(6))), Limits(), Options(threads=threads), None)
    search.space.slot = slot
    search.space.functions = search.engine.functions(QUICK, slot)
    return search


@pytest.mark.parametrize("slot", [NARROW, WIDE, FINGERPRINT])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_table_that_grows_loses_nothing(slot: Slot, threads: int, roomy: Exploration) -> None:
    with patch.object(space_module, "FIRST_LINES", 11):
        search = search_from(slot, threads)
        found = search.run()
    assert search.space.context.lines > 15 and found.states == 9**6 and found.figures() == roomy.figures()


def test_slots_become_wide_where_narrow_ones_cannot_number_the_states(roomy: Exploration) -> None:
    narrow = Slot(32, 16)
    with patch.object(space_module, "FIRST_LINES", 11), patch.object(space_module, "NARROW", narrow):
        search = search_from(narrow, 2)
        found = search.run()
    assert search.space.slot is WIDE and found.figures() == roomy.figures()


def test_thorough_code_finds_the_same(reference: Exploration) -> None:
    engine = Native(trace(digits()))
    engine.functions(THOROUGH)
    search = Search(engine, Limits(), Options(), None)
    assert search.space.tier == THOROUGH and search.run().figures() == reference.figures()


def test_better_code_is_taken_up_in_the_middle(reference: Exploration) -> None:
    with patch("eoscheck.checker.native.search.LONG", 0.0):
        search = Search(Native(trace(digits(6, 10))), Limits(), Options(threads=2), None)
        assert search.space.tier == QUICK
        found = search.run()
    assert found.states == 10**6 and found.complete


@pytest.mark.parametrize("threads", [1, 2])
def test_better_code_for_narrow_slots_is_of_no_use_to_wide_ones(threads: int, roomy: Exploration) -> None:
    narrow, code = Slot(32, 16), Compiling.code

    def late(compiling: Compiling) -> Code | None:
        return code(compiling) if search.space.slot is WIDE else None

    with (
        patch.object(space_module, "FIRST_LINES", 11),
        patch.object(space_module, "NARROW", narrow),
        patch.object(search_module, "LONG", 0.0),
        patch.object(search_module.Compiling, "code", late),
    ):
        search = search_from(narrow, threads)
        found = search.run()
    assert search.space.slot is WIDE and found.figures() == roomy.figures()


def test_what_cannot_be_numbered_is_refused() -> None:
    counter = Counter()
    properties = [
        Property("always", f"p{i}", lambda: Witness("x") if counter.n == 1 else None) for i in range(65)
    ]
    model = Model([counter], properties[:64])
    assert len(explore_natively(Native(trace(model)), Limits()).hits) == 64
    model.properties.append(properties[64])
    with pytest.raises(TooLarge, match="65 properties; --engine native takes 64 at the most"):
        Native(trace(model))


def test_fingerprints_find_the_same(reference: Exploration) -> None:
    found = run(digits(), fingerprint=True, threads=2)
    assert found.figures() == reference.figures()
    engine = Compiled(trace(digits()))
    assert way_to_hit(engine, found, 0) == way_to_hit(engine, reference, 0)


class TestLimits:
    @pytest.mark.parametrize("most", [1, 5, 100, 5_000, 40_000])
    @pytest.mark.parametrize("threads", [1, 2])
    def test_states_are_as_many_as_were_asked_for(self, most: int, threads: int) -> None:
        found = run(digits(), Limits(states=most), threads=threads)
        assert (found.stopped, found.states, found.visited.levels[-1]) == ("states", most, most)

    @pytest.mark.parametrize("build", [two_phase_commit, lambda: Model([Clock(), Counter()])])
    def test_a_limit_leaves_the_levels_that_any_search_has(self, build: Callable[[], Model]) -> None:
        native, slow = Native(trace(build())), Compiled(trace(build()))
        for most in range(1, explore(slow, Limits()).states):
            one, two = explore_natively(native, Limits(states=most)), explore(slow, Limits(states=most))
            assert (one.depth, one.states, one.hits) == (two.depth, two.states, two.hits)
            assert one.visited.levels == two.visited.levels

    def test_what_a_limit_of_states_leaves_does_not_depend_on_threads(self) -> None:
        limits = Limits(states=30_000)
        assert run(digits(), limits, threads=1).figures() == run(digits(), limits, threads=2).figures()

    def test_a_limit_that_is_just_enough_is_no_limit(self) -> None:
        assert run(digits(), Limits(states=9**5)).complete

    def test_depth(self) -> None:
        found = run(digits(), Limits(depth=3))
        assert (found.stopped, found.depth, found.complete) == ("depth", 4, False)

    def test_seconds(self) -> None:
        assert run(digits(), Limits(seconds=0)).stopped == "seconds"

    def test_memory(self) -> None:
        assert run(digits(), Limits(memory_mb=1)).stopped == "memory"

    def test_memory_that_is_short_is_made_up_for_on_disk(
        self, tmp_path: Path, reference: Exploration
    ) -> None:
        engine = Native(trace(digits()))
        search = Search(engine, Limits(), Options(threads=2), None)
        search.space.spill = tmp_path
        real = space_module.resident_mb
        squeezed = [10_000.0]

        def resident() -> float:
            return squeezed.pop() if squeezed else real()

        with (
            patch.object(space_module, "resident_mb", resident),
            patch.object(space_module, "FIRST_LINES", 9),
        ):
            search.space.limit = 9_000.0
            found = search.run()
        assert search.space.store.file is not None and found.figures() == reference.figures()
        assert list(tmp_path.iterdir()) == []

    def test_a_full_disk_is_no_verdict(self, tmp_path: Path) -> None:
        engine = Native(trace(digits()))
        search = Search(engine, Limits(), Options(), None)
        search.space.spill = tmp_path / "nowhere"
        search.space.limit = 1.0
        found = search.run()
        assert found.stopped == "disk" and not found.complete


def test_an_interrupt_leaves_what_was_found() -> None:
    search = Search(Native(trace(digits(7, 10))), Limits(), Options(threads=2), None)
    threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT)).start()
    began = time.monotonic()
    found = search.run()
    assert time.monotonic() - began < 5
    assert found.stopped == "interrupted" and 0 < found.states < 10**7
    way = way_to_state(search.engine, found.visited, found.states - 1)
    assert len(way) == len(found.visited.levels) - 2


def test_progress_is_reported() -> None:
    heard: list[Figures] = []
    with patch("eoscheck.checker.search.Clock.EVERY", 0.0):
        explore_natively(Native(trace(digits())), Limits(), heard.append, Options(threads=2))
    assert heard and heard[-1].distinct <= 9**5 and heard[-1].memory_mb > 1
    assert all(one.level <= two.level and one.distinct <= two.distinct for one, two in pairwise(heard))


def test_what_is_cut_is_counted_and_nothing_is_complete() -> None:
    class Eager(Component):
        n = Var(range(3))

        @action
        def grow(self) -> None:
            self.n += 1

    found = run(Model([Eager()]))
    ((text, times),) = found.cut.items()
    assert text.endswith("eager.n leaves 0..2") and times == 1 and not found.complete
    assert (found.states, found.transitions, found.at_rest) == (3, 2, 0)


def test_a_value_outside_its_range_is_a_defect_and_never_wrapped() -> None:
    model = digits(1, 9)
    engine = Native(trace(model))
    wrong = engine.program.commands[0].effects[0]
    with patch("eoscheck.checker.native.kernel._outside", lambda effect, value, at: [value > 4]):
        broken = Native(engine.program)
    assert wrong.region.name == "d0.n"
    with pytest.raises(AssertionError, match=r"left its range: d0\.up"):
        explore_natively(broken, Limits())


MEMBERS = """
topics: {orders: {partitions: 2, records: 2}}
consumers:
  billing:
    from: orders
    instances: 2
    config: {group.id: b, enable.auto.commit: true, auto.offset.reset: earliest}
    offsets: auto
faults: {crash: 1}
"""


def test_members_that_commit_several_partitions_at_once(tmp_path: Path) -> None:
    """Appends of records with fields that have one value only."""
    (tmp_path / "spec.yaml").write_text(MEMBERS)
    model = prepare(str(tmp_path / "spec.yaml")).model
    whole = explore_natively(Native(trace(model)), Limits())
    assert whole.complete and whole.figures() == explore(Interpreter(model), Limits()).figures()


def test_what_was_compiled_once_is_kept(tmp_path: Path) -> None:
    with patch.dict("os.environ", EOSCHECK_CACHE=str(tmp_path)):
        engine = Native(trace(digits(2)))
        assert engine.best_kept() == QUICK
        engine.functions(THOROUGH)
        assert Native(trace(digits(2))).best_kept() == THOROUGH
        assert Native(trace(digits(3))).best_kept() == QUICK
        for file in (tmp_path / "native").iterdir():
            file.write_bytes(file.read_bytes()[:-1])
        assert run(digits(2)).states == 81
    with patch.dict("os.environ", EOSCHECK_CACHE="/proc/nowhere"):
        assert run(digits(2)).states == 81


@pytest.mark.parametrize("to", [NARROW, WIDE])
@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_while_a_table_grows_leaves_the_old_one(to: Slot, threads: int) -> None:
    narrow, grown = Slot(32, 16 if to is WIDE else 26), list[int]()

    def interrupted(threads: int, work: Callable[[int], object], awake: Any = None) -> None:
        if search.space.context.lines > 11 + 3 * (to is NARROW):
            grown.append(search.space.context.lines)
            signal.raise_signal(signal.SIGINT)
        together(threads, work, awake)

    with (
        patch.object(space_module, "FIRST_LINES", 11),
        patch.object(space_module, "NARROW", narrow),
        patch.object(space_module, "LONG", 0),
        patch.object(space_module, "together", interrupted),
    ):
        search = search_from(narrow, threads)
        found = search.run()
    assert len(grown) == 1 and search.space.slot is narrow and found.stopped == "interrupted"
    visited = found.visited
    assert all(visited.number(visited.state(n)) == n for n in range(0, found.states, 97))


@pytest.mark.parametrize("to", [NARROW, WIDE])
def test_where_there_is_no_room_for_a_larger_table_the_old_one_stays(to: Slot) -> None:
    narrow = Slot(32, 16 if to is WIDE else 26)

    def refused(threads: int, work: Callable[[int], object], awake: Any = None) -> None:
        if search.space.context.lines > 11 + 3 * (to is NARROW):
            raise MemoryError
        together(threads, work, awake)

    with (
        patch.object(space_module, "FIRST_LINES", 11),
        patch.object(space_module, "NARROW", narrow),
        patch.object(space_module, "together", refused),
    ):
        search = search_from(narrow, 1)
        found = search.run()
    assert search.space.slot is narrow and found.stopped == "memory"
    assert all(found.visited.number(found.visited.state(n)) == n for n in range(0, found.states, 97))
