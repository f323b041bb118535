"""Conditions as control flow: part by part, the cheap ones first, and no more of them than the answer needs."""

from __future__ import annotations

from functools import cache

from eoscheck.checker.expressions import Expr
from eoscheck.checker.native.ir import Function
from eoscheck.checker.native.packing import Packing, subterms
from eoscheck.checker.native.terms import Scope, Terms

SMALL = 6
"""Terms of a condition that is as quickly computed as whole."""

LARGEST = 300
"""Questions that a condition may become; shared ones count each time. Beyond, it is computed as a whole."""


@cache
def size(expr: Expr) -> int:
    """How many terms a term is made of: what asking for it costs."""
    return sum(1 for _ in subterms([expr]))


@cache
def _questions(expr: Expr) -> int:
    """How many questions a condition becomes if its parts are asked one by one."""
    parts = expr.args if expr.op in ("and", "or", "not", "ite") else ()
    return sum(_questions(part) for part in parts) if parts else 1


def _is_worth_it(condition: Expr) -> bool:
    """Is a condition better asked for part by part than as a whole?"""
    composed = condition.op in ("and", "or", "ite") and size(condition) > SMALL
    return composed and _questions(condition) <= LARGEST


def forget() -> None:
    """Drop what is remembered of the terms of another model."""
    size.cache_clear()
    _questions.cache_clear()


def ask(terms: Terms, condition: Expr, scope: Scope, yes: str, no: str) -> None:
    """Jump to one label or the other. What is computed on every way there stays in the scope."""
    f, op, args = terms.function, condition.op, condition.args
    if op == "not":
        ask(terms, args[0], scope, no, yes)
    elif condition in scope or not _is_worth_it(condition):
        f.branch(terms.value(condition, scope), yes, no)
    elif op == "ite":
        then, otherwise = f.label(), f.label()
        ask(terms, args[0], scope, then, otherwise)
        for label, branch in ((then, args[1]), (otherwise, args[2])):
            f.begin(label)
            ask(terms, branch, dict(scope), yes, no)
    else:
        *parts, last = sorted(args, key=size)
        for part in parts:
            on = f.label()
            ask(terms, part, scope, *((on, no) if op == "and" else (yes, on)))
            f.begin(on)
            if part is parts[0]:
                scope = dict(scope)  # what the others need is not computed on every way
        ask(terms, last, scope, yes, no)


def condition_function(name: str, condition: Expr, packing: Packing) -> Function:
    """A function that says whether a condition holds in a state."""
    f = Function(name, "i1", "internal", state="ptr")
    yes, no = f.label(), f.label()
    ask(Terms(f, packing, f.args["state"]), condition, {}, yes, no)
    for label, answer in ((yes, 1), (no, 0)):
        f.begin(label)
        f.ret(f.number(answer, "i1"))
    return f
