"""Quantities as people write them: `200k/s`, `80MiB/s`, `70%`, `1h30m`, `50GiB`. Parsed once, refused in words.

Every parser raises ValueError with what is wrong and what would be right; the caller adds key and origin.
"""

import math
import re
from typing import Literal

import msgspec

_DECIMAL = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}
_BINARY = {
    "B": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
}
_TIME_S = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_NUMBER = r"(\d+(?:[._]\d+)*(?:\.\d+)?)"

MAX_RATE_PER_S = 1e9
MAX_DURATION_S = 366 * 86_400.0


class Rate(msgspec.Struct, frozen=True):
    """What `--rate` asks for.

    Attributes:
        kind: "max" flat out; "events" a second; "bytes" of payload a second; "percent" of a flat-out probe.
        value: events a second, bytes a second or percent; 0 for "max".
    """

    kind: Literal["max", "events", "bytes", "percent"]
    value: float = 0.0


def _number(text: str) -> float:
    value = float(text.replace("_", "").replace(",", ""))
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a finite number")
    return value


def parse_count(text: str, *, low: int = 0, high: int = 10**12) -> int:
    """`10000`, `10k`, `2M`: an integer within bounds."""
    match = re.fullmatch(r"(\d[\d_,]*(?:\.\d+)?)([kMG]?)", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a whole number; write it like 10000, 10k or 2M")
    value = _number(match[1]) * _DECIMAL[match[2]]
    if value != int(value):
        raise ValueError(f"{text!r} is not a whole number")
    if not low <= value <= high:
        raise ValueError(f"{text} is outside {low:,} … {high:,}")
    return int(value)


def parse_bytes(text: str) -> int:
    """`512`, `16KiB`, `50GiB`, `1MB`: bytes."""
    match = re.fullmatch(r"(\d[\d_,]*(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB|kB|MB|GB)?", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size; write it like 512, 16KiB or 50GiB")
    return int(_number(match[1]) * _BINARY[match[2] or "B"])


def parse_duration_s(text: str, *, zero: bool = False) -> float:
    """`30s`, `1m30s`, `500ms`, `2h`: seconds. A bare number is seconds."""
    stripped = text.strip()
    if re.fullmatch(r"\d[\d_]*(?:\.\d+)?", stripped):
        seconds = _number(stripped)
    else:
        parts = re.findall(r"(\d+(?:\.\d+)?)(us|µs|ms|min|s|m|h)", stripped)
        if not parts or "".join(number + unit for number, unit in parts) != stripped:
            raise ValueError(f"{text!r} is not a time; write it like 30s, 1m30s or 500ms")
        seconds = sum(_number(number) * _TIME_S[unit] for number, unit in parts)
    if seconds > MAX_DURATION_S or seconds < 0 or (seconds == 0 and not zero):
        raise ValueError(f"{text} must be {'0' if zero else 'above 0'} to a year")
    return seconds


def parse_rate(text: str) -> Rate:
    """`200k/s`, `200000`, `50/1s`, `80MiB/s`, `70%`, `max`, `-1` (Kafka's word for no limit)."""
    stripped = text.strip()
    if stripped in {"max", "-1"}:
        return Rate("max")
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", stripped):
        percent = _number(match[1])
        if not 0 < percent <= 200:
            raise ValueError(f"{text} must be above 0 % to 200 % of what a flat-out probe reaches")
        return Rate("percent", percent)
    if match := re.fullmatch(r"(\d[\d_,]*(?:\.\d+)?)\s*(KiB|MiB|GiB|kB|MB|GB|B)/s", stripped):
        value = _number(match[1]) * _BINARY[match[2]]
        if value <= 0:
            raise ValueError(f"{text} must be above 0; flat out is `max`")
        return Rate("bytes", value)
    match = re.fullmatch(r"(\d[\d_,]*(?:\.\d+)?)([kMG]?)(?:/(\d+(?:\.\d+)?)?(ms|s|m|h))?", stripped)
    if match is None:
        raise ValueError(
            f"{text!r} is not a rate; write it like 200k/s, 200000, 80MiB/s, 70% (of a flat-out probe) or max"
        )
    per_s = _number(match[1]) * _DECIMAL[match[2]]
    if match[4]:
        per_s /= _number(match[3] or "1") * _TIME_S[match[4]] or math.inf
    if not 0 < per_s <= MAX_RATE_PER_S:
        raise ValueError(f"{text} must be above 0 and at most {MAX_RATE_PER_S:,.0f}/s; flat out is `max`")
    return Rate("events", per_s)


def parse_events_per_s(text: str) -> float:
    """A rate that must be in events a second, as `--ramp` and `--steps` take it."""
    rate = parse_rate(text)
    if rate.kind != "events":
        raise ValueError(f"{text!r} must be events a second here, like 20k/s")
    return rate.value


def parse_range(text: str) -> tuple[int, int]:
    """`1-5` or `3`: an inclusive range of whole numbers from 1."""
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a range; write it like 1-5 or 3")
    low, high = int(match[1]), int(match[2] or match[1])
    if not 1 <= low <= high <= 1000:
        raise ValueError(f"{text} must rise and lie within 1 … 1000")
    return low, high
