"""A trace as a pytest file: plain calls in the order of its steps, for people who know Kafka and not eoscheck.

The text depends on nothing but what is passed in, so the same trace and the same command give the same bytes.
"""

from __future__ import annotations

import keyword
import re
import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eoscheck.checker.counterexample import Trace
from eoscheck.gen.kafka.flavour import Flavour
from eoscheck.gen.literals import WIDTH, call, literal
from eoscheck.gen.replay.calls import Call, Planned
from eoscheck.gen.replay.replayer import Plan, hindrance
from eoscheck.gen.replay.testbed import fitting
from eoscheck.gen.screen import printable
from eoscheck.model.spec import Processor, Spec

SUFFIXES = {"group": "group", "reader": "reader"}
"""Things whose variable always says what they are: their names are mostly those of processors and topics."""

TAKEN = {"run", "kafka", "pytest"}

_QUOTES = 'r"""'
"""What a docstring begins with, if it holds a backslash."""


@dataclass(frozen=True)
class Source:
    """Where a test file comes from.

    trace    name of the trace file
    digest   the beginning of the SHA-256 of its bytes
    command  the words of the command that writes the test again
    """

    trace: str
    digest: str
    command: Sequence[str]


def exported(trace: Trace, plan: Plan, source: Source, fix: Plan | None = None) -> str:
    """The text of a test file.

    plan   of the trace
    fix    of its schedule under the repaired pipeline: makes a second test, of what that guarantees
    """
    tests = [_anomaly(trace, plan)]
    if fix is not None:
        tests.append(_guarantee(trace, plan, fix))
    lines = [*_head(trace, plan, source, fix), "", "import pytest"]
    for test in tests:
        lines += ["", "", *test]
    return "".join(f"{line}\n" for line in lines)


# --- the docstring of the file


def _head(trace: Trace, plan: Plan, source: Source, fix: Plan | None) -> list[str]:
    rows = [
        ("pipeline", pipeline_line(plan.spec)),
        ("trace", f"{source.trace}, SHA-256 {source.digest}..."),
        ("Kafka", _kafka_line(plan.spec)),
    ]
    if fix is not None:
        rows.append(("fix", f"{fix.spec.path}: {fix.spec.title}"))
    lines = [*_wrapped(f"{_claim(trace)}.", width=WIDTH - len(_QUOTES)), "", *_wrapped(plan.spec.title)]
    lines += ["", *_wrapped(trace.says)] if trace.says.strip() else []
    lines += ["", *(line for label, text in rows for line in _wrapped(text, f"{label:<10}", " " * 10))]
    lines += ["", "Found and written by"]
    lines += _command(["eoscheck", "explore", plan.spec.path, "--property", trace.property])
    lines += _command(source.command)
    lines = [_safe(line) for line in lines]
    raw = "r" if any("\\" in line for line in lines) else ""
    return [f'{raw}"""{lines[0]}', *lines[1:], '"""']


def _claim(trace: Trace) -> str:
    verb = "is reached" if trace.kind == "sometimes" else "is violated"
    reason = str(trace.witness.get("sentence", "")).rstrip(".")
    return f"{trace.property} {verb}: {reason}" if reason else f"{trace.property} {verb}"


def _kafka_line(spec: Spec) -> str:
    flavour = fitting(spec.switches)
    if flavour is None:
        return f"{spec.version} in the spec, which no tested release behaves like: name one by --kafka"
    return f"{flavour}, which does what the spec says of Kafka {spec.version}"


def pipeline_line(spec: Spec) -> str:
    """A pipeline on one line: shop -> orders; orders -> enricher x 2 -> payments, ledger (insert)."""
    kinds = {store.name: store.write for store in spec.stores}
    parts = [f"{producer.name} -> {producer.to}" for producer in spec.producers]
    parts += [_stage(processor, kinds) for processor in spec.processors]
    parts += [
        f"{store.name} (relay: {store.relay}) -> {store.relay_to}" for store in spec.stores if store.relay_to
    ]
    topics = {topic.name for topic in spec.topics}
    parts += [
        f"{', '.join(reader.topics)} -> {reader.name} ({reader.isolation_level})"
        for reader in spec.readers
        if reader.name not in topics
    ]
    return "; ".join(parts)


def _stage(processor: Processor, kinds: Mapping[str, str]) -> str:
    number = f" x {processor.instances}" if processor.instances > 1 else ""
    ends = list(processor.to)
    if processor.store is not None:
        ends.append(f"{processor.store} ({kinds.get(processor.store, '')})")
    return " -> ".join(
        [
            processor.source,
            f"{processor.name}{number} (offsets {processor.offsets})",
            *([", ".join(ends)] if ends else []),
        ]
    )


