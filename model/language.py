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

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from eoscheck.model.domains import Array, DomainError, Log, Out, Region, scalar
from eoscheck.model.values import Disabled, Witness, any_of, ite


class DefinitionError(TypeError):
    """A component, action or property is declared in a way that cannot be meant."""


class Memory(Protocol):
    """Where variables live while an action runs."""

    def load(self, region: Region, index: Any) -> Any: ...
    def store(self, region: Region, index: Any, value: Any) -> None: ...


class Var:
    """A bounded state variable of a component.

    domain   bool, range(n), an Enum class, Ref(...), Array(...), Log(...); or a function of the component giving one
    init     initial value of each scalar in it (default: False, the smallest number, the first member, None)
    durable  survives a crash of the process that the component belongs to
    ghost    bookkeeping for properties; Kafka has no such thing, no action may decide anything by it
    """

    def __init__(self, domain: Any, init: Any = None, *, durable: bool = False, ghost: bool = False) -> None:
        self.domain, self.init, self.durable, self.ghost = domain, init, durable, ghost
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        where = f"{owner.__qualname__}.{name}"
        if name.startswith("_"):
            raise DefinitionError(f"{where}: a variable's name must not begin with an underscore")
        if not inspect.isfunction(self.domain):
            _check_domain(where, self.domain, self.init)

    def __get__(self, obj: Any, owner: type) -> Any:
        if obj is None:
            return self
        return obj._views[self.name].get()

    def __set__(self, obj: Any, value: Any) -> None:
        obj._views[self.name].set(value)


def _check_domain(where: str, domain: Any, init: Any) -> None:
    try:
        if isinstance(domain, Array | Log):
            element = domain.element if isinstance(domain, Array) else domain.record
            size = domain.count if isinstance(domain, Array) else domain.capacity
            if size < 1:
                raise DomainError("has no element")
            if isinstance(element, dict):
                for spec in element.values():
                    scalar(spec)
                return
            domain = element
        if init is not None and scalar(domain).encode(init) is None:
            raise DomainError(f"init {init!r} is outside {scalar(domain)}")
    except DomainError as error:
        raise DefinitionError(f"{where}: {error}") from None


# --- views: what reading `self.x` gives -------------------------------------------------------------------------


class _Scalar:
    def __init__(self, model: Model, region: Region) -> None:
        self.model, self.region = model, region

    def get(self) -> Any:
        return self.model.memory.load(self.region, 0)

    def set(self, value: Any) -> None:
        self.model.memory.store(self.region, 0, value)

    def reset(self) -> None:
        self.set(self.region.domain.decode(self.region.init))

    regions = property(lambda self: [self.region])


class RecordView:
    """One record of an array or a log: its fields are attributes."""

    __slots__ = ("_index", "_model", "_regions")

    def __init__(self, model: Model, regions: dict[str, Region], index: Any) -> None:
        object.__setattr__(self, "_model", model)
        object.__setattr__(self, "_regions", regions)
        object.__setattr__(self, "_index", index)

    def __getattr__(self, name: str) -> Any:
        return self._model.memory.load(_field(self._regions, name), self._index)

    def __setattr__(self, name: str, value: Any) -> None:
        self._model.memory.store(_field(self._regions, name), self._index, value)


def _field(regions: dict[str, Region], name: str) -> Region:
    if name in regions:
        return regions[name]
    raise AttributeError(f"a record has no field {name!r}{did_you_mean(name, regions)}")


