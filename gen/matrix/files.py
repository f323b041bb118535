"""The counterexamples of a table of guarantees as files: each once, as a trace and perhaps as a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from eoscheck.checker.counterexample import Trace
from eoscheck.checker.files import write_atomically
from eoscheck.checker.matrix import Row


def kept(
    row: Row, folder: Path, known: dict[int, Row], rendered: Callable[[Trace], str] | None = None
) -> Row:
    """The row with the paths of its counterexamples, which are written to `folder/<number>-<property>.json`.

    known      by number, the rows before it that were explored; a row that is the same as another has its files
    rendered   what a page about a trace is; each is then also written, as .html
    """
    if row.same_as != row.number:
        there = known.get(row.same_as)
        return replace(row, verdicts=there.verdicts, pages=there.pages) if there else row
    verdicts, pages = dict(row.verdicts), {}
    for name, trace in row.traces.items():
        file = folder / f"{row.number}-{''.join(c if c.isalnum() or c in '@._-' else '_' for c in name)}.json"
        write_atomically(file, trace.to_json())
        verdicts[name] = replace(verdicts[name], trace=str(file))
        if rendered is not None:
            page = file.with_suffix(".html")
            write_atomically(page, rendered(trace))
            pages[name] = str(page)
    known[row.number] = replace(row, verdicts=verdicts, pages=pages, traces={})
    return known[row.number]
