"""What the gate promises, counted over simulated machines: one row a promise, with what was asked and the exact interval.

Every number follows from the seeds in here; `scale` makes fewer gates of each kind, for a test.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import msgspec
import numpy as np

from bench.gates.share import share_interval
from bench.gates.simulated import drifting_pairs, gate_over
from loadgen.judge.change import change_points
from loadgen.judge.creep import creep
from loadgen.judge.limit import Limit, parse_limit
from loadgen.judge.looks import plan_looks
from loadgen.judge.stats import SignFlips
from loadgen.judge.verdict import GateVerdict

ACKED, CPU, P99 = "throughput.acked_per_s", "cost.cpu_us_per_message", "latency_us.response.p99"
NEARLY_NOTHING = (parse_limit(f"{ACKED}-0.001%"), parse_limit(f"{CPU}+0.001%"))  # the test alone decides
NOISES = (0.01, 0.04, 0.12)


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """One promise and what was found.

    Attributes:
        name: which promise; conditions: of the simulated machine and the gate.
        asked: in words; low, high: the 95 % interval of the share found ÷ of.
    """

    name: str
    conditions: str
    asked: str
    found: int
    of: int
    share: float
    low: float
    high: float
    holds: bool


def simulate(scale: float = 1.0) -> Iterator[Counted]:
    """Every promise in turn.

    Args:
        scale: share of the full number of gates, at least 20 of each are made.
    """
    yield _false_alarms(_number(2_000, scale))
    yield _false_alarms_of_reruns(_number(400, scale))
    yield _coverage(_number(2_000, scale))
    yield from _caught(_number(1_000, scale))
    yield from _passed(_number(500, scale))
    yield _ended_early(_number(500, scale))
    yield from _changes(_number(1_000, scale))
    yield from _crept(_number(200, scale))


def _number(full: int, scale: float) -> int:
    return max(20, round(full * scale))


def _counted(
    name: str, conditions: str, asked: str, outcomes: Sequence[bool], holds: Callable[[float], bool]
) -> Counted:
    found, of = sum(map(bool, outcomes)), len(outcomes)
    low, high = share_interval(found, of)
    share = found / of
    return Counted(
        name=name,
        conditions=conditions,
        asked=asked,
        found=found,
        of=of,
        share=share,
        low=low,
        high=high,
        holds=holds(share),
    )


def _two_metrics(generator: np.random.Generator, gates: int, noise: float) -> Iterator[GateVerdict]:
    one, other = (drifting_pairs(generator, gates, 16, noise=level) for level in (noise, noise / 2))
    for gate in range(gates):
        samples = {ACKED: (one[0][gate], one[1][gate]), CPU: (other[0][gate], other[1][gate])}
        yield gate_over(samples, NEARLY_NOTHING, plan_looks())


def _false_alarms(gates: int) -> Counted:
    generator = np.random.default_rng(20261125)
    bounds = [round(gates * third / 3) for third in range(4)]
    outcomes = [
        told.verdict == "regressed"
        for noise, (first, last) in zip(NOISES, pairwise(bounds), strict=True)
        for told in _two_metrics(generator, last - first, noise)
    ]
    return _counted(
        "false alarms",
        "A = A; drift of 5 % (AR(1), 0.9), 5 % of the runs at half or double, run noise 1, 4, 12 %; two deciding "
        "metrics, two looks, limits of nearly nothing",
        "at most 1 % of the gates",
        outcomes,
        lambda share: share <= 0.01,
    )


def _false_alarms_of_reruns(changes: int) -> Counted:
    generator, looks = np.random.default_rng(6), plan_looks(tries=5)
    baseline, candidate = drifting_pairs(generator, changes * 5, 16, noise=0.03)
    alarms = [
        gate_over({ACKED: pairs}, NEARLY_NOTHING[:1], looks).verdict == "regressed"
        for pairs in zip(baseline, candidate, strict=True)
    ]
    return _counted(
        "false alarms of five reruns",
        "A = A run five times with --tries 5; the change counts when any of them alarms",
        "at most 1 % of the changes",
        [any(alarms[at : at + 5]) for at in range(0, len(alarms), 5)],
        lambda share: share <= 0.01,
    )


def _coverage(gates: int) -> Counted:
    generator, truth = np.random.default_rng(4), -0.05
    quarter = gates // 4
    drawn = [
        pair[1] - pair[0]
        for noise in (0.02, 0.05, 0.15)
        for pair in [drifting_pairs(generator, quarter, 10, noise=noise, change=truth)]
    ]
    drawn.append(generator.normal(truth, 0.3, (quarter, 10)) - generator.normal(0, 0.3, (quarter, 10)))
    intervals = [SignFlips(ratios) for ratios in np.concatenate(drawn)]
    return _counted(
        "coverage of the 95 % interval",
        "10 pairs, true change −5 %; drift, outliers, run noise 2, 5, 15 %, and a lognormal p99",
        "93 to 97 %",
        [each.lower(0.025) <= truth <= each.upper(0.025) for each in intervals],
        lambda share: 0.93 <= share <= 0.97,
    )


def _caught(gates: int) -> Iterator[Counted]:
    for change, limit, spread, pairs, least in (
        (-0.10, f"{ACKED}-3%", 0.03, 16, 0.95),
        (-0.05, f"{ACKED}-3%", 0.03, 16, 0.90),
        (0.20, f"{P99}+10%", 0.15, 20, 0.90),
    ):
        yield _counted(
            f"losses caught, {change:+.0%}",
            f"{limit}, {pairs} pairs, pair spread {spread:.0%}, normal",
            f"at least {least:.0%}",
            [told.verdict == "regressed" for told in _normal(parse_limit(limit), change, spread, pairs, gates)],
            lambda share, least=least: share >= least,  # type: ignore[misc]
        )


def _normal(limit: Limit, change: float, spread: float, pairs: int, gates: int) -> Iterator[GateVerdict]:
    generator = np.random.default_rng([2, pairs, round(1000 * spread), round(1000 * limit.log_loss)])
    for ratios in generator.normal(math.log1p(change), spread, (gates, pairs)):
        yield gate_over({limit.metric: (np.zeros(pairs), ratios)}, [limit], plan_looks(pairs))


def _passed(gates: int) -> Iterator[Counted]:
    """How often equal sides pass: what a limit has to be for a spread (informative: nothing is asked of a wide one)."""
    for limit, spread, least in (
        (f"{ACKED}-5%", 0.02, 0.95),
        (f"{ACKED}-5%", 0.04, 0.0),
        (f"{ACKED}-5%", 0.08, 0.0),
        (f"{ACKED}-10%", 0.04, 0.95),
        (f"{ACKED}-10%", 0.08, 0.0),
        (f"{ACKED}-10%", 0.15, 0.0),
    ):
        yield _counted(
            f"equal sides that pass, limit {limit[len(ACKED) :]}",
            f"16 pairs, pair spread {spread:.0%}, normal",
            f"at least {least:.0%}" if least else "told, not asked",
            [told.verdict == "pass" for told in _normal(parse_limit(limit), 0.0, spread, 16, gates)],
            lambda share, least=least: share >= least,  # type: ignore[misc]
        )


def _ended_early(gates: int) -> Counted:
    told = _normal(parse_limit(f"{ACKED}-10%"), 0.0, 0.06, 16, gates)
    return _counted(
        "gates of equal sides that end at the first look",
        f"{ACKED}-10%, pair spread 6 %: 12 of 16 pairs",
        "at least half",
        [each.pairs == 12 for each in told],
        lambda share: share >= 0.5,
    )


def _changes(series: int) -> Iterator[Counted]:
    generator = np.random.default_rng(11)
    flat = [generator.normal(100, 5, 60) if i % 3 else 100 + 5 * generator.standard_t(2, 60) for i in range(series)]
    yield _counted(
        "flat histories with a change",
        "60 runs, a third of the histories with heavy tails (t, 2 degrees)",
        "at most 5 %",
        [bool(change_points(list(row)).points) for row in flat],
        lambda share: share <= 0.05,
    )
    steps = [int(at) for at in generator.integers(10, 51, series)]
    stepped = [generator.normal(100, 5, 60) - 10 * (np.arange(60) >= at) for at in steps]
    yield _counted(
        "steps of two sigma found within five runs",
        "60 runs, the step anywhere from the 10th to the 50th",
        "at least 90 %",
        [
            any(abs(p.at - at) <= 5 for p in change_points(list(row)).points)
            for row, at in zip(stepped, steps, strict=True)
        ],
        lambda share: share >= 0.90,
    )


def _crept(histories: int) -> Iterator[Counted]:
    generator, limit = np.random.default_rng(12), parse_limit(f"{ACKED}-10%")
    told = [
        creep([list(generator.normal(100 * 0.97**step, 2, 10)) for step in range(6)], limit) for _ in range(histories)
    ]
    conditions = "five losses of 3 %, 10 runs a version with a spread of 2 %, limit −10 % against the pinned first"
    yield _counted(
        "creep flagged by the fourth loss",
        conditions,
        "at least 90 %",
        [any(group.flagged for group in groups[:4]) for groups in told],
        lambda share: share >= 0.90,
    )
    yield _counted(
        "creep flagged at the first loss",
        conditions,
        "at most 1 %",
        [groups[0].flagged for groups in told],
        lambda share: share <= 0.01,
    )