class _Array:
    """A fixed array: `self.x[i]`, `self.x[i] = v`, `for v in self.x`."""

    def __init__(self, model: Model, regions: dict[str, Region], count: int) -> None:
        self.model, self._regions, self.count = model, regions, count

    def get(self) -> _Array:
        return self

    def set(self, value: Any) -> None:
        raise TypeError("an array is assigned element by element")

    def __getitem__(self, index: Any) -> Any:
        if "" in self._regions:
            return self.model.memory.load(self._regions[""], index)
        return RecordView(self.model, self._regions, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        if "" in self._regions:
            self.model.memory.store(self._regions[""], index, value)
            return
        for name, region in self._regions.items():
            self.model.memory.store(region, index, value[name])

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self.count))

    def __len__(self) -> int:
        return self.count

    def reset(self) -> None:
        for region in self.regions:
            for i in range(region.count):
                self.model.memory.store(region, i, region.domain.decode(region.init))

    @property
    def regions(self) -> list[Region]:
        return list(self._regions.values())


class LogView(_Array):
    """A log: `append(field=value, ...)`, `length`, `log[i].field`, `truncate(length)`."""

    def __init__(self, model: Model, regions: dict[str, Region], capacity: int, length: Region) -> None:
        super().__init__(model, regions, capacity)
        self._length = length

    @property
    def length(self) -> Any:
        """Number of records; the offset that the next one gets."""
        return self.model.memory.load(self._length, 0)

    @property
    def capacity(self) -> int:
        return self.count

    def append(self, **record: Any) -> None:
        """Add one record. Where the log is full the transition is cut, and reported as cut."""
        unknown = next((name for name in record if name not in self._regions), None)
        if unknown:
            _field(self._regions, unknown)
        end = self.length
        self.model.memory.store(self._length, 0, end + 1)
        for name, region in self._regions.items():
            self.model.memory.store(region, end, record.get(name, region.domain.decode(region.init)))

    def truncate(self, length: Any) -> None:
        """Keep the first `length` records."""
        for region in self._regions.values():
            initial = region.domain.decode(region.init)
            for i in range(self.count):
                self.model.memory.store(region, i, ite(i < length, self.model.memory.load(region, i), initial))
        self.model.memory.store(self._length, 0, length)

    def reset(self) -> None:
        self.truncate(0)

    @property
    def regions(self) -> list[Region]:
        return [self._length, *self._regions.values()]


# --- components -------------------------------------------------------------------------------------------------


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no choice is near."""
    near = difflib.get_close_matches(word, list(choices), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


@dataclass(frozen=True)
class ActionInfo:
    """The marks that `@action` left on a method.

    each   function of the component: the argument tuples that the action is instantiated for
    fault  the fault this action is; taking it uses up one of the budget
    api    the Kafka request that the step stands for, as Kafka names it
    """

    each: Callable[[Any], Iterable[tuple[Any, ...]]] | None
    fault: str | None
    api: str | None


def action(
    function: Any = None, *, each: Any = None, fault: str | None = None, api: str | None = None
) -> Any:
    """Mark a method as an action: something that can happen in one indivisible step."""

    def mark(method: Any) -> Any:
        where = getattr(method, "__qualname__", repr(method))
        if not inspect.isfunction(method):
            raise DefinitionError(f"{where}: @action goes directly on a method (above @property, @staticmethod ...)")
        if inspect.isgeneratorfunction(method) or inspect.iscoroutinefunction(method):
            raise DefinitionError(f"{where}: an action is one step; it cannot yield or await")
        parameters = list(inspect.signature(method).parameters.values())
        if not parameters or parameters[0].name != "self":
            raise DefinitionError(f"{where}: an action is a method; its first parameter is self")
        if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
            raise DefinitionError(f"{where}: an action names its parameters; *args and **kwargs cannot be enumerated")
        if len(parameters) > 1 and each is None:
            raise DefinitionError(f"{where}: it has parameters, say their values: @action(each=lambda self: ...)")
        method.__action__ = ActionInfo(each, fault, api)
        return method

    return mark if function is None else mark(function)


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
                if isinstance(value, Var):
                    variables[name] = value
                elif hasattr(value, "__action__"):
                    actions[name] = value.__action__
                elif name in variables or name in actions:
                    raise DefinitionError(f"{cls.__qualname__}.{name}: hides the {_kind(name, variables)} of that name")
        cls._variables, cls._actions = variables, actions

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._variables:
            self._variables[name].__set__(self, value)
        elif "_views" in self.__dict__ and not name.startswith("_"):
            known = self._variables
            raise AttributeError(f"{type(self).__qualname__} has no variable {name!r}{did_you_mean(name, known)}")
        else:
            object.__setattr__(self, name, value)

    def lose_volatile(self) -> None:
        """What a crash of its process does to a component: every variable that is not durable is as at the start."""
        for name, variable in self._variables.items():
            if not variable.durable and not variable.ghost:
                self._views[name].reset()


def _kind(name: str, variables: dict[str, Var]) -> str:
    return "variable" if name in variables else "action"


@dataclass(frozen=True, eq=False)
class Action:
    """One action of one component for one choice of arguments: the unit of interleaving, of fairness and of coverage."""

    component: Component
    method: str
    arguments: tuple[Any, ...]
    info: ActionInfo

    @property
    def name(self) -> str:
        """`component.action(arguments)`, unique within a model."""
        shown = ", ".join(getattr(a, "name", None) or str(a) for a in self.arguments)
        return f"{self.component.name}.{self.method}({shown})"

    def run(self) -> None:
        """Run the method in the model's memory. Raises Disabled where it cannot happen."""
        getattr(self.component, self.method)(*self.arguments)


