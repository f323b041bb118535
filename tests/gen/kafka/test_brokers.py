"""Real brokers start as asked for, and nothing of them stays, however the process that started them ends."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from eoscheck.gen.kafka import broker, cluster, docker, guard, jars, provider, ready
from eoscheck.gen.kafka.broker import Seat, free_ports, server_properties
from eoscheck.gen.kafka.cluster import Cluster, attach, start
from eoscheck.gen.kafka.flavour import TESTED, BadFlavour, NoKafka, parse
from eoscheck.gen.kafka.prepare import plan
from hypothesis import given
from hypothesis import strategies as st

SEAT = Seat(node=1, client=21, internal=22, advertised=99, controller=23, folder=Path("/nowhere"))


def until(done: Callable[[], bool], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.02)
    return done()


def gone(pid: int) -> bool:
    there = guard.birth(pid)
    return there is None or not guard.alive(pid, there)


# -- names

names = st.builds(
    lambda version, level, rest: ":".join([version, *level, *rest]),
    st.sampled_from([v for v in TESTED if not v.startswith("3.")]),
    st.sampled_from([[], ["tv0"], ["tv1"], ["tv2"]]),
    st.sampled_from([[], ["unverified"]]),
)


@given(names)
def test_a_name_is_read_as_it_is_written(name: str):
    assert parse(str(parse(name))) == parse(name)
    assert parse(name.replace(":", ",")) == parse(name)


@pytest.mark.parametrize(
    ("name", "version", "level"),
    [
        ("3.9.1", "3.9.1", 0),
        ("3.9.1:tv0", "3.9.1", 0),
        ("4.1.2", "4.1.2", 2),
        ("4.3", "4.3.1", 2),
        ("4.1:tv0", "4.1.2", 0),
    ],
)
def test_a_release_has_the_transaction_version_that_it_comes_with(name: str, version: str, level: int):
    flavour = parse(name)
    assert (flavour.version, flavour.transaction_version, dict(flavour.settings)) == (version, level, {})


def test_unverified_is_a_setting():
    assert parse("3.9.1:unverified").settings == {"transaction.partition.verification.enable": "false"}
    assert str(parse("4.1.2:unverified:tv0")) == "4.1.2:tv0:unverified"


def test_an_image_may_have_colons_of_its_own():
    flavour = parse("docker:localhost:5000/apache/kafka:4.1.2:tv1")
    assert (flavour.source, flavour.version) == ("docker:localhost:5000/apache/kafka:4.1.2", "4.1.2")
    assert flavour.transaction_version == 1
    assert parse("docker:kafka").version == ""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("4.1.2:tv3", "did you mean 'tv2'?"),
        ("4.1.2:unverifed", "did you mean 'unverified'?"),
        ("hme", "did you mean 'home'?"),
        ("4.1.1.2", "did you mean '4.1.2'?"),
        ("banana", "known: 3.9.1, 4.1.2, 4.3.1, home, docker"),
        ("", "known: 3.9.1"),
        ("3.9.1:tv1", "Kafka 3.9.1 has no transaction.version 1: it came with 4.0; say 4.1.2:tv1"),
        ("2.8.1", "Kafka 2.8.1 is too old"),
        ("4.1.2:tv1:tv2", "says 'tv2' after it has said as much already"),
        ("docker:", "is no image"),
    ],
)
def test_a_wrong_name_is_one_line(name: str, said: str):
    with pytest.raises(BadFlavour) as error:
        parse(name)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


# -- what is missing

Fake = Callable[[str, str], Path]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """A machine with nothing but the shell and an empty cache; fake(name, script) adds a program to it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}/bin")
    monkeypatch.setenv("EOSCHECK_CACHE", str(tmp_path / "cache"))
    for name in ("JAVA_HOME", "KAFKA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        jars.shutil, "which", lambda name: str(programs / name) if (programs / name).exists() else None
    )

    def fake(name: str, script: str) -> Path:
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
        return programs / name

    return fake


JAVA_17 = """echo 'openjdk version "17.0.15" 2025-04-15' >&2"""


@pytest.mark.parametrize(
    ("java", "mvn", "said"),
    [
        (None, None, "no java in PATH: install Java 17 or later"),
        ("""echo 'openjdk version "11.0.2" 2019-01-15' >&2""", None, "is Java 11: Kafka needs 17"),
        ("""echo 'java version "1.8.0_292"' >&2""", None, "is Java 8: Kafka needs 17"),
        ("exit 1", None, "is no working Java"),
        (JAVA_17, None, "no mvn in PATH, and Kafka 4.1.2 is not in "),
        (JAVA_17, "echo '[ERROR] Unknown host repo.maven.apache.org'; exit 1", "Maven reaches no repository"),
        (
            JAVA_17,
            "echo '[ERROR] Could not find artifact org.apache.kafka:kafka_2.13:jar:4.1.2 in central'; exit 1",
            "there is no Kafka 4.1.2 in Maven's repository",
        ),
        (JAVA_17, "echo '[ERROR] disk full'; exit 1", "mvn could not fetch Kafka 4.1.2: disk full"),
    ],
)
def test_what_is_missing_is_said_in_one_line(fake: Fake, java: str | None, mvn: str | None, said: str):
    for name, script in (("java", java), ("mvn", mvn)):
        if script is not None:
            fake(name, script)
    with pytest.raises(NoKafka) as error:
        provider.choose("4.1.2").start()
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert not jars.has("4.1.2")


