"""From a spec file, and perhaps properties of the user's own, to a pipeline to be examined."""

from __future__ import annotations

from collections.abc import Sequence

from eoscheck.checker.counterexample import Subject
from eoscheck.checker.userproperties import blamed, load_properties, names, probe
from eoscheck.model.language import did_you_mean


class UnknownProperty(Exception):
    """A property was asked for that the pipeline does not have."""


def prepare(path: str, files: Sequence[str] = (), wanted: Sequence[str] = ()) -> Subject:
    """The pipeline of a spec.

    files    Python files with properties of the user's own
    wanted   full or bare names of the properties to keep; none: all

    Raises SpecError, BadProperties, UnknownProperty.
    """
    from eoscheck.model.loader import load
    from eoscheck.model.pipeline import build

    mine = load_properties(files)
    with blamed(files):
        pipeline: Subject = build(load(path, names(mine)), mine)
    select(pipeline, wanted)
    probe(pipeline.model, mine, files)
    return pipeline


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
