"""Which variant of a pair runs first: drawn from a seed, a fair coin for each pair, the same again for the same seed.

A fixed ABBA cancels straight drift but makes no test exact; a drawn order does, for any drift (Fisher's own reason
to randomise). SHA-256 makes the coin, so that no library's generator can change an order that a record holds.
"""

import hashlib
from typing import Literal

Order = Literal["baseline first", "candidate first"]


def pair_order(seed: int, pair: int) -> Order:
    """The order inside pair number `pair`, from 0."""
    coin = hashlib.sha256(f"{seed}/{pair}".encode()).digest()[0] & 1
    return "candidate first" if coin else "baseline first"


def block_order(seed: int, block: int, treatments: int) -> list[int]:
    """A random order of several treatments inside one block of a sweep; every order equally likely."""
    drawn = [hashlib.sha256(f"{seed}/{block}/{treatment}".encode()).digest() for treatment in range(treatments)]
    return sorted(range(treatments), key=lambda treatment: drawn[treatment])
