"""Addresses are given as they were asked for, or not at all."""

from __future__ import annotations

import pytest
from eoscheck.checker.native.memory import PAGE, Room


def test_where_there_are_not_as_many_addresses_there_is_no_room() -> None:
    with pytest.raises(MemoryError):
        Room(1 << 60)


def test_where_less_will_do_it_is_said_how_much_there_is() -> None:
    room = Room(1 << 60, least=PAGE)
    assert PAGE <= room.size < 1 << 60 and room.size % PAGE == 0
    with pytest.raises(MemoryError):
        Room(1 << 60, least=1 << 59)
