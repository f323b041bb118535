"""Text of a file into values that remember their lines, and the one kind of error a bad file ends in.

YAML is read from parser events, not from constructed objects: nothing is ever instantiated, anchors and
aliases are refused (a spec has no use for them, and they are how a small file becomes a large one),
nesting and size are bounded, a key given twice is an error. Plain scalars follow the YAML 1.2 core
schema: `on`, `yes` and dates are text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_BYTES = 1_000_000
MAX_NODES = 20_000
MAX_DEPTH = 20

Key = str | int
Place = tuple[Key, ...]

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.inf|\.nan", re.IGNORECASE)
_CONSTANTS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
# What YAML calls non-printable, and lone surrogates, which cannot be printed again.
_UNPRINTABLE = re.compile("[^\x09\x0a\x0d\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class SpecError(Exception):
    """A spec, or a file it names, that cannot be used. Its text is one line: `FILE:LINE: message`."""

    def __init__(self, path: str | Path, line: int, message: str) -> None:
        self.path, self.line, self.message = str(path), line, one_line(message)
        super().__init__(f"{one_line(self.path)}:{line}: {self.message}")


class Problem(Exception):
    """Something wrong at a place of the spec (its keys from the top), before its line is known."""

    def __init__(self, at: Place, message: str) -> None:
        super().__init__(message)
        self.at = at


@dataclass
class Node:
    """A value, the text it was written as if it is a scalar, and the lines of what it is made of."""

    line: int
    value: Any
    text: str | None = None
    children: dict[Key, Node] = field(default_factory=dict)

    def line_of(self, place: Place) -> int:
        """Line of the deepest part of `place` that exists."""
        node = self
        for key in place:
            if key not in node.children:
                break
            node = node.children[key]
        return node.line

    def at(self, *place: Key) -> Node | None:
        node: Node | None = self
        for key in place:
            node = node.children.get(key) if node else None
        return node


def one_line(text: str) -> str:
    """`text` as one printable line: one_line("a\\nb") == "a b"."""
    return " ".join(text.split()).encode("utf-8", "backslashreplace").decode()


def show(value: object) -> str:
    """A value as it appears in a message, cut where it is long: show("x") == "'x'"."""
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a mapping"
    text = repr(value)
    return text if len(text) <= 40 else text[:30] + "..." + text[-7:]


def nearest(word: str, known: Collection[str], cutoff: float = 0.6) -> str | None:
    """The known word most like `word`: nearest("crsh", ["crash", "pause"]) == "crash"."""
    matches = difflib.get_close_matches(word[:100].lower(), sorted(known), 1, cutoff)
    return matches[0] if matches else None


def did_you_mean(word: str, known: Collection[str], listed: bool = True) -> str:
    """The end of an error message about an unknown word: the nearest one, or a short list of all.

    did_you_mean("crsh", ["crash", "pause"]) == "; did you mean 'crash'?"
    """
    match = nearest(word, known)
    if match:
        return f"; did you mean '{match}'?"
    return f"; known: {', '.join(sorted(set(known)))}" if listed and 0 < len(known) <= 20 else ""


def dotted(place: Place) -> str:
    """A place as it is named in a message: dotted(("topics", "orders")) == "topics.orders"."""
    return one_line(".".join(str(key) if len(str(key)) <= 60 else f"{str(key)[:57]}..." for key in place))


def read_bytes(path: Path) -> bytes:
    """Content of a regular file of sensible size, or a SpecError."""
    try:
        if path.is_dir():
            raise SpecError(path, 1, "is a directory, not a file")
        if not path.is_file():
            raise SpecError(path, 1, "not a regular file" if path.exists() else "no such file")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise SpecError(path, 1, f"is too large: {size} bytes, at most {MAX_BYTES}")
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise SpecError(path, 1, getattr(error, "strerror", None) or str(error)) from None


def decode(data: bytes, path: Path) -> str:
    """UTF-8 text of printable characters without byte order mark, or a SpecError at the offending line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError(path, line, f"not UTF-8: byte 0x{data[error.start]:02x}") from None
    odd = _UNPRINTABLE.search(text)
    if odd:
        line = text.count("\n", 0, odd.start()) + 1
        raise SpecError(path, line, f"unprintable character U+{ord(odd.group()):04X}")
    return text


