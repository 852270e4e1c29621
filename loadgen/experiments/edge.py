"""Where the edge is: at which rate a margin crosses 0, from noisy runs at several rates. Pure.

A run's margin is ln(measured ÷ bound) of its worst rule: below 0 the SLO was met. Two ways to the edge, both used:

One rate at a time: a rate is below or above the edge once the mean of its margins differs from 0 by more than its error,
the spread pooled over the rates near the edge that were run more than once; else it is undecided, and may be run again. Neighbours
speak for it on the side that a latency which does not fall with the rate allows.

All rates near it: in a queue the reciprocal of a waiting time falls in a straight line with the rate, so 1 − bound ÷
measured, which is the margin where that is small, is fitted by a line; Fieller's theorem (1954) gives the interval of
where it crosses 0. Only runs at rates near it enter, so that another law is also nearly straight there.

Assumed: margins at one rate are independent between runs and roughly normal.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from loadgen.judge.student import student_quantile

Side = Literal["below", "above", "undecided"]

ERROR = 0.01  # of calling one rate wrongly by its own runs; of the fitted interval on each side
GUESSED_SPREAD = 0.15  # of ln(p99) between runs of one rate; what a first run far from the edge is weighed by
FAR = 1.5  # of a rate's mean margin: from there on runs are quieter than at the edge, and say nothing of its spread
GUESS_RUNS = 6  # how many runs' worth the guess is, for a rate by itself
FIT_GUESS_RUNS = 2  # the same for the line
NEAR = 0.15  # runs within this share of the edge's rate enter the line
LEAST_VALUE = -4.0  # of 1 − bound ÷ measured: a fifth of the bound is as far below as a line needs to know
REWEIGHTINGS = 3
LEAST_FIT = 4
SLOPE_MARGIN, LEAST_SLOPE = 0.5, 3
# No law is a straight line, and p99 of a short run lies a little below that of a long one: in simulated queues with an
# edge at 77 to 94 % of their capacity the fit alone came out up to 0.5 % too high. Both bounds move outwards by this.
BENT = 0.008


class Run(msgspec.Struct, frozen=True):
    """One run: the rate, its margin, the seconds it was measured for."""

    rate_per_s: float
    margin: float
    length_s: float = 0.0


class Edge(msgspec.Struct, frozen=True):
    """The fitted edge with its interval, rates a second."""

    rate_per_s: float
    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high / self.low - 1


def by_rate(runs: Sequence[Run]) -> dict[float, list[float]]:
    """Margins by rate."""
    found: dict[float, list[float]] = {}
    for run in runs:
        found.setdefault(run.rate_per_s, []).append(run.margin)
    return found


def pooled_spread(margins: Mapping[float, Sequence[float]]) -> tuple[float, int]:
    """The standard deviation of margins at one rate near the edge, and its degrees of freedom.

    Args:
        margins: by rate, of all runs so far.
    """
    squares, degrees = GUESS_RUNS * GUESSED_SPREAD**2, GUESS_RUNS
    for runs in margins.values():
        mean = sum(runs) / len(runs)
        if abs(mean) > FAR:
            continue
        squares += sum((run - mean) ** 2 for run in runs)
        degrees += len(runs) - 1
    return math.sqrt(squares / degrees), degrees


def side_of(margins: Sequence[float], spread: float, degrees: int) -> Side:
    """Where one rate lies, by the mean of its margins.

    Args:
        spread, degrees: as `pooled_spread` gives them.
    """
    if not margins:
        return "undecided"
    mean = sum(margins) / len(margins)
    reach = student_quantile(1 - ERROR / 2, degrees) * spread / math.sqrt(len(margins))
    if abs(mean) <= reach:
        return "undecided"
    return "below" if mean < 0 else "above"


def sides_of(runs: Sequence[Run]) -> dict[float, Side]:
    """Where each rate lies, by its own runs and its neighbours': a latency does not fall with the rate.

    So what was surely missed at a rate and those just below it is missed at that rate, and what was surely held at it and
    those just above it is held there.
    """
    margins = by_rate(runs)
    spread = pooled_spread(margins)
    rates = sorted(margins)
    found: dict[float, Side] = {}
    for at, rate in enumerate(rates):
        below = any(side_of(each, *spread) == "below" for each in _growing(margins, rates[at:]))
        above = any(side_of(each, *spread) == "above" for each in _growing(margins, rates[at::-1]))
        found[rate] = "undecided" if below == above else "below" if below else "above"
    return found


def _growing(margins: Mapping[float, Sequence[float]], rates: Sequence[float]) -> Iterator[list[float]]:
    """The margins of the first rate, of the first two, and so on."""
    together: list[float] = []
    for rate in rates:
        together = [*together, *margins[rate]]
        yield together


def single_bounds(runs: Sequence[Run]) -> tuple[float | None, float]:
    """The highest rate shown to hold and the lowest shown not to, each by its own runs; None, inf: none."""
    sides = sides_of(runs)
    high = min((rate for rate, side in sides.items() if side == "above"), default=math.inf)
    # a rate shown to hold above one shown not to is no lower end: one of the two was wrong, and the edge is below
    low = max((rate for rate, side in sides.items() if side == "below" and rate < high), default=None)
    return low, high


def edge_of(runs: Sequence[Run]) -> Edge | None:
    """The fitted edge, around the middle of what single rates say; None while there is none."""
    low, high = single_bounds(runs)
    if low is None or math.isinf(high):
        return None
    found = fitted_edge(runs, math.sqrt(low * high))
    # once more around itself, where the runs are
    return found and fitted_edge(runs, found.rate_per_s)


def bounds_of(runs: Sequence[Run]) -> tuple[float | None, float]:
    """The highest rate shown to hold and the lowest shown not to, by single rates and by the fit; None, inf: none."""
    low, high = single_bounds(runs)
    edge = edge_of(runs)
    if edge is None or low is None:
        return low, high
    if max(low, edge.low) < min(high, edge.high):
        return max(low, edge.low), min(high, edge.high)
    # the two ways disagree, so what either allows counts
    return min(low, edge.low), max(high, edge.high)


def fitted_edge(runs: Sequence[Run], around_per_s: float) -> Edge | None:
    """Where the line through the runs near the edge crosses 0; None: too few of them, or they do not surely rise.

    Runs enter by their rate, never by their margin: choosing by what was measured would bend the line. A reciprocal's
    error grows with the reciprocal, so runs weigh less where the line lies lower. A long run weighs no more than a short
    one: its p99 is that of its worst seconds, and long runs lie lower, where their weight would bend the line.

    Args:
        around_per_s: about where the edge is.
    """
    near = [run for run in runs if abs(math.log(run.rate_per_s / around_per_s)) <= NEAR]
    if len(near) < LEAST_FIT or len({run.rate_per_s for run in near}) < 2:
        return None
    if sum(abs(run.margin) < SLOPE_MARGIN for run in near) < LEAST_SLOPE:
        return None  # a cliff: no run was ever near the bound, and a line between far points says nothing of where
    xs = [run.rate_per_s / around_per_s for run in near]
    spread, _ = pooled_spread(by_rate(runs))
    # the mean of exp(−margin) lies by exp(spread² ÷ 2) above that of the mean margin, which would move the line up the rates
    ys = [max(-math.expm1(-run.margin - spread**2 / 2), LEAST_VALUE) for run in near]
    line = _weighted(xs, ys, [1.0] * len(xs))
    for _ in range(REWEIGHTINGS):
        weights = [min(max(1 - line.at(x), 0.3), 4.0) ** -2 for x in xs]
        line = _weighted(xs, ys, weights)
    edge = _crossing(line, len(near))
    if edge is None:
        return None
    rate, low, high = (each * around_per_s for each in edge)
    return Edge(rate, low / (1 + BENT), high * (1 + BENT))


class _Line(msgspec.Struct, frozen=True):
    """A weighted least-squares line and what its uncertainty is made of."""

    x_mean: float
    y_mean: float
    slope: float
    weight: float
    spread_x: float
    squares: float

    def at(self, x: float) -> float:
        return self.y_mean + self.slope * (x - self.x_mean)


def _weighted(xs: Sequence[float], ys: Sequence[float], weights: Sequence[float]) -> _Line:
    total = sum(weights)
    x_mean = sum(w * x for w, x in zip(weights, xs, strict=True)) / total
    y_mean = sum(w * y for w, y in zip(weights, ys, strict=True)) / total
    spread_x = sum(w * (x - x_mean) ** 2 for w, x in zip(weights, xs, strict=True))
    together = sum(w * (x - x_mean) * (y - y_mean) for w, x, y in zip(weights, xs, ys, strict=True))
    slope = together / spread_x
    squares = sum(w * (y - y_mean - slope * (x - x_mean)) ** 2 for w, x, y in zip(weights, xs, ys, strict=True))
    return _Line(x_mean, y_mean, slope, total, spread_x, squares)


def _crossing(line: _Line, n: int) -> tuple[float, float, float] | None:
    """The x where the line is 0, and Fieller's bounds: its squared height there is at most t² times its variance."""
    degrees = n - 2 + FIT_GUESS_RUNS
    variance = (line.squares + FIT_GUESS_RUNS * GUESSED_SPREAD**2) / degrees
    reach = student_quantile(1 - ERROR, degrees) ** 2 * variance
    # (y_mean + slope·d)² = reach·(1 ÷ weight + d² ÷ spread_x), for d = x − x_mean
    a = line.slope**2 - reach / line.spread_x
    b = 2 * line.y_mean * line.slope
    c = line.y_mean**2 - reach / line.weight
    inside = b * b - 4 * a * c
    if line.slope <= 0 or a <= 0 or inside < 0:
        return None  # the slope itself is in doubt, and the edge may be anywhere
    low, high = ((-b + sign * math.sqrt(inside)) / (2 * a) + line.x_mean for sign in (-1, 1))
    return (line.x_mean - line.y_mean / line.slope, low, high) if low > 0 else None
