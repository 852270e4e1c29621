"""Searches over clusters of known law: how often the truth lies in the interval, how near the tuner comes to the best."""

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.search.queue import Queue
from bench.search.surface import SPACE, START, Surface, everything, true_p99, true_rate
from loadgen.experiments.capacity import Search
from loadgen.experiments.capacity_found import CapacityPlan
from loadgen.experiments.grid import Combination
from loadgen.experiments.tune import Tuner

Row = dict[str, Any]

INSIDE_SHARE, WIDTH = 0.95, 0.05
NEAR, NEAR_SHARE, TRIALS, BOUND_US = 0.97, 0.9, 60, 8_000.0


def capacity(searches: int) -> Row:
    """Searches of an M/D/1 cluster of 5,000 a second with an SLO of 20 services."""
    inside, widths, minutes = 0, [], []
    for seed in range(searches):
        queue = Queue(5_000, 0.004, seed=seed)
        found = Search(CapacityPlan(start_per_s=700.0, least_per_s=10.0, most_per_s=1e6), queue).find()
        if found.low is not None and found.high is not None:
            inside += found.low <= queue.true_per_s <= found.high
            widths.append(found.high / found.low - 1)
        minutes.append(queue.clock.now_ns() / 60e9)
    width = statistics.median(widths)
    return {
        "name": "capacity: true rate inside the interval",
        "asked": f"at least {INSIDE_SHARE:.0%}, median width at most {WIDTH:.0%}",
        "found": inside,
        "of": searches,
        "median_width": width,
        "widest": max(widths),
        "median_minutes_of_the_cluster": statistics.median(minutes),
        "holds": inside >= INSIDE_SHARE * searches and width <= WIDTH,
    }


def tuner(seeds: int, bound_us: float | None) -> Row:
    """Tuners of 60 trials on the surface, and as many random trials."""
    best = max(true_rate(each) for each in everything() if bound_us is None or true_p99(each) < bound_us)
    shares, random = (
        [share(found(seed, bound_us), bound_us, best) for seed in range(seeds)] for found in (tuned, at_random)
    )
    near = sum(each >= NEAR for each in shares)
    return {
        "name": f"tuner: within 3 % of the best of 18,144, {'no SLO' if bound_us is None else 'p99 < 8 ms'}",
        "asked": f"at least {NEAR_SHARE:.0%} of the seeds in {TRIALS} trials, and better than random search",
        "found": near,
        "of": seeds,
        "shares_of_the_best": shares,
        "random_shares_of_the_best": random,
        "holds": near >= NEAR_SHARE * seeds and statistics.mean(shares) > statistics.mean(random),
    }


def tuned(seed: int, bound_us: float | None) -> Combination:
    """What a tuner recommends."""
    known = [
        ("low-latency", {**START, "linger.ms": "0", "batch.size": "16384", "compression.type": "none"}),
        ("high-throughput", {**START, "linger.ms": "100", "compression.type": "lz4"}),
    ]
    search = Tuner(SPACE, "throughput", Surface(seed, bound_us=bound_us), start=START, known=known, seed=seed)
    best = search.search(TRIALS)
    return best.combination if best else START


def at_random(seed: int, bound_us: float | None) -> Combination:
    """The best of as many random trials that met the bound."""
    generator, surface = np.random.default_rng(seed + 1_000), Surface(seed, bound_us=bound_us)
    seen = [
        surface({parameter.name: str(generator.choice(parameter.values)) for parameter in SPACE}, None)
        for _ in range(TRIALS)
    ]
    met = [trial for trial in seen if trial.margin is None or trial.margin < 0]
    return max(met, key=lambda trial: trial.values["rate_per_s"]).combination if met else START


def share(combination: Combination, bound_us: float | None, best: float) -> float:
    """Of the best rate, without noise; 0 where the bound is truly missed, beyond the noise of a run."""
    met = bound_us is None or true_p99(combination) < 1.02 * bound_us
    return true_rate(combination) / best if met else 0.0


def rows(scale: float) -> list[Callable[[], Row]]:
    """Every row, each to be called; scale: share of the full number of searches."""
    searches, seeds = max(int(100 * scale), 2), max(int(10 * scale), 1)
    return [lambda: capacity(searches), lambda: tuner(seeds, None), lambda: tuner(seeds, BOUND_US)]
