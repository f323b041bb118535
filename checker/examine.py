"""Examining a pipeline: trace its model, search it, look for lassos, judge, and retell what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from eoscheck.checker.counterexample import Defect, Subject, Told, Trace, retell
from eoscheck.checker.engine import Engine, Interpreter
from eoscheck.checker.liveness import KINDS, Lasso, violations
from eoscheck.checker.search import Exploration, Figures, Limits, Searched, explore
from eoscheck.checker.shortest import way_to_hit, way_to_state
from eoscheck.checker.verdict import Result, judge
from eoscheck.model.spec import Spec

if TYPE_CHECKING:
    from eoscheck.checker.commands import Program
    from eoscheck.checker.native.search import Options

Path = tuple[list[int], list[int] | None]
"""Numbers of the actions of a trace, and those of the cycle that it ends in."""

ENGINES = ("native", "python", "interpreter")


@dataclass(frozen=True)
class Examination:
    """A result with the traces (by property name) that its rows speak of."""

    result: Result
    traces: dict[str, Trace]


@dataclass(frozen=True)
class Judged:
    """What was searched and what it says, before Z3 is asked.

    paths   by property index, the actions of its trace (and of the cycle it ends in)
    """

    engine: Engine
    found: Exploration
    examination: Examination
    paths: dict[int, Path]


def limits_of(
    spec: Spec,
    *,
    states: int | None = None,
    depth: int | None = None,
    seconds: float | None = None,
    memory_mb: int | None = None,
) -> Limits:
    """The limits of the spec, with those that are given in their place."""
    bounds = spec.bounds
    return Limits(
        bounds.states if states is None else states,
        bounds.depth if depth is None else depth,
        bounds.seconds if seconds is None else seconds,
        bounds.memory_mb if memory_mb is None else memory_mb,
    )


def engine_for(subject: Subject, engine: str = "native") -> Engine:
    """The engine of that name. Raises TraceError where the model cannot be traced."""
    if engine == "interpreter":
        return Interpreter(subject.model)
    from eoscheck.checker.trace import trace

    program = trace(subject.model)
    if engine == "native":
        from eoscheck.checker.native.engine import Native

        return Native(program)
    from eoscheck.checker.compiled import Compiled

    return Compiled(program)


def examine(
    subject: Subject,
    limits: Limits,
    engine: str = "native",
    report: Callable[[Figures], None] | None = None,
    options: Options | None = None,
    *,
    certify: bool = False,
    explain: bool = False,
) -> Examination:
    """Search everything within the limits. Ctrl-C ends it with what was found so far, and nothing more is looked for.

    certify   have Z3 confirm everything it can, whatever that costs; otherwise what takes less than a second
    explain   find out why actions never fired

    Raises Defect where the engine, the interpreter, or Z3 disagree.
    """
    judged = judge_all(subject, limits, engine, report, options)
    chosen, found, examination = judged.engine, judged.found, judged.examination
    program: Program | None = getattr(chosen, "program", None)
    if program is None:  # nothing was traced, so there are no formulas
        return examination
    result = examination.result
    if not result.interrupted:
        result = _confirmed(program, chosen, found, result, judged.paths, certify=certify)
    if explain and not result.interrupted:
        from eoscheck.checker.solver.unfired import reasons

        try:
            result = replace(result, never_because=reasons(program, found))
        except KeyboardInterrupt:
            result = replace(result, interrupted=True)
    return replace(examination, result=result)


def judge_all(
    subject: Subject,
    limits: Limits,
    engine: str = "native",
    report: Callable[[Figures], None] | None = None,
    options: Options | None = None,
) -> Judged:
    """Search, judge every property, retell what was found.

    Raises Defect where the engine and the interpreter disagree.
    """
    chosen = engine_for(subject, engine)
    searched = search(chosen, limits, report, options)
    lassos = _lassos(chosen, searched.found)
    result = judge(subject.spec, subject.model, searched.found, limits, chosen.name, lassos)
    result = replace(result, notes=(*result.notes, *searched.notes))
    paths: dict[int, Path] = {}

    def one_by_one() -> Iterator[tuple[int, Path]]:
        for number, path in _paths(subject, chosen, result, searched, lassos):
            paths[number] = path
            yield number, path

    return Judged(chosen, searched.found, told(subject, chosen, result, one_by_one()), paths)


def _confirmed(
    program: Program,
    engine: Engine,
    found: Exploration,
    result: Result,
    paths: dict[int, Path],
    *,
    certify: bool,
) -> Result:
    """The result with what Z3 says of it."""
    from eoscheck.checker.solver.opinion import ANY, UNDER_A_SECOND, certified, opinion

    try:
        cost = ANY if certify else UNDER_A_SECOND
        said, whole = opinion(program, engine, found, result.properties, paths, cost)
        if certify and whole:
            said, whole = certified(said, program, found)
    except Defect as defect:
        raise Defect(f"{defect}; please report this line, with the spec") from defect
    return replace(result, checked_by_z3=said, interrupted=not whole)


def search(
    engine: Engine, limits: Limits, report: Callable[[Figures], None] | None, options: Options | None = None
) -> Searched:
    """Explore with what the engine brings along for it."""
    if engine.name != "native":
        return Searched(explore(engine, limits, report))
    from eoscheck.checker.native.engine import Native
    from eoscheck.checker.native.reducing import explore_reducing
    from eoscheck.checker.native.search import Options

    assert isinstance(engine, Native)
    return explore_reducing(engine, limits, report, options or Options())


def _lassos(engine: Engine, found: Exploration) -> dict[int, Lasso]:
    """What violates the liveness properties. An unfinished search knows nothing of what must happen."""
    if found.missed is not None:
        return {}
    try:
        return violations(engine, found)
    except KeyboardInterrupt:
        found.stopped = "interrupted"
    except MemoryError:
        found.stopped = "memory"
    return {}


def _paths(
    subject: Subject, engine: Engine, result: Result, searched: Searched, lassos: dict[int, Lasso]
) -> Iterator[tuple[int, Path]]:
    """By property, the way to its violation, or to its goal."""
    found = searched.found
    for i, row in enumerate(result.properties):
        if row.kind in KINDS and i in lassos:
            way = way_to_state(engine, found.visited, lassos[i].state, subject.actor)
            yield i, (way, list(lassos[i].cycle) if row.kind == "eventually" else None)
        elif row.kind not in KINDS and i in found.hits:
            yield i, (_way(engine, searched.sources.get(i, found), i, subject), None)


def _way(engine: Engine, found: Exploration, prop: int, subject: Subject) -> list[int]:
    if not found.reduced:
        return way_to_hit(engine, found, prop, subject.actor)
    from eoscheck.checker.native.reducing import way_in_reduced

    return way_in_reduced(found, prop)


def told(subject: Subject, engine: Engine, result: Result, paths: Iterable[tuple[int, Path]]) -> Examination:
    """The result with the paths (by property index; with a cycle, if it is liveness) made into traces. Ctrl-C ends it
    with those that were made until then."""
    traces: dict[str, Trace] = {}
    known: Told = {}
    rows = list(result.properties)
    try:
        for i, path in paths:
            trace = retell(subject, engine, subject.model.properties[i], *path, known)
            traces[rows[i].name] = trace
            rows[i] = replace(rows[i], steps=len(trace.steps), witness=trace.witness)
    except KeyboardInterrupt:
        result = replace(result, interrupted=True)
        why = "interrupted before its counterexample was told"
        untold = [i for i, row in enumerate(rows) if row.verdict == "violated" and row.name not in traces]
        for i in untold:
            rows[i] = replace(rows[i], reason=why)
    return Examination(replace(result, properties=tuple(rows)), traces)
