"""Client settings as written, into what the client would do with them.

Kafka's own keys, defaults and validity rules: ProducerConfig.postProcessAndValidateIdempotenceConfigs and
ConsumerConfig of apache/kafka, rd_kafka_conf_finalize of librdkafka. They differ by release (KIP-679 made
producers idempotent by default in 3.0) and by client (librdkafka never disables idempotence in silence,
it refuses). Settings that do not matter to delivery are only told from typing errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from eoscheck.model.clientkeys import (
    CHECKED_KEYS,
    CONSUMER_IRRELEVANT,
    CONSUMER_KEYS,
    LIBRDKAFKA_IRRELEVANT,
    PRODUCER_IRRELEVANT,
    PRODUCER_KEYS,
)
from eoscheck.model.source import nearest, show
from eoscheck.model.spec import ConsumerConfig, ProducerConfig

Dialect = Literal["java", "librdkafka", "spring"]
Version = tuple[int, ...]

_LIBRDKAFKA_KEYS = frozenset({"enable.auto.offset.store"})

MAX_INT = 2**31 - 1
_IN_FLIGHT = "max.in.flight.requests.per.connection"
_TWO_PHASE = "transaction.two.phase.commit.enable"
_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}|#\{[^{}]*\}")
_UNCLOSED = re.compile(r"[$#]\{[^}]*\Z")
_UNBRACED = re.compile(r"\$[A-Za-z_]\w*")


class SettingError(Exception):
    """A setting the client would refuse, or that is no setting at all."""

    def __init__(self, key: str | None, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass
class Settings:
    """The settings of one client as text, by Kafka's keys, and how they were written.

    strict: an unknown key is an error (in a spec); otherwise it is a note (a team's own file may hold keys of
    its own), unless it looks like a typing error of a key that matters.
    """

    values: Mapping[str, str | None]
    dialect: Dialect = "java"
    strict: bool = True
    notes: list[str] = field(default_factory=list)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def text(self, key: str, default: str | None = None) -> str | None:
        if key not in self.values:
            return default
        value = self.values[key]
        if value is None:
            raise SettingError(key, f"{key} has no value")
        return value.strip()

    def required(self, key: str, default: str) -> str:
        return self.text(key, default) or ""

    def boolean(self, key: str, default: bool) -> bool:
        text = self.required(key, str(default)).lower()
        if text not in ("true", "false"):
            raise SettingError(key, f"{key} is {show(self.values[key])}; it must be true or false")
        return text == "true"

    def integer(self, key: str, default: int, least: int = 0) -> int:
        text = self.required(key, str(default))
        # The length first: int() of a very long text is slow, or an error.
        if len(text) > 20 or not re.fullmatch(r"[-+]?[0-9]+", text):
            raise SettingError(key, f"{key} is {show(text)}; it must be a whole number")
        if not least <= int(text) <= MAX_INT:
            raise SettingError(key, f"{key} is {text}; it must be between {least} and {MAX_INT}")
        return int(text)

    def choice(self, key: str, default: str, known: tuple[str, ...]) -> str:
        text = self.required(key, default)
        if text not in known:
            hint = nearest(text, known)
            tail = f"; did you mean '{hint}'?" if hint else ""
            raise SettingError(key, f"{key} is {show(text)}; it must be one of {', '.join(known)}{tail}")
        return text


def producer_config(settings: Settings, version: Version = (3, 9)) -> tuple[ProducerConfig, list[str]]:
    """What a producer of this release would do, and notes on what it would not do as told.

    >>> producer_config(Settings({"acks": "1"}))[1]
    ['the client would disable idempotence because acks=1']
    """
    notes = _check_keys(settings, "producer", version)
    _check_delivery_timeout(settings, version)
    two_phase = _two_phase(settings, version, notes)
    draft = ProducerConfig(
        acks=_acks(settings, version),
        retries=_retries(settings, version),
        max_in_flight=settings.integer(_IN_FLIGHT, 5, least=1),
        transactional_id=_transactional_id(settings, notes),
        transaction_timeout_ms=_transaction_timeout(settings, notes),
        two_phase_commit=two_phase,
    )
    if settings.dialect == "librdkafka":
        return _librdkafka_idempotence(settings, draft), notes
    if version < (3, 0):
        return _old_idempotence(settings, draft), notes
    return _idempotence(settings, draft, version, notes), notes


def consumer_config(
    settings: Settings, version: Version = (3, 9), default_group: str | None = None
) -> tuple[ConsumerConfig, list[str]]:
    """What a consumer would do; `default_group` stands for a group.id that is given elsewhere (in code).

    >>> consumer_config(Settings({}))[0].isolation_level
    'read_uncommitted'
    """
    notes = _check_keys(settings, "consumer", version)
    group = settings.text("group.id", default_group)
    if group == "":
        raise SettingError("group.id", "group.id is empty")
    isolation = "read_committed" if settings.dialect == "librdkafka" else "read_uncommitted"
    config = ConsumerConfig(
        group_id=group,
        isolation_level=cast(
            Literal["read_uncommitted", "read_committed"],
            settings.choice("isolation.level", isolation, ("read_uncommitted", "read_committed")),
        ),
        auto_commit=_auto_commit(settings, group, notes),
        auto_offset_reset=_auto_offset_reset(settings, version, notes),
        require_stable=True,
        group_protocol=_group_protocol(settings, version),
    )
    config = replace(
        config,
        require_stable=settings.boolean("require.stable", _waits_for_pending(settings, config)),
        background_commit=config.auto_commit and _commits_in_background(settings, config, version),
    )
    return config, notes


def _waits_for_pending(settings: Settings, config: ConsumerConfig) -> bool:
    """Does OffsetFetch wait for offsets of open transactions (KIP-447)? librdkafka asks for that only where it reads
    committed records (`rd_kafka_assignment_serve_pending`)."""
    return settings.dialect != "librdkafka" or config.isolation_level == "read_committed"


def _commits_in_background(settings: Settings, config: ConsumerConfig, version: Version) -> bool:
    """Does auto-commit take the position at any moment, past records that poll() has just handed out? librdkafka stores
    an offset as it hands its record out, and a timer commits what is stored; so did the background thread of the new
    consumer of 3.8 and 3.9 (KAFKA-18641)."""
    return settings.dialect == "librdkafka" or (
        config.group_protocol == "consumer" and (3, 8) <= version < (4, 0)
    )


# --- keys


def _check_keys(settings: Settings, kind: Literal["producer", "consumer"], version: Version) -> list[str]:
    """Refuses unknown keys and notes ignored ones."""
    matter = PRODUCER_KEYS if kind == "producer" else CONSUMER_KEYS
    irrelevant = PRODUCER_IRRELEVANT if kind == "producer" else CONSUMER_IRRELEVANT
    if settings.dialect == "librdkafka":
        matter, irrelevant = matter | _LIBRDKAFKA_KEYS, LIBRDKAFKA_IRRELEVANT
    ignored, unknown = [], []
    for key in settings.values:
        if key in irrelevant or key in CHECKED_KEYS & matter:
            ignored.append(key)
        elif key not in matter:
            unknown.append(_unknown(settings, key, kind, matter, irrelevant))
    notes = list(settings.notes)
    if ignored:
        notes.append(f"ignored, since they do not matter to delivery here: {', '.join(ignored)}")
    if unknown:
        notes.append(f"ignored, since a {kind} does not know them: {', '.join(unknown)}")
    return notes


def _unknown(
    settings: Settings, key: str, kind: str, matter: frozenset[str], irrelevant: frozenset[str]
) -> str:
    """The key, if it may be ignored."""
    other = "consumer" if kind == "producer" else "producer"
    others = (
        (CONSUMER_KEYS | CONSUMER_IRRELEVANT) if kind == "producer" else (PRODUCER_KEYS | PRODUCER_IRRELEVANT)
    )
    if key in others:
        if settings.strict:
            raise SettingError(key, f"{key} is a {other} setting, this is a {kind}")
        return key
    if settings.strict:
        hint = nearest(key, matter) or nearest(key, irrelevant)
        tail = f"; did you mean '{hint}'?" if hint else ""
        raise SettingError(key, f"unknown {kind} setting {show(key)}{tail}")
    close = nearest(key, matter - CHECKED_KEYS, cutoff=0.85)
    if close:
        raise SettingError(key, f"unknown {kind} setting {show(key)}; did you mean '{close}'?")
    return key


# --- producer


def _acks(settings: Settings, version: Version) -> Literal["0", "1", "all"]:
    default = "1" if version < (3, 0) and settings.dialect != "librdkafka" else "all"  # KIP-679
    text = settings.choice("acks", default, ("all", "-1", "0", "1"))
    return "all" if text == "-1" else cast(Literal["0", "1", "all"], text)


def _transactional_id(settings: Settings, notes: list[str]) -> str | None:
    """The id, in which `${instance}` is what differs between instances."""
    text = settings.text("transactional.id")
    if text == "":
        raise SettingError("transactional.id", "transactional.id is empty")
    if text is None:
        return None
    others = [m.group() for m in _PLACEHOLDER.finditer(text) if m.group() != "${instance}"]
    rest = _PLACEHOLDER.sub(" ", text)
    bad = _UNCLOSED.findall(rest)
    if settings.strict:
        bad = [*others, *bad, *_UNBRACED.findall(rest)]
    if bad:
        raise SettingError(
            "transactional.id", f"unknown placeholder {show(bad[0])}; did you mean '${{instance}}'?"
        )
    for other in others:
        notes.append(
            f"{other} in transactional.id is taken to differ between instances and to survive restarts"
        )
    return _PLACEHOLDER.sub("${instance}", text)


def _transaction_timeout(settings: Settings, notes: list[str]) -> int:
    key, least = "transaction.timeout.ms", 1000 if settings.dialect == "librdkafka" else 1
    timeout = settings.integer(key, 60_000, least)
    if timeout > 900_000:
        notes.append(
            f"{key}={timeout} is above the broker's default transaction.max.timeout.ms=900000:"
            " initTransactions fails unless the broker allows more"
        )
    return timeout


def _retries(settings: Settings, version: Version) -> bool:
    """Does the client send a batch again? Before 2.1 (KIP-91) only where it is told to, or idempotent."""
    never = version < (2, 1) and settings.dialect != "librdkafka"
    idempotent = settings.text("enable.idempotence") == "true" or "transactional.id" in settings
    return settings.integer("retries", 0 if never and not idempotent else MAX_INT) > 0


def _two_phase(settings: Settings, version: Version, notes: list[str]) -> bool:
    """KIP-939: no timeout of transactions, and so none may be set."""
    if not settings.boolean(_TWO_PHASE, False):
        return False
    if version < (4, 1):
        raise SettingError(_TWO_PHASE, f"{_TWO_PHASE} needs Kafka 4.1 (KIP-939)")
    if "transactional.id" not in settings:
        raise SettingError(_TWO_PHASE, f"{_TWO_PHASE} needs a transactional.id")
    if "transaction.timeout.ms" in settings:
        raise SettingError(
            "transaction.timeout.ms", f"transaction.timeout.ms cannot be set together with {_TWO_PHASE}"
        )
    notes.append(
        f"{_TWO_PHASE} is modelled as KIP-939 plans it; the releases up to 4.4 accept it without effect (KAFKA-19414)"
    )
    return True


def _check_delivery_timeout(settings: Settings, version: Version) -> None:
    """KafkaProducer.configureDeliveryTimeout; without an explicit value the client adapts it."""
    linger = settings.integer("linger.ms", 5 if version >= (4, 0) else 0)
    request = settings.integer("request.timeout.ms", 30_000)
    total = min(linger + request, MAX_INT)
    delivery = settings.integer("delivery.timeout.ms", 120_000)
    if settings.dialect != "librdkafka" and "delivery.timeout.ms" in settings and delivery < total:
        raise SettingError(
            "delivery.timeout.ms",
            f"delivery.timeout.ms={delivery} must be at least linger.ms + request.timeout.ms = {total}",
        )


def _conflicts(draft: ProducerConfig) -> list[tuple[str, str, str]]:
    """What stands against idempotence: key, what it is, what it must be."""
    found = []
    if not draft.retries:
        found.append(("retries", "retries=0", "retries must not be 0"))
    if draft.acks != "all":
        found.append(("acks", f"acks={draft.acks}", "acks must be all"))
    if draft.max_in_flight > 5:
        found.append((_IN_FLIGHT, f"{_IN_FLIGHT}={draft.max_in_flight}", f"{_IN_FLIGHT} must be at most 5"))
    return found


def _idempotence(
    settings: Settings, draft: ProducerConfig, version: Version, notes: list[str]
) -> ProducerConfig:
    """Since 3.0: on by default (KIP-679), and silently off where other settings contradict the default."""
    explicit = "enable.idempotence" in settings
    # KAFKA-13598: the new default had no effect in the two first releases.
    default = version not in ((3, 0, 0), (3, 1, 0)) or draft.transactional_id is not None
    if not default and not explicit:
        notes.append("idempotence is off: in this release the default has no effect (KAFKA-13598)")
    on = settings.boolean("enable.idempotence", default)
    for key, found, must in _conflicts(draft) if on else ():
        if explicit or (key == _IN_FLIGHT and version >= (4, 0)):
            raise SettingError(key, f"{must} when idempotence is enabled, and {found}")
        if draft.transactional_id is not None:
            raise SettingError(
                key, f"transactional.id needs idempotence, which the client would disable because {found}"
            )
        notes.append(f"the client would disable idempotence because {found}")
        on = False
    _refuse_transactions_without(on, draft)
    return replace(draft, idempotence=on)


def _old_idempotence(settings: Settings, draft: ProducerConfig) -> ProducerConfig:
    """Before 3.0: off by default, switched on by transactional.id; acks follows unless it was set."""
    on = settings.boolean("enable.idempotence", draft.transactional_id is not None)
    _refuse_transactions_without(on, draft)
    if not on:
        return replace(draft, idempotence=False)
    for key, found, must in _conflicts(draft):
        if key in settings:
            raise SettingError(key, f"{must} when idempotence is enabled, and {found}")
    return replace(draft, acks="all", idempotence=True)


def _librdkafka_idempotence(settings: Settings, draft: ProducerConfig) -> ProducerConfig:
    """librdkafka: off by default, implied by transactional.id, and every contradiction is refused."""
    on = settings.boolean("enable.idempotence", draft.transactional_id is not None)
    _refuse_transactions_without(on, draft)
    for key, found, must in _conflicts(draft) if on else ():
        if key in settings:
            raise SettingError(key, f"{must} when idempotence is enabled, and {found}")
    in_flight = draft.max_in_flight if _IN_FLIGHT in settings else 5 if on else 1_000_000
    return replace(draft, idempotence=on, max_in_flight=in_flight)


def _refuse_transactions_without(idempotence: bool, draft: ProducerConfig) -> None:
    if draft.transactional_id is not None and not idempotence:
        raise SettingError("enable.idempotence", "transactional.id needs enable.idempotence=true")


# --- consumer


def _auto_commit(settings: Settings, group: str | None, notes: list[str]) -> bool:
    key, explicit = "enable.auto.commit", "enable.auto.commit" in settings
    if settings.dialect == "spring" and not explicit:
        notes.append(f"{key} is off: Spring's listener container disables it unless it is set")
        return False
    on = settings.boolean(key, group is not None)
    if on and group is None:
        raise SettingError(key, f"{key} cannot be true without a group.id")
    if on and not settings.boolean("enable.auto.offset.store", True):
        notes.append("enable.auto.offset.store=false: taken as offsets committed after processing")
        return False
    return on


def _auto_offset_reset(
    settings: Settings, version: Version, notes: list[str]
) -> Literal["earliest", "latest", "none"]:
    key = "auto.offset.reset"
    text = settings.text(key) or ""
    if text.startswith("by_duration:") and version >= (4, 0) and settings.dialect != "librdkafka":  # KIP-1106
        if not re.fullmatch(r"by_duration:P(?=.)([0-9]+D)?(T(?=.)([0-9]+H)?([0-9]+M)?([0-9.]+S)?)?", text):
            raise SettingError(key, f"{key} is {show(text)}; a duration is written as in by_duration:P1DT2H")
        notes.append(f"{key}={text} is taken as earliest: no record of the model is older")
        return "earliest"
    return cast(
        Literal["earliest", "latest", "none"], settings.choice(key, "latest", ("earliest", "latest", "none"))
    )


def _group_protocol(settings: Settings, version: Version) -> Literal["classic", "consumer"]:
    """KIP-848; the broker owns session timeout and assignment under the new protocol."""
    key = "group.protocol"
    protocol = (settings.text(key, "classic") or "").lower()
    if protocol not in ("classic", "consumer"):
        settings.choice(key, "classic", ("classic", "consumer"))
    if protocol == "consumer":
        if version < (3, 7):
            raise SettingError(key, f"{key}=consumer needs Kafka 3.7 (KIP-848)")
        for other in ("session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"):
            if other in settings and version >= (4, 0):
                raise SettingError(other, f"{other} cannot be set when {key}=consumer")
        return "consumer"
    if settings.values.get("group.remote.assignor"):
        raise SettingError("group.remote.assignor", f"group.remote.assignor cannot be set when {key}=classic")
    return "classic"
