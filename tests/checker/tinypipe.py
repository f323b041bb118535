"""A pipeline small enough to know by heart, for tests of everything between a search and an exit code.

A sender puts records on a shelf, one step to send and one to hear of it; within the budget an answer is lost,
and then the record is sent again. `install` puts it where the loader and the Kafka model would be, so that
commands can be run on it: a "spec" is a file of `key: value` lines.
"""

from __future__ import annotations

import enum
import sys
import types
from pathlib import Path
from typing import Any

from eoscheck.model.language import Array, Component, Model, Property, Var, action
from eoscheck.model.source import SpecError
from eoscheck.model.spec import Bounds, Fault, Spec, Switches, Topic
from eoscheck.model.values import Witness, any_of, say, when


class Phase(enum.Enum):
    IDLE = 0
    SENT = 1


class Sender(Component):
    def __init__(self, records: int) -> None:
        self.name, self.records = "sender", records

    phase = Var(Phase)
    at = Var(lambda self: range(self.records + 1))
    shelf = Var(lambda self: Array(range(3), self.records))
    told = Var(lambda self: range(self.records + 1), ghost=True)

    @action(api="Produce")
    def send(self):
        when(self.phase == Phase.IDLE)
        when(self.at < self.records)
        self.shelf[self.at] += 1
        self.phase = Phase.SENT
        say(f"sends record {self.at}.")
        say("The broker appends it")

    @action
    def hear(self):
        when(self.phase == Phase.SENT)
        self.phase = Phase.IDLE
        self.told += 1
        self.at += 1

    @action(fault="lost-response")
    def lose(self):
        when(self.phase == Phase.SENT)
        self.phase = Phase.IDLE
        say("the answer is lost")

    @action(each=lambda self: [(1,), (2,)])
    def never(self, times):
        when(self.at < self.records)
        when(self.at > self.records)
        self.phase = Phase.IDLE


class Pipeline:
    def __init__(self, spec: Spec, model: Model) -> None:
        self.spec, self.model = spec, model

    @property
    def sender(self) -> Any:
        return self.model.components[0]

    def observe(self) -> dict[str, Any]:
        return {
            "stores": {"shelf": {"records": [i for i, n in enumerate(self.sender.shelf) for _ in range(n)]}}
        }

    def actor(self, chosen: Any) -> str:
        return "network" if chosen.info.fault else chosen.component.name


def properties(sender: Sender) -> list[Property]:
    def duplicate() -> Any:
        for i in range(sender.records):
            if sender.shelf[i] > 1:
                return Witness("record {record} lies there twice", record=i)
        return None

    def lost() -> Any:
        missing = any_of(sender.shelf[i] == 0 for i in range(sender.records))
        return Witness("a record is missing") if missing else None

    def full() -> Any:
        return sender.at == sender.records

    return [
        Property("always", "no-duplicates@shelf", duplicate, says="No record lies on the shelf twice."),
        Property("at-rest", "no-loss@shelf", lost, says="Every record lies on the shelf in the end."),
        Property("sometimes", "all-sent", full, says="All records can be sent."),
        Property("always", "empty-promise", duplicate, lambda: sender.shelf[0] > 2, "Never asked."),
    ]


DEFAULT = ("no-duplicates@shelf", "no-loss@shelf", "all-sent")


def spec(path: str = "tiny.yaml", **changes: Any) -> Spec:
    """A spec; `lost` is the budget of lost answers, `records` how many are sent."""
    lost, records = changes.pop("lost", 1), changes.pop("records", 2)
    changes.setdefault("properties", DEFAULT)
    return Spec(
        path=path,
        title="A shelf",
        version="3.9",
        switches=Switches(),
        topics=(Topic("shelf", records=records),),
        faults=(Fault("lost-response", lost),) if lost else (),
        **changes,
    )


def build(spec: Spec, user_properties: Any = (), wanted: Any = ()) -> Pipeline:
    sender = Sender(spec.topics[0].records)
    wanted = [p for p in properties(sender) if p.name in (*spec.properties, *wanted)]
    model = Model([sender], wanted, {f.name: f.budget for f in spec.faults})
    pipeline = Pipeline(spec, model)
    model.properties += [p.__property__(pipeline) for p in user_properties]
    return pipeline


def load(path: str, extra_properties: Any = (), changes: Any = ()) -> Spec:
    """A spec from lines of `key: value`; a line that is none is an error, as a loader would say it.

    A change is one more line, and may say what a line before it has said.
    """
    if not Path(path).is_file():
        raise SpecError(path, 1, "no such file")
    found: dict[str, Any] = {
        "notes": ("x: ignored, since it does not matter to delivery here: y", "acks=1 is odd")
    }
    expect = []
    lines = [*Path(path).read_text().splitlines(), *(f"{c.key}: {c.said}" for c in changes)]
    for number, line in enumerate(lines, 1):
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon:
            raise SpecError(path, number, f"unknown key {line!r}; did you mean 'lost'?")
        if key in ("lost", "records"):
            found[key] = int(value)
        elif key == "properties":
            found[key] = tuple(value.split())
        elif key == "states":
            found["bounds"] = Bounds(states=int(value))
        else:
            expect.append((key, value))
    return spec(path, expect=tuple(expect), changes=tuple(map(str, changes)), **found)


def install() -> None:
    """Put this world in the place of the real one."""
    for name, parts in {"loader": {"load": load}, "pipeline": {"build": build}}.items():
        module = types.ModuleType(f"eoscheck.model.{name}")
        vars(module).update(parts)
        sys.modules[module.__name__] = module


if __name__ == "__main__":
    install()
    from eoscheck.cli.main import main

    main()
