"""A spec file into a `Spec`: read, shaped, resolved, checked. Whatever is wrong ends in one `SpecError`.

The steps, each of its own module: text to values with lines (`source`), values to known keys and types
(`schema`), release to switches (`releases`), settings to what the clients would do (`settings`,
`configfile`), names and contradictions (`topology`). A spec is data: nothing in it is ever executed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from eoscheck.model import releases, topology
from eoscheck.model.configfile import ConfigFile, read_config
from eoscheck.model.settings import SettingError, Settings, consumer_config, producer_config
from eoscheck.model.source import (
    Node,
    Place,
    Problem,
    SpecError,
    decode,
    dotted,
    parse_yaml,
    read_bytes,
    show,
)
from eoscheck.model.spec import (
    Bounds,
    ConsumerConfig,
    Fault,
    Lookup,
    Offsets,
    Processor,
    Producer,
    ProducerConfig,
    Reader,
    Spec,
    Store,
    Switches,
    Topic,
)
from eoscheck.model.vary import Change, Overlay, applied

if TYPE_CHECKING:
    from eoscheck.model.schema import ConsumerShape, FileShape, ProcessorShape, ReaderShape

__all__ = ["SpecError", "load", "loads"]


def load(path: str | Path, extra_properties: Collection[str] = (), changes: Sequence[Change] = ()) -> Spec:
    """The spec in a file, or SpecError. `extra_properties` are names that `expect:` may also use.

    changes   what to take instead of what the file says; raises BadChange where it cannot be applied
    """
    return loads(decode(read_bytes(Path(path)), Path(path)), path, extra_properties, changes)


def loads(
    text: str, path: str | Path, extra_properties: Collection[str] = (), changes: Sequence[Change] = ()
) -> Spec:
    """The spec in a text; `path` is what messages call it, and what files it names are relative to."""
    documents = parse_yaml(text, path)
    if not documents or documents[0].value is None:
        raise SpecError(path, 1, "is empty; `eoscheck init` writes a spec to start from")
    if len(documents) > 1:
        raise SpecError(path, documents[1].line, "one YAML document only")
    root = documents[0]
    if not isinstance(root.value, dict):
        raise SpecError(
            path, root.line, f"expected a mapping (topics:, processors:, ...), not {show(root.value)}"
        )
    from eoscheck.model.schema import read_shape  # pydantic, only now

    root, overlay = applied(root, changes, path)
    reading = _Reading(Path(path), root, read_shape(root, path), overlay)
    try:
        return replace(reading.spec(text, extra_properties), changes=tuple(map(str, changes)))
    except Problem as problem:
        raise SpecError(path, root.line_of(problem.at), str(problem)) from None


class _Reading:
    """One file being turned into a Spec: what was written, and the notes taken on the way."""

    def __init__(self, path: Path, root: Node, shape: FileShape, overlay: Overlay) -> None:
        self.path, self.root, self.shape, self.overlay = path, root, shape, overlay
        self.notes: list[str] = []
        self.version: tuple[int, ...] = ()
        self.old_protocol = ""
        """A transactional producer that knows no transaction.version 2, if there is one."""

    def spec(self, text: str, extra_properties: Collection[str]) -> Spec:
        shape = self.shape
        version = self._version()
        self.version = releases.parse_version(version)
        producers, processors = self._producers(), self._processors()
        switches, notes = self._switches()
        self.notes = [*notes, *self.notes]
        draft = Spec(
            path=str(self.path),
            title=self._title(text),
            version=version,
            switches=switches,
            topics=self._topics(),
            producers=producers,
            processors=processors,
            readers=tuple(self._reader(name, reader) for name, reader in shape.readers.items()),
            stores=self._stores(),
            lookups=tuple(Lookup(name, lookup.versions) for name, lookup in shape.lookups.items()),
            faults=tuple(Fault(name, f.budget, tuple(f.where)) for name, f in shape.faults.items()),
            bounds=Bounds(**shape.bounds.model_dump()),
            properties=tuple(shape.properties),
            expect=tuple(shape.expect.items()),
        )
        topology.check_references(draft, self._sections())
        spec = topology.complete(draft)
        topology.check_properties(spec, extra_properties)
        return replace(spec, notes=tuple(dict.fromkeys([*self.notes, *topology.notes(spec)])))

    def _version(self) -> str:
        """As it was written: the number 3.10 would be 3.1."""
        node = self.root.at("kafka", "version") or self.root.at("kafka")
        if node is None or node.text is None or node.value is None:
            if self.shape.kafka.version is not None:
                raise Problem(
                    ("kafka", "version"),
                    f"kafka.version: expected a version, not {show(node and node.value)}",
                )
            return releases.DEFAULT
        return node.text.strip()

    def _switches(self) -> tuple[Switches, list[str]]:
        kafka = self.shape.kafka
        given = kafka.model_dump(exclude={"version", "transaction_version"})
        given["verify_produce"] = given.pop("transaction_partition_verification_enable")
        level = kafka.transaction_version
        if level in (None, 2) and self.old_protocol and self.version >= (4, 0):
            name = self.old_protocol
            self.notes.append(
                f"{name}: librdkafka speaks the transaction protocol of before Kafka 4.0, so transaction.version is"
                " taken to be 0 here, for all producers (KIP-890)"
            )
            level = 0
        return releases.switches(self.version, given, level)

    def _title(self, text: str) -> str:
        """What it is called, else the first line of comment, else the name of the file."""
        if self.shape.title and self.shape.title.strip():
            return " ".join(self.shape.title.split())
        for line in text.splitlines():
            comment = line.strip().lstrip("#").strip()
            if comment:
                return comment if line.strip().startswith("#") else self.path.stem
        return self.path.stem

    def _sections(self) -> dict[str, str]:
        sections = dict.fromkeys(self.shape.processors, "processors")
        for name in self.shape.consumers:
            if name in sections:
                raise Problem(
                    ("consumers", name), f"consumers.{name}: the name is taken already by processors.{name}"
                )
            sections[name] = "consumers"
        return sections

    # --- parts

    def _topics(self) -> tuple[Topic, ...]:
        if not self.shape.topics:
            raise Problem(("topics",), "there are no topics")
        return tuple(
            Topic(name, t.partitions, t.records, t.min_insync_replicas, t.unclean_leader_election_enable)
            for name, t in self.shape.topics.items()
        )

    def _stores(self) -> tuple[Store, ...]:
        only = {"key": "dedupe", "atomic": "dedupe", "compare_and_set": "offsets", "relay": "outbox"}
        for name, store in self.shape.stores.items():
            for option in only.keys() & store.model_fields_set:
                if store.write != only[option]:
                    key = option.replace("_", ".")
                    self.notes.append(
                        f"{name}: '{key}' is without effect, it belongs to 'write: {only[option]}'"
                    )
        relay, _ = producer_config(Settings({}), self.version)
        return tuple(
            Store(name, **store.model_dump(), relay_config=relay) for name, store in self.shape.stores.items()
        )

    def _producers(self) -> tuple[Producer, ...]:
        found = []
        for name, p in self.shape.producers.items():
            config = self._producer(("producers", name, "config"), name)
            found.append(Producer(name, p.to, p.records, config, p.position, p.on_error, p.on_restart))
            if config.transactional_id is None and "on_restart" in p.model_fields_set:
                self.notes.append(f"{name}: 'on.restart' is without effect, there is no transactional.id")
        return tuple(found)

    def _processors(self) -> tuple[Processor, ...]:
        self._sections()
        found = [self._processor(name, p) for name, p in self.shape.processors.items()]
        found += [self._consuming(name, c) for name, c in self.shape.consumers.items()]
        return tuple(found)

    def _processor(self, name: str, shape: ProcessorShape) -> Processor:
        place = ("processors", name)
        if shape.producer is not None and not shape.to:
            raise Problem(
                (*place, "producer"), f"{dotted(place)}: 'producer' needs 'to', the topics it writes"
            )
        producer = self._producer((*place, "producer"), name) if shape.to else None
        processor = replace(
            self._loop(name, shape, (*place, "consumer"), producer),
            to=tuple(shape.to),
            fan_out=shape.fan_out,
            after_abort=shape.after_abort,
            group_metadata=shape.group_metadata,
            processing_ms=shape.processing_ms,
        )
        if producer is None or producer.transactional_id is None:
            for field in ("after_abort", "group_metadata"):
                if field in shape.model_fields_set:
                    key = field.replace("_", ".")
                    self.notes.append(f"{name}: '{key}' is without effect, there is no transactional.id")
        return processor

    def _consuming(self, name: str, shape: ConsumerShape) -> Processor:
        place = ("consumers", name)
        if shape.config is not None and shape.consumer is not None:
            raise Problem(
                (*place, "consumer"), f"{dotted(place)}: 'config' and 'consumer' are the same, give one"
            )
        key = "consumer" if shape.consumer is not None else "config"
        return self._loop(name, shape, (*place, key), None)

    def _loop(
        self, name: str, shape: ProcessorShape | ConsumerShape, place: Place, producer: ProducerConfig | None
    ) -> Processor:
        """What processors and consumers have in common."""
        consumer, explicit = self._consumer(place, name)
        offsets = shape.offsets or self._default_offsets(shape.store, producer, consumer)
        if consumer.auto_commit and offsets != "auto":
            how = "is on" if explicit else "is left on, as by default"
            what = "is without effect" if offsets == "in-store" else "commits positions as well"
            self.notes.append(f"{name}: enable.auto.commit {how}, and {what}, beside 'offsets: {offsets}'")
        return Processor(
            name=name,
            source=shape.source,
            to=(),
            instances=shape.instances,
            producer=producer,
            consumer=consumer,
            offsets=offsets,
            threads=shape.threads,
            store=shape.store,
            lookup=shape.lookup,
            record_lookup=shape.record_lookup,
            on_fatal=shape.on_fatal,
        )

    def _default_offsets(
        self, store: str | None, producer: ProducerConfig | None, consumer: ConsumerConfig
    ) -> Offsets:
        if store in self.shape.stores and self.shape.stores[store].write in ("offsets", "two-phase"):
            return "in-store"
        if producer is not None and producer.transactional_id is not None:
            return "in-transaction"
        return "auto" if consumer.auto_commit else "after-processing"

    def _reader(self, name: str, shape: ReaderShape) -> Reader:
        place: Place = ("readers", name, "config")
        inline = self.root.at("readers", name, "isolation.level")
        if inline is not None:
            if shape.config is not None:
                at = ("readers", name, "isolation.level")
                raise Problem(at, f"readers.{name}: give 'isolation.level' or 'config', not both")
            place = ("readers", name)
            settings = ConfigFile(
                self.path, Settings({"isolation.level": inline.text}), {"isolation.level": inline.line}
            )
            consumer, _ = self._resolve_consumer(settings, place, name)
        else:
            consumer, _ = self._consumer(place, name)
        return Reader(name, tuple(shape.topics), consumer.isolation_level, shape.members)

    # --- settings

    def _producer(self, place: Place, name: str) -> ProducerConfig:
        written = self._settings(place, "producer")
        try:
            config, notes = producer_config(written.settings, self.version)
        except SettingError as error:
            raise self._refused(written, place, error) from None
        self.notes += [f"{name}: {note}" for note in notes]
        if config.transactional_id is not None and written.settings.dialect == "librdkafka":
            self.old_protocol = self.old_protocol or name
        return config

    def _consumer(self, place: Place, name: str) -> tuple[ConsumerConfig, bool]:
        return self._resolve_consumer(self._settings(place, "consumer"), place, name)

    def _resolve_consumer(self, written: ConfigFile, place: Place, name: str) -> tuple[ConsumerConfig, bool]:
        """The settings, and whether enable.auto.commit was given."""
        try:
            config, notes = consumer_config(written.settings, self.version, default_group=name)
        except SettingError as error:
            raise self._refused(written, place, error) from None
        self.notes += [f"{name}: {note}" for note in notes]
        return config, "enable.auto.commit" in written.settings

    def _refused(self, written: ConfigFile, place: Place, error: SettingError) -> SpecError:
        line = written.lines.get(error.key or "")
        if line is None:
            return SpecError(self.path, self.root.line_of(place), f"{dotted(place)}: {error}")
        return SpecError(written.path, line, f"{dotted(place)}: {error}")

    def _settings(self, place: Place, role: Literal["producer", "consumer"]) -> ConfigFile:
        """Settings at a place of the spec: a mapping, or the name of a file that has them."""
        node = self.root.at(*place)
        if node is None or node.value is None:
            return ConfigFile(self.path, Settings({}), {})
        if isinstance(node.value, str):
            return self._overlaid(self._file(node.value, place, role), place)
        if not isinstance(node.value, dict):
            raise Problem(
                place, f"{dotted(place)}: expected settings or the name of a file, not {show(node.value)}"
            )
        values = {str(key): self._setting((*place, key), child) for key, child in node.children.items()}
        return ConfigFile(self.path, Settings(values), {str(key): n.line for key, n in node.children.items()})

    def _overlaid(self, file: ConfigFile, place: Place) -> ConfigFile:
        """Settings of a file, some of them changed from outside."""
        values, lines = dict(file.settings.values), dict(file.lines)
        for key, node in self.overlay.get(place, {}).items():
            values.pop(key, None)
            lines.pop(key, None)
            if node is not None:
                values[key] = self._setting((*place, key), node)
        return replace(file, settings=replace(file.settings, values=values), lines=lines)

    def _setting(self, place: Place, node: Node) -> str | None:
        """The text of a setting. A list (bootstrap.servers) is what Kafka takes it for: words and commas."""
        if isinstance(node.value, dict):
            raise Problem(place, f"{dotted(place)}: a setting is a single value; write nested keys with dots")
        if node.value is None:
            return None
        return node.text if node.text is not None else ",".join(c.text or "" for c in node.children.values())

    def _file(self, name: str, place: Place, role: Literal["producer", "consumer"]) -> ConfigFile:
        path = self.path.parent / name
        try:
            exists = path.exists()
        except (OSError, ValueError):  # a name too long, or with a NUL in it
            exists = False
        if not exists:
            raise Problem(place, f"{dotted(place)}: there is no file {show(name)}")
        return read_config(path, role)
