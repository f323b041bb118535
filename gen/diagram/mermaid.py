"""A sequence diagram as Mermaid text, which Markdown pages of most forges draw."""

from __future__ import annotations

import re
from collections.abc import Iterator

from eoscheck.gen.diagram.arrows import Arrow, How
from eoscheck.gen.diagram.sequence import Diagram, Event

ARROWS: dict[How, str] = {
    "sent": "-)",
    "handled": "->>",
    "answered": "-->>",
    "lost": "-x",
    "delayed": "--)",
    "call": "->>",
    "read": "-->>",
}
FAULT, MARKED = "rect rgb(253, 228, 226)", "rect rgb(255, 240, 200)"


def mermaid(diagram: Diagram) -> str:
    """The text. Lanes have the names p1, p2, .. in it, and those of the pipeline where they are drawn."""
    names = {lane.name: f"p{i}" for i, lane in enumerate(diagram.lanes, 1)}
    lines = ["sequenceDiagram"]
    for lane in diagram.lanes:
        role = f"<br/>{_text(lane.role)}" if lane.role else ""
        lines.append(f"    participant {names[lane.name]} as {_text(lane.name)}{role}")
    lines += [f"    {line}" for line in _body(diagram, names)]
    return "\n".join(lines) + "\n"


def _body(diagram: Diagram, names: dict[str, str]) -> Iterator[str]:
    if not names:
        # Without a lane there is nobody to put a note over.
        yield "participant p1 as nobody"
    ends = list(names.values()) or ["p1"]
    everybody = ",".join(dict.fromkeys((ends[0], ends[-1])))
    yield f"Note over {everybody}: {_text(diagram.title)}"
    for note in diagram.initial:
        yield f"Note over {names[note.lane]}: {_text(str(note))}"
    first, last = diagram.lasso or (0, 0)
    for i, event in enumerate(diagram.events, 1):
        inside = bool(diagram.lasso) and first <= i <= last
        if inside and i == first:
            yield f"loop {_text(diagram.forever)}"
        indent = "    " if inside else ""
        yield from (indent + line for line in _event(event, names))
        if inside and i == last:
            yield "end"
    if first > last:
        yield f"Note over {everybody}: {_text(diagram.forever)}"
    verdict = "reached" if diagram.met else "violated"
    yield f"Note over {everybody}: {verdict}: {_text(diagram.witness)}"


def _event(event: Event, names: dict[str, str]) -> Iterator[str]:
    frame = FAULT if event.fault else MARKED if event.marked else ""
    lines = [*_deeds(event, names), *(f"Note over {names[n.lane]}: {_text(str(n))}" for n in event.notes)]
    if not frame:
        yield from lines
        return
    yield frame
    yield from (f"    {line}" for line in lines)
    yield "end"


def _deeds(event: Event, names: dict[str, str]) -> Iterator[str]:
    """The arrows; what happens in one lane is a note, as it is no message."""
    fault = f"FAULT {event.fault}: " if event.fault else ""
    said = _text(f"{event.number}. {fault}{event.sentence}")
    said = f"({said})" if event.dimmed else said
    here = names[event.lane]
    if not event.arrows:
        yield f"{here}->>{here}: {said}"
    for i, arrow in enumerate(event.arrows):
        yield _arrow(arrow, names, said if i == 0 else _text(arrow.label or arrow.how))
    if event.struck and event.struck != event.lane:
        yield f"Note over {names[event.struck]}: {_text(fault.removesuffix(': '))}"


def _arrow(arrow: Arrow, names: dict[str, str], said: str) -> str:
    return f"{names[arrow.start]}{ARROWS[arrow.how]}{names[arrow.end]}: {said}"


def _text(text: str) -> str:
    """The text with what means something to Mermaid as character codes."""
    return SPECIAL.sub(lambda found: f"#{ord(found.group(0)[0])};{found.group(0)[1:]}", text.strip()) or "-"


# `style..:` and `classDef..:` before a code take its semicolon away, `end` ends a block, `wrap:` is an option.
SPECIAL = re.compile(r"""[#;<>&"%{}\\`$]|\b(?:style|classDef|end|wrap|nowrap)\b""", re.IGNORECASE)
