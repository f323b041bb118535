"""A search that reduces once there is reason to: a state that is kept costs several times what it costs a plain search,
so reducing spares memory, not time.

States are searched as they are. What fits ends there, with shortest counterexamples and figures that are those of the
whole state space. Where the memory is full, a search that is reduced begins, and what it finds violated is sought once
more as it is, for a shortest counterexample.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from eoscheck.checker.counterexample import Defect
from eoscheck.checker.covering import taken
from eoscheck.checker.engine import TooLarge
from eoscheck.checker.native.checkpoint import BadCheckpoint, is_reduced
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.search import Options, explore_natively
from eoscheck.checker.native.visited import Visited
from eoscheck.checker.reduction import LONGEST, Reduction, refusal
from eoscheck.checker.search import Exploration, Limits, Report, Searched
from eoscheck.checker.solver.answers import OutOfTime
from eoscheck.checker.solver.commuting import sharpen
from eoscheck.checker.solver.symmetry import symmetry_of
from eoscheck.checker.symmetry import Symmetry, applied
from eoscheck.model.exchange import Exchange


def explore_reducing(
    engine: Native, limits: Limits, report: Report | None, options: Options, first: int | None = None
) -> Searched:
    """Search all reachable states, or as many as it takes to know what all of them would say.

    first   how many are searched before a search is reduced; None: as many as memory holds
    """
    kept, began = options.checkpoint, time.monotonic()
    reduced = options.resume and kept is not None and is_reduced(kept)
    if not options.reduce:
        return Searched(explore_natively(engine, limits, report, options))
    why = _refusal(engine, limits, options)
    if why and reduced:
        raise BadCheckpoint(f"{kept}: that search is reduced, which this one cannot be: {why}")
    if why:
        found = explore_natively(engine, limits, report, options)
        large = found.stopped == "memory" or (first is not None and found.states > first)
        return Searched(found, notes=(f"not reduced: {why}",) if large else ())
    begun: Exploration | None = None
    if not reduced:
        few = first is not None and (limits.states is None or first < limits.states)
        begun = explore_natively(engine, replace(limits, states=first) if few else limits, report, options)
        full = begun.stopped == "memory" and begun.states > 0
        if not full and not (few and begun.stopped == "states"):
            return Searched(begun)
        _make_room(begun)
        options = replace(options, resume=False, over=True)
    try:
        # A search that is kept goes on as it began, so nothing is given up where it is resumed.
        over = None if limits.seconds is None or begun is None else began + limits.seconds
        reduction = Reduction(engine.program, symmetry_of(engine.program, over))
        sharpen(reduction, over)
        less = Native(engine.program, reduction)
        found = explore_natively(less, _left(limits, began), report, options)
    except (KeyboardInterrupt, OutOfTime, TooLarge) as error:
        if begun is None:
            raise
        why_not = {OutOfTime: "seconds", TooLarge: "memory", KeyboardInterrupt: "interrupted"}
        begun.stopped = why_not[type(error)]
        begun.seconds = time.monotonic() - began
        return Searched(begun)
    found.reduced = "partial order and symmetry" if reduction.symmetry.exchanges else "partial order"
    sources: dict[int, Exploration] = {}
    if begun is not None:
        found.seconds += begun.seconds
        _join(found, begun)
        sources = dict.fromkeys(begun.hits, begun)
    missing = found.hits.keys() - sources.keys()
    if missing and found.stopped != "interrupted":
        again = _sought(engine, _left(limits, began), report, options, missing)
        if again is not None:
            _join(found, again)
            sources = {**dict.fromkeys(again.hits, again), **sources}
    missing = found.hits.keys() - sources.keys()
    names = ", ".join(engine.model.properties[i].name for i in sorted(missing))
    notes = _about(reduction.symmetry)
    if missing:
        notes.append(f"not known to be the shortest, since that takes a search without reduction: {names}")
    return Searched(found, sources, tuple(notes))


def _about(symmetry: Symmetry) -> list[str]:
    """What is to be said where parts were taken for each other."""
    alike = "; ".join(exchange.what for exchange in symmetry.exchanges)
    stand = [f"stand for each other, so that what one did counts for both: {alike}"] if alike else []
    return [*stand, *(f"no symmetry: {why}" for why in symmetry.refused)]


def _sought(
    engine: Native, limits: Limits, report: Report | None, options: Options, wanted: Collection[int]
) -> Exploration | None:
    """A search as it is, for properties that are known to be hit somewhere; None if Ctrl-C came before it began."""
    options = replace(options, checkpoint=None, resume=False, over=False)
    try:
        found = explore_natively(engine, limits, report, options, until=wanted)
    except KeyboardInterrupt:
        return None
    if found.stopped is None and not found.hits.keys() >= set(wanted):
        raise Defect("a reduced search has found what is not there")
    return found


def _refusal(engine: Native, limits: Limits, options: Options) -> str:
    if options.fingerprint:
        return "fingerprints do not tell when a state was found"
    if limits.depth is not None:
        return "a limit of steps was asked for, and some are taken in passing"
    return refusal(engine.program)


def _make_room(found: Exploration) -> None:
    """Keep no more states of a search than lead to what it has hit."""
    assert isinstance(found.visited, Visited)
    if found.hits:
        found.visited.keep(max(found.hits.values()))
    else:
        found.visited.close()


def _left(limits: Limits, began: float) -> Limits:
    """What is left of the limits, of a search that began then."""
    if limits.seconds is None:
        return limits
    return replace(limits, seconds=max(limits.seconds - (time.monotonic() - began), 0.0))


def _join(found: Exploration, other: Exploration) -> None:
    """What a search without reduction has seen is true as well. Raises Defect where one that is reduced and complete
    has not seen it."""
    new = {
        "hit": other.hits.keys() - found.hits.keys(),
        "premise": other.premises & ~found.premises,
        "cut": other.cut.keys() - found.cut.keys(),
        "action": [n for n, m in zip(other.fired, found.fired, strict=True) if n and not m],
    }
    missed = [what for what, some in new.items() if some]
    if missed and found.stopped is None:
        raise Defect(f"a reduced search has missed a {missed[0]}; --no-reduction searches without")
    for prop, steps in other.hits.items():
        found.hits.setdefault(prop, steps)
    found.premises |= other.premises
    found.cut |= other.cut
    found.fired = [mine or its for mine, its in zip(found.fired, other.fired, strict=True)]


def way_in_reduced(found: Exploration, prop: int) -> list[int]:
    """Numbers of the actions of a way to a hit that a reduced search has found. It need not be a shortest one."""
    visited, level = found.visited, found.hits[prop]
    assert isinstance(visited, Visited) and visited.engine.reduction is not None
    target = min(map(visited.state, visited.hitting(prop, level)))
    way: list[tuple[list[bytes], bytes]] = []
    for before in reversed(range(level)):
        links = _Links(visited.engine, visited.open_at(before))
        states = map(visited.state, visited.leading(before, [target]))
        passed = next(passed for state in states if (passed := links.between(state, target)))
        way.insert(0, (passed, target))
        target = passed[0]
    return _retold(visited.engine, way)


def _retold(engine: Native, way: Sequence[tuple[list[bytes], bytes]]) -> list[int]:
    """Numbers of the actions of a way, by step of the search: the states that were passed, and what was kept of the
    last one, in which parts may have changed places. Undone from the beginning on, each step is one that can happen."""
    assert engine.reduction is not None
    symmetry = engine.reduction.symmetry
    actions: list[int] = []
    changes: tuple[Exchange, ...] = ()
    for passed, kept in way:
        state = applied(changes, passed[0])
        for after in passed[1:]:
            goal = applied(changes, after)
            number = next((n for n, t in engine.successors(state) if t == goal), None)
            if number is None:
                raise Defect("a reduced search has gone where nothing leads")
            actions.append(number)
            state = goal
        changes = (*reversed(symmetry.orbit(passed[-1])[kept]), *changes)
    return actions


class _Links:
    """Ways between two states that a reduced search has kept."""

    def __init__(self, engine: Native, open: int) -> None:
        assert engine.reduction is not None
        self.engine, self.open, self.symmetry = engine, open, engine.reduction.symmetry
        number = {action: i for i, action in enumerate(engine.model.actions)}
        self.trees = {number[action]: tree for action, tree in engine.program.trees()}

    def between(self, state: bytes, target: bytes) -> list[bytes] | None:
        """A state, the one after a step, and those that were passed behind it; None if that does not lead
        to the target, or to what the target becomes by exchanges."""
        targets = self.symmetry.orbit(target)
        for _, after in self.engine.successors(state):
            passed = self._passed(after, targets) if isinstance(after, bytes) else None
            if passed is not None:
                return [state, *passed]
        return None

    def _passed(self, state: bytes, targets: Collection[bytes]) -> list[bytes] | None:
        passed = [state]
        while passed[-1] not in targets and len(passed) <= LONGEST:
            moves = self._moves(passed[-1])
            chosen = self.engine.chosen(passed[-1], sum(1 << number for number in moves), self.open)
            if chosen.bit_count() != 1:
                return None
            passed.append(moves[chosen.bit_length() - 1])
        return passed if passed[-1] in targets else None

    def _moves(self, state: bytes) -> dict[int, bytes]:
        """By command that leads somewhere: where to."""
        moves: dict[int, bytes] = {}
        for action, after in self.engine.successors(state):
            command = taken(self.trees[action], state)
            if command is not None and isinstance(after, bytes):
                moves[command.number] = after
        return moves
