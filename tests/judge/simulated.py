"""Simulated runs with the troubles of real machines: drift, run noise, outliers; vectorised over many gates."""

from typing import Any

import numpy as np


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
) -> tuple[Any, Any]:
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
