"""Of states that are the same but for parts in each other's place one is enough: where Z3 says that it is, that is so,
and nothing that could be seen is lost. On models that nobody thought of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import pytest
from eoscheck.checker.engine import Interpreter
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.reducing import explore_reducing, way_in_reduced
from eoscheck.checker.native.search import Options, explore_natively
from eoscheck.checker.reduction import Reduction
from eoscheck.checker.search import Exploration, Limits
from eoscheck.checker.shortest import way_to_hit
from eoscheck.checker.solver.commuting import sharpen
from eoscheck.checker.solver.symmetry import symmetry_of
from eoscheck.checker.symmetry import Symmetry, feasible
from eoscheck.checker.trace import trace
from eoscheck.model.exchange import Exchange
from eoscheck.model.language import Array, Component, Log, Model, Property, Var, action
from eoscheck.model.values import Witness, all_of, any_of, ite, neg, when
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standingfor import happened

pytestmark = pytest.mark.usefixtures("own_cache")


class Board(Component):
    """What the workers share. `holder` is a worker, one too high; `row` has an element for each."""

    name = "board"

    def __init__(self, workers: int) -> None:
        self.workers = workers

    holder = Var(lambda self: range(self.workers + 1))
    row = Var(lambda self: Array(range(3), self.workers))
    log = Var(lambda self: Log({"by": range(self.workers + 1)}, 3))
    count = Var(range(4))


class Worker(Component):
    """Goes through the same steps as the others, unless it is told to do something of its own."""

    def __init__(self, number: int, board: Board, steps: Any, own: bool) -> None:
        self.name, self.number, self.board, self.steps, self.own = f"w{number}", number, board, steps, own

    pc = Var(range(4))

    def begin(self) -> None:
        if self.number == 0:
            self.board.holder = 1

    @action(each=lambda self: [(i,) for i in range(len(self.steps))])
    def step(self, i: int) -> None:
        before, after, asked, done = self.steps[i]
        when(self.pc == before)
        board, me = self.board, self.number + 1
        if asked == "mine":
            when(board.holder == me)
        elif asked == "free":
            when(board.holder == 0)
        elif asked == "row":
            when(board.row[self.number] > 0)
        elif asked == "others":
            when(any_of(board.row[k] > 1 for k in range(board.workers)))
        if done == "take":
            board.holder = me
        elif done == "give":
            board.holder = 0
        elif done == "append":
            board.log.append(by=me)
        elif done == "write":
            board.row[self.number] = 2
        elif done == "count":
            board.count += 1 + (self.own and self.number == 0)
        self.pc = after

    @action(fault="crash")
    def crash(self) -> None:
        when(self.pc > 0)
        self.pc = 0


steps = st.tuples(
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from(["", "", "mine", "free", "row", "others"]),
    st.sampled_from(["", "take", "give", "append", "write", "count"]),
)


def swapped(model: Model, one: int, other: int) -> Exchange:
    """Two workers in each other's place."""
    swap = {one: other, other: one}
    base = {region.name: region.base for region in model.regions}
    places, values = list(range(model.size)), [dict[int, int]() for _ in range(model.size)]
    for region in model.regions:
        for k in range(region.count):
            cell = region.base + k
            if region.name in (f"w{one}.pc", f"w{other}.pc"):
                places[cell] = base[f"w{swap[int(region.name[1])]}.pc"]
            elif region.name == "board.row":
                places[cell] = region.base + swap.get(k, k)
            elif region.name in ("board.holder", "board.log.by"):
                values[cell] = {old + 1: new + 1 for old, new in swap.items()}
    return Exchange(f"w{one} and w{other}", places, values, [()] * model.size)


