"""Student's t in closed form, against scipy."""

import pytest
from scipy import stats

from loadgen.judge.student import shift_for, student_cdf, student_quantile


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 11, 15, 40, 99])
@pytest.mark.parametrize("t", [-6.0, -1.3, 0.0, 0.4, 2.2, 9.0])
def test_the_distribution_is_scipys(t: float, degrees: int) -> None:
    """The finite series is the distribution itself, not an approximation."""
    assert student_cdf(t, degrees) == pytest.approx(stats.t.cdf(t, degrees), abs=1e-12)


@pytest.mark.parametrize("degrees", [1, 2, 5, 11, 15, 60])
@pytest.mark.parametrize("probability", [0.0005, 0.05, 0.5, 0.9, 0.975, 0.9995])
def test_the_quantile_is_scipys(probability: float, degrees: int) -> None:
    """Bisection ends where scipy's quantile is."""
    assert student_quantile(probability, degrees) == pytest.approx(
        stats.t.ppf(probability, degrees), rel=1e-7, abs=1e-9
    )


@pytest.mark.parametrize("degrees", [6, 11, 15, 30])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_the_shift_gives_the_share_to_two_points(share: float, degrees: int) -> None:
    """By scipy's noncentral t the shift is exceeded as often as asked, within the two points claimed."""
    t = student_quantile(0.99, degrees)

    assert stats.nct.sf(t, degrees, shift_for(share, t, degrees)) == pytest.approx(share, abs=0.02)


def test_a_quantile_outside_the_distribution_is_refused() -> None:
    """0, 1 and no degree of freedom are errors, not infinities."""
    for probability, degrees in ((0.0, 5), (1.0, 5), (0.5, 0)):
        with pytest.raises(ValueError, match="no quantile"):
            student_quantile(probability, degrees)
