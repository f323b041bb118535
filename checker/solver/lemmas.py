"""Lemmas: what holds in every state that can be reached, each being one clause that a person can read.

enricher-1.at in {PRODUCE, END} or orders-0.log.length < 2 or not enricher-1.mine
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eoscheck.checker.footprints import members
from eoscheck.model.domains import Domain, Region
from eoscheck.model.language import did_you_mean


@dataclass(frozen=True)
class Lemma:
    """One of these variables has one of these values.

    allowed   variables, each with a mask of values, in the order of the variables
    """

    allowed: tuple[tuple[int, int], ...]

    @cached_property
    def cells(self) -> frozenset[int]:
        return frozenset(cell for cell, _ in self.allowed)

    def holds(self, state: bytes) -> bool:
        """Does it hold in a state?"""
        return any(mask >> state[cell] & 1 for cell, mask in self.allowed)


def values(domain: Domain) -> int:
    """All values of a domain, as a mask."""
    return (1 << domain.hi + 1) - (1 << domain.lo)


class BadLemma(Exception):
    """Text that is no lemma."""


class Language:
    """Lemmas of a model as text."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self.names = [(region.cell(k), region.domain) for region in regions for k in range(region.count)]
        self._number = {name: cell for cell, (name, _) in enumerate(self.names)}

    def text(self, lemma: Lemma) -> str:
        """A lemma as a person would write it."""
        return " or ".join(self._literal(*self.names[cell], mask) for cell, mask in lemma.allowed) or "false"

    def _literal(self, name: str, domain: Domain, mask: int) -> str:
        if domain.type is bool:
            return name if mask >> 1 else f"not {name}"
        least, all_ = (mask & -mask).bit_length() - 1, values(domain)
        if mask.bit_count() == 1:
            return f"{name} == {_said(domain, least)}"
        missing = all_ & ~mask
        if missing.bit_count() == 1:
            return f"{name} != {_said(domain, missing.bit_length() - 1)}"
        if domain.type is int and mask.bit_length() - least == mask.bit_count():
            if least == domain.lo:
                return f"{name} < {mask.bit_length()}"
            if mask.bit_length() == domain.hi + 1:
                return f"{name} >= {least}"
        return f"{name} in {{{', '.join(_said(domain, value) for value in members(mask))}}}"

    def lemma(self, text: str) -> Lemma:
        """The lemma that a text says. Raises BadLemma."""
        allowed: dict[int, int] = {}
        for part in text.split(" or ") if text != "false" else ():
            cell, mask = self._read(part.strip())
            allowed[cell] = allowed.get(cell, 0) | mask
        return Lemma(tuple(sorted(allowed.items())))

    def _read(self, text: str) -> tuple[int, int]:
        name, operator, said = text, "", ""
        if found := re.fullmatch(r"(\S+) (==|!=|<|>=|in) (.+)", text):
            name, operator, said = found.groups()
        negated = not operator and name.startswith("not ")
        name = name.removeprefix("not ") if negated else name
        if name not in self._number:
            raise BadLemma(f"there is no variable {name!r}{did_you_mean(name, self._number)}")
        cell = self._number[name]
        domain = self.names[cell][1]
        if not operator:
            if domain.type is not bool:
                raise BadLemma(f"{name!r} is no truth value")
            return cell, 1 if negated else 2
        mask = 0
        for word in said.removeprefix("{").removesuffix("}").split(", "):
            mask |= 1 << _code(domain, word)
        all_, least = values(domain), (mask & -mask).bit_length() - 1
        below = all_ & ((1 << least) - 1)
        return cell, {"==": mask, "in": mask, "!=": all_ & ~mask, "<": below, ">=": all_ & ~below}[operator]


def _said(domain: Domain, code: int) -> str:
    value: Any = domain.decode(code)
    return str(value.name if isinstance(value, enum.Enum) or hasattr(value, "name") else value)


def _code(domain: Domain, word: str) -> int:
    found = next((code for code in members(values(domain)) if _said(domain, code) == word), None)
    if found is None:
        raise BadLemma(f"{word!r} is no value of {domain}")
    return found
