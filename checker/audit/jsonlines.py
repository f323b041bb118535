"""Histories as JSON lines: a line that names the format, then one event per line.

{"format": "eoscheck-history/1"}
{"event": "send", "partition": "payments-0", "value": 1, "transaction": "t1", "acknowledged": true, "offset": 0}
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Callable, Iterable
from typing import Any

from eoscheck.checker.audit.history import FORMAT, KINDS, BadHistory, End, Event, History

MARKERS = ("commit", "abort", "none")
ISOLATIONS = ("read_committed", "read_uncommitted")


def _is_number(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and given >= 0


def _is_names(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(one, str) for one in given)


def _is_value(given: Any) -> bool:
    return isinstance(given, str) or (isinstance(given, int) and not isinstance(given, bool))


_TEXT = (lambda given: isinstance(given, str) and given != ""), "a text"

_SHAPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "value": (_is_value, "a whole number or a text"),
    "due": (_is_names, "a list of readers and stores"),
    "acknowledged": (lambda given: given is None or isinstance(given, bool), "true, false or null"),
    "offset": (_is_number, "a whole number from 0"),
    "below": (_is_number, "a whole number from 0"),
    "poll": (_is_number, "a whole number from 0"),
    "marker": (lambda given: given in MARKERS, f"one of {', '.join(MARKERS)}"),
    "isolation": (lambda given: given in ISOLATIONS, f"one of {', '.join(ISOLATIONS)}"),
    "places": (
        lambda given: isinstance(given, dict) and all(_is_names(parts) for parts in given.values()),
        "lists of partitions by name",
    ),
}


def read_json_lines(path: str, text: str) -> History:
    """The history in a text. Raises BadHistory, naming the line."""
    events: list[Event] = []
    known = False
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            data = _object(line)
            if known:
                events.append(_event(number, data))
            elif data.get("format") != FORMAT:
                raise ValueError(f'this is no history: its first line must be {{"format": "{FORMAT}"}}')
            known = True
        except ValueError as error:
            raise BadHistory(f"{path}:{number}: {error}") from None
    if not known:
        raise BadHistory(f'{path}:1: it is empty: its first line must be {{"format": "{FORMAT}"}}')
    return History(path, tuple(events), "line")


def _object(line: str) -> dict[str, Any]:
    try:
        data = json.loads(line, object_pairs_hook=_each_once)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg} at column {error.colno}") from None
    if not isinstance(data, dict):
        raise ValueError("not an object: every line is one event")
    return data


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs. Raises ValueError: of a key that stands there twice, JSON would keep the last."""
    found: dict[str, Any] = {}
    for key, given in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands there twice")
        found[key] = given
    return found


def _event(number: int, data: dict[str, Any]) -> Event:
    kind = data.pop("event", None)
    if kind is None:
        raise ValueError("the event is not named: an object needs the key 'event'")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"unknown event {kind!r}{_near(str(kind), KINDS)}")
    fields = {f.name: f for f in dataclasses.fields(KINDS[kind]) if f.name != "event"}
    for key, given in data.items():
        if key not in fields:
            raise ValueError(f"unknown key {key!r} of {kind}{_near(key, fields)}")
        fits, shape = _SHAPES.get(key, _TEXT)
        if not fits(given) and not (given is None and fields[key].default is None):
            raise ValueError(f"{key} of {kind} is {shape}, not {json.dumps(given)[:40]}")
        if isinstance(given, list):
            data[key] = tuple(given)
        elif isinstance(given, dict):
            data[key] = {name: tuple(parts) for name, parts in given.items()}
    unset = (dataclasses.MISSING, dataclasses.MISSING)
    for name, one in fields.items():
        if name not in data and (one.default, one.default_factory) == unset:
            raise ValueError(f"{kind} needs the key {name!r}")
    event = KINDS[kind](event=number, **data)
    if isinstance(event, End) and (event.store is None) == (event.reader is None or event.partition is None):
        raise ValueError("end needs either 'reader' and 'partition', or 'store'")
    return event


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"


def as_json_lines(history: History) -> str:
    """The text of a history. What is not set is left out; events are numbered anew when it is read."""
    names = {kind: name for name, kind in KINDS.items()}
    lines = [{"format": FORMAT}]
    for event in history.events:
        lines.append({"event": names[type(event)], **_given(event)})
    return "".join(json.dumps(line) + "\n" for line in lines)


def _given(event: Event) -> dict[str, Any]:
    found = {}
    for one in dataclasses.fields(event):
        given = getattr(event, one.name)
        if one.name != "event" and given != one.default and given not in ({}, None):
            found[one.name] = given
    return found
