"""What is known on a path is true of every state that takes it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from eoscheck.checker import expressions as ex
from eoscheck.checker.expressions import Expr
from eoscheck.checker.facts import Facts
from eoscheck.model.domains import Region, scalar
from hypothesis import given, settings
from hypothesis import strategies as st

DOMAINS = (range(4), range(1, 4), range(3), bool)
CELLS = [
    ex.cell(Region("abcd"[i], i, 1, scalar(domain), scalar(domain).lo, None), 0)
    for i, domain in enumerate(DOMAINS)
]
STATES = [bytes(s) for s in itertools.product(*(range(c.lo, c.hi + 1) for c in CELLS))]
A, B, C, D = CELLS


def is_(term: Expr, value: int) -> Expr:
    return ex.eq(term, ex.const(value))


def below(term: Expr, value: int) -> Expr:
    return ex.lt(term, ex.const(value))


# Terms are made in the test: those that were made before another model is traced are not shared with new ones.
@pytest.mark.parametrize(
    ("made", "decided"),
    [
        (lambda: ([ex.disjunction(is_(A, 1), is_(A, 2))], is_(A, 3)), False),
        (lambda: ([ex.disjunction(D, below(A, 2)), ex.negation(D)], below(A, 3)), True),
        (lambda: ([ex.negation(ex.conjunction(D, is_(A, 1))), D], is_(A, 1)), False),
        (lambda: ([ex.lt(A, C)], is_(A, 2)), False),
        (lambda: ([ex.lt(A, C)], is_(C, 0)), False),
        (lambda: ([is_(A, 3), ex.negation(ex.lt(B, A))], is_(B, 3)), True),
        (lambda: ([ex.eq(A, B)], ex.lt(A, B)), False),
        (lambda: ([ex.lt(A, B)], ex.eq(A, B)), False),
        (lambda: ([D, below(ex.ite(D, A, B), 2)], is_(A, 2)), False),
        (lambda: ([below(A, 1)], below(ex.mul(A, 2), 4)), True),
        (lambda: ([below(ex.add(ex.add(A, B), ex.const(1)), 3)], below(ex.add(A, B), 2)), True),
    ],
)
def test_what_follows(made: Callable[[], tuple[list[Expr], Expr]], decided: bool) -> None:
    assumed, asked = made()
    facts = Facts()
    for condition in assumed:
        facts.assume(condition, True)
    assert facts.decide(asked) is decided


atoms = st.one_of(st.sampled_from(CELLS[:3]), st.integers(-1, 4).map(ex.const))
simple = st.one_of(st.just(D), st.builds(ex.eq, atoms, atoms), st.builds(ex.lt, atoms, atoms))
numbers = st.one_of(
    atoms,
    st.builds(ex.add, atoms, atoms),
    st.builds(ex.sub, atoms, atoms),
    st.builds(ex.mul, atoms, st.integers(-1, 2)),
    st.builds(ex.ite, simple, atoms, atoms),
)
asked_for = st.one_of(simple, st.builds(ex.eq, numbers, numbers), st.builds(ex.lt, numbers, numbers))
literals = st.one_of(asked_for, asked_for.map(ex.negation))
truths = st.one_of(
    literals,
    st.builds(ex.conjunction, literals, literals, literals),
    st.builds(ex.disjunction, literals, literals, literals),
    st.builds(ex.ite, literals, literals, literals),
)


@settings(max_examples=500, deadline=None)
@given(assumed=st.lists(truths, max_size=5), asked=truths, state=st.sampled_from(STATES))
def test_what_is_decided_is_true_wherever_the_facts_are(
    assumed: list[Expr], asked: Expr, state: bytes
) -> None:
    facts, left = Facts(), STATES
    for condition in assumed:
        truth = bool(ex.evaluate(condition, state))
        facts.assume(condition, truth)
        left = [s for s in left if bool(ex.evaluate(condition, s)) is truth]
    decided = facts.decide(asked)
    assert not facts.impossible
    assert decided in (None, *{bool(ex.evaluate(asked, s)) for s in left})
    assert decided is None or {bool(ex.evaluate(asked, s)) for s in left} == {decided}
