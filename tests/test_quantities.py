"""Quantities as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.quantities import Rate, parse_bytes, parse_count, parse_duration_s, parse_range, parse_rate

RATES = [
    ("200k/s", Rate("events", 200_000)),
    ("200000", Rate("events", 200_000)),
    ("50/1s", Rate("events", 50)),
    ("6000/m", Rate("events", 100)),
    ("5/10ms", Rate("events", 500)),
    ("80MiB/s", Rate("bytes", 80 * 1024 * 1024)),
    ("70%", Rate("percent", 70)),
    ("max", Rate("max")),
    ("-1", Rate("max")),
]


@pytest.mark.parametrize(("text", "expected"), RATES)
def test_rates_are_read_as_they_are_meant(text: str, expected: Rate) -> None:
    """Every form of a rate that the contract names is understood."""
    assert parse_rate(text) == expected


@pytest.mark.parametrize(
    "text", ["200q/s", "-5", "0", "", "k/s", "1e9999", "0%", "300%", "5/0s", "9999999999/s", "nan", "0MiB/s"]
)
def test_bad_rates_are_refused_in_words(text: str) -> None:
    """A rate that is none says so, and what would be one."""
    with pytest.raises(ValueError, match=r"rate|above 0"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("1m30s", 90), ("500ms", 0.5), ("2h", 7200), ("45", 45), ("1h5m", 3900)]
)
def test_durations(text: str, seconds: float) -> None:
    """Times are read with and without units."""
    assert parse_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["0s", "-1s", "5 parsecs", "s", "1s2", "400d", "99999999999h"])
def test_bad_durations(text: str) -> None:
    """A time of nothing, of another unit or beyond a year is refused."""
    with pytest.raises(ValueError, match=r"time|above 0"):
        parse_duration_s(text)


@pytest.mark.parametrize(("text", "size"), [("512", 512), ("16KiB", 16384), ("1MB", 10**6), ("50GiB", 50 << 30)])
def test_sizes(text: str, size: int) -> None:
    """Binary and decimal units are told apart."""
    assert parse_bytes(text) == size


@given(st.integers(0, 10**12))
def test_counts_survive_their_own_text(count: int) -> None:
    """A plain number is itself."""
    assert parse_count(str(count)) == count


@pytest.mark.parametrize("text", ["0-5", "5-1", "1-", "a", "1-1001"])
def test_bad_ranges(text: str) -> None:
    """A range rises and starts at 1."""
    with pytest.raises(ValueError, match=r"range|within"):
        parse_range(text)
