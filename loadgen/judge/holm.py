"""Several metrics, one promise: Holm's step-down, so that all metrics together raise a false alarm at most α.

No assumption about how the metrics depend on each other (Holm, Scand. J. Statist. 1979).
"""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the order given: reject those at or below α, and no family is wrong more often than α."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
