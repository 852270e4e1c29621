"""The search over settings: how near it comes to the best, in which order it tries, what it remembers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.search.simulated import BOUND_US, tuner
from bench.search.surface import SPACE, START, Surface
from loadgen.experiments.grid import Combination, Parameter
from loadgen.experiments.pareto import AXES, front
from loadgen.experiments.trial import Trial, Trials
from loadgen.experiments.tune import STARTUP_TRIALS, Tuner

SMALL = [Parameter("linger.ms", ("0", "5", "20", "50")), Parameter("compression.type", ("none", "lz4", "zstd"))]
SMALL_START = {"linger.ms": "5", "compression.type": "none"}


@pytest.mark.parametrize("bound_us", [None, BOUND_US])
def test_sixty_trials_come_near_the_best_of_eighteen_thousand(bound_us: float | None) -> None:
    """Within 3 % of the exhaustive optimum, and better than as many random trials; the slow one does it ten times."""
    assert tuner(1, bound_us)["holds"]


@pytest.mark.slow
@pytest.mark.parametrize("bound_us", [None, BOUND_US])
def test_nine_of_ten_searches_come_within_three_per_cent(bound_us: float | None) -> None:
    """60 trials, eight settings that interact, 1.5 % noise, with an SLO and without; the mean is above random search's."""
    assert tuner(10, bound_us)["holds"]


class Law:
    """Trials whose objective follows a law of the combination, without noise; keeps what was asked."""

    def __init__(self, changes: dict[str, Any] | None = None) -> None:
        self.asked: list[Combination] = []
        self.changes = changes or {}

    def __call__(self, combination: Combination, best: Trial | None) -> Trial:
        self.asked.append(combination)
        rate = (
            1e5
            * (1 + float(combination["linger.ms"]) / 100)
            * {"none": 1, "lz4": 1.4, "zstd": 1.2}[combination["compression.type"]]
        )
        return Trial(**{"combination": combination, "values": {"rate_per_s": rate}, "margin": -1.0, **self.changes})


def small(law: Law, **changes: Any) -> Tuner:
    return Tuner(SMALL, "throughput", law, **{"start": SMALL_START, "seed": 3, **changes})


def test_the_users_own_settings_come_first_then_what_is_known() -> None:
    """The thing to beat is trial 1, a profile trial 2; the origin of each is kept."""
    law = Law()
    tuner = small(law, known=[("high-throughput", {"linger.ms": "50", "compression.type": "lz4"})])
    best = tuner.search(8)

    assert law.asked[0] == SMALL_START and law.asked[1] == {"linger.ms": "50", "compression.type": "lz4"}
    assert [trial.origin for trial in tuner.trials.all[:3]] == ["start", "high-throughput", "spread"]
    assert best is not None and best.combination == {"linger.ms": "50", "compression.type": "lz4"}


def test_the_first_trials_try_every_value() -> None:
    """A Latin hypercube: after the start-up trials no value of any setting is untried."""
    law = Law()
    small(law).search(STARTUP_TRIALS + 1)

    for parameter in SMALL:
        assert {each[parameter.name] for each in law.asked} == set(parameter.values)


def test_a_space_that_is_used_up_ends_no_search() -> None:
    """Twelve combinations, thirty trials: all are tried, the rest repeats, and nothing fails."""
    law = Law()
    best = small(law).search(30)

    assert len(law.asked) == 30 and len({str(sorted(each.items())) for each in law.asked}) == 12
    assert best is not None and best.combination == {"linger.ms": "50", "compression.type": "lz4"}


def test_the_last_trials_repeat_the_best() -> None:
    """The luckiest of many noisy trials is lucky: the three best are run again, and the median counts."""
    tuner = Tuner(SPACE, "throughput", Surface(1, noise=0.1), start=START, seed=1)
    best = tuner.search(30)

    assert [trial.origin for trial in tuner.trials.all[-3:]] == ["repeat"] * 3
    assert best is not None


def test_a_search_that_ended_early_goes_on_with_what_it_had() -> None:
    """Trials of the record are told and not run again."""
    first = small(Law())
    first.search(7)
    law = Law()
    again = small(law)
    again.search(10, done=first.trials.all)

    assert len(law.asked) == 3 and SMALL_START not in law.asked
    assert again.trials.all[:7] == first.trials.all


def test_enough_ends_the_search() -> None:
    """What the budget says is asked before every trial."""
    law = Law()
    small(law).search(50, enough=lambda: len(law.asked) >= 4)

    assert len(law.asked) == 4


@pytest.mark.parametrize("changes", [{"complaint": "worker lost"}, {"pruned": True}, {"values": {}}])
def test_what_cannot_be_judged_is_never_the_best(changes: dict[str, Any]) -> None:
    """A broken trial, one that was ended early, one without the objective: no best of only such."""
    assert small(Law(changes)).search(12) is None


def test_what_misses_the_slo_loses_to_what_meets_it() -> None:
    """The faster one misses: the slower is the best; of two that miss, the one that misses by less."""
    trials = Trials("throughput")

    def add(linger: str, rate: float, margin: float) -> None:
        trials.all.append(Trial(combination={"linger.ms": linger}, values={"rate_per_s": rate}, margin=margin))

    add("5", 3e5, 0.4)
    add("20", 2e5, 0.2)
    assert trials.ranked()[0] == {"linger.ms": "20"}
    add("50", 1e5, -0.1)
    assert trials.ranked()[0] == {"linger.ms": "50"}


points = st.lists(st.fixed_dictionaries({axis: st.integers(1, 6).map(float) for axis in AXES}), min_size=1, max_size=25)


@given(points)
def test_the_front_is_what_no_other_beats(points: list[dict[str, float]]) -> None:
    """Nothing on it is dominated; everything off it is dominated, or the same as a point on it."""

    def dominates(one: dict[str, float], other: dict[str, float]) -> bool:
        a, b = ([-each[axis] if more else each[axis] for axis, more in AXES.items()] for each in (one, other))
        return all(x <= y for x, y in zip(a, b, strict=True)) and a != b

    on = [points[index] for index in front(points)]

    assert on
    assert not any(dominates(other, each) for each in on for other in points)
    assert all(each in on or any(dominates(other, each) for other in on) for each in points)
