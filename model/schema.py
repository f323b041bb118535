"""The shape of a spec file: which keys there are and what kind of value each takes.

Only shape is decided here (pydantic, strict, unknown keys forbidden); what the values mean together is the business of
`topology`, what the settings of a client do that of `settings`. Importing this module imports pydantic, which is slow:
`loader` does it when a file is loaded and not before.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from eoscheck.model.source import Node, Place, did_you_mean, show
from eoscheck.model.spec import FAULTS, Offsets

# Kafka's rule for topic names; the others follow it, since they appear side by side in reports.
Name = Annotated[str, StringConstraints(pattern=r"\A[a-zA-Z0-9._-]{1,249}\Z")]


def _empty(value: Any) -> Any:
    """`orders:` with nothing after it is an orders with defaults."""
    return {} if value is None else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _budget(value: Any) -> Any:
    return {"budget": value} if isinstance(value, int) else value


def _kafka(value: Any) -> Any:
    return {"version": value} if isinstance(value, str | int | float) else value


Names = Annotated[list[Name], BeforeValidator(_listed)]


class Shape(BaseModel):
    """Keys are Kafka's dotted spelling of the field names."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=lambda name: name.replace("_", ".")
    )


class KafkaShape(Shape):
    version: str | int | float | None = None
    transaction_version: Annotated[int, Field(ge=0, le=2)] | None = None
    epoch_bump_on_timeout: bool | None = None
    client_epoch_bump: bool | None = None
    strict_end_txn_epoch: bool | None = None
    group_metadata: bool | None = None
    transaction_partition_verification_enable: bool | None = None
    verify_txn_offsets: bool | None = None
    strict_marker_epoch: bool | None = None


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


class ConsumerShape(Shape):
    source: Name = Field(alias="from")
    config: Any = None
    consumer: Any = None
    instances: Annotated[int, Field(ge=1, le=16)] = 1
    offsets: Offsets | None = None
    threads: Literal["poll-loop", "worker"] = "poll-loop"
    store: Name | None = None
    lookup: Name | None = None
    record_lookup: bool = False
    on_fatal: Literal["restart", "stop"] = "restart"


class ProcessorShape(ConsumerShape):
    config: None = Field(default=None, exclude=True)
    to: Annotated[Names, BeforeValidator(lambda value: [] if value is None else value)] = []
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
    where: Names = []


class BoundsShape(Shape):
    states: Annotated[int, Field(ge=1, le=10**15)] | None = None
    depth: Annotated[int, Field(ge=1, le=10**9)] | None = None
    seconds: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] | None = None
    memory_mb: Annotated[int, Field(ge=1, le=10**9)] | None = None
    log: Annotated[int, Field(ge=1, le=10_000)] | None = None
    epoch: Annotated[int, Field(ge=1, le=32_766)] | None = None
    generation: Annotated[int, Field(ge=1, le=32_766)] | None = None


type_of_section: dict[str, type[Shape]] = {
    "topics": TopicShape,
    "producers": ProducerShape,
    "processors": ProcessorShape,
    "consumers": ConsumerShape,
    "readers": ReaderShape,
    "stores": StoreShape,
    "lookups": LookupShape,
    "faults": FaultShape,
}


def _defaulted(value: Any) -> Any:
    return {k: _empty(v) for k, v in value.items()} if isinstance(value, dict) else _empty(value)


def _budgets(value: Any) -> Any:
    return {k: _budget(v) for k, v in value.items()} if isinstance(value, dict) else _empty(value)


class FileShape(Shape):
    title: str | None = None
    kafka: Annotated[KafkaShape, BeforeValidator(_kafka), BeforeValidator(_empty)] = KafkaShape()
    topics: Annotated[dict[Name, TopicShape], BeforeValidator(_defaulted)] = {}
    producers: Annotated[dict[Name, ProducerShape], BeforeValidator(_empty)] = {}
    processors: Annotated[dict[Name, ProcessorShape], BeforeValidator(_empty)] = {}
    consumers: Annotated[dict[Name, ConsumerShape], BeforeValidator(_empty)] = {}
    readers: Annotated[dict[Name, ReaderShape], BeforeValidator(_empty)] = {}
    stores: Annotated[dict[Name, StoreShape], BeforeValidator(_empty)] = {}
    lookups: Annotated[dict[Name, LookupShape], BeforeValidator(_defaulted)] = {}
    faults: Annotated[dict[str, FaultShape], BeforeValidator(_budgets)] = {}
    bounds: Annotated[BoundsShape, BeforeValidator(_empty)] = BoundsShape()
    properties: Annotated[list[str], BeforeValidator(lambda v: [] if v is None else _listed(v))] = []
    expect: Annotated[dict[str, Literal["holds", "violated"]], BeforeValidator(_empty)] = {}
