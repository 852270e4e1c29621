"""The sign-flip test: exact, symmetric, with an interval that covers."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from bench.gates.simulated import drifting_pairs
from loadgen.errors import NotValid
from loadgen.judge.stats import SignFlips, log_ratios, paired

LOGS = st.lists(st.floats(-2, 2).map(lambda x: round(x, 6)), min_size=1, max_size=10)


@given(LOGS)
def test_p_is_the_share_of_sign_flips_that_reach_as_far(values: list[float]) -> None:
    """All 2ⁿ flips counted one by one give the same p; where sizes tie, ours is at least as large."""
    sizes = np.abs(np.asarray(values))
    first, second = np.triu_indices(len(values))
    flipped = np.array(list(itertools.product([-1, 1], repeat=len(values)))) * sizes
    positive = ((flipped[:, first] + flipped[:, second]) / 2 > 1e-9).sum(axis=1)
    reached = int(((np.asarray(values)[first] + np.asarray(values)[second]) / 2 > 1e-9).sum())
    counted = float((positive >= reached).mean())

    told = paired(values).p_higher

    if len(set(sizes)) == len(sizes) and 0 not in sizes:
        assert told == pytest.approx(counted)
    else:
        assert told >= counted - 1e-12


@pytest.mark.parametrize("pairs", [3, 7, 12, 16, 40])
@pytest.mark.parametrize("shift", [-0.03, 0.0, 0.02])
def test_p_is_scipys(pairs: int, shift: float) -> None:
    """Both one-sided p-values are scipy's exact ones."""
    values = np.random.default_rng(pairs).normal(shift, 0.05, pairs)

    told = paired(values)

    for p, alternative in ((told.p_higher, "greater"), (told.p_lower, "less")):
        assert p == pytest.approx(scipy_stats.wilcoxon(values, alternative=alternative, method="exact").pvalue)


@given(LOGS, LOGS)
def test_swapping_the_variants_negates_the_ratio_to_the_last_bit(a: list[float], b: list[float]) -> None:
    """G10: centre and bounds change sign exactly, the two p-values change places."""
    n = min(len(a), len(b))
    first, second = list(np.exp(a[:n])), list(np.exp(b[:n]))

    there, back = paired(log_ratios(first, second)), paired(log_ratios(second, first))

    assert (there.log_ratio, there.log_low, there.log_high) == (-back.log_ratio, -back.log_high, -back.log_low)
    assert (there.p_higher, there.p_lower, there.spread) == (back.p_lower, back.p_higher, back.spread) or n == 1


@given(st.lists(st.floats(-2, 2), min_size=6, max_size=12), st.sampled_from([0.5, 0.1, 0.05, 0.02]))
def test_the_interval_is_what_the_test_does_not_reject(values: list[float], error: float) -> None:
    """Inversion: just outside a bound the one-sided test rejects, just inside it does not."""
    flips = SignFlips(values)
    lower, upper = flips.lower(error), flips.upper(error)
    if not math.isfinite(lower):
        return
    step = 1e-6

    assert flips.p_above(lower - step) <= error < flips.p_above(lower + step)
    assert flips.p_below(upper + step) <= error < flips.p_below(upper - step)


@given(st.lists(st.floats(-2, 2), min_size=6, max_size=14))
def test_the_centre_lies_in_the_interval(values: list[float]) -> None:
    """Hodges and Lehmann's centre is never outside of the bounds told with it."""
    told = paired(values)

    assert told.log_low - 1e-12 <= told.log_ratio <= told.log_high + 1e-12


@pytest.mark.parametrize(("pairs", "bounded"), [(1, False), (3, False), (5, False), (6, True)])
def test_too_few_pairs_have_no_bound_and_say_so(pairs: int, bounded: bool) -> None:
    """Six pairs are the first that can bound a ratio at 95 %; fewer are told as unbounded, with how many it takes."""
    told = paired([0.1 + 0.01 * pair for pair in range(pairs)])

    assert math.isfinite(told.log_low) is math.isfinite(told.log_high) is bounded
    assert ("few_pairs" in {doubt.code for doubt in told.doubts}) is not bounded