@dataclass(frozen=True, eq=False)
class Property:
    """Something that is checked.

    kind       "always" (check gives a Witness in a bad state), "at-rest" (the same, asked only where nothing but a
               fault can happen any more), "sometimes" (check must be true or a Witness somewhere), "eventually"
               (check is true again and again in every fair execution)
    premise    true in states where the property says something; never true means the result is vacuous
    says       the sentence a user would say
    """

    kind: str
    name: str
    check: Callable[[], Any]
    premise: Callable[[], Any] | None = None
    says: str = ""


def _declare(kind: str) -> Callable[..., Any]:
    def decorator(function: Any = None, *, premise: Any = None, name: str | None = None) -> Any:
        def mark(check: Any) -> Any:
            if not inspect.isfunction(check) or len(inspect.signature(check).parameters) != 1:
                where = getattr(check, "__qualname__", repr(check))
                raise DefinitionError(f"{where}: a property is a function of one argument, the pipeline")
            label = name or check.__name__.replace("_", "-")
            check.__property__ = lambda subject: Property(
                kind, label, lambda: check(subject),
                (lambda: premise(subject)) if premise else None, inspect.getdoc(check) or "",
            )
            return check

        return mark if function is None else mark(function)

    return decorator


always = _declare("always")
"""Declare a safety property: a function of the pipeline that returns a Witness in a bad state, else None."""
at_rest = _declare("at-rest")
"""Declare a safety property that is asked only where nothing but a fault can happen any more."""
sometimes = _declare("sometimes")
"""Declare a goal: a function of the pipeline that must be true in some reachable state."""
eventually = _declare("eventually")
"""Declare a liveness property: a function of the pipeline that becomes true again and again, under weak fairness."""


class Budgets(Component):
    """How many of each fault have happened. The search never exceeds the budget of the spec."""

    def __init__(self, budgets: dict[str, int]) -> None:
        self.name = "faults"
        self.names = tuple(budgets)
        self.budgets = budgets

    used = Var(lambda self: Array(range(max(self.budgets.values()) + 1), len(self.names)), durable=True)

    def spend(self, fault: str) -> None:
        """Use up one of `fault`; Disabled where none is left."""
        index = self.names.index(fault)
        if not self.used[index] < self.budgets[fault]:
            raise Disabled
        self.used[index] = self.used[index] + 1


