"""`python -m bench serializers --paired CASE CASE`: does the second take another time than the first?

Goal: a verdict that holds. A round is a process of its own in which both cases are timed in turns, so whatever slows
a machine slows both; its one number is the logarithm of the ratio of their medians. Rounds are what repeats
independently (hash seed, memory layout), so rounds are what is tested: never the values within one.
Non-goal: how fast a case is; that is pyperf's part.
Place: called by `serializers.py`; the test is the gate's, `loadgen.judge.stats`.
"""

import json
import math
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.cases import Case, case_of, timer
from bench.libraries import add_from
from bench.record import EXIT_WRONG_DATA
from bench.verify import check
from loadgen.errors import UsageError
from loadgen.judge.stats import MAX_PAIRS, paired

TURNS = 8
"""Times that each case is timed in a round."""

TURN_S = 0.01

ALPHA = 0.01
LEAST_ROUNDS = 8  # 2 · 2⁻⁸ is the first two-sided p below 0.01


class Verdict(NamedTuple):
    """Second ÷ first: the estimate, its 95 % interval, and the two-sided p of no difference."""

    ratio: float
    low: float
    high: float
    p: float
    rounds: int

    @property
    def differs(self) -> bool:
        """At the level of 1 %."""
        return self.p < ALPHA


def main(first: Case, second: Case, rounds: int, planted: float, own_file: Path | None = None) -> int:
    """Run the rounds and print the verdict; exit code 0, or 4 when a case is not right.

    Args:
        first: what the second is compared with.
        second: may be the same case.
        rounds: a process each.
        planted: share of calls that the second is charged on top, to see whether the test finds it.
        own_file: where a user's libraries come from, for the rounds' processes.

    Raises:
        UsageError: rounds that can decide nothing, or too many.
    """
    if not LEAST_ROUNDS <= rounds <= MAX_PAIRS:
        raise UsageError(f"--rounds {rounds}: {LEAST_ROUNDS} … {MAX_PAIRS}; fewer cannot reach p < {ALPHA}")
    for case in (first, second):
        status, detail, _ = check(case)
        if status != "ok":
            print(f"{case.name}: {status}: {detail}")
            return EXIT_WRONG_DATA
    verdict = judge([spawn_round(first, second, planted, seed, own_file) for seed in range(rounds)])
    says = "differs" if verdict.differs else "no difference found"
    print(f"{second.name}  ÷  {first.name}" + (f"  (planted: {planted:+.0%})" if planted else ""))
    print(f"  ratio {verdict.ratio:.3f}, 95 % interval {verdict.low:.3f} … {verdict.high:.3f}, p = {verdict.p:.4f}")
    print(f"  {says} (paired sign-flip test over {rounds} rounds, α = {ALPHA})")
    return 0


def judge(log_ratios: Sequence[float]) -> Verdict:
    """The exact sign-flip test of log-ratios against zero, two-sided, and the interval that it inverts to."""
    found = paired(log_ratios)
    p = min(1.0, 2 * min(found.p_higher, found.p_lower))
    return Verdict(found.ratio, math.exp(found.log_low), math.exp(found.log_high), p, found.pairs)


def spawn_round(first: Case, second: Case, planted: float, seed: int, own_file: Path | None = None) -> float:
    """One round in a fresh process; the logarithm of second ÷ first.

    Raises:
        subprocess.CalledProcessError: the process failed; its words are on stderr.
    """
    task = json.dumps([first.name, second.name, planted, seed, own_file and str(own_file)])
    command = [sys.executable, "-m", "bench.paired", task]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def time_round(first: Case, second: Case, planted: float, seed: int) -> float:
    """Both cases in turns; the logarithm of their medians' ratio.

    Who is made and warmed up first is drawn from the seed, and in each turn who is timed first. The place matters: the
    same code is 0.3 % faster in the second one, always, which twelve rounds do find. Drawn, it favours neither, and
    the sign-flip test is exact.
    """
    draw = random.Random(seed)
    roles = [(first, 0.0), (second, planted)]
    if swapped := draw.random() < 0.5:
        roles.reverse()
    sides = [_Side(case, slowed) for case, slowed in roles]
    for _ in range(TURNS):
        for side in draw.sample(sides, 2):
            side.take_turn()
    log_ratio = math.log(sides[1].call_s() / sides[0].call_s())
    return -log_ratio if swapped else log_ratio


class _Side:
    """One of the two cases in a round; making it warms it up."""

    def __init__(self, case: Case, planted: float) -> None:
        self._time_calls = timer(case)
        self._calls = _calls(self._time_calls)
        self._charged = round(self._calls * (1 + planted))  # calls made and not counted: an exact slow-down
        self._turns_s: list[float] = []

    def take_turn(self) -> None:
        self._turns_s.append(self._time_calls(self._charged))

    def call_s(self) -> float:
        return median(self._turns_s) / self._calls


def _calls(time_calls: Callable[[int], float]) -> int:
    """How many calls fill a turn; finding out warms the case up."""
    calls = 1
    while (seconds := time_calls(calls)) < TURN_S / 2:
        calls = max(calls * 2, min(calls * 100, round(calls * TURN_S / max(seconds, 1e-7))))
    return calls


def _run_round(task: str) -> None:
    first, second, planted, seed, own_file = json.loads(task)
    if own_file:
        add_from(Path(own_file))
    print(time_round(case_of(first), case_of(second), planted, seed))


if __name__ == "__main__":
    _run_round(sys.argv[1])
