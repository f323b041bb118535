"""The benchmark model "eos-loop": N messages, P transactional processors, C crashes, G group generations.

    python bench/eos_loop.py 2202 --json

Written in eoscheck's modelling language; one action here is one atomic step there, so counts of states and
transitions can be compared with those of other checkers, exactly.
"""

from __future__ import annotations

import argparse
import enum
import json
import resource
import time
from typing import Any

from eoscheck.checker.compiled import Compiled
from eoscheck.checker.engine import Interpreter
from eoscheck.checker.native.engine import Native
from eoscheck.checker.native.jit import THOROUGH
from eoscheck.checker.native.search import Options, explore_natively
from eoscheck.checker.search import Exploration, Limits, explore
from eoscheck.checker.trace import trace
from eoscheck.model.language import Array, Component, Log, Model, Property, Var, action
from eoscheck.model.values import Witness, all_of, any_of, derived, ite, minimum, neg, one_of, when


class Pc(enum.Enum):
    DOWN = 0
    JOIN = 1
    FETCH = 2
    POLL = 3
    BEGIN = 4
    PROD = 5
    EXT = 6
    OFFS = 7
    END = 8
    ABORT = 9


class Tx(enum.Enum):
    EMPTY = 0
    ONGOING = 1
    PREPARE_COMMIT = 2
    PREPARE_ABORT = 3
    COMPLETE_COMMIT = 4
    COMPLETE_ABORT = 5


class Kind(enum.Enum):
    DATA = 0
    COMMIT = 1
    ABORT = 2


class Shared(Component):
    """Group, output log, reader and external store: what the processors share."""

    def __init__(self, n: int, p: int, c: int, g: int) -> None:
        self.name, self.n, self.p, self.c, self.g = "shared", n, p, c, g

    gen = Var(lambda self: range(self.g + 1))
    crashes = Var(lambda self: range(self.c + 1))
    committed = Var(lambda self: range(self.n + 1))
    out = Var(
        lambda self: Log(
            {
                "pid": range(self.p),
                "kind": Kind,
                "message": range(self.n + 1),
                "epoch": range(2 * self.c + 2),
            },
            2 * (self.n + self.c + self.g),
        )
    )
    rpos = Var(lambda self: range(2 * (self.n + self.c + self.g) + 1))
    seen = Var(lambda self: Array(range(3), self.n + 1))
    ext = Var(lambda self: Array(range(3), self.n + 1))
    cnt = Var(lambda self: Array(range(3), self.n + 1))

    def message_at(self, position: Any) -> Any:
        """The message of the record at a position that counts from 1; 0 where there is none."""
        found: Any = 0
        for i in range(self.out.capacity):
            found = ite(position == i + 1, self.out[i].message, found)
        return found

    @derived
    def outcome(self, position: Any, pid: Any) -> Any:
        """The kind of the first marker of `pid` at or after `position`; DATA if there is none."""
        found: Any = Kind.DATA
        for i in reversed(range(self.out.capacity)):
            marker = (self.out[i].pid == pid) & (self.out[i].kind != Kind.DATA)
            found = ite(marker & (position <= i) & (i < self.out.length), self.out[i].kind, found)
        return found


