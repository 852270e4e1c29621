"""Which key a record gets: a function of (seed, number), chosen by `--keys`.

Goal: order ids, none, or skewed keys whose law is known, made again from the number alone.
Non-goal: which partition a key lands in; that is the client's partitioner.
Place: called once a record by `messages.source`.

    order           the event's order id: every key once
    none            no key: the client spreads batches over partitions
    uniform:N       one of N keys, each equally likely
    zipf:S:N        one of N keys, key k (from 1) with probability proportional to k^-S
    hot:SHARE       SHARE of the records carry the one key `hot`, the others their order id; 0.2 or 20%
"""

import math
from array import array
from collections.abc import Callable
from typing import Literal

import msgspec

from loadgen.errors import UsageError
from loadgen.events.splitmix import GAMMA, MASK64, mix64, stream_seed

KeyFunction = Callable[[int, bytes], bytes | None]
"""(event number, order id) → key, or None for no key."""

KEYS_LIMIT = 1_000_000
ZIPF_EXPONENT_LIMIT = 10.0
HOT_KEY = b"hot"

_KEY_STREAM = 4


class KeyLaw(msgspec.Struct, frozen=True):
    """What `--keys` asked for, in numbers; only those that the form has are set."""

    form: Literal["order", "none", "uniform", "zipf", "hot"]
    keys: int = 0
    exponent: float = 0.0
    share: float = 0.0


def parse_key_law(spec: str) -> KeyLaw:
    """The law that a spec names; quick, for checking a profile.

    Raises:
        UsageError: another form, or a number out of bounds.
    """
    form, *numbers = spec.split(":")
    match form, numbers:
        case (("order" | "none"), []):
            return KeyLaw(form)
        case "uniform", [keys]:
            return KeyLaw("uniform", keys=_parse_keys(spec, keys))
        case "zipf", [exponent, keys]:
            return KeyLaw("zipf", keys=_parse_keys(spec, keys), exponent=_parse_exponent(spec, exponent))
        case "hot", [share]:
            return KeyLaw("hot", share=_parse_share(spec, share))
    raise UsageError(f"--keys {spec}: order, none, uniform:N, zipf:S:N or hot:SHARE is needed")


def key_function(spec: str, seed: int) -> KeyFunction:
    """The key of every event, as `--keys` says. Building `zipf` takes 1 µs a key.

    Cost of a call: order, none 0.05 µs; hot 0.4; uniform 0.55; zipf 0.7.

    Args:
        spec: one of the forms above.
        seed: of the run, any integer.

    Raises:
        UsageError: another form, or a number out of bounds.
    """
    law = parse_key_law(spec)
    match law.form:
        case "order":
            return _order_key
        case "none":
            return _no_key
        case "uniform":
            return _uniform(law.keys, seed)
        case "zipf":
            return _zipf(law.exponent, law.keys, seed)
        case "hot":
            return _hot(law.share, seed)


def key_stream_start(seed: int) -> int:
    """SplitMix64's state before number 0 of the keys' stream: what a sender in another language starts from."""
    return stream_seed(seed, _KEY_STREAM) + GAMMA


def key_text(rank: int) -> bytes:
    """Key `rank` (from 0) of `uniform` and `zipf`: `key-0000000`, 11 bytes."""
    return b"key-%07d" % rank


def alias_table(weights: list[float]) -> tuple["array[float]", "array[int]"]:
    """Walker's alias table in Vose's O(N) construction (IEEE TSE 17(9), 1991).

    A column is drawn uniformly; with `stay[column]` it is the answer, else `other[column]` is.

    Args:
        weights: not negative, not all zero, in any unit.

    Returns:
        (stay, other): as many probabilities and indices as weights.
    """
    count = len(weights)
    scale = count / math.fsum(weights)
    share = [weight * scale for weight in weights]  # 1.0 fills a column
    stay = array("d", [1.0]) * count
    other = array("I", range(count))
    small = [column for column in range(count) if share[column] < 1.0]
    large = [column for column in range(count) if share[column] >= 1.0]
    while small and large:
        poor, rich = small.pop(), large.pop()
        stay[poor] = share[poor]
        other[poor] = rich
        share[rich] -= 1.0 - share[poor]
        (small if share[rich] < 1.0 else large).append(rich)
    return stay, other  # what is left is 1.0 but for rounding: such a column keeps to itself


def _order_key(number: int, order_id: bytes) -> bytes:  # noqa: ARG001  (one signature for all)
    return order_id


def _no_key(number: int, order_id: bytes) -> None:  # noqa: ARG001
    return None


def _uniform(keys: int, seed: int) -> KeyFunction:
    start = key_stream_start(seed)

    def uniform_key(number: int, order_id: bytes) -> bytes:  # noqa: ARG001
        return b"key-%07d" % (mix64(start + number * GAMMA) * keys >> 64)  # bias below 2^-44

    return uniform_key


def _zipf(exponent: float, keys: int, seed: int) -> KeyFunction:
    stay, other = alias_table([rank**-exponent for rank in range(1, keys + 1)])
    start = key_stream_start(seed)
    unit = 2.0**-64

    def zipf_key(number: int, order_id: bytes) -> bytes:  # noqa: ARG001
        # High bits choose the column, what is left of the product decides whether to stay: one draw for both.
        place = mix64(start + number * GAMMA) * keys
        column = place >> 64
        return b"key-%07d" % (column if (place & MASK64) * unit < stay[column] else other[column])

    return zipf_key


def _hot(share: float, seed: int) -> KeyFunction:
    start = key_stream_start(seed)
    threshold = round(share * 2**64)

    def hot_key(number: int, order_id: bytes) -> bytes:
        return HOT_KEY if mix64(start + number * GAMMA) < threshold else order_id

    return hot_key


def _parse_keys(spec: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= KEYS_LIMIT):
        raise UsageError(f"--keys {spec}: {text!r} is not a number of keys from 1 to {KEYS_LIMIT}")
    return int(text)


def _parse_exponent(spec: str, text: str) -> float:
    exponent = _parse_float(text)
    if exponent is None or not 0.0 <= exponent <= ZIPF_EXPONENT_LIMIT:
        bound = f"0 to {ZIPF_EXPONENT_LIMIT:g}"
        raise UsageError(f"--keys {spec}: {text!r} is not an exponent from {bound}, as zipf:1.1:1000")
    return exponent


def _parse_share(spec: str, text: str) -> float:
    number = _parse_float(text.removesuffix("%"))
    share = None if number is None else number / 100 if text.endswith("%") else number
    if share is None or not 0.0 <= share <= 1.0:
        raise UsageError(f"--keys {spec}: {text!r} is not a share from 0 to 1 or 0% to 100%, as hot:0.2")
    return share


def _parse_float(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
