"""Proof by induction: lemmas that hold initially, that every command keeps, and that exclude every violation.

The lemmas are learned from a complete search of the same program. Where Z3 finds a state that satisfies all lemmas
known so far, and from which a command leads to one that does not (or in which the property is violated), that state
was never reached; so there is a clause that holds in all reached states and not in this one, and a short one for the
reasons for which the step could be taken. It is one more lemma. Since every lemma holds in all reached states, none
has to be taken back, and since the reached states are themselves an inductive set, there always is a next one: the
procedure ends with a proof, if time lasts. This is property-directed reachability (Bradley, SAT-Based Model Checking
without Unrolling, VMCAI 2011) that asks the search, instead of Z3, what can be reached.

What is proved does not rest on the search: the lemmas are checked by Z3 alone (`Obligations`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import z3  # type: ignore[import-untyped]
from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import GuardedCommand, Program
from eoscheck.checker.counterexample import Defect
from eoscheck.checker.solver.answers import answer
from eoscheck.checker.solver.lemmas import Lemma
from eoscheck.checker.solver.reached import Reached
from eoscheck.checker.solver.translation import State, Term, Translation, all_of, any_of

Watch = Callable[[str, int], None]
"""Is told what is being proved, and the number of lemmas."""


class Obligations:
    """What has to be shown of lemmas, as questions to Z3: each must have no answer.

    asked   how many questions there were
    until   when to give up, in seconds of time.monotonic
    """

    def __init__(self, program: Program, until: float | None = None) -> None:
        self.program, self.until, self.asked = program, until, 0
        self.translation = Translation(program)
        self.before = self.translation.state()
        self._literals: dict[State, dict[tuple[int, int], Term]] = {}
        self._after: dict[int, tuple[Term, State]] = {}
        self._solver = z3.SolverFor(self.translation.numbers.logic)
        self._solver.add(*self.translation.domains(self.before))
        self._asking = False
        self._later: list[Lemma] = []

    def assume(self, lemma: Lemma) -> None:
        """Let a lemma hold in the state before."""
        self._solver.add(self._clause(lemma, self.before))
        if self._asking:
            self._later.append(lemma)

    def violating(self, number: int) -> Iterator[bytes]:
        """States that violate a property. What is assumed between two of them counts."""
        return self._states(self.translation.hit(number, self.before))

    def cutting(self, command: GuardedCommand) -> Iterator[bytes]:
        """States in which a transition would be cut."""
        return self._states(self.translation.enabled(command, self.before))

    def leaving(self, command: GuardedCommand, lemmas: Sequence[Lemma]) -> Iterator[bytes]:
        """States in which a command is enabled and leads to one where some of these lemmas do not hold, or where a
        value is outside of its domain."""
        enabled, after = self._step(command)
        domains = self.translation.domains(after, sorted(command.writes))
        kept = (self._clause(lemma, after) for lemma in lemmas)
        return self._states(z3.And(enabled, z3.Not(all_of([*kept, *domains]))))

    def _states(self, question: Term) -> Iterator[bytes]:
        # What was asked is taken back at the end, or Z3 would have to make up its mind about it for ever.
        self._solver.push()
        self._asking = True
        try:
            self._solver.add(question)
            self.asked += 1
            while (model := answer(self._solver, self.until)) is not None:
                yield self.translation.read(model.eval, self.before)
                self.asked += 1
        finally:
            self._solver.pop()
            self._asking = False
            learned, self._later = self._later, []
            for lemma in learned:
                self.assume(lemma)

    def _step(self, command: GuardedCommand) -> tuple[Term, State]:
        if command.number not in self._after:
            enabled = self.translation.enabled(command, self.before)
            self._after[command.number] = enabled, self.translation.after(command, self.before)
        return self._after[command.number]

    def _clause(self, lemma: Lemma, state: State) -> Term:
        return any_of(self._literal(state, *literal) for literal in lemma.allowed)

    def _literal(self, state: State, cell: int, mask: int) -> Term:
        if state is not self.before and state.cells[cell] is self.before.cells[cell]:
            state = self.before
        known = self._literals.setdefault(state, {})
        if (cell, mask) not in known:
            known[cell, mask] = self.translation.among(state, cell, mask)
        return known[cell, mask]


class Induction:
    """Looks for lemmas.

    lemmas   those found, all true of the reached states
    """

    def __init__(
        self, program: Program, reached: Reached, watch: Watch | None = None, until: float | None = None
    ) -> None:
        self.program, self.reached, self.watch = program, reached, watch
        self.obligations = Obligations(program, until)
        self.lemmas: list[Lemma] = []
        self._own = [c for c in program.commands if c.action.info.fault is None]
        regions = program.model.regions
        self._constant = {r.base + k for r in regions if r.constant for k in range(r.count)}
        for lemma in reached.ranges():
            self._learn(lemma)

    def prove(self, properties: Collection[int]) -> None:
        """Find lemmas that prove some properties, by their numbers, and that nothing is cut. Raises OutOfTime; Defect
        where a reached state is found that should not be."""
        for number in properties:
            observed = self.program.properties[number]
            self._say(observed.property.name)
            for state in self.obligations.violating(number):
                self._exclude(state, self._why_violated(number, state))
        for command in self.program.commands:
            if command.cut is not None:
                for state in self.obligations.cutting(command):
                    self._exclude(state, _supports(command.guards, state))
        kept = dict.fromkeys((c for c in self.program.commands if c.cut is None), 0)
        while any(count < len(self.lemmas) for count in kept.values()):
            for command, count in kept.items():
                self._say("induction")
                kept[command] = len(self.lemmas)
                self._keep(command, self.lemmas[count:])

    def _keep(self, command: GuardedCommand, lemmas: Sequence[Lemma]) -> None:
        """Have a command keep some lemmas."""
        concerned = [lemma for lemma in lemmas if lemma.cells & command.writes]
        if not concerned:
            return
        for state in self.obligations.leaving(command, concerned):
            reached = after(command, state)
            broken = [lemma for lemma in concerned if not lemma.holds(reached)]
            if not broken:
                raise Defect(f"Z3 and the interpreter disagree about {command.action.name}")
            reasons = (self._why_broken(command, lemma, state) for lemma in broken)
            self._exclude(state, min(reasons, key=len))

    def _exclude(self, state: bytes, reasons: Collection[int]) -> None:
        lemma = self.reached.without(state, sorted(set(reasons) - self._constant))
        if lemma is None:
            raise Defect("a state that was reached leads out of those that were")
        self._learn(lemma)

    def _learn(self, lemma: Lemma) -> None:
        self.lemmas.append(lemma)
        self.obligations.assume(lemma)
        if len(self.lemmas) % 50 == 0:
            self._say("induction")

    def _say(self, what: str) -> None:
        if self.watch is not None:
            self.watch(what, len(self.lemmas))

    def _why_violated(self, number: int, state: bytes) -> frozenset[int]:
        """Variables for which a state violates a property."""
        observed = self.program.properties[number]
        found = ex.support(observed.hit, state)
        if observed.property.kind == "at-rest":
            for command in self._own:
                found |= _why_not(command, state, found)
        return found

    def _why_broken(self, command: GuardedCommand, lemma: Lemma, state: bytes) -> frozenset[int]:
        """Variables for which a command leads from a state to one where a lemma does not hold."""
        found = _supports(command.guards, state) | (lemma.cells - command.writes)
        for effect in command.effects:
            if lemma.cells.isdisjoint(effect.cells()):
                continue
            at = effect.region.base + ex.evaluate(effect.index, state)
            found |= ex.support(effect.index, state)
            if at in lemma.cells:
                found |= ex.support(effect.value, state)
            found |= {cell for cell in lemma.cells.intersection(effect.cells()) if cell != at}
        return found


def _supports(terms: Collection[ex.Expr], state: bytes) -> frozenset[int]:
    return frozenset().union(*(ex.support(term, state) for term in terms))


def after(command: GuardedCommand, state: bytes) -> bytes:
    """Where an enabled command leads."""
    found = bytearray(state)
    for effect in command.effects:
        found[effect.region.base + ex.evaluate(effect.index, state)] = ex.evaluate(effect.value, state)
    return bytes(found)


def _why_not(command: GuardedCommand, state: bytes, known: frozenset[int]) -> frozenset[int]:
    """Variables for which a command is no step in a state, where possible those that are known."""
    false = [ex.support(guard, state) for guard in command.guards if not ex.evaluate(guard, state)]
    if false:
        return min(false, key=lambda cells: len(cells - known))
    return command.reads | command.writes