def parse_yaml(text: str, path: str | Path) -> list[Node]:
    """The documents of a YAML text, as nodes."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where there is one
    try:
        return list(_Builder(path, yaml.parse(text, Loader=loader)).documents())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = error.problem or error.context or "syntax error"
        if "maximum nesting depth" in message:  # libyaml has a limit of its own, and may meet it before ours
            message = f"is nested too deeply: {message}"
        last = text.count("\n") + (not text.endswith("\n"))  # libyaml may point below the last line
        raise SpecError(path, min(mark.line + 1, last) if mark else 1, f"not YAML: {message}") from None
    except yaml.YAMLError as error:
        raise SpecError(path, 1, f"not YAML: {error}") from None


def scalar(text: str) -> object:
    """A plain scalar by the YAML 1.2 core schema: scalar("3") == 3, scalar("on") == "on"."""
    if len(text) > 60:  # no number anybody means; int() refuses very long ones
        return text
    if text.lower() in _CONSTANTS:
        return _CONSTANTS[text.lower()]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL_FLOAT.fullmatch(text):
        return float(text.replace(".", "").lower())
    return text


class _Builder:
    """Nodes out of parser events. Recursion is bounded by MAX_DEPTH, checked as the text is parsed."""

    def __init__(self, path: str | Path, events: Iterator[Any]) -> None:
        self.path, self.events, self.count = path, events, 0

    def documents(self) -> Iterator[Node]:
        for event in self.events:
            if type(event).__name__ == "DocumentStartEvent":
                yield self.node(next(self.events), 0)

    def fail(self, event: Any, message: str) -> SpecError:
        return SpecError(self.path, event.start_mark.line + 1, message)

    def node(self, event: Any, depth: int) -> Node:
        self.check(event, depth)
        line = event.start_mark.line + 1
        match type(event).__name__:
            case "ScalarEvent":
                if _UNPRINTABLE.search(event.value):
                    raise self.fail(event, "unprintable character in a quoted text")
                plain = not event.style
                return Node(line, scalar(event.value) if plain else event.value, event.value)
            case "SequenceStartEvent":
                return self.sequence(line, depth)
            case _:
                return self.mapping(line, depth)

    def check(self, event: Any, depth: int) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            raise self.fail(event, f"is too large: more than {MAX_NODES} values")
        if depth > MAX_DEPTH:
            raise self.fail(event, f"is nested too deeply: more than {MAX_DEPTH} levels")
        if getattr(event, "anchor", None):
            raise self.fail(
                event, f"anchors and aliases are not supported ({show(event.anchor)}): write the value out"
            )
        if getattr(event, "tag", None):
            raise self.fail(event, f"tags are not supported: {show(event.tag)}")

    def sequence(self, line: int, depth: int) -> Node:
        children: dict[Key, Node] = {}
        while type(event := next(self.events)).__name__ != "SequenceEndEvent":
            children[len(children)] = self.node(event, depth + 1)
        return Node(line, [child.value for child in children.values()], None, children)

    def mapping(self, line: int, depth: int) -> Node:
        children: dict[Key, Node] = {}
        while type(event := next(self.events)).__name__ != "MappingEndEvent":
            key = self.node(event, depth + 1)
            if key.text is None:
                raise self.fail(event, f"a key must be a word, not {show(key.value)}")
            if key.text in children:
                first = children[key.text].line
                raise self.fail(event, f"key {show(key.text)} is given twice (first in line {first})")
            child = self.node(next(self.events), depth + 1)
            child.line = key.line  # where a reader looks for it, also if the value starts a line below
            children[key.text] = child
        return Node(line, {key: child.value for key, child in children.items()}, None, children)
