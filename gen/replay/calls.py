"""The calls that a replay is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """One call of a replay.

    kind, who    what is called: a "client", "group", "transaction", "reader", "store" or "lookup" by name, or "run"
    verb         name of its method
    arguments    what it is given: plain values of the model
    keywords     the same by name, and what must come back
    """

    kind: str
    who: str
    verb: str
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """One step of a trace with its calls; `unforced` says why it cannot be forced from outside, or is None."""

    number: int
    label: str
    actor: str
    fault: str | None
    sentence: str
    calls: tuple[Call, ...]
    unforced: str | None
    observation: dict[str, Any]
