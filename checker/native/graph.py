"""The graph of the states that were found, as LLVM functions: their steps, state after state, in two
arrays; its strongly connected components (Tarjan 1972, without recursion), and what can be said of them.

Numbers of states are 32 bits wide here, actions 16.
"""

from __future__ import annotations

from collections.abc import Sequence

from eoscheck.checker.native.context import get
from eoscheck.checker.native.ir import Function, Value
from eoscheck.checker.native.kernel import COMMAND, record_words
from eoscheck.checker.native.packing import Packing


def graph(packing: Packing) -> Sequence[Function]:
    """The functions, which the loops' module needs to have `expand`, `hits` and `find`."""
    return [_mark(packing), _steps(packing), _components(), _summary(), _near()]


def _mark(packing: Packing) -> Function:
    """Write for each state whether a property says `value` (0 or 1) of it."""
    f = Function("mark", "void", context="ptr", prop="i64", value="i64", out="ptr")
    context, out = f.args["context"], f.args["out"]
    with f.loop(0, get(context, "states")) as number:
        state = get(context, "store", "ptr").at(number * packing.words, "i64")
        bit = f.number(1) << f.args["prop"]
        hit = f.call("hits", "i64", state, bit, convention="fastcc") != 0
        out.store((hit.to("i64") == f.args["value"]).to("i8"), number)
    f.ret()
    return f


def _steps(packing: Packing) -> Function:
    """The steps from the states that are marked: their targets, their actions, and by state where its steps begin.
    Without room for them (`targets` is null) only how many there are. `omit`: the bit of tags that leaves a step out.
    A target that was not found is -1."""
    f = Function(
        "steps", "i64",
        context="ptr", tally="ptr", marked="ptr", action_of="ptr", omit="i64", starts="ptr", targets="ptr",
        actions="ptr",
    )  # fmt: skip
    context, starts, targets = f.args["context"], f.args["starts"], f.args["targets"]
    scratch, size = get(context, "records", "ptr"), record_words(packing)
    total = f.variable(f.number(0))
    with f.loop(0, get(context, "states")) as number:
        starts.store(total.get(), number)
        with f.when(f.args["marked"].load("i8", number) != 0):
            state = get(context, "store", "ptr").at(number * packing.words, "i64")
            arguments = (state, scratch, f.number(0), context, f.args["tally"])
            end = f.call("expand", "ptr", *arguments, convention="fastcc")
            at = f.variable(scratch)
            with f.repeat(lambda: at.get().number() < end.number()):
                record = at.get()
                at.set(record.at(size, "i64"))
                tag = record.load("i64", packing.words + 1)
                with f.when((tag & f.args["omit"]) == 0):
                    with f.when(targets.number() != 0):
                        found = f.call("find", "i64", context, record) - 1
                        targets.store(found.to("i32"), total.get())
                        action = f.args["action_of"].load("i16", tag & COMMAND)
                        f.args["actions"].store(action, total.get())
                    total.set(total.get() + 1)
    starts.store(total.get(), get(context, "states"))
    f.ret(total.get())
    return f


