"""What Python asks the compiled model: about one state, or about a stretch of those that were found."""

from __future__ import annotations

from eoscheck.checker.native.context import Tally, get
from eoscheck.checker.native.ir import Function, Value
from eoscheck.checker.native.kernel import record_words
from eoscheck.checker.native.packing import Packing


def queries(packing: Packing, *, reduced: bool = False) -> list[Function]:
    """The functions, which the loops' module needs to have `expand`, `hits`, `premises` and `hash`."""
    found = [
        _successors(),
        _ask("hits"),
        _ask("premises"),
        _hash(),
        _collect(packing),
        _lead(packing, reduced),
    ]
    return [*found, _chosen()] if reduced else found


def _successors() -> Function:
    """All successors of a state, as records; gives their end."""
    f = Function("successors", "ptr", state="ptr", out="ptr", context="ptr", tally="ptr")
    state, out, context, tally = f.args.values()
    f.ret(f.call("expand", "ptr", state, out, f.number(0), context, tally, convention="fastcc"))
    return f


def _ask(what: str) -> Function:
    """The properties, among those asked for, that a state hits, or whose premise it meets."""
    f = Function(f"ask_{what}", "i64", state="ptr", among="i64")
    f.ret(f.call(what, "i64", *f.args.values(), convention="fastcc"))
    return f


def _hash() -> Function:
    f = Function("hash_of", "i64", state="ptr")
    f.ret(f.call("hash", "i64", f.args["state"], convention="fastcc"))
    return f


def _collect(packing: Packing) -> Function:
    """Numbers of the states `first`.. below `last` that hit a property; if `resting`, of those at rest only. The tally
    must remember nothing recent; its counts are not to be believed afterwards."""
    f = Function(
        "collect", "i64",
        context="ptr", tally="ptr", first="i64", last="i64", wanted="i64", resting="i64", out="ptr",
    )  # fmt: skip
    context, tally, out = f.args["context"], f.args["tally"], f.args["out"]
    found = f.variable(f.number(0))
    scratch = get(context, "records", "ptr")
    with f.loop(f.args["first"], f.args["last"]) as number:
        state = get(context, "store", "ptr").at(number * packing.words, "i64")
        hit = f.call("hits", "i64", state, f.args["wanted"], convention="fastcc")
        with f.when(hit != 0):
            tally.store(f.number(0), Tally.place("alive"))
            with f.when(f.args["resting"] != 0):
                f.call("expand", "ptr", state, scratch, f.number(0), context, tally, convention="fastcc")
            with f.when(tally.load("i64", Tally.place("alive")) == 0):
                out.store(number, found.get())
                found.set(found.get() + 1)
    f.ret(found.get())
    return f


def _chosen() -> Function:
    """The commands that are chosen of those that lead from a state somewhere."""
    f = Function("chosen", "void", state="ptr", moving="ptr", open="ptr", out="ptr")
    f.call("choose", "void", *f.args.values(), convention="fastcc")
    f.ret()
    return f


def _lead(packing: Packing, reduced: bool) -> Function:
    """Numbers of the states `first`.. below `last` that have a successor whose hash is in a set: a table of `mask` + 1
    hashes (a power of two), 0 where it is empty, probed linearly."""
    f = Function(
        "lead", "i64",
        context="ptr", tally="ptr", first="i64", last="i64", set="ptr", mask="i64", out="ptr",
    )  # fmt: skip
    context, tally, out = f.args["context"], f.args["tally"], f.args["out"]
    found = f.variable(f.number(0))
    scratch, size = get(context, "records", "ptr"), record_words(packing)
    with f.loop(f.args["first"], f.args["last"]) as number:
        state = get(context, "store", "ptr").at(number * packing.words, "i64")
        end = f.call("expand", "ptr", state, scratch, f.number(0), context, tally, convention="fastcc")
        at = f.variable(scratch)
        with f.repeat() as over:
            f.leave(at.get().number() >= end.number(), over)
            if reduced:
                passing = (at.get(), context, tally, scratch.at(get(context, "room") * size, "i64"))
                f.call("chase", "void", *passing, convention="fastcc")
            hash = at.get().load("i64", packing.words)
            at.set(at.get().at(size, "i64"))
            with f.when(_contains(f, hash)):
                out.store(number, found.get())
                found.set(found.get() + 1)
                f.go(over)
                f.begin(f.label())
    f.ret(found.get())
    return f


def _contains(f: Function, hash: Value) -> Value:
    """Whether a hash is in the set."""
    table, mask = f.args["set"], f.args["mask"]
    place = f.variable(hash & mask)
    with f.repeat() as over:
        value = table.load("i64", place.get())
        f.leave((value == hash) | (value == 0), over)
        place.set((place.get() + 1) & mask)
    return table.load("i64", place.get()) == hash
