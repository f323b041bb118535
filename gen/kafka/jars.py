"""Kafka itself: a Java that can run it, and the jars of a version.

The jars come from Maven Central through `mvn`, once for each version, and stay in the user's cache. Two processes
that want the same one at the same time get it once. With $KAFKA_HOME the jars are those of the distribution there.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eoscheck.checker.files import cache
from eoscheck.gen.kafka.flavour import HOME, TESTED, Flavour, NoKafka

JAVA = 17
"""The oldest Java that runs every Kafka here."""

MAVEN_SECONDS = 600.0
"""How long a download may take before it counts as hanging."""

PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"

POM = """<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>eoscheck</groupId><artifactId>broker</artifactId><version>0</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version>
      <exclusions>
        <exclusion><groupId>ch.qos.logback</groupId><artifactId>*</artifactId></exclusion>
      </exclusions>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""
"""Kafka logs through slf4j 1.7 and brings no implementation that can be set up by options alone."""


@dataclass(frozen=True)
class Java:
    """A Java that can run Kafka. `version` is all that it says of itself, vendor and build included."""

    path: str
    version: str


@dataclass(frozen=True)
class Jars:
    """The classes of one version.

    classpath  as Java takes it; the same string each time, or shared class archives would not fit
    key        names the version and what it is made of, for what is derived from it
    """

    version: str
    classpath: str
    key: str


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Only one process at a time is in here with this name; it is let go of with the process, too."""
    path = cache() / f"{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        reason = f"{path.parent} cannot be written ({error.strerror})"
        raise NoKafka(f"{reason}; set EOSCHECK_CACHE to a folder that can") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def java() -> Java:
    """The Java of $JAVA_HOME, else of PATH. Raises NoKafka where there is none, or too old a one."""
    home = os.environ.get("JAVA_HOME")
    path = os.path.join(home, "bin", "java") if home else shutil.which("java")
    if path is None:
        raise NoKafka(f"no java in PATH: install Java {JAVA} or later, or set JAVA_HOME")
    if home and not os.access(path, os.X_OK):
        raise NoKafka(f"JAVA_HOME is {home}, where there is no bin/java: set it to a Java {JAVA} or later")
    return _java(path)


@functools.cache
def _java(path: str) -> Java:
    try:
        said = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        raise NoKafka(f"{path} does not run: install Java {JAVA} or later, or set JAVA_HOME") from None
    text = (said.stderr or said.stdout).strip()
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    if said.returncode or not found:
        raise NoKafka(f"{path} is no working Java: install Java {JAVA} or later, or set JAVA_HOME")
    if int(found[1]) < JAVA:
        raise NoKafka(f"{path} is Java {found[1]}: Kafka needs {JAVA}; install it, or set JAVA_HOME to it")
    return Java(path, text)


def jars(flavour: Flavour) -> Jars:
    """The classes of a flavour, downloaded if they have not been yet. Raises NoKafka."""
    return _of_home() if flavour.source == HOME else _of_maven(flavour.version)


def has(version: str) -> bool:
    """Whether the jars of a version are in the cache."""
    return _folder(version).is_dir()


def _of_home() -> Jars:
    home = os.environ.get("KAFKA_HOME")
    if not home:
        raise NoKafka("KAFKA_HOME is not set: set it to an unpacked Kafka, or name a version")
    found = sorted(Path(home).absolute().glob("libs/*.jar"))
    named = (re.fullmatch(r"kafka_[\d.]+-(\d+\.\d+\.\d+).*\.jar", jar.name) for jar in found)
    version = next((n[1] for n in named if n), None)
    if version is None:
        raise NoKafka(
            f"KAFKA_HOME is {home}, where there is no libs/kafka_*.jar: set it to an unpacked Kafka"
        )
    classpath = os.pathsep.join(map(str, found))
    return Jars(version, classpath, f"{version}-{hashlib.sha256(classpath.encode()).hexdigest()[:12]}")


def _of_maven(version: str) -> Jars:
    folder = _folder(version)
    if not folder.is_dir():
        with locked(f"jars/{version}"):
            if not folder.is_dir():
                _download(version, folder)
    classpath = os.pathsep.join(map(str, sorted(folder.resolve().glob("*.jar"))))
    return Jars(version, classpath, version)


def _folder(version: str) -> Path:
    return cache() / "jars" / version


def _download(version: str, folder: Path) -> None:
    """Fill the folder, all at once or not at all."""
    mvn = shutil.which("mvn")
    if mvn is None:
        raise NoKafka(
            f"no mvn in PATH, and Kafka {version} is not in {folder.parent}: "
            "install Maven, or set KAFKA_HOME to an unpacked Kafka and say --kafka home"
        )
    with tempfile.TemporaryDirectory(prefix=f".{version}.", dir=folder.parent) as work:
        (Path(work) / "pom.xml").write_text(POM.format(version=version))
        filled = Path(work) / "jars"
        options = [
            "-q",
            "-B",
            "-f",
            f"{work}/pom.xml",
            "-DincludeScope=runtime",
            f"-DoutputDirectory={filled}",
        ]
        try:
            done = subprocess.run(
                [mvn, *options, PLUGIN], capture_output=True, text=True, timeout=MAVEN_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoKafka(f"mvn could not fetch Kafka {version}: {error}") from None
        if done.returncode or not list(filled.glob("kafka_*.jar")):
            raise NoKafka(_refusal(version, done.stdout + done.stderr))
        os.rename(filled, folder)


def _refusal(version: str, said: str) -> str:
    """Why Maven did not give the jars, and what to do."""
    if f"org.apache.kafka:kafka_2.13:jar:{version}" in said and "Could not find artifact" in said:
        return f"there is no Kafka {version} in Maven's repository; tested are {', '.join(TESTED)}"
    if re.search("Could not transfer|Unknown host|Connect(ion)? (refused|timed out)|offline mode", said):
        return (
            f"Kafka {version} cannot be fetched: Maven reaches no repository; "
            "check the network or ~/.m2/settings.xml, or set KAFKA_HOME and say --kafka home"
        )
    first = next(
        (line for line in said.splitlines() if line.startswith("[ERROR]")), "[ERROR] it does not say why"
    )
    return f"mvn could not fetch Kafka {version}: {first.removeprefix('[ERROR]').strip()}"
