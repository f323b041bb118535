"""Histories of Jepsen's Kafka workload (`jepsen.tests.kafka`): one EDN map per operation.

    {:type :ok, :f :txn, :process 3, :value [[:send 5 [272 140]] [:poll {5 [[271 139]]}]]}

All processes together are the reader "consumers", each of them a member. What is sent is an input of its own partition.
How far a partition is known to have been read is what Jepsen takes for it: up to the highest offset that anybody was
given. Sends are transactional if any operation is a `:txn` (`:send` and `:poll` are then transactions of one kind).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import edn_format  # type: ignore[import-untyped]
from eoscheck.checker.audit.history import (
    Aborted,
    BadHistory,
    Committed,
    End,
    Event,
    History,
    Read,
    Restart,
    Send,
    Value,
)

READER = "consumers"
WORK = ("txn", "send", "poll")
MOVES = ("subscribe", "assign", "crash", "debug-topic-partitions")
TYPES = ("invoke", "ok", "fail", "info")

_TAG = re.compile(r"#[a-zA-Z][\w.*+!?$%&=<>/-]*(?=\s*\{)")


def read_jepsen(path: str, text: str) -> History:
    """The history in a text. Raises BadHistory, naming the line, or the operation where one takes several lines."""
    operations = list(_operations(path, text))
    transactional = any(op.get("f") == "txn" for _, op in operations)
    events: list[Event] = []
    for number, op in operations:
        try:
            events += _Operation(number, op, transactional).events()
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise BadHistory(f"{path}:{number}: no operation of Jepsen's Kafka workload: {error}") from None
    ends: dict[str, int] = {}
    for event in events:
        if isinstance(event, Read) and event.offset is not None:
            ends[event.partition] = max(ends.get(event.partition, 0), event.offset + 1)
    last = events[-1].event if events else 0
    events += [End(event=last, reader=READER, partition=part, below=end) for part, end in ends.items()]
    return History(path, tuple(events), "operation")


def _operations(path: str, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every operation with its line (or its number, if operations are not one to a line)."""
    lines = [(n, _TAG.sub("", line.strip())) for n, line in enumerate(text.splitlines(), start=1)]
    lines = [(n, line) for n, line in lines if line and not line.startswith(";")]
    if all(line.startswith("{") and line.endswith("}") for _, line in lines):
        for number, line in lines:
            yield number, _plain_map(path, number, _parsed(path, number, line))
        return
    found = _parsed(path, 1, _TAG.sub("", text), every=True)
    if len(found) == 1 and isinstance(_plain(found[0]), list):
        found = list(found[0])
    for number, op in enumerate(found, start=1):
        yield number, _plain_map(path, number, op)


def _parsed(path: str, line: int, text: str, every: bool = False) -> Any:
    try:
        return edn_format.loads_all(text) if every else edn_format.loads(text)
    except (edn_format.EDNDecodeError, ValueError, TypeError, RecursionError, AttributeError) as error:
        raise BadHistory(f"{path}:{line}: no EDN: {' '.join(str(error).split())}") from None
    except NotImplementedError as error:
        raise BadHistory(f"{path}:{line}: {error}") from None


def _plain(found: Any) -> Any:
    """EDN as plain Python: keywords and symbols are their names."""
    if isinstance(found, edn_format.Keyword | edn_format.Symbol):
        return str(found.name)
    if isinstance(found, edn_format.ImmutableDict):
        return {_plain(key): _plain(value) for key, value in found.items()}
    if isinstance(found, edn_format.ImmutableList | list | tuple):
        return [_plain(one) for one in found]
    return found


def _plain_map(path: str, number: int, found: Any) -> dict[str, Any]:
    plain = _plain(found)
    if not isinstance(plain, dict):
        raise BadHistory(f"{path}:{number}: not a map: every operation is one")
    return plain


class _Operation:
    """One operation on its way into events."""

    def __init__(self, number: int, op: dict[str, Any], transactional: bool) -> None:
        self.number, self.op = number, op
        self.kind, self.work = op.get("type"), op.get("f")
        if self.kind not in TYPES:
            raise ValueError(f":type is {self.kind}, and must be one of :{', :'.join(TYPES)}")
        self.name = f"T{number}"
        self.transaction = self.name if transactional else None
        self.member = str(op.get("process"))

    def events(self) -> Iterator[Event]:
        """What it says. An invocation says nothing: what was sent stands in the completion again."""
        if self.kind == "invoke" or not isinstance(self.op.get("process"), int):
            return
        if self.work in MOVES:
            yield Restart(event=self.number, reader=READER, member=self.member)
        elif self.work in WORK:
            yield from self._worked()

    def _worked(self) -> Iterator[Event]:
        steps = self.op.get("value") or []
        sends = [step for step in steps if step[0] == "send"]
        if self.op.get("rebalance-log"):
            yield Restart(event=self.number, reader=READER, member=self.member)
        for _, key, given in sends:
            yield self._send(str(key), given)
        if sends and self.transaction and self.kind in ("ok", "fail"):
            told = Committed if self.kind == "ok" else Aborted
            yield told(event=self.number, transaction=self.transaction)
        for step in steps:
            if step[0] == "poll" and len(step) > 1 and self.kind != "fail":
                yield from self._reads(step[1])
        if self.kind != "ok":
            yield Restart(event=self.number, reader=READER, member=self.member)

    def _send(self, key: str, given: Any) -> Send:
        offset, value = given if isinstance(given, list) else (None, given)
        known = True if offset is not None else None
        acknowledged = {"ok": True, "fail": known if self.transaction else False, "info": known}
        return Send(
            event=self.number,
            partition=key,
            value=_value(value),
            by=self.member,
            transaction=self.transaction,
            acknowledged=acknowledged[str(self.kind)],
            offset=offset,
        )

    def _reads(self, polled: dict[Any, Any]) -> Iterator[Event]:
        for key, pairs in polled.items():
            for offset, value in pairs:
                yield Read(
                    event=self.number,
                    reader=READER,
                    partition=str(key),
                    value=_value(value),
                    offset=offset,
                    member=self.member,
                    poll=self.number,
                )


def _value(given: Any) -> Value:
    return given if isinstance(given, int) else str(given)
