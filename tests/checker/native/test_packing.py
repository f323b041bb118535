"""Every cell has exactly the bits that its range needs, nowhere overlapping, never straddling two words."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from eoscheck.checker.compiled import Compiled
from eoscheck.checker.native.packing import WORD, Packing, bits, pack
from eoscheck.checker.search import Limits, explore
from eoscheck.checker.symbols import TraceError
from eoscheck.checker.trace import trace
from eoscheck.model.language import Model
from eoscheck.model.loader import load
from eoscheck.model.pipeline import build
from hypothesis import HealthCheck, given, reject, settings
from randommodels import programs, pure, random_model
from tinymodels import everything, two_phase_commit


def check(packing: Packing) -> None:
    seen = [0] * packing.words
    cells = [region for region in packing.regions for _ in range(region.count)]
    for place, region in zip(packing.places, cells, strict=True):
        assert place.width == bits(region) and place.shift + place.width <= WORD
        assert not seen[place.word] & place.mask
        seen[place.word] |= place.mask
    for region, row in packing.rows.items():
        assert [row.place(i) for i in range(region.count)] == list(
            packing.places[region.base :][: region.count]
        )
    assert sum(mask.bit_count() for mask in seen) == packing.used


def round_trip(model: Model) -> None:
    program = trace(model)
    packing = pack(program)
    check(packing)
    found = explore(Compiled(program), Limits(states=400))
    for number in range(found.states):
        state = found.visited.state(number)
        words = packing.pack(state)
        assert packing.unpack(words) == state and all(0 <= word < 1 << WORD for word in words)


@pytest.mark.parametrize("model", [everything(), two_phase_commit()], ids=["everything", "two-phase-commit"])
def test_a_state_comes_back_as_it_was(model: Model) -> None:
    round_trip(model)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs, pure)
def test_states_of_random_models_come_back_as_they_were(chosen: Any, asked: Any) -> None:
    with patch("eoscheck.checker.trace.MOST_PATHS", 200):
        try:
            round_trip(random_model(chosen, asked))
        except TraceError:
            reject()


@pytest.mark.parametrize(
    "path", ["transactions/consume-process-produce.yaml", "protocol/everything-new.yaml"]
)
def test_pipelines_waste_less_than_a_word(path: str) -> None:
    packing = pack(trace(build(load(f"specs/{path}")).model))
    check(packing)
    assert packing.words <= -(-packing.used // WORD)


def test_a_packing_can_be_read() -> None:
    lines = str(pack(trace(everything()))).splitlines()
    assert lines[0].startswith("1 words of 64 bits") and any(
        "everything.log.value[2]" in line for line in lines
    )
