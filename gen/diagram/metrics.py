"""How much room a text needs: an estimate that is generous for every sans-serif font, since the one that a browser
has is not known, and lines that fit into a width."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

NARROW, WIDE = frozenset("iljtfrI.,:;'|!()[] "), frozenset("mwMW@%—→…")


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Pixels of a line of text.

    >>> width("poll", 10) < width("POLL", 10) < width("POLL", 10, bold=True)
    True
    """
    ems = sum(map(_em, text))
    return ems * size * (1.06 if bold else 1.0)


def _em(char: str) -> float:
    if char in NARROW:
        return 0.38
    if char in WIDE:
        return 0.92
    if unicodedata.east_asian_width(char) in "WF" or ord(char) > 0xFFFF:
        return 1.1
    return 0.7 if char.isupper() or ord(char) > 0x24F else 0.61


def wrap(text: str, room: float, size: float, *, bold: bool = False) -> list[str]:
    """The text in lines that fit into `room` pixels, broken at spaces, or within a word that fits into none."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if width(joined, size, bold=bold) <= room:
            lines[-1] = joined
            continue
        pieces = list(_pieces(word, room, size, bold))
        lines = [*lines, *pieces] if lines[-1] else pieces
    return lines


def _pieces(word: str, room: float, size: float, bold: bool) -> Iterator[str]:
    piece = ""
    for char in word:
        if piece and width(piece + char, size, bold=bold) > room:
            yield piece
            piece = ""
        piece += char
    yield piece


def fitted(text: str, room: float, size: float, *, most: int, bold: bool = False) -> list[str]:
    """At most so many lines, the last one with an ellipsis where there would be more."""
    lines = wrap(text, room, size, bold=bold)
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    while last and width(f"{last}…", size, bold=bold) > room:
        last = last[:-1]
    return [*lines[: most - 1], f"{last}…"]
