"""What a spec expects against what it shows."""

from __future__ import annotations

import pytest
import tinypipe
from eoscheck.checker.expectation import compare
from eoscheck.checker.verdict import PropertyVerdict, Result

VERDICTS = {
    "a@x": "holds",
    "a@y": "violated",
    "b@x": "holds",
    "b@y": "holds",
    "v": "vacuous",
    "u": "undecided",
}


def result(verdicts: dict[str, str]) -> Result:
    rows = tuple(PropertyVerdict(n, "always", "", v, "so", 4) for n, v in verdicts.items())  # type: ignore[arg-type]
    common = {"spec": "", "title": "", "verdict": "undecided", "complete": True, "stopped": None}
    figures = dict.fromkeys(("states", "transitions", "depth", "at_rest"), 0)
    rest = {
        "method": "exhaustive",
        "engine": "python",
        "seconds": 0.0,
        "missed": None,
        "reduction": None,
        "bounds": {},
        "never_fired": (),
        "cut": (),
    }
    parts = {
        **common,
        **figures,
        **rest,
        "properties": rows,
        "actions": {},
        "checked": (),
        "unchecked": {},
        "notes": (),
    }
    return Result(**parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "expected", "found", "code"),
    [
        ("a", "violated", "", 0),
        ("a", "holds", "a@y is violated in 4 steps", 1),
        ("a@x", "holds", "", 0),
        ("a@x", "violated", "it holds", 1),
        ("b", "holds", "", 0),
        ("b", "violated", "it holds", 1),
        ("v", "holds", "v is vacuous (so)", 4),
        ("v", "violated", "v is vacuous (so)", 4),
        ("u", "holds", "u is undecided (so)", 3),
        ("u", "violated", "u is undecided (so)", 3),
        ("w", "holds", "not checked", 1),
    ],
)
def test_an_expectation_and_what_was_found(name: str, expected: str, found: str, code: int):
    spec = tinypipe.spec(expect=((name, expected),))
    differences = compare(spec, result(VERDICTS))
    assert [(str(d), d.code) for d in differences] == (
        [(f"{name}: expected {expected}, {found}", code)] if found else []
    )
