"""The integer generator: published outputs, and random access into the same sequence."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.events.splitmix import MASK64, mix64, random_at, splitmix64, stream_seed

PUBLISHED = {
    # As Rosetta Code prints it ("Pseudo-random numbers/Splitmix64").
    1234567: [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ],
    # The vector that ports of Vigna's splitmix64.c are tested with.
    0: [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC, 0x1B39896A51A8749B],
}


@pytest.mark.parametrize("seed", PUBLISHED)
def test_published_outputs(seed: int) -> None:
    """The sequence is SplitMix64's, digit for digit."""
    assert PUBLISHED[seed] == list(islice(splitmix64(seed), 5))


@given(st.integers(), st.integers(0, 300), st.integers(0, 10))
def test_random_access_is_the_sequence(seed: int, number: int, stream: int) -> None:
    """`random_at(seed, n, stream)` is output n of the stream's own sequence, for any integer as seed."""
    sequence = splitmix64(stream_seed(seed, stream))

    assert next(islice(sequence, number, None)) == random_at(seed, number, stream)


@given(st.integers(), st.integers(0, 10**15), st.integers(0, 100))
def test_outputs_are_64_bits(seed: int, number: int, stream: int) -> None:
    """Every output is in 0 … 2^64 − 1, whatever the arguments."""
    assert 0 <= random_at(seed, number, stream) <= MASK64


def test_streams_do_not_repeat_one_another() -> None:
    """Outputs of neighbouring seeds, numbers and streams are all different."""
    outputs = {random_at(seed, number, stream) for seed in range(20) for number in range(50) for stream in range(5)}

    assert len(outputs) == 20 * 50 * 5


def test_mixing_moves_half_of_the_bits() -> None:
    """One bit more in the input changes 32 of 64 output bits on average (avalanche), within 1."""
    changes = [(mix64(n) ^ mix64(n ^ 1 << bit)).bit_count() for n in range(1, 200) for bit in range(64)]

    assert 31 < sum(changes) / len(changes) < 33
