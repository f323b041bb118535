"""Effects counted where they show: none twice, none missing, none without the others of its transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from eoscheck.checker.audit.facts import Facts, Given, Place
from eoscheck.checker.audit.history import Send, Value
from eoscheck.checker.audit.rules import Constraint, Question, impossible

NOT_READ_TO_THE_END = "nothing says that it was read to its end"
NOTHING_DUE = "nothing was due there"

# --- nothing twice ------------------------------------------------------------------------------------------------


def no_duplicates(facts: Facts) -> Iterator[Question]:
    """No input has its effect twice at a place of a reader, or in a store."""
    for reader in facts.readers:
        found = [c for place in facts.places(reader) for c in _doubled(facts, reader, place)]
        seen = facts.given.get(reader)
        yield Question(f"no-duplicates@{reader}", found, "" if seen else "it was given nothing")
    for store, rows in facts.rows.items():
        first: dict[Value, int] = {}
        found = []
        for index, row in rows:
            if row.value in first:
                told = {"first": facts.history.events[first[row.value]], "again": row}
                found.append(impossible([first[row.value], index], "two-rows", **told))
            first.setdefault(row.value, index)
        yield Question(f"no-duplicates@{store}", found, "" if rows else "it has no row")


def _doubled(facts: Facts, reader: str, place: Place) -> Iterator[Constraint]:
    """Two reads that no single record explains: at two offsets, or twice on one way."""
    by_value: dict[Value, list[Given]] = defaultdict(list)
    for given in facts.given.get(reader, ()):
        if given.read.partition in place[1]:
            by_value[given.read.value].append(given)
    for reads in by_value.values():
        for n, again in enumerate(reads[1:], start=1):
            first = next((g for g in reads[:n] if _are_two(g, again)), None)
            if first is not None:
                told = {"first": first.read, "again": again.read, "place": place[0]}
                yield impossible([first.index, again.index], "two-reads", **told)


def _are_two(first: Given, again: Given) -> bool:
    if first.way == again.way or first.read.partition != again.read.partition:
        return True
    return None not in (first.read.offset, again.read.offset) and first.read.offset != again.read.offset


# --- nothing missing ----------------------------------------------------------------------------------------------


def no_loss(facts: Facts) -> Iterator[Question]:
    """Every input shows wherever it is due. Where a history names no inputs, they are what was acknowledged."""
    for reader in facts.readers:
        lost = _inputs_lost if facts.inputs else _sends_lost
        count, found = lost(facts, reader, facts.places(reader))
        ended = any(reader == own for own, _ in facts.ends)
        yield Question(f"no-loss@{reader}", found, _unjudged(ended, count))
    for store, rows in facts.rows.items():
        end = facts.store_ends.get(store)
        held = {row.value for _, row in rows}
        due = [i for i in facts.inputs if _is_due(i.due, store, "")]
        missing = [i for i in due if i.value not in held]
        found = [impossible([end], "no-row", input=i, store=store) for i in missing if end is not None]
        yield Question(f"no-loss@{store}", found, _unjudged(end is not None, len(due)))


def _unjudged(ended: bool, due: int) -> str:
    return "" if ended and due else NOTHING_DUE if ended else NOT_READ_TO_THE_END


def _is_due(due: tuple[str, ...] | None, sink: str, place: str) -> bool:
    return due is None or sink in due or f"{sink}/{place}" in due


def _inputs_lost(facts: Facts, reader: str, places: list[Place]) -> tuple[int, list[Constraint]]:
    """How many inputs were due, and those that did not come."""
    found, count = [], 0
    for name, partitions in places:
        ends = facts.whole_end(reader, partitions)
        due = [i for i in facts.inputs if ends is not None and _is_due(i.due, reader, name)]
        shown = {g.read.value for g in facts.given.get(reader, ()) if g.read.partition in partitions}
        count += len(due)
        found += [
            impossible(ends or (), "not-shown", input=i, reader=reader, place=name)
            for i in due
            if i.value not in shown
        ]
    return count, found


def _sends_lost(facts: Facts, reader: str, places: list[Place]) -> tuple[int, list[Constraint]]:
    own = {partition for _, partitions in places for partition in partitions}
    found, count = [], 0
    for index, send in facts.every_send:
        if send.partition not in own or (told := _acknowledged(facts, index, send)) is None:
            continue
        end = facts.end_behind(reader, told, send)
        count += end is not None
        if end is not None and not facts.shows(reader, send):
            events = facts.history.events
            why = {"send": send, "told": events[told], "end": events[end]}
            found.append(impossible([told, end], "not-given", **why))
    return count, found


def _acknowledged(facts: Facts, index: int, send: Send) -> int | None:
    """The index of what promised that a record is there, or None where nothing did."""
    if send.acknowledged is False:
        return None
    if send.transaction is None:
        return index if send.acknowledged else None
    return facts.committed.get(send.transaction)


# --- nothing without the rest of its transaction ------------------------------------------------------------------


def atomic_read(facts: Facts) -> Iterator[Question]:
    """No member of a reader holds a strict part of a transaction when a poll is over."""
    whole = {
        transaction: {(send.partition, send.value) for _, send in sends if send.acknowledged}
        for transaction, sends in facts.of.items()
    }
    for reader in facts.readers:
        members: dict[str, list[Given]] = defaultdict(list)
        for given in facts.given.get(reader, ()):
            members[given.read.member].append(given)
        own = {partition for _, partitions in facts.places(reader) for partition in partitions}
        found = [c for reads in members.values() for c in _torn(facts, reads, whole, own)]
        yield Question(f"atomic-read@{reader}", found, "" if members else "it was given nothing")


def _torn(
    facts: Facts, reads: list[Given], whole: dict[str, set[tuple[str, Value]]], own: set[str]
) -> Iterator[Constraint]:
    held: dict[str, set[tuple[str, Value]]] = defaultdict(set)
    reported: set[str] = set()
    for n, given in enumerate(reads):
        writers = {send.transaction for _, send in facts.candidates(given.read)}
        writer = writers.pop() if len(writers) == 1 else None
        if writer is not None:
            held[writer].add((given.read.partition, given.read.value))
        polled = given.read.poll
        if polled is not None and n + 1 < len(reads) and reads[n + 1].read.poll == polled:
            continue
        for transaction in [t for t in held if t not in reported]:
            missing = {r for r in whole[transaction] if r[0] in own} - held[transaction]
            if missing:
                reported.add(transaction)
                told = {"read": given.read, "transaction": transaction, "missing": sorted(missing, key=str)}
                yield impossible([given.index], "part-of", **told)
