"""The result of an audit for people: a row per guarantee, and each finding as an argument that ends in a contradiction.

The manner is Elle's (Kingsbury and Alvaro, VLDB 2020): what was observed, what follows from it, and why both cannot be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eoscheck.checker.audit.history import Event, Read, Row, Send
from eoscheck.checker.audit.judge import Audit, Finding, Judgement
from eoscheck.checker.audit.rules import Because
from eoscheck.gen.screen import Style, dim, paint, printable, table
from eoscheck.gen.story import labelled
from eoscheck.gen.text import MARKS
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

FORMAT = "eoscheck-audit/1"

CLAIMS = {
    "provenance": "What is read was sent, and an offset holds one record.",
    "no-duplicates": "No input has its effect twice.",
    "no-loss": "Every input has its effect: what is due is there.",
    "exactly-once": "Every input has its effect once: neither lost nor doubled.",
    "order": "Inputs are given in the order in which they were sent, and everybody sees one log.",
    "atomic-visibility": "A transaction is seen wholly or not at all, and never if it was aborted.",
    "atomic-read": "No reader ever holds a strict part of a transaction.",
}


def audit_text(result: Audit, style: Style) -> str:
    """The screen of an audit."""
    parts: list[RenderableType] = []
    if not style.quiet:
        parts += [Text(printable(result.history.path), "bold"), _figures(result), Text()]
    if result.judgements or not result.interrupted:
        parts.append(_rows(result) if result.judgements else Text("  nothing was sent or seen", "yellow"))
    if result.interrupted:
        parts.append(Text("  interrupted: what is not named was not judged", "yellow"))
    if not style.quiet and result.outcomes:
        parts += [Text(), labelled([("not told", _outcomes(result))])]
    for judgement in () if style.quiet else result.judgements:
        parts += _explained(judgement, result)
    return paint(parts, style)


def _figures(result: Audit) -> RenderableType:
    events = len(result.history.events)
    text = f"{events:,} {'event' if events == 1 else 'events'}   {result.seconds:.2f} s"
    return Padding(Text(text, "dim"), (0, 0, 0, 2))


def _rows(result: Audit) -> RenderableType:
    return table((MARKS[found.verdict], found.name, dim(_detail(found))) for found in result.judgements)


def _detail(judgement: Judgement) -> str:
    count = len(judgement.findings) + judgement.more
    return "; ".join(filter(None, (f"{count} finding{'s' * (count > 1)}" if count else "", judgement.reason)))


def _outcomes(result: Audit) -> str:
    """Transactions whose clients were told nothing, by what must have become of them."""
    found: dict[str, list[str]] = {}
    for transaction, word in result.outcomes.items():
        found.setdefault(word, []).append(transaction)
    words = {"committed": "was committed", "aborted": "was aborted", "either": "either, nothing tells"}
    return "; ".join(f"{words[w]}: {', '.join(names)}" for w, names in sorted(found.items()))


# --- findings


def _explained(judgement: Judgement, result: Audit) -> list[RenderableType]:
    if not judgement.findings:
        return []
    claim = f" is violated: {CLAIMS[judgement.base]}"
    parts: list[RenderableType] = [Text(), Text.assemble((printable(judgement.name), "bold red"), claim)]
    for finding in judgement.findings:
        parts += [Text(), _argument(finding, result)]
    if judgement.more:
        parts += [Text(), Text(f"  and {judgement.more} more of this kind", "dim")]
    return parts


def _argument(finding: Finding, result: Audit) -> RenderableType:
    told = sentences(finding, result.history.noun)
    labels = [f"  {n}" for n in range(1, len(told) + 1)] if len(told) > 1 else ["   "]
    rows = list(zip(labels, told, strict=True))
    if len(told) > 1:
        kind = "this" if finding.smallest else "this (perhaps not the smallest such set)"
        proven = all(because.proven for because in finding.because)
        broken = f"with {kind}, the guarantee cannot have been kept"
        rows.append(("  so", f"{kind} cannot be explained together" if proven else broken))
    return labelled(rows)


def sentences(finding: Finding, noun: str) -> list[str]:
    """The steps of a finding, a sentence each.

    noun  what the number of an event counts: "line", "operation", "event"
    """
    return [_Teller(noun).tell(because) for because in finding.because]


def summary(finding: Finding, noun: str) -> str:
    """A finding in one line."""
    return "; but ".join(sentences(finding, noun))


class _Teller:
    """Makes sentences of steps. There is a method for each kind of step."""

    def __init__(self, noun: str) -> None:
        self.noun = noun

    def tell(self, because: Because) -> str:
        method = getattr(self, f"_{because.kind.replace('-', '_')}")
        return str(method(**because.facts))

    def _at(self, event: Event) -> str:
        return f"({self.noun} {event.event})"

    def _place(self, event: Read | Send) -> str:
        offset = f"offset {event.offset} of " if event.offset is not None else ""
        return f"{offset}{event.partition}"

    def _reading(self, read: Read) -> str:
        member = f" (member {read.member})" if read.member else ""
        return f"{read.reader}{member} was given {read.value} from {self._place(read)} {self._at(read)}"

    # -- provenance

    def _not_sent(self, read: Read, refused: Send | None) -> str:
        if refused is not None:
            return f"{self._reading(read)}, whose send was refused {self._at(refused)}"
        return f"{self._reading(read)}, and nobody sent that there"

    def _holds(self, claim: Read | Send, offset: int, partition: str) -> str:
        if isinstance(claim, Read):
            return f"{self._reading(claim)}: that is what lies there"
        return f"{claim.value} was acknowledged at {self._place(claim)} {self._at(claim)}: that is what lies there"

    # -- effects

    def _two_reads(self, first: Read, again: Read, place: str) -> str:
        same = (first.partition, first.offset) == (again.partition, again.offset) and first.offset is not None
        twice = "the same record" if same else "one effect is all that it may have at " + place
        return f"{self._reading(first)}, and again from {self._place(again)} {self._at(again)}: {twice}" + (
            " twice, without having started anew" if same else ""
        )

    def _two_rows(self, first: Row, again: Row) -> str:
        return f"{first.store} has a row of {first.value} {self._at(first)} and one more {self._at(again)}"

    def _not_shown(self, input: Any, reader: str, place: str) -> str:
        return f"{reader} was never given {input.value}, due at {place} {self._at(input)}, and has read it to its end"

    def _no_row(self, input: Any, store: str) -> str:
        return f"{store} has no row of {input.value}, which was due there {self._at(input)}"

    def _not_given(self, send: Send, told: Event, end: Any) -> str:
        what = f"{send.value} in {self._place(send)}"
        by = (
            f"was acknowledged {self._at(told)}"
            if told is send
            else (
                f"was sent {self._at(send)} by transaction {send.transaction}, whose commit succeeded {self._at(told)}"
            )
        )
        return f"{what} {by}, and {end.reader} has read {self._so_far(end)} {self._at(end)} without being given it"

    def _so_far(self, end: Any) -> str:
        return f"{end.partition} " + ("to its end" if end.below is None else f"up to offset {end.below - 1}")

    def _part_of(self, read: Read, transaction: str, missing: Sequence[tuple[str, Any]]) -> str:
        rest = ", ".join(f"{value} of {partition}" for partition, value in missing)
        return f"{self._reading(read)}, and did not have the rest of transaction {transaction} then: {rest}"

    # -- transactions

    def _told_aborted(self, transaction: str, event: Event) -> str:
        return f"transaction {transaction} was aborted: its client was told so {self._at(event)}"

    def _told_both(self, transaction: str, committed: Event, aborted: Event) -> str:
        return (
            f"the client of transaction {transaction} was told that it is committed {self._at(committed)}, and that"
            f" it is aborted {self._at(aborted)}"
        )

    def _wants_abort(self, transaction: str, event: Event) -> str:
        return (
            f"transaction {transaction} cannot have been committed: its client aborted it {self._at(event)}"
        )

    def _missing(self, transaction: str, send: Send, end: Any) -> str:
        return (
            f"transaction {transaction} cannot have been committed: {send.value}, which it wrote to"
            f" {self._place(send)} {self._at(send)}, was not given to {end.reader}, which has read"
            f" {self._so_far(end)} {self._at(end)}"
        )

    def _given(self, read: Read, writers: Sequence[str]) -> str:
        return f"{self._reading(read)}: {_wrote(writers)} committed"

    def _given_uncommitted(self, read: Read, writers: Sequence[str]) -> str:
        return (
            f"{self._reading(read)}, and reads uncommitted records: it should have been given it only if"
            f" {_wrote(writers)} committed"
        )

    def _undecided(self, read: Read, writers: Sequence[str]) -> str:
        return f"{self._reading(read)}, of transaction {' or '.join(writers)}, which was undecided at that moment"

    def _seen_aborted(self, read: Read, writers: Sequence[str]) -> str:
        return f"{self._reading(read)}, of transaction {' or '.join(writers)}, which the log says was aborted"

    def _too_early(self, read: Read, writers: Sequence[str], asked: Event) -> str:
        return f"{self._reading(read)}, before transaction {' or '.join(writers)} was to be committed {self._at(asked)}"

    def _looked(self, transaction: str, log: Any) -> str:
        word = "committed" if log.marker == "commit" else "aborted"
        place = f"offset {log.offset} of {log.partition}"
        return (
            f"transaction {transaction} was {word}: the log says so of its record at {place} {self._at(log)}"
        )

    def _committed_and_aborted(self, transaction: str, log: Any, event: Event) -> str:
        place = f"offset {log.offset} of {log.partition}"
        return (
            f"the client of transaction {transaction} was told that it is committed {self._at(event)}, and the log says"
            f" that its record at {place} was aborted {self._at(log)}"
        )

    # -- order

    def _backwards(self, before: Read, after: Read) -> str:
        return f"{self._reading(before)}, and after that {after.value} from {self._place(after)} {self._at(after)}"

    def _overtaken(self, before: Read, after: Read, origin: str) -> str:
        by = f" by {origin}" if origin else ""
        return f"{self._reading(before)}, and after that {after.value} {self._at(after)}, which was sent before it{by}"

    def _on_its_way(self, read: Read) -> str:
        return self._reading(read)


def _wrote(writers: Sequence[str]) -> str:
    if len(writers) == 1:
        return f"transaction {writers[0]}, which wrote it, was"
    return f"one of the transactions {', '.join(writers)}, which wrote it, was"


def audit_json(result: Audit) -> dict[str, Any]:
    """The object that `audit --json` prints."""
    events, noun = result.history.events, result.history.noun
    return {
        "format": FORMAT,
        "history": result.history.path,
        "verdict": result.verdict,
        "counted": noun,
        "events": len(events),
        "seconds": result.seconds,
        "interrupted": result.interrupted,
        "outcomes": result.outcomes,
        "guarantees": [
            {
                "name": judgement.name,
                "verdict": judgement.verdict,
                "reason": judgement.reason,
                "findings": [
                    {
                        "events": [events[i].event for i in f.events],
                        "smallest": f.smallest,
                        "because": sentences(f, noun),
                    }
                    for f in judgement.findings
                ],
                "more": judgement.more,
            }
            for judgement in result.judgements
        ],
    }
