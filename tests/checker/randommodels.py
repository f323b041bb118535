"""Models that nobody thought of: actions that carry out little programs made by hypothesis."""

from __future__ import annotations

import enum
from typing import Any

from eoscheck.model.language import Array, Component, Log, Model, Property, Ref, Var, action
from eoscheck.model.values import Witness, any_of, count, derived, ite, maximum, minimum, when
from hypothesis import strategies as st


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
    log = Var(Log({"x": range(4), "m": Mood, "same": range(1)}, 2))
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
