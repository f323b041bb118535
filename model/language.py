"""The modelling language: components with bounded variables, actions that are ordinary methods, properties.

    class Counter(Component):
        n = Var(range(4))

        @action
        def tick(self):
            when(self.n < 3)
            self.n += 1

The same method is run on concrete values (the reference semantics) and on symbolic ones (from which guarded
commands are made). Which of the two is decided by the memory that the model holds at that moment.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar, cast, overload

from eoscheck.model.declarations import (
    ActionInfo,
    DefinitionError,
    NameTaken,
    Var,
    action,
    check_domain,
    check_words,
    where_declared,
)
from eoscheck.model.domains import Array, Log, Out, Ref, Region, scalar
from eoscheck.model.exchange import Exchange
from eoscheck.model.memory import (
    ArrayView,
    ConcreteMemory,
    LogView,
    Memory,
    RecordView,
    Scalar,
    did_you_mean,
)
from eoscheck.model.values import Disabled, Witness, any_of

F = TypeVar("F", bound=Callable[..., Any])


class Component:
    """Base of everything that has state. Attributes set in `__init__` are configuration and never change."""

    name: str = ""
    _views: dict[str, Any]
    _model: Model
    _variables: dict[str, Var] = {}  # noqa: RUF012
    _actions: dict[str, ActionInfo] = {}  # noqa: RUF012

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        variables: dict[str, Var] = {}
        actions: dict[str, ActionInfo] = {}
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                kind = (
                    "variable"
                    if isinstance(value, Var)
                    else "action"
                    if hasattr(value, "__action__")
                    else None
                )
                hidden = "variable" if name in variables else "action" if name in actions else None
                if hidden and kind != hidden:
                    raise DefinitionError(f"{cls.__qualname__}.{name}: hides the {hidden} of that name")
                if kind and hasattr(Component, name):
                    raise DefinitionError(
                        f"{cls.__qualname__}.{name}: every component has a {name!r} already"
                    )
                if isinstance(value, Var):
                    value.check(cls)
                    variables[name] = value
                elif kind:
                    actions[name] = value.__action__
        cls._variables, cls._actions = variables, actions

    def __getattr__(self, name: str) -> Any:
        near = did_you_mean(name, [*self._variables, *self.__dict__])
        raise AttributeError(f"{type(self).__qualname__} has no attribute {name!r}{near}")

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self).__qualname__
        if name in self._variables:
            self._variables[name].__set__(self, value)
        elif name in self._actions:
            raise AttributeError(f"{kind}.{name} is an action and cannot be assigned")
        elif "_views" not in self.__dict__:
            object.__setattr__(self, name, value)
        elif name in self.__dict__:
            raise AttributeError(f"{kind}.{name} is configuration and never changes; declare it as a Var")
        else:
            raise AttributeError(f"{kind} has no variable {name!r}{did_you_mean(name, self._variables)}")

    def _view_of(self, name: str) -> Any:
        if "_views" not in self.__dict__:
            kind = type(self).__qualname__
            raise AttributeError(
                f"{kind}.{name} has a value only in a model; the first one is Var(..., init=...)"
            )
        return self._views[name]

    def begin(self) -> None:
        """Make this component's part of the initial state, where that is not what a crash leaves behind."""

    def lose_volatile(self) -> None:
        """What a crash of its process does to a component: every variable that is not durable is as at the
        start."""
        for name, variable in self._variables.items():
            if not variable.durable and not variable.ghost:
                self._views[name].reset()


@dataclass(frozen=True, eq=False)
class Action:
    """One action of one component for one choice of arguments: the unit of interleaving, of fairness and of
    coverage."""

    component: Component
    method: str
    arguments: tuple[Any, ...]
    info: ActionInfo

    @property
    def name(self) -> str:
        """`component.action(arguments)`, unique within a model."""
        shown = ", ".join(getattr(a, "name", None) or str(a) for a in self.arguments)
        return f"{self.component.name}.{self.method}({shown})"

    def cut(self, out: Out) -> str:
        """How a transition is reported that would leave a range or capacity."""
        return f"{self.name} ({out.place}): {out}"

    def run(self) -> None:
        """Run the method in the model's memory. Raises Disabled where it cannot happen."""
        getattr(self.component, self.method)(*self.arguments)


