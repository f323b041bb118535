"""Where on a grid something is true, said in few words: as a union of boxes, each a set of values per axis.

The boxes contain every point where it is true and none where it is false; points of which neither is said do not
matter, and make the boxes larger. It is found by growing, not by trying all boxes (Quine-McCluskey), so it is exact but
not always the shortest; the same on every run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations

Point = tuple[int, ...]
"""On each axis, the number of a value."""

Box = tuple[frozenset[int], ...]
"""On each axis, the numbers of the values that are in it."""


def inside(point: Point, box: Box) -> bool:
    """Whether a point lies in a box."""
    return all(value in values for value, values in zip(point, box, strict=True))


def deciding(sizes: Sequence[int], true: Collection[Point], false: Collection[Point]) -> tuple[int, ...]:
    """The fewest axes that tell true from false, the first of several such choices.

    >>> deciding([2, 3], [(0, 0), (0, 1)], [(1, 0), (1, 2)])
    (0,)
    """
    every = range(len(sizes))
    choices = (axes for count in range(len(sizes) + 1) for axes in combinations(every, count))
    return next((axes for axes in choices if not _seen(true, axes) & _seen(false, axes)), tuple(every))


def _seen(points: Collection[Point], axes: Sequence[int]) -> set[Point]:
    return {tuple(point[axis] for axis in axes) for point in points}


def cover(sizes: Sequence[int], true: Collection[Point], false: Collection[Point]) -> list[Box]:
    """Boxes that contain all of `true` and none of `false`, the largest first.

    >>> cover([2, 3], [(0, 0), (0, 1)], [(1, 0), (1, 2)])
    [(frozenset({0}), frozenset({0, 1, 2}))]
    """
    axes = deciding(sizes, true, false)
    orders = [order for k in range(len(axes)) for order in _turned(axes, k)] or [()]
    grown = {_grown(sizes, at, (axes, order), true, false): None for at in sorted(true) for order in orders}
    return _fewest(list(grown), set(true), sizes)


def _turned(axes: tuple[int, ...], by: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    turned = axes[by:] + axes[:by]
    return turned, turned[::-1]


def _grown(
    sizes: Sequence[int],
    point: Point,
    way: tuple[Sequence[int], Sequence[int]],
    true: Collection[Point],
    false: Collection[Point],
) -> Box:
    """A box around a point that can grow no more.

    way   the axes that it is bounded on, and the order in which it grows along them: to all values, or else to each
          value that brings more points
    """
    axes, order = way
    box = tuple(frozenset({v} if axis in axes else range(sizes[axis])) for axis, v in enumerate(point))
    for axis in order:
        for values in (range(sizes[axis]), *((value,) for value in range(sizes[axis]))):
            larger = (*box[:axis], box[axis] | frozenset(values), *box[axis + 1 :])
            more = len(values) > 1 or sum(inside(p, larger) for p in true) > sum(inside(p, box) for p in true)
            if more and not any(inside(p, larger) for p in false):
                box = larger
    return box


def _fewest(boxes: list[Box], left: set[Point], sizes: Sequence[int]) -> list[Box]:
    """Enough of the boxes to contain all points: each time that which contains most of what is left."""
    chosen: list[Box] = []
    while left:
        best = max(boxes, key=lambda box: (sum(inside(p, box) for p in left), -_words(box, sizes)))
        chosen.append(best)
        left = {p for p in left if not inside(p, best)}
    return chosen


def _words(box: Box, sizes: Sequence[int]) -> int:
    """How many values have to be named to describe a box."""
    return sum(len(values) for values, size in zip(box, sizes, strict=True) if len(values) < size)
