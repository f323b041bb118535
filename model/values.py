"""The few words that an action may say beside plain Python: guards, sentences, and conditions that do not
fork.

Inside an action an `if` on a state variable is a *case*: the tracer follows both sides and readers see two
cases. Where a condition only computes data (the last stable offset, whether a record is visible) the cases
are noise; the functions below compute it as one value. On concrete values all of them are what they look
like.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


class Disabled(Exception):
    """Raised by `when`: the action cannot happen in this state."""


class Witness:
    """What a violated property points at: a sentence with named facts.

    >>> str(Witness("input {input} was lost", input=2))
    'input 2 was lost'
    """

    def __init__(self, sentence: str, /, **facts: Any) -> None:
        self.sentence = sentence
        self.facts = facts

    def __str__(self) -> str:
        return self.sentence.format(**self.facts)


_listeners: list[Callable[[str], None]] = []


def when(condition: Any) -> None:
    """The action happens only where `condition` holds; it changes nothing before this is known."""
    if not condition:
        raise Disabled


def say(sentence: str) -> None:
    """Tell a reader of a trace, in Kafka's words, what this step did. Costs nothing while exploring."""
    for listener in _listeners:
        listener(sentence)


def listen(listener: Callable[[str], None] | None) -> None:
    """Send what actions `say` to `listener`; None: to nobody."""
    _listeners[:] = [listener] if listener else []


def ite(condition: Any, then: Any, otherwise: Any) -> Any:
    """`then if condition else otherwise`, computed as one value."""
    if hasattr(condition, "__ite__"):
        return condition.__ite__(then, otherwise)
    return then if condition else otherwise


def neg(condition: Any) -> Any:
    """`not condition`, computed as one value."""
    if hasattr(condition, "__neg_bool__"):
        return condition.__neg_bool__()
    return not condition


def any_of(conditions: Iterable[Any]) -> Any:
    """`any(conditions)`, computed as one value; every condition is evaluated."""
    result: Any = False
    for condition in conditions:
        result = condition | result if hasattr(condition, "__ite__") else result | condition
    return result


def all_of(conditions: Iterable[Any]) -> Any:
    """`all(conditions)`, computed as one value; every condition is evaluated."""
    result: Any = True
    for condition in conditions:
        result = condition & result if hasattr(condition, "__ite__") else result & condition
    return result


def one_of(value: Any, *choices: Any) -> Any:
    """`value in choices`, computed as one value."""
    return any_of(value == choice for choice in choices)


def minimum(first: Any, second: Any) -> Any:
    """`min(first, second)`, computed as one value."""
    return ite(first < second, first, second)


def maximum(first: Any, second: Any) -> Any:
    """`max(first, second)`, computed as one value."""
    return ite(first < second, second, first)


def derived(method: F) -> F:
    """Mark a method of a component that only computes data from its state: its cases are folded into one
    value.

    It must not write. It returns a scalar or a tuple of scalars.
    """

    @functools.wraps(method)
    def compute(self: Any, *arguments: Any, **named: Any) -> Any:
        merge = getattr(self._model.memory, "merge", None)
        if merge is None:
            return method(self, *arguments, **named)
        key = (method, self, *arguments, *(part for pair in sorted(named.items()) for part in pair))
        return merge(key, lambda: method(self, *arguments, **named))

    return cast(F, compute)


def ranks(values: Iterable[Any], largest: int) -> Callable[[Any], Any]:
    """Their order without their size: the function that takes each of `values` (0..largest) to how many
    different ones are smaller.

    >>> [ranks([7, 3, 3, 9], 9)(x) for x in (3, 7, 9)]
    [0, 1, 2]
    """
    members = list(values)
    present = [any_of(member == number for member in members) for number in range(largest + 1)]

    def rank(value: Any) -> Any:
        return count(there & (value > number) for number, there in enumerate(present))

    return rank


def count(conditions: Iterable[Any]) -> Any:
    """How many of `conditions` hold, computed as one value."""
    total: Any = 0
    for condition in conditions:
        total = total + ite(condition, 1, 0)
    return total
