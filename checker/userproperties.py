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
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eoscheck.model.language import ConcreteMemory, Model, Property
from eoscheck.model.values import Witness


class BadProperties(Exception):
    """A file of properties that cannot be used. Its text is one line: `FILE:LINE: message`."""


@dataclass(frozen=True)
class UserProperties:
    """The functions in some files that are marked `@always`, `@at_rest`, `@sometimes`, `@eventually` or `@possible`."""

    paths: tuple[str, ...] = ()
    functions: tuple[Callable[..., Any], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called."""
        return tuple(function.__property__(None).name for function in self.functions)  # type: ignore[attr-defined]

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Turn an exception that comes from these files, or is about their properties, into BadProperties."""
        try:
            yield
        except BadProperties:
            raise
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            if isinstance(error, KeyboardInterrupt) and not self._said(error):
                raise
            place = self._raised(error) or self._defined(str(error))
            if place is None:
                raise
            raise BadProperties(f"{place}: {_message(error)}") from error

    def probe(self, model: Model) -> None:
        """Ask each property once, in the initial state, so that a mistake in it is told in its own words."""
        called = Counter(prop.name for prop in model.properties)
        model.memory = ConcreteMemory(model.initial)
        for prop in model.properties:
            if prop.name in self.names:
                if called[prop.name] > 1:
                    raise BadProperties(f"{self._defined(prop.name + ':')}: the name {prop.name!r} is taken")
                with self.blamed():
                    self._check_answer(prop, prop.check())

    def _check_answer(self, prop: Property, answer: Any) -> None:
        if prop.kind in ("always", "at-rest"):
            good, wanted = answer is None or isinstance(answer, Witness), "None, or a Witness in a bad state"
        else:
            good, wanted = answer is None or isinstance(answer, bool | Witness), "True or False"
        if not good:
            place = self._defined(f"{prop.name}:")
            raise BadProperties(f"{place}: {prop.name} must return {wanted}, not {answer!r}")

    def _said(self, error: KeyboardInterrupt) -> bool:
        """Whether these files raised it themselves; that of a signal comes from the function that handles it."""
        innermost = traceback.extract_tb(error.__traceback__)[-1].filename
        return _real(innermost) in map(_real, self.paths)

    def _raised(self, error: BaseException) -> str | None:
        """FILE:LINE of the innermost frame in one of the files."""
        if isinstance(error, SyntaxError) and _real(error.filename or "") in map(_real, self.paths):
            return f"{self._given(error.filename or '')}:{error.lineno or 1}"
        cause: BaseException | None = error
        while cause is not None:
            for frame in reversed(traceback.extract_tb(cause.__traceback__)):
                if _real(frame.filename) in map(_real, self.paths):
                    return f"{self._given(frame.filename)}:{frame.lineno}"
            cause = cause.__cause__ or cause.__context__
        return None

    def _defined(self, message: str) -> str | None:
        """FILE:LINE of the property whose name the message begins with."""
        for function, name in zip(self.functions, self.names, strict=True):
            if message.startswith((f"{name}:", f"{name} (")):
                return f"{self._given(function.__code__.co_filename)}:{function.__code__.co_firstlineno}"
        return None

    def _given(self, filename: str) -> str:
        """The file as the user called it."""
        return next((path for path in self.paths if _real(path) == _real(filename)), filename)


def load_properties(paths: Sequence[str]) -> UserProperties:
    """Run these files and collect what they mark. Raises BadProperties."""
    functions: list[Callable[..., Any]] = []
    for number, path in enumerate(paths):
        with UserProperties((path,)).blamed():
            functions += _run(path, number)
    return UserProperties(tuple(paths), tuple(functions))


def _run(path: str, number: int) -> list[Callable[..., Any]]:
    if not Path(path).is_file():
        raise BadProperties(f"{path}:1: {'not a file' if Path(path).exists() else 'no such file'}")
    found = importlib.util.spec_from_file_location(f"eoscheck_user_properties_{number}", path)
    if found is None or found.loader is None:
        raise BadProperties(f"{path}:1: not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    marked = [value for value in vars(module).values() if hasattr(value, "__property__")]
    if not marked:
        raise BadProperties(
            f"{path}:1: no function is marked @always, @at_rest, @sometimes, @eventually or @possible"
        )
    return marked


def _real(path: str) -> str:
    return str(Path(path).resolve())


def _message(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return " ".join(f"{type(error).__name__}: {text}".split())
