"""The two engines agree, on models that nobody thought of; and what the engines rest on keeps its meaning."""

from __future__ import annotations

import enum
from collections.abc import Callable
from itertools import product
from typing import Any
from unittest.mock import patch

import pytest
from eoscheck.checker import expressions as ex
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.engine import Interpreter
from eoscheck.checker.facts import Facts
from eoscheck.checker.search import Limits, explore
from eoscheck.checker.symbols import TraceError
from eoscheck.checker.trace import trace
from eoscheck.model.domains import Region, scalar
from eoscheck.model.language import Array, Component, Log, Model, Property, Ref, Var, action
from eoscheck.model.values import Witness, any_of, count, derived, ite, maximum, minimum, when
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from tinymodels import Clock, Counter, everything, two_phase_commit

MOST = Limits(states=400)


def agree(build: Callable[[], Model], limits: Limits = MOST) -> None:
    """Both engines give the same steps, cuts, hits, premises, and so the same search."""
    model = build()
    program = trace(model)
    fast, slow = Compiled(program), Interpreter(model)
    one, two = explore(fast, limits), explore(slow, limits)
    for state in one.index:
        assert list(fast.successors(state)) == slow.successors(state)
        assert (fast.hits(state), fast.premises(state)) == (slow.hits(state), slow.premises(state))
        assert fast.hits(state, 2) == slow.hits(state, 2) == slow.hits(state) & 2
    one.seconds = two.seconds = 0
    assert one == two


@pytest.mark.parametrize("build", [everything, two_phase_commit, lambda: Model([Clock(), Counter()])])
def test_engines_agree_on_hand_made_models(build: Callable[[], Model]) -> None:
    agree(build, Limits(states=3_000))


# --- random models --------------------------------------------------------------------------------


class Mood(enum.Enum):
    CALM = 0
    BUSY = 1
    LOST = 2


class Random(Component):
    """Actions that carry out a little program: nested tuples, as the strategies below make them."""

    name = "r"

    def __init__(self, programs: Any) -> None:
        self.programs = programs
        self.table = (1, 3, 0, 2, 1)

    a = Var(range(4))
    b = Var(range(1, 4))
    flag = Var(bool)
    mood = Var(Mood)
    row = Var(Array(range(4), 3), init=1)
    log = Var(Log({"x": range(4), "m": Mood}, 2))
    ref = Var(lambda self: Ref(self))

    def number(self, term: Any) -> Any:
        match term:
            case int():
                return term
            case "a" | "b":
                return getattr(self, term)
            case "length":
                return self.log.length
            case "+", p, q:
                return self.number(p) + self.number(q)
            case "-", p, q:
                return self.number(p) - self.number(q)
            case "*", p, k:
                return self.number(p) * k
            case "min", p, q:
                return min(self.number(p), self.number(q))
            case "minimum", p, q:
                return minimum(self.number(p), self.number(q))
            case "maximum", p, q:
                return maximum(self.number(p), self.number(q))
            case "ite", c, p, q:
                return ite(self.truth(c), self.number(p), self.number(q))
            case "row", p:
                return self.row[self.number(p)]
            case "log", p:
                return self.log[self.number(p)].x
            case "table", p:
                return self.table[self.number(p) % 5]
            case "count":
                return count(x == self.a for x in self.row)
            case "found":
                return self.found(self.a)
        raise AssertionError(term)

    @derived
    def found(self, x: Any) -> Any:
        for i in range(3):
            if self.row[i] == x:
                return i
        return 3

    def truth(self, term: Any) -> Any:
        match term:
            case "flag":
                return self.flag
            case "calm":
                return self.mood == Mood.CALM
            case "mine":
                return self.ref is self
            case "not", c:
                return not self.truth(c)
            case "and", c, d:
                return self.truth(c) and self.truth(d)
            case "or", c, d:
                return self.truth(c) or self.truth(d)
            case "any", c, d:
                return any_of([self.truth(c), self.truth(d)])
            case "<", p, q:
                return self.number(p) < self.number(q)
            case "<<", p, q, r:
                return self.number(p) <= self.number(q) < self.number(r)
            case "==", p, q:
                return self.number(p) == self.number(q)
            case "in", p:
                return self.number(p) in (0, 2)
        raise AssertionError(term)

    def do(self, step: Any) -> None:
        match step:
            case "when", c:
                when(self.truth(c))
            case "if", c, then, otherwise:
                for part in then if self.truth(c) else otherwise:
                    self.do(part)
            case "a" | "b", p:
                setattr(self, step[0], self.number(p))
            case "row", p, q:
                self.row[self.number(p)] = self.number(q)
            case "log", p:
                self.log.append(x=self.number(p), m=self.mood)
            case "truncate", p:
                self.log.truncate(self.number(p))
            case "flag", c:
                self.flag = self.truth(c)
            case "mood", c:
                self.mood = ite(self.truth(c), Mood.BUSY, Mood.LOST)
            case "ref", c:
                self.ref = self if self.truth(c) else None
            case "calm down":
                self.mood = Mood.CALM

    @action(each=lambda self: [(i,) for i in range(len(self.programs))])
    def run(self, i: int) -> None:
        for step in self.programs[i]:
            self.do(step)


