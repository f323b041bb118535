"""The judge of a history: can it be explained, guarantee by guarantee, and if not, by which observations not.

Z3 decides each question: whether there is an outcome of every transaction, a place of every record and a content of
every offset under which all observations hold. If there is none, the smallest sets of observations that contradict one
another are the findings.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import z3  # type: ignore[import-untyped]
from eoscheck.checker.audit.cores import Weighing, can_hold, steps
from eoscheck.checker.audit.effects import atomic_read, no_duplicates, no_loss
from eoscheck.checker.audit.facts import Facts
from eoscheck.checker.audit.history import History
from eoscheck.checker.audit.order import order
from eoscheck.checker.audit.rules import Because, Constraint, Question, atomic_visibility, provenance, visible
from eoscheck.checker.solver.answers import OutOfTime
from eoscheck.checker.verdict import INTERRUPTED, WORD, Verdict, worst

EFFORT = 1.0
"""Seconds in which smaller contradictions are looked for, for each guarantee; then minimal ones are enough."""

MOST = 10
"""Findings of one guarantee that are told; one is always told of each contradiction that rests on others."""

SECONDS = 60.0
GUARANTEES = (
    "provenance",
    "no-duplicates",
    "no-loss",
    "exactly-once",
    "order",
    "atomic-visibility",
    "atomic-read",
)
ON_REQUEST = ("exactly-once", "atomic-read")


@dataclass(frozen=True)
class Finding:
    """Observations that nothing explains.

    events    their indexes in the history
    smallest  whether no smaller set contradicts itself here; False: none can be left out, and that is all we know
    because   the steps that lead to the contradiction
    """

    events: tuple[int, ...]
    smallest: bool
    because: tuple[Because, ...]


@dataclass(frozen=True)
class Judgement:
    """One row of the result. `more`: how many findings are not told."""

    name: str
    verdict: Verdict
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    more: int = 0

    @property
    def base(self) -> str:
        """The name without its reader or store."""
        return self.name.partition("@")[0]


@dataclass(frozen=True)
class Audit:
    """What a history was found to be.

    outcomes     of each transaction whose client was told nothing: "committed", "aborted", or "either" of them
    interrupted  somebody did not wait for the other guarantees
    """

    history: History
    judgements: tuple[Judgement, ...]
    outcomes: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def verdict(self) -> Verdict:
        """The most alarming of all rows; without any, nothing was there to be judged."""
        ranked: tuple[Verdict, ...] = ("violated", "vacuous", "undecided", "holds")
        if self.interrupted and not any(j.verdict == "violated" for j in self.judgements):
            return "undecided"
        return next((v for v in ranked if any(j.verdict == v for j in self.judgements)), "vacuous")

    @property
    def exit_code(self) -> int:
        if self.interrupted:
            return INTERRUPTED
        return worst([WORD[j.verdict] for j in self.judgements] or [WORD["vacuous"]])

    def of(self, name: str) -> Judgement | None:
        """The row of that name."""
        return next((j for j in self.judgements if j.name == name), None)


def audit(history: History, wanted: Sequence[str] = (), seconds: float = SECONDS) -> Audit:
    """Judge a history. Ctrl-C ends it with what was judged until then.

    wanted   bare or full names of guarantees; none: all but those that are only judged when asked for
    """
    begun = time.monotonic()
    facts = Facts(history)
    judgements: list[Judgement] = []
    outcomes: dict[str, str] = {}
    interrupted = False
    try:
        for question in questions(facts, wanted):
            judgements.append(_answered(question, begun + seconds))
            if question.name == "atomic-visibility" and judgements[-1].verdict == "holds":
                with suppress(OutOfTime):
                    outcomes = _outcomes(facts, question, begun + seconds)
    except KeyboardInterrupt:
        interrupted = True
    judgements = [*judgements, *_exactly_once(judgements, wanted)]
    asked = [j for j in judgements if _is_wanted(j.name, wanted)]
    return Audit(history, tuple(asked), outcomes, round(time.monotonic() - begun, 3), interrupted)


def _is_wanted(name: str, wanted: Sequence[str]) -> bool:
    base = name.partition("@")[0]
    return name in wanted or base in wanted or (not wanted and base not in ON_REQUEST)


def questions(facts: Facts, wanted: Sequence[str] = ()) -> Iterator[Question]:
    """What there is to be asked of a history; `wanted`: as for `audit`."""
    if facts.given or facts.every_send:
        yield provenance(facts)
    yield from no_duplicates(facts)
    yield from no_loss(facts)
    yield from order(facts)
    if facts.transactions:
        yield atomic_visibility(facts)
    if any(name.startswith("atomic-read") for name in wanted):
        yield from atomic_read(facts)


def _answered(question: Question, deadline: float) -> Judgement:
    if question.unjudged:
        return Judgement(question.name, "vacuous", f"not judged: {question.unjudged}")
    try:
        if can_hold(question.constraints, deadline):
            return Judgement(question.name, "holds")
        findings = _findings(question.constraints, deadline)
    except OutOfTime as error:
        return Judgement(question.name, "undecided", f"Z3 does not say: {error}")
    told = findings[:MOST]
    why = f"not judged: {question.besides}" if question.besides else ""
    why = why if findings else "which observations contradict one another was not found in time"
    return Judgement(question.name, "violated", why, tuple(told), len(findings) - len(told))


def _findings(constraints: Sequence[Constraint], deadline: float) -> list[Finding]:
    """All of them, those that rest on one constraint alone first."""
    found = [
        Finding(tuple(sorted(c.observed)), True, (c.because,))
        for c in constraints
        if not c.unknowns and c.observed
    ]
    known = [set(f.events) for f in found]
    until = time.monotonic() + EFFORT
    for component in _components(constraints):
        for finding in _contradictions(component, until, deadline):
            if not any(events <= set(finding.events) for events in known):
                found.append(finding)
    return sorted(found, key=lambda f: (len(f.events), f.events))


def _components(constraints: Sequence[Constraint]) -> list[list[Constraint]]:
    """The constraints with unknowns, those together that speak of the same ones, directly or by way of others."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    constraints = [c for c in constraints if c.unknowns]
    for constraint in constraints:
        first, *others = constraint.unknowns
        for other in others:
            parent[root(other)] = root(first)
    found: dict[str, list[Constraint]] = defaultdict(list)
    for constraint in constraints:
        found[root(next(iter(constraint.unknowns)))].append(constraint)
    return list(found.values())


