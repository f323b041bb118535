"""Which Kafka: a version, its finalized features, and settings that change what it promises, in one short name.

3.9.1              the release as it comes
4.1.2:tv1          with transaction.version 1 (KIP-890: 2 bumps the epoch with every transaction)
3.9.1:unverified   brokers add partitions to a transaction without asking the coordinator (before KIP-890)
home:tv1           the distribution unpacked in $KAFKA_HOME
docker:apache/kafka:4.1.2
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

TESTED = ("3.9.1", "4.1.2", "4.3.1")
"""Releases that replays have been run on; any other from OLDEST on is tried if it is asked for."""

OLDEST = (3, 7)
"""The first release whose KRaft mode has all that `broker.py` sets."""

TRANSACTION_VERSION = "transaction.version"
HOME, DOCKER, UNVERIFIED = "home", "docker", "unverified"
UNVERIFIED_SETTINGS = {"transaction.partition.verification.enable": "false"}
_TRANSACTION_VERSIONS = ("tv0", "tv1", "tv2")
_RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class NoKafka(Exception):
    """There is no such Kafka to be had here. One line: what is missing, and what to do about it."""


class BadFlavour(NoKafka):
    """The name is none."""


@dataclass(frozen=True)
class Flavour:
    """A Kafka to start.

    version   "4.1.2"; "" where only the distribution or the image can tell
    features  levels to format the storage with, "transaction.version" among them unless `version` is ""
    settings  server properties besides those that every broker here has
    source    "" for the jars of Maven Central, "home", or "docker:<image>"
    """

    version: str
    features: Mapping[str, int] = field(default_factory=dict, hash=False)
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)
    source: str = ""

    def __str__(self) -> str:
        words = [self.source or self.version]
        level = self.features.get(TRANSACTION_VERSION)
        if level is not None and level != default_features(self.version).get(TRANSACTION_VERSION):
            words.append(f"tv{level}")
        if UNVERIFIED_SETTINGS.items() <= self.settings.items():
            words.append(UNVERIFIED)
        return ":".join(words)

    @property
    def transaction_version(self) -> int | None:
        """The level that is asked for; None where it is not known yet."""
        return self.features.get(TRANSACTION_VERSION)

    def of_version(self, version: str) -> Flavour:
        """This flavour, once the distribution or image has told its version. Raises BadFlavour."""
        checked = _checked_version(version)
        features = {**default_features(checked), **self.features}
        _check_features(str(self), checked, features)
        return dataclasses.replace(self, version=checked, features=features)


def default_features(version: str) -> dict[str, int]:
    """What a release finalizes by itself: transaction.version 0 before 4.0 and 2 since."""
    if not version:
        return {}
    return {TRANSACTION_VERSION: 2 if release(version) >= (4, 0) else 0}


def release(version: str) -> tuple[int, int]:
    """The release line of a version, (4, 1)."""
    major, minor, *_ = version.split(".")
    return int(major), int(minor)


def parse(name: str) -> Flavour:
    """The flavour of a name. Raises BadFlavour with the nearest word that is one."""
    source, version, words = _split(name.strip())
    features: dict[str, int] = {}
    settings: dict[str, str] = {}
    for word in words:
        if word in _TRANSACTION_VERSIONS and TRANSACTION_VERSION not in features:
            features[TRANSACTION_VERSION] = int(word[2:])
        elif word == UNVERIFIED and not settings:
            settings |= UNVERIFIED_SETTINGS
        elif word in (*_TRANSACTION_VERSIONS, UNVERIFIED):
            raise BadFlavour(f"{name!r} says {word!r} after it has said as much already")
        else:
            raise BadFlavour(_unknown(name, word, (*_TRANSACTION_VERSIONS, UNVERIFIED)))
    flavour = Flavour("", features, settings, source)
    return flavour.of_version(version) if version else flavour


def _split(name: str) -> tuple[str, str, list[str]]:
    """Source, version and words of a name; the version is "" where the name does not tell."""
    if name.startswith(f"{DOCKER}:"):
        return _split_docker(name)
    first, *words = re.split("[:,]", name)
    if first == HOME:
        return HOME, "", words
    if matching := [v for v in TESTED if v.startswith(f"{first}.")]:
        first = matching[0]
    if not _RELEASE.fullmatch(first):
        raise BadFlavour(_unknown(name, first, (*TESTED, HOME, DOCKER)))
    return "", first, words


def _split_docker(name: str) -> tuple[str, str, list[str]]:
    """An image may have colons of its own, and words may follow it."""
    rest = name.removeprefix(f"{DOCKER}:")
    words: list[str] = []
    while (end := re.search(r"[:,](tv\d+|unverified)$", rest)) is not None:
        words.insert(0, end[1])
        rest = rest[: end.start()]
    if not re.fullmatch(r"[\w.-]+(:\d+)?(/[\w.-]+)*(:[\w.-]+)?", rest):
        raise BadFlavour(f"{name!r}: {rest!r} is no image; say for example docker:apache/kafka:{TESTED[1]}")
    tag = rest.rpartition(":")[2]
    return f"{DOCKER}:{rest}", tag if _RELEASE.fullmatch(tag) else "", words


def _checked_version(version: str) -> str:
    if not _RELEASE.fullmatch(version):
        raise BadFlavour(f"{version!r} is no version of Kafka; tested are {', '.join(TESTED)}")
    if release(version) < OLDEST:
        first = ".".join(map(str, OLDEST))
        raise BadFlavour(f"Kafka {version} is too old, {first} is the first; tested are {', '.join(TESTED)}")
    return version


def _check_features(name: str, version: str, features: Mapping[str, int]) -> None:
    level = features.get(TRANSACTION_VERSION, 0)
    if level and release(version) < (4, 0):
        raise BadFlavour(
            f"Kafka {version} has no transaction.version {level}: it came with 4.0; say {TESTED[1]}:tv{level}"
        )


def _unknown(name: str, word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    where = "" if word == name else f" in {name!r}"
    return f"no Kafka {word!r}{where}; {hint}" if word else f"no Kafka is named {name!r}; {hint}"