@dataclass(frozen=True, eq=False)
class Property:
    """Something that is checked.

    kind       "always" (check gives a Witness in a bad state), "at-rest" (the same, asked only where nothing
               but a fault can happen any more), "sometimes" (check must be true or a Witness somewhere),
               "eventually" (check is true again and again in every fair execution), "possible" (from every
               state some way without another fault leads to where check is true)
    premise    true in states where the property says something; never true means the result is vacuous
    says       the sentence a user would say
    """

    kind: str
    name: str
    check: Callable[[], Any]
    premise: Callable[[], Any] | None = None
    says: str = ""


class Declare(Protocol):
    """A decorator of a property, with or without arguments."""

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(
        self, *, premise: Callable[[Any], Any] | None = ..., name: str | None = ...
    ) -> Callable[[F], F]: ...


def _about(function: Callable[[Any], Any], subject: Any) -> Callable[[], Any]:
    def ask() -> Any:
        return function(subject)

    # Whoever reads the source of a property wants to see what the user wrote.
    ask.__dict__["__wrapped__"] = function
    return ask


def _declare(kind: str) -> Declare:
    def decorator(
        function: Any = None, *, premise: Any = None, name: str | None = None, **unknown: Any
    ) -> Any:
        def mark(check: Any) -> Any:
            where = where_declared(check)
            check_words(where, unknown, ("premise", "name"))
            for part in (check, premise) if premise else (check,):
                if not inspect.isfunction(part) or len(inspect.signature(part).parameters) != 1:
                    raise DefinitionError(f"{where}: a property is a function of one argument, the pipeline")
            label = name or check.__name__.replace("_", "-")
            check.__dict__["__property__"] = lambda subject: Property(
                kind,
                label,
                _about(check, subject),
                _about(premise, subject) if premise else None,
                inspect.getdoc(check) or "",
            )
            return check

        return mark if function is None else mark(function)

    return cast(Declare, decorator)


always = _declare("always")
"""Declare a safety property: a function of the pipeline that returns a Witness in a bad state, else None."""
at_rest = _declare("at-rest")
"""Declare a safety property that is asked only where nothing but a fault can happen any more."""
sometimes = _declare("sometimes")
"""Declare a goal: a function of the pipeline that must be true in some reachable state."""
eventually = _declare("eventually")
"""Declare a liveness property: a function of the pipeline that becomes true again and again, under weak
fairness."""
possible = _declare("possible")
"""Declare what must stay possible: a function of the pipeline that can become true from everywhere, without another
fault. Cheaper than "eventually", and it asks for less."""


class Budgets(Component):
    """How many of each fault have happened. The search never exceeds the budget of the spec."""

    def __init__(self, budgets: dict[str, int], together: int | None, uncounted: Sequence[str]) -> None:
        self.name = "faults"
        self.names = tuple(budgets)
        self.budgets, self.together, self.uncounted = budgets, together, uncounted

    used = Var(lambda self: Array(range(max(self.budgets.values()) + 1), len(self.names)), durable=True)

    def spend(self, fault: str) -> None:
        """Use up one of `fault`; Disabled where none is left."""
        index = self.names.index(fault)
        if not self.used[index] < self.budgets[fault]:
            raise Disabled
        if self.together is not None and fault not in self.uncounted:
            spent: Any = sum(self.used[i] for i, name in enumerate(self.names) if name not in self.uncounted)
            if not spent < self.together:
                raise Disabled
        self.used[index] = self.used[index] + 1


