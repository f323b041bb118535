"""The search engine over guarded commands: each action's decision tree as one Python function.

Terms that are used twice become local variables; an action that begins with "variable == constant" is called only in
states where that variable has that value. Nothing here knows what a command means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import GuardedCommand, Node, Program, tree
from eoscheck.checker.engine import Successor
from eoscheck.checker.expressions import Expr
from eoscheck.model.language import Action

DEEPEST = 12


class _Writer:
    """Writes terms as Python, naming those that are used more than once."""

    def __init__(self, roots: list[Expr]) -> None:
        self.uses: dict[Expr, int] = {}
        self.depth: dict[Expr, int] = {}
        for root in roots:
            self._count(root)
        self.lines: list[str] = []
        self.names = 0

    def _count(self, root: Expr) -> None:
        todo = [root]
        while todo:
            term = todo.pop()
            self.uses[term] = self.uses.get(term, 0) + 1
            if self.uses[term] == 1:
                todo.extend(ex.children(term))

    def term(self, expr: Expr, scope: dict[Expr, str], indent: str) -> str:
        """A Python expression for `expr`; lines that it needs first are written at `indent`."""
        if expr in scope:
            return scope[expr]
        if expr.op == "const":
            return str(expr.args[0])
        text = self._write(expr, scope, indent)
        deep = self.depth[expr] = 1 + max((self.depth.get(c, 0) for c in ex.children(expr)), default=0)
        if self.uses.get(expr, 0) > 1 or deep > DEEPEST:
            name = f"v{self.names}"
            self.names += 1
            self.lines.append(f"{indent}{name} = {text}")
            scope[expr] = text = name
            self.depth[expr] = 0
        return text

    def _write(self, expr: Expr, scope: dict[Expr, str], indent: str) -> str:
        op, args = expr.op, expr.args
        if op == "cell":
            return f"s[{args[0].base + args[1]}]"
        if op == "select":
            return self._select(args[0], args[1], scope, indent)
        parts = [self.term(a, scope, indent) for a in args]
        if op == "not":
            return f"(not {parts[0]})"
        if op == "ite":
            return f"({parts[1]} if {parts[0]} else {parts[2]})"
        sign = {"add": "+", "sub": "-", "mul": "*", "eq": "==", "lt": "<", "and": "and", "or": "or"}[op]
        return "(" + f" {sign} ".join(parts) + ")"

    def _select(self, region: Any, index: Expr, scope: dict[Expr, str], indent: str) -> str:
        at = self.term(index, scope, indent)
        if index.lo < 0 or index.hi >= region.count:
            # A shared term may be computed on a path that does not use it: keep the index harmless there.
            return f"s[{region.base} + ({at} if 0 <= {at} < {region.count} else 0)]"
        return f"s[{region.base} + {at}]"


def _assign(writer: _Writer, command: GuardedCommand, scope: dict[Expr, str], indent: str) -> None:
    targets = []
    for effect in command.effects:
        value = writer.term(effect.value, scope, indent)
        at = writer.term(effect.index, scope, indent)
        base = effect.region.base
        place = str(base + int(at)) if effect.index.op == "const" else f"{base} + {at}"
        targets.append(f"t[{place}] = {value}")
    writer.lines.append(f"{indent}t = bytearray(s)")
    writer.lines += [f"{indent}{target}" for target in targets]


def _roots(commands: list[GuardedCommand]) -> list[Expr]:
    guards = dict.fromkeys(g for c in commands for g in c.guards)
    return [*guards, *(t for c in commands for e in c.effects for t in (e.value, e.index))]


def _function(number: int, commands: list[GuardedCommand], skip: int) -> str:
    writer = _Writer(_roots(commands))
    writer.lines.append(f"def action{number}(s, out):")

    def write(node: Node | GuardedCommand | None, scope: dict[Expr, str], indent: str) -> None:
        if node is None:
            writer.lines.append(f"{indent}return")
        elif isinstance(node, Node):
            condition = writer.term(node.guard, scope, indent)
            writer.lines.append(f"{indent}if {condition}:")
            write(node.then, dict(scope), indent + "    ")
            write(node.otherwise, scope, indent)
        elif node.cut:
            writer.lines.append(f"{indent}out.append(({number}, {node.cut!r}))")
            writer.lines.append(f"{indent}return")
        else:
            _assign(writer, node, scope, indent)
            writer.lines.append(f"{indent}t = bytes(t)")
            writer.lines.append(f"{indent}if t != s: out.append(({number}, t))")
            writer.lines.append(f"{indent}return")

    write(tree(commands, skip), {}, "    ")
    return "\n".join(writer.lines)


def _condition(name: str, terms: list[Expr]) -> str:
    writer = _Writer(terms)
    writer.lines += [f"def {name}(s):", "    r = 0"]
    scope: dict[Expr, str] = {}
    for i, term in enumerate(terms):
        if term is not ex.FALSE:
            writer.lines.append(f"    if {writer.term(term, scope, '    ')}: r |= {1 << i}")
    return "\n".join([*writer.lines, "    return r"])


def _dispatch(commands: list[GuardedCommand]) -> tuple[int, int] | None:
    """(cell, value) that the first guard of all commands asks for, if it is of that form."""
    guards = {c.guards[0] if c.guards else ex.TRUE for c in commands}
    if len(guards) == 1:
        guard = guards.pop()
        if guard.op == "eq" and guard.args[0].op == "cell" and guard.args[1].op == "const":
            region, index = guard.args[0].args
            return region.base + index, guard.args[1].args[0]
        if guard.op == "cell":
            region, index = guard.args
            return region.base + index, 1
    return None


Function = Callable[[bytes, list[Successor]], None]


class Compiled:
    """Guarded commands, compiled to Python functions."""

    name = "python"

    def __init__(self, program: Program) -> None:
        self.program, self.model = program, program.model
        grouped: dict[Action, list[GuardedCommand]] = {}
        for command in program.commands:
            grouped.setdefault(command.action, []).append(command)
        number = {action: i for i, action in enumerate(self.model.actions)}
        keys = {a: _dispatch(c) for a, c in grouped.items()}
        source = [_function(number[a], c, 1 if keys[a] else 0) for a, c in grouped.items()]
        source.append(_condition("hits", [p.hit for p in program.properties]))
        source.append(_condition("premises", [p.premise for p in program.properties]))
        self.source = "\n\n".join(source)
        space: dict[str, Any] = {}
        exec(compile(self.source, f"<{len(program.commands)} guarded commands>", "exec"), space)
        self.hits: Callable[[bytes], int] = space["hits"]
        self.premises: Callable[[bytes], int] = space["premises"]
        self._always: list[Function] = []
        self._tables: list[tuple[int, list[tuple[Function, ...]]]] = []
        cells: dict[int, list[list[Function]]] = {}
        for action, key in keys.items():
            function = space[f"action{number[action]}"]
            if key is None:
                self._always.append(function)
            else:
                cells.setdefault(key[0], [[] for _ in range(256)])[key[1]].append(function)
        self._tables = [(cell, [tuple(fs) for fs in table]) for cell, table in cells.items()]

    def successors(self, state: bytes) -> list[Successor]:
        out: list[Successor] = []
        for cell, table in self._tables:
            for function in table[state[cell]]:
                function(state, out)
        for function in self._always:
            function(state, out)
        return out
