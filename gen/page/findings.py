"""A result as a page shows it: the verdict in one sentence, figures, bounds, and what was taken how often."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from eoscheck.checker.verdict import Result
from eoscheck.gen.text import owner_and_action, stored

Pairs = list[tuple[str, str]]

LIMITS = {
    "states": "states, at most",
    "depth": "steps, at most",
    "seconds": "seconds, at most",
    "memory_mb": "MB, at most",
}
"""Limits of a search in words; a simulation has its walks and its seed besides."""


@dataclass(frozen=True)
class Taken:
    """An action, how often it was taken, and that in proportion to the one taken most, in percent."""

    action: str
    times: int
    percent: int


def sentence(result: Result) -> str:
    """What a result says as a whole."""
    if not result.properties:
        return "No property was asked for."
    counts: Counter[str] = Counter(row.verdict for row in result.properties)
    words = {
        "violated": "violated",
        "vacuous": "vacuous",
        "undecided": "undecided",
        "holds": "holds" if counts["holds"] == 1 else "hold",
    }
    told = ", ".join(f"{counts[verdict]} {word}" for verdict, word in words.items() if counts[verdict])
    number = len(result.properties)
    return f"{number} {'property' if number == 1 else 'properties'}: {told}."


def figures(result: Result) -> Pairs:
    """How much was searched."""
    whole = result.method == "exhaustive"
    pairs = [
        ("distinct states" if whole else "states", f"{result.states:,}"),
        ("transitions", f"{result.transitions:,}"),
        ("levels" if whole else "longest walk", f"{result.depth:,}"),
        ("at rest", f"{result.at_rest:,}{'' if whole else ' times'}"),
        ("time", f"{result.seconds:.2f} s"),
        ("engine", result.engine),
    ]
    if result.seconds >= 0.1:
        pairs.append(("rate", f"{result.transitions / result.seconds:,.0f}/s"))
    if whole:
        pairs.append(("visited states", stored(result)))
    if result.reduction:
        pairs.append(("reduction", result.reduction))
    return pairs


def within(bounds: dict[str, Any]) -> Pairs:
    """What a result holds within (`verdict.bounds`)."""
    budgets = [f"{name} ≤ {budget}" for name, budget in bounds["faults"].items()]
    in_all = "" if bounds["faults_in_all"] is None else f" ({bounds['faults_in_all']} in all)"
    pairs = [("Kafka", str(bounds["kafka"])), ("records", str(bounds["records"]))]
    if bounds["partitions"]:
        pairs.append(("partitions", ", ".join(f"{name}: {n}" for name, n in bounds["partitions"].items())))
    if bounds["instances"]:
        pairs.append(("instances", ", ".join(f"{name} × {n}" for name, n in bounds["instances"].items())))
    pairs.append(("faults", (", ".join(budgets) or "none") + in_all))
    pairs += [(f"{name}, at most", f"{n:,}") for name, n in bounds["capacities"].items() if n is not None]
    pairs += [
        (LIMITS.get(name, name), f"{n:,}".removesuffix(".0"))
        for name, n in bounds["limits"].items()
        if n is not None
    ]
    return pairs


def coverage(result: Result) -> dict[str, list[Taken]]:
    """By component, its actions in the order of the model."""
    most = max(result.actions.values(), default=0) or 1
    found: dict[str, list[Taken]] = {}
    for name, times in result.actions.items():
        owner, action = owner_and_action(name)
        found.setdefault(owner, []).append(Taken(action, times, -(-100 * times // most)))
    return found


def idle(result: Result) -> list[tuple[str, str, str]]:
    """Actions that never fired: component, action, and why, where that was found out."""
    return [(*owner_and_action(name), result.never_because.get(name, "")) for name in result.never_fired]
