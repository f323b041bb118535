"""What the modelling language accepts, and how it says what it does not."""

from __future__ import annotations

import doctest
import enum
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from eoscheck.checker import expressions
from eoscheck.checker.engine import Interpreter
from eoscheck.model import domains, memory, values
from eoscheck.model.domains import DomainError, Out, place, scalar
from eoscheck.model.language import (
    Array,
    Component,
    ConcreteMemory,
    DefinitionError,
    Log,
    Model,
    Property,
    Ref,
    Var,
    action,
    always,
    eventually,
)
from eoscheck.model.values import Witness, all_of, any_of, count, derived, ite, maximum, neg, one_of, when
from tinymodels import Clock, Counter, everything


class Empty(enum.Enum):
    pass


class Colour(enum.Enum):
    RED = 0
    BLUE = 1


class Switch(enum.Flag):
    ON = 1


def var(*args: Any, **kwargs: Any) -> Callable[[], Any]:
    return lambda: type("Bad", (Component,), {"x": Var(*args, **kwargs)})


def method(function: Callable[..., Any], **marks: Any) -> Callable[[], Any]:
    return lambda: type("Bad", (Component,), {"x": action(**marks)(function)})


def hide(base: type, **names: Any) -> Callable[[], Any]:
    return lambda: type("Bad", (base,), names)


def generator(self: Any) -> Any:
    yield 1


async def coroutine(self: Any) -> None: ...


BAD_CLASSES: dict[str, tuple[Callable[[], Any], str]] = {
    "unbounded int": (var(int), "Bad.x (test_language.py:"),
    "unbounded int, hint": (var(int), "say range(n)"),
    "no domain": (var(), "None is not bool"),
    "empty range": (var(range(0)), "range(0, 0) is not a run of numbers"),
    "range with a step": (var(range(0, 9, 2)), "is not a run of numbers"),
    "negative range": (var(range(-1, 3)), "is not a run of numbers"),
    "range too long": (var(range(300)), "within 0..255"),
    "enum without members": (var(Empty), "Enum class with members"),
    "flags": (var(Switch), "Enum class with members"),
    "a value for a domain": (var(3), "3 is not bool"),
    "a nested array": (var(Array(Array(bool, 2), 2)), "is not bool"),
    "an empty array": (var(Array(bool, 0)), "0 is not a number of elements"),
    "a log without capacity": (var(Log({"a": bool}, 0)), "0 is not a number of elements"),
    "a record without fields": (var(Log({}, 2)), "at least one field"),
    "an unbounded field": (var(Log({"a": int}, 2)), "say range(n)"),
    "a private field": (var(Array({"_a": bool}, 2)), "'_a' cannot be the name of a field"),
    "init outside": (var(range(3), init=3), "init 3 is outside 0..2"),
    "init of another type": (var(range(3), init=True), "True is not a number"),
    "init of another enum": (var(Colour, init=Empty), "is not a Colour"),
    "init of records": (var(Log({"a": bool}, 2), init=1), "init is for scalars"),
    "a misspelt keyword": (var(bool, durabel=True), "unknown keyword 'durabel'; did you mean 'durable'?"),
    "a private variable": (lambda: type("Bad", (Component,), {"_x": Var(bool)}), "underscore"),
    "a name of the base": (lambda: type("Bad", (Component,), {"name": Var(bool)}), "has a 'name' already"),
    "an action of the base": (hide(Component, begin=action(lambda self: None)), "has a 'begin' already"),
    "a hidden variable": (hide(Counter, n=3), "Bad.n: hides the variable of that name"),
    "a hidden action": (hide(Counter, count=3), "Bad.count: hides the action of that name"),
    "an action without its mark": (hide(Counter, count=lambda self: None), "hides the action"),
    "an action for a variable": (hide(Counter, n=action(lambda self: None)), "hides the variable"),
    "a variable for an action": (hide(Counter, count=Var(bool)), "hides the action"),
    "a misspelt mark": (method(lambda self: None, eech=1), "unknown keyword 'eech'; did you mean 'each'?"),
    "no self": (method(lambda: None), "its first parameter is self"),
    "another self": (method(lambda this: None), "its first parameter is self"),
    "parameters without values": (method(lambda self, a: None), "say their values: @action(each="),
    "values without parameters": (method(lambda self: None, each=lambda self: []), "it has none"),
    "any number of parameters": (method(lambda self, *a: None, each=lambda self: []), "*args"),
    "a generator": (method(generator), "cannot yield"),
    "a coroutine": (method(coroutine), "cannot yield or await"),
    "a property object": (lambda: action(property(lambda self: None)), "goes directly on a method"),
    "a property of nothing": (lambda: always(lambda: None), "a function of one argument"),
    "a premise of nothing": (lambda: always(premise=lambda: 1)(lambda p: None), "a function of one argument"),
    "a misspelt premise": (lambda: eventually(premisse=1)(lambda p: None), "did you mean 'premise'?"),
}


