"""What a run was asked to do, as one frozen struct; and each single setting: how its text is read, its built-in value.

Not here: where texts come from (`sources`), what does not go together (`checks`).
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from loadgen import quantities
from loadgen.errors import UsageError
from loadgen.events.keys import parse_key_law
from loadgen.properties import nearest
from loadgen.quantities import Rate
from loadgen.slo import Rule, parse_rule


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was asked to do. Times in s, sizes in bytes, rates a second over all workers.

    Attributes:
        notes: what became of a client's property file, for people.
    """

    bootstrap: str | None
    start: str | None
    topic: str | None
    keep_topic: bool
    partitions: int | None
    replication_factor: int
    topic_config: dict[str, str]
    like: str | None
    profile: str
    properties: dict[str, str]
    rate: Rate
    arrival: str
    ramp: tuple[float, float] | None
    steps: tuple[float, ...]
    duration_s: float | None
    count: int | None
    warmup_s: float
    workers: int | None
    producers: int | None
    events: str
    serializer: str
    serializer_given: bool
    line_items: tuple[int, int]
    record_size: int | None
    entropy: float
    payload_file: str | None
    payload_format: str
    keys: str
    headers: tuple[tuple[str, str], ...]
    consume: int
    slo: tuple[Rule, ...]
    verify: str | None
    drain_s: float
    seed: int
    instrument: str
    pool_size: int
    name: str | None
    labels: dict[str, str]
    dry_run: bool
    yes: bool
    confirm: str | None
    max_bytes: int
    max_time_s: float
    allow_unsafe: bool
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"RunSettings({self.profile}, {self.bootstrap or self.start})"  # properties hold secrets


class Field(NamedTuple):
    """One setting: how its text is read, and its built-in value."""

    parse: Callable[[Any], Any]
    default: Any


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{text!r} must be one of {', '.join(allowed)}{nearest(text, list(allowed))}")
        return text

    return parse


def _or_none(parse: Callable[[str], Any], none: str) -> Callable[[str], Any]:
    return lambda text: None if text == none else parse(text)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in {"1", "true", "yes"}:
        return True
    if str(value).lower() in {"0", "false", "no", ""}:
        return False
    raise ValueError(f"{value!r} must be true or false")


def _pairs(values: Any) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in [values] if isinstance(values, str) else values:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"{text!r} must be name=value")
        pairs[key.strip()] = value.strip()
    return pairs


def _text_list(values: Any) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


def parse_topic(text: str) -> str:
    """A topic name that brokers take (Kafka's own rule: at most 249 of a-z A-Z 0-9 . _ -).

    Raises:
        ValueError: another character, too long, or a reserved name.
    """
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", text) or text in {".", ".."}:
        raise ValueError(f"{text!r} is no topic name: 1 to 249 of letters, digits, dot, underscore and hyphen")
    return text


def _events(text: str) -> str:
    kind = text.partition(":")[0]
    if text in {"stamped", "fresh", "pool"}:
        return text
    if kind in {"pool", "fresh"} and re.fullmatch(r"[\w.]+:\w+", text.partition(":")[2]):
        return text
    raise ValueError(
        f"{text!r} must be stamped, fresh, pool, pool:MODULE:FUNCTION or fresh:MODULE:FUNCTION"
        f"{nearest(text, ['stamped', 'fresh', 'pool'])}"
    )


def _keys(text: str) -> str:
    try:
        parse_key_law(text)
    except UsageError as error:
        raise ValueError(str(error).removeprefix("--keys ")) from None
    return text


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text} must be 0 to 1")
    return value


def _bootstrap(text: str) -> str:
    for part in text.split(","):
        host, colon, port = part.strip().rpartition(":")
        if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError(f"{part.strip()!r} is not host:port")
    return ",".join(part.strip() for part in text.split(","))


def _ramp(text: str) -> tuple[float, float]:
    first, dots, last = text.partition("..")
    if not dots:
        raise ValueError(f"{text!r} is not a ramp; write it like 10k/s..200k/s")
    return quantities.parse_events_per_s(first), quantities.parse_events_per_s(last)


def _headers(values: Any) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for text in _text_list(values) for key, value in _pairs(text).items())


def _count_between(low: int, high: int) -> Callable[[str], int]:
    return lambda text: quantities.parse_count(str(text), low=low, high=high)


def _replication(text: str) -> int:
    return -1 if text in {"broker", "-1"} else quantities.parse_count(text, low=1, high=100)


def _verify(value: Any) -> str | None:
    text = "ids" if value is True or value == "" else value
    return None if text in {False, "false", None} else _one_of("ids", "full")(text)


FIELDS: dict[str, Field] = {
    "bootstrap_server": Field(_bootstrap, None),
    "start": Field(_one_of("mock", "kafka", "redpanda"), None),
    "topic": Field(parse_topic, None),
    "keep_topic": Field(_flag, False),
    "partitions": Field(_or_none(_count_between(1, 100_000), "auto"), "auto"),
    "replication_factor": Field(_replication, "broker"),
    "topic_config": Field(_pairs, ()),
    "like": Field(parse_topic, None),
    "rate": Field(quantities.parse_rate, "max"),
    "arrival": Field(_one_of("uniform", "poisson"), "uniform"),
    "ramp": Field(_ramp, None),
    "steps": Field(lambda text: tuple(quantities.parse_events_per_s(part) for part in text.split(",")), ""),
    "duration": Field(quantities.parse_duration_s, None),
    "count": Field(_count_between(1, 10**12), None),
    "warmup": Field(lambda text: quantities.parse_duration_s(text, zero=True), "5s"),
    "workers": Field(_or_none(_count_between(1, 1024), "auto"), "auto"),
    "producers": Field(_count_between(1, 4096), None),
    "events": Field(_events, "stamped"),
    "serializer": Field(_one_of("msgspec", "orjson", "pydantic"), "msgspec"),
    "line_items": Field(quantities.parse_range, "1-5"),
    "record_size": Field(quantities.parse_bytes, None),
    "entropy": Field(_share, "1.0"),
    "payload_file": Field(str, None),
    "payload_format": Field(_one_of("lines", "len32", "base64"), "lines"),
    "keys": Field(_keys, "order"),
    "header": Field(_headers, ()),
    "consume": Field(_count_between(0, 64), "0"),
    "slo": Field(lambda values: tuple(parse_rule(text) for text in _text_list(values)), ()),
    "verify": Field(_verify, False),
    "drain": Field(quantities.parse_duration_s, "10s"),
    "seed": Field(_count_between(0, 2**63 - 1), "1"),
    "instrument": Field(_one_of("auto", "c", "python"), "auto"),
    "pool_size": Field(_count_between(1, 1_000_000), "2048"),
    "name": Field(str, None),
    "label": Field(_pairs, ()),
    "dry_run": Field(_flag, False),
    "yes": Field(_flag, False),
    "confirm": Field(str, None),
    "max_bytes": Field(quantities.parse_bytes, "50GiB"),
    "max_time": Field(quantities.parse_duration_s, "1h"),
    "allow_unsafe": Field(_flag, False),
}