def _contradictions(constraints: list[Constraint], until: float, deadline: float) -> Iterator[Finding]:
    """One smallest core after the other, the last observation of each being doubted from then on."""
    for _ in range(MOST):
        weighing = Weighing(constraints, deadline)
        core = weighing.core(weighing.observed)
        if core is None:
            return
        try:
            core, smallest = weighing.smallest(core, until)
        except OutOfTime:
            smallest = False
        yield Finding(tuple(core), smallest, tuple(c.because for c in steps(constraints, core)))
        constraints = [c for c in constraints if core[-1] not in c.observed]


def _exactly_once(judgements: Iterable[Judgement], wanted: Sequence[str]) -> Iterator[Judgement]:
    """Neither lost nor doubled: what the two say together."""
    rows = {j.name: j for j in judgements}
    for name, lost in rows.items():
        sink = name.partition("@")[2]
        if lost.base == "no-loss":
            doubled = rows[f"no-duplicates@{sink}"]
            worse = min(
                (doubled, lost), key=lambda j: ("violated", "undecided", "vacuous", "holds").index(j.verdict)
            )
            both = (*doubled.findings, *lost.findings)
            yield replace(worse, name=f"exactly-once@{sink}", findings=both, more=doubled.more + lost.more)


def _outcomes(facts: Facts, question: Question, deadline: float) -> dict[str, str]:
    """What the observations say of the transactions whose clients were told nothing."""
    about = {name: own for own in _components(question.constraints) for c in own for name in c.unknowns}
    found = {}
    for transaction in facts.transactions:
        if transaction in facts.committed or transaction in facts.aborted:
            continue
        shown = visible(transaction)
        own = [c for c in about.get(transaction, ()) if c.because.proven]
        ways = (("committed", shown), ("aborted", z3.Not(shown)))
        may = [word for word, way in ways if can_hold(own, deadline, way)]
        found[transaction] = may[0] if len(may) == 1 else "either"
    return found
