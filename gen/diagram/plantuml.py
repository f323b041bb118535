"""A sequence diagram as PlantUML text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import wrap

from eoscheck.gen.diagram.arrows import Arrow, How
from eoscheck.gen.diagram.notes import Fact, Note
from eoscheck.gen.diagram.sequence import Diagram, Event

ARROWS: dict[How, tuple[str, str]] = {
    "sent": ("-", ">>"),
    "handled": ("-", ">"),
    "answered": ("--", ">"),
    "lost": ("-", ">x"),
    "delayed": ("--", ">>"),
    "call": ("-", ">"),
    "read": ("--", ">>"),
}
"""Shaft and head of each kind of arrow; a colour goes between them."""

SHAPES = {
    "producer": "participant",
    "processor": "participant",
    "consumer": "participant",
    "relay": "participant",
    "group": "control",
    "transactions": "control",
    "partition": "queue",
    "store": "database",
    "lookup": "entity",
    "reader": "boundary",
    "other": "participant",
}
WIDEST = 44
"""Characters of a line of a note; messages are wrapped by PlantUML."""

FAULT, MARKED, DIM = "#C62828", "#B97700", "#A0A7B4"


def plantuml(diagram: Diagram) -> str:
    """The text. Lanes have the names p1, p2, .. in it, and those of the pipeline where they are drawn."""
    names = {lane.name: f"p{i}" for i, lane in enumerate(diagram.lanes, 1)}
    lines = [
        "@startuml",
        "hide footbox" if len(diagram.events) < 12 else "skinparam responseMessageBelowArrow false",
        "skinparam shadowing false",
        "skinparam maxMessageSize 260",
        f"title {_text(diagram.title)}",
        *(f'{SHAPES[lane.kind]} "{_text(lane.name)}" as {names[lane.name]}' for lane in diagram.lanes),
        *_body(diagram, names),
        "@enduml",
    ]
    return "\n".join(lines) + "\n"


def _body(diagram: Diagram, names: dict[str, str]) -> Iterator[str]:
    if not names:
        yield "participant nobody"
    for note in diagram.initial:
        yield _note(note, names)
    first, last = diagram.lasso or (0, 0)
    for i, event in enumerate(diagram.events, 1):
        if i == first <= last:
            yield f"loop {_text(diagram.forever)}"
        yield from _event(event, names)
        if first <= i == last:
            yield "end"
    if first > last:
        yield f"note across : {_text(diagram.forever)}"
    color, verdict = ("#E6F5EC", "reached") if diagram.met else ("#FDE4E2", "violated")
    yield f"note across {color} : **{verdict}**: {_text(diagram.witness)}"


def _event(event: Event, names: dict[str, str]) -> Iterator[str]:
    fault = f"FAULT {event.fault}: " if event.fault else ""
    color = FAULT if event.fault else MARKED if event.marked else DIM if event.dimmed else ""
    said = f"{event.number}. {_text(fault + event.sentence)}"
    said = _weighed(said, color, bold=bool(event.fault) or event.marked)
    here = names[event.lane]
    if event.fault and not event.arrows:
        struck = sorted({here, names[event.struck or event.lane]}, key=lambda name: int(name[1:]))
        lines = wrap(f"{event.number}. {fault}{event.sentence}", WIDEST)
        words = "\\n".join(_weighed(_text(words), color, bold=True) for words in lines)
        yield f"hnote over {','.join(struck)} #FDE4E2 : {words}"
    elif not event.arrows:
        yield f"{here} {_shaft('call', color)} {here} : {said}"
    for i, arrow in enumerate(event.arrows):
        yield _arrow(arrow, names, color, said if i == 0 else _text(arrow.label or arrow.how))
    yield from (_note(note, names) for note in event.notes)


def _weighed(said: str, color: str, *, bold: bool) -> str:
    said = f"**{said}**" if bold else said
    return f"<color:{color}>{said}</color>" if color else said


def _arrow(arrow: Arrow, names: dict[str, str], color: str, said: str) -> str:
    return f"{names[arrow.start]} {_shaft(arrow.how, color)} {names[arrow.end]} : {said}"


def _shaft(how: How, color: str) -> str:
    line, head = ARROWS[how]
    return f"{line[0]}[{color}]{line[1:]}{head}" if color else line + head


def _note(note: Note, names: dict[str, str]) -> str:
    kind = "rnote" if isinstance(note, Fact) else "note"
    return f"{kind} over {names[note.lane]} : {_text(str(note))}"


def _text(text: str) -> str:
    """The text with what means something to PlantUML as character codes."""
    return (
        SPECIAL.sub(lambda found: "".join(f"<U+{ord(c):04X}>" for c in found.group(0)), text.strip()) or "-"
    )


# Marks of Creole do something when they are doubled, or stand at the beginning.
SPECIAL = re.compile(r"""["\\<>~|%&$`]|[*/_.={\[(-]{2,}|^[*#=.+;:/_@!'-]""")
