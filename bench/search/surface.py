"""A simulated response surface: eight settings that interact, with a known best combination. Invented, of no machine."""

import itertools
import math
from collections.abc import Mapping

import numpy as np

from loadgen.experiments.grid import Combination, Parameter
from loadgen.experiments.trial import Trial

SPACE = [
    Parameter("linger.ms", ("0", "1", "2", "5", "10", "20", "50", "100")),
    Parameter("batch.size", ("16384", "32768", "65536", "131072", "262144", "524288", "1000000")),
    Parameter("compression.type", ("none", "lz4", "snappy", "zstd")),
    Parameter("compression.level", ("-1", "1", "6")),
    Parameter("max.in.flight.requests.per.connection", ("1", "2", "5")),
    Parameter("sticky.partitioning.linger.ms", ("0", "10", "50")),
    Parameter("workers", ("1", "2", "4")),
]
START = {
    "linger.ms": "5",
    "batch.size": "131072",
    "compression.type": "snappy",
    "compression.level": "-1",
    "max.in.flight.requests.per.connection": "5",
    "sticky.partitioning.linger.ms": "10",
    "workers": "1",
}
# By codec and level: how much smaller, and what it costs of a record's CPU; −1 is each codec's own default.
RATIO = {"none": 1.0, "lz4": 2.2, "snappy": 2.0, "zstd": 2.9}
COST = {"none": 0.0, "lz4": 0.35, "snappy": 0.4, "zstd": 0.7}


def compressed(codec: str, level: str) -> tuple[float, float]:
    """Ratio and cost: only zstd and lz4 have levels, and zstd's default is its third."""
    if codec == "zstd":
        step = {"-1": 3, "1": 1, "6": 6}[level]
        return RATIO[codec] * (0.94 + 0.02 * step), COST[codec] * (0.8 + 0.07 * step)
    if codec == "lz4" and level == "6":
        return RATIO[codec] * 1.15, COST[codec] * 2.5
    return RATIO[codec], COST[codec]


def true_rate(c: Mapping[str, str]) -> float:
    """Throughput: batches fill by linger and size, compression trades bytes for CPU (more so at a high level), requests
    in flight matter while batches are small, and workers help until the wire is full. Every term meets another one.
    """
    linger, size = float(c["linger.ms"]), float(c["batch.size"])
    sticky, flight, workers = (
        float(c["sticky.partitioning.linger.ms"]),
        float(c["max.in.flight.requests.per.connection"]),
        float(c["workers"]),
    )
    ratio, work = compressed(c["compression.type"], c["compression.level"])
    filled = 1 - math.exp(-(linger + 1.0) * 40_000 / size)
    batch = max(size * filled * (1 - 0.04 * (sticky == 0)), 2_000.0)
    cost = 1.0 + work * (0.8 + 0.2 * size / 1e6)
    cpu_bound = workers**0.8 * 400_000 / cost / (1 + 2_500 / batch)
    wire_bound = 260_000 * ratio * (1 - 0.25 * (size > 500_000))
    trip_bound = flight * batch / 400 / (0.001 + linger / 10_000)
    return float((cpu_bound**-4 + wire_bound**-4 + trip_bound**-4) ** -0.25)


def true_p99(c: Mapping[str, str]) -> float:
    """Response p99, µs: what lingers waits, and a nearly full client waits more."""
    load = 60_000 / true_rate(c)
    return 1_000 * (
        1.2 + float(c["linger.ms"]) + 0.05 * float(c["sticky.partitioning.linger.ms"]) + 2 / (1 - min(load, 0.95))
    )


def everything() -> list[Combination]:
    """Every combination, 18,144 of them."""
    names = [parameter.name for parameter in SPACE]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*(p.values for p in SPACE))]


class Surface:
    """Noisy trials on the surface; an SLO on p99 when a bound is given."""

    def __init__(self, seed: int, noise: float = 0.015, bound_us: float | None = None) -> None:
        self.generator, self.noise, self.bound_us = np.random.default_rng(seed), noise, bound_us

    def __call__(self, combination: Combination, _best: Trial | None) -> Trial:
        rate = true_rate(combination) * self.generator.lognormal(0, self.noise)
        p99 = true_p99(combination) * self.generator.lognormal(0, 2 * self.noise)
        margin = None if self.bound_us is None else math.log(p99 / self.bound_us)
        values = {
            "rate_per_s": rate,
            "p99_us": p99,
            "cpu_us": 1e6 / rate,
            "wire_bytes": 400 / RATIO[combination["compression.type"]],
        }
        return Trial(combination=combination, values=values, margin=margin)
