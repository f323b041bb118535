"""A proof as a file ("eoscheck-proof/1"): lemmas that a person can read, and what has to be shown of them.

That file is all that a check needs, beside the spec: it is traced again, and every obligation is asked of Z3 again.
So a proof can lie beside its spec, and say when a change of the spec, or of the model, has broken it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import GuardedCommand, Program
from eoscheck.checker.footprints import Footprints, literals
from eoscheck.checker.solver.induction import Obligations, Watch, after
from eoscheck.checker.solver.lemmas import BadLemma, Language, Lemma
from eoscheck.model.language import did_you_mean
from pydantic import TypeAdapter, ValidationError

FORMAT = "eoscheck-proof/1"


class BadProof(Exception):
    """A file that is no proof. Its text is one line: `FILE:LINE: message`."""


@dataclass(frozen=True)
class Proof:
    """Lemmas that prove some properties.

    spec         path of the spec
    properties   names of what is proved
    assumes      the bounds of the spec, which it holds within
    unlimited    the faults of which there may be any number all the same
    lemmas       as text
    obligations  what has to be shown, in words
    """

    spec: str
    properties: tuple[str, ...]
    assumes: dict[str, Any]
    unlimited: tuple[str, ...]
    lemmas: tuple[str, ...]
    obligations: tuple[str, ...]

    def to_json(self) -> str:
        """The content of the file."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"


def proof(
    program: Program,
    spec: str,
    assumes: dict[str, Any],
    properties: Sequence[int],
    lemmas: Sequence[Lemma],
    until: float | None = None,
) -> Proof:
    """The proof of some properties, by number. It is one once `check` says so. Raises OutOfTime."""
    language = Language(program.model.regions)
    names = [program.properties[number].property.name for number in properties]
    faults = _unlimited(program, properties, lemmas, until)
    obligations = _obligations(program, names, faults, len(lemmas))
    shortest = sorted(lemmas, key=lambda lemma: (len(lemma.allowed), lemma.allowed))
    texts = tuple(map(language.text, shortest))
    return Proof(spec, tuple(names), assumes, faults, texts, tuple(o.says for o in obligations))


def _unlimited(
    program: Program, properties: Sequence[int], lemmas: Sequence[Lemma], until: float | None
) -> tuple[str, ...]:
    """The faults that keep every lemma even if nobody counts them."""
    budgets, spent = program.model.budgets, Footprints(program).spent
    if budgets is None or _counting(program, properties, spent):
        return ()
    obligations = Obligations(program, until)
    for lemma in lemmas:
        obligations.assume(lemma)
    return tuple(name for name in budgets.names if not _uncounted(program, name, obligations, lemmas, spent))


def _counting(program: Program, properties: Sequence[int], spent: frozenset[int]) -> str:
    """Who, apart from faults, asks how many faults there were; "" if nobody does."""
    for command in program.commands:
        if command.action.info.fault is None and command.reads & spent:
            return f"{command.action.name} asks how many there were"
    for observed in (program.properties[number] for number in properties):
        if (ex.reads(observed.hit) | ex.reads(observed.premise)) & spent:
            return f"{observed.property.name} asks how many there were"
    return ""


def _uncounted(
    program: Program, fault: str, obligations: Obligations, lemmas: Sequence[Lemma], spent: frozenset[int]
) -> str:
    """Why a fault would not keep every lemma if nobody counted it; "" if it would."""
    for command in program.commands:
        if command.action.info.fault != fault:
            continue
        asked = (literal for guard in command.guards for literal in literals(guard))
        free = replace(
            command,
            guards=tuple(each for each in asked if not ex.reads(each) or not ex.reads(each) <= spent),
            effects=tuple(effect for effect in command.effects if not spent.issuperset(effect.cells())),
        )
        kept = [lemma for lemma in lemmas if lemma.cells & free.writes]
        wrong = obligations.cutting(free) if free.cut is not None else obligations.leaving(free, kept)
        if next(wrong, None) is not None:
            return f"{command.action.name}, path {command.path}, does not"
    return ""


@dataclass(frozen=True)
class Obligation:
    """Something that has to be shown, and why it cannot be; "" if it could."""

    says: str
    failure: str = ""


