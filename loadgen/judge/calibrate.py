"""Which limits this kind of runner can hold: measured on pairs of equal variants, the gate itself replayed on them.

The gate is simulated many times from the measured pairs: pairs drawn with replacement, each sign a fair coin (which
equal variants make true), looks and errors as planned. What each simulated gate would have needed as its limit to pass
is known in closed form, the lowest upper bound among its looks; the limit that all deciding metrics together pass 19
times of 20 is its quantile. Twenty pairs know their own spread only so well, so it is widened to what they do not
exceed nine times of ten. Not here: running the pairs (`gate`), writing the file (`gate_file`).
"""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

import msgspec
import numpy as np

from loadgen.judge.limit import Limit, limit_of, parse_limit
from loadgen.judge.looks import Looks
from loadgen.judge.stats import SignFlips, log_ratios
from loadgen.judge.verdict import Sample

CALIBRATION_PAIRS = 20
PASS_SHARE = 0.95
REPLAYS = 2_000
WIDENING_CONFIDENCE = 0.9


class Calibrated(msgspec.Struct, frozen=True, kw_only=True):
    """What one metric's pairs allow.

    Attributes:
        limit: the tightest that equal variants pass; at three digits, rounded up.
        spread: of the pairs' log-ratios.
    """

    metric: str
    limit: Limit
    spread: float
    pairs: int


def calibrate(
    samples: Mapping[str, Sample], metrics: Sequence[str], looks: Looks, *, seed: int = 0
) -> list[Calibrated]:
    """The tightest limit of each metric.

    Args:
        samples: of pairs whose two sides are the same variant.
        metrics: those that will decide together.

    Raises:
        NotValid: a metric without values.
    """
    share = 1 - (1 - PASS_SHARE) / len(metrics)
    return [_calibrated(metric, samples[metric], looks, share, seed) for metric in metrics]


def _calibrated(metric: str, sample: Sample, looks: Looks, share: float, seed: int) -> Calibrated:
    logs = log_ratios(sample.baseline, sample.candidate, metric)
    generator = np.random.default_rng([seed, len(logs)])
    drawn = np.abs(logs)[generator.integers(0, len(logs), (REPLAYS, looks.pairs[-1]))]
    drawn *= generator.choice([-1.0, 1.0], drawn.shape)
    needed = np.sort([_needed(gate, looks) for gate in drawn]) * _widening(len(logs))
    limit = parse_limit(limit_of(metric, _rounded_up(float(needed[math.ceil(share * REPLAYS) - 1]))).text)
    return Calibrated(metric=metric, limit=limit, spread=SignFlips(logs).spread(), pairs=len(logs))


def _needed(gate: np.ndarray, looks: Looks) -> float:
    return min(SignFlips(gate[:pairs]).upper(looks.pass_error) for pairs in looks.pairs)


def _widening(pairs: int) -> float:
    """True over measured spread, not exceeded with WIDENING_CONFIDENCE: √(ν ÷ χ²), Wilson and Hilferty's cube."""
    degrees = max(pairs - 1, 1)
    unit = 2 / (9 * degrees)
    chi_square_share = max(1 - unit + NormalDist().inv_cdf(1 - WIDENING_CONFIDENCE) * math.sqrt(unit), 0.05) ** 3
    return 1 / math.sqrt(chi_square_share)


def _rounded_up(log_loss: float) -> float:
    """To the next thousandth: a limit is written with three digits, and must not come out tighter than it was found."""
    return max(math.ceil(log_loss * 1000), 1) / 1000
