"""What a Kafka release does: the switches of the model that follow from its number.

Each line of the table is a change of protocol or broker that a team gets by upgrading, with the KIP or
issue that brought it; a spec may set any of them by hand (`transaction.partition.verification.enable:
false` is a real broker setting, the others are ways to ask "is it this change that saves us?").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from eoscheck.model.source import Problem, show
from eoscheck.model.spec import Switches

DEFAULT = "3.9"

_SINCE: dict[str, tuple[tuple[int, ...], str, str]] = {
    "epoch_bump_on_timeout": ((0, 11, 0, 2), "epoch.bump.on.timeout", "KAFKA-6119"),
    "client_epoch_bump": ((2, 5), "client.epoch.bump", "KIP-360"),
    "strict_end_txn_epoch": ((2, 6), "strict.end.txn.epoch", "KAFKA-9600"),
    "group_metadata": ((2, 5), "group.metadata", "KIP-447"),
    "verify_produce": ((3, 6), "transaction.partition.verification.enable", "KIP-890"),
    "verify_txn_offsets": ((3, 7), "verify.txn.offsets", "KAFKA-15449"),
    "strict_marker_epoch": ((4, 2), "strict.marker.epoch", "KIP-1228"),
    "concurrent_first": ((4, 0), "concurrent.first", "KAFKA-18660"),
    "memberless_offsets": ((4, 0), "memberless.offsets", "KAFKA-18060"),
}

_MINORS = {0: range(11, 12), 1: range(0, 2), 2: range(0, 9), 3: range(0, 10), 4: range(0, 100)}


def parse_version(text: str) -> tuple[int, ...]:
    """A release that has transactions: parse_version("3.9") == (3, 9); a leading 4 alone is 4.0."""
    at = ("kafka", "version")
    if not re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,3}){0,3}", text):
        raise Problem(at, f'kafka.version: {show(text)} is not a Kafka version; write it as in "{DEFAULT}"')
    version = tuple(int(part) for part in text.split("."))
    version = version if len(version) > 1 else (*version, 0)
    if version < (0, 11):
        raise Problem(at, f"kafka.version: {text} has no transactions; the first release with them is 0.11")
    if version[0] not in _MINORS or version[1] not in _MINORS[version[0]]:
        raise Problem(at, f"kafka.version: there is no Kafka {text}")
    return version


def switches(
    version: tuple[int, ...], given: Mapping[str, bool | None], level: int | None
) -> tuple[Switches, list[str]]:
    """Switches of a release, with those a spec sets by hand, and notes on those ahead of their release."""
    notes = []
    values = {}
    if given.get("verify_produce") is False and given.get("verify_txn_offsets") is None:
        # One broker setting turns both off.
        given = {**given, "verify_txn_offsets": False}
    for name, (since, key, source) in _SINCE.items():
        by_hand = given.get(name)
        values[name] = version >= since if by_hand is None else by_hand
        if by_hand and version < since:
            notes.append(f"{key} is on, though {source} came with Kafka {'.'.join(map(str, since))}")
    return Switches(transaction_version=_transaction_version(version, level), **values), notes


def _transaction_version(version: tuple[int, ...], level: int | None) -> Literal[0, 1, 2]:
    if level is None:
        return 2 if version >= (4, 0) else 0
    if level == 2 and version < (4, 0):
        raise Problem(
            ("kafka", "transaction.version"),
            f"kafka.transaction.version: 2 needs Kafka 4.0, this is {'.'.join(map(str, version))}",
        )
    return 2 if level == 2 else 1 if level == 1 else 0
