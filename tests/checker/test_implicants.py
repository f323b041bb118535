"""A union of boxes says exactly where something is true."""

from __future__ import annotations

from itertools import product

from eoscheck.checker.implicants import Point, cover, deciding, inside
from hypothesis import given, settings
from hypothesis import strategies as st

SIZES = st.lists(st.integers(1, 3), min_size=1, max_size=4)


@st.composite
def grids(draw: st.DrawFn) -> tuple[list[int], list[Point], list[Point]]:
    """Axes, the points where it is true, those where it is false; of the others nothing is said."""
    sizes = draw(SIZES)
    points = list(product(*map(range, sizes)))
    words = draw(st.lists(st.sampled_from("+-?"), min_size=len(points), max_size=len(points)))
    return (
        sizes,
        [p for p, w in zip(points, words, strict=True) if w == "+"],
        [p for p, w in zip(points, words, strict=True) if w == "-"],
    )


@settings(deadline=None)
@given(grids())
def test_every_true_point_is_in_a_box_and_no_false_one(
    grid: tuple[list[int], list[Point], list[Point]],
) -> None:
    sizes, true, false = grid
    boxes = cover(sizes, true, false)
    assert all(any(inside(p, box) for box in boxes) for p in true)
    assert not any(inside(p, box) for p in false for box in boxes)


@settings(deadline=None)
@given(grids())
def test_no_box_is_superfluous_and_none_could_be_larger(
    grid: tuple[list[int], list[Point], list[Point]],
) -> None:
    sizes, true, false = grid
    for box in cover(sizes, true, false):
        assert any(inside(p, box) for p in true)
        for axis in range(len(sizes)):
            whole = (*box[:axis], frozenset(range(sizes[axis])), *box[axis + 1 :])
            assert whole == box or any(inside(p, whole) for p in false)


@settings(deadline=None)
@given(grids())
def test_the_deciding_axes_decide_and_with_fewer_nothing_would(
    grid: tuple[list[int], list[Point], list[Point]],
) -> None:
    sizes, true, false = grid
    axes = deciding(sizes, true, false)

    def decide(axes: tuple[int, ...]) -> bool:
        return not any(all(p[a] == q[a] for a in axes) for p in true for q in false)

    assert decide(axes)
    assert not any(decide(tuple(a for a in axes if a != left)) for left in axes)


@settings(deadline=None)
@given(grids())
def test_boxes_speak_of_the_deciding_axes_only(grid: tuple[list[int], list[Point], list[Point]]) -> None:
    sizes, true, false = grid
    axes = deciding(sizes, true, false)
    for box in cover(sizes, true, false):
        assert all(len(box[a]) == sizes[a] for a in range(len(sizes)) if a not in axes)


def test_one_box_is_found_where_there_is_one() -> None:
    sizes = [3, 2, 2]
    points = list(product(*map(range, sizes)))
    true = [p for p in points if p[0] != 1 and p[2] == 0]
    assert cover(sizes, true, [p for p in points if p not in true]) == [
        (frozenset({0, 2}), frozenset({0, 1}), frozenset({0}))
    ]


def test_nowhere_is_no_box_and_everywhere_the_whole_grid() -> None:
    assert cover([2], [], [(0,), (1,)]) == []
    assert cover([2], [(0,), (1,)], []) == [(frozenset({0, 1}),)]
