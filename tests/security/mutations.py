"""Hostile files made from good ones: bytes that were changed, and JSON whose values are not what anybody wrote."""

import copy
import json
from random import Random
from typing import Any

TOKENS = (
    b"NaN",
    b"Infinity",
    b"1e999",
    b"-1",
    b"99999999999999999999999",
    b'"\\u001b[2J"',
    b'"<script>alert(1)</script>"',
    b"null",
    b"[" * 2_000,
    b'{"a":1,"a":2}',
    b"\x00",
    b"\xff\xfe",
    b"\x80\x04\x95",  # how a pickle begins
    b"../../../../etc/passwd",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1 << 62,
    -(1 << 62),
    1e308,
    -1e308,
    1e-320,
    "",
    "\x1b[2J\x1b]0;owned\x07",
    "<script>alert(1)</script>",
    "\u202e\u2066evil",
    "|[x](javascript:alert(1))|`",
    "{{7*7}}",
    "../../../etc/passwd",
    "a" * 10_000,
    [],
    {},
    [[[[]]]],
    {"a": {"b": None}},
)


def of_bytes(content: bytes, random: Random) -> bytes:
    """A few cuts, flips, insertions and doublings."""
    data = bytearray(content)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data) + 1)
        end = min(at + random.choice((1, 2, 10, 200, 10_000)), len(data))
        match random.randrange(5):
            case 0:
                del data[at:end]
            case 1:
                data[at:at] = random.choice(TOKENS)
            case 2:
                data[at:at] = data[at:end]
            case 3 if at < len(data):
                data[at] ^= 1 << random.randrange(8)
            case 4:
                data[at:end] = random.choice(TOKENS)
    return bytes(data)


def of_values(content: bytes, random: Random) -> bytes:
    """JSON that stays JSON: one to three values replaced, keys removed or renamed."""
    data = json.loads(content)
    for _ in range(random.randint(1, 3)):
        holder, key = _somewhere(data, random)
        match random.randrange(6):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[random.choice(["", "__class__", "\x1b[31m", "<b>"])] = holder.pop(key)
            case _:
                holder[key] = copy.deepcopy(random.choice(VALUES))  # else one list could come to hold itself
    return json.dumps(data).encode()


def _somewhere(data: Any, random: Random) -> tuple[Any, Any]:
    """A container below the top and a key of it."""
    holder, key = data, random.choice(list(data))
    while True:
        inner = holder[key]
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner))) if isinstance(inner, list) else []
        if not keys or random.random() < 0.2:
            return holder, key
        holder, key = inner, random.choice(keys)
