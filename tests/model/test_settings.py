"""Client settings: what each client would do with what was written, in each release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eoscheck.model.configfile import parse_properties, read_config
from eoscheck.model.loader import SpecError, loads
from eoscheck.model.settings import Dialect, SettingError, Settings, consumer_config, producer_config
from eoscheck.model.spec import ConsumerConfig, ProducerConfig

IN_FLIGHT = "max.in.flight.requests.per.connection"
TWO_PHASE = "transaction.two.phase.commit.enable"


def produce(
    values: dict[str, str | None], version: tuple[int, ...] = (3, 9), dialect: Dialect = "java"
) -> tuple[ProducerConfig, list[str]]:
    return producer_config(Settings(values, dialect), version)


def consume(
    values: dict[str, str | None], version: tuple[int, ...] = (3, 9), dialect: Dialect = "java"
) -> ConsumerConfig:
    return consumer_config(Settings(values, dialect), version, "group")[0]


def test_defaults_are_kafkas() -> None:
    assert produce({}) == (ProducerConfig(), [])
    assert consume({}) == ConsumerConfig(group_id="group")


def test_defaults_before_3_0() -> None:
    config, notes = produce({}, (2, 8))
    assert (config.acks, config.idempotence, notes) == ("1", False, [])


@pytest.mark.parametrize("version", [(3, 0, 0), (3, 1, 0)])
def test_new_default_had_no_effect_in_the_first_releases(version: tuple[int, ...]) -> None:
    config, notes = produce({}, version)
    assert not config.idempotence
    assert "KAFKA-13598" in notes[0]
    assert produce({"enable.idempotence": "true"}, version)[0].idempotence
    assert produce({"transactional.id": "t"}, version)[0].idempotence
    assert produce({}, (3, 1, 1))[0].idempotence


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"acks": "1"}, "acks=1"),
        ({"acks": "0"}, "acks=0"),
        ({"retries": "0"}, "retries=0"),
        ({IN_FLIGHT: "6"}, f"{IN_FLIGHT}=6"),
    ],
)
def test_contradicting_an_unspoken_default_disables_idempotence(
    values: dict[str, str | None], why: str
) -> None:
    config, notes = produce(values)
    assert not config.idempotence
    assert notes == [f"the client would disable idempotence because {why}"]


@pytest.mark.parametrize(
    ("values", "version", "key", "words"),
    [
        ({"enable.idempotence": "true", "acks": "1"}, (3, 9), "acks", "acks must be all"),
        ({"enable.idempotence": "true", "retries": "0"}, (3, 9), "retries", "retries must not be 0"),
        ({"enable.idempotence": "true", IN_FLIGHT: "6"}, (3, 9), IN_FLIGHT, "at most 5"),
        ({IN_FLIGHT: "6"}, (4, 0), IN_FLIGHT, "at most 5"),
        ({"transactional.id": "t", "acks": "1"}, (3, 9), "acks", "transactional.id needs idempotence"),
        ({"transactional.id": "t", "retries": "0"}, (3, 9), "retries", "transactional.id needs idempotence"),
        (
            {"transactional.id": "t", "enable.idempotence": "false"},
            (3, 9),
            "enable.idempotence",
            "needs enable",
        ),
        (
            {"transactional.id": "t", "enable.idempotence": "false"},
            (2, 8),
            "enable.idempotence",
            "needs enable",
        ),
        ({"transactional.id": "t", "acks": "1"}, (2, 8), "acks", "acks must be all"),
        ({"transactional.id": ""}, (3, 9), "transactional.id", "is empty"),
        ({"transactional.id": "t-${host}"}, (3, 9), "transactional.id", "did you mean '${instance}'?"),
        ({"transactional.id": "t-${instance"}, (3, 9), "transactional.id", "did you mean '${instance}'?"),
        ({"transactional.id": "t-$instance"}, (3, 9), "transactional.id", "unknown placeholder '$instance'"),
        ({"transactional.id": "${instance}-$host"}, (3, 9), "transactional.id", "placeholder '$host'"),
        ({"acks": "2"}, (3, 9), "acks", "one of all, -1, 0, 1"),
        ({"acks": "ALL"}, (3, 9), "acks", "did you mean 'all'?"),
        ({"acks": None}, (3, 9), "acks", "has no value"),
        ({"retries": "-1"}, (3, 9), "retries", "between 0 and"),
        ({"retries": "many"}, (3, 9), "retries", "whole number"),
        ({"retries": "9" * 9999}, (3, 9), "retries", "whole number"),
        ({IN_FLIGHT: "0"}, (3, 9), IN_FLIGHT, "between 1 and"),
        ({"enable.idempotence": "yes"}, (3, 9), "enable.idempotence", "true or false"),
        ({"transaction.timeout.ms": "0"}, (3, 9), "transaction.timeout.ms", "between 1 and"),
        ({"delivery.timeout.ms": "20000"}, (3, 9), "delivery.timeout.ms", "at least linger.ms + request"),
        ({TWO_PHASE: "true", "transactional.id": "t"}, (4, 0), TWO_PHASE, "needs Kafka 4.1"),
        ({TWO_PHASE: "true"}, (4, 1), TWO_PHASE, "needs a transactional.id"),
        (
            {TWO_PHASE: "true", "transactional.id": "t", "transaction.timeout.ms": "5"},
            (4, 1),
            "transaction.timeout.ms",
            "cannot be set together",
        ),
        ({"ack": "all"}, (3, 9), "ack", "did you mean 'acks'?"),
        ({"linger": "5"}, (3, 9), "linger", "did you mean 'linger.ms'?"),
        ({"group.id": "g"}, (3, 9), "group.id", "is a consumer setting"),
        ({"batch.sizes": "5"}, (3, 9), "batch.sizes", "did you mean 'batch.size'?"),
    ],
)
def test_what_the_producer_would_refuse(
    values: dict[str, str | None], version: tuple[int, ...], key: str, words: str
) -> None:
    with pytest.raises(SettingError) as caught:
        produce(values, version)
    assert caught.value.key == key
    assert words in str(caught.value)


def test_transactional_id_switches_idempotence_on_before_3_0() -> None:
    config, _ = produce({"transactional.id": "t"}, (2, 5))
    assert (config.idempotence, config.acks) == (True, "all")


def test_explicit_idempotence_off_leaves_the_rest_alone() -> None:
    config, notes = produce({"enable.idempotence": "FALSE", "acks": "1", IN_FLIGHT: " 50 "})
    assert (config.idempotence, config.acks, config.max_in_flight, notes) == (False, "1", 50, [])


def test_two_phase_commit_is_taken_from_4_1() -> None:
    assert produce({TWO_PHASE: "true", "transactional.id": "t"}, (4, 1))[0].two_phase_commit


def test_minus_one_is_all_and_no_retries_is_no_retries() -> None:
    config, _ = produce({"acks": "-1", "retries": "0", "enable.idempotence": "false"})
    assert (config.acks, config.retries) == ("all", False)


def test_timeout_beyond_the_brokers_limit_is_a_note() -> None:
    assert "transaction.max.timeout.ms" in produce({"transaction.timeout.ms": "900001"})[1][0]


def test_settings_that_do_not_matter_are_one_note() -> None:
    values: dict[str, str | None] = {"linger.ms": "5", "sasl.jaas.config": "secret", "acks": "all"}
    assert produce(values)[1] == [
        "ignored, since they do not matter to delivery here: linger.ms, sasl.jaas.config",
    ]


@pytest.mark.parametrize(
    ("values", "version", "words"),
    [
        ({"isolation.level": "committed"}, (3, 9), "did you mean 'read_committed'?"),
        ({"isolation.level": "READ_COMMITTED"}, (3, 9), "did you mean 'read_committed'?"),
        ({"auto.offset.reset": "smallest"}, (3, 9), "one of earliest, latest, none"),
        ({"auto.offset.reset": "by_duration:P1D"}, (3, 9), "one of earliest, latest, none"),
        ({"auto.offset.reset": "by_duration:1d"}, (4, 0), "a duration is written as"),
        ({"enable.auto.commit": "on"}, (3, 9), "true or false"),
        ({"group.id": ""}, (3, 9), "is empty"),
        ({"group.protocol": "classical"}, (3, 9), "did you mean 'classic'?"),
        ({"group.protocol": "consumer"}, (3, 6), "needs Kafka 3.7"),
        ({"group.protocol": "consumer", "session.timeout.ms": "9"}, (4, 0), "cannot be set when"),
        ({"group.remote.assignor": "uniform"}, (3, 9), "group.protocol=classic"),
        ({"acks": "1"}, (3, 9), "is a producer setting"),
        ({"isolation.levl": "x"}, (3, 9), "did you mean 'isolation.level'?"),
        ({"enable.auto.offset.store": "false"}, (3, 9), "unknown consumer setting"),
    ],
)
def test_what_the_consumer_would_refuse(
    values: dict[str, str | None], version: tuple[int, ...], words: str
) -> None:
    with pytest.raises(SettingError) as caught:
        consume(values, version)
    assert words in str(caught.value)


def test_auto_commit_needs_a_group() -> None:
    assert not consumer_config(Settings({}))[0].auto_commit
    with pytest.raises(SettingError, match=r"without a group\.id"):
        consumer_config(Settings({"enable.auto.commit": "true"}))


def test_reset_by_duration_is_earliest_from_4_0() -> None:
    assert consume({"auto.offset.reset": "by_duration:P1DT2H"}, (4, 0)).auto_offset_reset == "earliest"


def test_new_group_protocol_is_written_in_any_case() -> None:
    assert consume({"group.protocol": "CONSUMER"}, (3, 9)).group_protocol == "consumer"


def test_require_stable_is_a_key_of_ours() -> None:
    assert not consume({"require.stable": "false"}).require_stable


# --- librdkafka


def test_librdkafka_has_defaults_of_its_own() -> None:
    config, _ = produce({}, dialect="librdkafka")
    assert (config.acks, config.idempotence, config.max_in_flight) == ("all", False, 1_000_000)
    assert consume({}, dialect="librdkafka").isolation_level == "read_committed"


def test_librdkafka_transactional_id_implies_idempotence() -> None:
    config, _ = produce({"transactional.id": "t"}, dialect="librdkafka")
    assert (config.idempotence, config.max_in_flight) == (True, 5)


@pytest.mark.parametrize(
    "values",
    [
        {"enable.idempotence": "true", "acks": "1"},
        {"transactional.id": "t", "retries": "0"},
        {"transactional.id": "t", "enable.idempotence": "false"},
        {"enable.idempotence": "true", IN_FLIGHT: "6"},
        {"transaction.timeout.ms": "999"},
    ],
)
def test_librdkafka_refuses_what_java_would_disable(values: dict[str, str | None]) -> None:
    with pytest.raises(SettingError):
        produce(values, dialect="librdkafka")


def test_librdkafka_stored_offsets_are_committed_after_processing() -> None:
    assert not consume({"enable.auto.offset.store": "false"}, dialect="librdkafka").auto_commit


# --- files


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_properties_are_read_as_java_reads_them() -> None:
    text = (
        "# c\n! d\n\nacks=all\nretries : 3\nbatch.size 5\nempty\n"
        "a\\:b = \\u0041\\tx\nlong = one,\\\n   two\n  path=c\\\\d\nlast=1\\"
    )
    assert parse_properties(text) == {
        "acks": ("all", 4),
        "retries": ("3", 5),
        "batch.size": ("5", 6),
        "empty": ("", 7),
        "a:b": ("A\tx", 8),
        "long": ("one,two", 9),
        "path": ("c\\d", 11),
        "last": ("1", 12),
    }


def test_properties_file_tolerates_keys_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "p.properties", "acks=1\nmy.company.key=é\ngroup.id=g\nlinger.ms=1\n")
    config, notes = producer_config(read_config(path, "producer").settings)
    assert config.acks == "1"
    assert "ignored, since a producer does not know them: my.company.key, group.id" in notes


def test_properties_file_in_latin_1_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.properties"
    path.write_bytes("client.id=\xe9\nacks=0".encode("latin-1"))
    assert read_config(path, "producer").settings.values["acks"] == "0"


def test_typing_error_in_a_file_is_refused_with_its_line(tmp_path: Path) -> None:
    write(tmp_path / "p.properties", "# mine\n\nenable.idempotance=true\n")
    text = "topics: {a: {records: 1}}\nproducers: {p: {to: a, config: p.properties}}\n"
    with pytest.raises(SpecError) as caught:
        loads(text, tmp_path / "spec.yaml")
    assert str(caught.value).startswith(f"{tmp_path}/p.properties:3: producers.p.config: ")
    assert "did you mean 'enable.idempotence'?" in str(caught.value)


def test_librdkafka_json_with_aliases(tmp_path: Path) -> None:
    values = {
        "metadata.broker.list": "b:9092",
        "message.send.max.retries": 0,
        "max.in.flight": 7,
        "default.topic.config": {"request.required.acks": 1},
        "auto.offset.reset": "smallest",
    }
    path = write(tmp_path / "c.json", json.dumps(values, indent=1))
    file = read_config(path, "producer")
    config, _ = producer_config(file.settings)
    assert (config.acks, config.retries, config.max_in_flight) == ("1", False, 7)
    assert (file.lines["retries"], file.lines["acks"]) == (3, 6)
    consumer, _ = consumer_config(read_config(path, "consumer").settings, default_group="g")
    assert (consumer.auto_offset_reset, consumer.isolation_level) == ("earliest", "read_committed")


@pytest.mark.parametrize(
    ("name", "text", "line", "words"),
    [
        ("c.json", '{"a": 1,\n "b" 2}', 2, "not JSON"),
        ("c.json", "[1]", 1, "expected an object"),
        ("c.json", '{"acks": 1,\n"acks": 0}', 2, "given twice"),
        ("c.json", '{"acks": 1,\n"request.required.acks": 0}', 2, "given twice"),
        ("c.json", "[" * 200_000, 1, "nested too deeply"),
        ("c.json", '{"retries": NaN}', 1, "NaN"),
        ("c.json", '{"retries": ' + "9" * 5000 + "}", 1, "not JSON"),
        ("c.json", '{\n"retries": 1.5}', 2, "whole number"),
        ("c.json", '{\n"acks": {"x": 1}}', 2, "must be one of"),
        ("c.conf", "acks=1", 1, "cannot tell what kind of file"),
        ("a.yml", "server: {port: 1}", 1, "no spring.kafka"),
        ("a.yml", "spring: [", 1, "not YAML"),
        ("a.yml", "a: &x 1\nb: *x\n", 1, "anchors"),
        ("a.yml", "spring.kafka.producer:\n  ack: 1\n", 2, "did you mean 'acks'?"),
        ("a.yml", "spring.kafka.producer:\n  transaction-id-prefx: 1\n", 2, "'transaction-id-prefix'?"),
        ("a.yml", "spring.kafka.producer:\n  acks: ${ACKS}\n", 2, "not known here"),
        ("a.properties", "acks=all\ntransactional.id=t-${instance\n", 2, "did you mean '${instance}'?"),
        ("p.properties", "\nretries=x\n", 2, "whole number"),
        ("p.properties", "\ntransactional.id=\n", 2, "is empty"),
    ],
)
def test_bad_file_is_one_line_of_that_file(
    tmp_path: Path, name: str, text: str, line: int, words: str
) -> None:
    write(tmp_path / name, text)
    spec = f"topics: {{a: {{records: 1}}}}\nproducers: {{p: {{to: a, config: {name}}}}}\n"
    with pytest.raises(SpecError) as caught:
        loads(spec, tmp_path / "spec.yaml")
    assert str(caught.value).startswith(f"{tmp_path / name}:{line}: ")
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


APPLICATION = """\
spring:
  kafka:
    bootstrap-servers: [a:1, b:2]
    properties:
      isolation.level: read_committed
    producer:
      acks: "-1"
      transaction-id-prefix: pay-${HOSTNAME}-
      properties:
        enable.idempotence: true
        transaction:
          timeout.ms: 5000
    consumer:
      groupId: billing
      auto-offset-reset: earliest
      max-poll-records: 1
      properties[require.stable]: ${STABLE:false}
