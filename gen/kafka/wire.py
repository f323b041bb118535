"""Kafka's wire protocol: requests and responses as data, record batches, one blocking connection.

The only module that knows the codec library (kio, generated from Kafka's own message definitions). A request is made
from the names and fields of those definitions, in snake case, with plain dicts and lists inside it and times in
milliseconds; a response is read by attribute. Every call names its version: which one a client speaks decides what
the broker does for it.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import io
import itertools
import socket
import struct
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kio.index import load_request_schema, load_response_schema
from kio.records.readers import read_batch
from kio.records.schema import NewRecordBatch, Record
from kio.records.writers import write_new_batch
from kio.schema.errors import ErrorCode
from kio.schema.index import api_key_map, schema_name_map
from kio.serial import entity_reader, entity_writer
from kio.serial.errors import DecodeError
from kio.static.constants import EntityType

CLIENT_ID = "eoscheck"
TIMEOUT = 30.0
NO_PRODUCER, NO_EPOCH, NO_SEQUENCE = -1, -1, -1
_TRANSACTIONAL, _CONTROL = 1 << 4, 1 << 5


class WireError(Exception):
    """The connection broke, or what came over it is not what the protocol says."""


# -- names


@functools.cache
def _keys() -> dict[str, int]:
    """Requests by name, as Kafka spells it ("EndTxn"), with their keys."""
    return {"".join(part.capitalize() for part in name.split("_")): key for key, name in api_key_map.items()}


def api_key(api: str) -> int:
    """The number of a request: api_key("Produce") == 0. Raises WireError for a name that Kafka does not have."""
    try:
        return _keys()[api]
    except KeyError:
        raise WireError(f"Kafka has no request {api}") from None


@functools.cache
def api_name(key: int) -> str:
    """The name of a request, api_name(0) == "Produce"; "request 999" for a key that the codec does not know."""
    return next((name for name, k in _keys().items() if k == key), f"request {key}")


def latest(api: str) -> int:
    """The highest version of a request that the codec can write and read."""
    versions = schema_name_map[api_key_map[api_key(api)]]
    return max(v for v, kinds in versions.items() if EntityType.request in kinds)


def error_name(error: Any) -> str:
    """An error code in Kafka's spelling, "NONE" for none."""
    return str(error.name).upper() if isinstance(error, ErrorCode) else str(error)


# -- messages


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _nested(hint: Any) -> type | None:
    """The dataclass inside a field's type, if there is one: X, X | None, tuple[X, ...]."""
    if dataclasses.is_dataclass(hint):
        return typing.cast(type, hint)
    return next((found for part in typing.get_args(hint) if (found := _nested(part))), None)


def _entity(kind: Any, fields: Mapping[str, Any]) -> Any:
    known = {f.name: f for f in dataclasses.fields(kind)}
    if unknown := set(fields) - set(known):
        raise WireError(f"{kind.__name__} has no field {sorted(unknown)[0]}, only {', '.join(known)}")
    return kind(**{name: _value(kind, known[name], value) for name, value in fields.items()})


