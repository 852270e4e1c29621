"""`python -m bench serializers --paired-check`: is the paired test itself to be trusted, here, today?

Goal: the two ways to be wrong, counted on this machine: a planted slow-down of 10 % that is not found, and the same
code twice that is said to differ.
Place: beside `paired.py`, whose verdicts are counted; writes `paired-check.json`.
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.cases import Case
from bench.paired import ALPHA, Verdict, judge, spawn_round
from bench.record import EXIT_NOT_VALID, package_versions, write_whole

TRIALS = 10
PLANTED = 0.10
MOST_FLAGGED = 1
"""Of ten verdicts on the same code twice. At α = 1 % two or more come about 4 times in a thousand."""


class Checked(NamedTuple):
    """Verdicts on the case against itself, slowed down by `share` and not."""

    share: float
    planted: list[Verdict]
    same: list[Verdict]

    @property
    def found(self) -> int:
        """Planted slow-downs that were told."""
        return sum(verdict.differs and verdict.ratio > 1 for verdict in self.planted)

    @property
    def flagged(self) -> int:
        """Differences told where there are none."""
        return sum(verdict.differs for verdict in self.same)

    @property
    def holds(self) -> bool:
        """All that was planted is found, and next to nothing else."""
        return self.found == len(self.planted) and self.flagged <= MOST_FLAGGED


def checked(case: Case, rounds: int, trials: int = TRIALS, share: float = PLANTED) -> Checked:
    """Verdicts in turns with and without a planted slow-down, every round a process with a seed of its own."""
    planted: list[Verdict] = []
    same: list[Verdict] = []
    for trial in range(trials):
        for verdicts, slowed in ((planted, share), (same, 0.0)):
            seeds = range(trial * rounds, (trial + 1) * rounds)
            verdict = judge([spawn_round(case, case, slowed, seed) for seed in seeds])
            verdicts.append(verdict)
            print(f"{slowed:+.0%}  ratio {verdict.ratio:.3f}  p {verdict.p:.4f}", file=sys.stderr)
    return Checked(share, planted, same)


def main(case: Case, rounds: int, folder: Path) -> int:
    """Count, write and print; exit code 0, or 5 when the test is not to be trusted."""
    result = checked(case, rounds)
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "command": f"python -m bench serializers --paired-check '{case.name}' --rounds {rounds}",
        "alpha": ALPHA,
        "found": result.found,
        "flagged": result.flagged,
        "trials_each": TRIALS,
        "versions": package_versions(),
        **msgspec.to_builtins(result._asdict()),
    }
    write_whole(folder / "paired-check.json", json.dumps(record, indent=1) + "\n")
    print(f"{case.name}, {rounds} rounds a verdict, α = {ALPHA}")
    print(f"  {PLANTED:.0%} planted: found in {result.found} of {TRIALS} verdicts")
    print(f"  the same code twice: flagged in {result.flagged} of {TRIALS}, at most {MOST_FLAGGED} is right")
    return 0 if result.holds else EXIT_NOT_VALID