class Processor(Component):
    def __init__(self, index: int, shared: Shared) -> None:
        self.name, self.index, self.shared = f"p{index}", index, shared
        self.all: list[Processor] = []

    pc = Var(Pc)
    ep = Var(lambda self: range(2 * self.shared.c + 2))
    cep = Var(lambda self: range(2 * self.shared.c + 2))
    pgen = Var(lambda self: range(self.shared.g + 1))
    pos = Var(lambda self: range(self.shared.n + 1))
    tx = Var(Tx)
    mo = Var(bool)
    mf = Var(bool)
    pend = Var(lambda self: range(self.shared.n + 1))
    first = Var(lambda self: range(2 * (self.shared.n + self.shared.c + self.shared.g) + 1))

    def no_transaction(self) -> Any:
        return one_of(self.tx, Tx.EMPTY, Tx.COMPLETE_COMMIT, Tx.COMPLETE_ABORT)

    def prepared(self) -> Any:
        return one_of(self.tx, Tx.PREPARE_COMMIT, Tx.PREPARE_ABORT)

    def prepare(self, state: Tx) -> None:
        self.tx, self.mo, self.mf = state, True, True

    def leave(self) -> None:
        self.pgen, self.pos, self.pc = 0, 0, Pc.JOIN

    @action
    def init_pid(self) -> None:
        when(self.pc == Pc.DOWN)
        when(self.no_transaction())
        self.cep += 1
        self.ep = self.cep
        self.tx, self.pc = Tx.EMPTY, Pc.JOIN

    @action
    def init_fence(self) -> None:
        when(self.pc == Pc.DOWN)
        when(self.tx == Tx.ONGOING)
        self.cep += 1
        self.prepare(Tx.PREPARE_ABORT)

    @action
    def rebalance(self) -> None:
        when(self.pc == Pc.JOIN)
        when(self.shared.gen < self.shared.g)
        self.shared.gen += 1
        self.pgen, self.pc = self.shared.gen, Pc.FETCH

    @action
    def fetch(self) -> None:
        when(self.pc == Pc.FETCH)
        if self.pgen == self.shared.gen:
            when(all_of(q.pend == 0 for q in self.all))
            self.pos, self.pc = self.shared.committed, Pc.POLL
        else:
            self.pgen, self.pc = 0, Pc.JOIN

    @action
    def poll(self) -> None:
        when(self.pc == Pc.POLL)
        when(self.pos < self.shared.n)
        self.pos += 1
        self.pc = Pc.BEGIN

    @action
    def evict(self) -> None:
        when(self.pc == Pc.POLL)
        when(self.pgen != self.shared.gen)
        self.leave()

    @action
    def begin_transaction(self) -> None:
        when(self.pc == Pc.BEGIN)
        self.pc = Pc.PROD

    @action
    def produce(self) -> None:
        when(self.pc == Pc.PROD)
        when((self.ep == self.cep) & self.no_transaction())
        self.tx, self.pc = Tx.ONGOING, Pc.EXT
        self.shared.out.append(pid=self.index, kind=Kind.DATA, message=self.pos, epoch=self.ep)
        self.first = self.shared.out.length

    @action
    def ext_write(self) -> None:
        when(self.pc == Pc.EXT)
        self.shared.ext[self.pos] = minimum(self.shared.ext[self.pos] + 1, 2)
        self.pc = Pc.OFFS

    @action
    def add_offsets(self) -> None:
        when(self.pc == Pc.OFFS)
        if self.pgen == self.shared.gen:
            self.pend, self.pc = self.pos, Pc.END
        else:
            self.pc = Pc.ABORT

    @action(each=lambda self: [(False,), (True,)])
    def end_commit(self, lost: bool) -> None:
        when(self.pc == Pc.END)
        if self.tx == Tx.ONGOING:
            when(self.ep == self.cep)
            self.prepare(Tx.PREPARE_COMMIT)
        else:
            when((self.tx == Tx.COMPLETE_COMMIT) & (not lost))
        if not lost:
            self.pc = Pc.POLL

    @action(each=lambda self: [(False,), (True,)])
    def end_abort(self, lost: bool) -> None:
        when(self.pc == Pc.ABORT)
        if self.tx == Tx.ONGOING:
            when(self.ep == self.cep)
            self.prepare(Tx.PREPARE_ABORT)
        else:
            when((self.tx == Tx.COMPLETE_ABORT) & (not lost))
        if not lost:
            self.leave()

    @action
    def out_marker(self) -> None:
        when(self.mo)
        when(self.prepared())
        kind = Kind.ABORT
        if self.tx == Tx.PREPARE_COMMIT:
            kind = Kind.COMMIT
            message = self.shared.out[self.first - 1].message
            self.shared.cnt[message] = minimum(self.shared.cnt[message] + 1, 2)
        self.shared.out.append(pid=self.index, kind=kind, epoch=self.cep)
        self.mo, self.first = False, 0

    @action
    def offsets_marker(self) -> None:
        when(self.mf)
        when(self.prepared())
        if self.tx == Tx.PREPARE_COMMIT:
            self.shared.committed = self.pend
        self.pend, self.mf = 0, False

    @action
    def complete(self) -> None:
        when(self.prepared() & neg(self.mo) & neg(self.mf))
        self.tx = ite(self.tx == Tx.PREPARE_COMMIT, Tx.COMPLETE_COMMIT, Tx.COMPLETE_ABORT)

    @action
    def crash(self) -> None:
        when(self.pc != Pc.DOWN)
        when(self.shared.crashes < self.shared.c)
        self.shared.crashes += 1
        self.pc, self.ep, self.pgen, self.pos = Pc.DOWN, 0, 0, 0


