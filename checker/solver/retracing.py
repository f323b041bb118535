"""Counterexamples as formulas: a path of guarded commands from the initial state, and what it is said to show.

Each state of the path is the one before with a new symbol for each variable that was written. Which command of an
action is taken is computed (`expressions.evaluate`); that it can be taken there, and what it leads to, Z3 is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

import z3  # type: ignore[import-untyped]
from eoscheck.checker.commands import GuardedCommand
from eoscheck.checker.counterexample import Defect
from eoscheck.checker.solver.translation import State, Term, Translation


def confirm_path(
    translation: Translation,
    prop: int,
    path: Sequence[int],
    cycle: Sequence[int] | None = None,
    seconds: float | None = None,
) -> None:
    """Have Z3 say that a path (actions by number) can be taken from the initial state, and ends where a property is
    violated or its goal met; with a cycle, that this leads back to where it began, is fair, and never meets the goal.

    Raises Defect where Z3 says otherwise, OutOfTime where it gives no answer within so many seconds.
    """
    path_ = _Path(translation)
    for number in path:
        path_.take(number)
    if cycle is None:
        path_.facts.append(translation.hit(prop, path_.states[-1]))
    else:
        _repeats(path_, prop, cycle)
    if translation.find(*path_.facts, seconds=seconds) is None:
        name = translation.program.properties[prop].property.name
        raise Defect(f"Z3 finds the way impossible that is said to show {name}, or that it does not show it")


class _Path:
    """A path as it grows.

    states, known   the states on it, as symbols and as they are
    facts           what has to hold
    """

    def __init__(self, translation: Translation) -> None:
        self.translation = translation
        initial = translation.program.model.initial
        self.states: list[State] = [translation.state("@0")]
        self.known = [initial]
        self.facts: list[Term] = translation.equal(self.states[0], initial)

    def take(self, number: int) -> None:
        """One step of an action. Raises Defect where it is disabled."""
        action = self.translation.program.model.actions[number]
        command = self.translation.program.enabled(action, self.known[-1])
        if command is None or command.cut is not None:
            raise Defect(
                f"no path of {action.name} can be taken as step {len(self.states)} of a counterexample"
            )
        before = self.states[-1]
        after, cells = self.translation.after(command, before), list(before.cells)
        for cell in command.writes:
            cells[cell] = self.translation.symbol(cell, f"@{len(self.states)}")
            self.facts.append(cells[cell] == after.cells[cell])
        self.facts.append(self.translation.enabled(command, before))
        self.states.append(State(self.translation.numbers, cells))
        self.known.append(command.applied(self.known[-1]))


def _repeats(path: _Path, prop: int, cycle: Sequence[int]) -> None:
    """Go round a cycle, or rest where there is none. Adds what has to hold for a fair execution that does so for ever,
    and never meets the goal."""
    translation, first = path.translation, len(path.states) - 1
    for number in cycle:
        path.take(number)
    begin, end = path.states[first], path.states[-1]
    path.facts += [a == b for a, b in zip(begin.cells, end.cells, strict=True) if a is not b]
    path.facts += [z3.Not(translation.hit(prop, state)) for state in path.states[first:]]
    if not cycle:
        path.facts.append(translation.resting(end))
        return
    on_it = range(first, len(path.states) - 1)
    for number, action in enumerate(translation.program.model.actions):
        commands = translation.program.of(action)
        if action.info.fault is None and number not in cycle and commands:
            place = next((k for k in on_it if not any(_moves(c, path.known[k]) for c in commands)), first)
            path.facts += [z3.Not(translation.moving(c, path.states[place])) for c in commands]


def _moves(command: GuardedCommand, state: bytes) -> bool:
    """Whether a command leads to another state, or is cut."""
    return command.enabled(state) and (command.cut is not None or command.applied(state) != state)
