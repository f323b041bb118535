"""One file that can be passed around: a result, or one trace, as HTML that opens from disk and asks no network.

All of it can be read without JavaScript, as verdicts, diagrams and numbered steps; with it each trace becomes a
stepper. Names are hostile until they are escaped: Jinja does that for what is read, `_inert` for the data.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

from eoscheck.checker.counterexample import Trace
from eoscheck.checker.verdict import Result
from eoscheck.gen.diagram.palette import DARK, LIGHT
from eoscheck.gen.diagram.sequence import sequence
from eoscheck.gen.diagram.svg import svg
from eoscheck.gen.page import findings
from eoscheck.gen.page.case import Case, cases
from eoscheck.gen.screen import printable
from eoscheck.gen.text import MARKS, by_z3, checked, detail, search_state

if TYPE_CHECKING:
    from jinja2 import Environment


def report_page(result: Result, traces: Mapping[str, Trace]) -> str:
    """The page of a result. `traces`: by property name, of its violations and of goals that were met."""
    rows = [row.name for row in result.properties if row.name in traces]
    told = cases(traces[name] for name in sorted(rows, key=lambda n: traces[n].kind == "sometimes"))
    opinion = result.checked_by_z3
    return _render(
        "report.html",
        result=result,
        cases=told,
        case_of={case.trace.property: case for case in told},
        state=search_state(result)[0],
        findings=findings,
        detail=detail,
        checked=checked(result),
        by_z3=by_z3(opinion, result) if opinion is not None and result.properties else [],
    )


def trace_page(trace: Trace) -> str:
    """The page of one trace."""
    return _render("trace.html", cases=cases([trace]), trace=trace)


def _render(template: str, **content: Any) -> str:
    script = _asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    shared = {"style": f"{_colors()}\n{_asset('page.css')}", "script": script, "digest": digest}
    return _environment().get_template(template).render(marks=MARKS, **shared, **content)


def _colors() -> str:
    """The colours of the diagrams, which follow the scheme of the page."""
    both = (f"--eos-{role}:light-dark({LIGHT[role]},{DARK[role]})" for role in LIGHT)
    return f":root{{{';'.join(both)}}}"


def _asset(name: str) -> str:
    return (resources.files(__package__) / "assets" / name).read_text("utf-8").strip()


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader(__package__, "assets"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=lambda v: printable(v) if isinstance(v, str) and not isinstance(v, Markup) else v,
    )
    environment.filters["inert"] = lambda data: Markup(_inert(data))
    environment.filters["diagram"] = lambda case: Markup(_diagram(case))
    return environment


def _diagram(case: Case) -> str:
    diagram = sequence(case.trace, marked=case.trace.contradiction)  # what is dimmed is too faint to be read
    return svg(diagram, embedded=True, prefix=f"{case.id}-")


def _inert(data: Any) -> str:
    r"""JSON that means nothing to a reader of HTML.

    >>> _inert("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(data, separators=(",", ":"), sort_keys=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
