"""Whether parts that are supposed to be alike are: Z3 is asked, command by command, for a state in which it makes a
difference which of two parts is which.

For each action there must be one, perhaps the same, that does to the exchanged state what it does to the state as it
is. Their commands need not go together: Z3 gives a state for which those that are known will not do, and another one is
looked for there. Where none will do, the two parts are not alike. Of the states that are asked about it is known which
two values two variables never have at once (`Mutexes`, begun with the initial state and all that it becomes by
exchanges).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache

import z3  # type: ignore[import-untyped]
from eoscheck.checker import expressions as ex
from eoscheck.checker import files
from eoscheck.checker.commands import GuardedCommand, Program
from eoscheck.checker.footprints import Footprints
from eoscheck.checker.mutexes import Mutexes
from eoscheck.checker.solver.answers import answer
from eoscheck.checker.solver.impossible import Impossible
from eoscheck.checker.solver.once import file_of
from eoscheck.checker.solver.translation import State, Term, Translation, all_of, any_of
from eoscheck.checker.symmetry import Symmetry, feasible
from eoscheck.model.exchange import Exchange
from eoscheck.model.language import Action


class Difference(Exception):
    """It makes a difference which of two parts is which. The text says to what."""


def symmetry_of(program: Program, until: float | None = None) -> Symmetry:
    """The exchanges, of those that the model supposes, that make no difference. What is found is kept on disk, by
    content.

    until   when to give up, in seconds of time.monotonic

    Raises OutOfTime.
    """
    supposed, left = feasible(program.model.alike(), program.model.regions)
    if not supposed:
        return Symmetry(refused=left)
    file = file_of("symmetry", program, *map(repr, supposed))
    kept = files.kept(file)
    if kept is not None:
        return _read(kept, supposed)
    alike = Alike(program, supposed, until)
    found: list[tuple[Exchange, list[int]]] = []
    refused = list(left)
    for exchange in supposed:
        try:
            found.append((exchange, alike.images(exchange)))
        except Difference as difference:
            refused.append(f"{exchange.what} are not alike: {difference}")
    symmetry = Symmetry([exchange for exchange, _ in found], [images for _, images in found], refused)
    files.keep(file, _written(symmetry, supposed))
    return symmetry


def _written(symmetry: Symmetry, supposed: Sequence[Exchange]) -> bytes:
    rows = zip(symmetry.exchanges, symmetry.images, strict=True)
    found = [(supposed.index(exchange), images) for exchange, images in rows]
    return json.dumps({"images": found, "refused": list(symmetry.refused)}).encode()


def _read(kept: bytes, supposed: Sequence[Exchange]) -> Symmetry:
    found = json.loads(kept)
    exchanges = [supposed[number] for number, _ in found["images"]]
    return Symmetry(exchanges, [images for _, images in found["images"]], found["refused"])


class Alike:
    """Asks Z3 about one program."""

    def __init__(self, program: Program, supposed: Sequence[Exchange], until: float | None = None) -> None:
        self.program, self.until = program, until
        self.commands: dict[Action, list[GuardedCommand]] = {}
        for command in program.commands:
            self.commands.setdefault(command.action, []).append(command)
        self.translation = Translation(program)
        self.state = self.translation.state()
        orbit = Symmetry(supposed).orbit(program.model.initial)
        mutexes = Mutexes(Footprints(program), orbit)
        self.impossible = Impossible(mutexes, self.translation, self.state)
        self.domains = self.translation.domains(self.state)
        self.after = cache(self._after)

    def images(self, exchange: Exchange) -> list[int]:
        """By command, those (as bits) that do the same to the exchanged state. Raises Difference; OutOfTime."""
        image = self._image(exchange, self.state)
        twice = self._image(exchange, image)
        if self._found(range(len(image.cells)), self._differ(twice, self.state)) is not None:
            raise Difference("to exchange them twice is to change something")
        for observed in self.program.properties:
            for term in (observed.hit, observed.premise):
                differs = self.state.term(term) != image.term(term)
                if self._found(self._cells(exchange, ex.reads(term)), differs) is not None:
                    raise Difference(f"{observed.property.name} tells them apart")
        partners: dict[Action, Action] = {}
        masks: list[int] = []
        for action in self.commands:
            partner, some = self._partner(exchange, action, image, partners)
            partners[action], partners[partner] = partner, action
            masks += some
        return masks

    def _partner(
        self, exchange: Exchange, action: Action, image: State, partners: Mapping[Action, Action]
    ) -> tuple[Action, list[int]]:
        """The action that does to the exchanged state what this one does, and by command, those that do (as bits)."""
        alike = [other for other in self.commands if other.info is action.info and other not in partners]
        for partner in [partners[action]] if action in partners else alike:
            with contextlib.suppress(Difference):
                images = [
                    self._images(exchange, command, image, partner) for command in self.commands[action]
                ]
                return partner, images
        raise Difference(f"{action.name} is not the same for both")

    def _images(self, exchange: Exchange, command: GuardedCommand, image: State, partner: Action) -> int:
        """The commands of another action, as bits, that do to the exchanged state what a command does. Raises
        Difference where they do not always."""
        wanted, found = self._image(exchange, self.after(command)), 0
        cells = self._cells(exchange, command.reads | command.writes)
        unlike = [self.translation.enabled(command, self.state)]
        others = [other for other in self.commands[partner] if (other.cut is None) == (command.cut is None)]
        other = next((other for other in others if other.path == command.path), None)  # most likely
        while True:
            if other is not None:
                found |= 1 << other.number
                differ = self._differ(self.translation.after(other, image), wanted)
                unlike.append(any_of((z3.Not(self.translation.enabled(other, image)), differ)))
            state = self._found(cells, *unlike)
            if state is None:
                return found
            before, after = exchange(state), exchange(command.applied(state))
            doing = (each for each in others if each.enabled(before) and each.applied(before) == after)
            other = next(doing, None)
            if other is None or found >> other.number & 1:
                raise Difference(command.action.name)

    def _after(self, command: GuardedCommand) -> State:
        return self.translation.after(command, self.state)

    def _cells(self, exchange: Exchange, cells: Collection[int]) -> set[int]:
        """Variables, with those by which it is decided whether an exchange changes their values."""
        return {*cells, *(at for cell in cells for at, _ in exchange.when[cell])}

    def _image(self, exchange: Exchange, state: State) -> State:
        """What a state of symbols becomes."""
        cells: list[Term] = list(state.cells)
        for cell, symbol in enumerate(state.cells):
            changed = symbol
            for old, new in exchange.values[cell].items():
                changed = z3.If(symbol == self._value(cell, old), self._value(cell, new), changed)
            if changed is not symbol and exchange.when[cell]:
                changed = z3.If(all_of(self._conditions(exchange, cell, state)), changed, symbol)
            cells[exchange.places[cell]] = changed
        return State(self.translation.numbers, cells)

    def _conditions(self, exchange: Exchange, cell: int, state: State) -> Iterator[Term]:
        for at, among in exchange.when[cell]:
            yield any_of(state.cells[at] == self._value(at, code) for code in sorted(among))

    def _value(self, cell: int, code: int) -> Term:
        return self.translation.value(cell, code)

    def _differ(self, one: State, other: State) -> Term:
        pairs = zip(one.cells, other.cells, strict=True)
        return any_of(a != b for a, b in pairs if a is not b and not a.eq(b))

    def _found(self, cells: Collection[int], *question: Term) -> bytes | None:
        """A state that answers a question."""
        solver = z3.SolverFor(self.translation.numbers.logic)
        solver.add(all_of([*self.domains, *self.impossible.among(cells), *question]))
        found = answer(solver, self.until)
        return None if found is None else self.translation.read(found.eval, self.state)