def built(steps: Any, workers: int, own: bool, names_one: bool, crashes: int = 1) -> Model:
    board = Board(workers)
    all_ = [Worker(i, board, steps, own) for i in range(workers)]

    def unless(good: Any) -> Witness | None:
        return None if good else Witness("so")

    def met() -> Witness | None:
        many = any_of((a.pc == 3) & (b.pc == 3) for a in all_ for b in all_ if a is not b)
        return unless((all_[0].pc < 3) if names_one else many == False)  # noqa: E712

    properties = [
        Property("always", "not both", met),
        Property("always", "low", lambda: unless(board.count < 3)),
        Property("at-rest", "held", lambda: unless(board.holder > 0), premise=lambda: board.count > 1),
        Property("sometimes", "goal", lambda: board.log.length > 1),
    ]
    pairs = [(i, i + 1) for i in range(workers - 1)]
    return Model(
        [board, *all_],
        properties,
        budgets={"crash": crashes},
        alike=lambda: [swapped(model, *pair) for model in made for pair in pairs],
    )


made: list[Model] = []


def alike(model: Model) -> Model:
    made[:] = [model]
    return model


def says(found: Exploration, fired: Sequence[bool]) -> tuple[Any, ...]:
    return found.hits.keys(), found.premises, bool(found.cut), fired, bool(found.at_rest), bool(found.dead)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=1, max_size=4), st.integers(2, 3), st.booleans(), st.booleans())
def test_the_same_is_said_of_fewer_states(steps: Any, workers: int, own: bool, names_one: bool) -> None:
    model = alike(built(steps, workers, own, names_one))
    program = trace(model)
    symmetry = symmetry_of(program)
    plain, reduced = Native(program), Native(program, Reduction(program, symmetry))
    whole = explore_natively(plain, Limits())
    states = [whole.visited.state(number) for number in range(whole.states)]
    for exchange in symmetry.exchanges:
        for state in states:
            after = {exchange(t) if isinstance(t, bytes) else "cut" for _, t in plain.successors(state)}
            image = exchange(state)
            assert after == {t if isinstance(t, bytes) else "cut" for _, t in plain.successors(image)}
            assert exchange(image) == state and plain.hits(image) == plain.hits(state)
    part = explore_natively(reduced, Limits(), None, Options(threads=1))
    assert says(part, [bool(n) for n in part.fired]) == says(whole, happened(program, symmetry, whole))
    assert explore_natively(reduced, Limits(), None, Options(threads=2)).figures() == part.figures()
    for prop in part.hits:
        state = model.initial
        for number in way_in_reduced(part, prop):
            (state,) = [
                t for n, t in Interpreter(model).successors(state) if n == number and isinstance(t, bytes)
            ]
        assert plain.hits(state, 1 << prop)
    searched = explore_reducing(plain, Limits(), None, Options(), first=5)
    for prop in searched.found.hits:
        source = searched.sources.get(prop, searched.found)
        assert way_to_hit(plain, source, prop) == way_to_hit(plain, whole, prop)


STEPS = [(0, 1, "", "take"), (1, 2, "mine", "append"), (2, 3, "", "give"), (3, 0, "", "count")]