atoms = st.one_of(st.integers(0, 4), st.sampled_from(["a", "b", "length", "count", "found"]))
truths = st.deferred(
    lambda: st.one_of(
        st.sampled_from(["flag", "calm", "mine"]),
        st.tuples(st.just("not"), truths),
        st.tuples(st.sampled_from(["and", "or", "any"]), truths, truths),
        st.tuples(st.sampled_from(["<", "=="]), numbers, numbers),
        st.tuples(st.just("<<"), atoms, numbers, atoms),
        st.tuples(st.just("in"), numbers),
    )
)
numbers: Any = st.deferred(
    lambda: st.one_of(
        atoms,
        atoms,
        st.tuples(st.sampled_from(["+", "-", "min", "minimum", "maximum"]), numbers, numbers),
        st.tuples(st.just("*"), atoms, st.integers(-1, 2)),
        st.tuples(st.just("ite"), truths, numbers, numbers),
        st.tuples(st.sampled_from(["row", "log", "table"]), atoms),
    )
)
steps: Any = st.deferred(
    lambda: st.one_of(
        st.tuples(st.sampled_from(["when", "flag", "mood", "ref"]), truths),
        st.tuples(st.just("if"), truths, st.lists(steps, max_size=2), st.lists(steps, max_size=2)),
        st.tuples(st.sampled_from(["a", "b", "log", "truncate"]), numbers),
        st.tuples(st.just("row"), numbers, numbers),
        st.just("calm down"),
    )
)
programs = st.lists(st.lists(steps, min_size=1, max_size=4), min_size=1, max_size=3)


def random_model(chosen: Any, asked: Any) -> Model:
    thing = Random(chosen)
    small = Property(
        "always", "small", lambda: Witness("large") if thing.number(("+", "a", "b")) > 4 else None
    )
    calm = Property("sometimes", "calm", lambda: thing.truth(asked), lambda: thing.flag)
    return Model([thing], [small, calm])


pure = truths.filter(lambda c: not {"row", "log", "-", "*"} & set(flat(c)))


