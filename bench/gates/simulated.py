"""Simulated machines with the troubles of real ones: drift, run noise, outliers; and a whole gate over what they give.

Place: `simulation` counts over these; the tests of `loadgen.judge` hold the gate against them at smaller sizes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from loadgen.judge.limit import Limit
from loadgen.judge.looks import Looks
from loadgen.judge.verdict import GateVerdict, Sample, judge

Logs = np.ndarray[Any, np.dtype[np.float64]]


def drifting_pairs(
    generator: np.random.Generator,
    gates: int,
    pairs: int,
    *,
    noise: float,
    change: float = 0.0,
    drift: float = 0.05,
    memory: float = 0.9,
    outlier_share: float = 0.05,
) -> tuple[Logs, Logs]:
    """Logarithms of a metric, baseline and candidate, each (gates, pairs), the order inside each pair a fair coin.

    Args:
        noise: standard deviation of a run, relative.
        change: true log-ratio candidate ÷ baseline.
        drift: standard deviation of an AR(1) over the runs of a session, with `memory` from run to run.
        outlier_share: of the runs, which come out at half or at double.
    """
    runs = np.empty((gates, 2 * pairs))
    state = generator.normal(0, drift, gates)
    for run in range(2 * pairs):
        runs[:, run] = state
        state = memory * state + generator.normal(0, drift * np.sqrt(1 - memory**2), gates)
    runs += generator.normal(0, noise, runs.shape)
    wild = generator.random(runs.shape) < outlier_share
    runs += np.where(wild, np.log(2.0) * generator.choice([-1, 1], runs.shape), 0.0)
    first, second = runs[:, 0::2], runs[:, 1::2]
    candidate_first = generator.random((gates, pairs)) < 0.5
    baseline = np.where(candidate_first, second, first)
    candidate = np.where(candidate_first, first, second) + change
    return baseline, candidate


def gate_over(samples: Mapping[str, tuple[Logs, Logs]], limits: Sequence[Limit], looks: Looks) -> GateVerdict:
    """A whole gate over logarithms that are all known beforehand: it stops at the first look that settles it.

    Args:
        samples: of each metric the logarithms of baseline and candidate, one a pair.
    """
    for pairs in looks.pairs:
        seen = {
            name: Sample(list(np.exp(baseline[:pairs])), list(np.exp(candidate[:pairs])))
            for name, (baseline, candidate) in samples.items()
        }
        told = judge(seen, limits, looks)
        if told.settled:
            return told
    raise AssertionError("the last look always settles")
