"""Client settings out of the files that teams have: Java properties, librdkafka JSON, Spring Boot
application.yml.

A file becomes `Settings` under Kafka's own keys, with the line of each. Spring's names are bound as
loosely as Spring binds them (camelCase, kebab-case, any case); librdkafka's aliases are translated.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from eoscheck.model.clientkeys import (
    CONSUMER_IRRELEVANT,
    CONSUMER_KEYS,
    PRODUCER_IRRELEVANT,
    PRODUCER_KEYS,
)
from eoscheck.model.settings import Dialect, Settings
from eoscheck.model.source import Node, SpecError, decode, nearest, parse_yaml, read_bytes, show

Role = Literal["producer", "consumer"]
Entries = dict[str, tuple[str | None, int]]
"""Key to its text and line."""


@dataclass(frozen=True)
class ConfigFile:
    """Settings of one client, and where each of them stands."""

    path: Path
    settings: Settings
    lines: dict[str, int]


def read_config(path: Path, role: Role) -> ConfigFile:
    """The settings of a producer or a consumer in a file of a kind that its name tells."""
    kinds = {".properties": _properties, ".json": _librdkafka, ".yml": _spring_yaml, ".yaml": _spring_yaml}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        known = "a Java .properties, a librdkafka .json or a Spring .yml"
        raise SpecError(path, 1, f"cannot tell what kind of file this is: expected {known}")
    return kind(path, role)


# --- Java properties

_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ENTRY = re.compile(r"((?:\\.|[^\\=:\s])*)\s*[=:]?\s*(.*)", re.DOTALL)


def _properties(path: Path, role: Role) -> ConfigFile:
    data = read_bytes(path)
    try:
        text = decode(data, path)
    except SpecError:
        text = data.decode("latin-1")  # what java.util.Properties reads from a stream
    entries = parse_properties(text)
    if any(key.startswith("spring.kafka.") for key in entries):
        return _spring(path, role, entries)
    return _config(path, "java", entries)


def parse_properties(text: str) -> Entries:
    """java.util.Properties: parse_properties("acks = 1 # no comment") == {"acks": ("1 # no comment", 1)}."""
    entries: Entries = {}
    lines = re.split(r"\r\n|\r|\n", text)
    number = 0
    while number < len(lines):
        first, line = number + 1, lines[number].lstrip(" \t\f")
        number += 1
        if not line or line[0] in "#!":
            continue
        while _continues(line):
            line = line[:-1] + (lines[number].lstrip(" \t\f") if number < len(lines) else "")
            number += 1
        match = _ENTRY.match(line)
        if match:
            entries[_unescape(match[1])] = (_unescape(match[2]), first)
    return entries


def _continues(line: str) -> bool:
    """Ends in an odd number of backslashes."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _unescape(text: str) -> str:
    letters = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
    return _ESCAPE.sub(lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 5 else letters.get(m[1], m[1]), text)


# --- librdkafka

_ALIASES = {
    "max.in.flight": "max.in.flight.requests.per.connection",
    "message.send.max.retries": "retries",
    "request.required.acks": "acks",
}
_OFFSET_RESET = {
    "smallest": "earliest",
    "beginning": "earliest",
    "largest": "latest",
    "end": "latest",
    "error": "none",
}


def _librdkafka(path: Path, role: Role) -> ConfigFile:
    text = decode(read_bytes(path), path)
    loaded = _json(path, text)
    entries: Entries = {}
    for key, value in loaded.items():
        if key in ("default.topic.config", "default_topic_conf", "topic.config") and isinstance(value, dict):
            entries |= {k: (_json_text(v), _json_line(text, k)) for k, v in value.items()}
        else:
            entries[key] = (_json_text(value), _json_line(text, key))
    renamed: Entries = {}
    for key, (value, line) in entries.items():
        name = _ALIASES.get(key, key)
        if name in renamed and renamed[name][0] != value:
            raise SpecError(path, line, f"{name} is given twice, with different values")
        renamed[name] = (
            _OFFSET_RESET.get(value or "", value) if name == "auto.offset.reset" else value,
            line,
        )
    return _config(path, "librdkafka", renamed)


