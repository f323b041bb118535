"""Python source of plain values and calls, laid out as `ruff format` and `black` do, for lines of 88 and of 110."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

WIDTH = 88
"""Columns. What does not fit is spread over lines that end in commas, which no formatter joins again."""

Item = tuple[str, Any]
"""What stands before a value (`offset=`, `"rows": `, or nothing), and the value."""


def literal(value: Any) -> str:
    """A value on one line.

    >>> literal({"rows": [1, None], "it's": True})
    '{"rows": [1, None], "it\\'s": True}'
    """
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    return repr(value)


def call(indent: int, head: str, arguments: Iterable[Any], keywords: Mapping[str, Any]) -> list[str]:
    """The lines of `head(arguments)`, behind `indent` spaces."""
    items: list[Item] = [("", value) for value in arguments]
    items += [(f"{name}=", value) for name, value in keywords.items()]
    margin = " " * indent
    flat = f"{margin}{head}({', '.join(before + literal(value) for before, value in items)})"
    if len(flat) <= WIDTH:
        return [flat]
    inside = [line for item in items for line in _spread(indent + 4, item)]
    if len(items) == 1 and isinstance(items[0][1], Mapping | list | tuple) and len(inside) > 1:
        inside[-1] = inside[-1].removesuffix(",")
    return [f"{margin}{head}(", *inside, f"{margin})"]


def _spread(indent: int, item: Item) -> list[str]:
    before, value = item
    margin = " " * indent
    flat = f"{margin}{before}{literal(value)},"
    if len(flat) <= WIDTH or not isinstance(value, Mapping | list | tuple) or not value:
        return [flat]
    opening, closing = ("{", "}") if isinstance(value, Mapping) else ("[", "]")
    items: list[Item] = (
        [(f"{literal(k)}: ", v) for k, v in value.items()]
        if isinstance(value, Mapping)
        else [("", v) for v in value]
    )
    inside = [line for one in items for line in _spread(indent + 4, one)]
    return [f"{margin}{before}{opening}", *inside, f"{margin}{closing},"]


def _quoted(text: str) -> str:
    """In double quotes, unless that would need more escapes."""
    shown = repr(text)
    return f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in text else shown
