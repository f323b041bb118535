"""What an outsider sees of a cluster and its stores, in the words of a trace's observation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eoscheck.gen.kafka.wire import Batch
from eoscheck.gen.replay.actor import Actor, outcome, parsed


def _shown(batch: Batch) -> Any:
    return batch.control or parsed(batch.records[0][1])[0]


class Observer(Actor):
    """Somebody who only looks."""

    def partition(self, name: str) -> dict[str, Any]:
        """Log, outcomes, high watermark and LSO of a partition. `committed`: what read_committed is given.

        What became of a record is said by the first marker of its producer behind it; up to the LSO the broker says it
        a second time, in the list of aborted transactions. Raises Diverged where the two disagree.
        """
        place = self.run.place(name)
        log = self.run.speech.fetch(self.connection(), place, 0, "read_uncommitted")
        stable = self.run.speech.fetch(self.connection(), place, 0, "read_committed")
        outcomes = [outcome(b, log.batches) for b in log.batches]
        for batch in stable.batches:
            if batch.control is None:
                known = outcomes[log.batches.index(batch)]
                self.agree(f"outcome of offset {batch.offset} of {name}", known, stable.outcome(batch))
        data = [(b, known) for b, known in zip(log.batches, outcomes, strict=True) if b.control is None]
        return {
            "records": [_shown(b) for b in log.batches],
            "outcomes": outcomes,
            "versions": [parsed(b.records[0][1])[1] or 0 for b in log.batches if b.control is None],
            "high_watermark": log.high_watermark,
            "last_stable_offset": stable.last_stable_offset,
            "producers": self._producers(name),
            "committed": [_shown(b) for b, known in data if known == "COMMIT"],
            "open": [_shown(b) for b, known in data if known == "data"],
        }

    def _producers(self, name: str) -> dict[str, list[int]]:
        """What the leader remembers of each transactional.id: epoch, last sequence, first offset of what is open."""
        known = self.run.speech.producers(self.connection(), self.run.place(name))
        return {
            transactional_id: list(known[transaction.producer_id])
            for transactional_id, transaction in self.run.transactions.items()
            if self.run.producer_ids.get(transaction.id) in known
        }

    def group(self, name: str) -> dict[str, Any]:
        """Committed offsets by number of the input partition, and which of them have one pending."""
        group = self.run.groups[name]
        offsets, _ = group.offsets(group.reads, False, self.connection())
        _, pending = group.offsets(group.reads, True, self.connection())
        return {
            "committed": {str(k): offsets[p] for k, p in enumerate(group.reads)},
            "pending": [k for k, p in enumerate(group.reads) if p in pending],
        }

    def transaction(self, name: str) -> dict[str, Any]:
        """State and epoch of a transactional.id."""
        state, epoch = self.run.transactions[name].state()
        return {"state": state, "epoch": epoch}

    def store(self, name: str) -> dict[str, Any]:
        """Rows of a store, the offsets that it keeps, and the version of each input whose rows agree on one."""
        database = self.run.stores[name].database
        versions: dict[str, set[int]] = {}
        for value, version in database.rows():
            versions.setdefault(str(value), set()).add(version)
        single = {value: min(found) for value, found in versions.items() if len(found) == 1}
        return {**database.observe(), "versions": single}

    def reader(self, name: str) -> dict[str, Any]:
        """What a reader was given, by partition, each input at most twice, as the model counts."""
        given = self.run.readers[name].given
        return {
            part: [v for v in sorted(set(values)) for _ in range(min(values.count(v), 2))]
            for part, values in given.items()
        }

    def all_of(self, predicted: Mapping[str, Any]) -> dict[str, Any]:
        """The observation, of the things that a predicted one speaks of."""
        ways = {
            "partitions": self.partition,
            "groups": self.group,
            "transactions": self.transaction,
            "stores": self.store,
            "readers": self.reader,
        }
        return {
            section: {
                name: self._only(section, ways[section](name), wanted) for name, wanted in places.items()
            }
            for section, places in predicted.items()
        }

    def _only(self, section: str, seen: dict[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
        # A reader has been given nothing from the partitions that it does not list.
        unknown = [] if section == "readers" else [key for key in wanted if key not in seen]
        if unknown:
            raise ValueError(f"nothing of {section} is called {unknown[0]!r}; there are {', '.join(seen)}")
        return {key: seen.get(key, []) for key in wanted}


def differences(predicted: Mapping[str, Any], seen: Mapping[str, Any]) -> list[str]:
    """What is not as predicted, one line each.

    >>> differences({"stores": {"ledger": {"rows": [1]}}}, {"stores": {"ledger": {"rows": [1, 1]}}})
    ['stores ledger rows: the model says [1], Kafka says [1, 1]']
    """
    return [
        f"{section} {name} {key}: the model says {value}, Kafka says {seen[section][name][key]}"
        for section, places in predicted.items()
        for name, wanted in places.items()
        for key, value in wanted.items()
        if seen[section][name][key] != value
    ]
