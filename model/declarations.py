"""Declarations: what a component says of its variables and actions, and what is wrong with it.

Decorators only mark. All misuse fails here, when the class is defined, with the qualified name, the file and
line, and the right spelling.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

from eoscheck.model.domains import Array, DomainError, Log, scalar
from eoscheck.model.memory import did_you_mean


class DefinitionError(TypeError):
    """A component, action or property is declared in a way that cannot be meant."""


class NameTaken(DefinitionError):
    """Two parts of a model have one name."""


class Var:
    """A bounded state variable of a component.

    domain   bool, range(n), an Enum class, Ref(...), Array(...), Log(...); or a function of the component
    init     initial value of each scalar in it (default: False, the smallest number, the first member, None)
    durable  survives a crash of the process that the component belongs to
    ghost    bookkeeping for properties; Kafka has no such thing, no action may decide anything by it
    """

    def __init__(
        self,
        domain: Any = None,
        init: Any = None,
        *,
        durable: bool = False,
        ghost: bool = False,
        **unknown: Any,
    ) -> None:
        self.domain, self.init, self.durable, self.ghost = domain, init, durable, ghost
        self.unknown = unknown
        frame = sys._getframe(1)
        self.name, self.place = "", f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, obj: Any, owner: type) -> Any:
        if obj is None:
            return self
        views = obj.__dict__.get("_views")
        view = obj._view_of(self.name) if views is None else views[self.name]
        return view.get()

    def __set__(self, obj: Any, value: Any) -> None:
        obj._view_of(self.name).set(value)

    def check(self, owner: type) -> None:
        """Raise DefinitionError where the declaration cannot be meant."""
        where = f"{owner.__qualname__}.{self.name} ({self.place})"
        check_words(where, self.unknown, ("domain", "init", "durable", "ghost"))
        if self.name.startswith("_"):
            raise DefinitionError(f"{where}: a variable's name must not begin with an underscore")
        if not inspect.isfunction(self.domain):
            check_domain(where, self.domain, self.init)


def check_words(where: str, given: Iterable[str], known: Iterable[str]) -> None:
    for word in given:
        raise DefinitionError(f"{where}: unknown keyword {word!r}{did_you_mean(word, known)}")


def check_domain(where: str, domain: Any, init: Any) -> None:
    try:
        if isinstance(domain, Array | Log):
            size = domain.count if isinstance(domain, Array) else domain.capacity
            if not isinstance(size, int) or size < 1:
                raise DomainError(f"{size!r} is not a number of elements, 1 at least")
            domain = domain.element if isinstance(domain, Array) else domain.record
            if isinstance(domain, dict):
                _check_record(domain, init)
                return
        if init is not None and scalar(domain).encode(init) is None:
            raise DomainError(f"init {init!r} is outside {scalar(domain)}")
        scalar(domain)
    except DomainError as error:
        raise DefinitionError(f"{where}: {error}") from None


def _check_record(record: dict[str, Any], init: Any) -> None:
    if init is not None:
        raise DomainError("every field of a record begins with its first value; init is for scalars")
    if not record:
        raise DomainError("a record has at least one field")
    for name, spec in record.items():
        if not name.isidentifier() or name.startswith("_"):
            raise DomainError(f"{name!r} cannot be the name of a field")
        scalar(spec)


@dataclass(frozen=True)
class ActionInfo:
    """The marks that `@action` left on a method.

    each   function of the component: the argument tuples that the action is instantiated for
    only   function of the component: whether the action exists at all in this configuration
    fault  the fault this action is; taking it uses up one of the budget
    api    the Kafka request that the step stands for, as Kafka names it
    """

    each: Callable[[Any], Iterable[tuple[Any, ...]]] | None
    fault: str | None
    api: str | None
    only: Callable[[Any], bool] | None = None


F = TypeVar("F", bound=Callable[..., Any])


@overload
def action(function: F) -> F: ...
@overload
def action(
    *,
    each: Callable[[Any], Iterable[Any]] | None = ...,
    only: Callable[[Any], bool] | None = ...,
    fault: str | None = ...,
    api: str | None = ...,
) -> Callable[[F], F]: ...
def action(
    function: Any = None,
    *,
    each: Any = None,
    only: Any = None,
    fault: str | None = None,
    api: str | None = None,
    **unknown: Any,
) -> Any:
    """Mark a method as an action: something that can happen in one indivisible step."""

    def mark(method: Any) -> Any:
        where = where_declared(method)
        check_words(where, unknown, ("each", "only", "fault", "api"))
        if not inspect.isfunction(method):
            raise DefinitionError(
                f"{where}: @action goes directly on a method (above @property and the like)"
            )
        if inspect.isgeneratorfunction(method) or inspect.iscoroutinefunction(method):
            raise DefinitionError(f"{where}: an action is one step; it cannot yield or await")
        parameters = list(inspect.signature(method).parameters.values())
        if not parameters or parameters[0].name != "self":
            raise DefinitionError(f"{where}: an action is a method; its first parameter is self")
        if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
            raise DefinitionError(f"{where}: an action names its parameters; *args cannot be enumerated")
        if len(parameters) > 1 and each is None:
            raise DefinitionError(
                f"{where}: it has parameters, say their values: @action(each=lambda self: ...)"
            )
        if len(parameters) == 1 and each is not None:
            raise DefinitionError(f"{where}: each gives values for parameters, and it has none")
        method.__dict__["__action__"] = ActionInfo(each, fault, api, only)
        return method

    return mark if function is None else mark(function)


def where_declared(function: Any) -> str:
    """Qualified name and FILE:LINE of what is being declared."""
    name = str(getattr(function, "__qualname__", repr(function)))
    code = getattr(function, "__code__", None)
    return f"{name} ({Path(code.co_filename).name}:{code.co_firstlineno})" if code else name
