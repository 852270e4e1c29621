"""Keys: each law holds, and each wrong spec is named."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from loadgen.errors import UsageError
from loadgen.events.keys import HOT_KEY, alias_table, key_function, key_text, parse_key_law

ID = b"7f3a9c21-0003-000000012345"
DRAWS = 40_000
UNLIKELY = 1e-4  # the seeds are fixed: a right law fails never, a wrong one always


def counts(spec: str, keys: int) -> list[int]:
    draw = key_function(spec, 5)
    found = Counter(draw(number, ID) for number in range(DRAWS))
    assert set(found) <= {key_text(rank) for rank in range(keys)}
    return [found[key_text(rank)] for rank in range(keys)]


def test_order_and_none() -> None:
    """`order` is the order id itself, `none` is no key."""
    assert key_function("order", 1)(7, ID) == ID
    assert key_function("none", 1)(7, ID) is None


@pytest.mark.parametrize("keys", [1, 2, 10, 97])
def test_uniform_is_uniform(keys: int) -> None:
    """Each of N keys is as likely as any other (chi-square), and there are no others."""
    found = counts(f"uniform:{keys}", keys)

    assert sum(found) == DRAWS
    assert keys == 1 or chisquare(found).pvalue > UNLIKELY


@pytest.mark.parametrize(("exponent", "keys"), [(0.0, 10), (0.7, 50), (1.0, 100), (1.5, 20), (3.0, 4)])
def test_zipf_follows_its_law(exponent: float, keys: int) -> None:
    """Key k is drawn in proportion to k^-S (chi-square)."""
    weights = [rank**-exponent for rank in range(1, keys + 1)]
    expected = [DRAWS * weight / sum(weights) for weight in weights]

    assert chisquare(counts(f"zipf:{exponent}:{keys}", keys), expected).pvalue > UNLIKELY


@pytest.mark.parametrize(("spec", "share"), [("hot:0", 0), ("hot:0.2", 0.2), ("hot:20%", 0.2), ("hot:1", 1.0)])
def test_hot_takes_its_share(spec: str, share: float) -> None:
    """That share of the records has the one hot key, within one in a hundred; the rest keep their order id."""
    draw = key_function(spec, 5)
    found = Counter(draw(number, ID) for number in range(DRAWS))

    assert set(found) <= {HOT_KEY, ID}
    assert abs(found[HOT_KEY] / DRAWS - share) < 0.01
    assert share not in (0, 1) or len(found) == 1


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60).filter(lambda weights: sum(weights) > 1e-3))
def test_an_alias_table_gives_back_its_weights(weights: list[float]) -> None:
    """Summed over columns, the table's probabilities are the weights' shares, to rounding."""
    stay, other = alias_table(weights)
    shares = [0.0] * len(weights)
    for column, probability in enumerate(stay):
        shares[column] += probability / len(weights)
        shares[other[column]] += (1 - probability) / len(weights)

    assert all(abs(share - weight / sum(weights)) < 1e-9 for share, weight in zip(shares, weights, strict=True))


@pytest.mark.parametrize("spec", ["uniform:1000", "zipf:1.1:1000", "hot:0.5"])
def test_keys_are_a_function_of_seed_and_number(spec: str) -> None:
    """The same seed and number give the same key in any order of asking; another seed gives others."""
    forwards, backwards, other = key_function(spec, 5), key_function(spec, 5), key_function(spec, 6)
    numbers = [*range(500), 10**12]

    assert [forwards(n, ID) for n in numbers] == [backwards(n, ID) for n in reversed(numbers)][::-1]
    assert [forwards(n, ID) for n in numbers] != [other(n, ID) for n in numbers]


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "orders",
        "order:1",
        "uniform",
        "uniform:",
        "uniform:0",
        "uniform:-1",
        "uniform:1e3",
        "uniform:1000001",
        "uniform:" + "9" * 5000,
        "uniform:٣",
        "uniform:1:2",
        "zipf:1.1",
        "zipf:x:10",
        "zipf:-1:10",
        "zipf:nan:10",
        "zipf:11:10",
        "zipf:1.1:0",
        "hot:",
        "hot:1.5",
        "hot:-0.1",
        "hot:101%",
        "hot:nan",
        "hot:a",
    ],
)
def test_wrong_specs_are_refused(spec: str) -> None:
    """Another form, or a number out of bounds, is one line with the flag and what was given."""
    with pytest.raises(UsageError) as caught:
        parse_key_law(spec)

    assert str(caught.value).startswith(f"--keys {spec}: ")
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError):
        key_function(spec, 1)
