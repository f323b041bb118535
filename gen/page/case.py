"""A trace as a page shows it: numbered lines with what an outsider sees change, and the data of its stepper.

A step is kept as its differences from the one before; the page puts the states together again. Whatever a trace
holds, its keys are sorted, so that the page of a trace and that of its file are the same.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from eoscheck.checker.counterexample import Step, Trace
from eoscheck.checker.why import Why
from eoscheck.gen.prose import Sentence, prose, summary
from eoscheck.gen.screen import printable
from eoscheck.gen.story import UNTOLD, finds_again

Change = tuple[str, str, str, Any, Any]
"""Section, place and thing of an observation, what it was, and what it is."""


@dataclass(frozen=True)
class Line:
    """One step in words.

    seen         place, thing, before, after: what an outsider sees change
    routine      it is no part of the chain that led to the end
    contradicts  it wrote what the property objects to
    uses         by earlier step, the variables in which that one left what this one used
    repeats      it begins what is repeated for ever
    """

    number: int
    actor: str
    sentence: str
    api: str | None
    fault: str | None
    seen: tuple[tuple[str, str, str, str], ...]
    routine: bool
    contradicts: bool
    uses: tuple[tuple[int, str], ...]
    repeats: bool


@dataclass(frozen=True)
class Case:
    """One trace on a page. `id` is its fragment, that of a step is `id/7`; `folds`: some lines are routine."""

    id: str
    trace: Trace
    lines: tuple[Line, ...]
    folds: bool
    data: dict[str, Any]

    @property
    def reached(self) -> bool:
        """Whether it shows a goal met, and nothing violated."""
        return self.trace.kind == "sometimes"

    @property
    def prose(self) -> tuple[Sentence, ...]:
        """What led to it."""
        return prose(self.trace)

    @property
    def reason(self) -> str:
        """What that adds up to."""
        return summary(self.trace)

    @property
    def again(self) -> str:
        """The command that finds it again."""
        return printable(finds_again(self.trace))

    @property
    def when(self) -> str:
        steps = len(self.trace.steps)
        return f"in {steps} steps" if steps > 1 else "in one step" if steps else "in the initial state"

    @property
    def ending(self) -> str:
        """What happens after the last step, if this goes on for ever; else nothing."""
        lasso = self.trace.lasso
        if lasso is None:
            return ""
        first, length = lasso.get("after", 0) + 1, lasso.get("length", 0)
        if not length:
            return "Here it rests for ever: nothing more has to happen."
        return f"From here on steps {first} to {first + length - 1} repeat for ever."


def cases(traces: Iterable[Trace]) -> list[Case]:
    """Every trace with a fragment of its own."""
    found: dict[str, Case] = {}
    for trace in traces:
        name = re.sub(r"[^\w@.-]", "_", trace.property, flags=re.ASCII) or "trace"
        number = 1
        while (unique := name if number == 1 else f"{name}-{number}") in found:
            number += 1
        found[unique] = _case(unique, trace)
    return list(found.values())


def _case(fragment: str, trace: Trace) -> Case:
    trace = _in_order(trace)
    states = [trace.initial["observation"], *(step.observation for step in trace.steps)]
    seen = [changes(*pair) for pair in itertools.pairwise(states)]
    told = list(zip(trace.steps, seen, strict=True))
    lines = tuple(_line(step, changed, trace) for step, changed in told)
    variables = trace.initial.get("variables")
    data = {
        "start": states[0],
        "variables": variables if isinstance(variables, dict) else {},
        "steps": [{"seen": changed, "changes": step.changes} for step, changed in told],
    }
    return Case(fragment, trace, lines, any(line.routine for line in lines), data)


def _in_order(trace: Trace) -> Trace:
    """The trace with its observations as a file has them."""
    begin = {**trace.initial, "observation": _sorted(trace.initial.get("observation") or {})}
    steps = (replace(step, observation=_sorted(step.observation or {})) for step in trace.steps)
    return replace(trace, initial=begin, steps=tuple(steps))


def _sorted(observation: Mapping[str, Any]) -> dict[str, Any]:
    ordered: dict[str, Any] = json.loads(json.dumps(observation, sort_keys=True))
    return ordered


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What is seen to change, in order of section, place and thing; what has gone is None afterwards."""
    return [
        (section, place, thing, old.get(thing), new.get(thing))
        for section in sorted({*before, *after})
        for place in sorted({*before.get(section, {}), *after.get(section, {})})
        for old, new in [(before.get(section, {}).get(place, {}), after.get(section, {}).get(place, {}))]
        for thing in sorted({*old, *new})
        if old.get(thing) != new.get(thing)
    ]


def _line(step: Step, changed: list[Change], trace: Trace) -> Line:
    lasso = trace.lasso or {}
    why = trace.why
    return Line(
        number=step.number,
        actor=step.actor,
        sentence=step.sentence.removeprefix(f"{step.actor} "),
        api=None if step.api and step.api in step.sentence else step.api,
        fault=step.fault,
        seen=tuple(
            (place, thing.replace("_", " "), shown(old), shown(new))
            for _, place, thing, old, new in changed
            if thing not in UNTOLD
        ),
        routine=bool(why and why.chain and step.number not in why.chain),
        contradicts=bool(why and step.number in why.contradiction),
        uses=_uses(why, step.number) if why else (),
        repeats=bool(lasso.get("length")) and step.number == lasso.get("after", 0) + 1,
    )


def _uses(why: Why, step: int) -> tuple[tuple[int, str], ...]:
    """What a step needed for what it wrote, not what merely permitted it."""
    return tuple(
        (link.earlier, ", ".join(link.variables))
        for link in sorted(why.links, key=lambda link: link.earlier)
        if link.step == step and link.value
    )


def shown(value: Any) -> str:
    """A value in words.

    >>> shown([1, "COMMIT"]), shown({"0": None}), shown([])
    ('1, COMMIT', '0: none', 'none')
    """
    if value is None or value == [] or value == {}:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {shown(value[key])}" for key in sorted(value))
    if isinstance(value, list | tuple):
        return ", ".join(f"({shown(v)})" if isinstance(v, list | dict) else shown(v) for v in value)
    return value if isinstance(value, str) else json.dumps(value)
