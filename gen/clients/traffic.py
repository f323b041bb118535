"""What passes a proxy: as one line each, which of it somebody is looking for, and what has to be changed in it.

Addresses of brokers have to be, so that no connection goes around the proxy, and the versions of requests on offer,
so that clients send none that the codec cannot read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from eoscheck.gen.kafka.wire import (
    Batch,
    Header,
    WireError,
    api_name,
    batches,
    decode_response,
    error_name,
    latest,
    response,
)

Partition = tuple[str, int]
Names = Mapping[uuid.UUID, str]
"""Topics by their ids; newer requests name no topic."""

TOLD = (
    "transactional_id",
    "producer_id",
    "producer_epoch",
    "group_id",
    "generation_id",
    "generation_id_or_member_epoch",
    "member_epoch",
    "member_id",
    "committed",
    "committed_offset",
    "fetch_offset",
    "base_offset",
    "last_stable_offset",
    "isolation_level",
    "acks",
    "key",
    "coordinator_keys",
)
"""Fields of requests and answers that say what they are about."""

UNTOLD = (None, "", -1, ())
"""Values that say nothing."""

_INDEX = ("index", "partition", "partition_index")
_INDEXES = ("partitions", "partition_indexes")


@dataclass
class Exchange:
    """A request, and its answer when there is one.

    number   in the order of arrival, from 1
    at       seconds since the proxy began
    fields   those of `TOLD` that are there; a list where there are several
    answer   the same of the answer; None as long as there is none
    errors   all that the answer contains, without NONE
    notes    what a rule did to it
    """

    number: int
    at: float
    actor: str
    connection: int
    api: str
    version: int
    client: str | None
    fields: dict[str, Any] = field(default_factory=dict)
    places: list[Partition] = field(default_factory=list)
    batches: dict[Partition, list[Batch]] = field(default_factory=dict)
    answer: dict[str, Any] | None = None
    errors: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    def asks(self, payload: Any, names: Names) -> None:
        """Take what there is to tell from the body of the request."""
        self.fields, self.places, self.batches, _ = _told(payload, names)

    def answers(self, payload: Any, names: Names) -> None:
        """Take what there is to tell from the body of the answer."""
        self.answer, _, _, self.errors = _told(payload, names)

    def what(self) -> str:
        """Without number and time, for comparison: the same again is the same text."""
        where = " ".join(f"{topic}-{partition}" for topic, partition in self.places)
        told = [self.actor, f"{self.api} v{self.version}", where, _shown(self.fields)]
        for found in self.batches.values():
            told += [f"producer {b.producer_id}/{b.epoch} sequence {b.sequence}" for b in found]
        if self.answer is not None:
            told += ["->", " ".join(self.errors) or "ok", _shown(self.answer)]
        else:
            told.append("-> no answer")
        return " ".join([x for x in told if x] + [f"[{note}]" for note in self.notes])

    def __str__(self) -> str:
        return f"{self.number:>5} {self.at:8.3f} {self.what()}"


@dataclass(frozen=True)
class Match:
    """Which request: the nth that fits, counted from when the rule was made.

    topic, partition       among those that the request names
    producer_id, sequence  of a batch in the request, producer_id also of the request itself
    when                   any other condition
    """

    api: str
    nth: int = 1
    topic: str | None = None
    partition: int | None = None
    producer_id: int | None = None
    sequence: int | None = None
    when: Callable[[Exchange], bool] | None = field(default=None, compare=False)

    def fits(self, exchange: Exchange) -> bool:
        """Whether a request is one of those that are counted."""
        places: list[tuple[str | None, int | None]] = [*exchange.places] or [(None, None)]
        found = [b for sent in exchange.batches.values() for b in sent]
        producers = {b.producer_id for b in found} | {exchange.fields.get("producer_id")}
        return (
            exchange.api == self.api
            and any(self.topic in (None, t) and self.partition in (None, p) for t, p in places)
            and (self.producer_id is None or self.producer_id in producers)
            and (self.sequence is None or self.sequence in {b.sequence for b in found})
            and (self.when is None or self.when(exchange))
        )

    def __str__(self) -> str:
        shown = ("topic", "partition", "producer_id", "sequence")
        said = [f"{name} {value}" for name in shown if (value := getattr(self, name)) is not None]
        if self.when is not None:
            said.append("a condition")
        return f"{self.api} no. {self.nth}" + (f" with {', '.join(said)}" if said else "")


def report(exchanges: list[Exchange]) -> str:
    """A line for each; of many equal ones in a row, the first and how many there were."""
    lines: list[str] = []
    last, times = "", 1
    for exchange in exchanges:
        if (what := exchange.what()) == last:
            times += 1
            lines[-1] = f"{lines[-1].partition(' (times ')[0]} (times {times})"
        else:
            lines.append(str(exchange))
            last, times = what, 1
    return "\n".join(lines)


def topics(payload: Any) -> Iterator[tuple[uuid.UUID, str]]:
    """The topics that a Metadata answer names, with their ids."""
    for topic in payload.topics or ():
        found = getattr(topic, "topic_id", None)
        if found is not None and topic.name is not None:
            yield found, topic.name


def _shown(fields: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in fields.items())


Told = tuple[dict[str, Any], list[Partition], dict[Partition, list[Batch]], tuple[str, ...]]


def _told(payload: Any, names: Names) -> Told:
    values: dict[str, list[Any]] = {}
    places: list[Partition] = []
    found: dict[Partition, list[Batch]] = {}
    errors: dict[str, None] = {}

    def visit(message: Any, topic: str | None) -> None:
        fields = {f.name.removeprefix("v3_and_below_"): getattr(message, f.name) for f in _fields(message)}
        topic = _topic(fields, names) or topic
        place = next(((topic, fields[x]) for x in _INDEX if topic is not None and x in fields), None)
        if place is not None:
            places.append(place)
        for name, value in fields.items():
            if type(value).__name__ == "ErrorCode":
                if value:
                    errors[error_name(value)] = None
            elif dataclasses.is_dataclass(value):
                visit(value, topic)
            elif name == "records" and place is not None and value:
                found[place] = batches(value)
            elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
                for one in value:
                    visit(one, topic)
            elif name in _INDEXES and topic is not None and isinstance(value, tuple):
                places.extend((topic, index) for index in value)
            elif name in TOLD and value not in UNTOLD:
                values.setdefault(name, []).append(value)

    visit(payload, None)
    told = {name: many[0] if len(many) == 1 else many for name, many in values.items()}
    return told, places, found, tuple(errors)


def _fields(message: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(message)


def _topic(fields: Mapping[str, Any], names: Names) -> str | None:
    """The topic of a part of a message that has partitions in it."""
    if not any("partition" in name and isinstance(value, tuple) for name, value in fields.items()):
        return None
    number: Any = fields.get("topic_id")
    name = fields.get("topic") or fields.get("name") or names.get(number, number)
    return None if name is None else str(name)


# -- what is changed


def known(head: Header) -> bool:
    """Whether the codec knows the request at all; if it does, it has to be able to read it."""
    return not head.api.startswith("request ")


def redirected(message: Any, moved: Callable[[str, int], tuple[str, int]]) -> Any:
    """A message with other addresses of brokers in it; the same object if there are none."""
    changes: dict[str, Any] = {}
    for part in _fields(message):
        value = getattr(message, part.name)
        after = value
        if dataclasses.is_dataclass(value):
            after = redirected(value, moved)
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            after = tuple(redirected(one, moved) for one in value)
            after = after if any(a is not b for a, b in zip(after, value, strict=True)) else value
        if after is not value:
            changes[part.name] = after
    if getattr(message, "host", "") and message.port > 0:
        host, port = moved(message.host, message.port)
        changes |= {"host": host, "port": port}
    return dataclasses.replace(message, **changes) if changes else message


def older_please() -> Any:
    """The answer to an ApiVersions request of a version that is not known here: the versions that are."""
    ours = {"api_key": 18, "min_version": 0, "max_version": latest("ApiVersions")}
    return response("ApiVersions", 0, error_code="UNSUPPORTED_VERSION", api_keys=[ours])


def offered(head: Header, frame: bytes) -> Any:
    """An ApiVersions answer, without versions that the codec cannot read."""
    try:
        _, payload = decode_response(head.key, head.version, frame)
    except WireError:  # a broker that does not know the version answers in the oldest one
        _, payload = decode_response(head.key, 0, frame)
    kept = []
    for one in payload.api_keys:
        with contextlib.suppress(WireError):
            highest = min(one.max_version, latest(api_name(one.api_key)))
            if highest >= one.min_version:
                kept.append(dataclasses.replace(one, max_version=highest))
    return dataclasses.replace(payload, api_keys=tuple(kept))
