"""A table of guarantees as one HTML file that needs nothing else; only its counterexamples lie beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from eoscheck.checker.matrix import Matrix, Row, findings, refusals
from eoscheck.gen.matrix.forms import linked
from eoscheck.gen.matrix.words import cell, headings, introduction, refusal, sentence, verdict
from eoscheck.gen.screen import printable


def matrix_html(matrix: Matrix, folder: Path) -> str:
    """The page, with links as a file in `folder` has them."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    heads = headings(matrix)
    reasons = list(dict.fromkeys(row.refused for row in matrix.rows if row.refused))
    said = [refusal(f) for f in refusals(matrix)]
    return environment.get_template("matrix.html").render(
        matrix=matrix,
        introduction=introduction(matrix),
        heads=list(heads.values()),
        rows=[_row(row, list(heads), reasons, folder) for row in matrix.rows],
        findings=[(heads[f.subject], sentence(f)) for f in findings(matrix)],
        refusals=said or reasons,
    )


def _row(row: Row, names: list[str], reasons: list[str], folder: Path) -> dict[str, Any]:
    """A row as the template has it; `why` is the number of the reason for which it is refused."""
    return {
        "number": row.number,
        "values": [printable(value) for value in row.settings.values()],
        "why": reasons.index(row.refused) + 1 if row.refused else 0,
        "cells": [_cell(row, name, folder) for name in names],
    }


def _cell(row: Row, name: str, folder: Path) -> dict[str, str]:
    found = row.verdicts.get(name)
    target = row.pages.get(name) or (found.trace if found else None) or ""
    return {
        "kind": verdict(row, name).replace(" ", "-"),
        "text": re.sub(r"(?<=^.) |(?<=at) |(?<=step) ", "\N{NO-BREAK SPACE}", cell(row, name)),
        "link": quote(linked(target, folder)) if target else "",
        "says": found.says if found and target else "",
    }
