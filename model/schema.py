"""The shape of a spec file: which keys there are and what kind of value each takes.

Only shape is decided here (pydantic, strict, unknown keys forbidden); what the values mean together is
the business of `topology`, what the settings of a client do that of `settings`. Importing this module
imports pydantic, which is slow: `loader` does it when a file is loaded and not before.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from eoscheck.model.source import Node, Place, SpecError, did_you_mean, dotted, show
from eoscheck.model.spec import Offsets
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

# Kafka's rule for topic names; the others follow it, since they appear side by side in reports.
Name = Annotated[str, StringConstraints(pattern=r"\A[a-zA-Z0-9._-]{1,249}\z")]


def _empty(value: Any) -> Any:
    """`orders:` with nothing after it is an orders with defaults."""
    return {} if value is None else value


def _listed(value: Any) -> Any:
    return [] if value is None else [value] if isinstance(value, str) else value


def _budget(value: Any) -> Any:
    """`crash: 1` is short for `crash: {budget: 1}`."""
    return {"budget": value} if isinstance(value, int | float) else value


def _kafka(value: Any) -> Any:
    return {"version": value} if isinstance(value, str | int | float) else _empty(value)


Names = Annotated[list[Name], BeforeValidator(_listed)]


class Shape(BaseModel):
    """Keys are Kafka's dotted spelling of the field names."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=lambda name: name.replace("_", ".")
    )


class KafkaShape(Shape):
    version: Any = None
    transaction_version: Annotated[int, Field(ge=0, le=2)] | None = None
    epoch_bump_on_timeout: bool | None = None
    client_epoch_bump: bool | None = None
    strict_end_txn_epoch: bool | None = None
    group_metadata: bool | None = None
    transaction_partition_verification_enable: bool | None = None
    verify_txn_offsets: bool | None = None
    strict_marker_epoch: bool | None = None
    concurrent_first: bool | None = None
    memberless_offsets: bool | None = None


class TopicShape(Shape):
    partitions: Annotated[int, Field(ge=1, le=64)] = 1
    records: Annotated[int, Field(ge=0, le=100)] = 0
    min_insync_replicas: Annotated[int, Field(ge=1, le=10)] = 1
    unclean_leader_election_enable: bool = False


class ProducerShape(Shape):
    to: Name
    records: Annotated[int, Field(ge=1, le=100)] = 1
    config: Any = None
    position: Literal["none", "external", "in-transaction"] = "none"
    on_error: Literal["skip", "resend", "abort"] = "skip"
    on_restart: Literal["resend", "assume-sent"] = "resend"


class LoopShape(Shape):
    source: Name = Field(alias="from")
    consumer: Any = None
    instances: Annotated[int, Field(ge=1, le=16)] = 1
    offsets: Offsets | None = None
    threads: Literal["poll-loop", "worker"] = "poll-loop"
    store: Name | None = None
    lookup: Name | None = None
    record_lookup: bool = False
    on_fatal: Literal["restart", "stop"] = "restart"


class ConsumerShape(LoopShape):
    config: Any = None


class ProcessorShape(LoopShape):
    to: Annotated[list[Name], BeforeValidator(_listed)] = []
    producer: Any = None
    after_abort: Literal["seek", "continue"] = "seek"
    group_metadata: Literal["poll", "commit", "none"] = "poll"
    processing_ms: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    fan_out: bool = False


class ReaderShape(Shape):
    topics: Annotated[Names, Field(min_length=1)]
    config: Any = None
    isolation_level: Any = None
    members: Annotated[int, Field(ge=1, le=16)] = 1


class StoreShape(Shape):
    write: Literal["insert", "upsert", "dedupe", "offsets", "outbox", "two-phase"]
    key: Literal["id", "offset"] = "id"
    atomic: bool = True
    compare_and_set: bool = True
    relay: Literal["mark", "serial"] = "mark"
    relay_to: Name | None = None


class LookupShape(Shape):
    versions: Annotated[int, Field(ge=2, le=16)] = 2


class FaultShape(Shape):
    budget: Annotated[int, Field(ge=1, le=100)] = 1
    where: Annotated[Names, Field(min_length=1)] = []


class BoundsShape(Shape):
    states: Annotated[int, Field(ge=1, le=10**15)] | None = None
    depth: Annotated[int, Field(ge=1, le=10**9)] | None = None
    seconds: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] | None = None
    memory_mb: Annotated[int, Field(ge=1, le=10**9)] | None = None
    log: Annotated[int, Field(ge=1, le=10_000)] | None = None
    epoch: Annotated[int, Field(ge=1, le=32_766)] | None = None
    generation: Annotated[int, Field(ge=1, le=32_766)] | None = None
    faults: Annotated[int, Field(ge=0, le=1000)] | None = None


