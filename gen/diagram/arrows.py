"""Who speaks to whom at a step: told by the action, its arguments and the variables that it changed.

A request is sent, handled, and answered in steps of their own, so each of them is an arrow: the first half of its way,
the second half, and the way back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eoscheck.checker.counterexample import Step
from eoscheck.gen.diagram.cast import Cast, Client
from eoscheck.model.protocol import Api

How = Literal["sent", "handled", "answered", "lost", "delayed", "call", "read"]
"""sent      a request, or an answer, is on its way
handled   a request has come to the broker that now handles it
answered  an answer has come to the client
lost      a request or an answer will never come
delayed   a request was given up by its client, and may still come
call      something that is asked for and done in this one step
read      something is read there, and given to whom the arrow points at
"""

WIRE = re.compile(r"(/\d+)?:wire$")


@dataclass(frozen=True)
class Arrow:
    """From one lane to another."""

    start: str
    end: str
    how: How
    label: str = ""


State = Mapping[str, Any]


def arrows(step: Step, before: State, after: State, who: Cast) -> list[Arrow]:
    """The arrows of a step, given all variables before and after it."""
    found = [*_of_wires(step, before, after, who), *_of_arguments(step, before, after, who)]
    found += _of_changes(step, after, who)
    return [
        arrow
        for i, arrow in enumerate(found)
        if arrow.start != arrow.end
        and not any((a.start, a.end) == (arrow.start, arrow.end) for a in found[:i])
    ]


def component(step: Step) -> str:
    """The component whose action it is: `orders-0` of `orders-0.append(shop:wire, 0)`."""
    return step.label.partition(f".{step.action}(")[0]


def struck(step: Step, who: Cast) -> str | None:
    """The lane that a fault strikes, where that is not the actor's: whom it crashes or pauses."""
    process = step.arguments.get("process")
    return process if step.fault and isinstance(process, str) and process in who.clients else None


# --- requests and answers


def _of_wires(step: Step, before: State, after: State, who: Cast) -> Iterator[Arrow]:
    own = component(step)
    named = step.arguments.get("wire")
    for wire in sorted(
        {str(w) for w in (own, named) if isinstance(w, str) and WIRE.search(w)} or _changed(step)
    ):
        client = WIRE.sub("", wire)
        if client not in who.clients:
            continue
        if own == wire:
            yield from _in_between(wire, client, before, after, who)
        elif step.actor == client:
            yield from _by_client(step, wire, client, before, after, who)
        elif wire == named:
            yield _by_broker(step, wire, client, before)


def _changed(step: Step) -> set[str]:
    """The actor's own connections, where the step changed one."""
    owners = {name.partition(".")[0] for name in step.changes}
    return {owner for owner in owners if WIRE.search(owner) and WIRE.sub("", owner) == step.actor}


def _by_client(step: Step, wire: str, client: str, before: State, after: State, who: Cast) -> Iterator[Arrow]:
    then, now = before.get(f"{wire}.phase"), after.get(f"{wire}.phase")
    sent = f"{wire}.request"
    if now == "SENT" and then != "SENT":
        yield Arrow(client, _broker(client, sent, after, who), "sent", _label(sent, after))
    elif then == "ANSWERED" and now != then and not step.fault:
        error = str(before.get(f"{wire}.error", "NONE"))
        # Nobody answered, so nothing came.
        if error != "NO_ANSWER":
            yield Arrow(
                _broker(client, sent, before, who), client, "answered", "ok" if error == "NONE" else error
            )


def _by_broker(step: Step, wire: str, client: str, before: State) -> Arrow:
    if before.get(f"{wire}.phase") == "APPENDED":
        return Arrow(step.actor, client, "sent", "acknowledged")
    message = f"{wire}.copies" if step.fault == "late-delivery" else f"{wire}.request"
    return Arrow(client, step.actor, "handled", _label(message, before))


def _in_between(wire: str, client: str, before: State, after: State, who: Cast) -> Iterator[Arrow]:
    """What becomes of a message that neither its sender nor its receiver has a hand in."""
    message = f"{wire}.request"
    broker, label = _broker(client, message, before, who), _label(message, before)
    if before.get(f"{wire}.phase") == "ANSWERED":
        yield Arrow(broker, client, "lost", f"answer to {_api(message, before)}")
    elif after.get(f"{wire}.copied") != before.get(f"{wire}.copied"):
        yield Arrow(client, broker, "delayed", label)
    else:
        yield Arrow(client, broker, "lost", label)


def _api(message: str, state: State) -> str:
    name = str(state.get(f"{message}.api", "PRODUCE"))
    return Api[name].value if name in Api.__members__ else name


