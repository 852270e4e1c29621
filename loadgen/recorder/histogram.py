"""Log-linear histograms: where a value is counted, and quantiles of counts.

The cells are HdrHistogram's for 1 µs … 2³² µs (over an hour) at three significant digits: 2,048 linear cells, then
1,024 for each doubling. A cell is at most 1/1,024 of its values wide, so a quantile is off by less than 0.1 %.
Counts merge by addition, exactly and in any order; percentiles are never averaged.
Not here: who counts (the instrument), what is drawn (the report).
"""

from collections.abc import Iterable, Sequence

import msgspec

SUB_BUCKET_BITS = 11
HALF_BITS = SUB_BUCKET_BITS - 1
MAX_VALUE_US = (1 << 32) - 1
CELLS = ((32 - SUB_BUCKET_BITS) << HALF_BITS) + (1 << SUB_BUCKET_BITS)  # 23,552

MIN_BEYOND = 10  # a quantile is told only when at least ten values lie beyond it


def cell_of(value_us: int) -> int:
    """The cell that counts a value of 0 … MAX_VALUE_US microseconds. 130 ns.

    Raises:
        ValueError: the value is negative or too large; the caller counts it as overflow, it is never clipped.
    """
    if not 0 <= value_us <= MAX_VALUE_US:
        raise ValueError(f"{value_us} µs is outside 0 … {MAX_VALUE_US} µs")
    shift = max(value_us.bit_length() - SUB_BUCKET_BITS, 0)
    return (shift << HALF_BITS) + (value_us >> shift)


def bounds_of(cell: int) -> tuple[int, int]:
    """The lowest and the highest microsecond that a cell counts."""
    shift = max((cell >> HALF_BITS) - 1, 0)
    lowest = (cell - (shift << HALF_BITS)) << shift
    return lowest, lowest + (1 << shift) - 1


def middle_of(cell: int) -> float:
    """The value a cell is told as: its middle, in µs."""
    lowest, highest = bounds_of(cell)
    return (lowest + highest) / 2


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of one latency, in µs; a quantile that too few values carry is None."""

    n: int
    mean: float
    p50: float | None
    p90: float | None
    p99: float | None
    p99_9: float | None
    p99_99: float | None
    max: float


QUANTILES = (("p50", 0.50), ("p90", 0.90), ("p99", 0.99), ("p99_9", 0.999), ("p99_99", 0.9999))


def quantiles_us(counts: Sequence[int] | Iterable[int], quantiles: Sequence[float]) -> list[float]:
    """The values below or at which the given shares of all counted values lie, in µs.

    The value of rank ceil(q · n), as HdrHistogram defines it; the middle of its cell.

    Args:
        counts: one count a cell; only non-zero cells cost anything.
        quantiles: ascending, each in (0, 1].

    Raises:
        ValueError: nothing was counted.
    """
    filled = [(cell, count) for cell, count in enumerate(counts) if count]
    total = sum(count for _, count in filled)
    if not total:
        raise ValueError("no values were counted")
    answers: list[float] = []
    remaining = iter(filled)
    cell, seen = next(remaining)[0], filled[0][1]
    for quantile in quantiles:
        rank = max(1, -int(-(quantile * total) // 1))  # ceil
        while seen < rank:
            cell, count = next(remaining)
            seen += count
        answers.append(middle_of(cell))
    return answers


def describe(counts: Sequence[int] | Iterable[int], sum_us: int, max_us: int) -> Distribution | None:
    """n, mean, quantiles and maximum of one histogram; None when it is empty.

    Args:
        counts: one count a cell.
        sum_us: the exact sum of the values.
        max_us: the exact largest value, which may lie beyond the last cell.
    """
    cells = [int(count) for count in counts]
    n = sum(cells)
    if not n:
        return None
    values = quantiles_us(cells, [share for _, share in QUANTILES])
    told = {
        name: min(value, float(max_us)) if n * (1 - share) >= MIN_BEYOND or share <= 0.5 else None
        for (name, share), value in zip(QUANTILES, values, strict=True)
    }
    return Distribution(n=n, mean=sum_us / n, max=float(max_us), **told)
