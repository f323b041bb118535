"""What each guarantee demands of a history, as constraints that Z3 can weigh against one another.

A constraint rests on observations: whoever doubts one of them is free of it. Its formula speaks of what nobody has
observed: whether a transaction whose client heard nothing became visible, in which order a log holds records whose
offsets are not known, which record lies at an offset.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import z3  # type: ignore[import-untyped]
from eoscheck.checker.audit.facts import Facts
from eoscheck.checker.audit.history import Read, Send, topic_of

FALSE = z3.BoolVal(False)

NAMED = 3
"""Topics that a reason names; of others it says how many there are."""


@dataclass(frozen=True)
class Because:
    """One step of an explanation: its kind, and events and names that the sentence about it needs."""

    kind: str
    facts: dict[str, Any]

    @property
    def proven(self) -> bool:
        """Whether what was observed implies this; else it is only what the guarantee demands."""
        return self.kind != "given-uncommitted"


@dataclass(frozen=True)
class Constraint:
    """observed: indexes of observations. unknowns: names of what the formula speaks of; without any it is false."""

    observed: frozenset[int]
    formula: Any
    because: Because
    unknowns: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Question:
    """One guarantee, of one reader or store or of the whole history.

    unjudged  why it cannot be answered; "" if it can
    besides   what is not judged although the rest shows that it is violated
    """

    name: str
    constraints: list[Constraint] = field(default_factory=list)
    unjudged: str = ""
    besides: str = ""


def impossible(observed: Iterable[int], kind: str, **facts: Any) -> Constraint:
    """A constraint that nothing fulfils."""
    return Constraint(frozenset(observed), FALSE, Because(kind, facts))


def visible(transaction: str) -> Any:
    """Whether the records of a transaction are to be seen."""
    return z3.Bool(f"visible {transaction}")


# --- what is read was sent ----------------------------------------------------------------------------------------


def provenance(facts: Facts) -> Question:
    """What is read was sent, and an offset holds one record. A history has all sends to a topic, or none of them."""
    known = {topic_of(send.partition) for _, send in facts.every_send}
    unknown: list[str] = []
    found = []
    for given in (g for gs in facts.given.values() for g in gs):
        read = given.read
        if topic_of(read.partition) not in known:
            unknown.append(topic_of(read.partition))
        elif not facts.candidates(read):
            refused = [
                s
                for _, s in facts.every_send
                if (s.partition, s.value) == (read.partition, read.value) and s.acknowledged is False
            ]
            found.append(
                impossible([given.index], "not-sent", read=read, refused=refused[0] if refused else None)
            )
    found += _contents(facts)
    unjudged = _origin_unknown(list(dict.fromkeys(unknown))) if known else "no sends are recorded"
    if found:
        return Question("provenance", found, besides=unjudged)
    return Question("provenance", [], unjudged if facts.given else "nothing was read")


def _origin_unknown(topics: list[str]) -> str:
    """That reads of these topics cannot be judged; "" without any."""
    more = f" and {len(topics) - NAMED} more" if len(topics) > NAMED else ""
    return f"reads of {', '.join(topics[:NAMED])}{more}, to which no sends are recorded" if topics else ""


def _contents(facts: Facts) -> Iterator[Constraint]:
    held: dict[tuple[str, int], list[tuple[int, Send | Read]]] = {}
    for place, sends in facts.lies.items():
        held.setdefault(place, []).extend(sends)
    for given in (g for gs in facts.given.values() for g in gs):
        if given.read.offset is not None:
            held.setdefault((given.read.partition, given.read.offset), []).append((given.index, given.read))
    for (partition, offset), claims in held.items():
        numbers = {value: n for n, value in enumerate(dict.fromkeys(c.value for _, c in claims))}
        if len(numbers) > 1:
            name = f"record at {offset} of {partition}"
            for index, claim in claims:
                formula = z3.Int(name) == numbers[claim.value]
                because = Because("holds", {"claim": claim, "offset": offset, "partition": partition})
                yield Constraint(frozenset([index]), formula, because, frozenset([name]))


# --- all or nothing of a transaction ------------------------------------------------------------------------------


def atomic_visibility(facts: Facts) -> Question:
    """No reader is given a record of an aborted or undecided transaction, and what is seen of one is all of it."""
    found: list[Constraint] = []
    for transaction in facts.transactions:
        found += _answers(facts, transaction)
        found += _missing(facts, transaction)
    for given in (g for gs in facts.given.values() for g in gs):
        found += _shown(facts, given.index, given.read)
    return Question("atomic-visibility", [*found, *_looks(facts)])


def _about(transaction: str, observed: Iterable[int], shown: bool, kind: str, **facts: Any) -> Constraint:
    formula = visible(transaction) if shown else z3.Not(visible(transaction))
    because = Because(kind, {"transaction": transaction, **facts})
    return Constraint(frozenset(observed), formula, because, frozenset([transaction]))


def _answers(facts: Facts, transaction: str) -> Iterator[Constraint]:
    events = facts.history.events
    if transaction in facts.aborted:
        at = facts.aborted[transaction]
        if transaction in facts.committed:
            both = [facts.committed[transaction], at]
            told = {"committed": events[both[0]], "aborted": events[at]}
            yield impossible(both, "told-both", transaction=transaction, **told)
        yield _about(transaction, [at], False, "told-aborted", event=events[at])
    elif transaction in facts.unwanted:
        at = facts.unwanted[transaction]
        yield _about(transaction, [at], False, "wants-abort", event=events[at])


def _missing(facts: Facts, transaction: str) -> Iterator[Constraint]:
    """A reader has come to the end without a record that would be there."""
    for reader in facts.readers:
        for index, send in facts.of.get(transaction, ()):
            end = facts.end_behind(reader, facts.committed.get(transaction, index), send)
            if send.acknowledged and end is not None and not facts.shows(reader, send):
                told = {"send": send, "end": facts.history.events[end]}
                yield _about(transaction, [index, end], False, "missing", **told)


def _shown(facts: Facts, index: int, read: Read) -> Iterator[Constraint]:
    sends = facts.candidates(read)
    writers = list(dict.fromkeys(s.transaction for _, s in sends if s.transaction is not None))
    if not sends or any(send.transaction is None for _, send in sends):
        return
    names = frozenset(writers)
    formula = z3.Or([visible(t) for t in writers])
    told = {"read": read, "writers": writers}
    unproven = facts.sees_all(read.reader) and read.marker != "commit"
    because = Because("given-uncommitted", told) if unproven else Because("given", told)
    yield Constraint(frozenset([index]), formula, because, names)
    if read.marker in ("none", "abort"):
        yield impossible([index], "undecided" if read.marker == "none" else "seen-aborted", **told)
    elif all(index < facts.wanted.get(writer, -1) for writer in writers):
        asked = facts.history.events[facts.wanted[writers[0]]]
        yield impossible([index, facts.wanted[writers[0]]], "too-early", asked=asked, **told)


def _looks(facts: Facts) -> Iterator[Constraint]:
    for index, log in facts.logs:
        writers = {send.transaction for _, send in facts.lies.get((log.partition, log.offset), ())}
        writer = writers.pop() if len(writers) == 1 else None
        if writer is None or log.marker == "none":
            continue
        yield _about(writer, [index], log.marker == "commit", "looked", log=log)
        if log.marker == "abort" and writer in facts.committed:
            told = facts.committed[writer]
            both = {"transaction": writer, "log": log, "event": facts.history.events[told]}
            yield impossible([told, index], "committed-and-aborted", **both)