def _label(message: str, state: State) -> str:
    api = _api(message, state)
    if api == Api.PRODUCE.value:
        return f"{api} {state.get(f'{message}.value', '')}".rstrip()
    if api in (Api.OFFSET_COMMIT.value, Api.TXN_OFFSET_COMMIT.value):
        return f"{api} {state.get(f'{message}.offset', '')}".rstrip()
    return api


def _broker(client: str, message: str, state: State, who: Cast) -> str:
    """The lane that a request goes to; the client's own where the spec does not tell."""
    api, part = _api(message, state), who.clients[client]
    if api == Api.PRODUCE.value:
        return _nth(part.outputs, state.get(f"{message}.output", 0)) or client
    if api in (Api.OFFSET_COMMIT.value, Api.TXN_OFFSET_COMMIT.value):
        return part.group or client
    return part.coordinator or client


def _nth(lanes: tuple[str, ...], number: Any) -> str | None:
    return lanes[number] if isinstance(number, int) and 0 <= number < len(lanes) else None


# --- what is one step


def _of_arguments(step: Step, before: State, after: State, who: Cast) -> Iterator[Arrow]:
    partition = step.arguments.get("partition")
    if isinstance(partition, str):
        yield _marker(step, who.owner(partition), before)
    if step.actor in who.clients:
        yield from _of_client(step, who.clients[step.actor], before, after)


def _marker(step: Step, end: str, before: State) -> Arrow:
    hows: dict[str | None, How] = {"late-marker": "handled", "delayed-marker": "delayed"}
    if step.fault == "late-marker":
        kind = str(before.get(f"{step.actor}.late_marker.kind", ""))
    else:
        kind = "COMMIT" if "COMMIT" in str(before.get(f"{step.actor}.status", "")) else "ABORT"
    return Arrow(step.actor, end, hows.get(step.fault, "call"), f"{kind} marker")


def _of_client(step: Step, client: Client, before: State, after: State) -> Iterator[Arrow]:
    number, me = step.arguments.get("partition"), step.actor
    source = _nth(client.inputs, number)
    if step.action in ("poll", "read") and source:
        yield Arrow(source, me, "read", f"offset {_position(me, number, before)}")
    elif step.action == "fetch_position":
        place = client.store if client.keeps_offsets else client.group
        if place:
            yield Arrow(place, me, "read", f"position {_position(me, number, after)}")
    elif step.action == "look_up" and client.lookup:
        yield Arrow(client.lookup, me, "read", f"version {after.get(f'{me}.version', 0)}")
    elif step.action in ("check_store", "take") and client.store:
        yield Arrow(client.store, me, "read")
    elif step.action in ("write_store", "commit_row") and client.store:
        yield Arrow(me, client.store, "call", "commit" if step.action == "commit_row" else "write")


def _position(client: str, number: Any, state: State) -> Any:
    return state.get(f"{client}.position[{number}]", state.get(f"{client}.position", 0))


def _of_changes(step: Step, after: State, who: Cast) -> Iterator[Arrow]:
    """What the step changed elsewhere; a crash only takes from memory, and asks nobody."""
    if component(step) not in (step.actor, *_changed(step)) or step.actor == "environment":
        return
    for name, pair in step.changes.items():
        place, _, variable = name.partition(".")
        lane = who.owner(place)
        if lane == step.actor or WIRE.search(place):
            continue
        if step.actor in who.clients:
            yield from _by_hand(step.actor, lane, place, variable, pair[-1:], who)
        elif who.kind(lane) == "transactions":
            yield Arrow(step.actor, lane, "call", "adds the partition")
        elif "owners" in step.arguments and lane in who.clients:
            yield Arrow(step.actor, lane, "call", _share(step, lane, who))


def _by_hand(client: str, lane: str, place: str, variable: str, new: list[Any], who: Cast) -> Iterator[Arrow]:
    kind = who.kind(lane)
    if kind == "group" and variable.startswith("members"):
        yield Arrow(client, lane, "call", "LeaveGroup" if new == ["OUT"] else "JoinGroup")
    elif kind == "group" and place != lane:
        yield Arrow(client, lane, "call", "OffsetCommit")
    elif kind == "store":
        yield Arrow(client, lane, "call", "write")


def _share(step: Step, member: str, who: Cast) -> str:
    """What a rebalance gives to a member."""
    owners, members = step.arguments.get("owners"), who.members.get(step.actor, [])
    if not isinstance(owners, list) or member not in members:
        return "assignment"
    mine = [str(k) for k, owner in enumerate(owners) if owner == members.index(member) + 1]
    return f"partition {', '.join(mine)}" if mine else "no partition"
