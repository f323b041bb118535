"""JUnit XML of a `check`: a suite per spec, a test case per property, the trace as the body of a failure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from eoscheck.checker.checking import Checked
from eoscheck.checker.expectation import Difference
from eoscheck.checker.verdict import PropertyVerdict
from eoscheck.gen.screen import Style
from eoscheck.gen.text import trace_text

# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(all_checked: Sequence[Checked]) -> str:
    """The XML document."""
    root = ElementTree.Element("testsuites", name="eoscheck")
    for checked in all_checked:
        root.append(_suite(checked))
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    root.set("time", f"{sum(c.result.seconds for c in all_checked if c.result):.3f}")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(checked: Checked) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=clean(checked.path))
    if checked.result:
        suite.set("time", f"{checked.result.seconds:.3f}")
        for row in checked.result.properties:
            suite.append(_case(checked, row))
    for difference in checked.differences:
        if not (checked.result and checked.result.of(difference.property)):
            _failure(_plain_case(checked, difference.property, suite), difference, "")
    if checked.error:
        case = _plain_case(checked, "spec", suite)
        ElementTree.SubElement(case, "error", message=clean(checked.error))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    return suite


def _plain_case(checked: Checked, name: str, suite: ElementTree.Element) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=clean(checked.path), name=clean(name))


def _case(checked: Checked, row: PropertyVerdict) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=clean(checked.path), name=clean(row.name))
    difference = next((d for d in checked.differences if d.property in (row.name, row.base)), None)
    if difference and row.verdict != difference.expected:
        trace = checked.traces.get(row.name)
        _failure(case, difference, trace_text(trace, Style()) if trace else row.reason)
    return case


def _failure(case: ElementTree.Element, difference: Difference, body: str) -> None:
    failure = ElementTree.SubElement(case, "failure", message=clean(str(difference)))
    failure.text = clean(body)


def clean(text: str) -> str:
    """A text that XML can hold."""
    return _FORBIDDEN.sub("\ufffd", text)
