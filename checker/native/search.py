"""Breadth-first search by compiled code: level by level, by all threads, with the limits and figures of any search."""

from __future__ import annotations

import ctypes
import functools
import operator
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from eoscheck.checker.engine import TooLarge
from eoscheck.checker.native.checkpoint import Checkpoint, Saved
from eoscheck.checker.native.context import FINISHED, ROOM
from eoscheck.checker.native.crew import patient, together
from eoscheck.checker.native.engine import NUMBER, Functions, Native
from eoscheck.checker.native.jit import QUICK, THOROUGH, Compiling
from eoscheck.checker.native.memory import available_mb, cores, scratch
from eoscheck.checker.native.space import TASK_SIZE, Space
from eoscheck.checker.native.store import DiskFull
from eoscheck.checker.native.table import FINGERPRINT, NARROW, Slot
from eoscheck.checker.native.visited import Visited
from eoscheck.checker.search import Clock, Exploration, Limits, Report, Watch, resident_mb

WORTH_THREADS = 4096
"""States of a level that is worth the work of several threads, and of being watched."""

PASSED = 64
"""Levels that compiled code may begin before Python has to know."""

NEVER = 1 << 62
"""More states than there will be."""

LONG = 1.0
"""Seconds after which a search is worth compiling for thoroughly."""

SHARE_OF_MEMORY = 0.9
"""Of what is available, how much a search takes where nobody says."""


@dataclass(frozen=True)
class Options:
    """How a native search goes about it.

    threads      None: as many as there are cores
    fingerprint  keep 64 bits of each state only
    checkpoint   folder in which the search is kept, every so many seconds (`every`) and at its end
    resume       go on with the search that is kept there
    over         a search that is kept there, and is not reduced, may be replaced by one that is
    reduce       let a long search be reduced, where that is sound (`reducing`)
    everything   go on where every property is violated already
    """

    threads: int | None = None
    fingerprint: bool = False
    checkpoint: Path | None = None
    every: float = 60.0
    resume: bool = False
    over: bool = False
    reduce: bool = True
    everything: bool = False