class Model:
    """Components wired together: the layout of states, the initial state, the actions and the properties.

    budgets: how many of each fault one execution may contain. Actions that are a fault without budget do not exist.
    """

    memory: Memory

    def __init__(
        self, components: Sequence[Component], properties: Sequence[Property] = (), budgets: dict[str, int] | None = None
    ) -> None:
        allowed = {fault: n for fault, n in (budgets or {}).items() if n > 0}
        self.budgets = Budgets(allowed) if allowed else None
        self.components = [*components, *([self.budgets] if self.budgets else [])]
        self.properties = list(properties)
        self.regions: list[Region] = []
        self.size = 0
        for component in self.components:
            self._bind(component)
        self.actions = [a for c in self.components for a in _actions_of(c, allowed)]
        self._check_names()

    def _bind(self, component: Component) -> None:
        views: dict[str, Any] = {}
        for name, variable in component._variables.items():
            domain = variable.domain(component) if inspect.isfunction(variable.domain) else variable.domain
            _check_domain(f"{type(component).__qualname__}.{name}", domain, variable.init)
            views[name] = self._view(component, f"{component.name}.{name}", domain, variable)
        component._model = self
        component._views = views

    def _view(self, owner: Component, name: str, domain: Any, variable: Var) -> Any:
        if isinstance(domain, Log):
            length = self._region(owner, f"{name}.length", 1, range(domain.capacity + 1), None, variable)
            regions = self._columns(owner, name, domain.record, domain.capacity, variable)
            return LogView(self, regions, domain.capacity, length)
        if isinstance(domain, Array):
            if isinstance(domain.element, dict):
                return _Array(self, self._columns(owner, name, domain.element, domain.count, variable), domain.count)
            region = self._region(owner, name, domain.count, domain.element, variable.init, variable)
            return _Array(self, {"": region}, domain.count)
        return _Scalar(self, self._region(owner, name, 1, domain, variable.init, variable))

    def _columns(self, owner: Component, name: str, record: dict[str, Any], count: int, variable: Var) -> dict[str, Region]:
        return {f: self._region(owner, f"{name}.{f}", count, spec, None, variable) for f, spec in record.items()}

    def _region(self, owner: Component, name: str, count: int, spec: Any, init: Any, variable: Var) -> Region:
        domain = scalar(spec)
        code = domain.lo if init is None else domain.encode(init)
        assert code is not None
        region = Region(name, self.size, count, domain, code, owner, variable.durable, variable.ghost)
        self.size += count
        self.regions.append(region)
        return region

    def _check_names(self) -> None:
        seen: set[str] = set()
        for name in [*(c.name for c in self.components), *(a.name for a in self.actions)]:
            if name in seen:
                raise DefinitionError(f"two parts of the model are called {name!r}")
            seen.add(name)

    @property
    def initial(self) -> bytes:
        """The initial state: one byte per cell."""
        return bytes(region.init for region in self.regions for _ in range(region.count))

    def perform(self, chosen: Action) -> None:
        """Run an action in the current memory, paying for it where it is a fault."""
        if chosen.info.fault and self.budgets:
            self.budgets.spend(chosen.info.fault)
        chosen.run()


def _actions_of(component: Component, budgets: dict[str, int]) -> Iterator[Action]:
    for method, info in component._actions.items():
        if info.fault and info.fault not in budgets:
            continue
        for arguments in info.each(component) if info.each else [()]:
            yield Action(component, method, tuple(arguments), info)


class ConcreteMemory:
    """Plain values: the memory of the reference interpreter."""

    def __init__(self, state: bytes) -> None:
        self.cells = bytearray(state)

    def load(self, region: Region, index: Any) -> Any:
        if not 0 <= index < region.count:
            raise Out(region, f"indexed by {index}")
        return region.domain.decode(self.cells[region.base + index])

    def store(self, region: Region, index: Any, value: Any) -> None:
        code = region.domain.encode(value)
        if code is None or not 0 <= index < region.count:
            raise Out(region, value if code is None else f"indexed by {index}")
        self.cells[region.base + index] = code


__all__ = [
    "Action", "Array", "Component", "ConcreteMemory", "DefinitionError", "Log", "Model", "Property", "Var",
    "Witness", "action", "always", "any_of", "at_rest", "eventually", "sometimes",
]
