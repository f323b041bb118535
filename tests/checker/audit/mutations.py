"""Ways to spoil a history: a read is dropped, doubled, moved, or a record is shown that was taken back.

Each gives the spoiled history, and only such as no outcome could explain any more: what nobody promised may be missing,
and a transaction of which nobody heard may have ended either way.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from eoscheck.checker.audit.facts import Facts
from eoscheck.checker.audit.history import Event, History, Input, Read, Restart, Send
from simulated import numbered

Mutation = Callable[[History, random.Random], History | None]


def dropped(history: History, dice: random.Random) -> History | None:
    """Without one read of something that was promised, and that no other read shows."""
    facts, events = Facts(history), list(history.events)
    choices = [i for i, read in _reads(events) if _alone(events, read) and _promised(facts, events, read)]
    if not choices:
        return None
    del events[dice.choice(choices)]
    return numbered(events)


def doubled(history: History, dice: random.Random) -> History | None:
    """One read twice, with no new start in between."""
    events = list(history.events)
    choices = [i for i, _ in _reads(events)]
    if not choices:
        return None
    at = dice.choice(choices)
    events.insert(at + 1, events[at])
    return numbered(events)


def moved(history: History, dice: random.Random) -> History | None:
    """Two neighbours on one way through a partition the other way round, where their order is known."""
    events = list(history.events)
    reads = _reads(events)
    choices = []
    for n, (i, one) in enumerate(reads):
        for j, other in reads[n + 1 :]:
            same = (one.reader, one.member, one.partition) == (other.reader, other.member, other.partition)
            if any(isinstance(e, Restart) for e in events[i:j]):
                break
            if same and _ranked(events, one) and _ranked(events, other) and one.value != other.value:
                choices.append((i, j))
                break
    if not choices:
        return None
    i, j = dice.choice(choices)
    events[i], events[j] = events[j], events[i]
    return numbered(events)


def misplaced(history: History, dice: random.Random) -> History | None:
    """One read from a partition that nobody wrote this value to."""
    events = list(history.events)
    partitions = {e.partition for e in events if isinstance(e, Send)}
    choices = [
        (i, other)
        for i, read in _reads(events)
        for other in sorted(partitions)
        if not any(isinstance(e, Send) and (e.partition, e.value) == (other, read.value) for e in events)
    ]
    if not choices:
        return None
    i, other = dice.choice(choices)
    read = events[i]
    assert isinstance(read, Read)
    events[i] = Read(**{**vars(read), "partition": other})
    return numbered(events)


def aborted_shown(history: History, dice: random.Random) -> History | None:
    """A record of a transaction that its client aborted is shown, as it would be if it had been committed."""
    facts, events = Facts(history), list(history.events)
    readers = list(facts.given)
    choices = [
        send
        for transaction, sends in facts.of.items()
        if transaction in facts.aborted or transaction in facts.unwanted
        for _, send in sends
        if send.acknowledged and ":" not in send.partition and _told_apart(facts, send)
    ]
    if not choices or not readers:
        return None
    send = dice.choice(choices)
    at = next(i for i, e in enumerate(events) if e is send or e == send)
    read = Read(event=0, reader=readers[0], partition=send.partition, value=send.value, offset=send.offset)
    events.insert(dice.randint(at + 1, len(events)), read)
    return numbered(events)


MUTATIONS: tuple[Mutation, ...] = (dropped, doubled, moved, misplaced, aborted_shown)


def _reads(events: list[Event]) -> list[tuple[int, Read]]:
    return [(i, e) for i, e in enumerate(events) if isinstance(e, Read)]


def _alone(events: list[Event], read: Read) -> bool:
    key = (read.reader, read.partition, read.value)
    return sum(isinstance(e, Read) and (e.reader, e.partition, e.value) == key for e in events) == 1


def _promised(facts: Facts, events: list[Event], read: Read) -> bool:
    """Whether a reader that has come to its end must show this: it was acknowledged, or is an input that is due, or
    belongs to a transaction that shows otherwise."""
    if any((read.reader, p) not in facts.ends for p in [read.partition]):
        return False
    if facts.inputs:
        return any(i.value == read.value and _is_due(i, read) for i in facts.inputs)
    return any(_is_kept(facts, i, send) for i, send in facts.candidates(read))


def _is_due(one: Input, read: Read) -> bool:
    return one.due is None or any(sink.partition("/")[0] == read.reader for sink in one.due)


def _is_kept(facts: Facts, index: int, send: Send) -> bool:
    if send.transaction is None:
        return send.acknowledged is True
    return send.transaction in facts.committed


def _told_apart(facts: Facts, send: Send) -> bool:
    return send.offset is not None or len(facts.sends[send.partition, send.value]) == 1


def _ranked(events: list[Event], read: Read) -> bool:
    """Whether the offset of what is read is known, from the read or from the one who sent it."""
    if read.offset is not None:
        return True
    sends = [
        e for e in events if isinstance(e, Send) and (e.partition, e.value) == (read.partition, read.value)
    ]
    return len(sends) == 1 and sends[0].offset is not None


def mutants(history: History, dice: random.Random) -> Iterator[tuple[str, History]]:
    """Every mutation that can be made of a history, once, by its name."""
    for mutation in MUTATIONS:
        spoiled = mutation(history, dice)
        if spoiled is not None:
            yield mutation.__name__, spoiled