class TestWhoIsAlike:
    def test_all_who_do_the_same(self) -> None:
        found = symmetry_of(trace(alike(built(STEPS, 3, False, False))))
        assert [each.what for each in found.exchanges] == ["w0 and w1", "w1 and w2"] and not found.refused

    def test_nobody_who_does_something_of_its_own(self) -> None:
        found = symmetry_of(trace(alike(built(STEPS, 3, True, False))))
        assert [each.what for each in found.exchanges] == ["w1 and w2"]
        assert found.refused == ["w0 and w1 are not alike: w0.step(3) is not the same for both"]

    def test_nobody_whom_a_property_names(self) -> None:
        found = symmetry_of(trace(alike(built(STEPS, 2, False, True))))
        assert found.refused == ["w0 and w1 are not alike: not both tells them apart"]

    def test_nobody_who_has_other_variables(self) -> None:
        model = built(STEPS, 2, False, False)
        places = [0, *range(model.size - 1)]
        model.alike = lambda: [Exchange("w0 and w1", places, [{}] * model.size, [()] * model.size)]
        found = symmetry_of(trace(model))
        assert found.refused == ["w0 and w1 are not alike: they have not the same variables"]

    def test_it_is_asked_once(self) -> None:
        program = trace(alike(built(STEPS, 3, True, False)))
        first = symmetry_of(program)
        with patch("eoscheck.checker.solver.symmetry.Alike") as asked:
            again = symmetry_of(program)
        assert not asked.called
        assert (again.exchanges, again.images, again.refused) == (
            first.exchanges,
            first.images,
            first.refused,
        )

    def test_who_is_told_so(self) -> None:
        engine = Native(trace(alike(built(STEPS, 3, True, False))))
        searched = explore_reducing(engine, Limits(), None, Options(), first=5)
        assert searched.found.reduced == "partial order and symmetry"
        assert searched.notes == (
            "stand for each other, so that what one did counts for both: w1 and w2",
            "no symmetry: w0 and w1 are not alike: w0.step(3) is not the same for both",
        )

    def test_no_more_of_them_than_can_be_tried(self) -> None:
        """All ways to place six workers are 720."""
        model = alike(built(STEPS, 6, False, False))
        kept, left = feasible(model.alike(), model.regions)
        assert left == ["others stay where they are, since there are too many"]
        assert [each.what for each in kept] == ["w0 and w1", "w1 and w2", "w2 and w3", "w3 and w4"]
        assert len(Symmetry(kept).orbit(bytes(range(model.size)))) == 120


class Board2(Component):
    """`holder` never changes: only in exchanged states it is the other one."""

    name = "board"
    holder = Var(range(3), init=2)
    begun = Var(bool)
    first = Var(bool)
    both = Var(bool)


class Pair(Component):
    def __init__(self, number: int, board: Board2) -> None:
        self.name, self.number, self.board = f"w{number}", number, board

    ready = Var(bool)
    one = Var(bool)
    two = Var(bool)

    @action
    def prepare(self) -> None:
        when(neg(self.ready))
        self.ready = True

    @action
    def do_one(self) -> None:
        when(neg(self.one) & self.board.begun)
        self.one = True
        self.board.first = ite(self.board.holder == 2 - self.number, True, self.board.first)

    @action
    def do_two(self) -> None:
        when(neg(self.two) & self.board.begun)
        self.two = True
        here = (self.board.holder == self.number + 1) & self.board.first
        self.board.both = ite(here, True, self.board.both)


class Start(Component):
    name = "start"

    def __init__(self, board: Board2, pairs: list[Pair]) -> None:
        self.board, self.pairs = board, pairs

    @action
    def begin_all(self) -> None:
        when(neg(self.board.begun))
        when(all_of(pair.ready for pair in self.pairs))
        self.board.begun = True


def test_what_commutes_is_asked_of_exchanged_states_as_well() -> None:
    """And what was kept of the others is not taken for it: what the two do commutes as long as the holder stays."""
    board = Board2()
    pairs = [Pair(0, board), Pair(1, board)]
    low = Property("always", "low", lambda: Witness("so") if board.both else None)
    model = Model([board, *pairs, Start(board, pairs)], [low], alike=lambda: [exchanged(model)])

    def exchanged(model: Model) -> Exchange:
        base = {region.name: region.base for region in model.regions}
        swap = {"w0": "w1", "w1": "w0"}
        names = [region.name.partition(".") for region in model.regions]
        places = [base[f"{swap.get(owner, owner)}.{variable}"] for owner, _, variable in names]
        values = [{1: 2, 2: 1} if region.name == "board.holder" else {} for region in model.regions]
        return Exchange("w0 and w1", places, values, [()] * model.size)

    program = trace(model)
    sharpen(Reduction(program))
    found = explore_reducing(Native(program), Limits(), None, Options(), first=1).found
    assert found.reduced == "partial order and symmetry"
    assert found.hits.keys() == explore_natively(Native(program), Limits()).hits.keys() == {0}
