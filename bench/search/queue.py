"""A cluster of known law: one server, records of one size, Poisson arrivals (M/D/1), on a clock turned by hand.

The waiting time's distribution is known in closed form (Erlang 1909), so the rate at which p99 meets a bound is known
too, and a search can be held to it.
"""

import decimal
import functools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from loadgen.clock import ManualClock
from loadgen.experiments.step import JudgedStep

Floats = npt.NDArray[np.float64]


def waits_at_most(t: float, load: float) -> float:
    """P(W ≤ t) in an M/D/1 queue, t in service times: (1 − ρ) Σ over k ≤ t of e^(ρ(t−k)) (−ρ(t−k))^k ÷ k!.

    The terms grow to e^t and cancel, so 60 digits are carried.
    """
    with decimal.localcontext(decimal.Context(prec=60)):
        rho, total = decimal.Decimal(load), decimal.Decimal(0)
        for k in range(math.floor(t) + 1):
            x = rho * (decimal.Decimal(t) - k)
            total += (-x) ** k * x.exp() / math.factorial(k) if k else x.exp()
        return float((1 - rho) * total)


@functools.cache
def capacity_at(bound: float, quantile: float = 0.99) -> float:
    """The load ρ at which that quantile of the response (wait and service) is `bound` service times; by bisection."""
    low, high = 0.01, 0.999
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if waits_at_most(bound - 1, middle) >= quantile else (low, middle)
    return low


class Queue:
    """An M/D/1 cluster behind the `Step` protocol.

    Args:
        capacity_per_s: records it serves in a second.
        bound_s: the SLO, p99 response below it.
        noise: run-to-run noise of p99, as a standard deviation of its logarithm, on top of the queue's own.
        speed: (seconds since the start, run) → factor of the capacity.
        ceiling_per_s: what the generator can offer.
    """

    def __init__(
        self,
        capacity_per_s: float = 2_000.0,
        bound_s: float = 0.010,
        *,
        noise: float = 0.0,
        seed: int = 1,
        speed: Callable[[float, int], float] | None = None,
        ceiling_per_s: float = math.inf,
        lengths_s: dict[str, float] | None = None,
    ) -> None:
        self.capacity_per_s, self.bound_s, self.noise, self.speed = capacity_per_s, bound_s, noise, speed
        self.ceiling_per_s = ceiling_per_s
        self.lengths_s = lengths_s or {"search": 10.0, "confirm": 60.0, "soak": 600.0}
        self.generator = np.random.default_rng(seed)
        self.clock = ManualClock()
        self.runs: list[tuple[float, str]] = []

    @property
    def true_per_s(self) -> float:
        """The rate at which the p99 of a run without end is the bound."""
        return capacity_at(self.bound_s * self.capacity_per_s) * self.capacity_per_s

    def responses_s(self, rate_per_s: float, length_s: float, capacity_per_s: float) -> Floats:
        """By Lindley's recursion, written as a running minimum; the first tenth is the warm-up and left out."""
        count = max(int(rate_per_s * length_s * 1.1), 10)
        gaps = self.generator.exponential(1 / rate_per_s, count)
        walk = np.concatenate(([0.0], np.cumsum(1 / capacity_per_s - gaps)))
        waits = walk - np.minimum.accumulate(walk)
        responses: Floats = waits[count // 11 : -1] + 1 / capacity_per_s
        return responses

    def __call__(self, rate_per_s: float, purpose: str) -> JudgedStep:
        length_s = self.lengths_s[purpose]
        at_s = self.clock.now_ns() / 1e9
        self.runs.append((rate_per_s, purpose))
        self.clock.advance_ns(int((length_s + 3) * 1e9))
        if rate_per_s > self.ceiling_per_s:
            return JudgedStep(rate_per_s=rate_per_s, purpose=purpose, margin=None, worst="", generator=True, at_s=at_s)
        capacity_per_s = self.capacity_per_s * (self.speed(at_s, len(self.runs)) if self.speed else 1.0)
        responses = self.responses_s(rate_per_s, length_s, capacity_per_s)
        p50, p90, p99, p99_9 = np.quantile(responses, (0.5, 0.9, 0.99, 0.999)) * self.generator.lognormal(0, self.noise)
        margin = min(max(math.log(p99 / self.bound_s), -2.0), 2.0)
        return JudgedStep(
            rate_per_s=rate_per_s,
            purpose=purpose,
            margin=margin if rate_per_s < 1.01 * capacity_per_s else 2.0,
            worst="response.p99<10ms",
            response_us={"p50": p50 * 1e6, "p90": p90 * 1e6, "p99": p99 * 1e6, "p99_9": p99_9 * 1e6},
            limited_by="plan",
            at_s=at_s,
            length_s=length_s,
        )
