"""Trace files, read again: whatever is in a file, either a whole trace comes out of it or one line that says what is
wrong."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from eoscheck.checker.counterexample import FORMAT, Step, Subject, Trace
from eoscheck.checker.why import Link, Still, Why
from eoscheck.model.spec import Spec
from pydantic import TypeAdapter, ValidationError


class StaleTrace(Exception):
    """The model does not do what a trace says: it was found by another version of eoscheck."""


def spec_of(data: dict[str, Any]) -> Spec:
    """The spec that a trace carries. Raises StaleTrace where it is not one."""
    try:
        return TypeAdapter(Spec).validate_python(data)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise StaleTrace(
            f"its spec is not one of this version of eoscheck ({where}): explore again"
        ) from None


def rebuilt(trace: Trace) -> Subject:
    """The pipeline that a trace was found in, with the property that it shows, if that is not the user's own.

    Raises StaleTrace.
    """
    from eoscheck.model.pipeline import build
    from eoscheck.model.refused import Refused

    spec = spec_of(trace.spec)
    try:
        return build(spec, wanted=[trace.property])
    except Refused as refusal:
        raise StaleTrace(f"its spec is refused ({refusal}): explore again") from None
    except (LookupError, ValueError) as error:  # what the loader would have refused
        raise StaleTrace(f"its spec does not fit together ({error}): explore again") from None


class BadTrace(Exception):
    """A file that is no trace. Its text is one line: `FILE:LINE: message`."""


LARGEST_FILE = 100_000_000


def read(path: str | Path) -> Trace:
    """The trace in a file. Raises BadTrace."""
    data = _parse(Path(path))
    found = data.pop("format", None) if isinstance(data, dict) else None
    if found != FORMAT:
        hint = (
            "it is a result, not a trace"
            if str(found).startswith("eoscheck-result")
            else f'no "format": "{FORMAT}"'
        )
        raise BadTrace(f"{path}:1: {hint}")
    steps = data.get("steps")
    if not isinstance(steps, list):
        raise BadTrace(f"{path}:1: steps must be a list")
    data["steps"] = [_record(Step, s, f"{path}:1: step {i}") for i, s in enumerate(steps, 1)]
    for i, step in enumerate(data["steps"], 1):
        if step.number != i:
            raise BadTrace(f"{path}:1: step {i}: its number is {step.number}")
    data["why"] = _reasons(data.get("why"), len(steps), f"{path}:1: why")
    data.setdefault("again", "")
    trace: Trace = _record(Trace, data, f"{path}:1: trace")
    for i, seen in enumerate([trace.initial.get("observation"), *(s.observation for s in trace.steps)]):
        if not _is_observation(seen):
            raise BadTrace(f"{path}:1: step {i}: observation must give objects, by section and place")
    return trace


def _reasons(data: Any, steps: int, where: str) -> Why | None:
    """What a trace says of its reasons; a file of an older version says nothing."""
    if data is None:
        return None
    if isinstance(data, dict):
        for name, kind in (("links", Link), ("still", Still)):
            if isinstance(data.get(name), list):
                data[name] = [_record(kind, each, f"{where}: {name}") for each in data[name]]
    found: Why = _record(Why, data, where)
    named = {*found.contradiction, *found.chain, *found.needed, *(s.step for s in found.still)}
    named.update(*((link.step, link.earlier) for link in found.links))
    if not named <= set(range(1, steps + 1)):
        raise BadTrace(f"{where}: speaks of a step that the trace does not have")
    return found


def _is_observation(seen: Any) -> bool:
    """Whether it is two levels of objects around what is seen; nothing at all is one, too."""
    if seen is None:
        return True
    sections = seen.values() if isinstance(seen, dict) else [None]
    return all(isinstance(s, dict) and all(isinstance(p, dict) for p in s.values()) for s in sections)


def _parse(path: Path) -> Any:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadTrace(f"{path}:1: larger than {LARGEST_FILE:,} bytes")
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise BadTrace(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise BadTrace(f"{path}:1: not UTF-8: byte 0x{error.object[error.start]:02x}") from None
    except RecursionError:
        raise BadTrace(f"{path}:1: nested too deeply") from None
    except (OSError, ValueError) as error:
        raise BadTrace(f"{path}:1: {getattr(error, 'strerror', None) or error}") from None


_TYPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "dict[str, Any]": ("an object", (dict,)),
    "dict[str, list[Any]]": ("an object", (dict,)),
    "dict[str, int] | None": ("an object or null", (dict, type(None))),
    "str": ("text", (str,)),
    "str | None": ("text or null", (str, type(None))),
    "int": ("a number", (int,)),
    "bool": ("true or false", (bool,)),
    "tuple[int, ...]": ("a list of numbers", (list,)),
    "tuple[str, ...]": ("a list of texts", (list,)),
    "tuple[Step, ...]": ("a list", (list,)),
    "tuple[Link, ...]": ("a list", (list,)),
    "tuple[Still, ...]": ("a list", (list,)),
    "Why | None": ("an object or null", (Why, type(None))),
}
_MEMBERS: dict[str, type] = {"tuple[int, ...]": int, "tuple[str, ...]": str}


def _record(kind: type, data: Any, where: str) -> Any:
    """A dataclass from a JSON object, every field being there with its type."""
    if not isinstance(data, dict):
        raise BadTrace(f"{where}: must be an object")
    for item in dataclasses.fields(kind):
        if item.name not in data:
            raise BadTrace(f"{where}: {item.name} is missing")
        said, types = _TYPES[str(item.type)]
        if not isinstance(data[item.name], types) or (
            isinstance(data[item.name], bool) and bool not in types
        ):
            raise BadTrace(f"{where}: {item.name} must be {said}")
    return kind(**{item.name: _pairs(item, data, where) for item in dataclasses.fields(kind)})


def _pairs(item: dataclasses.Field[Any], data: dict[str, Any], where: str) -> Any:
    value, kind = data[item.name], str(item.type)
    if kind == "dict[str, list[Any]]" and not all(
        isinstance(v, list) and len(v) == 2 for v in value.values()
    ):
        raise BadTrace(f"{where}: {item.name} must give [from, to] for each variable")
    if kind in _MEMBERS and not all(type(v) is _MEMBERS[kind] for v in value):
        raise BadTrace(f"{where}: {item.name} must be {_TYPES[kind][0]}")
    return tuple(value) if kind.startswith("tuple") else value
