"""What `explain` knows: properties, faults, ways to commit offsets, hazards."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from eoscheck.gen.hazards import HAZARDS, Hazard
from eoscheck.gen.screen import Style, paint, printable
from eoscheck.model.spec import FAULTS
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

OFFSETS = {
    "in-transaction": "Offsets are sent to the transaction (sendOffsetsToTransaction, KIP-98): outputs "
    "and position commit together or not at all.",
    "before-transaction": "commitSync just before commitTransaction. A crash between the two loses the "
    "outputs.",
    "after-transaction": "commitSync just after commitTransaction. A crash between the two repeats the "
    "outputs.",
    "before-processing": "commitSync right after poll. A crash during processing loses the record.",
    "after-processing": "commitSync after the last output or store write. A crash in between repeats the "
    "record.",
    "auto": "enable.auto.commit=true: a later poll, or close, commits the positions of earlier polls.",
    "in-store": "The position is a column of the database transaction that writes the row; "
    "Kafka's committed offset is not used.",
}
"""Where in the loop the input position is committed: the values of `offsets:` in a spec."""


class UnknownWord(Exception):
    """Nothing of that name can be explained. The message names the nearest that can."""


@dataclass(frozen=True)
class Entry:
    """One explained word: its kind, name, text, and labelled lines below."""

    kind: str
    name: str
    text: str
    below: tuple[tuple[str, str], ...] = ()

    @property
    def first(self) -> str:
        """The first sentence."""
        head, stop, _ = " ".join(self.text.split()).partition(". ")
        return head + stop.strip()


def _properties() -> list[Entry]:
    from eoscheck.model.properties import DOCS

    return [Entry("property", name, text) for name, text in DOCS.items()]


def _hazard(hazard: Hazard) -> Entry:
    below = [("breaks", hazard.breaks), ("removed by", hazard.removal)]
    below += [("try", f"eoscheck explore {file}") for file in hazard.files]
    return Entry("hazard", f"{hazard.id} {hazard.name}", hazard.story, tuple(below))


KINDS: dict[str, Callable[[], list[Entry]]] = {
    "properties": _properties,
    "faults": lambda: [Entry("fault", name, text) for name, text in FAULTS.items()],
    "offsets": lambda: [Entry("offsets", name, text) for name, text in OFFSETS.items()],
    "hazards": lambda: [_hazard(hazard) for hazard in HAZARDS.values()],
}
"""Each kind of word, by what all of them are called."""


def find(name: str) -> list[Entry]:
    """The entries of a word, of the id or name of a hazard, or of a whole kind. Raises UnknownWord.

    >>> [entry.name for entry in find("a13")]
    ['A13 db-write-in-loop']
    """
    wanted = name.strip().lower()
    if wanted in KINDS:
        return KINDS[wanted]()
    entries = [entry for kind in KINDS.values() for entry in kind()]
    words = {word.lower(): entry for entry in reversed(entries) for word in (*entry.name.split(), entry.name)}
    bare = wanted.partition("@")[0]
    if bare in words:
        return [entry for entry in entries if bare in (*entry.name.lower().split(), entry.name.lower())]
    near = difflib.get_close_matches(bare, [*words, *KINDS], n=1)
    known = {word.lower(): word for entry in entries for word in entry.name.split()}
    hint = (
        f"; did you mean {known.get(near[0], near[0])!r}?"
        if near
        else "; `eoscheck explain` lists what can be explained"
    )
    raise UnknownWord(f"nothing is called {name!r}{hint}")


def entry_text(name: str, style: Style) -> str:
    """The explanation of a word, or of all words of a kind. Raises UnknownWord."""
    parts: list[RenderableType] = []
    for entry in find(name):
        parts += [Text()] if parts else []
        parts += [Text.assemble((printable(entry.name), "bold"), (f"  {entry.kind}", "dim"))]
        parts += [Padding(Text(" ".join(entry.text.split())), (0, 0, 0, 2))]
        if entry.below:
            parts += [_below(entry)]
    return paint(parts, style)


def _below(entry: Entry) -> RenderableType:
    grid = Table.grid(padding=(0, 2), pad_edge=True)
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for label, text in entry.below:
        grid.add_row(label, text)
    return grid


def _line(entry: Entry, column: int, width: int) -> Text:
    line = Text.assemble(f"  {entry.name:<{column}}", (entry.first, "dim"))
    line.truncate(width, overflow="ellipsis")
    return line


def list_text(style: Style) -> str:
    """Everything that can be explained, a line each."""
    parts: list[RenderableType] = []
    for title, kind in KINDS.items():
        entries = kind()
        column = max(len(e.name) for e in entries) + 2
        parts += [Text()] if parts else []
        parts += [Text(title, "bold"), *(_line(entry, column, style.width) for entry in entries)]
    return paint(parts, style)
