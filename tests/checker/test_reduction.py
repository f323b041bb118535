"""What is left out by partial-order reduction could not have been seen: on models that nobody thought of."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import Program
from eoscheck.checker.counterexample import Defect
from eoscheck.checker.covering import taken
from eoscheck.checker.engine import Interpreter
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.reducing import explore_reducing, way_in_reduced
from eoscheck.checker.native.search import Options, explore_natively
from eoscheck.checker.native.visited import Visited
from eoscheck.checker.reduction import Reduction, refusal
from eoscheck.checker.search import Exploration, Limits
from eoscheck.checker.shortest import way_to_hit
from eoscheck.checker.solver.answers import OutOfTime
from eoscheck.checker.solver.commuting import Commuting, sharpen
from eoscheck.checker.trace import trace
from eoscheck.model.language import Array, Component, Log, Model, Property, Var, action
from eoscheck.model.values import Witness, when
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.usefixtures("own_cache")


class Board(Component):
    """What the workers share."""

    name = "board"
    flag = Var(bool)
    count = Var(range(3))
    row = Var(Array(range(3), 2))
    log = Var(Log({"by": range(3)}, 3))


class Worker(Component):
    """Goes through steps that a program says: (from, to, what it asks of the board, what it does to it)."""

    def __init__(self, number: int, board: Board, program: Any) -> None:
        self.name, self.number, self.board, self.program = f"w{number}", number, board, program

    pc = Var(range(4))
    mine = Var(range(3))

    @action(each=lambda self: [(i,) for i in range(len(self.program))])
    def step(self, i: int) -> None:
        before, after, asked, done = self.program[i]
        when(self.pc == before)
        self.ask(asked)
        self.do(done)
        self.pc = after

    @action(fault="crash")
    def crash(self) -> None:
        when(self.pc > 0)
        self.pc, self.mine = 0, 0

    def ask(self, what: str) -> None:
        board = self.board
        if what == "flag":
            when(board.flag)
        elif what == "no flag":
            when(board.flag == False)  # noqa: E712
        elif what == "room":
            when(board.log.length < 3)
        elif what == "mine":
            when(self.mine < board.count)
        elif what == "row":
            when(board.row[0] == self.mine)

    def do(self, what: str) -> None:
        board = self.board
        if what == "raise":
            board.flag = True
        elif what == "lower":
            board.flag = False
        elif what == "count":
            board.count += 1
        elif what == "append":
            board.log.append(by=self.number)
        elif what == "note":
            self.mine = board.count
        elif what == "write":
            board.row[self.number % 2] = self.mine
        elif what == "move":
            board.row[1] = board.row[0]


steps = st.tuples(
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from(["", "", "flag", "no flag", "room", "mine", "row"]),
    st.sampled_from(["", "", "raise", "lower", "count", "append", "note", "write", "move"]),
)
programs = st.lists(st.lists(steps, min_size=1, max_size=4), min_size=2, max_size=3)


def built(programs: Any, crashes: int = 1) -> Model:
    board = Board()
    workers = [Worker(i, board, program) for i, program in enumerate(programs)]
    first, last = workers[0], workers[-1]

    def unless(good: Any) -> Witness | None:
        return None if good else Witness("so")

    properties = [
        Property("always", "not both", lambda: unless((first.pc < 3) | (last.pc < 3))),
        Property("always", "low", lambda: unless((board.row[1] < 2) | board.flag)),
        Property("at-rest", "full", lambda: unless(board.log.length > 1)),
        Property("at-rest", "flag", lambda: unless(board.flag), premise=lambda: board.count > 1),
        Property("sometimes", "goal", lambda: (board.count == 2) & (last.mine == 1)),
    ]
    return Model([board, *workers], properties, budgets={"crash": crashes})


def says(found: Exploration) -> tuple[Any, ...]:
    """What a search that is reduced must say as well."""
    fired = [bool(times) for times in found.fired]
    return found.hits.keys(), found.premises, found.cut.keys(), fired, bool(found.at_rest), bool(found.dead)


def walked(model: Model, way: list[int]) -> bytes:
    engine, state = Interpreter(model), model.initial
    for number in way:
        (state,) = [
            after
            for action, after in engine.successors(state)
            if action == number and isinstance(after, bytes)
        ]
    return state


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@example([[(0, 0, "", "")], [(0, 0, "", "raise"), (0, 0, "", "raise"), (0, 1, "", "raise")]], 2)
@given(programs, st.integers(0, 2))
def test_the_same_is_said_of_fewer_states(chosen: Any, crashes: int) -> None:
    model = built(chosen, crashes)
    program = trace(model)
    assert refusal(program) == ""
    plain, reduced = Native(program), Native(program, Reduction(program))
    whole = explore_natively(plain, Limits())
    part = explore_natively(reduced, Limits(), None, Options(threads=1))
    assert whole.stopped is None and part.stopped is None
    assert says(part) == says(whole) and part.states <= whole.states
    assert explore_natively(reduced, Limits(), None, Options(threads=2)).figures() == part.figures()
    for prop, kind in enumerate(p.kind for p in model.properties):
        if prop in part.hits:
            end = walked(model, way_in_reduced(part, prop))
            assert plain.hits(end, 1 << prop)
            if kind == "at-rest":
                steps = Interpreter(model).successors(end)
                assert all(model.actions[number].info.fault for number, _ in steps)
    searched = explore_reducing(plain, Limits(), None, Options(), first=5)
    for prop in searched.found.hits:
        source = searched.sources.get(prop, searched.found)
        assert way_to_hit(plain, source, prop) == way_to_hit(plain, whole, prop)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs, st.booleans())
def test_what_is_said_of_commands_is_so_in_every_state(chosen: Any, sharp: bool) -> None:
    model = built(chosen)
    program = trace(model)
    reduction = Reduction(program)
    if sharp:
        reduction.conflicts = Commuting(reduction).conflicts()
    reduced = Native(program, reduction)
    found = explore_natively(Native(program), Limits())
    everything = reduction.open((), 0)
    for number in range(found.states):
        state = found.visited.state(number)
        after, holding = moves(program, state), guarded(program, state)
        false = [not ex.evaluate(literal, state) for literal in reduction.literals]
        for a, reached in after.items():
            for literal, was_false in enumerate(false):
                if was_false and ex.evaluate(reduction.literals[literal], reached):
                    assert reduction.enablers[literal] >> a & 1, reduction.literals[literal]
            for b in after.keys() - {a}:
                both = moves(program, reached).get(b)
                if not reduction.conflicts[a] >> b & 1 and not faults(reduction, a, b):
                    assert both is not None and both == moves(program, after[b]).get(a)
                if reduction.absorbing[a] >> b & 1:
                    assert both == after[b]
            for b in holding - after.keys():
                if not reduction.conflicts[a] >> b & 1 and program.commands[b].cut is None:
                    assert b in guarded(program, reached) and b not in moves(program, reached)
        moving = sum(1 << command for command in after)
        if any(not reduction.fault[command] for command in after):
            assert reduced.chosen(state, moving, everything) == reduction.chosen(state, moving, everything)


def moves(program: Program, state: bytes) -> dict[int, bytes]:
    """By command that leads somewhere, where to."""
    model, found = program.model, {}
    trees = {model.actions.index(of): tree for of, tree in program.trees()}
    for number, after in Interpreter(model).successors(state):
        if isinstance(after, bytes):
            command = taken(trees[number], state)
            assert command is not None
            found[command.number] = after
    return found


def guarded(program: Program, state: bytes) -> set[int]:
    """The commands whose guards hold."""
    return {c.number for c in program.commands if all(ex.evaluate(g, state) for g in c.guards)}


def faults(reduction: Reduction, a: int, b: int) -> bool:
    """Both spend from the budget, of which there may not be enough for two."""
    return reduction.fault[a] and reduction.fault[b]


class TestRefused:
    def test_liveness(self) -> None:
        model = built([[(0, 1, "", "")], [(0, 1, "", "")]])
        model.properties.append(Property("eventually", "in the end", lambda: True))
        assert refusal(trace(model)) == "in the end speaks of all that follows, not of states"

    def test_a_property_that_counts_faults(self) -> None:
        model = built([[(0, 1, "", "")], [(0, 1, "", "")]])
        budgets = model.budgets
        assert budgets is not None
        model.properties.append(
            Property("always", "no crash", lambda: None if budgets.used[0] == 0 else Witness("crash"))
        )
        assert refusal(trace(model)) == "no crash counts faults"

    def test_an_action_that_counts_faults(self) -> None:
        asked: list[Any] = []

        class Curious(Component):
            name = "curious"
            met = Var(bool)

            @action
            def look(self) -> None:
                when(asked[0].used[0] == 1)
                self.met = True

        board, curious = Board(), Curious()
        model = Model([board, Worker(0, board, [(0, 1, "", "")]), curious], budgets={"crash": 1})
        asked.append(model.budgets)
        assert refusal(trace(model)) == "curious.look() asks how many faults there were"

    def test_what_is_refused_is_searched_as_it_is_and_that_is_said(self) -> None:
        model = built([[(0, 1, "", "")], [(0, 1, "", "")]])
        engine = Native(trace(model))
        whole = explore_natively(engine, Limits())
        searched = explore_reducing(engine, Limits(), None, Options(fingerprint=True), first=2)
        assert not searched.found.reduced and searched.found.states == whole.states
        assert searched.notes == ("not reduced: fingerprints do not tell when a state was found",)


class TestWhenASearchIsReduced:
    @pytest.fixture
    def engine(self) -> Native:
        work = [(0, 1, "", ""), (1, 2, "", "note"), (2, 3, "", "")]
        return Native(trace(built([work, work, work], 1)))

    def test_not_where_states_are_few(self, engine: Native) -> None:
        whole = explore_natively(engine, Limits())
        searched = explore_reducing(engine, Limits(), None, Options(), first=whole.states)
        assert not searched.found.reduced and searched.found.figures() == whole.figures()

    def test_not_where_that_is_not_wanted(self, engine: Native) -> None:
        assert not explore_reducing(engine, Limits(), None, Options(reduce=False), first=2).found.reduced

    def test_not_below_a_limit_of_states(self, engine: Native) -> None:
        searched = explore_reducing(engine, Limits(states=3), None, Options(), first=5)
        assert (searched.found.states, searched.found.reduced) == (3, "")

    def test_where_memory_is_full(self, engine: Native) -> None:
        real, whole = explore_natively, explore_natively(engine, Limits())
        late = max(whole.hits.values())

        def full(engine: Native, limits: Limits, *rest: Any, **named: Any) -> Exploration:
            if engine.reduction is not None or "until" in named:
                return real(engine, limits, *rest, **named)
            found = real(engine, Limits(depth=late), *rest, **named)
            found.stopped = "memory"
            return found

        with patch("eoscheck.checker.native.reducing.explore_natively", full):
            searched = explore_reducing(engine, Limits(), None, Options())
        assert searched.found.reduced and searched.found.complete
        assert searched.found.hits.keys() == whole.hits.keys()
        for prop in whole.hits:
            source = searched.sources[prop]
            assert way_to_hit(engine, source, prop) == way_to_hit(engine, whole, prop)

    def test_not_where_the_time_is_up_before_z3_has_said_what_commutes(self, engine: Native) -> None:
        def late(reduction: Reduction, until: float | None) -> None:
            assert until is not None
            raise OutOfTime

        with patch("eoscheck.checker.native.reducing.sharpen", late):
            searched = explore_reducing(engine, Limits(seconds=60), None, Options(), first=5)
        assert (searched.found.stopped, searched.found.reduced) == ("seconds", "")

    def test_not_where_there_is_no_memory_to_begin_with(self, engine: Native) -> None:
        searched = explore_reducing(engine, Limits(memory_mb=1), None, Options())
        assert (searched.found.stopped, searched.found.reduced) == ("memory", "")

    def test_else_it_is_and_counterexamples_are_the_shortest(self, engine: Native) -> None:
        searched = explore_reducing(engine, Limits(), None, Options(), first=5)
        assert searched.found.reduced and searched.found.complete and searched.notes == ()
        assert searched.sources.keys() == searched.found.hits.keys()

    def test_a_counterexample_that_may_not_be_the_shortest_is_called_so(self, engine: Native) -> None:
        real = explore_natively

        def short(engine: Native, limits: Limits, *rest: Any, **named: Any) -> Exploration:
            return real(engine, Limits(depth=1) if named else limits, *rest, **named)

        with patch("eoscheck.checker.native.reducing.explore_natively", short):
            searched = explore_reducing(engine, Limits(), None, Options(), first=1)
        (note,) = searched.notes
        assert note.startswith("not known to be the shortest, since that takes a search without reduction: ")
        prop = next(iter(searched.found.hits.keys() - searched.sources.keys()))
        end = walked(engine.model, way_in_reduced(searched.found, prop))
        assert engine.hits(end, 1 << prop)

    def test_a_reduced_search_that_has_missed_something_is_a_defect(self, engine: Native) -> None:
        real = explore_natively

        def blind(engine: Native, limits: Limits, *rest: Any, **named: Any) -> Exploration:
            found = real(engine, limits, *rest, **named)
            if engine.reduction is not None:
                found.premises = 0
            return found

        with (
            patch("eoscheck.checker.native.reducing.explore_natively", blind),
            pytest.raises(Defect, match="a reduced search has missed a premise"),
        ):
            explore_reducing(engine, Limits(), None, Options(), first=5)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs)
def test_z3_knows_every_conflict_that_there_is_and_fewer_than_read_and_write_sets(chosen: Any) -> None:
    program = trace(built(chosen))
    reduction = Reduction(program)
    sharp = Commuting(reduction).conflicts()
    assert all(one & ~other == 0 for one, other in zip(sharp, reduction.conflicts, strict=True))
    found = explore_natively(Native(program), Limits())
    for number in range(found.states):
        state = found.visited.state(number)
        after = moves(program, state)
        looking = [not any(not ex.evaluate(x, state) for x in o.literals) for o in reduction.observers]
        for a, reached in after.items():
            for at, (looks, observer) in enumerate(zip(looking, reduction.observers, strict=True)):
                if looks and not all(ex.evaluate(x, reached) for x in observer.literals):
                    assert sharp[a] >> (reduction.size + at) & 1


def test_conflicts_are_kept_by_content(tmp_path: Path) -> None:
    program = trace(built([[(0, 1, "", "note")], [(0, 1, "", "note")]]))
    first, second = Reduction(program), Reduction(program)
    sharpen(first)
    with patch("eoscheck.checker.solver.commuting.Commuting", side_effect=AssertionError):
        sharpen(second)
    assert first.conflicts == second.conflicts


def test_conflicts_that_were_kept_and_damaged_are_found_anew(tmp_path: Path) -> None:
    program = trace(built([[(0, 1, "", "note")], [(0, 1, "", "note")], [(0, 1, "", "note")]]))
    first, second = Reduction(program), Reduction(program)
    with patch.dict("os.environ", EOSCHECK_CACHE=str(tmp_path)):
        sharpen(first)
        (file,) = (tmp_path / "commuting").iterdir()
        file.write_bytes(file.read_bytes()[:-2] + b"\n")
        sharpen(second)
    assert first.conflicts == second.conflicts


class Gate(Component):
    """Opens once others are far enough, and goes on in passing."""

    def __init__(self, others: list[Component]) -> None:
        self.name, self.others = "gate", others

    x = Var(range(4))

    @action
    def step(self) -> None:
        for other, least in zip(self.others, (3, 3, 4), strict=False):
            when(other.n >= least)  # type: ignore[attr-defined]
        when(self.x < 3)
        self.x += 1


class Climber(Component):
    def __init__(self, name: str, last: Component) -> None:
        self.name, self.last = name, last

    n = Var(range(7))

    @action
    def up(self) -> None:
        when(self.n < 6)
        self.n += 1
        self.last.who = int(self.name)  # type: ignore[attr-defined]


class Last(Component):
    name = "last"
    who = Var(range(6))


def climbing() -> Model:
    last = Last()
    climbers: list[Component] = [Climber(str(i), last) for i in range(6)]
    gate = Gate(climbers)
    met = Property("at-rest", "met", lambda: None, premise=lambda: gate.x > 0)

    def check() -> Witness | None:
        done = (climbers[1].n == 6) & (climbers[2].n == 6)  # type: ignore[attr-defined]
        return Witness("late") if (gate.x == 3) & (last.who == 5) & done else None

    late = Property("always", "late", check, premise=lambda: climbers[3].n == 6)  # type: ignore[attr-defined]
    return Model([last, *climbers, gate], [met, late])


def test_what_is_met_in_passing_does_not_depend_on_threads() -> None:
    """What has been seen decides what is reduced in the next level, so it must be the same, whichever thread saw it."""
    program = trace(climbing())
    engine = Native(program, Reduction(program))
    outcomes = set()
    for threads in (1, 2, 3, 7, 2, 3, 7, 2, 3, 7):
        found = explore_natively(engine, Limits(), None, Options(threads=threads, everything=True))
        visited = found.visited
        assert isinstance(visited, Visited)
        some = tuple(visited.state(n) for n in range(0, found.states, 97))
        outcomes.add((str(visited.seen), found.transitions, some))
        visited.close()
    assert len(outcomes) == 1
