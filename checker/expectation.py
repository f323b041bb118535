"""Expectations: what a spec says it must show, against what it showed."""

from __future__ import annotations

from dataclasses import dataclass

from eoscheck.checker.verdict import WORD, PropertyVerdict, Result, worst
from eoscheck.model.spec import Spec


@dataclass(frozen=True)
class Difference:
    """An expectation that was not met. `code` is the exit code it asks for."""

    property: str
    expected: str
    found: str
    code: int

    def __str__(self) -> str:
        return f"{self.property}: expected {self.expected}, {self.found}"


def compare(spec: Spec, result: Result) -> list[Difference]:
    """Every expectation of the spec that the result does not meet.

    A bare name covers all its sinks: it holds if all of them hold and is violated if any of them is.
    """
    differences = (_compare(name, expected, result.of(name)) for name, expected in spec.expect)
    return [d for d in differences if d]


def _compare(name: str, expected: str, rows: list[PropertyVerdict]) -> Difference | None:
    if not rows:
        return Difference(name, expected, "not checked", 1)
    verdicts = [row.verdict for row in rows]
    if "violated" in verdicts:
        if expected == "violated":
            return None
        worse = next(row for row in rows if row.verdict == "violated")
        return Difference(name, expected, _shown(worse), 1)
    odd = next((row for row in rows if row.verdict in ("vacuous", "undecided")), None)
    if odd:
        return Difference(name, expected, _shown(odd), worst(WORD[v] for v in verdicts))
    return None if expected == "holds" else Difference(name, expected, "it holds", 1)


def _shown(row: PropertyVerdict) -> str:
    if row.verdict == "violated":
        return f"{row.name} is violated in {row.steps} steps" if row.steps else f"{row.name} is violated"
    return f"{row.name} is {row.verdict} ({row.reason})"
