"""The reasons of a counterexample in prose, as one would tell them to a colleague: what happened first, the fault, what
somebody did again because of it, and what that adds up to.

It is told from `Trace.why`: the steps of its chain, in their own words, without the mere sending of requests, and what
came of a fault at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from eoscheck.checker.counterexample import INPUT, Step, Trace
from eoscheck.checker.why import Why

OFFSETS = "__consumer_offsets:"
MOST = 3
"""How many steps are named as contradicting each other; a longer list says nothing."""


@dataclass(frozen=True)
class Clause:
    """What one step did."""

    step: int
    text: str


@dataclass(frozen=True)
class Sentence:
    """Clauses that are told in one breath, with the words between."""

    clauses: tuple[Clause, ...]
    fault: bool = False

    def __str__(self) -> str:
        said = "; ".join(f"in step {clause.step} {clause.text}" for clause in self.clauses)
        return f"{'FAULT: i' if self.fault else 'I'}{said[1:]}."


def prose(trace: Trace) -> tuple[Sentence, ...]:
    """The sentences of a trace's reasons; none where it has no reasons."""
    return tuple(_sentences(trace, trace.why)) if trace.why else ()


def summary(trace: Trace) -> str:
    """What they add up to: the sentence of the witness, with the steps that it rests upon."""
    said = str(trace.witness.get("sentence", ""))
    steps = tuple(sorted(trace.contradiction))
    return f"{said} ({_steps(steps)})" if 0 < len(steps) <= MOST else said


def _steps(steps: tuple[int, ...]) -> str:
    """
    >>> _steps((3,)), _steps((3, 4, 9))
    ('step 3', 'steps 3, 4 and 9')
    """
    if len(steps) == 1:
        return f"step {steps[0]}"
    return f"steps {', '.join(map(str, steps[:-1]))} and {steps[-1]}"


def _sentences(trace: Trace, why: Why) -> Iterator[Sentence]:
    clauses: list[Clause] = []
    for step, clause in _clauses(trace, why):
        if step.fault and clauses:
            yield Sentence(tuple(clauses))
            clauses = []
        clauses.append(clause)
        if step.fault:
            yield Sentence(tuple(clauses), fault=True)
            clauses = []
    if clauses:
        yield Sentence(tuple(clauses))


def _clauses(trace: Trace, why: Why) -> Iterator[tuple[Step, Clause]]:
    told: list[Step] = []
    for number in sorted({*why.chain, *_consequences(trace, why)}):
        step = trace.steps[number - 1]
        if step.only_sends and number not in trace.contradiction:
            continue
        text = _again(_said(step), step, trace)
        yield step, Clause(number, f"{text}{_because(trace, why, step, told)}")
        told.append(step)


def _consequences(trace: Trace, why: Why) -> Iterator[int]:
    """The first thing to be seen from outside that each fault made possible."""
    for fault in (step for step in trace.steps if step.fault):
        after = (link.step for link in why.links if link.earlier == fault.number and not link.value)
        yield from [k for k in after if trace.steps[k - 1].observation != trace.steps[k - 2].observation][:1]


def _said(step: Step) -> str:
    said = step.sentence.rstrip(".")
    return said if step.actor in said or step.fault else f"{step.actor} {said}"


def _again(text: str, step: Step, trace: Trace) -> str:
    """The text, with the word "again" where the same was done to the same input before."""
    about, does = INPUT.search(step.sentence), _doing(step, trace)
    before = (_doing(earlier, trace) for earlier in trace.steps[: step.number - 1])
    if about and "again" not in text and does in before:
        return text.replace(about[0], f"{about[0]} again", 1)
    return text


def _doing(step: Step, trace: Trace) -> tuple[str, str, list[str]]:
    """What a step does, whose instance or which topic's partition it is that does it, and to which inputs. A request
    that arrives late does what it would have done in time."""
    return step.action.removesuffix("_late"), _whose(step.actor, trace), INPUT.findall(step.sentence)


def _whose(actor: str, trace: Trace) -> str:
    """The processor or topic that an instance or a partition belongs to; what belongs to none is itself."""
    parts = [(p.get("name"), p.get("instances", 1) > 1) for p in trace.spec.get("processors") or ()]
    parts += [(t.get("name"), True) for t in trace.spec.get("topics") or ()]
    name, _, number = actor.rpartition("-")
    return name if number.isdecimal() and (name, True) in parts else actor


def _because(trace: Trace, why: Why, step: Step, told: list[Step]) -> str:
    """Why a process goes on where it does: what was committed, or that nothing was."""
    if step.fault or f"{step.actor}.position" not in {name.partition("[")[0] for name in step.changes}:
        return ""
    still = [s.variable for s in why.still if s.step == step.number]
    if any(name.startswith(OFFSETS) for name in still):
        return ", because nothing is committed yet"
    if any(name.partition("[")[0].endswith(".next") for name in still):
        return ", because nothing is stored yet"
    from_offsets = [
        link.earlier
        for link in why.links
        if link.step == step.number
        and link.value
        and all(name.startswith(OFFSETS) for name in link.variables)
    ]
    if from_offsets and told and told[-1].number != from_offsets[-1]:
        return f", the one that step {from_offsets[-1]} committed"
    return ""
