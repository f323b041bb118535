"""Checking many specs against what each of them expects, several at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eoscheck.checker.counterexample import Defect, Trace
from eoscheck.checker.engine import TooLarge
from eoscheck.checker.examine import examine, limits_of
from eoscheck.checker.expectation import Difference, compare
from eoscheck.checker.parallel import in_order
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
    except TooLarge as error:
        return Checked(path, error=f"{path}: {error}", code=2)
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
    return in_order(check_file, paths, jobs)


def specs_in(paths: Sequence[str]) -> list[str]:
    """The spec files that files and folders name: folders stand for all *.yaml in them, sorted."""
    found: dict[str, None] = {}
    for path in paths:
        inside = sorted(str(p) for p in Path(path).rglob("*.yaml")) if Path(path).is_dir() else [path]
        found.update(dict.fromkeys(inside))
    return list(found)