def test_homes_where_nothing_lives(fake: Fake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    fake("java", JAVA_17)
    with pytest.raises(NoKafka, match="KAFKA_HOME is not set"):
        provider.choose("home")
    monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
    with pytest.raises(NoKafka, match=r"there is no libs/kafka_\*\.jar"):
        provider.choose(None)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nothing"))
    with pytest.raises(NoKafka, match="where there is no bin/java"):
        provider.choose("4.1.2")


def test_without_anything_the_way_out_is_named(fake: Fake):
    with pytest.raises(NoKafka, match=r"no java in PATH.*or say --bootstrap host:port"):
        provider.choose()
    with pytest.raises(NoKafka, match="say one of them"):
        provider.choose("4.1.2", "localhost:9092")
    with pytest.raises(NoKafka, match=r"testcontainers|no Docker engine answers"):
        provider.choose("docker:apache/kafka:4.1.2")


def test_nobody_answers():
    with pytest.raises(NoKafka, match=r"no Kafka answers at 127\.0\.0\.1:1"):
        attach("127.0.0.1:1")
    with pytest.raises(NoKafka, match="say host:port"):
        attach("localhost")


def test_two_processes_fetch_a_version_once(fake: Fake, tmp_path: Path):
    """The stand-in for Maven is slow and writes down each of its runs."""
    fake(
        "mvn",
        f"""echo run >> {tmp_path}/runs; sleep 0.4
for word; do case $word in -DoutputDirectory=*) to=${{word#*=}};; esac; done
mkdir $to; : > $to/kafka_2.13-4.1.2.jar""",
    )
    code = "from eoscheck.gen.kafka import jars, flavour; print(jars.jars(flavour.parse('4.1.2')).classpath)"
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate(timeout=20)[0] for process in both]
    assert said[0] == said[1] != b""
    assert (tmp_path / "runs").read_text() == "run\n"
    assert sorted(p.name for p in (tmp_path / "cache" / "jars").iterdir()) == ["4.1.2", "4.1.2.lock"]


# -- properties


def test_settings_win_over_the_flavour_and_both_over_ours():
    flavour = parse("4.1.2:unverified")
    ours = server_properties(flavour, SEAT, 1, {})
    assert ours["transaction.partition.verification.enable"] == "false"
    theirs = {"transaction.partition.verification.enable": "true", "num.io.threads": "1"}
    assert server_properties(flavour, SEAT, 1, theirs) == ours | theirs


def test_what_is_advertised_to_brokers_is_not_where_they_listen():
    properties = server_properties(parse("4.1.2"), SEAT, 1, {})
    assert "INTERNAL://127.0.0.1:22" in properties["listeners"]
    assert "INTERNAL://127.0.0.1:99" in properties["advertised.listeners"]
    assert "CONTROLLER" not in properties["advertised.listeners"]


def test_internal_topics_are_replicated_where_there_are_replicas():
    three = server_properties(parse("4.1.2"), SEAT, 3, {})
    assert (three["transaction.state.log.replication.factor"], three["transaction.state.log.min.isr"]) == (
        "3",
        "2",
    )
    assert not [key for key in server_properties(parse("3.9.1"), SEAT, 1, {}) if key.startswith("share.")]


def test_an_image_takes_properties_from_its_environment():
    assert docker.variable("transaction.state.log.min.isr") == "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"
    assert docker.variable("a-b_c") == "KAFKA_A___B__C"


