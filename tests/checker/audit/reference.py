"""The guarantees once more, by their definitions, for tiny histories: every outcome of the transactions and every order
of the records is tried. Slow, obvious, and without Z3."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from eoscheck.checker.audit.history import (
    Abort,
    Aborted,
    Commit,
    Committed,
    End,
    History,
    Input,
    Log,
    Read,
    Restart,
    Send,
    topic_of,
)


class Reference:
    """Whether each guarantee is violated, by its bare name."""

    def __init__(self, history: History) -> None:
        self.events = list(enumerate(history.events))
        self.sends = [(i, e) for i, e in self.events if isinstance(e, Send)]
        self.ends = [(i, e) for i, e in self.events if isinstance(e, End)]
        self.inputs = [e for _, e in self.events if isinstance(e, Input)]
        restarts: dict[tuple[str, str], int] = {}
        self.reads: list[tuple[int, Read, int]] = []
        for i, e in self.events:
            if isinstance(e, Restart):
                restarts[e.reader, e.member] = restarts.get((e.reader, e.member), 0) + 1
            elif isinstance(e, Read):
                self.reads.append((i, e, restarts.get((e.reader, e.member), 0)))
        named = [s.transaction for _, s in self.sends if s.transaction]
        self.transactions = sorted(
            {*named, *(e.transaction for _, e in self.events if hasattr(e, "transaction") and e.transaction)}
        )
        self.readers = list(
            dict.fromkeys(
                [*(r.reader for _, r, _ in self.reads), *(e.reader for _, e in self.ends if e.reader)]
            )
        )

    def violated(self) -> dict[str, bool]:
        return {
            "provenance": self.provenance(),
            "no-duplicates": self.no_duplicates(),
            "no-loss": self.no_loss(),
            "order": self.order(),
            "atomic-visibility": self.atomic_visibility(),
        }

    def writers(self, read: Read) -> list[tuple[int, Send]]:
        same = [(i, s) for i, s in self.sends if (s.partition, s.value) == (read.partition, read.value)]
        same = [(i, s) for i, s in same if s.acknowledged is not False]
        exact = [(i, s) for i, s in same if s.offset is not None and s.offset == read.offset]
        return exact or [(i, s) for i, s in same if s.offset is None or read.offset is None]

    def provenance(self) -> bool:
        held: dict[tuple[str, int], set[object]] = {}
        for claim in [*(s for _, s in self.sends if s.acknowledged), *(r for _, r, _ in self.reads)]:
            if claim.offset is not None:
                held.setdefault((claim.partition, claim.offset), set()).add(claim.value)
        unsent = any(self._observed(r) and not self.writers(r) for _, r, _ in self.reads)
        return unsent or any(len(values) > 1 for values in held.values())

    def origins_known(self) -> bool:
        """Whether somebody was seen to send to each topic that was read, and some topic was."""
        return bool(self.reads) and all(self._observed(r) for _, r, _ in self.reads)

    def _observed(self, read: Read) -> bool:
        return any(topic_of(s.partition) == topic_of(read.partition) for _, s in self.sends)

    def no_duplicates(self) -> bool:
        """Is there a value at a place that no single record explains?"""
        places: dict[tuple[str, str, object], list[tuple[Read, int]]] = {}
        for _, r, session in self.reads:
            places.setdefault((r.reader, topic_of(r.partition), r.value), []).append((r, session))
        return any(not self._one_record(reads) for reads in places.values())

    def _one_record(self, reads: list[tuple[Read, int]]) -> bool:
        partitions = {r.partition for r, _ in reads}
        offsets = {r.offset for r, _ in reads if r.offset is not None}
        ways = [(r.member, session) for r, session in reads]
        return len(partitions) == 1 and len(offsets) <= 1 and len(set(ways)) == len(ways)

    def told(self, kind: type, transaction: str | None) -> int | None:
        return next((i for i, e in self.events if type(e) is kind and e.transaction == transaction), None)

    def shows(self, reader: str, send: Send) -> bool:
        for _, r, _ in self.reads:
            if r.reader != reader or r.partition != send.partition:
                continue
            if send.offset is not None and r.offset == send.offset:
                return True
            if r.value == send.value and (send.offset is None or r.offset is None):
                return True
        return False

    def reached(self, reader: str, send: Send, settled: int) -> bool:
        for i, e in self.ends:
            far = e.below is None or (send.offset is not None and send.offset < e.below)
            if far and i > settled and (e.reader, e.partition) == (reader, send.partition):
                return True
        return False

    def no_loss(self) -> bool:
        return any(self._lost_inputs(r) if self.inputs else self._lost_sends(r) for r in self.readers)

    def _lost_sends(self, reader: str) -> bool:
        for i, s in self.sends:
            promised = i if s.acknowledged else None
            if s.transaction is not None:
                promised = None if s.acknowledged is False else self.told(Committed, s.transaction)
            if promised is not None and self.reached(reader, s, promised) and not self.shows(reader, s):
                return True
        return False

    def _lost_inputs(self, reader: str) -> bool:
        partitions = {r.partition for _, r, _ in self.reads if r.reader == reader}
        partitions |= {e.partition for _, e in self.ends if e.reader == reader and e.partition}
        for topic in {topic_of(p) for p in partitions}:
            own = {p for p in partitions if topic_of(p) == topic}
            ended = {e.partition for _, e in self.ends if e.reader == reader and e.below is None}
            shown = {r.value for _, r, _ in self.reads if r.reader == reader and r.partition in own}
            if own <= ended and any(i.value not in shown for i in self.inputs):
                return True
        return False

    def order(self) -> bool:
        ways: dict[object, list[Read]] = {}
        for _, r, session in self.reads:
            ways.setdefault((r.reader, r.member, r.partition, session), []).append(r)
        if any(self._disordered(way) for way in ways.values()):
            return True
        if all(r.offset is not None for _, r, _ in self.reads):
            return False
        partitions = {r.partition for _, r, _ in self.reads}
        return any(not self._ordered([w for w in ways.values() if w[0].partition == p]) for p in partitions)

    def _disordered(self, way: list[Read]) -> bool:
        for one, other in itertools.combinations(way, 2):
            if one.offset is not None and other.offset is not None and one.offset > other.offset:
                return True
            first, second = self._number(one), self._number(other)
            if first and second and first[0] == second[0] and first[1] > second[1]:
                return True
        return False

    def _number(self, read: Read) -> tuple[str, int] | None:
        if self.inputs:
            found = [(i.partition, n) for n, i in enumerate(self.inputs) if i.value == read.value]
            return (found[-1][0], found[-1][1]) if found and found[-1][0] is not None else None
        writers = self.writers(read)
        if len(writers) == 1 and writers[0][1].acknowledged and writers[0][1].by:
            return writers[0][1].by, writers[0][0]
        return None

    def _ordered(self, ways: list[list[Read]]) -> bool:
        """Is there an order of the records of this partition in which all ways go forward?"""
        paths = [list(dict.fromkeys(self._record(r) for r in way)) for way in ways]
        records = list(dict.fromkeys(record for path in paths for record in path))
        for order in itertools.permutations(records):
            place = {record: n for n, record in enumerate(order)}
            placed = [record for record in order if isinstance(record, int)]
            if placed == sorted(placed) and all(p == sorted(p, key=place.__getitem__) for p in paths):
                return True
        return False

    def _record(self, read: Read) -> object:
        if read.offset is not None:
            return read.offset
        same = [s for _, s in self.sends if (s.partition, s.value) == (read.partition, read.value)]
        offsets = {s.offset for s in same if s.acknowledged is not False}
        known = offsets.pop() if len(offsets) == 1 else None
        return known if known is not None else f"value {read.value}"

    def atomic_visibility(self) -> bool:
        if not self.transactions:
            return False
        return not any(self._explains(outcome) for outcome in self._outcomes())

    def _outcomes(self) -> Iterator[dict[str, bool]]:
        for seen in itertools.product((False, True), repeat=len(self.transactions)):
            yield dict(zip(self.transactions, seen, strict=True))

    def _explains(self, seen: dict[str, bool]) -> bool:
        for transaction in self.transactions:
            if all(self.told(kind, transaction) is not None for kind in (Committed, Aborted)):
                return False
            gone = any(self.told(kind, transaction) is not None for kind in (Aborted, Abort))
            if seen[transaction] and (gone or self._torn(transaction)):
                return False
        return all(self._may_read(i, r, seen) for i, r, _ in self.reads) and self._as_looked(seen)

    def _torn(self, transaction: str) -> bool:
        told = self.told(Committed, transaction)
        return any(
            s.acknowledged and self.reached(r, s, i if told is None else told) and not self.shows(r, s)
            for r in self.readers
            for i, s in self.sends
            if s.transaction == transaction
        )

    def _may_read(self, index: int, read: Read, seen: dict[str, bool]) -> bool:
        writers = [s.transaction for _, s in self.writers(read)]
        if not writers or None in writers:
            return True
        wanted = [self.told(Commit, t) for t in writers]
        early = all(i is not None and index < i for i in wanted)
        return read.marker not in ("none", "abort") and not early and any(seen[str(t)] for t in writers)

    def _as_looked(self, seen: dict[str, bool]) -> bool:
        for log in (e for _, e in self.events if isinstance(e, Log) and e.marker != "none"):
            own = {
                s.transaction
                for _, s in self.sends
                if s.acknowledged and (s.partition, s.offset) == (log.partition, log.offset)
            }
            if len(own) != 1 or None in own:
                continue
            writer = str(own.pop())
            if seen[writer] != (log.marker == "commit") or (
                not seen[writer] and self.told(Committed, writer) is not None
            ):
                return False
        return True