class Reader(Component):
    def __init__(self, shared: Shared, processors: list[Processor]) -> None:
        self.name, self.shared, self.processors = "reader", shared, processors

    @action
    def read(self) -> None:
        shared = self.shared
        when(shared.rpos < shared.out.length)
        when(all_of((q.first == 0) | (shared.rpos + 1 < q.first) for q in self.processors))
        record = shared.out[shared.rpos]
        if record.kind == Kind.DATA and shared.outcome(shared.rpos, record.pid) == Kind.COMMIT:
            shared.seen[record.message] = minimum(shared.seen[record.message] + 1, 2)
        shared.rpos += 1


def invariants(shared: Shared, processors: list[Processor]) -> list[Property]:
    """What other checkers check of this model while they are measured. Both hold."""
    messages = range(1, shared.n + 1)

    def at_most_once() -> Witness | None:
        seen_twice = any_of(shared.seen[m] > 1 for m in messages)
        return Witness("a message is read twice") if seen_twice else None

    def consistent(m: int) -> Any:
        completing = [q for q in processors]
        counted = any_of(
            (q.tx == Tx.PREPARE_COMMIT) & q.mo & (shared.message_at(q.first) == m) for q in completing
        )
        pending = any_of((q.tx == Tx.PREPARE_COMMIT) & q.mf & (q.pend == m) for q in completing)
        cnt = shared.cnt[m]
        committed = (cnt == 1) | ((cnt == 0) & counted)
        not_yet = (cnt == 0) | ((cnt == 1) & pending)
        return ite(m <= shared.committed, committed, not_yet)

    def offsets_consistent() -> Witness | None:
        return None if all_of(consistent(m) for m in messages) else Witness("offset and output disagree")

    return [
        Property("always", "reader-at-most-once", at_most_once),
        Property("always", "offsets-consistent", offsets_consistent),
    ]


def build(name: str) -> Model:
    """The model for a parameter set such as "4222"."""
    n, p, c, g = map(int, name)
    shared = Shared(n, p, c, g)
    processors = [Processor(i, shared) for i in range(p)]
    for processor in processors:
        processor.all = processors
    return Model([*processors, shared, Reader(shared, processors)], invariants(shared, processors))


def search(model: Model, engine: str, options: Options) -> tuple[float, float, Exploration]:
    """When it was ready to begin, the seconds that the kernel had worked for it by then, and what was found."""
    if engine == "native":
        native = Native(trace(model))
        native.functions(native.best_kept())
        return time.perf_counter(), in_kernel(), explore_natively(native, Limits(), None, options)
    other = Interpreter(model) if engine == "interpreter" else Compiled(trace(model))
    return time.perf_counter(), in_kernel(), explore(other, Limits())


def in_kernel() -> float:
    """Seconds that the kernel has worked for this process, mostly at giving it memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set", help="NPCG, e.g. 2202")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--engine", choices=["native", "python", "interpreter"], default="native")
    parser.add_argument("--threads", type=int, help="[default: the cores]")
    parser.add_argument("--fingerprint", action="store_true")
    parser.add_argument("--compile", action="store_true", help="compile it thoroughly, and stop")
    options = parser.parse_args()
    if options.compile:
        Native(trace(build(options.set))).functions(THOROUGH)
        return
    started = time.perf_counter()
    chosen = Options(threads=options.threads, fingerprint=options.fingerprint)
    ready, kernel, found = search(build(options.set), options.engine, chosen)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = {
        "set": options.set,
        "engine": options.engine,
        "threads": options.threads,
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "holds": found.complete and not found.hits,
        "prepare_seconds": round(ready - started, 3),
        "seconds": round(found.seconds, 3),
        "kernel_seconds": round(in_kernel() - kernel, 3),
        "states_per_second": round(found.states / max(found.seconds, 1e-6)),
        "transitions_per_second": round(found.transitions / max(found.seconds, 1e-6)),
        "bytes_per_state": round(resident / found.states, 1),
    }
    print(json.dumps(figures) if options.json else "\n".join(f"{k:24}{v}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