class Model:
    """Components wired together: the layout of states, the initial state, the actions and the properties.

    budgets    how many of each fault one execution may contain; an action that is a fault without budget
               does not exist
    permitted  which of the actions that are a fault may happen at all
    alike      exchanges of parts that are supposed to make no difference
    together   how many faults one execution may contain in all, but for those `uncounted`, which follow from
               others
    """

    memory: Memory

    def __init__(
        self,
        components: Sequence[Component],
        properties: Sequence[Property] = (),
        budgets: dict[str, int] | None = None,
        together: int | None = None,
        uncounted: Sequence[str] = (),
        permitted: Callable[[Action], bool] = lambda action: True,
        alike: Callable[[], Iterable[Exchange]] = tuple,
    ) -> None:
        self.alike = alike
        allowed = {fault: n for fault, n in (budgets or {}).items() if n > 0}
        self.budgets = Budgets(allowed, together, uncounted) if allowed else None
        self.components = [*components, *([self.budgets] if self.budgets else [])]
        self.properties = list(properties)
        self.regions: list[Region] = []
        self.size = 0
        for component in self.components:
            self._bind(component)
        possible = (a for c in self.components for a in _actions_of(c, allowed))
        self.actions = [a for a in possible if not a.info.fault or permitted(a)]
        self._check_names()

    def _bind(self, component: Component) -> None:
        kind = type(component).__qualname__
        if "_model" in component.__dict__:
            raise DefinitionError(f"{component.name!r} ({kind}) is part of a model already; make another")
        if not component.name:
            component.name = kind.rsplit(".", 1)[-1].lower()
        views: dict[str, Any] = {}
        for name, variable in component._variables.items():
            domain = variable.domain(component) if inspect.isfunction(variable.domain) else variable.domain
            check_domain(f"{kind}.{name} ({variable.place})", domain, variable.init)
            views[name] = self._view(component, f"{component.name}.{name}", domain, variable)
        component.__dict__.update(_model=self, _views=views)

    def _view(self, owner: Component, name: str, domain: Any, variable: Var) -> Any:
        if isinstance(domain, Log):
            length = self._region(owner, f"{name}.length", 1, range(domain.capacity + 1), None, variable)
            regions = self._columns(owner, name, domain.record, domain.capacity, variable)
            return LogView(self, regions, domain.capacity, length)
        if isinstance(domain, Array) and isinstance(domain.element, dict):
            regions = self._columns(owner, name, domain.element, domain.count, variable)
            return ArrayView(self, regions, domain.count)
        if isinstance(domain, Array):
            region = self._region(owner, name, domain.count, domain.element, variable.init, variable)
            return ArrayView(self, {"": region}, domain.count)
        return Scalar(self, self._region(owner, name, 1, domain, variable.init, variable))

    def _columns(
        self, owner: Component, name: str, record: dict[str, Any], count: int, variable: Var
    ) -> dict[str, Region]:
        return {f: self._region(owner, f"{name}.{f}", count, s, None, variable) for f, s in record.items()}

    def _region(self, owner: Component, name: str, count: int, spec: Any, init: Any, variable: Var) -> Region:
        domain = scalar(spec)
        code = domain.lo if init is None else domain.encode(init)
        assert code is not None
        region = Region(name, self.size, count, domain, code, owner, variable.durable, variable.ghost)
        if not region.constant:
            self.size += count
            self.regions.append(region)
        return region

    def _check_names(self) -> None:
        seen: set[str] = set()
        names = [c.name for c in self.components] + [a.name for a in self.actions]
        for name in names + [p.name for p in self.properties]:
            if name in seen:
                raise NameTaken(f"two parts of the model are called {name!r}; give one of them another name")
            seen.add(name)

    @cached_property
    def initial(self) -> bytes:
        """The initial state: one byte per cell."""
        memory = ConcreteMemory(bytes(region.init for region in self.regions for _ in range(region.count)))
        self.memory = memory
        for component in self.components:
            component.begin()
        return bytes(memory.cells)

    def perform(self, chosen: Action) -> None:
        """Run an action in the current memory, paying for it where it is a fault."""
        if chosen.info.fault and self.budgets:
            self.budgets.spend(chosen.info.fault)
        chosen.run()


def _actions_of(component: Component, budgets: dict[str, int]) -> Iterator[Action]:
    for method, info in component._actions.items():
        if (info.fault and info.fault not in budgets) or (info.only and not info.only(component)):
            continue
        where = f"{type(component).__qualname__}.{method}"
        signature = inspect.signature(getattr(component, method))
        for arguments in info.each(component) if info.each else [()]:
            if not isinstance(arguments, tuple | list):
                raise DefinitionError(f"{where}: each gives {arguments!r}, not a tuple of arguments")
            try:
                signature.bind(*arguments)
            except TypeError as error:
                raise DefinitionError(f"{where}: each gives {arguments!r}: {error}") from None
            yield Action(component, method, tuple(arguments), info)


__all__ = [
    "Action",
    "ActionInfo",
    "Array",
    "ArrayView",
    "Budgets",
    "Component",
    "ConcreteMemory",
    "DefinitionError",
    "Log",
    "LogView",
    "Memory",
    "Model",
    "Property",
    "RecordView",
    "Ref",
    "Var",
    "Witness",
    "action",
    "always",
    "any_of",
    "at_rest",
    "did_you_mean",
    "eventually",
    "possible",
    "sometimes",
]