def _command(words: Sequence[str]) -> list[str]:
    """A command to be copied, an option with its value on a line of its own where it is long."""
    whole = shlex.join(words)
    if len(whole) <= WIDTH - 4:
        return [f"    {whole}"]
    first = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    if len(shlex.join(words[:first])) > WIDTH - 6:
        first = 2
    parts: list[list[str]] = [list(words[:first])]
    for word in words[first:]:
        if parts[-1][0].startswith("-") and len(parts[-1]) == 1:
            parts[-1].append(word)
        else:
            parts.append([word])
    lines = [shlex.join(part) for part in parts]
    return [f"    {lines[0]} \\", *(f"        {line} \\" for line in lines[1:-1]), f"        {lines[-1]}"]


def _wrapped(text: str, first: str = "", other: str = "", width: int = WIDTH) -> list[str]:
    """A paragraph. Words are never cut, as names may be copied from it."""
    return textwrap.wrap(
        printable(text),
        width,
        initial_indent=first,
        subsequent_indent=other,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def _safe(line: str) -> str:
    """A line that cannot end the docstring that it is in (names in a trace file may be anything)."""
    return printable(line).replace('"', "'").rstrip()


# --- the tests


def _anomaly(trace: Trace, plan: Plan) -> list[str]:
    what = "reached" if trace.kind == "sometimes" else "violated"
    lines = _decorators("eos_anomaly", trace.property, fitting(plan.spec.switches))
    reason = hindrance(plan)
    if reason:
        lines += call(0, "@pytest.mark.skip", (), {"reason": reason})
    lines += [
        f"def {_test_name(trace.property)}_is_{what}(kafka):",
        '    """Passes if Kafka does at every step, and shows in the end, what is said here."""',
    ]
    end = f"in the end: {trace.witness.get('sentence', '')}".rstrip(": ")
    cycle = trace.lasso["after"] + 1 if trace.lasso and trace.lasso["length"] else None
    if reason:
        return lines + [line for step in plan.steps for line in _comment(step, 4, cycle)]
    seen = _first(plan.must_see, _sink(trace.property))
    return lines + _body(plan, [seen], {}, end, cycle)


def _guarantee(trace: Trace, plan: Plan, fix: Plan) -> list[str]:
    lines = _decorators("eos_guarantee", trace.property, fitting(fix.spec.switches))
    lines += [
        f"def {_test_name(trace.property)}_is_kept_with_the_fix(kafka):",
        *_documented(
            f"The same schedule under {fix.spec.path}, as far as that has its steps, and on until everything"
            " is at rest. Passes if Kafka does what is said here, which keeps the property.",
            _left_out(trace, fix),
        ),
    ]
    sink = _sink(trace.property)
    lost = trace.kind != "always" or trace.property.startswith("durability@")
    never = signs(plan.must_see, fix.must_see, sink, lost=lost)
    keywords = {"never": never} if never else {}
    return lines + _body(fix, [_first(fix.must_see, sink)], keywords, "in the end, at rest", None)


def _left_out(trace: Trace, fix: Plan) -> str:
    """The faults of a schedule that the repaired pipeline does not have, in words."""
    left = [step.label for step in fix.steps if step.fault]
    gone = []
    for step in trace.steps:
        if step.fault and step.label in left:
            left.remove(step.label)
        elif step.fault:
            gone.append(f"step {step.number}, {step.fault}")
    return f"Faults of the schedule that cannot happen here: {'; '.join(gone)}." if gone else ""


def _documented(*paragraphs: str) -> list[str]:
    width = WIDTH - len(_QUOTES)
    lines = [line for text in paragraphs if text for line in ["", *_wrapped(text, "    ", "    ", width)]][1:]
    lines = [_safe(line).replace("\\", "/") for line in lines]
    return [f'    """{lines[0].lstrip()}', *lines[1:], '    """']


def _decorators(mark: str, name: str, flavour: Flavour | None) -> list[str]:
    kafka = None if flavour is None else str(flavour)
    return call(0, f"@pytest.mark.{mark}", [name], {"kafka": kafka})


def _test_name(name: str) -> str:
    return "test_" + re.sub(r"\W+", "_", name.replace("@", "_at_"), flags=re.ASCII).strip("_")


def _body(
    plan: Plan, seen: Sequence[Any], keywords: Mapping[str, Any], end: str, cycle: int | None
) -> list[str]:
    names = _Names(plan)
    lines = [f"    with kafka.run({'postgres=True' if plan.postgres else ''}) as run:"]
    for setup in plan.setting:
        if setup.verb == "begins":
            lines += names.transactions()
        lines += call(8, names.assigned(setup) + f"run.{setup.verb}", setup.arguments, setup.keywords)
    lines.append("")
    for step in plan.steps:
        lines += _comment(step, 8, cycle)
        for made in step.calls:
            lines += call(8, f"{names.of(made)}.{made.verb}", made.arguments, made.keywords)
    lines += ["", *_wrapped(end, "        # ", "        # ")]
    lines += call(8, "run.must_see", seen, keywords)
    return lines + call(8, f"run.{plan.judgement.verb}", plan.judgement.arguments, plan.judgement.keywords)


def _comment(step: Planned, indent: int, cycle: int | None) -> Iterator[str]:
    """The numbered sentence of a step. The plugin takes the step's number from it."""
    margin = " " * indent
    if step.number == cycle:
        yield f"{margin}#     from here on, for ever:"
    said = f"FAULT {step.fault}: {step.sentence}" if step.fault else step.sentence
    yield from _wrapped(said, f"{margin}# {step.number:>2}  ", f"{margin}#     ")


class _Names:
    """Well-named variables for everything that a test calls."""

    def __init__(self, plan: Plan) -> None:
        made = [c for step in plan.steps for c in step.calls]
        self._called = {(c.kind, c.who) for c in made}
        self._transactions = list(dict.fromkeys(c.who for c in made if c.kind == "transaction"))
        self._variables: dict[tuple[str, str], str] = {("run", "run"): "run"}
        declared = [(c.verb, str(c.arguments[0])) for c in plan.setting if c.arguments]
        for kind, name in [*declared, *(("transaction", name) for name in self._transactions)]:
            if (kind, name) in self._called:
                self._variables[kind, name] = self._free(kind, name)

    def of(self, made: Call) -> str:
        return self._variables[made.kind, made.who]

    def assigned(self, setup: Call) -> str:
        """`name = ` before a call of the set-up, if what it makes is called later."""
        who = str(setup.arguments[0]) if setup.arguments else ""
        name = self._variables.get((setup.verb, who))
        return f"{name} = " if name else ""

    def transactions(self) -> list[str]:
        """Coordinators are there already: their variables are only looked up."""
        return [
            f"        {self._variables['transaction', name]} = run.transaction({literal(name)})"
            for name in self._transactions
        ]

    def _free(self, kind: str, name: str) -> str:
        plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
        if kind == "transaction":
            wanted = [f"txn_{plain}"]
        elif kind in SUFFIXES:
            wanted = [f"{plain}_{SUFFIXES[kind]}"]
        else:
            wanted = [plain, f"{plain}_{kind}"]
        wanted += [f"{kind}_{plain}", *(f"{kind}_{plain}_{i}" for i in range(2, len(self._variables) + 3))]
        known = {*self._variables.values(), *TAKEN}
        return next(w for w in wanted if w.isidentifier() and not keyword.iskeyword(w) and w not in known)


# --- what is seen


def _sink(name: str) -> str:
    return name.partition("@")[2]


def _first(seen: Mapping[str, Any], sink: str) -> dict[str, Any]:
    """An observation that begins with the sections that speak of the sink of the property."""
    near = {section for section, places in seen.items() if any(_at(place, sink) for place in places)}
    order = sorted(_ORDER, key=lambda section: section not in near)
    return {section: seen[section] for section in order if section in seen}


_ORDER = ("stores", "readers", "partitions", "groups", "transactions")
"""Sections of an observation, what matters to people first."""


def _at(place: str, sink: str) -> bool:
    return place == sink or bool(re.fullmatch(rf"{re.escape(sink)}-\d+", place))


def signs(anomaly: Mapping[str, Any], kept: Mapping[str, Any], sink: str, *, lost: bool) -> dict[str, Any]:
    """What tells the end of an anomaly from what must be seen with the fix: in the store or the reader of the
    property, else in the partitions of its sink (anywhere, if it has none). Empty where nothing does.

    lost    whether the anomaly is that something is missing. If not, less than what must be seen is no sign of it:
            the counterexample ends where the property is violated, and the fixed pipeline goes on from there.

    >>> signs({"stores": {"ledger": {"rows": [1, 1]}}}, {"stores": {"ledger": {"rows": [1]}}}, "ledger", lost=False)
    {'stores': {'ledger': {'rows': [1, 1]}}}
    """
    telling: dict[str, dict[str, dict[str, Any]]] = {}
    for section in ("stores", "readers", "partitions"):
        for place, things in anomaly.get(section, {}).items():
            if sink and not _at(place, sink):
                continue
            other = kept.get(section, {}).get(place, {})
            found = {k: v for k, v in things.items() if k in other and _tells(v, other[k], lost)}
            if found:
                telling.setdefault(section, {})[place] = found
    first = next(iter(telling), None) if sink else None
    return {first: telling[first]} if first else telling


def _tells(anomalous: Any, kept: Any, lost: bool) -> bool:
    if lost:
        return bool(anomalous != kept)
    return isinstance(anomalous, list) and any(anomalous.count(v) > kept.count(v) for v in anomalous)
