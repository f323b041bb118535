"""Properties that a user writes in Python: a file given on the command line, never one that a spec names.

    from eoscheck.model.language import Witness, always

    @always
    def never_three(pipeline):
        ...

What goes wrong in such a file is the user's error, with its line, not a defect of ours.
"""

from __future__ import annotations

import importlib.util
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eoscheck.model.language import ConcreteMemory, Model, Property
from eoscheck.model.values import Witness

UserProperty = Callable[..., Any]


class BadProperties(Exception):
    """A file of properties that cannot be used. Its text is one line: `FILE:LINE: message`."""


def load_properties(paths: Sequence[str]) -> list[UserProperty]:
    """The functions in these files that are marked `@always`, `@at_rest`, `@sometimes` or `@eventually`."""
    return [prop for number, path in enumerate(paths) for prop in _load(path, number)]


def names(properties: Sequence[UserProperty]) -> tuple[str, ...]:
    """What the properties are called."""
    return tuple(prop.__property__(None).name for prop in properties)  # type: ignore[attr-defined]


def _load(path: str, number: int) -> list[UserProperty]:
    with blamed([path]):
        if not Path(path).is_file():
            raise BadProperties(f"{path}:1: {'not a file' if Path(path).exists() else 'no such file'}")
        found = importlib.util.spec_from_file_location(f"eoscheck_user_properties_{number}", path)
        if found is None or found.loader is None:
            raise BadProperties(f"{path}:1: not a Python file (its name must end in .py)")
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
    marked = [value for value in vars(module).values() if hasattr(value, "__property__")]
    if not marked:
        raise BadProperties(f"{path}:1: no function is marked @always, @at_rest, @sometimes or @eventually")
    return marked


@contextmanager
def blamed(paths: Sequence[str]) -> Iterator[None]:
    """Turn an exception that came out of one of these files into BadProperties, with its line there."""
    try:
        yield
    except BadProperties:
        raise
    except Exception as error:
        place = _place(error, paths)
        if place is None:
            raise
        raise BadProperties(f"{place}: {_message(error)}") from error


def _place(error: BaseException, paths: Sequence[str]) -> str | None:
    files = {str(Path(path).resolve()): path for path in paths}
    if isinstance(error, SyntaxError) and error.filename in {*files, *paths}:
        return f"{error.filename}:{error.lineno or 1}"
    cause: BaseException | None = error
    while cause is not None:
        for frame in reversed(traceback.extract_tb(cause.__traceback__)):
            given = files.get(str(Path(frame.filename).resolve()))
            if given:
                return f"{given}:{frame.lineno}"
        cause = cause.__cause__ or cause.__context__
    return None


def _message(error: BaseException) -> str:
    # The tracer wraps what an action raised; what the user wrote is at the bottom.
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return " ".join(f"{type(error).__name__}: {text}".split())


def probe(model: Model, properties: Sequence[UserProperty], paths: Sequence[str]) -> None:
    """Ask each user property once, in the initial state, so that a mistake in it is told in its own words."""
    mine = set(names(properties))
    model.memory = ConcreteMemory(model.initial)
    for prop in model.properties:
        if prop.name.partition("@")[0] in mine or prop.name in mine:
            with blamed(paths):
                _check_answer(prop, prop.check(), paths)


def _check_answer(prop: Property, answer: Any, paths: Sequence[str]) -> None:
    if prop.kind in ("always", "at-rest"):
        good, wanted = answer is None or isinstance(answer, Witness), "None, or a Witness in a bad state"
    else:
        good, wanted = answer is None or isinstance(answer, bool | Witness), "True or False"
    if not good:
        where = f"{paths[0]}:1" if len(paths) == 1 else f"{', '.join(paths)}"
        raise BadProperties(f"{where}: {prop.name} must return {wanted}, not {answer!r}")
