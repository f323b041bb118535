"""The counterexample that is shown: of all shortest ways to a violation one with the fewest faults, of these one with
the fewest actors, and of these the first by the numbers of its actions. So it is the same whoever searched.

How many faults have happened is part of every state. The rest is decided on the states that lie on shortest ways: they
are found by going back, level by level, from the violations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eoscheck.checker.engine import Engine
from eoscheck.checker.search import Exploration, Visited
from eoscheck.model.language import Action

MOST_SETS = 500_000
"""Sets of actors that are kept in mind; where there were more, actors are not minimised."""

ActorOf = Callable[[Action], str]


def component(action: Action) -> str:
    """Who takes an action, where nobody knows better."""
    return action.component.name


def way_to_hit(engine: Engine, found: Exploration, prop: int, actor: ActorOf = component) -> list[int]:
    """Numbers of the actions of the way that is shown for a property that was hit."""
    level = found.hits[prop]
    return way(engine, found.visited, level, found.visited.hitting(prop, level), actor)


def way_to_state(engine: Engine, visited: Visited, number: int, actor: ActorOf = component) -> list[int]:
    """The same for one of the states."""
    level = next(i for i, first in enumerate(visited.levels[1:]) if number < first)
    return way(engine, visited, level, [number], actor)


def way(engine: Engine, visited: Visited, level: int, goals: Sequence[int], actor: ActorOf) -> list[int]:
    """The way that is shown to one of some states of a level."""
    states = _fewest_faults(engine, [visited.state(number) for number in goals])
    cone = [frozenset(states)]
    for before in reversed(range(level)):
        leading = visited.leading(before, cone[-1])
        cone.append(frozenset(visited.state(number) for number in leading))
    return _Cone(engine, cone[::-1], actor).way()


def _fewest_faults(engine: Engine, states: list[bytes]) -> list[bytes]:
    budgets = engine.model.budgets
    used = [r for r in engine.model.regions if budgets is not None and r.owner is budgets]
    cells = [i for r in used for i in range(r.base, r.base + r.count)]
    fewest = min(sum(state[i] for i in cells) for state in states)
    return [state for state in states if sum(state[i] for i in cells) == fewest]


class _Cone:
    """Shortest ways from the initial state, as states by level and the steps between them."""

    def __init__(self, engine: Engine, levels: Sequence[frozenset[bytes]], actor: ActorOf) -> None:
        self.engine = engine
        names = [actor(action) for action in engine.model.actions]
        order = {name: i for i, name in enumerate(dict.fromkeys(names))}
        self.bit = [1 << order[name] for name in names]
        self.start = engine.model.initial
        self.steps: list[dict[bytes, list[tuple[int, bytes]]]] = []
        at = {self.start}
        for following in levels[1:]:
            here = {state: self._into(state, following) for state in at}
            self.steps.append(here)
            at = {after for steps in here.values() for _, after in steps}

    def _into(self, state: bytes, following: frozenset[bytes]) -> list[tuple[int, bytes]]:
        """The steps from a state into a level, by the numbers of their actions."""
        steps = self.engine.successors(state)
        return [(n, after) for n, after in steps if isinstance(after, bytes) and after in following]

    def way(self) -> list[int]:
        actors = self._fewest_actors()
        inside = self._within(actors)
        state, way = self.start, []
        for level, steps in enumerate(self.steps):
            number, state = next(
                (n, after) for n, after in steps[state] if self._usable(n, after, actors, inside[level])
            )
            way.append(number)
        return way

    def _fewest_actors(self) -> int:
        """The smallest set of actors, as bits, that can go all the way; all of them if that is too much to find out."""
        sets: dict[bytes, set[int]] = {self.start: {0}}
        kept = 0
        for steps in self.steps:
            following: dict[bytes, set[int]] = {}
            for state, masks in sets.items():
                for number, after in steps[state]:
                    following.setdefault(after, set()).update(mask | self.bit[number] for mask in masks)
            sets = {state: _smallest(masks) for state, masks in following.items()}
            kept += sum(map(len, sets.values()))
            if kept > MOST_SETS:
                return -1
        return min((mask for masks in sets.values() for mask in masks), key=lambda m: (m.bit_count(), m))

    def _within(self, actors: int) -> list[set[bytes]]:
        """By level, the states behind it from which these actors can go on to the end."""
        inside = [{after for steps in self.steps[-1].values() for _, after in steps}] if self.steps else []
        for here in reversed(self.steps[1:]):
            usable = {
                s
                for s, steps in here.items()
                if any(self._usable(n, t, actors, inside[-1]) for n, t in steps)
            }
            inside.append(usable)
        return inside[::-1]

    def _usable(self, number: int, after: bytes, actors: int, inside: set[bytes]) -> bool:
        return bool(self.bit[number] & actors) and after in inside


def _smallest(masks: set[int]) -> set[int]:
    """Those sets that contain no other one."""
    found: list[int] = []
    for mask in sorted(masks, key=int.bit_count):
        if not any(small & mask == small for small in found):
            found.append(mask)
    return set(found)