---
spring:
  config.activate.on-profile: test
  kafka.producer.acks: 0
"""


def test_spring_application_is_bound_as_spring_binds_it(tmp_path: Path) -> None:
    path = write(tmp_path / "application.yml", APPLICATION)
    config, notes = producer_config(read_config(path, "producer").settings)
    assert config == ProducerConfig(transactional_id="pay-${instance}-0", transaction_timeout_ms=5000)
    assert any("part for profile test" in note for note in notes)
    assert any("${HOSTNAME} in transactional.id is taken to differ" in note for note in notes)
    consumer, notes = consumer_config(read_config(path, "consumer").settings)
    assert consumer == ConsumerConfig("billing", "read_committed", False, "earliest", False)
    assert any("listener container" in note for note in notes)


def test_spring_keys_in_any_of_springs_spellings(tmp_path: Path) -> None:
    text = "spring.kafka:\n  consumer:\n    isolationLevel: READ_COMMITTED\n    enable_auto_commit: on\n"
    consumer, _ = consumer_config(
        read_config(write(tmp_path / "a.yaml", text), "consumer").settings, default_group="g"
    )
    assert (consumer.isolation_level, consumer.auto_commit) == ("read_committed", True)


def test_spring_application_properties(tmp_path: Path) -> None:
    text = "spring.kafka.producer.acks=1\nspring.kafka.producer.properties.retries=0\n"
    path = write(tmp_path / "application.properties", text)
    config, _ = producer_config(read_config(path, "producer").settings)
    assert (config.acks, config.retries, config.idempotence) == ("1", False, False)


def test_config_file_is_found_beside_the_spec(tmp_path: Path) -> None:
    write(tmp_path / "app.properties", "transactional.id=t-${instance}\nisolation.level=read_committed\n")
    text = (
        "topics: {a: {records: 1}, b: }\n"
        "processors: {p: {from: a, to: b, producer: app.properties, consumer: ./app.properties}}\n"
        "readers: {r: {topics: b, config: app.properties}}\n"
    )
    (tmp_path / "specs").mkdir()
    spec = loads(text.replace("app.properties", "../app.properties"), tmp_path / "specs" / "spec.yaml")
    assert spec.processors[0].offsets == "in-transaction"
    assert spec.readers[0].isolation_level == "read_committed"


@pytest.mark.parametrize("name", ["x.properties", "x.json", "x.yml"])
def test_directory_or_large_config_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(SpecError, match="is a directory"):
        read_config(tmp_path / name, "producer")
    (tmp_path / f"big{name}").write_bytes(b" " * 1_000_001)
    with pytest.raises(SpecError, match="is too large"):
        read_config(tmp_path / f"big{name}", "producer")


def test_before_2_1_a_batch_is_sent_once_unless_the_producer_is_idempotent() -> None:
    old = (2, 0)
    assert not produce({}, old)[0].retries and produce({"retries": "1"}, old)[0].retries
    assert (
        produce({"enable.idempotence": "true"}, old)[0].retries
        and produce({"transactional.id": "t"}, old)[0].retries
    )
    assert produce({}, (2, 1))[0].retries and produce({}, old, "librdkafka")[0].retries


def test_librdkafka_commits_at_any_moment_and_waits_only_for_what_it_would_read() -> None:
    assert consume({}, dialect="librdkafka").background_commit and not consume({}).background_commit
    assert not consume({"enable.auto.offset.store": "false"}, dialect="librdkafka").background_commit
    assert consume({}, dialect="librdkafka").require_stable
    uncommitted: dict[str, str | None] = {"isolation.level": "read_uncommitted"}
    assert (
        not consume(uncommitted, dialect="librdkafka").require_stable and consume(uncommitted).require_stable
    )


def test_two_phase_commit_is_said_to_be_in_no_release() -> None:
    _, notes = produce({TWO_PHASE: "true", "transactional.id": "t"}, (4, 2))
    assert any("KAFKA-19414" in note for note in notes)
