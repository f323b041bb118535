"""What every form of a table of guarantees says: headings, the word of each cell, and where something holds."""

from __future__ import annotations

from collections import Counter

from eoscheck.checker.matrix import Finding, Matrix, Row, Where
from eoscheck.gen.text import MARKS

NOT_ASKED = "not asked"
"""A cell of a property that speaks of nothing in this combination: of transactions, where there is none."""


def headings(matrix: Matrix) -> dict[str, str]:
    """By full name of a property, what its column is called: bare where it has one sink only."""
    names = matrix.properties
    count = Counter(name.partition("@")[0] for name in names)
    return {name: name if count[name.partition("@")[0]] > 1 else name.partition("@")[0] for name in names}


def verdict(row: Row, name: str) -> str:
    """One word: that of the verdict, "refused", or "not asked"."""
    if row.refused:
        return "refused"
    return row.verdicts[name].verdict if name in row.verdicts else NOT_ASKED


def cell(row: Row, name: str) -> str:
    """The mark with its word, and what belongs to it: "✗ VIOLATED at step 12"."""
    word = verdict(row, name)
    if word not in MARKS:
        return word
    found = row.verdicts[name]
    tail = f" at step {found.steps}" if word == "violated" and found.steps else ""
    return f"{MARKS[word][0]}{tail}{f' ({found.reason})' if word == 'undecided' else ''}"


def said(where: Where) -> str:
    """A condition, as --vary would be told it.

    >>> said({"acks": ("0", "1"), "offsets": ("auto",)})
    'acks=0,1 and offsets=auto'
    """
    return " and ".join(f"{key}={','.join(values)}" for key, values in where.items())


def sentence(finding: Finding) -> str:
    """Where a property holds, among the combinations that are not refused."""
    numbers = f"({finding.count} of {finding.of})"
    odd = "".join(f"; {word} in {count}" for word, count in finding.odd.items())
    if finding.count in (0, finding.of):
        return f"holds {'everywhere' if finding.count else 'nowhere'} {numbers}{odd}"
    conditions = ", or ".join(map(said, finding.where))
    return f"holds {'except ' if finding.except_ else ''}where {conditions} {numbers}{odd}"


def refusal(finding: Finding) -> str:
    """Where combinations are refused, and for which reason."""
    conditions = ", or ".join(map(said, finding.where)) or "everywhere"
    return f"where {conditions} ({finding.count} of {finding.of}): {finding.subject}"


def introduction(matrix: Matrix) -> str:
    """What the table is of: "72 combinations, 50 of them refused, 22 explored"."""
    refused = sum(bool(row.refused) for row in matrix.rows)
    distinct = sum(row.same_as == row.number for row in matrix.rows)
    number = f"{matrix.total:,}" if matrix.complete else f"{len(matrix.rows):,} of {matrix.total:,}"
    parts = [f"{number} combination{'s' * (matrix.total != 1)}"]
    parts += [f"{refused:,} refused"] if refused else []
    parts += [f"{distinct:,} explored"]
    same = len(matrix.rows) - refused - distinct
    parts += [f"{same:,} the same as another"] if same else []
    return ", ".join(parts)
