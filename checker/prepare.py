"""From a spec file, and perhaps properties of the user's own, to a pipeline to be examined."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from eoscheck.checker.counterexample import Subject
from eoscheck.checker.userproperties import UserProperties
from eoscheck.model.language import did_you_mean


class UnknownProperty(Exception):
    """A property was asked for that the pipeline does not have."""


NONE = UserProperties()


def prepare(path: str, mine: UserProperties = NONE, wanted: Sequence[str] = ()) -> Subject:
    """The pipeline of a spec.

    mine     properties of the user's own, to be checked as well
    wanted   full or bare names of the properties to keep; none: all

    Raises SpecError, BadProperties, UnknownProperty.
    """
    from eoscheck.model.loader import load
    from eoscheck.model.pipeline import build
    from eoscheck.model.refused import Refused
    from eoscheck.model.source import SpecError

    with mine.blamed():
        try:
            pipeline: Subject = build(load(path, mine.names), mine.functions, wanted)
        except Refused as refusal:
            raise SpecError(path, _line(path, refusal.word), str(refusal)) from None
    mine.probe(pipeline.model)
    select(pipeline, wanted)
    return pipeline


def _line(path: str, word: str) -> int:
    """The first line of a spec that holds a word, comments aside; its first line if none does."""
    alone = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return next((i for i, line in enumerate(lines, 1) if alone.search(line.partition("#")[0])), 1)


def select(subject: Subject, wanted: Sequence[str]) -> None:
    """Keep only the properties of these names (none: keep all). Raises UnknownProperty."""
    known = subject.model.properties
    for name in wanted:
        if not any(name in _called(p.name) for p in known):
            words = dict.fromkeys(word for p in known for word in _called(p.name))
            hint = did_you_mean(name, words) or f"; known: {', '.join(p.name for p in known)}"
            raise UnknownProperty(f"no property {name!r} in {subject.spec.path}{hint}")
    if wanted:
        known[:] = [p for p in known if set(wanted) & set(_called(p.name))]


def _called(name: str) -> tuple[str, str]:
    """Both names of a property: `no-loss` and `no-loss@ledger`."""
    return name.partition("@")[0], name