class Container:
    """Stands in for a container, and writes down what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def get_wrapped_container(self) -> Container:
        assert self.done, "not started yet"
        return self

    def start(self) -> None:
        self.done.append("start")

    def kill(self) -> None:
        self.done.append("kill")

    def stop(self) -> None:
        self.done.append("remove")

    def logs(self, tail: int) -> bytes:
        return b"said\n"


def test_a_container_is_killed_and_started_again_and_removed():
    container = Container()
    one = docker.Contained(SEAT, container)
    assert (one.running, one.log_tail()) == (False, "")
    one.start()
    one.restart()
    assert (one.running, one.log_tail()) == (True, "said")
    docker.ContainedCluster([one], parse("docker:apache/kafka:4.1.2")).stop()
    assert container.done == ["start", "kill", "start", "remove"]


# -- brokers


def started(name: str, **options: object) -> Cluster:
    try:
        plan(parse(name))
    except NoKafka as error:
        pytest.skip(str(error))
    return start(parse(name), **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def kafka() -> Iterator[Cluster]:
    with started("4.1.2:tv1") as running:
        yield running


@pytest.mark.kafka
def test_the_features_are_those_that_were_asked_for(kafka: Cluster):
    assert kafka.transaction_version == 1
    assert ready.features("127.0.0.1", kafka.brokers[0].client_port)["transaction.version"] == 1
    assert kafka.bootstrap == f"127.0.0.1:{kafka.brokers[0].client_port}"
    assert kafka.version == "4.1.2"


@pytest.mark.kafka
def test_a_kafka_that_runs_is_attached_to_and_left_alone(kafka: Cluster):
    other = provider.choose(bootstrap=kafka.bootstrap).start()
    assert (other.ours, other.version, other.transaction_version) == (False, "unknown", 1)
    other.wait()
    other.stop()
    with pytest.raises(NoKafka, match="was not started here"):
        other.brokers[0].kill()
    with pytest.raises(NoKafka, match="leave --bootstrap out"):
        provider.choose(bootstrap=kafka.bootstrap).start(advertise=lambda node, port: port)
    assert ready.members("127.0.0.1", kafka.brokers[0].client_port)


@pytest.mark.kafka
def test_a_broker_that_was_killed_comes_back_on_its_ports_with_its_log(kafka: Cluster):
    one = kafka.broker(1)
    before = one.pid
    one.kill()
    assert before is not None
    assert gone(before)
    assert (one.pid, one.running) == (None, False)
    one.restart()
    kafka.wait()
    assert one.pid not in (before, None)
    assert kafka.transaction_version == 1


@pytest.mark.kafka
def test_the_oldest_and_the_newest_start_too_and_leave_nothing():
    for name, level in (("3.9.1", 0), ("4.3.1", 2)):
        asked: list[tuple[int, int]] = []
        with started(
            name, advertise=lambda node, port, asked=asked: asked.append((node, port)) or port
        ) as running:
            pid, folder = running.brokers[0].pid, running.folder
            assert running.transaction_version == level
            assert asked == [(1, running.brokers[0].internal_port)]
        assert pid is not None
        assert folder is not None
        assert gone(pid)
        assert not folder.exists()


@pytest.mark.kafka
def test_three_brokers_do_without_one():
    with started("4.1.2", brokers=3) as running:
        assert [b.node_id for b in running.brokers] == [1, 2, 3]
        running.broker(2).kill()
        running.wait()
        running.broker(2).start()
        running.wait()
        assert len(ready.members("127.0.0.1", running.broker(1).client_port)) == 3


@pytest.mark.kafka
def test_a_lost_port_and_a_broken_archive_only_cost_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        first = [[taken.getsockname()[1], *free_ports(2)] for _ in range(2)]  # the archive costs one start
        monkeypatch.setattr(cluster, "free_ports", lambda count: first.pop() if first else free_ports(count))
        whole = plan(parse("4.1.2")).archive.read_bytes()
        broken = tmp_path / "broken.jsa"
        broken.write_bytes(whole[: len(whole) // 2])
        monkeypatch.setattr(
            cluster, "plan", lambda flavour: dataclasses.replace(plan(flavour), archive=broken)
        )
        with started("4.1.2") as running:
            assert running.transaction_version == 2
        assert not first


@pytest.mark.kafka
def test_a_property_that_kafka_refuses_is_one_line():
    with pytest.raises(NoKafka, match=r"4.1.2 did not start: .*Invalid value x for configuration") as error:
        started("4.1.2", settings={"transaction.max.timeout.ms": "x"})
    assert "\n" not in str(error.value)


WITH_KAFKA = """
import time
from eoscheck.gen.kafka.cluster import start
from eoscheck.gen.kafka.flavour import parse
with start(parse("4.1.2")) as cluster:
    print(cluster.brokers[0].pid, cluster.folder, flush=True)
    time.sleep(60)
"""


@pytest.mark.kafka
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_broker_outlives_its_python(kafka: Cluster, number: int):
    child = subprocess.Popen(
        [sys.executable, "-c", WITH_KAFKA], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert child.stdout is not None
    pid, folder = child.stdout.readline().split()
    assert not gone(int(pid))
    child.send_signal(number)
    child.wait(10)
    assert until(lambda: gone(int(pid)) and not Path(folder).exists())


def test_folders_are_in_memory_only_where_there_is_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(broker, "MEMORY", tmp_path / "nowhere")
    assert broker.root() != tmp_path / "nowhere"
    monkeypatch.setattr(broker, "MEMORY", tmp_path)
    assert broker.root() == tmp_path
    monkeypatch.setattr(broker, "ROOM", 2**80)
    assert broker.root() != tmp_path
