"""LLVM IR as text, written by a few words of structured code.

    f = Function("sum", "i64", n="i64")
    total = f.variable(f.number(0))
    with f.loop(f.number(0), f.args["n"]) as i:
        total.set(total.get() + i)
    f.ret(total.get())

Text is what LLVM reads fastest, and it can be looked at. Integers are unsigned here: `<`, `//`, `%` and `>>` mean
that. Variables are stack slots, which LLVM turns into registers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Union

Operand = Union["Value", int]
Condition = Callable[[], "Value"]


class Value:
    """A value of a function: `type` is i1, i8, i16, i32, i64 or ptr; `name` how the text refers to it."""

    __slots__ = ("function", "name", "type")

    def __init__(self, function: Function, type: str, name: str) -> None:
        self.function, self.type, self.name = function, type, name

    def _binary(self, op: str, other: Operand) -> Value:
        return self.function.op(self.type, f"{op} {self.type} {self.name}, {self._text(other)}")

    def _compare(self, op: str, other: Operand) -> Value:
        return self.function.op("i1", f"icmp {op} {self.type} {self.name}, {self._text(other)}")

    def _text(self, other: Operand) -> str:
        if isinstance(other, int):
            return str(other)
        assert other.type == self.type, f"{other.type} {other.name} beside {self.type} {self.name}"
        return other.name

    def __add__(self, other: Operand) -> Value:
        return self._binary("add", other)

    def __sub__(self, other: Operand) -> Value:
        return self._binary("sub", other)

    def __mul__(self, other: Operand) -> Value:
        return self._binary("mul", other)

    def __floordiv__(self, other: Operand) -> Value:
        return self._binary("udiv", other)

    def __mod__(self, other: Operand) -> Value:
        return self._binary("urem", other)

    def __and__(self, other: Operand) -> Value:
        return self._binary("and", other)

    def __or__(self, other: Operand) -> Value:
        return self._binary("or", other)

    def __xor__(self, other: Operand) -> Value:
        return self._binary("xor", other)

    def __lshift__(self, other: Operand) -> Value:
        return self if isinstance(other, int) and not other else self._binary("shl", other)

    def __rshift__(self, other: Operand) -> Value:
        return self if isinstance(other, int) and not other else self._binary("lshr", other)

    def __invert__(self) -> Value:
        return self._binary("xor", -1 if self.type != "i1" else 1)

    def __eq__(self, other: Operand) -> Value:  # type: ignore[override]
        return self._compare("eq", other)

    def __ne__(self, other: Operand) -> Value:  # type: ignore[override]
        return self._compare("ne", other)

    def __lt__(self, other: Operand) -> Value:
        return self._compare("ult", other)

    def __le__(self, other: Operand) -> Value:
        return self._compare("ule", other)

    def __gt__(self, other: Operand) -> Value:
        return self._compare("ugt", other)

    def __ge__(self, other: Operand) -> Value:
        return self._compare("uge", other)

    def to(self, type: str) -> Value:
        """The same number in another width; a narrower one keeps the low bits."""
        if type == self.type:
            return self
        word = "zext" if int(type[1:]) > int(self.type[1:]) else "trunc"
        return self.function.op(type, f"{word} {self.type} {self.name} to {type}")

    def high(self, other: Operand) -> Value:
        """The upper 64 bits of a product of 64-bit numbers."""
        f = self.function
        wide = [f.op("i128", f"zext i64 {name} to i128") for name in (self.name, self._text(other))]
        product = f.op("i128", f"mul i128 {wide[0].name}, {wide[1].name}")
        return f.op("i64", f"trunc i128 {f.op('i128', f'lshr i128 {product.name}, 64').name} to i64")

    def choose(self, then: Value, otherwise: Operand) -> Value:
        """`then if self else otherwise`, both computed."""
        text = f"select i1 {self.name}, {then.type} {then.name}, {then.type} {then._text(otherwise)}"
        return self.function.op(then.type, text)

    # -- pointers

    def number(self) -> Value:
        """An address as a number."""
        return self.function.op("i64", f"ptrtoint ptr {self.name} to i64")

    def at(self, index: Operand, type: str) -> Value:
        """The address `index` items of `type` further on."""
        where = str(index) if isinstance(index, int) else index.name
        kind = "i64" if isinstance(index, int) else index.type
        return self.function.op("ptr", f"getelementptr {type}, ptr {self.name}, {kind} {where}")

    def load(self, type: str, index: Operand = 0) -> Value:
        return self.function.op(type, f"load {type}, ptr {self._place(index, type).name}")

    def store(self, value: Value, index: Operand = 0) -> None:
        self.function.do(f"store {value.type} {value.name}, ptr {self._place(index, value.type).name}")

    def bump(self, by: Operand, type: str, index: Operand = 0) -> Value:
        """Add to the number that is stored here; gives the new one."""
        place = self._place(index, type)
        value = place.load(type) + by
        place.store(value)
        return value

    def fetch_add(self, by: int) -> Value:
        """Add atomically to the 64-bit number here; gives the old one."""
        return self.function.op("i64", f"atomicrmw add ptr {self.name}, i64 {by} seq_cst")

    def exchange(self, old: Value, new: Value) -> Value:
        """Put `new` here if there is `old`, atomically; gives what was there."""
        pair = f"{{ {old.type}, i1 }}"
        text = f"cmpxchg ptr {self.name}, {old.type} {old.name}, {new.type} {new.name} acq_rel acquire"
        found = self.function.op(pair, text)
        return self.function.op(old.type, f"extractvalue {pair} {found.name}, 0")

    def clear_atomic(self, mask: int) -> None:
        """Clear bits of the 64-bit number here, atomically."""
        self.function.op("i64", f"atomicrmw and ptr {self.name}, i64 {~mask} acq_rel")

    def load_atomic(self) -> Value:
        return self.function.op("i64", f"load atomic i64, ptr {self.name} seq_cst, align 8")

    def store_atomic(self, value: Value) -> None:
        self.function.do(f"store atomic i64 {value.name}, ptr {self.name} seq_cst, align 8")

    def prefetch(self, *, write: bool = False) -> None:
        self.function.do(f"call void @llvm.prefetch.p0(ptr {self.name}, i32 {int(write)}, i32 3, i32 1)")

    def _place(self, index: Operand, type: str) -> Value:
        return self if isinstance(index, int) and index == 0 else self.at(index, type)


@dataclass(frozen=True)
class Variable:
    """A stack slot."""

    slot: Value
    type: str

    def get(self) -> Value:
        return self.slot.load(self.type)

    def set(self, value: Operand) -> None:
        self.slot.store(self.slot.function.number(value, self.type) if isinstance(value, int) else value)


class Function:
    """A function being written. `args` are its parameters by name.

    linkage  "" for one that Python calls, "internal" for one that only others here call
    """

    def __init__(self, name: str, returns: str, linkage: str = "", /, **parameters: str) -> None:
        self.name, self.returns, self.linkage = name, returns, linkage
        self.parameters = parameters
        self.args = {word: Value(self, type, f"%{word}") for word, type in parameters.items()}
        self.slots: list[str] = []
        self.lines: list[str] = []
        self.count = 0

    # -- instructions

    def op(self, type: str, text: str) -> Value:
        """One instruction that has a value."""
        self.count += 1
        name = f"%v{self.count}"
        self.lines.append(f"  {name} = {text}")
        return Value(self, type, name)

    def do(self, text: str) -> None:
        """One instruction that has none."""
        self.lines.append(f"  {text}")

    def number(self, value: int, type: str = "i64") -> Value:
        return Value(self, type, str(value))

    def null(self) -> Value:
        return Value(self, "ptr", "null")

    def variable(self, start: Value) -> Variable:
        """A variable, set to `start` here."""
        found = self.array(start.type, 1)
        found.store(start)
        return Variable(found, start.type)

    def array(self, type: str, count: int) -> Value:
        """Room for `count` items on the stack, with nothing in them."""
        self.count += 1
        self.slots.append(f"  %a{self.count} = alloca {type}, i64 {count}, align 64")
        return Value(self, "ptr", f"%a{self.count}")

    def call(self, name: str, returns: str, *arguments: Value, convention: str = "") -> Value:
        text = ", ".join(f"{a.type} {a.name}" for a in arguments)
        call = f"call {convention} {returns} @{name}({text})"
        if returns == "void":
            self.do(call)
            return self.null()
        return self.op(returns, call)

    def ret(self, value: Value | None = None) -> None:
        self.do(f"ret {value.type} {value.name}" if value else "ret void")

    # -- control

    def label(self) -> str:
        self.count += 1
        return f"l{self.count}"

    def go(self, label: str) -> None:
        self.do(f"br label %{label}")

    def branch(self, condition: Value, then: str, otherwise: str) -> None:
        self.do(f"br i1 {condition.name}, label %{then}, label %{otherwise}")

    def begin(self, label: str) -> None:
        """What follows is reached by jumps to the label."""
        self.lines.append(f"{label}:")

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """What is inside happens only if the condition holds."""
        inside, behind = self.label(), self.label()
        self.branch(condition, inside, behind)
        self.begin(inside)
        yield
        self.go(behind)
        self.begin(behind)

    @contextmanager
    def unless(self, condition: Value) -> Iterator[None]:
        with self.when(~condition):
            yield

    @contextmanager
    def loop(self, start: Operand, stop: Value, step: int = 1) -> Iterator[Value]:
        """What is inside happens for start, start + step, ... below stop (which is computed before)."""
        i = self.variable(self.number(start, stop.type) if isinstance(start, int) else start)
        with self.repeat(lambda: i.get() < stop):
            value = i.get()
            yield value
            i.set(value + step)

    @contextmanager
    def repeat(self, condition: Condition | None = None) -> Iterator[str]:
        """What is inside happens while the condition holds, or until it jumps to the label that is given."""
        again, inside, behind = self.label(), self.label(), self.label()
        self.go(again)
        self.begin(again)
        if condition:
            self.branch(condition(), inside, behind)
        else:
            self.go(inside)
        self.begin(inside)
        yield behind
        self.go(again)
        self.begin(behind)

    def leave(self, condition: Value, label: str) -> None:
        """Jump to the label if the condition holds."""
        on = self.label()
        self.branch(condition, label, on)
        self.begin(on)

    def __str__(self) -> str:
        words = ", ".join(f"{type} %{word}" for word, type in self.parameters.items())
        convention = "internal fastcc" if self.linkage else ""
        if self.linkage:  # what only functions here call gets pointers to different things
            words = words.replace("ptr %", "ptr noalias %")
        head = f"define {convention} {self.returns} @{self.name}({words}) #0 {{\nentry:"
        return "\n".join([head, *self.slots, *self.lines, "}"])


PRELUDE = """
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
declare void @llvm.memcpy.p0.p0.i64(ptr noalias, ptr noalias, i64, i1)
declare i32 @sched_yield()
attributes #0 = { nounwind }
"""
"""What every module begins with."""
