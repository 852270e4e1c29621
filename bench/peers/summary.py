"""What the rounds say: medians with their intervals, ratios of the same rounds, and the bounds that were set."""

import math
from collections.abc import Sequence
from statistics import median
from typing import Literal

import msgspec

from bench.interval import median_interval
from bench.peers.rounds import Pair


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One contestant over all its rounds; low and high enclose the median (`coverage`)."""

    contestant: str
    rounds: int
    cpu_us: float
    cpu_us_low: float
    cpu_us_high: float
    per_s: float
    per_s_low: float
    per_s_high: float
    coverage: float


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A ratio, or a cost, that has a bound.

    Attributes:
        value, low, high: the median of the rounds' values, and the least and the greatest.
        bound, stretch: asked for, and tried for; "at_most" or "at_least" them.
    """

    name: str
    what: str
    value: float
    low: float
    high: float
    rounds: int
    bound: float
    stretch: float | None
    side: Literal["at_most", "at_least"]

    @property
    def met(self) -> bool:
        """The bound, by the median."""
        return self.value <= self.bound if self.side == "at_most" else self.value >= self.bound

    @property
    def stretched(self) -> bool:
        """The stretch as well."""
        if self.stretch is None:
            return self.met
        return self.value <= self.stretch if self.side == "at_most" else self.value >= self.stretch


RAW, STAMPED, OPEN, FRESH = "loadgen raw", "loadgen stamped", "loadgen stamped, open loop", "loadgen fresh"
TIMED, UNTIMED, JAVA = "rdkafka_performance -l", "rdkafka_performance", "kafka-producer-perf-test"

RATIOS = (
    ("I1", RAW, TIMED, 0.8, 0.7),
    ("I1", RAW, UNTIMED, 1.15, 1.0),
    ("I1", RAW, JAVA, 0.33, 0.25),
    ("I2", STAMPED, RAW, 2.6, 1.8),
    ("I2", OPEN, STAMPED, 1.15, None),
)
FRESH_BOUND_US = 10.0
SPEED_BOUND, SPEED_STRETCH = 0.9, 1.0


def standings(all_pairs: Sequence[Pair]) -> list[Standing]:
    """One a contestant, in the order in which they first ran."""
    told = []
    for name in dict.fromkeys(pair.contestant for pair in all_pairs):
        cpu = median_interval([pair.cpu_us_per_message for pair in all_pairs if pair.contestant == name])
        rates = [pair.messages_per_s for pair in all_pairs if pair.contestant == name]
        per_s = median_interval([rate for rate in rates if not math.isnan(rate)] or [math.nan])
        told.append(
            Standing(
                contestant=name,
                rounds=len(rates),
                cpu_us=cpu.median,
                cpu_us_low=cpu.low,
                cpu_us_high=cpu.high,
                per_s=per_s.median,
                per_s_low=per_s.low,
                per_s_high=per_s.high,
                coverage=cpu.coverage,
            )
        )
    return told


def figures(all_pairs: Sequence[Pair]) -> list[Figure]:
    """Every figure that these rounds allow."""
    by = {(pair.contestant, pair.round): pair for pair in all_pairs}
    rounds = sorted({pair.round for pair in all_pairs})
    told: list[Figure] = []
    for name, ours, other, bound, stretch in RATIOS:
        both = [
            (by[ours, number], by[other, number]) for number in rounds if {(ours, number), (other, number)} <= set(by)
        ]
        values = [mine.cpu_us_per_message / theirs.cpu_us_per_message for mine, theirs in both]
        told += _figure(name, f"CPU a message, {ours} ÷ {other}", values, bound, stretch, "at_most")
    speeds = []
    for number in rounds:
        others = [by[peer, number].messages_per_s for peer in (TIMED, UNTIMED, JAVA) if (peer, number) in by]
        if others and (RAW, number) in by:
            speeds.append(by[RAW, number].messages_per_s / max(others))
    told += _figure("I1", f"messages/s, {RAW} ÷ the fastest peer", speeds, SPEED_BOUND, SPEED_STRETCH, "at_least")
    fresh = [pair.cpu_us_per_message for pair in all_pairs if pair.contestant == FRESH]
    told += _figure("I2", f"CPU a message, {FRESH}, µs", fresh, FRESH_BOUND_US, None, "at_most")
    return told


def table(told: Sequence[Standing], bounds: Sequence[Figure]) -> str:
    """For the terminal."""
    lines = [f"{'':28}{'CPU µs a message':>24}{'thousand messages/s':>28}{'rounds':>8}"]
    for one in sorted(told, key=lambda standing: standing.cpu_us):
        cpu = f"{one.cpu_us:.2f} [{one.cpu_us_low:.2f}–{one.cpu_us_high:.2f}]"
        rate = f"{one.per_s / 1e3:,.0f} [{one.per_s_low / 1e3:,.0f}–{one.per_s_high / 1e3:,.0f}]"
        lines.append(f"{one.contestant:28}{cpu:>24}{rate:>28}{one.rounds:>8}")
    lines.append("")
    for figure in bounds:
        sign = "≤" if figure.side == "at_most" else "≥"
        verdict = "met" if figure.met else "MISSED"
        stretch = "" if figure.stretch is None else f", stretch {figure.stretch:g}{' met' if figure.stretched else ''}"
        spread = f"{figure.value:.2f} [{figure.low:.2f}–{figure.high:.2f}]"
        lines.append(f"{figure.name}  {figure.what:62}{spread:>20}  {sign} {figure.bound:g} {verdict}{stretch}")
    return "\n".join(lines)


def _figure(
    name: str, what: str, values: list[float], bound: float, stretch: float | None, side: Literal["at_most", "at_least"]
) -> list[Figure]:
    usable = [value for value in values if not math.isnan(value)]
    if not usable:
        return []
    return [
        Figure(
            name=name,
            what=what,
            value=median(usable),
            low=min(usable),
            high=max(usable),
            rounds=len(usable),
            bound=bound,
            stretch=stretch,
            side=side,
        )
    ]
