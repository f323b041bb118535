"""The search engine over guarded commands: decision trees as Python functions.

Terms that are used twice become local variables. Nothing here knows what a command means.
"""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eoscheck.checker import expressions as ex
from eoscheck.checker.commands import GuardedCommand, Node, Program
from eoscheck.checker.dispatch import Dispatch, Part, Tree, moves
from eoscheck.checker.engine import Successor
from eoscheck.checker.expressions import Expr

DEEPEST_TERM = 12
DEEPEST_BLOCK = 16


class _Writer:
    """Writes terms as Python, naming those that are used more than once."""

    def __init__(self, roots: Iterator[Expr]) -> None:
        self.uses: Counter[Expr] = Counter()
        for root in roots:
            self._count(root)
        self.lines: list[str] = []
        self.names = 0
        self._depth: dict[Expr, int] = {}

    def _count(self, root: Expr) -> None:
        todo = [root]
        while todo:
            term = todo.pop()
            self.uses[term] += 1
            if self.uses[term] == 1:
                todo.extend(ex.children(term))

    def term(self, expr: Expr, scope: dict[Expr, str], indent: str) -> str:
        """A Python expression for `expr`; lines that it needs first are written at `indent`."""
        written: dict[Expr, str] = {}
        known = ChainMap(scope, written)
        for term in ex.inside_out(expr, known):
            written[term] = self._name(term, known, scope, indent)
        return scope.get(expr) or written[expr]

    def _name(self, expr: Expr, known: Mapping[Expr, str], scope: dict[Expr, str], indent: str) -> str:
        text = self._write(expr, known)
        if expr.op == "const":
            return text
        depth = 1 + max((self._depth.get(c, 0) for c in ex.children(expr)), default=0)
        if self.uses[expr] > 1 or depth > DEEPEST_TERM:
            name = f"v{self.names}"
            self.names += 1
            self.lines.append(f"{indent}{name} = {text}")
            scope[expr] = text = name
            depth = 0
        self._depth[expr] = depth
        return text

    def _write(self, expr: Expr, known: Mapping[Expr, str]) -> str:
        op, args = expr.op, expr.args
        if op == "const":
            return str(args[0])
        if op == "cell":
            return f"s[{args[0].base + args[1]}]"
        if op == "select":
            return _select(args[0], args[1], known[args[1]])
        parts = [known[a] for a in args]
        if op == "not":
            return f"(not {parts[0]})"
        if op == "ite":
            return f"({parts[1]} if {parts[0]} else {parts[2]})"
        sign = {"add": "+", "sub": "-", "mul": "*", "eq": "==", "lt": "<", "and": "and", "or": "or"}[op]
        return "(" + f" {sign} ".join(parts) + ")"


def _select(region: Any, index: Expr, at: str) -> str:
    if index.lo < 0 or index.hi >= region.count:
        # A shared term may be computed on a path that does not use it: keep the index harmless there.
        return f"s[{region.base} + ({at} if 0 <= {at} < {region.count} else 0)]"
    return f"s[{region.base} + {at}]"


def _terms(parts: list[Part]) -> Iterator[Expr]:
    """The terms that the functions for `parts` compute."""
    todo: list[Tree | None] = [tree for _, tree in parts]
    while todo:
        tree = todo.pop()
        if isinstance(tree, Node):
            yield tree.guard.args[0] if tree.guard.op == "not" else tree.guard
            todo += [tree.then, tree.otherwise]
        elif tree is not None:
            yield from (t for effect in tree.effects for t in (effect.value, effect.index))


@dataclass
class _Source:
    """The program text, function by function."""

    functions: list[str] = field(default_factory=list)
    shared: dict[Part, str] = field(default_factory=dict)

    def function(self, parts: list[Part], head: list[str], name: str, tail: list[str]) -> None:
        """Write a function of the state `s` that appends what the parts do to `out`."""
        writer = _Writer(_terms([part for part in parts if part not in self.shared]))
        writer.lines += [f"def {name}:", *head]
        scope: dict[Expr, str] = {}
        for part in parts:
            if part in self.shared:
                writer.lines.append(f"    {self.shared[part]}(s, out)")
            else:
                self._tree(writer, *part, scope, 1)
        self.functions.append("\n".join([*writer.lines, *tail]))

    def part(self, parts: list[Part]) -> str:
        """Write a function for the parts and give its name."""
        name = f"f{len(self.functions)}"
        self.functions.append("")  # takes the name while the body may need more functions
        place = len(self.functions) - 1
        self.function(parts, [], f"{name}(s, out)", [])
        self.functions[place] = self.functions.pop()
        return name

    def _tree(self, writer: _Writer, number: int, tree: Tree, scope: dict[Expr, str], depth: int) -> None:
        indent = "    " * depth
        if isinstance(tree, GuardedCommand):
            _command(writer, number, tree, scope, indent)
        elif depth > DEEPEST_BLOCK:
            writer.lines.append(f"{indent}{self.part([(number, tree)])}(s, out)")
        else:
            guard, then, otherwise = tree.guard, tree.then, tree.otherwise
            if guard.op == "not":
                guard, then, otherwise = guard.args[0], otherwise, then
            if otherwise is None and guard.op == "and":
                first, *rest = guard.args
                second = Node(ex.conjunction(*rest), then, None)
                self._tree(writer, number, Node(first, second, None), scope, depth)
                return
            condition = writer.term(guard, scope, indent)
            if then is None:
                condition, then, otherwise = f"not {condition}", otherwise, None
            writer.lines.append(f"{indent}if {condition}:")
            assert then is not None
            self._tree(writer, number, then, dict(scope), depth + 1)
            if otherwise is not None:
                writer.lines.append(f"{indent}else:")
                self._tree(writer, number, otherwise, dict(scope), depth + 1)