def _obligations(
    program: Program, names: Sequence[str], faults: Sequence[str], lemmas: int
) -> list[Obligation]:
    cuts = [command for command in program.commands if command.cut is not None]
    kept = len(program.commands) - len(cuts)
    cut = [Obligation(f"where all lemmas hold, none of {len(cuts)} transitions is cut")] if cuts else []
    return [
        Obligation(f"in the initial state every lemma holds, {lemmas} in all"),
        Obligation(f"each of {kept} commands keeps every lemma, where all of them hold"),
        *cut,
        *(Obligation(f"where all lemmas hold, {name} is not violated") for name in names),
        *(Obligation(f"{fault} keeps every lemma, however many there were") for fault in faults),
    ]


def check(
    program: Program, found: Proof, path: str, until: float | None = None, watch: Watch | None = None
) -> Iterator[Obligation]:
    """Ask every obligation of a proof again. Raises BadProof where it speaks of what there is not, OutOfTime."""
    language = Language(program.model.regions)
    lemmas = [_lemma(language, text, f"{path}:1: lemma {i}") for i, text in enumerate(found.lemmas, 1)]
    numbers = {observed.property.name: i for i, observed in enumerate(program.properties)}
    for name in found.properties:
        if name not in numbers:
            hint = did_you_mean(name, numbers)
            raise BadProof(f"{path}:1: the spec has no property {name!r}{hint}")
    obligations = Obligations(program, until)
    for lemma in lemmas:
        obligations.assume(lemma)
    failures = [_initially(program, lemmas, language), _kept(program, obligations, lemmas, language, watch)]
    if any(command.cut is not None for command in program.commands):
        failures.append(_cut(program, obligations))
    for name in found.properties:
        state = next(obligations.violating(numbers[name]), None)
        failures.append("" if state is None else "it is, in a state that they admit")
    spent = Footprints(program).spent
    known = program.model.budgets.names if program.model.budgets is not None else ()
    for fault in found.unlimited:
        if fault not in known:
            raise BadProof(f"{path}:1: the spec has no fault {fault!r}{did_you_mean(fault, known)}")
        asked = _counting(program, [numbers[name] for name in found.properties], spent)
        failures.append(asked or _uncounted(program, fault, obligations, lemmas, spent))
    said = _obligations(program, found.properties, found.unlimited, len(lemmas))
    yield from (Obligation(o.says, failure) for o, failure in zip(said, failures, strict=True))


def _lemma(language: Language, text: str, where: str) -> Lemma:
    try:
        return language.lemma(text)
    except BadLemma as error:
        raise BadProof(f"{where}: {error}") from None


def _initially(program: Program, lemmas: Sequence[Lemma], language: Language) -> str:
    false = next((lemma for lemma in lemmas if not lemma.holds(program.model.initial)), None)
    return "" if false is None else f"not this one: {language.text(false)}"


def _kept(
    program: Program,
    obligations: Obligations,
    lemmas: Sequence[Lemma],
    language: Language,
    watch: Watch | None,
) -> str:
    for command in program.commands:
        if command.cut is not None:
            continue
        if watch is not None:
            watch(f"command {command.number + 1} of {len(program.commands)}", len(lemmas))
        concerned = [lemma for lemma in lemmas if lemma.cells & command.writes]
        state = next(obligations.leaving(command, concerned), None)
        if state is not None:
            return _left(command, state, concerned, language)
    return ""


def _left(command: GuardedCommand, state: bytes, lemmas: Sequence[Lemma], language: Language) -> str:
    reached = after(command, state)
    broken = next((lemma for lemma in lemmas if not lemma.holds(reached)), None)
    lost = "a value leaves its domain" if broken is None else f"does not keep {language.text(broken)}"
    return f"{command.action.name}, path {command.path}: {lost}"


def _cut(program: Program, obligations: Obligations) -> str:
    for command in program.commands:
        if command.cut is not None and next(obligations.cutting(command), None) is not None:
            return f"this one can be: {command.cut}"
    return ""


def read(path: str | Path) -> Proof:
    """The proof in a file. Raises BadProof."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise BadProof(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BadProof(f"{path}:1: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise BadProof(f'{path}:1: no proof: there is no "format": "{FORMAT}"')
    try:
        return TypeAdapter(Proof).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadProof(f"{path}:1: {where}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None