def test_hundreds_of_pairs_are_counted_and_a_hundred_thousand_refused() -> None:
    """All flips of 400 pairs are counted, with a p that is not 0; a file of 100,000 pairs is refused with the bound."""
    told = paired(np.random.default_rng(3).normal(0.5, 0.05, 400))

    assert told.p_higher == told.resolution > 0
    with pytest.raises(NotValid, match="at most 1000"):
        paired(np.zeros(100_000))


def test_the_spread_is_the_standard_deviation_that_wild_pairs_do_not_swell() -> None:
    """Over many samples of 16 it is the normal's σ within 3 %; one wild pair of them moves it by a third where it
    makes three and a half of the plain deviation.
    """
    generator = np.random.default_rng(4)
    calm = generator.normal(0, 0.05, (400, 16))
    wild = calm.copy()
    wild[:, 0] += 0.7

    assert np.mean([SignFlips(row).spread() for row in calm]) == pytest.approx(0.05, rel=0.03)
    assert np.mean([row.std(ddof=1) for row in wild]) > 0.17
    assert np.mean([SignFlips(row).spread() for row in wild]) < 0.07


def test_the_centre_ignores_one_wild_pair() -> None:
    """One pair ten times off moves the centre by less than the spread of the others, and is named."""
    calm = list(np.linspace(-0.02, 0.02, 11))

    told = paired([*calm, math.log(10)])

    assert abs(told.log_ratio) < 0.01
    assert [doubt.code for doubt in told.doubts] == ["outlier_pair"]
    assert "pair 12" in told.doubts[0].message


def test_no_variation_at_all_is_doubted() -> None:
    """Values that never vary are set, not measured; the test itself stays defined."""
    told = paired([0.0] * 8)

    assert (told.p_higher, told.p_lower) == (1.0, 1.0)
    assert [doubt.code for doubt in told.doubts] == ["no_variation"]


@pytest.mark.parametrize("wrong", [None, math.nan, math.inf, 0, 0.0, -3.0, "12", True])
@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_a_value_without_a_logarithm_is_not_valid(wrong: object, side: str) -> None:
    """Missing, NaN, infinite, zero or negative ends the comparison with exit 5 and names variant and pair."""
    values = {"baseline": [1.0, 2.0], "candidate": [1.0, 2.0]}
    values[side] = [1.0, wrong]  # type: ignore[list-item]

    with pytest.raises(NotValid, match=f"acked of {side}, pair 2") as caught:
        log_ratios(values["baseline"], values["candidate"], "acked")

    assert caught.value.exit_code == 5


def test_a_pair_needs_both_runs() -> None:
    """One run more on one side is an error, not a pair less."""
    with pytest.raises(NotValid, match="2 baseline runs, 1 candidate"):
        log_ratios([1.0, 2.0], [1.0])


def test_hodges_lehmann_is_the_median_of_pairwise_means() -> None:
    """By hand: means of 1, 2, 6 in twos and alone are 1 1.5 2 3.5 4 6."""
    assert SignFlips([1.0, 2.0, 6.0]).centre == 2.75


def test_the_interval_covers_the_truth_under_drift_outliers_and_skew() -> None:
    """G4: of 2,000 simulated gates of 10 pairs with AR(1) drift, 5 % outliers and three noises, 93 to 97 % of the
    95 % intervals hold the true ratio; of a lognormal p99 as well.
    """
    generator = np.random.default_rng(20261123)
    truth, hits, total = -0.05, 0, 0
    for noise in (0.02, 0.05, 0.15):
        baseline, candidate = drifting_pairs(generator, 500, 10, noise=noise, change=truth)
        for ratios in candidate - baseline:
            flips = SignFlips(ratios)
            hits += flips.lower(0.025) <= truth <= flips.upper(0.025)
            total += 1
    skewed = generator.lognormal(truth, 0.3, (500, 10)) / generator.lognormal(0.0, 0.3, (500, 10))
    for ratios in np.log(skewed):
        flips = SignFlips(ratios)
        hits += flips.lower(0.025) <= truth <= flips.upper(0.025)
        total += 1

    assert total == 2_000
    assert 0.93 <= hits / total <= 0.97
