"""How a replay begins, and what must be seen in the end: the calls that make everything as it is at the start of a
trace, and the model's observation as a cluster can show it."""

from __future__ import annotations

from typing import Any

from eoscheck.gen.replay.calls import Call
from eoscheck.gen.replay.numbers import Numbers
from eoscheck.model.partition import Partition
from eoscheck.model.pipeline import Pipeline
from eoscheck.model.processor import Processor
from eoscheck.model.protocol import At


def setting(pipeline: Pipeline) -> list[Call]:
    """The calls of the set-up. The model must be in its initial state."""
    return [
        *_topics(pipeline),
        *_clients(pipeline),
        *_groups(pipeline),
        *_outside(pipeline),
        _begins(pipeline),
    ]


def _run(verb: str, *given: Any, **settings: Any) -> Call:
    return Call("run", "run", verb, given, settings)


def _topics(pipeline: Pipeline) -> list[Call]:
    names = {name: len(laid) for name, laid in pipeline.laid.items()}
    names |= {name: len(written) for name, written in pipeline.partitions.items()}
    calls = []
    for name, count in names.items():
        more: dict[str, Any] = {"partitions": count} if count > 1 else {}
        inputs = [part.values for part in pipeline.laid.get(name, ())]
        more |= {"inputs": inputs} if any(inputs) else {}
        calls.append(_run("topic", name, **more))
    return calls


def _clients(pipeline: Pipeline) -> list[Call]:
    ids = {id(c): name for name, c in pipeline.coordinators.items()}
    calls = []
    for client in pipeline.clients:
        settings: dict[str, Any] = {}
        if client.coordinator is not None:
            settings["transactional_id"] = ids[id(client.coordinator)]
        elif not (client.config.idempotence and client.outputs):
            settings["idempotence"] = False
        if client.config.acks != "all":
            settings["acks"] = client.config.acks
        if isinstance(client, Processor):
            settings["isolation"] = client.spec.consumer.isolation_level
        calls.append(_run("client", client.name, **settings))
    return calls


def _groups(pipeline: Pipeline) -> list[Call]:
    return [
        _run(
            "group",
            name,
            reads=[s.name for s in group.processes[0].inputs],
            members=[p.name for p in group.processes],
        )
        for name, group in pipeline.groups.items()
    ]


def _outside(pipeline: Pipeline) -> list[Call]:
    calls = [_run("reader", name, reader.spec.isolation_level) for name, reader in pipeline.readers.items()]
    for name, store in pipeline.stores.items():
        spec, settings = store.spec, dict[str, Any]()
        if spec.write == "dedupe":
            settings = {"key": spec.key, "atomic": spec.atomic}
        elif spec.write == "offsets":
            settings = {"compare_and_set": spec.compare_and_set, "partitions": len(store.next)}
        elif spec.write == "outbox":
            settings = {"relay": spec.relay}
        calls.append(_run("store", name, spec.write, **settings))
    return [
        *calls,
        *(_run("lookup", name, lookup.spec.versions) for name, lookup in pipeline.lookups.items()),
    ]


def _begins(pipeline: Pipeline) -> Call:
    initialised = [c.name for c in pipeline.clients if c.coordinator is not None and c.at != At.INIT]
    shares = {
        name: {
            source.name: group.processes[group.owner[k] - 1].name
            for k, source in enumerate(group.processes[0].inputs)
        }
        for name, group in pipeline.groups.items()
    }
    return _run(
        "begins",
        **({"initialised": initialised} if initialised else {}),
        **({"shares": shares} if shares else {}),
    )


def predicted(pipeline: Pipeline, numbers: Numbers) -> dict[str, Any]:
    """The model's observation of its present state, without what no cluster shows: generations, which are counted
    differently there, and logs of offsets topics, which many groups share. Where the model forgets what was aborted
    (`Numbers`), only what was committed is compared."""
    seen = pipeline.observe()
    logs = {p.name for parts in pipeline.partitions.values() for p in parts}
    partitions = {name: part for name, part in seen["partitions"].items() if name in logs}
    transactions = seen["transactions"]
    for written in (p for parts in pipeline.partitions.values() for p in parts):
        partitions[written.name] = {**partitions[written.name], "producers": _producers(pipeline, written)}
    if numbers.counted:
        partitions = {name: _committed(part) for name, part in partitions.items()}
        transactions = {name: {"state": t["state"]} for name, t in transactions.items()}
    for name, coordinator in pipeline.coordinators.items():
        if coordinator.preparing() and not any(coordinator.added):
            # All markers are written: the coordinator completes on its own, at once or a moment later.
            transactions[name] = {k: v for k, v in transactions[name].items() if k != "state"}
    groups = {}
    for name, group in pipeline.groups.items():
        committed: dict[str, int | None] = {}
        for k, source in enumerate(group.processes[0].inputs):
            known, offset = group.offsets.committed_offset(k)
            committed[str(k)] = numbers.offset(source, offset) if known else None
        pending = [k for k in range(group.inputs) if group.offsets.pending_offset(k)]
        groups[name] = {"committed": committed, "pending": pending}
    observation = {**seen, "partitions": partitions, "groups": groups, "transactions": transactions}
    return {section: places for section, places in observation.items() if places}


def _producers(pipeline: Pipeline, partition: Partition) -> dict[str, list[int]]:
    """What the leader remembers of each transactional.id; -1 where there is none (`ProducerStateEntry`)."""
    return {
        name: [partition.epochs[c.pid] - 1, partition.sequences[c.pid] - 1, partition.first[c.pid] - 1]
        for name, c in pipeline.coordinators.items()
        if partition.epochs[c.pid] != 0
    }


def _committed(part: dict[str, Any]) -> dict[str, Any]:
    pairs = list(zip(part["records"], part["outcomes"], strict=True))
    return {
        "committed": [r for r, outcome in pairs if outcome == "COMMIT" and isinstance(r, int)],
        "open": [r for r, outcome in pairs if outcome == "data"],
    }
