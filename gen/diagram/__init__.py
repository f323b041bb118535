"""Sequence diagrams of traces: one reading of a trace as data (`sequence`), and forms drawn from it."""

from __future__ import annotations

from eoscheck.checker.counterexample import Trace

FORMS = ("svg", "png", "mermaid", "plantuml")


def drawn(trace: Trace, form: str) -> str | bytes:
    """The sequence diagram of a trace: bytes as png, text in the other forms."""
    from eoscheck.gen.diagram.sequence import sequence

    diagram = sequence(trace, dimmed=trace.aside, marked=trace.contradiction)
    if form == "mermaid":
        from eoscheck.gen.diagram.mermaid import mermaid

        return mermaid(diagram)
    if form == "plantuml":
        from eoscheck.gen.diagram.plantuml import plantuml

        return plantuml(diagram)
    from eoscheck.gen.diagram.svg import svg

    if form == "svg":
        return svg(diagram)
    from eoscheck.gen.diagram.png import png

    return png(svg(diagram, plain=True))
