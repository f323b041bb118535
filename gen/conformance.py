"""What a confrontation of the model with a real Kafka came to: for people, and as JUnit XML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from eoscheck.gen.junit import clean

if TYPE_CHECKING:
    from eoscheck.gen.replay.conform import Conformance, Divergence


def progress(found: Conformance) -> str:
    """One line while it runs."""
    rate = found.traces / found.seconds if found.seconds else 0.0
    return f"{found.kafka}  {found.traces:,} executions  {found.steps:,} steps  {rate:.1f}/s"


def conformance_text(found: Conformance) -> str:
    """The result of one spec on one Kafka, with the timeline of each kind of divergence."""
    mark = "✗" if found.divergences else "✓"
    kinds = len(found.divergences)
    verdict = f"{kinds} kind{'s' * (kinds > 1)} of divergence" if kinds else "as the model says"
    possible, taken = found.commands
    lines = [
        f"{mark} {verdict}  {found.spec}",
        f"    {found.kafka}, seed {found.seed}",
        f"    {found.traces:,} executions, {found.steps:,} steps, {found.calls:,} calls in {found.seconds:.1f} s"
        + (", interrupted" if found.stopped else ""),
        f"    {taken} of {possible} cases of actions taken"
        + ("" if found.complete else " (of those met before the search for them was cut)"),
    ]
    lines.append(f"    {found.audited:,} histories audited")
    if found.skipped:
        lines.append(f"    {found.skipped:,} executions skipped: their markers would have to be steered")
    reasons: dict[str, list[str]] = {}
    for action, reason in found.unforced.items():
        reasons.setdefault(reason, []).append(action)
    lines += [f"    not forced, {len(names)} actions: {reason}" for reason, names in reasons.items()]
    for divergence in found.divergences:
        lines += _divergence(divergence)
    return "\n".join(lines) + "\n"


def _divergence(divergence: Divergence) -> list[str]:
    times = "once" if divergence.count == 1 else f"{divergence.count} times"
    return [
        "",
        f"  {divergence.kind} ({times}); in {len(divergence.labels)} steps:",
        f"  {divergence.report.text}",
        *(f"    {line}" for line in divergence.report.timeline),
    ]


def conformance_junit(results: Sequence[Conformance]) -> str:
    """JUnit XML: a suite for each spec and Kafka, a test case that fails for each kind of divergence."""
    root = ElementTree.Element("testsuites", name="eoscheck conform")
    for found in results:
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=f"{found.spec} on {found.kafka}",
            time=f"{found.seconds:.3f}",
            tests=str(max(len(found.divergences), 1)),
            failures=str(len(found.divergences)),
        )
        for divergence in found.divergences:
            case = ElementTree.SubElement(suite, "testcase", classname=found.spec, name=divergence.kind)
            failure = ElementTree.SubElement(case, "failure", message=clean(divergence.report.text))
            failure.text = clean("\n".join(divergence.report.timeline))
        if not found.divergences:
            name = f"{found.traces} executions as the model says"
            ElementTree.SubElement(suite, "testcase", classname=found.spec, name=name)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
