"""Holm's step-down."""

from hypothesis import given
from hypothesis import strategies as st

from loadgen.judge.holm import holm


def test_the_textbook_example() -> None:
    """Smallest times three, next times two, the last as it is, never falling."""
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]


@given(st.lists(st.floats(0, 1), max_size=8))
def test_adjusted_p_values_keep_order_and_bounds(p_values: list[float]) -> None:
    """Never below the plain p, never above Bonferroni's or 1, in the same order."""
    adjusted = holm(p_values)

    for plain, told in zip(p_values, adjusted, strict=True):
        assert plain <= told <= min(1.0, len(p_values) * max(p_values)) + 1e-15
    assert sorted(adjusted) == [adjusted[i] for i in sorted(range(len(p_values)), key=lambda i: p_values[i])]
