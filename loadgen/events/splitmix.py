"""Random integers as a function of their position: SplitMix64, in integers only.

Goal: the same numbers on every machine and with every Python, for ever, so that any event of a run can be made
again. Library generators may change their streams between versions; this one is written out.
Non-goal: cryptography, speed beyond a few hundred nanoseconds.
Place: below everything in `events` that looks random.

Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014), with the constants
of Vigna's public-domain splitmix64.c; `tests/events/test_splitmix.py` holds published outputs.
"""

from collections.abc import Iterator

MASK64 = 0xFFFF_FFFF_FFFF_FFFF
GAMMA = 0x9E37_79B9_7F4A_7C15  # the odd integer nearest to 2^64 / golden ratio: the step of the state
MIX_1 = 0xBF58_476D_1CE4_E5B9
MIX_2 = 0x94D0_49BB_1331_11EB


def mix64(state: int) -> int:
    """The output function: a bijection of 64-bit integers in which every input bit moves every output bit; 0.3 µs."""
    state &= MASK64
    state = ((state ^ (state >> 30)) * MIX_1) & MASK64
    state = ((state ^ (state >> 27)) * MIX_2) & MASK64
    return state ^ (state >> 31)


def splitmix64(seed: int) -> Iterator[int]:
    """The endless sequence of outputs for a seed, in order."""
    state = seed
    while True:
        state = (state + GAMMA) & MASK64
        yield mix64(state)


def stream_seed(seed: int, stream: int) -> int:
    """A seed of its own for each purpose, so that keys, contents and payloads do not repeat one another.

    Args:
        seed: of the run, any integer.
        stream: a small number that names the purpose.
    """
    return mix64(mix64(seed) + (stream + 1) * GAMMA)


def random_at(seed: int, number: int, stream: int) -> int:
    """Output `number` (from 0) of the sequence seeded with `stream_seed(seed, stream)`: 0 … 2^64 − 1.

    No state is carried: number 10^12 costs what number 0 costs, 1 µs. Hot paths hold the stream's seed: 0.4.
    """
    return mix64(stream_seed(seed, stream) + (number + 1) * GAMMA)
