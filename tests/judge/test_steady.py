"""MSER-5: where a series is steady."""

import numpy as np
import pytest

from loadgen.judge.steady import steady_part


def ramped(generator: np.random.Generator, windows: int, ramp: int, noise: float = 0.03) -> np.ndarray:  # type: ignore[type-arg]
    """A rate that climbs from 40 % to 100 % over `ramp` windows, with noise."""
    rate = 1 + generator.normal(0, noise, windows)
    rate[:ramp] -= 0.6 * (1 - np.arange(ramp) / ramp)
    return rate


@pytest.mark.parametrize("windows", [200, 300])
def test_the_mean_after_the_cut_is_the_true_one(windows: int) -> None:
    """H11: of 200 series with a ramp of unknown length, at least 95 % give the steady mean within 1 %."""
    generator = np.random.default_rng(windows)
    parts = [steady_part(ramped(generator, windows, int(generator.integers(5, windows * 0.35)))) for _ in range(200)]

    good = [part.mean is not None and abs(part.mean - 1) <= 0.01 for part in parts]

    assert sum(good) >= 190


@pytest.mark.parametrize("windows", [100, 200, 600])
def test_a_flat_series_is_steady(windows: int) -> None:
    """At most 5 of 100 flat series are called unsteady."""
    generator = np.random.default_rng(windows)
    cuts = [steady_part(1 + generator.normal(0, 0.05, windows)).cut for _ in range(200)]

    assert cuts.count(None) <= 10


@pytest.mark.parametrize("shape", ["ramp over four fifths", "drift", "step late"])
def test_a_series_that_settles_late_has_no_steady_state(shape: str) -> None:
    """What changes until the last half cannot be gated on: none of 100 series gives a mean."""
    generator = np.random.default_rng(1)
    for _ in range(100):
        series = {
            "ramp over four fifths": ramped(generator, 200, 160),
            "drift": ramped(generator, 200, 5) + np.linspace(0, 0.4, 200),
            "step late": 1 + generator.normal(0, 0.03, 200) - 0.3 * (np.arange(200) < 140),
        }[shape]
        part = steady_part(series)

        assert (part.cut, part.mean) == (None, None)
        assert [doubt.code for doubt in part.doubts] == ["no_steady_state"]


def test_too_few_windows_are_told_apart_from_unsteady_ones() -> None:
    """59 windows cannot tell; the doubt says how many can."""
    part = steady_part([1.0] * 59)

    assert part.cut is None
    assert "60 can" in part.doubts[0].message


def test_a_constant_series_is_steady_from_the_start() -> None:
    """No variation at all: nothing is cut, whatever the level."""
    for level in (0.0, 5.0, 1e9):
        part = steady_part([level] * 100)

        assert (part.cut, part.mean) == (0, level)
