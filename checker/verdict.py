"""Verdicts: what an exploration says about each property, and what a run as a whole says.

Unknown is a value here, never a pass: a property holds only where the frontier ran empty and nothing was cut,
and a property whose premise was never met is vacuous, not true. `Result` is the one object that every
renderer reads; its `to_json` is the contract "eoscheck-result/1".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from eoscheck.checker.liveness import KINDS, Lasso
from eoscheck.checker.search import Exploration, Limits
from eoscheck.model.language import Model, Property
from eoscheck.model.spec import Spec

FORMAT = "eoscheck-result/1"

Verdict = Literal["holds", "violated", "undecided", "vacuous"]

INTERRUPTED = 130
REPLAY_DIFFERS = 5
ALARM = (70, 1, 2, 5, 4, 3, 0)
"""Exit codes, the most alarming first (2 can meet others only where several specs are checked at once)."""

WORD = {"violated": 1, "vacuous": 4, "undecided": 3, "holds": 0}
"""The exit code that each verdict of a property asks for."""


@dataclass(frozen=True)
class PropertyVerdict:
    """One row of the result.

    steps    length of the trace, 0 where there is none
    reason   why it is undecided or vacuous, or violated without a trace; "" otherwise
    trace    path of the trace file, once one is written
    witness  {"sentence": ..., "facts": {...}} of a violated property or a goal that was met, else None
    """

    name: str
    kind: str
    says: str
    verdict: Verdict
    reason: str = ""
    steps: int = 0
    trace: str | None = None
    witness: dict[str, Any] | None = None

    @property
    def base(self) -> str:
        """The name without its sink: `no-duplicates` of `no-duplicates@ledger`."""
        return self.name.partition("@")[0]


@dataclass(frozen=True)
class Cut:
    """A transition that a range or capacity cut off, and how often it was met: in a search that is reduced, perhaps
    several times in one state."""

    transition: str
    count: int


@dataclass(frozen=True)
class Opinion:
    """What Z3 confirms of a result (`solver.opinion`).

    steps       by property whose counterexample, or way to the goal, was retraced: how many steps it has
    valuations  by property that no explored state violates, or whose goal none meets: how many distinct valuations of
                the variables that it reads were looked at
    unchecked   by property that was not asked, the reason
    certified   what else was asked for and confirmed, in sentences
    """

    steps: dict[str, int]
    valuations: dict[str, int]
    unchecked: dict[str, str]
    certified: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What one run says.

    method    "exhaustive" or "simulation"
    stopped   why an exhaustive search ended before its frontier ran empty, else None
    interrupted  somebody did not wait: for the search, or for what is done behind it
    depth     number of levels, the initial state being the first (simulation: steps of the longest walk)
    seconds   of searching, without loading and tracing
    reduction what spared states: "partial order", "partial order and symmetry"; None: nothing did
    missed    the probability that a state was missed, since only fingerprints were compared; None: states were
    at_rest   number of states in which nothing but a fault can happen
    actions   per action, how often it was taken
    checked   kinds of property that were looked at; `unchecked`: those that were not, with the reason
    never_because  by action that never fired, why, where that was found out
    checked_by_z3  what Z3 confirms; None: it was not asked
    """

    spec: str
    title: str
    verdict: Verdict
    complete: bool
    stopped: str | None
    method: str
    engine: str
    states: int
    transitions: int
    depth: int
    seconds: float
    reduction: str | None
    missed: float | None
    at_rest: int
    bounds: dict[str, Any]
    properties: tuple[PropertyVerdict, ...]
    never_fired: tuple[str, ...]
    cut: tuple[Cut, ...]
    actions: dict[str, int]
    checked: tuple[str, ...]
    unchecked: dict[str, str]
    notes: tuple[str, ...]
    never_because: dict[str, str] = field(default_factory=dict)
    checked_by_z3: Opinion | None = None
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """The exit code of a run that was asked for this result."""
        if self.interrupted:
            return INTERRUPTED
        codes = [WORD[p.verdict] for p in self.properties]
        if not codes:
            codes.append(WORD["vacuous"])
        return worst([*codes, 0 if self.complete else WORD["undecided"]])

    def of(self, name: str) -> list[PropertyVerdict]:
        """The rows that `name` means: one of that full name, or all sinks of that bare name."""
        return [p for p in self.properties if name in (p.name, p.base)]

    def with_traces(self, paths: Mapping[str, str]) -> Result:
        """The same result, naming the trace files that were written (by property)."""
        rows = tuple(replace(p, trace=paths.get(p.name, p.trace)) for p in self.properties)
        return replace(self, properties=rows)

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {"format": FORMAT, **asdict(self)}


def worst(codes: Iterable[int]) -> int:
    """The exit code that wins where several apply.

    >>> worst([0, 3, 1, 4]), worst([])
    (1, 0)
    """
    return min(codes, key=ALARM.index, default=0)