def _command(
    writer: _Writer, number: int, command: GuardedCommand, scope: dict[Expr, str], indent: str
) -> None:
    if command.cut:
        writer.lines.append(f"{indent}out.append(({number}, {command.cut!r}))")
        return
    writes = []
    for effect in command.effects:
        value = writer.term(effect.value, scope, indent)
        at = writer.term(effect.index, scope, indent)
        base = effect.region.base
        place = str(base + int(at)) if effect.index.op == "const" else f"{base} + {at}"
        writes.append(f"{indent}t[{place}] = {value}")
    writer.lines += [f"{indent}t = bytearray(s)", *writes]
    if moves(command):
        writer.lines.append(f"{indent}out.append(({number}, bytes(t)))")
    else:
        writer.lines.append(f"{indent}if t != s: out.append(({number}, bytes(t)))")


def _conditions(name: str, terms: list[Expr]) -> str:
    """A function that gives the bits of those terms, among the bits asked for, that are true in a state."""
    lines = [f"def {name}(s, among=-1):", "    r = 0"]
    helpers = []
    for i, term in enumerate(terms):
        if term is ex.TRUE:
            lines.append(f"    r |= {1 << i}")
        elif term is not ex.FALSE:
            helpers.append(_condition(f"{name}{i}", term))
            lines.append(f"    if among & {1 << i} and {name}{i}(s): r |= {1 << i}")
    return "\n\n".join([*helpers, "\n".join([*lines, "    return r & among"])])


def condition(term: Expr) -> Callable[[bytes], bool]:
    """A condition as a function of the state: some ten times as fast as `expressions.evaluate`, once it is compiled."""
    space: dict[str, Any] = {}
    exec(compile(_condition("holds", term), "<condition>", "exec"), space)
    found: Callable[[bytes], bool] = space["holds"]
    return found


def _condition(name: str, term: Expr) -> str:
    writer = _Writer(iter([term]))
    writer.lines.append(f"def {name}(s):")
    _truth(writer, term, True, {}, 1)
    return "\n".join([*writer.lines, "    return False"])


def _truth(writer: _Writer, term: Expr, sign: bool, scope: dict[Expr, str], depth: int) -> None:
    """Write statements that return True where `term` is `sign`, and compute no more than that needs."""
    op, args, indent = term.op, term.args, "    " * depth
    if op == "not":
        _truth(writer, args[0], not sign, scope, depth)
    elif depth > DEEPEST_BLOCK or term in scope or op not in ("and", "or", "ite"):
        text = writer.term(term, scope, indent)
        writer.lines.append(f"{indent}if {text if sign else f'not {text}'}: return True")
    elif op == "ite":
        writer.lines.append(f"{indent}if {writer.term(args[0], scope, indent)}:")
        _truth(writer, args[1], sign, dict(scope), depth + 1)
        writer.lines.append(f"{indent}else:")
        _truth(writer, args[2], sign, dict(scope), depth + 1)
    elif (op == "or") is sign:
        for part in args:
            _truth(writer, part, sign, scope, depth)
    else:
        scope = dict(scope)
        for part in args[:-1]:
            text = writer.term(part, scope, "    " * depth)
            writer.lines.append(f"{'    ' * depth}if {text if sign else f'not {text}'}:")
            depth += 1
        _truth(writer, args[-1], sign, scope, depth)


def _tables(source: _Source, dispatch: Dispatch) -> list[list[str | None]]:
    """Write the functions of all rows; gives for each variable the function's name by value."""
    return [_table(source, table) for table in dispatch.rows.values()]


def _table(source: _Source, table: list[list[Part]]) -> list[str | None]:
    rows = dict.fromkeys(tuple(row) for row in table if row)
    often = Counter(part for row in rows for part in row)
    shared = {part: source.part([part]) for part, n in often.items() if n > 1}
    source.shared.update(shared)
    names = {row: source.part(list(row)) for row in rows}
    return [names.get(tuple(row)) for row in table]


def _changes(program: Program) -> list[int]:
    """By action, the properties that read a variable which it may write."""
    reads = [ex.reads(p.hit) | ex.reads(p.premise) for p in program.properties]
    masks = dict.fromkeys(program.model.actions, 0)
    for command in program.commands:
        masks[command.action] |= sum(1 << i for i, cells in enumerate(reads) if cells & command.writes)
    return list(masks.values())


class Compiled:
    """Guarded commands, compiled to Python functions."""

    name = "python"

    def __init__(self, program: Program) -> None:
        self.program, self.model = program, program.model
        source, dispatch = _Source(), Dispatch(program)
        tables = _tables(source, dispatch)
        head = ["    out = []"]
        for i, cell in enumerate(dispatch.rows):
            region, index = cell.args
            head += [f"    f = table{i}[s[{region.base + index}]]", "    if f is not None: f(s, out)"]
        tail = ["    if len(out) > 1: out.sort()", "    return out"]
        source.function(dispatch.always, head, "successors(s)", tail)
        source.functions.append(_conditions("hits", [p.hit for p in program.properties]))
        source.functions.append(_conditions("premises", [p.premise for p in program.properties]))
        self.source = "\n\n".join(source.functions)
        space: dict[str, Any] = {}
        exec(compile(self.source, f"<{len(program.commands)} guarded commands>", "exec"), space)
        for i, names in enumerate(tables):
            space[f"table{i}"] = [space[name] if name else None for name in names]
        self.successors: Callable[[bytes], list[Successor]] = space["successors"]
        self.hits: Callable[..., int] = space["hits"]
        self.premises: Callable[..., int] = space["premises"]
        self.changes: Sequence[int] = _changes(program)