def flat(term: Any) -> list[Any]:
    return [term] if not isinstance(term, tuple) else [x for part in term for x in flat(part)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(programs, pure)
def test_engines_agree_on_random_models(chosen: Any, asked: Any) -> None:
    with patch("eoscheck.checker.trace.MOST_PATHS", 200):
        try:
            agree(lambda: random_model(chosen, asked))
        except TraceError as error:
            assert str(error).endswith("more than 200 paths"), error
            reject()


# --- expressions and facts, against every value ---------------------------------------------------

X, Y, B, R = (
    Region("x", 0, 1, scalar(range(3)), 0, None),
    Region("y", 1, 1, scalar(range(1, 4)), 1, None),
    Region("b", 2, 1, scalar(bool), 0, None),
    Region("r", 3, 2, scalar(range(3)), 0, None),
)
STATES = [bytes(s) for s in product(range(3), range(1, 4), range(2), range(3), range(3))]
Made = tuple[ex.Expr, Callable[[bytes], int]]


def made(constructor: Callable[..., ex.Expr], meaning: Callable[..., int], *args: Made) -> Made:
    """A term by its constructor, and beside it what it must mean."""
    return constructor(*(e for e, _ in args)), lambda s: int(meaning(*(m(s) for _, m in args)))


def constant(value: int) -> Made:
    return ex.const(value), lambda s: value


leaves = st.one_of(
    st.integers(-2, 5).map(constant),
    st.sampled_from([X, Y]).map(lambda r: (ex.cell(r, 0), lambda s: s[r.base])),
    st.just((ex.select(R, ex.sub(ex.cell(Y, 0), ex.const(2))), lambda s: s[3 + s[1] - 2] if s[1] > 1 else 0)),
    st.just((ex.select(R, ex.cell(B, 0)), lambda s: s[3 + s[2]])),
)
ints: Any = st.deferred(
    lambda: st.one_of(
        leaves,
        st.builds(lambda a, b: made(ex.add, lambda x, y: x + y, a, b), ints, ints),
        st.builds(lambda a, b: made(ex.sub, lambda x, y: x - y, a, b), ints, ints),
        st.builds(lambda a, k: made(lambda e: ex.mul(e, k), lambda x: x * k, a), ints, st.integers(-2, 3)),
        st.builds(lambda c, a, b: made(ex.ite, lambda t, x, y: x if t else y, c, a, b), bools, ints, ints),
    )
)
bools: Any = st.deferred(
    lambda: st.one_of(
        st.just((ex.cell(B, 0), lambda s: s[2])),
        st.booleans().map(lambda v: (ex.truth(v), lambda s: int(v))),
        st.builds(lambda a, b: made(ex.eq, lambda x, y: x == y, a, b), ints, ints),
        st.builds(lambda a, b: made(ex.lt, lambda x, y: x < y, a, b), ints, ints),
        st.builds(lambda a, b: made(ex.eq, lambda x, y: x == y, a, b), bools, bools),
        st.builds(lambda a: made(ex.negation, lambda x: not x, a), bools),
        st.lists(bools, max_size=3).map(lambda a: made(ex.conjunction, lambda *v: all(v), *a)),
        st.lists(bools, max_size=3).map(lambda a: made(ex.disjunction, lambda *v: any(v), *a)),
        st.builds(lambda c, a, b: made(ex.ite, lambda t, x, y: x if t else y, c, a, b), bools, bools, bools),
    )
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(ints, bools))
def test_simplified_terms_keep_their_value_and_their_interval(term: Made) -> None:
    expr, meaning = term
    for state in STATES:
        assert ex.evaluate(expr, state) == meaning(state)
        assert expr.lo <= meaning(state) <= expr.hi
    assert ex.show(expr)


@settings(max_examples=200, deadline=None)
@given(st.one_of(ints, bools), st.data())
def test_a_term_depends_on_nothing_but_the_cells_it_reads(term: Made, data: st.DataObject) -> None:
    expr = term[0]
    one, two = data.draw(st.sampled_from(STATES)), data.draw(st.sampled_from(STATES))
    mixed = bytes(one[i] if i in ex.reads(expr) else two[i] for i in range(5))
    assert ex.evaluate(expr, mixed) == ex.evaluate(expr, one)


def test_equal_terms_are_one_object() -> None:
    x = ex.cell(X, 0)
    assert ex.add(x, ex.const(1)) is ex.add(ex.const(1), x)
    assert ex.lt(ex.const(1), x) is ex.negation(ex.lt(x, ex.const(2)))
    assert ex.lt(ex.add(x, ex.const(1)), ex.const(2)) is ex.lt(x, ex.const(1))
    assert ex.eq(ex.add(x, ex.const(1)), x) is ex.FALSE


@settings(max_examples=400, deadline=None)
@given(st.lists(bools, max_size=4), bools, ints)
def test_what_the_facts_decide_is_true_wherever_they_hold(
    assumed: list[Made], asked: Made, term: Made
) -> None:
    facts = Facts()
    for condition, _ in assumed:
        facts.assume(condition, True)
    possible = [s for s in STATES if all(meaning(s) for _, meaning in assumed)]
    decided, (low, high) = facts.decide(asked[0]), facts.bounds(term[0])
    if facts.impossible:
        assert not possible
    for state in possible:
        assert decided in (None, bool(asked[1](state)))
        assert low <= term[1](state) <= high


def test_a_minimum_lies_below_both() -> None:
    x = ex.cell(X, 0)
    smaller = ex.ite(ex.lt(ex.add(x, ex.const(1)), ex.const(2)), ex.add(x, ex.const(1)), ex.const(2))
    assert Facts().decide(ex.lt(ex.const(2), smaller)) is False
