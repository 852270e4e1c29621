"""Two serializers are judged by rounds that repeat independently: real processes, and verdicts on made-up rounds."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import paired, paired_check
from bench.cases import Case
from bench.paired import judge, spawn_round, time_round
from bench.paired_check import Checked
from bench.samples import Shape
from loadgen.errors import UsageError

ENCODE = Case("encode", Shape(3), "msgspec")


def test_a_planted_slow_down_is_found() -> None:
    """Paired rounds in real processes: the same case charged twice its calls is told apart, with the right ratio."""
    verdict = judge([spawn_round(ENCODE, ENCODE, planted=1.0, seed=seed) for seed in range(8)])

    assert verdict.differs
    assert 1.7 < verdict.ratio < 2.3


@pytest.mark.slow
def test_ten_per_cent_are_found_and_nothing_is_not() -> None:
    """A planted 10 % is found in 12 rounds (α = 1 %), thrice; the same code twice is flagged at most once in ten."""
    assert paired_check.checked(ENCODE, rounds=12, trials=10).holds


def test_a_better_place_favours_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is made second is a tenth faster here: with the places drawn, rounds of equal cases go both ways alike,
    and a planted slow-down is charged to its case in either place."""
    made = 0

    def timer_by_place(_case: Case) -> Callable[[int], float]:
        nonlocal made
        made += 1
        each_s = 1e-6 * (0.9 if made % 2 == 0 else 1.0)
        return lambda calls: calls * each_s

    monkeypatch.setattr(paired, "timer", timer_by_place)
    same = [time_round(ENCODE, ENCODE, 0.0, seed) for seed in range(200)]
    planted = [time_round(ENCODE, ENCODE, 1.0, seed) for seed in range(200)]

    assert {round(abs(one), 6) for one in same} == {round(-math.log(0.9), 6)}
    assert 70 < sum(one > 0 for one in same) < 130
    assert all(one > math.log(1.7) for one in planted)


def test_verdicts_on_made_up_rounds() -> None:
    """12 rounds with 3 % of noise: 10 % is found nearly always, nothing is flagged about 1 % of the time, two-sided."""
    draw = random.Random(5)

    def flagged(truth: float, trials: int) -> int:
        return sum(judge([draw.gauss(truth, 0.03) for _ in range(12)]).differs for _ in range(trials))

    assert flagged(0.0, 1000) <= 20
    assert flagged(math.log(1.1), 200) >= 198
    assert flagged(-math.log(1.1), 200) >= 198


def test_the_other_way_round() -> None:
    """First ÷ second: the same p, ratio and interval turned over."""
    rounds = [0.08, 0.11, 0.09, 0.12, -0.01, 0.07, 0.13, 0.10]
    there, back = judge(rounds), judge([-one for one in rounds])

    assert back.p == there.p
    assert (back.ratio, back.low, back.high) == pytest.approx((1 / there.ratio, 1 / there.high, 1 / there.low))


def test_eight_rounds_one_way_are_the_least() -> None:
    """Eight that agree reach p = 2/256; fewer are refused, for they could decide nothing."""
    assert judge([0.1] * 8).p == pytest.approx(2 / 256)
    with pytest.raises(UsageError, match="--rounds 7: 8 …"):
        paired.main(ENCODE, ENCODE, 7, 0.0)


def test_a_wrong_case_is_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 4 with its reason."""
    assert paired.main(ENCODE, Case("encode", Shape(3), "none"), 8, 0.0) == 4
    assert "no library none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("planted_log", "noise_log", "code"), [(math.log(1.1), 0.001, 0), (0.0, 0.001, 5), (math.log(1.1), 0.02, 0)]
)
def test_the_check_counts_both_ways_to_be_wrong(
    planted_log: float, noise_log: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounds that show what was planted: exit 0; rounds that never do: exit 5. The record has every verdict."""
    draw = random.Random(2)

    def round_of(_first: Case, _second: Case, planted: float, _seed: int) -> float:
        return draw.gauss(planted_log if planted else 0.0, noise_log)

    monkeypatch.setattr(paired_check, "spawn_round", round_of)
    assert paired_check.main(ENCODE, 12, tmp_path) == code

    record = json.loads((tmp_path / "paired-check.json").read_text())
    assert (len(record["planted"]), len(record["same"])) == (10, 10)
    assert record["found"] == (10 if planted_log else 0)


def test_two_false_alarms_are_one_too_many() -> None:
    """At most once in ten the same code may be flagged."""
    found, nothing, alarm = judge([0.1] * 8), judge([0.1, -0.1] * 4), judge([-0.1] * 8)

    assert Checked(0.1, [found] * 10, [nothing] * 9 + [alarm]).holds
    assert not Checked(0.1, [found] * 10, [nothing] * 8 + [alarm] * 2).holds
    assert not Checked(0.1, [found] * 9 + [alarm], [nothing] * 10).holds
