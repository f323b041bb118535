"""A counterexample told in the terminal: lanes with numbered sentences, under each what it changed, at the end why it
is wrong.

What changed is what an outsider could see change: logs, offsets, rows, what readers were given. `Style.full` spells
out every variable, with whole states and observations. Steps that the violation does not depend on are folded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from eoscheck.checker.counterexample import Trace
from eoscheck.gen import lanes
from eoscheck.gen.diagram.sequence import Diagram, Event, sequence
from eoscheck.gen.prose import prose, summary
from eoscheck.gen.screen import Style, folded, printable
from eoscheck.gen.story import changed, claim, labelled, stated, unbroken, value
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

End = tuple[str, str | None]


def story(trace: Trace, ends: Iterable[End], style: Style) -> list[RenderableType]:
    """The whole of a trace. `ends`: labelled lines to be copied, after its reason."""
    parts: list[RenderableType] = [claim(trace), Text()]
    if style.full:
        parts += [Padding(Text(printable(stated(_initial(trace))), "dim"), (0, 0, 0, 4)), Text()]
    if trace.steps:
        parts += [*_Telling(trace, style).lines(), Text()]
    rows = [("", str(sentence)) for sentence in prose(trace)]
    return [*parts, *ending(trace, ends, rows)]


def ending(trace: Trace, ends: Iterable[End], told: Iterable[tuple[str, str]] = ()) -> list[RenderableType]:
    """Why the last state is wrong, with what led to it if that is `told`, and the lines below."""
    rows = [("why      ", summary(trace)), *told]
    return [labelled(rows), *(unbroken(label, text) for label, text in ends if text)]


def _initial(trace: Trace) -> Mapping[str, Any]:
    variables = trace.initial.get("variables")
    return variables if isinstance(variables, dict) else {}


class _Telling:
    """The lines of the steps of one trace."""

    def __init__(self, trace: Trace, style: Style) -> None:
        self.trace, self.style = trace, style
        self.diagram: Diagram = sequence(trace, dimmed=trace.aside, marked=trace.contradiction)
        self.drawn = lanes.fits(self.diagram, style.width)

    def lines(self) -> Iterator[Text]:
        if self.drawn:
            for head in lanes.heads(self.diagram.lanes):
                yield self._line("", "", head, Text())
        for aside, group in groupby(self.diagram.events, lambda event: event.dimmed):
            events = list(group)
            if aside and len(events) > 1 and not self.style.full:
                yield from self._folded(events)
            else:
                for event in events:
                    yield from self._event(event)

    def _folded(self, events: Sequence[Event]) -> Iterator[Text]:
        first, last = events[0].number, events[-1].number
        until = "until everything is at rest" if self._is_end(last) else "that do not matter here"
        said = Text(f"{len(events)} steps {until} ({first} to {last}; --full shows them)", "dim")
        yield from self._lines("", ":", self._plain(), said)

    def _is_end(self, number: int) -> bool:
        return self.trace.kind == "at-rest" and number == len(self.trace.steps)

    def _event(self, event: Event) -> Iterator[Text]:
        if self.diagram.lasso and self.diagram.lasso[0] == event.number:
            yield self._line("", "", self._plain(), Text("from here on, for ever:", "bold"))
        mark = "!" if event.fault else "*" if event.marked else ""
        row = lanes.row(self.diagram, event) if self.drawn else ""
        yield from self._lines(str(event.number), mark, row, self._said(event))
        for further in lanes.more(self.diagram, event) if self.drawn else ():
            yield self._line("", "", further, Text())
        for line in self._below(event):
            yield from self._lines("", "", self._plain(), Text(printable(line), "dim"))

    def _said(self, event: Event) -> Text:
        """The sentence, with whose it is where it does not say so."""
        actor = self.trace.steps[event.number - 1].actor
        named = event.fault or actor in event.sentence
        text = Text("" if named else f"{printable(actor)} ", "dim" if event.dimmed else "")
        if event.fault:
            text.append(f"FAULT {event.fault}: ", "bold red")
        text.append(event.sentence)
        if event.api and event.api not in event.sentence:
            text.append(f"  [{event.api}]", "dim")
        return text

    def _below(self, event: Event) -> list[str]:
        step = self.trace.steps[event.number - 1]
        if not self.style.full:
            said = ((note.lane, str(note)) for note in event.notes)
            return [text if text.startswith(lane) else f"{lane}: {text}" for lane, text in said]
        state = dict(_initial(self.trace))
        for each in self.trace.steps[: event.number]:
            state.update({name: after for name, (_, after) in each.changes.items()})
        return [*changed(step), stated(state), f"observation: {value(step.observation)}"]

    # -- laying out

    def _plain(self) -> str:
        return lanes.plain(self.diagram) if self.drawn else ""

    def _lines(self, number: str, mark: str, row: str, text: Text) -> Iterator[Text]:
        """A text beside its lanes, which go on where it takes several lines."""
        width = self.style.width - 7 - (lanes.wide(self.diagram) if self.drawn else 0)
        first, *others = folded(text, width) or [Text()]
        yield self._line(number, mark, row, first)
        for other in others:
            yield self._line("", "", self._plain(), other)

    def _line(self, number: str, mark: str, row: str, text: Text) -> Text:
        color = "bold red" if mark == "!" else "bold yellow"
        gap = " " if row else ""
        return Text.assemble(f"{number:>3} ", (f"{mark:1} ", color), (row, "cyan"), gap, text, no_wrap=True)
