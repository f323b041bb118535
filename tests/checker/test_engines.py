"""The two engines agree, on models that nobody thought of; and what the engines rest on keeps its meaning."""

from __future__ import annotations

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
from eoscheck.checker.shortest import way_to_hit
from eoscheck.checker.symbols import TraceError
from eoscheck.checker.trace import trace
from eoscheck.model.domains import Region, scalar
from eoscheck.model.language import Model
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from randommodels import programs, pure, random_model
from tinymodels import Clock, Counter, everything, two_phase_commit

MOST = Limits(states=400)


def agree(build: Callable[[], Model], limits: Limits = MOST) -> None:
    """Both engines of Python give the same steps, cuts, hits, premises, and so the same search."""
    model = build()
    program = trace(model)
    fast, slow = Compiled(program), Interpreter(model)
    one, two = explore(fast, limits), explore(slow, limits)
    for number in range(one.states):
        state = one.visited.state(number)
        assert list(fast.successors(state)) == slow.successors(state)
        assert (fast.hits(state), fast.premises(state)) == (slow.hits(state), slow.premises(state))
        assert fast.hits(state, 2) == slow.hits(state, 2) == slow.hits(state) & 2
    assert one.figures() == two.figures()
    assert [way_to_hit(fast, one, i) for i in one.hits] == [way_to_hit(slow, two, i) for i in two.hits]


@pytest.mark.parametrize("build", [everything, two_phase_commit, lambda: Model([Clock(), Counter()])])
def test_engines_agree_on_hand_made_models(build: Callable[[], Model]) -> None:
    agree(build, Limits(states=3_000))


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
