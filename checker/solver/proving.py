"""Proving a pipeline: what a search says, said again by Z3, and beyond it.

A property that the search saw violated gets its counterexample from a formula of the same length; one that it did not
is proved by induction. With a depth, nothing is searched, and nothing is said but of executions of so many steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from eoscheck.checker.counterexample import Defect, Subject, Trace, retell
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.search import explore_natively
from eoscheck.checker.search import Exploration, Figures, Limits
from eoscheck.checker.shortest import way_to_hit
from eoscheck.checker.solver.answers import OutOfTime
from eoscheck.checker.solver.bounded import Unrolling
from eoscheck.checker.solver.induction import Induction, Watch
from eoscheck.checker.solver.lemmas import Lemma
from eoscheck.checker.solver.proof import Proof, check, proof
from eoscheck.checker.solver.reached import Reached
from eoscheck.checker.trace import trace
from eoscheck.checker.verdict import INTERRUPTED, WORD, bounds, unfinished, worst

FORMAT = "eoscheck-proving/1"

SAFETY = ("always", "at-rest")

MOST_STATES = 1_000_000
"""Reached states that are learned from."""

UNROLLING_SECONDS = 60.0
"""What a counterexample may cost that the search has found already."""

Answer = Literal["proved", "holds up to depth", "violated", "undecided", "vacuous"]


@dataclass(frozen=True)
class Row:
    """What is known of one property.

    depth    violated: steps of the counterexample; holds up to depth: steps; else 0
    reason   how it is known, or why it is not
    """

    name: str
    kind: str
    says: str
    verdict: Answer = "undecided"
    depth: int = 0
    reason: str = ""
    trace: str | None = None

    @property
    def code(self) -> int:
        """The exit code that it asks for."""
        if self.verdict == "proved":
            return 0
        return WORD[self.verdict] if self.verdict in ("violated", "vacuous") else WORD["undecided"]


@dataclass(frozen=True)
class Proving:
    """What one run says.

    assumes    the bounds that the answers hold within
    states     of the search; 0 where none was made
    lemmas     of the proof; `questions` to Z3
    proof      path of its file, once it is written
    unlimited  the faults of which the proof allows any number
    """

    spec: str
    title: str
    assumes: dict[str, Any]
    properties: tuple[Row, ...]
    states: int = 0
    lemmas: int = 0
    questions: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    proof: str | None = None
    unlimited: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        return INTERRUPTED if self.interrupted else worst([row.code for row in self.properties] or [4])

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {"format": FORMAT, **asdict(self)}


@dataclass(frozen=True)
class Proved:
    """An answer, with the traces of what is violated (by property) and the proof of what is not."""

    answer: Proving
    traces: dict[str, Trace]
    proof: Proof | None


class Prover:
    """One run.

    watch    is told what is being done, and the number of lemmas
    report   is told how the search goes
    """

    def __init__(
        self,
        subject: Subject,
        limits: Limits,
        watch: Watch | None = None,
        report: Callable[[Figures], None] | None = None,
    ) -> None:
        self.subject, self.limits, self.watch, self.report = subject, limits, watch, report
        self.program = trace(subject.model)
        self.engine = Native(self.program)
        self.began = time.monotonic()
        self.until = None if limits.seconds is None else self.began + limits.seconds
        properties = subject.model.properties
        self.rows = {i: Row(p.name, p.kind, p.says) for i, p in enumerate(properties) if p.kind in SAFETY}
        self.deep = -1
        self.traces: dict[str, Trace] = {}
        self.proof: Proof | None = None
        self.answer = Proving(subject.spec.path, subject.spec.title, bounds(subject.spec, limits), ())

    def prove(self) -> Proved:
        """Search, then prove. Ctrl-C ends it with what was found so far."""
        return self._done(self._searched)

    def unroll(self, depth: int) -> Proved:
        """Only executions of at most so many steps. Ctrl-C ends it with what was found so far."""
        return self._done(lambda: self._unrolled(depth))

    def _done(self, work: Callable[[], None]) -> Proved:
        interrupted = False
        try:
            work()
        except KeyboardInterrupt:
            interrupted = True
            self._all("undecided", 0, "interrupted")
        rows = tuple(self.rows.values())
        seconds = round(time.monotonic() - self.began, 3)
        self.answer = replace(self.answer, properties=rows, interrupted=interrupted, seconds=seconds)
        return Proved(self.answer, self.traces, self.proof)

    def _all(self, verdict: Answer, depth: int, reason: str) -> None:
        """Answer all that have no answer yet."""
        for i in self._open():
            self.rows[i] = replace(self.rows[i], verdict=verdict, depth=depth, reason=reason)

    def _open(self) -> list[int]:
        return [i for i, row in self.rows.items() if row.verdict == "undecided" and not row.reason]

    # -- by search and induction

    def _searched(self) -> None:
        found = explore_natively(self.engine, self.limits, self.report)
        self.answer = replace(self.answer, states=found.states)
        if found.stopped == "interrupted":
            raise KeyboardInterrupt
        hits = {i: found.hits[i] for i in self._open() if i in found.hits}
        self._rederive(found, hits)
        if found.stopped not in (None, "decided"):
            hint = "--depth N asks for executions of N steps"
            self._all("undecided", 0, f"the search, to learn lemmas from, {unfinished(found)}; {hint}")
        if found.cut:
            self._all("undecided", 0, f"a transition is cut: {next(iter(found.cut))}")
        for i in self._open():
            if not found.premises >> i & 1 or (self.rows[i].kind == "at-rest" and not found.at_rest):
                self.rows[i] = replace(self.rows[i], verdict="vacuous", reason="its premise was never met")
        if found.states > MOST_STATES:
            self._all("undecided", 0, f"{found.states:,} states are too many to learn lemmas from")
        if self._open():
            self._induce(found, self._open())

    def _rederive(self, found: Exploration, hits: dict[int, int]) -> None:
        """The violations that a search has found, as formulas."""
        try:
            ways = dict(self._shortest(hits, max(hits.values(), default=0), self._left(UNROLLING_SECONDS)))
            reason = "by Z3, and by search"
        except OutOfTime:
            ways, reason = {}, "by search; Z3 did not come so far"
        for i, steps in hits.items():
            if ways and (i not in ways or len(ways[i]) != steps):
                raise Defect(f"Z3 and the search disagree about the shortest way to {self.rows[i].name}")
            self._violated(
                i, ways[i] if ways else way_to_hit(self.engine, found, i, self.subject.actor), reason
            )

    def _violated(self, number: int, way: Sequence[int], reason: str) -> None:
        prop = self.subject.model.properties[number]
        self.traces[prop.name] = retell(self.subject, self.engine, prop, way)
        self.rows[number] = replace(self.rows[number], verdict="violated", depth=len(way), reason=reason)

    def _induce(self, found: Exploration, numbers: Sequence[int]) -> None:
        self._say("reached states", 0)
        induction = Induction(self.program, Reached(self.program, found), self.watch, self.until)
        try:
            induction.prove(numbers)
            found_proof = self._checked(numbers, induction.lemmas)
        except OutOfTime:
            self._all("undecided", 0, f"{len(induction.lemmas)} lemmas were not enough when the time was up")
        else:
            self.proof = found_proof
            self._all("proved", 0, "by induction")
            self.answer = replace(self.answer, unlimited=found_proof.unlimited)
        finally:
            count, asked = len(induction.lemmas), induction.obligations.asked
            self.answer = replace(self.answer, lemmas=count, questions=asked)

    def _checked(self, numbers: Sequence[int], lemmas: Sequence[Lemma]) -> Proof:
        """The proof, with every obligation asked again, as by anybody who reads it. Raises OutOfTime, Defect."""
        spec, assumes = self.subject.spec.path, self.answer.assumes
        made = proof(self.program, spec, assumes, numbers, lemmas, self.until)
        for obligation in check(self.program, made, spec, self.until, self.watch):
            if obligation.failure:
                raise Defect(f"a proof that is none: {obligation.says}: {obligation.failure}")
        return made

    # -- by unrolling

    def _unrolled(self, depth: int) -> None:
        try:
            for prop, way in self._shortest(self._open(), depth, self.until):
                self._violated(prop, way, "by Z3")
        except (OutOfTime, KeyboardInterrupt) as error:
            why = "then the time was up" if isinstance(error, OutOfTime) else "then interrupted"
            if self.deep >= 0:
                self._all("holds up to depth", self.deep, why)
            self._all("undecided", 0, "the time was up")
            if isinstance(error, KeyboardInterrupt):
                raise
        self._all("holds up to depth", depth, "")

    def _shortest(
        self, wanted: Collection[int], depth: int, until: float | None
    ) -> Iterator[tuple[int, list[int]]]:
        """Shortest ways to violations, as numbers of actions, of at most so many steps; `deep` is the number of steps
        within which there are no others. Raises OutOfTime."""
        number = {action: i for i, action in enumerate(self.subject.model.actions)}
        unrolling, left = Unrolling(self.program), list(wanted)
        for steps in range(depth + 1):
            if not left:
                return
            self._say(f"step {steps} of {depth}", 0)
            if steps:
                unrolling.extend()
            while left and (found := unrolling.violation(left, until)) is not None:
                prop, commands = found
                left.remove(prop)
                yield prop, [number[command.action] for command in commands]
            self.deep = steps

    def _left(self, seconds: float) -> float:
        until = time.monotonic() + seconds
        return until if self.until is None else min(until, self.until)

    def _say(self, what: str, lemmas: int) -> None:
        if self.watch is not None:
            self.watch(what, lemmas)
