"""Checking many specs against what each of them expects, several at a time."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from eoscheck.checker.counterexample import Defect, Trace
from eoscheck.checker.examine import examine, limits_of
from eoscheck.checker.expectation import Difference, compare
from eoscheck.checker.prepare import prepare
from eoscheck.checker.symbols import TraceError
from eoscheck.checker.verdict import INTERRUPTED, Result, worst
from eoscheck.model.source import SpecError


@dataclass(frozen=True)
class Checked:
    """One spec of a `check`.

    error     why there is no result, in one line, else ""
    expected  whether the spec expects anything
    code      the exit code it asks for
    """

    path: str
    result: Result | None = None
    differences: tuple[Difference, ...] = ()
    expected: bool = False
    error: str = ""
    code: int = 0
    traces: dict[str, Trace] = field(default_factory=dict)


def check_file(path: str) -> Checked:
    """Explore one spec and compare. Never raises, so that one bad spec does not hide the others."""
    try:
        pipeline = prepare(path)
        spec = pipeline.spec
        found = examine(pipeline, limits_of(spec))
    except SpecError as error:
        return Checked(path, error=str(error), code=2)
    except (TraceError, Defect) as error:
        return Checked(path, error=f"a defect of eoscheck: {error}", code=70)
    except Exception as error:
        return Checked(path, error=f"a defect of eoscheck: {type(error).__name__}: {error}", code=70)
    differences = tuple(compare(spec, found.result))
    code = INTERRUPTED if found.result.interrupted else worst(d.code for d in differences)
    return Checked(path, found.result, differences, bool(spec.expect), "", code, found.traces)


def check_files(paths: Sequence[str], jobs: int) -> Iterator[Checked]:
    """Check every spec, `jobs` at a time; the answers come in the order of `paths`.

    Ctrl-C passes through, after the answers that were there already.
    """
    if jobs == 1 or len(paths) < 2:
        yield from map(check_file, paths)
        return
    # Forked, since a fresh interpreter for each worker would import everything once more.
    workers = ProcessPoolExecutor(min(jobs, len(paths)), multiprocessing.get_context("fork"), _deaf)
    answers = deque(workers.submit(check_file, path) for path in paths)
    try:
        while answers:
            checked = answers[0].result()
            answers.popleft()
            yield checked
    except KeyboardInterrupt:
        yield from (answer.result() for answer in answers if answer.done())
        raise
    finally:
        for child in multiprocessing.active_children():
            child.terminate()
        workers.shutdown(cancel_futures=True)


def _deaf() -> None:
    """A worker leaves Ctrl-C to its parent, which ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def specs_in(paths: Sequence[str]) -> list[str]:
    """The spec files that files and folders name: folders stand for all *.yaml in them, sorted."""
    found: dict[str, None] = {}
    for path in paths:
        inside = sorted(str(p) for p in Path(path).rglob("*.yaml")) if Path(path).is_dir() else [path]
        found.update(dict.fromkeys(inside))
    return list(found)
