"""Findings as sentences: there is one for every kind of step, and it names what it speaks of."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from eoscheck.checker.audit.history import (
    Abort,
    Aborted,
    Commit,
    Committed,
    End,
    Event,
    Input,
    Log,
    Read,
    Row,
    Send,
)
from eoscheck.checker.audit.judge import GUARANTEES, audit
from eoscheck.gen.audit import CLAIMS, _Teller, audit_text, sentences
from eoscheck.gen.screen import Style
from mutations import mutants
from simulated import Simulation, numbered

ROOT = Path(__file__).resolve().parents[2]


def told(*events: Event) -> list[list[str]]:
    result = audit(numbered(list(events)), [*GUARANTEES])
    return [sentences(f, "line") for j in result.judgements for f in j.findings if j.base != "exactly-once"]


def sent(value: int, transaction: str | None = None, partition: str = "p-0", offset: int | None = 0) -> Send:
    return Send(
        event=0,
        partition=partition,
        value=value,
        transaction=transaction,
        acknowledged=True,
        offset=offset,
        by="shop",
    )


def read(value: int, offset: int | None = 0, partition: str = "p-0", **more: object) -> Read:
    return Read(event=0, reader="audit", partition=partition, value=value, offset=offset, **more)  # type: ignore[arg-type]


ENDED = End(event=0, reader="audit", partition="p-0")
LEDGER = End(event=0, store="ledger")


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (
            [sent(1), ENDED],
            "1 in offset 0 of p-0 was acknowledged (line 2), and audit has read p-0 to its end (line 3)",
        ),
        (
            [sent(1, "t"), Committed(event=0, transaction="t"), ENDED],
            "by transaction t, whose commit succeeded (line 3)",
        ),
        ([Input(event=0, value=7), LEDGER], "ledger has no row of 7, which was due there (line 2)"),
        (
            [Input(event=0, value=7), ENDED],
            "audit was never given 7, due at p (line 2), and has read it to its end",
        ),
        ([Row(event=0, store="ledger", value=1)] * 2, "ledger has a row of 1 (line 2) and one more (line 3)"),
        ([sent(1), read(1), read(1)], "(line 4): the same record twice, without having started anew"),
        (
            [sent(1), sent(1, offset=1), read(1), read(1, 1)],
            "(line 5): one effect is all that it may have at p",
        ),
        (
            [sent(1), read(2, 1)],
            "audit was given 2 from offset 1 of p-0 (line 3), and nobody sent that there",
        ),
        (
            [sent(1), sent(2, offset=None), read(2)],
            "1 was acknowledged at offset 0 of p-0 (line 2): that is what lies",
        ),
        ([sent(1), sent(2, offset=1), read(2, 1), read(1)], "and after that 1 from offset 0 of p-0 (line 5)"),
        ([sent(1), sent(2, offset=1), read(2, None), read(1, None)], "which was sent before it by shop"),
        ([sent(1, "t"), read(1, marker="none")], "of transaction t, which was undecided at that moment"),
        ([sent(1, "t"), read(1, marker="abort")], "of transaction t, which the log says was aborted"),
        (
            [sent(1, "t"), read(1), Commit(event=0, transaction="t")],
            "before transaction t was to be committed (line 4)",
        ),
        ([sent(1, "t"), read(1), Abort(event=0, transaction="t")], "its client aborted it (line 4)"),
        (
            [Committed(event=0, transaction="t"), Aborted(event=0, transaction="t")],
            "of transaction t was told that it is committed (line 2), and that it is aborted (line 3)",
        ),
        (
            [sent(1, "t"), sent(2, "t", "p-1"), read(1), read(2, 0, "p-1")],
            "did not have the rest of transaction t then: 2 of p-1",
        ),
        (
            [
                sent(1, "t"),
                Abort(event=0, transaction="t"),
                Log(event=0, partition="p-0", offset=0, marker="commit"),
            ],
            "transaction t was committed: the log says so of its record at offset 0 of p-0 (line 4)",
        ),
    ],
)
def test_a_sentence_says_what_was_seen_and_where(events: list[Event], said: str) -> None:
    assert any(said in sentence for finding in told(*events) for sentence in finding), told(*events)


def test_there_is_a_sentence_for_every_step_and_a_claim_for_every_guarantee() -> None:
    sources = "".join(file.read_text() for file in (ROOT / "checker" / "audit").glob("*.py"))
    kinds = set(
        re.findall(r'(?:impossible\([^"]*?|Because\(|, (?:True|False), |== "commit", )"([a-z-]+)"', sources)
    )
    assert {"told-aborted", "two-reads", "overtaken", "holds", "looked"} <= kinds
    assert [kind for kind in kinds if not hasattr(_Teller, f"_{kind.replace('-', '_')}")] == []
    assert set(CLAIMS) == set(GUARANTEES)


def test_a_screen_is_eighty_columns_wide_and_without_colour_in_a_pipe() -> None:
    for seed in range(20):
        dice = random.Random(seed)
        for _, spoiled in mutants(Simulation(dice, 10).history(), dice):
            text = audit_text(audit(spoiled), Style())
            assert "is violated: " in text and "\x1b" not in text
            assert [line for line in text.splitlines() if len(line) > 80] == []


def test_more_findings_than_are_told_are_counted() -> None:
    text = audit_text(audit(numbered([*(sent(n, offset=n) for n in range(14)), ENDED])), Style())
    assert "14 findings" in text and "and 4 more of this kind" in text
