"""From a spec file, and perhaps properties of the user's own, to a pipeline to be examined."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from eoscheck.checker.counterexample import Subject
from eoscheck.checker.userproperties import UserProperties
from eoscheck.model.language import did_you_mean
from eoscheck.model.spec import Spec
from eoscheck.model.vary import Change


class UnknownProperty(Exception):
    """A property was asked for that the pipeline does not have."""


NONE = UserProperties()


def prepare(
    path: str, mine: UserProperties = NONE, wanted: Sequence[str] = (), changes: Sequence[Change] = ()
) -> Subject:
    """The pipeline of a spec.

    mine     properties of the user's own, to be checked as well
    wanted   full or bare names of the properties to keep; none: all
    changes  what to take instead of what the file says

    Raises SpecError, BadChange, BadProperties, UnknownProperty.
    """
    from eoscheck.model.loader import load

    with mine.blamed():
        pipeline = built(load(path, mine.names, changes), mine, wanted)
    mine.probe(pipeline.model)
    select(pipeline, wanted)
    return pipeline


def built(spec: Spec, mine: UserProperties = NONE, wanted: Sequence[str] = ()) -> Subject:
    """The pipeline of a spec that was loaded, with the properties `wanted` besides its own. Raises SpecError.

    What a spec expects speaks of the settings in its file. Once they are changed, what it names is asked for where it
    exists, and is no mistake where it does not.
    """
    from eoscheck.model.pipeline import build
    from eoscheck.model.refused import Refused
    from eoscheck.model.source import SpecError

    named = (*spec.properties, *(name for name, _ in spec.expect))
    plain = replace(spec, properties=(), expect=()) if spec.changes else spec
    try:
        pipeline: Subject = build(plain, mine.functions, (*named, *wanted) if spec.changes else wanted)
    except Refused as refusal:
        raise SpecError(spec.path, _line(spec.path, refusal.word), str(refusal)) from None
    if spec.changes and spec.properties:
        known = pipeline.model.properties
        known[:] = [p for p in known if {*named, *wanted, *mine.names} & set(_called(p.name))]
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
