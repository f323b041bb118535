"""Lemmas can be read, by people and by the checker."""

from __future__ import annotations

import enum

import pytest
from eoscheck.checker.solver.lemmas import BadLemma, Language, Lemma, values
from eoscheck.model.domains import Region, scalar
from hypothesis import given
from hypothesis import strategies as st


class Mood(enum.Enum):
    CALM = 0
    BUSY = 1
    LOST = 2


REGIONS = (
    Region("a.n", 0, 1, scalar(range(2, 7)), 2, None),
    Region("a.on", 1, 1, scalar(bool), 0, None),
    Region("b:wire.mood", 2, 1, scalar(Mood), 0, None),
    Region("b.row", 3, 2, scalar(range(4)), 0, None),
)
LANGUAGE = Language(REGIONS)
DOMAINS = [values(region.domain) for region in REGIONS for _ in range(region.count)]


@st.composite
def lemmas(draw: st.DrawFn) -> Lemma:
    cells = draw(st.lists(st.integers(0, len(DOMAINS) - 1), unique=True, max_size=4).map(sorted))
    allowed = []
    for cell in cells:
        some = draw(st.integers(1, (1 << DOMAINS[cell].bit_length()) - 1)) & DOMAINS[cell]
        if some and some != DOMAINS[cell]:
            allowed.append((cell, some))
    return Lemma(tuple(allowed))


@given(lemmas())
def test_what_is_written_is_read(lemma: Lemma) -> None:
    assert LANGUAGE.lemma(LANGUAGE.text(lemma)) == lemma


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("a.n < 4", ((0, 0b1100),)),
        ("a.n >= 4", ((0, 0b1110000),)),
        ("a.n != 3 or not a.on", ((0, 0b1110100), (1, 1))),
        ("b:wire.mood in {CALM, LOST} or a.on", ((1, 2), (2, 0b101))),
        ("b.row[1] == 3", ((4, 8),)),
        ("false", ()),
    ],
)
def test_as_a_person_writes_it(text: str, allowed: tuple[tuple[int, int], ...]) -> None:
    assert LANGUAGE.lemma(text).allowed == allowed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a.m < 4", "there is no variable 'a.m'; did you mean 'a.n'?"),
        ("a.n", "'a.n' is no truth value"),
        ("b:wire.mood == SLOW", "'SLOW' is no value of Mood"),
        ("a.n < 99999999999", "'99999999999' is no value of 2..6"),
        ("", "there is no variable ''"),
    ],
)
def test_what_is_no_lemma(text: str, says: str) -> None:
    with pytest.raises(BadLemma) as error:
        LANGUAGE.lemma(text)
    assert str(error.value).startswith(says)
