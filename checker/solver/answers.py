"""Asking Z3, which may also not know."""

from __future__ import annotations

import time
from typing import Any

import z3  # type: ignore[import-untyped]


class OutOfTime(Exception):
    """Z3 did not answer in the time that was left, or does not know. The text says why."""


def answer(solver: Any, until: float | None, *assumptions: Any) -> Any:
    """The model of a question that has an answer, None if it has none.

    until   when to give up, in seconds of time.monotonic

    Raises OutOfTime; KeyboardInterrupt where somebody has told Z3 to stop.
    """
    solver.set("ctrl_c", False)  # Z3 would take the signal for itself, and may answer nevertheless
    if until is not None:
        left = until - time.monotonic()
        if left <= 0:
            raise OutOfTime("out of time")
        solver.set("timeout", int(1000 * left) + 1)
    said = solver.check(*assumptions)
    if said == z3.sat:
        return solver.model()
    if said == z3.unsat:
        return None
    if until is not None and time.monotonic() >= until:
        raise OutOfTime("out of time")
    if any(word in solver.reason_unknown() for word in ("interrupt", "cancel")):
        raise KeyboardInterrupt
    raise OutOfTime(solver.reason_unknown())
