"""One step of a search: a run judged by the SLO, and by whether it may be judged."""

import math
from typing import Any

import numpy as np
import pytest

from loadgen.experiments.step import MOST_MARGIN, judge_step, margin_of
from loadgen.slo import parse_rule
from tests.judge.simulated import open_result

RULES = [parse_rule("response.p99<10ms")]


def step_of(rules=RULES, seconds: list[float] | None = None, **changes: Any):  # type: ignore[no-untyped-def]
    rows = [{"phase": "measured", "p99_us": second} for second in seconds or []]
    return judge_step(open_result(**changes), rows, rules, 50_000.0)


@pytest.mark.parametrize(("p99_us", "held"), [(5_000.0, True), (9_999.0, True), (10_000.0, False), (20_000.0, False)])
def test_the_margin_is_the_logarithm_of_measured_over_bound(p99_us: float, held: bool) -> None:
    """Below 0 is met; twice the bound is ln 2; at the bound, `<` is missed."""
    latency = {"p50": 1e3, "p90": 2e3, "p99": p99_us, "p99_9": None}
    step = step_of(**{"latency_us.response": latency})

    assert step.held is held
    assert step.margin == pytest.approx(math.log(p99_us / 10_000), abs=1e-6)
    assert step.response_us["p99"] == p99_us


def test_the_worst_of_several_rules_decides() -> None:
    """Each rule's own distance from its bound; the name of the worst is kept."""
    rules = [*RULES, parse_rule("service.p50<1ms"), parse_rule("messages.failed_ratio<0.01")]
    step = step_of(rules, **{"messages.failed_ratio": 0.02})

    assert step.worst == "messages.failed_ratio<0.01"
    assert step.margin == pytest.approx(math.log(2))


def test_a_rate_that_the_cluster_did_not_take_is_above_whatever_its_latency() -> None:
    """Achieved 95 % with the broker as the limit: overloaded, by far."""
    step = step_of(**{"throughput.achieved_ratio": 0.95, "verdict.limited_by": "broker"})

    assert (step.overloaded, step.margin, step.worst) == (True, MOST_MARGIN, "the rate itself")


def test_a_rate_that_this_host_did_not_offer_says_nothing() -> None:
    """The generator as the limit: no margin, although the run is marked invalid for just that."""
    step = step_of(**{"throughput.achieved_ratio": 0.8, "verdict.limited_by": "generator", "verdict.valid": False})

    assert (step.generator, step.margin, step.invalid, step.held) == (True, None, None, False)


def test_a_run_that_is_invalid_for_another_reason_cannot_be_judged() -> None:
    """A lost worker, an open ledger: its own message is kept."""
    doubts = [{"code": "worker_lost", "message": "worker 1 was killed", "invalid": True}]
    step = step_of(**{"verdict.valid": False, "verdict.doubts": doubts})

    assert (step.margin, step.invalid) == (None, "worker 1 was killed")


@pytest.mark.parametrize(
    ("seconds", "settled"),
    [([5e3] * 60, True), ([1e3 * 1.05**i for i in range(60)], False), ([1e3, 9e3] * 30, True), ([5e3] * 4, True)],
)
def test_a_latency_that_keeps_growing_is_not_settled(seconds: list[float], settled: bool) -> None:
    """Flat or alternating seconds are; seconds that grow through the whole run are not."""
    assert step_of(seconds=seconds).settled is settled


def test_a_run_whose_acknowledgements_never_settle_is_not_settled() -> None:
    """A rate that climbs for most of 100 s has no steady part; a flat one has."""
    generator = np.random.default_rng(1)
    for climbing in (True, False):
        level = [min(1.0, 0.3 + i / 110) if climbing else 1.0 for i in range(100)]
        rows = [{"phase": "measured", "acked_per_s": 5e4 * x * generator.lognormal(0, 0.01)} for x in level]

        assert judge_step(open_result(), rows, RULES, 50_000.0).settled is not climbing


def test_seconds_of_two_levels_are_told() -> None:
    """Every third second ten times slower."""
    seconds = [50e3 if i % 3 == 0 else 5e3 + i for i in range(60)]

    assert "two levels" in str(step_of(seconds=seconds).levels)
    assert step_of(seconds=[5e3 + i for i in range(60)]).levels is None


@pytest.mark.parametrize(
    ("rule", "value", "margin"),
    [
        ("response.p99<10ms", None, MOST_MARGIN),
        ("response.p99<10ms", math.nan, MOST_MARGIN),
        ("response.p99<10ms", 1.0, -MOST_MARGIN),
        ("messages.failed_ratio<0.01", 0.0, -MOST_MARGIN),
        ("throughput.achieved_ratio>=0.99", 0.99, -1e-9),
        ("throughput.achieved_ratio>=0.99", 0.495, math.log(2)),
    ],
)
def test_margins_at_the_ends(rule: str, value: float | None, margin: float) -> None:
    """What is not there misses; 0 of something bad is met; no margin is infinite."""
    assert margin_of(parse_rule(rule), value) == pytest.approx(margin)