def judge(
    spec: Spec, model: Model, found: Exploration, limits: Limits, engine: str, lassos: Mapping[int, Lasso]
) -> Result:
    """The result of an exhaustive search.

    lassos   what was found against "eventually" and "possible" properties, looked for only in a complete search
    """
    rows = tuple(_row(i, p, found, lassos) for i, p in enumerate(model.properties))
    kinds = tuple(dict.fromkeys(p.kind for p in model.properties))
    skipped = tuple(kind for kind in KINDS if kind in kinds) if unseen(found) else ()
    return Result(
        spec=spec.path,
        title=spec.title,
        verdict=overall(rows, found.complete),
        complete=found.complete,
        stopped=found.stopped,
        interrupted=found.stopped == "interrupted",
        method="exhaustive",
        engine=engine,
        states=found.states,
        transitions=found.transitions,
        depth=found.depth,
        seconds=round(found.seconds, 3),
        reduction=found.reduced or None,
        missed=found.missed,
        at_rest=found.at_rest,
        bounds=bounds(spec, limits),
        properties=rows,
        never_fired=tuple(a.name for a, n in zip(model.actions, found.fired, strict=True) if not n),
        cut=tuple(Cut(text, n) for text, n in sorted(found.cut.items())),
        actions={a.name: n for a, n in zip(model.actions, found.fired, strict=True)},
        checked=tuple(kind for kind in kinds if kind not in skipped),
        unchecked=dict.fromkeys(skipped, unseen(found)),
        notes=spec.notes,
    )


def _row(number: int, prop: Property, found: Exploration, lassos: Mapping[int, Lasso]) -> PropertyVerdict:
    verdict, reason = _verdict(number, prop, found, lassos)
    return PropertyVerdict(prop.name, prop.kind, prop.says, verdict, reason)


def _verdict(
    number: int, prop: Property, found: Exploration, lassos: Mapping[int, Lasso]
) -> tuple[Verdict, str]:
    hit = number in found.hits
    if prop.kind == "sometimes":
        if hit:
            return "holds", ""
        if found.complete and found.missed is not None:
            return "undecided", fingerprinted(found.missed)
        return ("violated", "never reached") if found.complete else ("undecided", unfinished(found))
    if hit or number in lassos:
        return "violated", ""
    if not found.complete:
        return "undecided", unfinished(found)
    if found.missed is not None:
        return "undecided", unseen(found) if prop.kind in KINDS else fingerprinted(found.missed)
    if not found.premises >> number & 1:
        return "vacuous", "its premise was never met"
    if prop.kind == "at-rest" and not found.at_rest:
        return "vacuous", "nothing ever came to rest"
    return "holds", ""


def unfinished(found: Exploration) -> str:
    """Why a search says nothing about what it has not seen."""
    why = {
        "interrupted": "interrupted",
        "states": f"stopped at {found.states:,} states",
        "depth": f"stopped after {found.depth - 1} steps",
        "seconds": f"stopped after {found.seconds:.0f} s",
        "memory": "stopped at the limit of memory",
        "disk": "stopped, the disk being full",
        "decided": "stopped, every property being violated",
    }
    if found.stopped:
        return why.get(found.stopped, f"stopped: {found.stopped}")
    number = "some" if found.reduced else f"{sum(found.cut.values()):,}"
    return f"{number} transitions were cut"


def fingerprinted(missed: float) -> str:
    """Why a search by fingerprints that has found nothing does not say "holds"."""
    return f"nothing found, and a state was missed with probability {missed:.1e}"


def unseen(found: Exploration) -> str:
    """Why a search says nothing about what must or may still happen; "" if it does."""
    if not found.complete:
        return unfinished(found)
    return "" if found.missed is None else "not asked of fingerprints"


def overall(rows: Iterable[PropertyVerdict], complete: bool) -> Verdict:
    """holds, violated or undecided: what all rows together say.

    A vacuous row, or none at all, is no "holds".
    """
    verdicts = {row.verdict for row in rows}
    if "violated" in verdicts:
        return "violated"
    return "holds" if verdicts == {"holds"} and complete else "undecided"


def bounds(spec: Spec, limits: Limits) -> dict[str, Any]:
    """The bounds that a result holds within: what the spec contains, and the limits of the search."""
    return {
        "kafka": spec.version,
        "faults": {f.name: f.budget for f in spec.faults},
        "faults_in_all": spec.bounds.faults,
        "records": sum(t.records for t in spec.topics) + sum(p.records for p in spec.producers),
        "partitions": {t.name: t.partitions for t in spec.topics},
        "instances": {p.name: p.instances for p in spec.processors},
        "capacities": {k: v for k, v in asdict(spec.bounds).items() if k not in (*asdict(limits), "faults")},
        "limits": asdict(limits),
    }
