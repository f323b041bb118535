"""What an action must not do: input and output, loops without end, luck, and `is` on a value of the state.

Most of it is read from the code before it runs: names that stand for a clock, luck or output, and `is` where
a state variable would be equal but never the same object (`self.phase is Phase.DONE`, `case True`). What is
opened in spite of that Python tells by itself (audit events), and a thread ends a path that takes too long.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import dis
import enum
import io
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from eoscheck.checker.symbols import TraceError
from eoscheck.model import domains, language, memory, values

SECONDS_PER_PATH = 10.0
CLOCK_AND_LUCK = {"asyncio", "datetime", "logging", "random", "secrets", "threading", "time"}
OUTSIDE = {"io", "os", "pathlib", "posix", "shutil", "socket", "subprocess", "sys", "tempfile"}
FORBIDDEN = CLOCK_AND_LUCK | OUTSIDE | {"uuid", "urllib", "_random", "_io", "_socket"}
IS = dis.opmap["IS_OP"]
TALK = frozenset(("breakpoint", "eval", "exec", "input", "open", "print"))
EVENTS = frozenset(("open", "os", "shutil", "socket", "subprocess", "tempfile", "urllib"))
OURS = frozenset(module.__file__ for module in (domains, language, memory, values))


class Reader:
    """Reads the code that an action can come to, and says where it does what cannot be traced."""

    def __init__(self, classes: Iterable[type]) -> None:
        self.methods: dict[str, list[FunctionType]] = {}
        for cls in dict.fromkeys(base for c in classes for base in c.__mro__):
            for name, value in vars(cls).items():
                if isinstance(value, FunctionType) and not name.startswith("__"):
                    self.methods.setdefault(name, []).append(value)
        self.clean: set[CodeType] = set()

    def fault(self, function: Any) -> tuple[str, str] | None:
        """FILE:LINE and what is wrong there, or None."""
        todo = [function]
        while todo:
            current = todo.pop()
            current = getattr(current, "__wrapped__", current)
            if not isinstance(current, FunctionType) or current.__code__ in self.clean:
                continue
            if current.__code__.co_filename in OURS:
                continue
            names = _Names(current)
            for code in _nested(current.__code__):
                for wrong, line in _faults(code, names):
                    return f"{Path(code.co_filename).name}:{line}", wrong
            self.clean.add(current.__code__)
            todo += [v for v in map(names.get, current.__code__.co_names) if isinstance(v, FunctionType)]
            todo += [m for name in current.__code__.co_names for m in self.methods.get(name, [])]
        return None


class _Names:
    """What the free and global names of a function stand for."""

    def __init__(self, function: FunctionType) -> None:
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        self.known = {**vars(builtins), **function.__globals__}
        for name, cell in cells:
            with contextlib.suppress(ValueError):  # a cell that is empty yet
                self.known[name] = cell.cell_contents

    def get(self, name: str) -> Any:
        return self.known.get(name)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _faults(code: CodeType, names: _Names) -> Iterator[tuple[str, int | None]]:
    words = (*code.co_names, *code.co_freevars, *code.co_cellvars)
    if IS not in code.co_code[::2] and not any(_forbidden(names.get(word)) for word in words):
        return  # nothing that is worth being taken to pieces
    before: list[Any] = [None, None]
    for step in dis.get_instructions(code):
        line = step.positions.lineno if step.positions else None
        value = names.get(step.argval) if step.opname in ("LOAD_GLOBAL", "LOAD_DEREF", "LOAD_NAME") else None
        if value is not None and _forbidden(value):
            yield (
                f"an action must not do input or output, ask the clock or try its luck ({step.argval})",
                line,
            )
        if step.opname == "IS_OP" and _is_value(before, names):
            yield "`is` (or `case True`) asks for the same object; compare values with ==", line
        if step.opname != "CACHE":
            before = [before[1], step]


def _forbidden(value: Any) -> bool:
    if isinstance(value, ModuleType):
        return value.__name__.split(".")[0] in FORBIDDEN
    owner = getattr(value, "__self__", None)  # random.random is a method of an object of random
    if owner is not None and type(owner).__module__ in FORBIDDEN:
        return True
    if not callable(value):
        return False
    return getattr(value, "__module__", None) in FORBIDDEN or any(value is vars(builtins)[t] for t in TALK)


def _is_value(before: list[Any], names: _Names) -> bool:
    """Is the right operand of `is`, loaded by these two instructions, a value that variables can have?"""
    owner, operand = before
    if operand is None:
        return False
    if operand.opname == "LOAD_CONST":
        return operand.argval is not None
    if operand.opname == "LOAD_ATTR" and owner is not None and owner.opname in ("LOAD_GLOBAL", "LOAD_DEREF"):
        return isinstance(names.get(owner.argval), enum.EnumMeta)
    return isinstance(names.get(operand.argval), enum.Enum) if operand.opname == "LOAD_GLOBAL" else False


class _Guard:
    """Who is being watched at the moment."""

    thread: int | None = None
    hooked = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _Guard.thread is not None and event.split(".")[0] in EVENTS and threading.get_ident() == _Guard.thread:
        raise TraceError(f"an action must not do input or output ({event})")


@contextlib.contextmanager
def no_output() -> Iterator[None]:
    """Turn input and output of this thread into a TraceError."""
    if not _Guard.hooked:
        sys.addaudithook(_audit)
        _Guard.hooked = True
    printed = io.StringIO()
    _Guard.thread = threading.get_ident()
    try:
        with contextlib.redirect_stdout(printed):
            yield
    finally:
        _Guard.thread = None
    if printed.getvalue():
        raise TraceError("an action must not do input or output (print)")


class Watchdog:
    """Raises TraceError in this thread when a path takes longer than SECONDS_PER_PATH."""

    def __init__(self) -> None:
        self._thread, self._lock = threading.get_ident(), threading.Lock()
        self._deadline: float | None = None
        self._over = threading.Event()

    def __enter__(self) -> Watchdog:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()

    def follow(self, body: Callable[[], Any]) -> Any:
        """Run `body` against the clock."""
        self._deadline = time.monotonic() + SECONDS_PER_PATH
        try:
            return body()
        finally:
            with self._lock:
                if (
                    self._deadline is None
                ):  # it has barked; where that was not heard yet, it must not be later
                    _hear()
                self._deadline = None

    def _watch(self) -> None:
        while not self._over.wait(SECONDS_PER_PATH / 10):
            with self._lock:
                if self._deadline is not None and time.monotonic() > self._deadline:
                    self._deadline = None
                    _bark(self._thread, Unbounded)


class Unbounded(TraceError):
    """A path has no end."""

    def __str__(self) -> str:
        return f"it runs for more than {SECONDS_PER_PATH:g} seconds; is there an unbounded loop?"


def _bark(thread: int, error: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))


def _hear() -> None:
    """Have what was barked at this thread raised here, whether it was heard before or not.

    To take it back would leave a mark in the interpreter, which then looks for it for ever: in vain, where frames are
    traced by Python 3.11.
    """
    with contextlib.suppress(Unbounded):
        _bark(threading.get_ident(), Unbounded)
        for _ in range(100):  # it is raised where a loop begins anew, if not before
            pass
