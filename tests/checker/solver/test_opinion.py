"""Z3's opinion: it agrees with an engine that is right, and with none that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
import tinypipe
from eoscheck.checker.commands import Program
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.counterexample import Defect
from eoscheck.checker.engine import Engine
from eoscheck.checker.examine import Examination, examine
from eoscheck.checker.liveness import violations
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.search import explore_natively
from eoscheck.checker.search import Exploration, Limits, explore
from eoscheck.checker.shortest import way_to_hit, way_to_state
from eoscheck.checker.solver.closed import closed
from eoscheck.checker.solver.opinion import ANY, Cost, opinion
from eoscheck.checker.solver.retracing import confirm_path
from eoscheck.checker.solver.soundness import examined
from eoscheck.checker.solver.translation import Translation
from eoscheck.checker.solver.unfired import reasons
from eoscheck.checker.symbols import TraceError
from eoscheck.checker.trace import trace
from eoscheck.checker.verdict import Opinion, judge
from eoscheck.model.language import Component, Model, Property, Var, action
from eoscheck.model.values import Witness, one_of, when
from hypothesis import HealthCheck, given, reject, settings
from randommodels import Random, programs, pure, random_model

SPEC = tinypipe.spec()


def told(engine: str = "native", **changes: Any) -> Examination:
    certify = changes.pop("certify", False)
    return examine(tinypipe.build(tinypipe.spec(**changes)), Limits(), engine, certify=certify, explain=True)


def confirmed(program: Program, engine: Engine, found: Exploration, cost: Cost = ANY) -> Opinion:
    """The opinion of a search, as `examine` asks for it."""
    lassos = violations(engine, found)
    rows = judge(SPEC, program.model, found, Limits(), engine.name, lassos).properties
    paths: dict[int, Any] = {
        i: (way_to_state(engine, found.visited, lasso.state), lasso.cycle) for i, lasso in lassos.items()
    }
    paths |= {i: (way_to_hit(engine, found, i), None) for i in found.hits if rows[i].kind != "eventually"}
    said, whole = opinion(program, engine, found, rows, paths, cost)
    assert whole
    return said


# --- engines that are right


@pytest.mark.parametrize("engine", ["native", "python"])
def test_every_verdict_is_checked(engine: str) -> None:
    assert told(engine).result.checked_by_z3 == Opinion(
        {"no-duplicates@shelf": 3, "all-sent": 4}, {"no-loss@shelf": 6}, {}
    )
    said = told(engine, lost=0, properties=("no-duplicates@shelf", "empty-promise")).result.checked_by_z3
    assert said == Opinion({}, {"no-duplicates@shelf": 3}, {"empty-promise": "vacuous"})


def test_what_is_undecided_is_not_checked() -> None:
    spec = tinypipe.spec(lost=0)
    said = examine(tinypipe.build(spec), Limits(states=3)).result.checked_by_z3
    assert said is not None and not said.steps and not said.valuations
    assert set(said.unchecked.values()) == {"undecided"}


def test_the_interpreter_has_no_formulas() -> None:
    assert told("interpreter").result.checked_by_z3 is None


@pytest.mark.parametrize(
    ("cost", "why"),
    [
        (replace(ANY, looks=40), "13 states; --certify looks at them"),
        (replace(ANY, valuations=5), "more than 5 valuations; --certify looks at them"),
        (replace(ANY, awake=2), "more than 2 states that are not at rest; --certify looks at them"),
    ],
)
def test_what_would_cost_too_much_is_said(cost: Cost, why: str) -> None:
    program = trace(tinypipe.build(tinypipe.spec()).model)
    engine = Native(program)
    assert confirmed(program, engine, explore_natively(engine, Limits()), cost).unchecked == {
        "no-loss@shelf": why
    }


def test_a_way_can_cost_too_much() -> None:
    program = trace(tinypipe.build(tinypipe.spec()).model)
    engine = Native(program)
    said = confirmed(program, engine, explore_natively(engine, Limits()), replace(ANY, steps=3))
    assert (said.steps, said.unchecked) == (
        {"no-duplicates@shelf": 3},
        {"all-sent": "4 steps; --certify looks at them"},
    )


def more_properties(thing: Random) -> list[Property]:
    """Of the kinds that random models do not have already."""
    return [
        Property("at-rest", "rests", lambda: Witness("x") if thing.a == 3 else None),
        Property("eventually", "again", lambda: thing.flag),
        Property("possible", "within reach", lambda: thing.b == 2),
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(chosen=programs, asked=pure)
def test_random_models(chosen: Any, asked: Any) -> None:
    model = random_model(chosen, asked)
    model.properties += more_properties(model.components[0])  # type: ignore[arg-type]
    with patch("eoscheck.checker.trace.MOST_PATHS", 100):
        try:
            program = trace(model)
        except TraceError as error:
            assert str(error).endswith("more than 100 paths"), error
            reject()
    sound = examined(program)
    assert not sound.ambiguous and not sound.escaping
    engine = Compiled(program)
    found = explore(engine, Limits(states=3000))
    said = confirmed(program, engine, found)
    assert set(said.unchecked.values()) <= {"liveness", "vacuous", "undecided"}
    if found.complete:
        assert closed(program, found).startswith("closed")
        assert closed(program, found, small=0, sample=1).startswith("closed")
        assert all(isinstance(why, str) for why in reasons(program, found).values())


# --- engines that are wrong


class Wrong(Compiled):
    """An engine with a defect."""

    def __init__(self, program: Program, spoil: Callable[[Wrong], None]) -> None:
        super().__init__(program)
        spoil(self)


def blind(prop: int) -> Callable[[Wrong], None]:
    """It never sees a property hit."""

    def spoil(engine: Wrong) -> None:
        right = engine.hits
        engine.hits = lambda state, among=-1: right(state, among) & ~(1 << prop)

    return spoil


def restless(engine: Wrong) -> None:
    """It sees a step where nothing can happen."""
    right = engine.successors
    engine.successors = lambda state: right(state) or [(0, engine.model.initial)]


def forgetful(engine: Wrong) -> None:
    """It does not see that answers are lost."""
    right = engine.successors
    engine.successors = lambda state: [(a, after) for a, after in right(state) if a != 2]


def wrong(spoil: Callable[[Wrong], None], **changes: Any) -> tuple[Program, Wrong, Exploration]:
    program = trace(tinypipe.build(tinypipe.spec(**changes)).model)
    engine = Wrong(program, spoil)
    return program, engine, explore(engine, Limits())


def test_a_violation_that_was_overlooked() -> None:
    with pytest.raises(Defect, match=r"Z3 finds no-duplicates@shelf hit in a state .*sender.shelf\[0\]: "):
        confirmed(*wrong(blind(0)))


def test_a_goal_that_was_overlooked() -> None:
    with pytest.raises(Defect, match="Z3 finds all-sent hit"):
        confirmed(*wrong(blind(2)))


def test_a_violation_at_rest_that_was_overlooked() -> None:
    """No answer comes any more: the sender rests with records that were not sent."""
    program = trace(tinypipe.build(tinypipe.spec()).model)
    silent = replace(program, commands=tuple(c for c in program.commands if c.action.method != "hear"))
    engine = Wrong(silent, blind(1))
    with pytest.raises(
        Defect, match="no-loss@shelf is hit in a state that was explored, and no step is found"
    ):
        confirmed(silent, engine, explore(engine, Limits()))


def test_steps_that_were_overlooked() -> None:
    program, engine, found = wrong(forgetful)
    assert confirmed(program, engine, found).valuations["no-duplicates@shelf"] == 3
    with pytest.raises(Defect, match=r"sender.lose\(\) is possible in 2 states; the search took it 0 times"):
        closed(program, found)
    with pytest.raises(
        Defect, match="can be reached in one step from those that were explored, and were not"
    ):
        closed(program, found, small=0, sample=found.states)


def test_steps_that_were_invented() -> None:
    program, _, found = wrong(restless)
    with pytest.raises(Defect, match=r"sender.send\(\) is possible in 5 states; the search took it 8 times"):
        closed(program, found)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ([0, 2, 0], None),
        ([0, 1, 0], "impossible"),
        ([0, 0], "no path of sender.send"),
        ([3], "no path of sender.never"),
    ],
)
def test_a_way_is_retraced(path: list[int], why: str | None) -> None:
    translation = Translation(trace(tinypipe.build(tinypipe.spec()).model))
    if why is None:
        return confirm_path(translation, 0, path)
    with pytest.raises(Defect, match=why):
        confirm_path(translation, 0, path)


def test_z3_is_asked_by_explore_and_a_disagreement_is_a_defect() -> None:
    pipeline = tinypipe.build(tinypipe.spec())
    with (
        patch(
            "eoscheck.checker.examine.engine_for", lambda subject, _: Wrong(trace(subject.model), blind(0))
        ),
        pytest.raises(Defect, match="Z3 finds no-duplicates@shelf hit"),
    ):
        examine(pipeline, Limits())


def test_what_was_computed_for_a_term_is_confirmed() -> None:
    program = trace(tinypipe.build(tinypipe.spec()).model)
    found = explore(Compiled(program), Limits())
    with (
        patch(
            "eoscheck.checker.solver.steps.ex.evaluate",
            lambda term, state: 1 if term.sort is bool else term.hi,
        ),
        pytest.raises(Defect),
    ):
        closed(program, found, small=0, sample=found.states)


# --- what is said


def test_certified() -> None:
    said = told(certify=True).result.checked_by_z3
    assert said is not None and said.certified == (
        "closed: the initial state is explored, and of 12 steps from all 13 states none leads out",
        "model: all of 6 paths of 3 actions can be taken somewhere; those of one action exclude each other and are all "
        "cases; no write leaves its range",
    )


class Gate(Component):
    """Actions that never fire, each for another reason."""

    name = "gate"
    left, right = Var(range(4)), Var(range(4))
    open, level = Var(bool), Var(range(4))

    @action
    def turn(self):
        self.left, self.right = 3 - self.left, 3 - self.right

    @action
    def enter(self):
        when(self.open)
        self.level = 1

    @action
    def slip(self):
        when((self.left == 0) & (self.right != 0))
        self.level = 1

    @action
    def squeeze(self):
        when(self.left + self.right < 2)
        when(self.left > 1)
        self.level = 1

    @action
    def climb(self):
        when(one_of(self.level, 1, 3))
        self.level = 0

    @action
    def jump(self):
        if self.open:
            self.level = 1
        elif self.level == 2:
            self.open = True


def test_why_an_action_never_fired() -> None:
    program = trace(Model([Gate()]))
    assert reasons(program, explore(Compiled(program), Limits())) == {
        "gate.enter()": "no state has gate.open",
        "gate.slip()": "no state reached has both gate.left == 0 and gate.right != 0",
        "gate.squeeze()": "no state can have both (gate.left + gate.right) < 2 and gate.left >= 2",
        "gate.climb()": "no state has gate.level in (1, 3)",
        "gate.jump()": "no state has gate.open; and so on for 1 more ways to take it",
    }
    pipeline = told().result.never_because
    assert pipeline == dict.fromkeys(["sender.never(1)", "sender.never(2)"], "no path of it changes anything")


def test_why_is_not_said_of_a_search_that_is_not_complete() -> None:
    program = trace(Model([Gate()]))
    assert reasons(program, explore(Compiled(program), Limits(states=1))) == {}
