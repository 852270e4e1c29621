"""Do two full runs say the same? Their medians side by side, case by case.

Place: `python -m bench serializers --agree FOLDER FOLDER`, on two folders of the same machine.
"""

from pathlib import Path
from typing import NamedTuple

from bench.record import EXIT_NOT_VALID
from bench.serializer_rows import Row, read_rows
from loadgen.errors import UsageError

BOUNDS = ((0.05, 0.80), (0.10, 0.95))
"""Medians within 5 % for four cases in five, within 10 % for nineteen in twenty."""


class Agreement(NamedTuple):
    """How far apart the medians are: larger ÷ smaller − 1, by case, and the shares within each bound."""

    apart: dict[str, float]
    shares: list[float]

    @property
    def holds(self) -> bool:
        """Whether the bounds are met."""
        return all(share >= wanted for share, (_, wanted) in zip(self.shares, BOUNDS, strict=True))


def agreement(first: list[Row], second: list[Row]) -> Agreement:
    """Compare the cases that both runs have timed.

    Raises:
        ValueError: they have none in common.
    """
    medians = {row.case: row.median_ns for row in second if row.median_ns}
    apart = {}
    for row in first:
        if row.median_ns and (other := medians.get(row.case)):
            apart[row.case] = max(row.median_ns, other) / min(row.median_ns, other) - 1
    if not apart:
        raise ValueError("no case was timed in both")
    shares = [sum(value <= bound for value in apart.values()) / len(apart) for bound, _ in BOUNDS]
    return Agreement(apart, shares)


def main(first: Path, second: Path) -> int:
    """Print the shares and the cases furthest apart; exit code 0 when the bounds hold, 5 when they do not.

    Raises:
        UsageError: a folder without rows, or two without a case in common.
    """
    try:
        found = agreement(read_rows(first), read_rows(second))
    except (OSError, ValueError) as error:
        raise UsageError(f"--agree {first} {second}: {error}") from error
    for share, (bound, wanted) in zip(found.shares, BOUNDS, strict=True):
        print(f"medians within {bound:.0%}: {share:.0%} of {len(found.apart)} cases, {wanted:.0%} wanted")
    for case, apart in sorted(found.apart.items(), key=lambda pair: -pair[1])[:5]:
        print(f"  {case:44} {apart:.1%} apart")
    return 0 if found.holds else EXIT_NOT_VALID