class Search:
    """One search, level after level.

    levels   numbers of the first state of each level, and of the state behind the last
    until    properties: the search ends when all of these are hit
    """

    def __init__(
        self,
        engine: Native,
        limits: Limits,
        options: Options,
        report: Report | None,
        until: Collection[int] = (),
    ) -> None:
        self.until = frozenset(until)
        self.engine, self.limits, self.options = engine, limits, options
        self.threads = options.threads or cores()
        self.watch = Watch(engine)
        limit: float | None = limits.memory_mb
        if limit is None and (available := available_mb()) is not None:
            limit = resident_mb() + SHARE_OF_MEMORY * available
        self.checkpoint: Checkpoint | None = None
        if options.checkpoint is not None:
            self.checkpoint = Checkpoint(
                options.checkpoint,
                engine,
                fingerprint=options.fingerprint,
                resume=options.resume,
                over=options.over,
            )
        self.space = Space(
            engine,
            self.threads,
            slot=FINGERPRINT if options.fingerprint else NARROW,
            limit=limit,
            spill=scratch() if limits.memory_mb is not None else None,
            file=self.checkpoint.states if self.checkpoint else None,
        )
        self.clock = Clock(replace(limits, memory_mb=None), report, self.watch.safety)
        self.visited = Visited(engine, self.space)
        self.levels = self.visited.levels
        self.found = Exploration(self.visited, fired=[0] * len(engine.model.actions))
        self.interrupted = False
        self._ends = (NUMBER * PASSED)()
        self.space.context.ends = ctypes.addressof(self._ends)
        self._kept = 0.0
        self._begun, self._resumed = False, 0
        self._compiling: tuple[Slot, Compiling] | None = None

    def run(self) -> Exploration:
        """Search until the frontier is empty, a limit is reached, everything is decided, or somebody interrupts."""
        found = self.found
        try:
            with patient(self._interrupt):
                self._begin()
                self._begun = True
                found.stopped = self._levels()
        except KeyboardInterrupt:
            found.stopped = "interrupted"
        except MemoryError:
            found.stopped = "memory"
        except DiskFull:
            found.stopped = "disk"
        self._end()
        return found

    def _end(self) -> None:
        """Make what was found whole, also where a level was left in the middle."""
        found, context = self.found, self.space.context
        self._compile_no_more()
        context.states = context.following
        found.seconds = self.clock.seconds()
        try:
            if self._begun:  # else what is kept already is more than what is known here
                self._keep()
        except DiskFull:
            found.stopped = "disk"
        if self.checkpoint:
            self.checkpoint.close()
        most = self.limits.states
        if found.stopped == "states" and most is not None:
            context.states = context.following = max(most, self._resumed)
        self._heed()
        self._count()
        if found.states > self.levels[-1]:
            self.levels.append(found.states)
        if found.stopped == "states":
            # What was found beyond the limit is not there any more.
            last = len(self.levels) - 2
            found.hits = {
                i: at
                for i, at in found.hits.items()
                if at < last or (at == last and self.visited.hitting(i, at))
            }
        if not self.space.slot.exact:
            found.missed = found.states * (found.transitions + 1 - found.states) / 2**64

    def _begin(self) -> None:
        self.space.context.news = 1  # what is found in the initial state counts once its level is done
        if self.checkpoint and self.checkpoint.saved:
            self._go_on(self.checkpoint.saved)
            return
        initial = self.engine.model.initial
        self.space.begin(initial)
        self.found.premises = self.engine.premises(initial)
        self._record(self.engine.hits(initial, self.watch.pointwise), 0)
        self._keep()

    def _levels(self) -> str | None:
        found, context = self.found, self.space.context
        if found.depth and self._decided():
            return "decided"
        while True:
            found.depth += 1
            if self.limits.depth is not None and found.depth > self.limits.depth:
                return "depth"
            context.at, context.until = max(context.at, self.levels[-2]), self.levels[-1]
            reached = self._level()
            self._heed()
            if reached:
                return reached
            if context.states == context.until:
                return None
            self.levels.append(context.states)
            if self._decided():
                return "decided"

    def _decided(self) -> bool:
        hits = self.found.hits.keys()
        if self.options.everything:
            return False
        return self.watch.decided(self.found) or (bool(self.until) and self.until <= hits)

    def _level(self) -> str | None:
        """Expand the level, and those that compiled code goes on to. Gives the limit that is reached, or None."""
        context, space = self.space.context, self.space
        level = self.found.depth - 1
        del self.visited.seen[level + 1 :]
        if len(self.visited.seen) == level:  # else the level was begun by a process before this one
            self.visited.seen.append((sorted(self.found.hits), self.found.premises))
        self.visited.look_for(level)
        while True:
            self._work()
            reached = self._reached()
            if reached:
                return reached
            if context.reason == FINISHED:
                return None
            if context.reason == ROOM:
                space.more_room()
            elif space.crowded:
                space.grow(self._crew())
            space.relieve()

    def _crew(self) -> int:
        """How many threads the rest of the level is worth."""
        left = self.space.context.until - self.space.context.at
        return self.threads if left >= WORTH_THREADS else 1

    def _work(self) -> None:
        """Let the threads work until there is a reason to come back."""
        context, functions = self.space.context, self.space.functions
        context.reason, context.stop = 0, int(self.interrupted)
        context.threads = crew = self._crew()
        self._bound()
        tallies = [tally.address for tally in self.space.tallies]
        wide = context.until - context.at >= WORTH_THREADS
        watched = self._look_up if wide else None
        context.wide, context.passed = NEVER if wide else WORTH_THREADS, 0
        deeper = PASSED if self.limits.depth is None else self.limits.depth - self.found.depth
        context.most_passed, self._sent = min(PASSED, deeper), len(self.levels)
        try:
            together(crew, lambda i: functions.work(context.address, tallies[i], i), watched, self._halt)
        finally:
            self._pass()

    def _pass(self) -> None:
        """Take note of the levels that compiled code has begun. Nothing had been found in those before, so to each of
        them the same had been seen."""
        passed, seen = self.space.context.passed, self.visited.seen
        self.levels[self._sent :] = self._ends[:passed]
        self.found.depth = len(self.levels) - 1
        seen[self.found.depth - passed :] = [seen[-1]] * passed

    def _bound(self) -> None:
        """Blocks become smaller as the limit of states comes near, so that no more is found than was asked for."""
        context, space, most = self.space.context, self.space, self.limits.states
        block, context.crowd = space.block, space.crowd
        if most is not None:
            left = most - context.states
            block = max(1, min(block, left // space.most_successors))
            context.crowd = min(space.crowd, context.states + left // 2 if block > 1 else most)
        context.tasks, context.task_size = max(1, block // TASK_SIZE), min(block, TASK_SIZE)

    def _halt(self) -> None:
        self.space.context.stop = 1

    def _interrupt(self) -> None:
        self.interrupted = True
        self._halt()

    def _look_up(self) -> None:
        """What Python does now and then while the threads work."""
        self._pass()
        self._count()
        self.space.relieve()
        if self.interrupted or self._tick() or self._better() or self._due():
            self._halt()

    def _tick(self) -> str | None:
        context = self.space.context
        first, last = self.levels[-2:]
        before = first - self.levels[-3] if len(self.levels) > 2 else 0
        return self.clock.tick(self.found, context.following - context.at, (before, last - first))

    def _reached(self) -> str | None:
        """The limit that was reached, or None; figures as they are at the end of a block."""
        context = self.space.context
        context.states = context.following
        self._count()
        if any(tally.trap for tally in self.space.tallies):
            number = next(tally.trap for tally in self.space.tallies if tally.trap) - 1
            raise AssertionError(f"a value left its range: {self.engine.program.commands[number]}")
        most = self.limits.states
        if most is not None and context.states > most:
            return "states"
        if self._due():
            self._keep()
        return "interrupted" if self.interrupted else self._tick()

    # -- figures

    def _count(self) -> None:
        found, commands = self.found, self.engine.program.commands
        fired = [0] * len(found.fired)
        cut: Counter[str] = Counter()
        times, cuts = self._times()
        found.transitions = sum(times)
        if self.engine.reduction is not None:
            times, cuts = map(self.engine.reduction.symmetry.spread, (times, cuts))
        for command in commands:
            fired[self.engine.action_of[command.number]] += times[command.number]
            if command.cut and cuts[command.number]:
                cut[command.cut] += cuts[command.number]
        found.fired, found.cut = fired, cut
        found.states = self.space.context.following
        found.at_rest = sum(tally.rest for tally in self.space.tallies)
        found.dead = sum(tally.dead for tally in self.space.tallies)

    def _times(self) -> tuple[list[int], list[int]]:
        """By command, how often it was taken, and cut."""
        tallies = self.space.tallies
        fired = [sum(times) for times in zip(*(tally.fired for tally in tallies), strict=True)]
        return fired, [sum(times) for times in zip(*(tally.cuts for tally in tallies), strict=True)]

    def _heed(self) -> None:
        """Note what the level has hit: new states lie one step behind it, states at rest in it."""
        steps = self.found.depth - 1
        for tally in self.space.tallies:
            self._record(tally.hits & self.watch.pointwise, steps + 1)
            self._record(tally.hits & ~self.watch.pointwise, steps)
            self.found.premises |= tally.premises
            tally.hits = tally.premises = 0
        self.space.context.news = 0

    def _record(self, hits: int, steps: int) -> None:
        for i in range(hits.bit_length()):
            if hits >> i & 1:
                self.found.hits.setdefault(i, steps)

    # -- a search that is kept

    def _due(self) -> bool:
        """Is it time to keep what was found?"""
        return self.checkpoint is not None and self.clock.seconds() - self._kept >= self.options.every

    def _keep(self) -> None:
        """Write a checkpoint, if that was asked for. Raises DiskFull."""
        if self.checkpoint is None:
            return
        found, tallies, context = self.found, self.space.tallies, self.space.context
        fired, cuts = self._times()
        self._kept = self.clock.seconds()
        saved = Saved(
            levels=self.levels, seen=self.visited.seen, at=context.at, states=context.states,
            hits=found.hits, premises=found.premises,
            fired=fired, cuts=cuts,
            rest=sum(tally.rest for tally in tallies), dead=sum(tally.dead for tally in tallies),
            pending_hits=_union(tally.hits for tally in tallies),
            pending_premises=_union(tally.premises for tally in tallies), seconds=self._kept,
        )  # fmt: skip
        try:
            self.space.store.flush()
            self.checkpoint.save(saved)
        except OSError as error:
            raise DiskFull(error.strerror) from None

    def _go_on(self, saved: Saved) -> None:
        """Take up a search that was kept."""
        found, tally = self.found, self.space.tallies[0]
        self.levels[:] = saved.levels
        self.visited.seen[:] = [(list(hits), premises) for hits, premises in saved.seen]
        self.space.begin_again(saved.states)
        self.space.context.at, self._resumed = saved.at, saved.states
        found.depth, found.hits, found.premises = len(saved.levels) - 2, saved.hits, saved.premises
        tally.rest, tally.dead = saved.rest, saved.dead
        tally.hits, tally.premises = saved.pending_hits, saved.pending_premises
        tally.set(saved.fired, saved.cuts)
        self.clock.before = self._kept = saved.seconds
        self._count()

    # -- better code

    def _better(self) -> bool:
        """Whether there is better code to go on with. It is compiled once the search has turned out to be long."""
        space = self.space
        if space.tier != QUICK or self.clock.seconds() < LONG:
            return False
        if self._compiling and self._compiling[0] is not space.slot:
            self._compile_no_more()
        if self._compiling is None:
            self._compiling = space.slot, Compiling(self.engine.text(space.slot), THOROUGH)
        code = self._compiling[1].code()
        if code is None:
            return False
        space.tier, space.functions = THOROUGH, Functions(code)
        return True

    def _compile_no_more(self) -> None:
        if self._compiling is not None:
            self._compiling[1].stop()
            self._compiling = None


def _union(masks: Iterable[int]) -> int:
    return functools.reduce(operator.or_, masks, 0)


def explore_natively(
    engine: Native,
    limits: Limits,
    report: Report | None = None,
    options: Options = Options(),
    until: Collection[int] = (),
) -> Exploration:
    """Search all reachable states. Ctrl-C ends it with what was found so far.

    until   properties: end when all of these are hit

    Raises TooLarge where there is not even the memory to begin.
    """
    try:
        search = Search(engine, limits, options, report, until)
    except MemoryError:
        raise TooLarge("there is not enough memory to begin the search") from None
    return search.run()