@pytest.mark.parametrize("case", BAD_CLASSES)
def test_misuse_fails_when_it_is_defined(case: str) -> None:
    define, says = BAD_CLASSES[case]
    with pytest.raises(DefinitionError, match=re.escape(says)):
        define()


class Named(Component):
    def __init__(self, name: str = "c", size: Any = 2) -> None:
        self.name, self.size = name, size

    x = Var(lambda self: range(self.size))


class Called(Component):
    def __init__(self, calls: Any) -> None:
        self.calls = calls

    x = Var(bool)

    @action(each=lambda self: self.calls)
    def call(self, a: int) -> None:
        self.x = not self.x


BAD_MODELS: dict[str, tuple[Callable[[], Any], str]] = {
    "two components of a name": (lambda: Model([Named(), Named()]), "two parts of the model are called 'c'"),
    "an empty computed range": (lambda: Model([Named(size=0)]), "Named.x (test_language.py:"),
    "a call that is no tuple": (lambda: Model([Called([1])]), "each gives 1, not a tuple"),
    "a call too long": (lambda: Model([Called([(1, 2)])]), "each gives (1, 2): too many positional"),
    "the same call twice": (lambda: Model([Called([(1,), (1,)])]), "are called 'called.call(1)'"),
    "two properties of a name": (
        lambda: Model([Named()], [Property("always", "p", lambda: None)] * 2),
        "are called 'p'",
    ),
    "a component in two models": (lambda: [Model([c]) for c in [Named()] * 2], "part of a model already"),
}


@pytest.mark.parametrize("case", BAD_MODELS)
def test_misuse_fails_when_it_is_wired(case: str) -> None:
    wire, says = BAD_MODELS[case]
    with pytest.raises(DefinitionError, match=re.escape(says)):
        wire()


def concrete(model: Model) -> ConcreteMemory:
    model.memory = memory = ConcreteMemory(model.initial)
    return memory


class TestAttributes:
    def test_an_undeclared_variable_cannot_be_assigned(self) -> None:
        counter = Counter()
        concrete(Model([counter]))
        with pytest.raises(AttributeError, match=r"Counter has no variable 'nn'; did you mean 'n'?"):
            counter.nn = 1

    def test_configuration_never_changes(self) -> None:
        named = Named()
        concrete(Model([named]))
        with pytest.raises(AttributeError, match=r"Named\.size is configuration and never changes"):
            named.size = 3

    def test_an_action_cannot_be_assigned(self) -> None:
        with pytest.raises(AttributeError, match=r"Counter\.count is an action"):
            Counter().count = 1  # type: ignore[method-assign,assignment]

    def test_a_misspelt_attribute_is_spelt_right(self) -> None:
        with pytest.raises(AttributeError, match="has no attribute 'sise'; did you mean 'size'"):
            _ = Named().sise

    def test_a_variable_has_no_value_outside_a_model(self) -> None:
        with pytest.raises(AttributeError, match=r"Counter\.n has a value only in a model"):
            Counter().n = 1

    def test_a_component_without_a_name_is_called_as_its_class(self) -> None:
        assert Model([Clock()]).actions[0].name == "clock.tick()"


