"""A table of guarantees in forms to be kept: Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from pathlib import Path
from typing import Any

from eoscheck.checker.matrix import Finding, Matrix, Row, findings, refusals
from eoscheck.gen.matrix.words import cell, headings, introduction, refusal, sentence
from eoscheck.gen.screen import printable

FORMAT = "eoscheck-matrix/1"


def linked(path: str, folder: Path) -> str:
    """A path as a link from a file in that folder."""
    return Path(os.path.relpath(path, folder)).as_posix()


def markdown(matrix: Matrix, folder: Path) -> str:
    """A table whose violated cells are links, as a file in `folder` would have them, and what the table says."""
    heads = headings(matrix)
    lines = [f"**{_escaped(matrix.title)}**", "", f"{_escaped(matrix.spec)}: {introduction(matrix)}", ""]
    lines += [_row(["", *(f"`{key}`" for key in matrix.settings), *map(_escaped, heads.values())])]
    lines += [_row(["--:", *["---"] * (len(matrix.settings) + len(heads))])]
    for row in matrix.rows:
        values = [_code(value) for value in row.settings.values()]
        lines.append(_row([str(row.number), *values, *(_linked(row, name, folder) for name in heads)]))
    said = [f"- {_escaped(heads[f.subject])} {_escaped(sentence(f))}" for f in findings(matrix)]
    said += [f"- refused {_escaped(refusal(f))}" for f in refusals(matrix)]
    return "\n".join([*lines, "", *said]).rstrip() + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Text that Markdown and its tables do not act upon."""
    return re.sub(r"([\\`*_{}\[\]<>|#~$])", r"\\\1", printable(text))


def _code(value: str) -> str:
    quotes = "``" if "`" in value else "`"
    return f"{quotes}{printable(value).replace('|', '&#124;' if quotes == '' else chr(92) + '|')}{quotes}"


def _linked(row: Row, name: str, folder: Path) -> str:
    text = _escaped(cell(row, name))
    trace = row.pages.get(name) or (row.verdicts[name].trace if name in row.verdicts else None)
    return f"[{text}](<{linked(trace, folder)}>)" if trace else text


def csv_text(matrix: Matrix) -> str:
    """A row per combination; for each property its verdict, the steps to it and the path of its trace."""
    heads = headings(matrix)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = [column for head in heads.values() for column in (head, f"{head} steps", f"{head} trace")]
    writer.writerow(["number", *matrix.settings, "refused", "same as", *columns])
    for row in matrix.rows:
        found = [row.verdicts.get(name) for name in heads]
        cells = [c for f in found for c in ((f.verdict, f.steps or "", f.trace or "") if f else ("", "", ""))]
        same = row.same_as if row.same_as != row.number else 0
        writer.writerow([row.number, *row.settings.values(), row.refused, same or "", *cells])
    return out.getvalue()


def json_text(matrix: Matrix) -> str:
    """One object, "eoscheck-matrix/1"."""
    data = {
        "format": FORMAT,
        "spec": matrix.spec,
        "title": matrix.title,
        "settings": {key: list(values) for key, values in matrix.settings.items()},
        "properties": matrix.properties,
        "combinations": matrix.total,
        "complete": matrix.complete,
        "rows": [_as_json(row) for row in matrix.rows],
        "findings": [_said(f) for f in findings(matrix)],
        "refusals": [_said(f) for f in refusals(matrix)],
    }
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _as_json(row: Row) -> dict[str, Any]:
    cells = {
        name: {
            "verdict": f.verdict,
            "steps": f.steps,
            "reason": f.reason,
            "trace": f.trace,
            "page": row.pages.get(name),
        }
        for name, f in row.verdicts.items()
    }
    return {
        "number": row.number,
        "settings": row.settings,
        "refused": row.refused or None,
        "same_as": row.same_as or None,
        "states": row.states,
        "cells": cells,
    }


def _said(finding: Finding) -> dict[str, Any]:
    return {
        "subject": finding.subject,
        "except": finding.except_,
        "where": [{key: list(values) for key, values in where.items()} for where in finding.where],
        "deciding": list(finding.deciding),
        "count": finding.count,
        "of": finding.of,
        "odd": finding.odd,
    }