def _json(path: Path, text: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise SpecError(path, _json_line(text, key, last=True), f"key {show(key)} is given twice")
            found[key] = value
        return found

    def constant(word: str) -> NoReturn:
        raise ValueError(f"{word} is no number")

    try:
        loaded = json.loads(text, object_pairs_hook=unique, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise SpecError(path, error.lineno, f"not JSON: {error.msg}") from None
    except RecursionError:
        raise SpecError(path, 1, "not a configuration: nested too deeply") from None
    except ValueError as error:
        raise SpecError(path, 1, f"not JSON: {error}") from None
    if not isinstance(loaded, dict):
        raise SpecError(path, 1, f"expected an object of settings, not {show(loaded)}")
    return loaded


def _json_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _json_line(text: str, key: str, last: bool = False) -> int:
    """The line a key stands in; json keeps no positions, so the text is searched."""
    word = json.dumps(key, ensure_ascii=False)
    place = text.rfind(word) if last else text.find(word)
    return text.count("\n", 0, max(place, 0)) + 1


# --- Spring Boot


def _spring_yaml(path: Path, role: Role) -> ConfigFile:
    documents = parse_yaml(decode(read_bytes(path), path), path)
    entries: Entries = {}
    notes = []
    for document in documents:
        flat = dict(_flatten(document, ""))
        profiles = [key for key in flat if _bind(key) in _PROFILE_KEYS]
        if profiles:
            notes.append(f"the part for profile {flat[profiles[0]][0]} of {path.name} is ignored")
        else:
            entries |= flat
    if not any(_bind(key).startswith("spring.kafka.") for key in entries):
        raise SpecError(path, 1, "no spring.kafka settings in it")
    config = _spring(path, role, entries)
    config.settings.notes.extend(notes)
    return config


_PROFILE_KEYS = ("spring.config.activate.onprofile", "spring.profiles")


def _flatten(node: Node, prefix: str) -> list[tuple[str, tuple[str | None, int]]]:
    """Nested keys joined by dots, lists by commas. The depth was bounded by the parser."""
    if node.text is not None:
        return [(prefix, (None if node.value is None else node.text, node.line))]
    if isinstance(node.value, list):
        return [(prefix, (",".join(child.text or "" for child in node.children.values()), node.line))]
    found = []
    for key, child in node.children.items():
        word = re.sub(r"^\[(.*)\]$", r"\1", str(key))
        found += _flatten(child, f"{prefix}.{word}" if prefix else word)
    return found


def _bind(key: str) -> str:
    """Spring's relaxed form: _bind("transactionIdPrefix") == _bind("transaction-id-prefix")."""
    return re.sub(r"[-_]", "", key).lower()


def _spring(path: Path, role: Role, entries: Entries) -> ConfigFile:
    """Kafka's settings of one client, in Spring's order: common properties, own keys, own properties."""
    common: Entries = {}
    own: Entries = {}
    extra: Entries = {}
    for key, entry in entries.items():
        parts = re.sub(r"\[([^\]]*)\]", r".\1", key).split(".", 3)
        if len(parts) < 4 or [_bind(part) for part in parts[:2]] != ["spring", "kafka"]:
            continue
        group, rest = _bind(parts[2]), parts[3]
        if group == "properties":
            common[rest] = entry
        elif group == role and _bind(rest).startswith("properties."):
            extra[rest.split(".", 1)[1]] = entry
        elif group == role:
            own |= _spring_own(path, role, rest, *entry)
    return _config(path, "spring", common | own | extra)


_TRUTH = {"on": "true", "yes": "true", "off": "false", "no": "false"}


def _spring_own(path: Path, role: Role, key: str, value: str | None, line: int) -> Entries:
    """One of Spring's own keys under Kafka's name: `autoOffsetReset` is auto.offset.reset."""
    known = PRODUCER_KEYS | PRODUCER_IRRELEVANT if role == "producer" else CONSUMER_KEYS | CONSUMER_IRRELEVANT
    bound = {word.replace(".", ""): word for word in known}
    plain = re.sub(r"[\W_]", "", key).lower()
    if role == "producer" and plain == "transactionidprefix":
        # DefaultKafkaProducerFactory appends a number that starts at 0 in every instance.
        return {"transactional.id": (f"{value}0" if value else value, line)}
    if role == "producer" and nearest(plain, ["transactionidprefix"], 0.85):
        raise SpecError(
            path, line, f"unknown producer setting {show(key)}; did you mean 'transaction-id-prefix'?"
        )
    name = bound.get(plain, key.replace("-", "."))
    if name == "isolation.level" and value:
        value = value.lower().replace("-", "_")
    if name.startswith("enable.") and value:
        value = _TRUTH.get(value.lower(), value)
    return {name: (value, line)}


# --- all


def _config(path: Path, dialect: Dialect, entries: Entries) -> ConfigFile:
    notes: list[str] = []
    values = {key: _resolved(path, key, value, line, notes) for key, (value, line) in entries.items()}
    settings = Settings(values, dialect, strict=False, notes=notes)
    return ConfigFile(path, settings, {key: line for key, (_, line) in entries.items()})


def _resolved(path: Path, key: str, value: str | None, line: int, notes: list[str]) -> str | None:
    """A value, or the default of `${NAME:default}`: the environment it runs in is not known here."""
    match = re.fullmatch(r"\s*\$\{([^{}:]+)(?::([^{}]*))?\}\s*", value or "")
    if match is None or key == "transactional.id" or key not in PRODUCER_KEYS | CONSUMER_KEYS:
        return value
    if match[2] is None:
        raise SpecError(
            path, line, f"{key} is {show(value)}, which is not known here: give it a default or a value"
        )
    notes.append(f"{key}={match[2]} is the default of {match[0].strip()}")
    return match[2]