class TestValues:
    def setup_method(self) -> None:
        self.model = everything()
        self.thing: Any = self.model.components[0]
        concrete(self.model)

    def test_variables_begin_with_the_first_value_of_their_domain(self) -> None:
        thing = self.thing
        assert (thing.number, thing.flag, thing.vote.name, thing.friend) == (0, False, "WORKING", None)
        assert list(thing.row) == [1, 1, 1] and thing.log.length == 0

    def test_a_value_outside_its_range_is_told_with_its_place(self) -> None:
        with pytest.raises(Out, match=r"everything\.number leaves 0\.\.3") as caught:
            self.thing.number = 4
        assert caught.value.place.startswith("test_language.py:")
        assert place(caught.value, concrete) == caught.value.place

    @pytest.mark.parametrize("index", [-1, 3])
    def test_an_index_outside_its_array_is_told(self, index: int) -> None:
        with pytest.raises(Out, match=r"everything\.row is indexed outside 0\.\.2"):
            self.thing.row[index] = 1

    @pytest.mark.parametrize("value", [True, "1", None, Colour.RED])
    def test_a_value_of_another_type_is_an_error(self, value: Any) -> None:
        with pytest.raises(DomainError):
            self.thing.number = value

    def test_a_stranger_is_an_error(self) -> None:
        with pytest.raises(DomainError, match="stranger is none of None, clock, other"):
            self.thing.friend = Named("stranger")

    def test_a_log_grows_and_is_cut_back(self) -> None:
        log = self.thing.log
        log.append(value=2)
        log.append(value=3)
        assert [record.value for record in log] == [2, 3]
        log.truncate(5)
        assert log.length == 2
        log.truncate(1)
        assert [record.value for record in log] == [2] and log[1].value == 0

    def test_a_full_log_is_out_of_range(self) -> None:
        for value in range(3):
            self.thing.log.append(value=value)
        with pytest.raises(Out, match=r"everything\.log\.length leaves 0\.\.3"):
            self.thing.log.append(value=1)

    def test_the_length_of_a_log_is_a_value_of_the_state(self) -> None:
        with pytest.raises(TypeError, match=r"say log\.length, or log\.capacity"):
            len(self.thing.log)

    def test_an_unknown_field_is_spelt_right(self) -> None:
        with pytest.raises(AttributeError, match="no field 'valeu'; did you mean 'value'"):
            self.thing.log.append(valeu=1)
        with pytest.raises(AttributeError, match="no field 'lift'; did you mean 'left'"):
            _ = self.thing.pairs[0].lift
        with pytest.raises(TypeError, match="field 'right' is missing"):
            self.thing.pairs[0] = {"left": 1}

    def test_views_keep_nothing_beside_the_state(self) -> None:
        for assign in (lambda t: setattr(t.row, "x", 1), lambda t: setattr(t, "row", [1, 2, 3])):
            with pytest.raises((AttributeError, TypeError)):
                assign(self.thing)


def test_a_crash_takes_what_is_volatile_and_nothing_else() -> None:
    class Node(Component):
        lost = Var(range(3), init=1)
        kept = Var(range(3), durable=True)
        told = Var(range(3), ghost=True)
        log = Var(Log({"a": range(3)}, 2))

    node: Any = Node()
    model = Model([node])
    concrete(model)
    node.lost = node.kept = node.told = 2
    node.log.append(a=2)
    node.lose_volatile()
    assert (node.lost, node.kept, node.told, node.log.length, node.log[0].a) == (1, 2, 2, 0, 0)


def test_a_fault_happens_as_often_as_its_budget_allows() -> None:
    class Process(Component):
        ups = Var(range(9))

        @action(fault="crash")
        def crash(self) -> None:
            self.ups += 1

    assert not Model([Process()]).actions
    model = Model([Process()], budgets={"crash": 2})
    engine, state = Interpreter(model), model.initial
    for _ in range(2):
        ((_, after),) = engine.successors(state)
        assert isinstance(after, bytes)
        state = after
    assert engine.successors(state) == []


def test_the_words_of_an_action_are_what_they_look_like_on_plain_values() -> None:
    assert (ite(True, 1, 2), neg(False), maximum(2, 3), count([True, False, True])) == (1, True, 3, 2)
    assert any_of([False, True]) and not all_of([True, False]) and one_of(2, 1, 2)


def test_a_derived_method_takes_keywords() -> None:
    class Sum(Component):
        n = Var(range(3), init=2)

        @derived
        def plus(self, more: int = 0) -> int:
            return self.n + more

    thing = Sum()
    concrete(Model([thing]))
    assert thing.plus(more=3) == 5


def test_a_domain_says_what_it_is() -> None:
    assert [str(scalar(d)) for d in (range(2, 5), bool, Colour, Ref())] == [
        "2..4",
        "bool",
        "Colour",
        "reference",
    ]
    assert scalar(Colour).decode(scalar(Colour).encode(Colour.BLUE) or 0) is Colour.BLUE


def test_a_property_is_called_as_its_function() -> None:
    @always
    def no_loss(pipeline: Any) -> Witness | None:
        """Nothing is lost."""
        when(True)
        return None

    made = no_loss.__property__("subject")
    assert (made.kind, made.name, made.says, made.check()) == ("always", "no-loss", "Nothing is lost.", None)


def test_the_examples_of_the_documentation_run() -> None:
    page = Path(__file__).parents[2] / "docs" / "language.md"
    done = doctest.testfile(str(page), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert done.attempted > 20 and not done.failed


@pytest.mark.parametrize("module", [domains, expressions, memory, values], ids=lambda m: m.__name__)
def test_the_examples_in_docstrings_run(module: ModuleType) -> None:
    done = doctest.testmod(module)
    assert done.attempted and not done.failed
