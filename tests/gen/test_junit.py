"""JUnit XML: what a CI server reads."""

from __future__ import annotations

from xml.etree import ElementTree

import tinypipe
from eoscheck.checker.checking import Checked
from eoscheck.checker.examine import examine
from eoscheck.checker.expectation import compare
from eoscheck.checker.search import Limits
from eoscheck.gen.junit import junit


def checked(*expect: tuple[str, str], path: str = "a.yaml", limits: Limits | None = None) -> Checked:
    spec = tinypipe.spec(path, expect=expect)
    found = examine(tinypipe.build(spec), limits or Limits())
    return Checked(path, found.result, tuple(compare(spec, found.result)), bool(expect), traces=found.traces)


def parsed(*all_checked: Checked) -> ElementTree.Element:
    return ElementTree.fromstring(junit(all_checked))


def test_a_case_for_each_property_of_each_spec():
    root = parsed(checked(), checked(("no-loss", "holds"), path="b.yaml"))
    assert [suite.get("name") for suite in root] == ["a.yaml", "b.yaml"]
    names = [case.get("name") for case in root[0]]
    assert names == ["no-duplicates@shelf", "no-loss@shelf", "all-sent"]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("6", "0", "0")


def test_a_failure_holds_the_trace():
    root = parsed(checked(("no-duplicates", "holds"), ("no-loss", "holds")))
    (failure,) = root.findall(".//failure")
    message = "no-duplicates: expected holds, no-duplicates@shelf is violated in 3 steps"
    assert failure.get("message") == message
    assert "FAULT lost-response: the answer is lost" in (failure.text or "")
    assert root.get("failures") == "1"


def test_an_undecided_expectation_is_a_failure():
    root = parsed(checked(("all-sent", "holds"), limits=Limits(states=2)))
    (failure,) = root.findall(".//failure")
    assert failure.text == "stopped at 2 states"


def test_a_property_that_was_not_checked_is_a_failure():
    root = parsed(checked(("order", "holds")))
    (case,) = [c for c in root.iter("testcase") if c.find("failure") is not None]
    assert case.get("name") == "order"


def test_a_bad_spec_is_an_error():
    root = parsed(Checked("c.yaml", error="c.yaml:1: \x00 is <odd>", code=2))
    (error,) = root.findall(".//error")
    assert error.get("message") == "c.yaml:1: \ufffd is <odd>"
    assert (root.get("tests"), root.get("errors")) == ("1", "1")