def _defaulted(value: Any) -> Any:
    """A section whose entries may be left empty."""
    return {k: _empty(v) for k, v in value.items()} if isinstance(value, dict) else _empty(value)


def _budgets(value: Any) -> Any:
    return {k: _budget(v) for k, v in value.items()} if isinstance(value, dict) else _empty(value)


class FileShape(Shape):
    title: str | None = None
    kafka: Annotated[KafkaShape, BeforeValidator(_kafka)] = KafkaShape()
    topics: Annotated[dict[Name, TopicShape], BeforeValidator(_defaulted)] = {}
    producers: Annotated[dict[Name, ProducerShape], BeforeValidator(_empty)] = {}
    processors: Annotated[dict[Name, ProcessorShape], BeforeValidator(_empty)] = {}
    consumers: Annotated[dict[Name, ConsumerShape], BeforeValidator(_empty)] = {}
    readers: Annotated[dict[Name, ReaderShape], BeforeValidator(_empty)] = {}
    stores: Annotated[dict[Name, StoreShape], BeforeValidator(_empty)] = {}
    lookups: Annotated[dict[Name, LookupShape], BeforeValidator(_defaulted)] = {}
    faults: Annotated[dict[str, FaultShape], BeforeValidator(_budgets)] = {}
    bounds: Annotated[BoundsShape, BeforeValidator(_empty)] = BoundsShape()
    properties: Annotated[list[str], BeforeValidator(_listed)] = []
    expect: Annotated[dict[str, Literal["holds", "violated"]], BeforeValidator(_empty)] = {}


_SHAPES: dict[str, type[Shape]] = {
    "kafka": KafkaShape,
    "bounds": BoundsShape,
    "topics": TopicShape,
    "producers": ProducerShape,
    "processors": ProcessorShape,
    "consumers": ConsumerShape,
    "readers": ReaderShape,
    "stores": StoreShape,
    "lookups": LookupShape,
    "faults": FaultShape,
}


def keys_of(section: str = "") -> list[str]:
    """The keys of an entry of a section (of `kafka` and `bounds`: of the section itself), or all sections."""
    model = _SHAPES[section] if section else FileShape
    return [field.alias or name for name, field in model.model_fields.items()]


def read_shape(root: Node, path: str | Path) -> FileShape:
    """The file in its shape, or a SpecError for the first line that does not fit."""
    try:
        return FileShape.model_validate(root.value)
    except ValidationError as error:
        found = [(root.line_of(_place(e)), _explain(e)) for e in error.errors(include_url=False)]
        raise SpecError(path, *min(found, key=lambda item: item[0])) from None


def _place(error: ErrorDetails) -> Place:
    return tuple(key for key in error["loc"] if key != "[key]")


def _explain(error: ErrorDetails) -> str:
    """One sentence: where, what is wrong, and the nearest valid word."""
    place = _place(error)
    if error["type"] == "extra_forbidden":
        return _unknown_key(place)
    if error["type"] == "missing":
        return f"{dotted(place[:-1])}: '{place[-1]}' is missing"
    return f"{dotted(place)}: {_expected(error)}"


def _unknown_key(place: Place) -> str:
    section, key = place[0], str(place[-1])
    known = keys_of("" if len(place) == 1 else str(section))
    if section == "consumers" and key in ("to", "producer"):
        return f"{dotted(place[:-1])}: '{key}' has no place in a consumer; processors write topics"
    inside = f"{dotted(place[:-1])}: " if len(place) > 1 else ""
    return f"{inside}unknown key {show(key)}{did_you_mean(key, known)}"


_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a name or text (put it in quotes)",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "list_type": "a list",
}


def _expected(error: ErrorDetails) -> str:
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "model_type" and error["loc"][0] == "faults":
        return f"expected a budget (a number) or a mapping, not {show(value)}"
    if kind == "too_short":
        hint = "; left out, it means everywhere" if error["loc"][-1] == "where" else ""
        return f"expected at least one name, not an empty list{hint}"
    if kind in _KINDS:
        return f"expected {_KINDS[kind]}, not {show(value)}"
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", str(context["expected"]))
        return (
            f"{show(value)} is not one of {', '.join(words)}{did_you_mean(str(value), words, listed=False)}"
        )
    if kind == "string_pattern_mismatch":
        return f"{show(value)} is not a name: letters, digits, '.', '_' and '-' only, at most 249"
    limits = {"greater_than_equal": "at least", "less_than_equal": "at most", "greater_than": "more than"}
    if kind in limits:
        return f"must be {limits[kind]} {next(iter(context.values())):.17g}, not {show(value)}"
    return error["msg"]
