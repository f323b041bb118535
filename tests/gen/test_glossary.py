"""`explain` knows every word, and is forgiving about how it is written."""

from __future__ import annotations

from typing import get_args

import pytest
from eoscheck.gen.glossary import KINDS, OFFSETS, UnknownWord, entry_text, find, list_text
from eoscheck.gen.hazards import HAZARDS
from eoscheck.gen.screen import Style
from eoscheck.model.spec import FAULTS, Offsets


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("A13", "A13 db-write-in-loop"),
        ("a13", "A13 db-write-in-loop"),
        ("db-write-in-loop", "A13 db-write-in-loop"),
        ("Crash", "crash"),
        ("in-store", "in-store"),
    ],
)
def test_a_word_is_found(name: str, found: str):
    assert [entry.name for entry in find(name)] == [found]


def test_a_kind_stands_for_all_its_words():
    assert [entry.name for entry in find("faults")] == list(FAULTS)
    assert len(find("hazards")) == 29


def test_an_unknown_word_brings_the_nearest():
    with pytest.raises(UnknownWord, match="did you mean 'crash'"):
        find("crahs")
    with pytest.raises(UnknownWord, match="did you mean 'A9'"):
        find("A99")
    with pytest.raises(UnknownWord, match="lists what can be explained"):
        find("zzzzzz")


def test_every_way_to_commit_offsets_is_explained():
    assert set(OFFSETS) == set(get_args(Offsets))


def test_every_hazard_but_a4_names_its_specs():
    assert list(HAZARDS) == [f"A{n}" for n in range(1, 30)]
    assert [hazard.id for hazard in HAZARDS.values() if not hazard.files] == ["A4"]
    assert HAZARDS["A13"].files[1] == "specs/hazards/a13-db-write-in-loop-fixed.yaml"


def test_every_word_can_be_explained_and_is_listed():
    listed = list_text(Style(width=120))
    for kind in KINDS.values():
        for entry in kind():
            assert entry.name.split()[-1] in listed
            assert len(entry_text(entry.name.split()[0], Style())) > len(entry.name)


def test_the_list_keeps_names_whole_and_says_where_it_cut():
    lines = list_text(Style(width=60)).splitlines()
    line = next(line for line in lines if line.startswith("  no-hanging-transaction  "))
    assert line.endswith("…") and len(line) == 60
