"""Real gates counted, beside what their own pairs predict.

Predicted: the gate replayed on pairs drawn from those that all gates of a series measured, around the effect that they
measured together. So what is held is the gate's rule; how exactly the loss was planted is told beside it.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from bench.gates.series import ACKED, CPU, LOSSES, Setup, counts
from bench.gates.share import share_interval
from bench.gates.simulated import gate_over
from loadgen.judge.limit import Limit, parse_limit
from loadgen.judge.looks import Looks, plan_looks
from loadgen.judge.stats import SignFlips

DECIDES = {"slower": ACKED, "costlier": CPU}
REPLAYS = 2_000

Rows = Sequence[Mapping[str, Any]]


class Equal(msgspec.Struct, frozen=True, kw_only=True):
    """Gates of equal sides; spreads are of all their pairs, by metric."""

    gates: int
    limits: list[str]
    verdicts: dict[str, int]
    median_pairs: float
    median_seconds: float
    spreads: dict[str, float]


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """Gates with one loss planted.

    Attributes:
        effect, effect_low, effect_high: candidate ÷ baseline of all pairs together, with its 95 % interval.
        share, low, high: of the gates that caught it, with its 95 % interval.
        predicted: the share that the spread of all their pairs predicts at that effect.
    """

    gates: int
    verdicts: dict[str, int]
    limit: str
    planted: float
    effect: float
    effect_low: float
    effect_high: float
    share: float
    low: float
    high: float
    spread: float
    predicted: float
    median_pairs: float
    median_seconds: float

    @property
    def as_predicted(self) -> bool:
        """Within ten points."""
        return abs(self.share - self.predicted) <= 0.10


def equal(rows: Rows) -> Equal:
    """Of the series `same`."""
    return Equal(
        gates=len(rows),
        limits=list(rows[0]["limits"]),
        verdicts=counts(rows),
        median_pairs=statistics.median(row["pairs"] for row in rows),
        median_seconds=statistics.median(row["seconds"] for row in rows),
        spreads={metric: SignFlips(_log_ratios(rows, metric)).spread() for metric in (ACKED, CPU)},
    )


def planted(kind: str, rows: Rows, setup: Setup) -> Planted:
    """Of the series `slower` or `costlier`."""
    metric, limit = DECIDES[kind], parse_limit(rows[0]["limits"][0])
    log_ratios = _log_ratios(rows, metric)
    effect = SignFlips(log_ratios)
    caught = counts(rows)["regressed"]
    low, high = share_interval(caught, len(rows))
    return Planted(
        gates=len(rows),
        verdicts=counts(rows),
        limit=limit.text,
        planted=-LOSSES[kind] if metric == ACKED else LOSSES[kind],
        effect=math.expm1(effect.centre),
        effect_low=math.expm1(effect.lower(0.025)),
        effect_high=math.expm1(effect.upper(0.025)),
        share=caught / len(rows),
        low=low,
        high=high,
        spread=effect.spread(),
        predicted=predicted(log_ratios, limit, plan_looks(setup.pairs)),
        median_pairs=statistics.median(row["pairs"] for row in rows),
        median_seconds=statistics.median(row["seconds"] for row in rows),
    )


def predicted(log_ratios: Sequence[float], limit: Limit, looks: Looks, *, seed: int = 0) -> float:
    """The share of gates on pairs like these that would end regressed.

    Args:
        log_ratios: of pairs with a loss; drawn with replacement, mirrored about their centre by a fair coin.
    """
    generator = np.random.default_rng(seed)
    centre = SignFlips(log_ratios).centre
    shape = (REPLAYS, looks.pairs[-1])
    drawn = generator.choice(np.asarray(log_ratios) - centre, shape) * generator.choice([-1.0, 1.0], shape) + centre
    zeros = np.zeros(looks.pairs[-1])
    verdicts = [gate_over({limit.metric: (zeros, gate)}, [limit], looks).verdict for gate in drawn]
    return verdicts.count("regressed") / REPLAYS


def _log_ratios(rows: Rows, metric: str) -> list[float]:
    return [ratio for row in rows for ratio in row["log_ratios"][metric]]


def markdown(told: Mapping[str, Equal | Planted]) -> str:
    """The series as a table for METHODOLOGY.md."""
    rows = [
        "| gates | limit | planted | measured, all pairs | verdicts | caught | predicted from the pairs' spread |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, one in told.items():
        verdicts = ", ".join(f"{number} {verdict}" for verdict, number in one.verdicts.items() if number)
        if isinstance(one, Planted):
            effect = f"{one.effect:+.1%} [{one.effect_low:+.1%} to {one.effect_high:+.1%}], spread {one.spread:.1%}"
            caught = f"{one.share:.0%} [{one.low:.0%} to {one.high:.0%}]"
            cells = [
                f"{one.gates} {name}",
                one.limit,
                f"{one.planted:+.0%}",
                effect,
                verdicts,
                caught,
                f"{one.predicted:.0%}",
            ]
        else:
            spreads = ", ".join(f"{metric} {spread:.1%}" for metric, spread in one.spreads.items())
            cells = [f"{one.gates} {name}", ", ".join(one.limits), "nothing", f"spread {spreads}", verdicts, "–", "–"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"
