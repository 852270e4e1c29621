"""Order ids of a whole batch at once: 26 bytes each, at a fixed place, read as columns. 100 ns a record.

Goal: (producer, sequence) of every record that is plainly a run's; what is not is left to who asks.
Place: `verify` checks with it, consumers beside a run find each record's planned instant with it. The text of an id is
events/identity.py's, the place in a value messages/pool.py's: tests hold both together.

    {"order_id":"7f3a9c21-0003-000000012345","created_at":…     in the value, or the id alone as key
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
IdPlace = Literal["value", "key", "none"]

BEFORE_IN_VALUE = b'{"order_id":"'
ID_BYTES = 26

_HEX = np.full(256, 255, np.uint8)
for _value, _digit in enumerate(b"0123456789abcdef"):
    _HEX[_digit] = _value
_HEX_POWERS = np.array([4096, 256, 16, 1], np.float64)
_TEN_POWERS = 10.0 ** np.arange(11, -1, -1)  # sums below 10¹² are exact in a double


def id_place(events: str, keys: str) -> IdPlace:
    """Where the records of a run carry an id of their own.

    Args:
        events: as result.json has it: a kind, or `kind:MODULE:FUNCTION`.
        keys: as `--keys`.
    """
    if events in ("stamped", "fresh"):
        return "value"
    return "key" if events in ("raw", "payload_file") and keys == "order" else "none"


class IdentityColumns:
    """Where the ids of a run's records are, and how they begin.

    Args:
        run_token: of the run.
        in_key: the id is the whole key; else it is in the value, behind `{"order_id":"`.
    """

    def __init__(self, run_token: str, *, in_key: bool) -> None:
        before = b"" if in_key else BEFORE_IN_VALUE
        self.in_key = in_key
        self.width = len(before) + ID_BYTES
        self._beginning = np.frombuffer(before + run_token.encode("ascii") + b"-", np.uint8)

    def parse(self, texts: Sequence[bytes | None]) -> tuple[Flags, Integers, Integers]:
        """Which records are plainly this run's, with producer and sequence (arbitrary where it is not)."""
        width, count = self.width, len(texts)
        plain = texts if None not in texts else [text or b"" for text in texts]
        joined = b"".join([text[:width] for text in plain])  # type: ignore[index]
        if len(joined) != width * count:
            joined = b"".join([(text or b"")[:width].ljust(width, b"\0") for text in texts])
        rows = np.frombuffer(joined, np.uint8).reshape(count, width)
        start = len(self._beginning)
        good: Flags = (rows[:, :start] == self._beginning).all(axis=1)
        hexadecimal = _HEX[rows[:, start : start + 4]]
        decimal = rows[:, start + 5 :] - np.uint8(ord("0"))
        good &= (hexadecimal < 16).all(axis=1)
        good &= rows[:, start + 4] == ord("-")
        good &= (decimal < 10).all(axis=1)
        if self.in_key:
            good &= np.fromiter(map(len, plain), np.int64, count) == width  # type: ignore[arg-type]
        producers = (hexadecimal.astype(np.float64) @ _HEX_POWERS).astype(np.int64)
        sequences = (decimal.astype(np.float64) @ _TEN_POWERS).astype(np.int64)
        return good, producers, sequences
