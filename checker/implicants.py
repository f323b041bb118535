"""Where on a grid something is true, said in few words: as a union of boxes, each a set of values per axis.

The boxes contain every point where it is true and none where it is false; points of which neither is said do not
matter, and make the boxes larger. It is found by growing, not by trying all boxes (Quine-McCluskey), so it is exact but
not always the shortest; the same on every run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import reduce
from itertools import combinations
from operator import or_

Point = tuple[int, ...]
"""On each axis, the number of a value."""

Box = tuple[frozenset[int], ...]
"""On each axis, the numbers of the values that are in it."""


MOST_TRIED = 8
"""With more axes than that it is not the fewest that are sought, but what is left when one after the other goes."""


def inside(point: Point, box: Box) -> bool:
    """Whether a point lies in a box."""
    return all(value in values for value, values in zip(point, box, strict=True))


def deciding(sizes: Sequence[int], true: Collection[Point], false: Collection[Point]) -> tuple[int, ...]:
    """The fewest axes that tell true from false, the first of several such choices.

    >>> deciding([2, 3], [(0, 0), (0, 1)], [(1, 0), (1, 2)])
    (0,)
    """

    def tell(axes: Sequence[int]) -> bool:
        return not _seen(true, axes) & _seen(false, axes)

    left = list(range(len(sizes)))
    if len(sizes) > MOST_TRIED:
        for axis in range(len(sizes)):
            fewer = [other for other in left if other != axis]
            left = fewer if tell(fewer) else left
        return tuple(left)
    choices = (axes for count in range(len(sizes) + 1) for axes in combinations(left, count))
    return next(filter(tell, choices), tuple(left))


def _seen(points: Collection[Point], axes: Sequence[int]) -> set[Point]:
    return {tuple(point[axis] for axis in axes) for point in points}


class _Points:
    """Points as sets of bits, so that those in a box are found without looking at each."""

    def __init__(self, sizes: Sequence[int], points: Collection[Point]) -> None:
        self.all = (1 << len(points)) - 1
        self.at = [[0] * size for size in sizes]
        for number, point in enumerate(points):
            for axis, value in enumerate(point):
                self.at[axis][value] |= 1 << number

    def within(self, box: Box) -> int:
        found = self.all
        for axis, values in enumerate(box):
            if found and len(values) < len(self.at[axis]):
                found &= reduce(or_, (self.at[axis][value] for value in values))
        return found


def cover(sizes: Sequence[int], true: Collection[Point], false: Collection[Point]) -> list[Box]:
    """Boxes that contain all of `true` and none of `false`, the largest first.

    >>> cover([2, 3], [(0, 0), (0, 1)], [(1, 0), (1, 2)])
    [(frozenset({0}), frozenset({0, 1, 2}))]
    """
    seeds = sorted(true)
    yes, no = _Points(sizes, seeds), _Points(sizes, list(false))
    axes = deciding(sizes, true, false)
    orders = [order for k in range(len(axes)) for order in _turned(axes, k)] or [()]
    grown: dict[Box, int] = {}
    for at in seeds:
        for order in orders:
            box = _grown(sizes, at, (axes, order), yes, no)
            grown[box] = yes.within(box)
    return _fewest(grown, yes.all, sizes)


def _turned(axes: tuple[int, ...], by: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    turned = axes[by:] + axes[:by]
    return turned, turned[::-1]


def _grown(
    sizes: Sequence[int], point: Point, way: tuple[Sequence[int], Sequence[int]], yes: _Points, no: _Points
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
            more = len(values) > 1 or yes.within(larger) != yes.within(box)
            if more and not no.within(larger):
                box = larger
    return box


def _fewest(boxes: dict[Box, int], left: int, sizes: Sequence[int]) -> list[Box]:
    """Enough of the boxes to contain all points: each time that which contains most of what is left."""
    chosen: list[Box] = []
    while left:
        best = max(boxes, key=lambda box: ((boxes[box] & left).bit_count(), -_words(box, sizes)))
        chosen.append(best)
        left &= ~boxes[best]
    return chosen


def _words(box: Box, sizes: Sequence[int]) -> int:
    """How many values have to be named to describe a box."""
    return sum(len(values) for values, size in zip(box, sizes, strict=True) if len(values) < size)
