"""Two samples that were not paired: the exact Mann–Whitney test, the shift between them and its interval.

For stored runs that were never interleaved, where pairing would be invented. It assumes that runs of one side are
exchangeable and independent; a machine that drifted between the two sides breaks that, which is why `gate` pairs and
this only compares. The unit is the run. The null distribution of U is counted exactly without ties; ties make the
p-value larger than it had to be, never smaller. The shift is Hodges and Lehmann's: the median of all differences.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
import numpy.typing as npt

from loadgen.errors import NotValid
from loadgen.report.result import Doubt

Floats = npt.NDArray[np.float64]
MAX_EXACT = 200  # runs a side; beyond it the count of arrangements takes seconds


class Unpaired(msgspec.Struct, frozen=True, kw_only=True):
    """What two samples say about the second minus the first.

    Attributes:
        shift, low, high: in the values' unit; ±inf where the samples are too small for a bound.
        p: two-sided.
        resolution: the smallest p that samples of these sizes could give.
    """

    n_first: int
    n_second: int
    shift: float
    low: float
    high: float
    confidence: float
    p: float
    resolution: float
    doubts: list[Doubt]


@lru_cache(maxsize=64)
def _cumulative(n_first: int, n_second: int) -> Floats:
    """P(U ≤ u) for u = 0 … n·m under the null, by the recurrence of Gaussian binomial coefficients."""
    counts = np.zeros(n_first * n_second + 1)
    counts[0] = 1.0
    for step in range(1, n_first + 1):
        grown = counts.copy()
        # times (1 − q^(m+step)), then divided by (1 − q^step): exact in integers, kept in floats by scaling
        shift = n_second + step
        if shift < len(grown):
            grown[shift:] -= counts[:-shift]
        for residue in range(step):
            grown[residue::step] = np.cumsum(grown[residue::step])
        counts = grown
    cumulative = np.cumsum(np.maximum(counts, 0.0))
    result: Floats = cumulative / cumulative[-1]
    return result


def unpaired(first: Sequence[float] | Floats, second: Sequence[float] | Floats, confidence: float = 0.95) -> Unpaired:
    """Shift from the first sample to the second, with interval and two-sided p.

    Raises:
        NotValid: an empty sample, a value that is not finite, or more than MAX_EXACT values a side.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if not len(a) or not len(b) or not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise NotValid("a comparison needs at least one finite value on each side")
    if max(len(a), len(b)) > MAX_EXACT:
        raise NotValid(f"{max(len(a), len(b))} runs on one side; a comparison takes at most {MAX_EXACT}: name fewer")
    cumulative = _cumulative(min(len(a), len(b)), max(len(a), len(b)))
    differences = np.sort((b[:, None] - a[None, :]).ravel())
    above = float((differences > 0).sum() + 0.5 * (differences == 0).sum())
    smaller = math.ceil(min(above, len(differences) - above))
    p = min(1.0, 2.0 * float(cumulative[smaller]))
    # ranks c and n·m − 1 − c enclose the shift unless U ≤ c, on either side
    rank = int(np.searchsorted(cumulative, (1 - confidence) / 2, side="right")) - 1
    bounded = rank >= 0
    doubts = []
    if not bounded:
        doubts.append(
            Doubt(
                "few_runs",
                f"{len(a)} and {len(b)} runs cannot tell a difference at {confidence:.0%}",
                "at least 4 runs a side (sweep --repeat, or gate)",
            )
        )
    return Unpaired(
        n_first=len(a),
        n_second=len(b),
        shift=float(np.median(differences)),
        low=float(differences[rank]) if bounded else -math.inf,
        high=float(differences[len(differences) - 1 - rank]) if bounded else math.inf,
        confidence=confidence,
        p=p,
        resolution=min(1.0, 2.0 * float(cumulative[0])),
        doubts=doubts,
    )