def _components() -> Function:
    """Number the components of the marked states, from 1 on; 0 for states that are not marked. `order`, `low`, `stack`
    and `trail` have room for one number of each state, `edges` for where the walk along the trail stands."""
    f = Function(
        "components", "i64",
        states="i64", marked="ptr", starts="ptr", targets="ptr",
        order="ptr", low="ptr", stack="ptr", trail="ptr", edges="ptr", component="ptr",
    )  # fmt: skip
    a = f.args
    clock, top, deep = (f.variable(f.number(0)) for _ in range(3))
    parts = f.variable(f.number(0, "i32"))

    def enter(state: Value) -> None:
        clock.set(clock.get() + 1)
        a["order"].store(clock.get().to("i32"), state)
        a["low"].store(clock.get().to("i32"), state)
        for room, height in ((a["stack"], top), (a["trail"], deep)):
            room.store(state.to("i32"), height.get())
            height.set(height.get() + 1)
        a["edges"].store(a["starts"].load("i64", state), state)

    def lower(state: Value, to: Value) -> None:
        low = a["low"].load("i32", state)
        a["low"].store((to < low).choose(to, low), state)

    with f.loop(0, a["states"]) as root:
        fresh = (a["marked"].load("i8", root) != 0) & (a["order"].load("i32", root) == 0)
        with f.when(fresh):
            enter(root)
            with f.repeat(lambda: deep.get() != 0):
                state = a["trail"].load("i32", deep.get() - 1).to("i64")
                edge = a["edges"].load("i64", state)
                step, leave, on = f.label(), f.label(), f.label()
                f.branch(edge < a["starts"].load("i64", state + 1), step, leave)
                f.begin(step)
                a["edges"].store(edge + 1, state)
                target = a["targets"].load("i32", edge).to("i64")
                with f.when(a["marked"].load("i8", target) != 0):
                    unseen = a["order"].load("i32", target) == 0
                    with f.when(~unseen & (a["component"].load("i32", target) == 0)):
                        lower(state, a["order"].load("i32", target))
                    with f.when(unseen):
                        enter(target)
                f.go(on)
                f.begin(leave)
                deep.set(deep.get() - 1)
                with f.when(deep.get() != 0):
                    lower(a["trail"].load("i32", deep.get() - 1).to("i64"), a["low"].load("i32", state))
                with f.when(a["low"].load("i32", state) == a["order"].load("i32", state)):
                    parts.set(parts.get() + 1)
                    with f.repeat() as done:
                        top.set(top.get() - 1)
                        member = a["stack"].load("i32", top.get()).to("i64")
                        a["component"].store(parts.get(), member)
                        f.leave(member == state, done)
                f.go(on)
                f.begin(on)
    f.ret(parts.get().to("i64"))
    return f


def _summary() -> Function:
    """For each component, `words` words of bits by action: those that are enabled in all its states (`owed`, all ones
    at the beginning), those that are taken inside (`taken`); and how many steps there are inside."""
    f = Function(
        "summary", "void",
        states="i64", starts="ptr", targets="ptr", actions="ptr", component="ptr",
        words="i64", owed="ptr", taken="ptr", inside="ptr",
    )  # fmt: skip
    a, words = f.args, f.args["words"]
    here = f.array("i64", 1024)
    with f.loop(0, a["states"]) as state:
        part = a["component"].load("i32", state).to("i64")
        with f.when(part != 0):
            with f.loop(0, words) as w:
                here.store(f.number(0), w)
            with f.loop(a["starts"].load("i64", state), a["starts"].load("i64", state + 1)) as edge:
                action = a["actions"].load("i16", edge).to("i64")
                bit = f.number(1) << (action & 63)
                here.store(here.load("i64", action >> 6) | bit, action >> 6)
                target = a["targets"].load("i32", edge).to("i64")
                with f.when(a["component"].load("i32", target).to("i64") == part):
                    a["inside"].bump(1, "i64", part)
                    place = part * words + (action >> 6)
                    a["taken"].store(a["taken"].load("i64", place) | bit, place)
            with f.loop(0, words) as w:
                place = part * words + w
                a["owed"].store(a["owed"].load("i64", place) & here.load("i64", w), place)
    f.ret()
    return f


def _near() -> Function:
    """Mark the states that have a marked successor, in one sweep from the last to the first; gives how many were not
    marked before."""
    f = Function("near", "i64", states="i64", marked="ptr", starts="ptr", targets="ptr")
    a, found = f.args, f.variable(f.number(0))
    with f.loop(0, a["states"]) as i:
        state = a["states"] - i - 1
        with f.when(a["marked"].load("i8", state) == 0):
            edge, end = f.variable(a["starts"].load("i64", state)), a["starts"].load("i64", state + 1)
            with f.repeat() as over:
                f.leave(edge.get() >= end, over)
                target = a["targets"].load("i32", edge.get()).to("i64")
                edge.set(edge.get() + 1)
                with f.when(a["marked"].load("i8", target) != 0):
                    a["marked"].store(f.number(1, "i8"), state)
                    found.set(found.get() + 1)
                    f.go(over)
                    f.begin(f.label())
    f.ret(found.get())
    return f
