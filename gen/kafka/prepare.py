"""What is made once and kept in the cache: formatted storage, and an archive of loaded classes.

Both save most of the time that a broker takes to start. The storage contains no port, because the voters of the
controller quorum are named in the server properties; so one folder serves every cluster of a version and its features.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eoscheck.checker.files import cache
from eoscheck.gen.kafka.broker import Seat, java_command, properties_text, server_properties
from eoscheck.gen.kafka.flavour import HOME, TRANSACTION_VERSION, Flavour, NoKafka, release
from eoscheck.gen.kafka.jars import Jars, Java, jars, java, locked

FORMAT_SECONDS = 60.0

LOGGING = """log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{HH:mm:ss.SSS} %p %c - %m%n
"""
"""For the log4j 1 of a distribution before 4.0, which says nothing at all without; others say errors by themselves."""


@dataclass(frozen=True)
class Plan:
    """All that a cluster is started from.

    storage  a formatted folder, to be copied
    archive  where the archive of loaded classes is, or is going to be; empty if there can be none
    """

    flavour: Flavour
    java: Java
    jars: Jars
    storage: Path
    archive: Path


def plan(flavour: Flavour) -> Plan:
    """Find Java and the jars, and format the storage if it has not been yet. Raises NoKafka."""
    machine = java()
    classes = jars(flavour)
    if flavour.source == HOME:
        flavour = flavour.of_version(classes.version)
    loading = "\n".join((machine.path, machine.version, classes.classpath))
    runtime = hashlib.sha256(loading.encode()).hexdigest()[:12]
    archive = cache() / "classes" / f"{classes.key}-{runtime}.jsa"
    return Plan(flavour, machine, classes, _storage(flavour, machine, classes), archive)


def _storage(flavour: Flavour, machine: Java, classes: Jars) -> Path:
    levels = "-".join(f"{name}-{level}" for name, level in sorted(flavour.features.items()))
    name = f"formatted/{classes.key}-{levels}"
    folder = cache() / name
    if not folder.is_dir():
        with locked(name):
            if not folder.is_dir():
                _format(flavour, machine, classes, folder)
    return folder


def _format(flavour: Flavour, machine: Java, classes: Jars, folder: Path) -> None:
    """Run Kafka's own tool, and move what it made to `folder`."""
    with tempfile.TemporaryDirectory(prefix=".formatting.", dir=folder.parent) as work:
        seat = Seat(node=1, client=1, internal=2, advertised=2, controller=3, folder=Path(work))
        seat.properties.write_text(properties_text(server_properties(flavour, seat, 1, {})))
        arguments = ["format", "-t", uuid(), "-c", str(seat.properties), *_feature_options(flavour)]
        command = java_command(machine, classes, main="kafka.tools.StorageTool", arguments=arguments)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_SECONDS, cwd=work)
        except subprocess.TimeoutExpired:
            raise NoKafka(f"Kafka {flavour} did not format its storage in {FORMAT_SECONDS:.0f} s") from None
        if done.returncode or not (seat.data / "meta.properties").exists():
            raise NoKafka(
                f"Kafka {flavour} cannot format its storage: {_last_line(done.stdout + done.stderr)}"
            )
        os.rename(seat.data, folder)


def _feature_options(flavour: Flavour) -> list[str]:
    if release(flavour.version) < (4, 0):
        return []  # there is no choice, and the tool refuses to be given one
    return [f"--feature={TRANSACTION_VERSION}={flavour.transaction_version}"]


def uuid() -> str:
    """A new id in Kafka's spelling: 22 characters of base64. Not led by a dash, which its tools take for an option."""
    while (text := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _last_line(said: str) -> str:
    return (said.strip().splitlines() or ["it does not say why"])[-1].strip()


def furnish(storage: Path, seat: Seat, cluster: str, properties: Mapping[str, str]) -> None:
    """Give a broker its folder: storage of its own in the given cluster, and its properties."""
    seat.folder.mkdir(parents=True)
    shutil.copytree(storage, seat.data)
    meta = seat.data / "meta.properties"
    own = {"cluster.id": cluster, "node.id": str(seat.node), "directory.id": uuid()}
    text = meta.read_text("utf-8")
    for key, value in own.items():
        text = re.sub(rf"^{re.escape(key)}=.*$", f"{key}={value}", text, flags=re.M)
    meta.write_text(text, "utf-8")
    seat.properties.write_text(properties_text(properties), "utf-8")
    (seat.folder / "log4j.properties").write_text(LOGGING, "utf-8")