def _value(kind: Any, field: dataclasses.Field[Any], value: Any) -> Any:
    nested = _nested(_hints(kind)[field.name])
    if isinstance(value, Mapping) and nested:
        return _entity(nested, value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(_entity(nested, v) if nested and isinstance(v, Mapping) else v for v in value)
    if str(field.metadata.get("kafka_type")).startswith("timedelta") and isinstance(value, int):
        return datetime.timedelta(milliseconds=value)
    if field.metadata.get("kafka_type") == "error_code" and not isinstance(value, ErrorCode):
        return ErrorCode[value.lower()] if isinstance(value, str) else ErrorCode(value)
    return value


def request(api: str, version: int, **fields: Any) -> Any:
    """A request: request("EndTxn", 3, transactional_id="t", producer_id=1, producer_epoch=0, committed=True).

    Raises WireError for a name, version or field that is not there.
    """
    return _entity(_schema(api_key(api), version, response=False), fields)


def response(api: str, version: int, **fields: Any) -> Any:
    """A response, for a proxy that answers in the place of a broker; fields as in `request`, errors by name or code."""
    return _entity(_schema(api_key(api), version, response=True), fields)


@functools.cache
def _schema(key: int, version: int, response: bool) -> Any:
    try:
        return load_response_schema(key, version) if response else load_request_schema(key, version)
    except Exception:
        raise WireError(f"{api_name(key)} has no version {version} here") from None


@functools.cache
def _reader(kind: Any) -> Any:
    # A transaction that has not begun has the start time -1, which the codec takes for an impossible date: a number.
    for field in dataclasses.fields(kind):
        for inner in dataclasses.fields(nested) if (nested := _nested(_hints(kind)[field.name])) else ():
            if inner.name == "transaction_start_time":
                inner.metadata = types.MappingProxyType({"kafka_type": "int64"})
    return entity_reader(kind)


@functools.cache
def _writer(kind: Any) -> Any:
    return entity_writer(kind)


def _read(kind: Any, data: bytes, offset: int) -> tuple[Any, int]:
    try:
        value, size = _reader(kind)(data, offset)
    except (DecodeError, ValueError, TypeError, IndexError, struct.error) as error:
        raise WireError(f"cannot read {kind.__name__}: {error}") from None
    return value, offset + size


@dataclass(frozen=True)
class Header:
    """What every request begins with. `api` is the name of the request."""

    key: int
    version: int
    correlation: int
    client: str | None

    @property
    def api(self) -> str:
        return api_name(self.key)


def header(frame: bytes) -> Header:
    """The header of a request frame (without its length); works for requests that the codec does not know."""
    key, version, correlation, length = struct.unpack_from(">hhih", frame)
    client = frame[10 : 10 + length].decode() if length >= 0 else None
    return Header(key, version, correlation, client)


def encode_request(payload: Any, correlation: int, client: str = CLIENT_ID) -> bytes:
    """The frame of a request, without its length."""
    kind: Any = type(payload)
    out = io.BytesIO()
    head = kind.__header_schema__(
        request_api_key=kind.__api_key__,
        request_api_version=kind.__version__,
        correlation_id=correlation,
        client_id=client,
    )
    _writer(kind.__header_schema__)(out, head)
    _writer(kind)(out, payload)
    return out.getvalue()


def decode_request(frame: bytes) -> tuple[Header, Any]:
    """A request frame (without its length) as header and payload. Raises WireError."""
    head = header(frame)
    kind = _schema(head.key, head.version, response=False)
    _, offset = _read(kind.__header_schema__, frame, 0)
    payload, offset = _read(kind, frame, offset)
    _nothing_left(frame, offset, head.api)
    return head, payload


def encode_response(payload: Any, correlation: int) -> bytes:
    """The frame of a response, without its length."""
    kind: Any = type(payload)
    out = io.BytesIO()
    head = kind.__header_schema__(correlation_id=correlation)
    _writer(kind.__header_schema__)(out, head)
    _writer(kind)(out, payload)
    return out.getvalue()


def decode_response(key: int, version: int, frame: bytes) -> tuple[int, Any]:
    """A response frame (without its length) to a request of this key and version: correlation id and payload."""
    kind = _schema(key, version, response=True)
    head, offset = _read(kind.__header_schema__, frame, 0)
    payload, offset = _read(kind, frame, offset)
    _nothing_left(frame, offset, api_name(key))
    return head.correlation_id, payload


def _nothing_left(frame: bytes, offset: int, what: str) -> None:
    if offset != len(frame):
        raise WireError(f"{len(frame) - offset} bytes too many in {what}")


# -- record batches


@dataclass(frozen=True)
class Batch:
    """A record batch of a log. `control` is "COMMIT" or "ABORT" for a marker and None for data."""

    offset: int
    last_offset: int
    producer_id: int
    epoch: int
    sequence: int
    transactional: bool
    control: str | None
    records: tuple[tuple[bytes | None, bytes | None], ...]


def batch(
    value: bytes,
    *,
    key: bytes | None = None,
    producer_id: int = NO_PRODUCER,
    epoch: int = NO_EPOCH,
    sequence: int = NO_SEQUENCE,
    transactional: bool = False,
) -> bytes:
    """The bytes of a batch with one record, made now (an old timestamp would have the log rolled and cleaned)."""
    now: Any = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    record: Any = Record(attributes=0, timestamp=now, offset=0, key=key, value=value, headers=())  # type: ignore[arg-type]
    new: Any = NewRecordBatch(
        producer_id=producer_id,  # type: ignore[arg-type]
        producer_epoch=epoch,  # type: ignore[arg-type]
        base_sequence=sequence,  # type: ignore[arg-type]
        attributes=_TRANSACTIONAL if transactional else 0,  # type: ignore[arg-type]
        records=(record,),
    )
    out = io.BytesIO()
    write_new_batch(out, new)
    return out.getvalue()


def batches(data: Any) -> list[Batch]:
    """The batches in the records of a Fetch response; a last batch that was cut off is left out."""
    found, offset = [], 0
    data = bytes(data or b"")
    while offset + 12 <= len(data):
        (length,) = struct.unpack_from(">i", data, offset + 8)
        if offset + 12 + length > len(data):
            break
        raw, size = read_batch(data, offset)
        offset += size
        records = tuple((r.key, r.value) for r in raw.records)
        found.append(
            Batch(
                offset=raw.base_offset,
                last_offset=raw.base_offset + raw.last_offset_delta,
                producer_id=raw.producer_id,
                epoch=raw.producer_epoch,
                sequence=raw.base_sequence,
                transactional=bool(raw.attributes & _TRANSACTIONAL),
                control=_control(records) if raw.attributes & _CONTROL else None,
                records=records,
            )
        )
    return found


def _control(records: Sequence[tuple[bytes | None, bytes | None]]) -> str:
    """The type of a control record: the second number of its key (`ControlRecordType`)."""
    _, kind = struct.unpack_from(">hh", records[0][0] or b"\0\0\xff\xff")
    return {0: "ABORT", 1: "COMMIT"}.get(kind, f"control {kind}")


# -- connections


class Connection:
    """One TCP connection to a broker: requests out, answers in, in order.

    Errors of the connection are WireError; a timeout is one, too (after TIMEOUT seconds).
    """

    def __init__(self, host: str, port: int, client: str = CLIENT_ID, timeout: float = TIMEOUT) -> None:
        self.client = client
        self._numbers = itertools.count(1)
        self._waiting: list[tuple[int, int, int]] = []
        try:
            self._socket = socket.create_connection((host, port), timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise WireError(f"no connection to {host}:{port}: {error}") from None

    def call(self, payload: Any) -> Any:
        """Send a request and wait for the answer to it."""
        self.send(payload)
        return self.receive()

    def send(self, payload: Any) -> None:
        """Send a request; `receive` gives the answer."""
        correlation = next(self._numbers)
        kind = type(payload)
        self.send_frame(encode_request(payload, correlation, self.client))
        self._waiting.append((correlation, kind.__api_key__, kind.__version__))

    def send_only(self, payload: Any) -> None:
        """Send a request that no answer comes to (Produce with acks=0)."""
        self.send_frame(encode_request(payload, next(self._numbers), self.client))

    def send_frame(self, frame: bytes) -> None:
        """Send the bytes of a request as they are."""
        try:
            self._socket.sendall(struct.pack(">i", len(frame)) + frame)
        except OSError as error:
            raise WireError(f"the connection broke: {error}") from None

    def receive(self) -> Any:
        """The answer to the oldest request that waits for one."""
        correlation, key, version = self._waiting.pop(0)
        answered, payload = decode_response(key, version, self._frame())
        if answered != correlation:
            raise WireError(f"an answer to request {answered}, not to {correlation}")
        return payload

    def answered(self) -> bool:
        """Whether bytes of an answer are there already."""
        try:
            self._socket.setblocking(False)
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False
        except OSError as error:
            raise WireError(f"the connection broke: {error}") from None
        finally:
            self._socket.settimeout(TIMEOUT)

    def _frame(self) -> bytes:
        (length,) = struct.unpack(">i", self._exactly(4))
        return self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                part = self._socket.recv(count - len(data))
            except OSError as error:
                raise WireError(f"no answer: {error}") from None
            if not part:
                raise WireError("the broker closed the connection")
            data += part
        return bytes(data)

    def close(self) -> None:
        """Close the socket, whatever is still on its way."""
        self._socket.close()
