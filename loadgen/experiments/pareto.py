"""The Pareto front of trials: those that no other beats in one thing without losing in another. Pure."""

from collections.abc import Mapping, Sequence

# What a front is drawn over, and whether more of it is better.
AXES: dict[str, bool] = {"rate_per_s": True, "p99_us": False, "cpu_us": False, "wire_bytes": False}


def front(points: Sequence[Mapping[str, float]]) -> list[int]:
    """The indices of the points on the front, in the order given; an axis that a point lacks is its worst."""
    return [
        index
        for index, point in enumerate(points)
        if not any(_dominates(other, point) for at, other in enumerate(points) if at != index)
        # of equal points the first stays
        and not any(_signed(other) == _signed(point) for other in points[:index])
    ]


def _signed(point: Mapping[str, float]) -> tuple[float, ...]:
    """Coordinates of which less is better."""
    worst = float("inf")
    return tuple((-point[axis] if more else point[axis]) if axis in point else worst for axis, more in AXES.items())


def _dominates(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    a, b = _signed(one), _signed(other)
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b
