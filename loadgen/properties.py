"""librdkafka's properties: known names, types and bounds, checked before any socket opens.

librdkafka itself wraps integers at 2³², takes hex and leading blanks, reads `1e3` as 1 and accepts acks=7, so nothing is
left to it. The table is its own (`profiles/librdkafka.tsv`). Also here: names of Java's client that have another name
here, which values are secret, and which properties could run code.
"""

import difflib
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import TypeVar

import msgspec

T = TypeVar("T")

# Java's names whose meaning librdkafka has under another name and unit; the number divides the value.
JAVA_NAMES: dict[str, tuple[str, int]] = {
    "buffer.memory": ("queue.buffering.max.kbytes", 1024),
    "max.request.size": ("message.max.bytes", 1),
}
SECRET = re.compile(
    r"password|secret|passphrase|ssl\.key|ca\.pem|certificate\.pem|private\.key|oauthbearer\.config|jaas"
)
# Not shown anywhere either, though it may stand on a command line.
HIDDEN = re.compile(SECRET.pattern + r"|sasl\.username|oauthbearer\..*client\.id")
# What could run code of somebody's choice in this process (kinit.cmd is a shell command run at client creation).
RUNS_CODE = frozenset(
    {"plugin.library.paths", "ssl.engine.location", "ssl.engine.id", "ssl.providers", "sasl.kerberos.kinit.cmd"}
)
# Texts in librdkafka's table, of which it takes only these, and says so only when a client is made.
_MECHANISMS = ("GSSAPI", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
WORDS: dict[str, tuple[str, ...]] = {
    "sasl.mechanism": _MECHANISMS,
    "sasl.mechanisms": _MECHANISMS,
    "partitioner": (
        "random",
        "consistent",
        "consistent_random",
        "murmur2",
        "murmur2_random",
        "fnv1a",
        "fnv1a_random",
    ),
}
# Ours to set, because a measurement or the life cycle hangs on them.
RESERVED: dict[str, str] = {
    "bootstrap.servers": "name the cluster with -b",
    "metadata.broker.list": "name the cluster with -b",
    "delivery.report.only.error": "the ledger needs every report",
    "transactional.id": "transactions are not part of a run",
    "statistics.interval.ms": "loadgen sets it to one second",
    "allow.auto.create.topics": "loadgen creates topics itself",
    "enable.metrics.push": "it would load the cluster beside the run",
}


class Property(msgspec.Struct, frozen=True):
    """One row of librdkafka's table.

    Attributes:
        side: "*" both, "P" producer, "C" consumer.
        kind: "integer", "float", "boolean", "enum value", "string", …, as librdkafka names it.
        bounds: "1 .. 1000000" or "none, gzip, …" or "".
    """

    name: str
    side: str
    kind: str
    bounds: str
    default: str
    alias_of: str
    deprecated: bool

    def problem_with(self, value: str) -> str | None:
        """What is wrong with a value, with the bound; None when it may be passed on."""
        if self.kind == "integer":
            if not re.fullmatch(r"-?[0-9]{1,18}", value):
                return f"must be a whole number in plain digits, {self.bounds}"
            low, high = (int(bound) for bound in self.bounds.split(" .. "))
            return None if low <= int(value) <= high else f"must be {low} .. {high}"
        if self.kind == "float":
            low_f, high_f = (float(bound) for bound in self.bounds.split(" .. "))
            if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) or not low_f <= float(value) <= high_f:
                return f"must be a number, {self.bounds}"
        if self.kind in {"boolean", "enum value"}:
            allowed = [word.strip() for word in self.bounds.split(",")]
            if self.kind == "boolean":
                allowed = ["true", "false"]
            if value not in allowed:
                return f"must be one of {', '.join(allowed)}{nearest(value, allowed)}"
        if self.name in WORDS and value not in WORDS[self.name]:
            return f"must be one of {', '.join(WORDS[self.name])}{nearest(value, list(WORDS[self.name]))}"
        if self.kind == "see dedicated API":
            return "is a callback; it cannot be set by a value"
        return None


@lru_cache(maxsize=1)
def table() -> dict[str, Property]:
    """Every property that librdkafka 2.16.0 knows, by name."""
    rows: dict[str, Property] = {}
    for line in resources.files("loadgen").joinpath("profiles/librdkafka.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            name, side, kind, bounds, default, alias, deprecated = (line.split("\t") + [""] * 7)[:7]
            rows[name] = Property(name, side, kind, bounds, default, alias, bool(deprecated))
    return rows


def nearest(word: str, known: list[str] | dict[str, object]) -> str:
    """`; did you mean X?` when something known is near, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""


def canonical(name: str) -> str:
    """The name that aliases share: `acks` and `request.required.acks` are one."""
    row = table().get(name)
    return row.alias_of if row and row.alias_of else name


def translated(name: str, value: str) -> tuple[str, str]:
    """A Java name and value as librdkafka's; others as they are."""
    if name in JAVA_NAMES:
        target, divisor = JAVA_NAMES[name]
        return target, str(int(value) // divisor) if value.isdigit() else value
    if canonical(name) == "request.required.acks" and value == "all":
        return name, "-1"
    if name == "security.protocol":
        return name, value.lower()  # SASL_SSL, as everybody writes it
    return name, value


def overlaid(lower: Mapping[str, T], upper: Mapping[str, T]) -> dict[str, T]:
    """Properties of two sources, by name; an alias in the upper one replaces the lower one's other name for it."""
    replaced = {canonical(name) for name in upper}
    return {name: value for name, value in lower.items() if canonical(name) not in replaced} | dict(upper)


def tls_verified(properties: Mapping[str, str]) -> bool | None:
    """Whether the broker must show a certificate that is trusted and for its name; None where there is no TLS."""
    if not properties.get("security.protocol", "").endswith("ssl"):
        return None
    return (
        properties.get("enable.ssl.certificate.verification") != "false"
        and properties.get("ssl.endpoint.identification.algorithm") != "none"
    )


def redacted(properties: dict[str, str]) -> dict[str, str]:
    """The properties as they may be shown: secrets by their name only."""
    return {name: "[redacted]" if HIDDEN.search(name) else value for name, value in properties.items()}


def problems_in(properties: dict[str, tuple[str, str]], *, allow_unsafe: bool = False) -> list[str]:
    """Everything wrong with client properties, a line each.

    Args:
        properties: name → (value, where it came from).
        allow_unsafe: let through what could run code.
    """
    found: list[str] = []
    rows = table()
    for name, (value, origin) in properties.items():
        shown = "[redacted]" if HIDDEN.search(name) else repr(value)
        if name in RUNS_CODE and (not allow_unsafe or name == "plugin.library.paths"):
            allow = "" if name == "plugin.library.paths" else "; to allow it: --allow-unsafe"
            found.append(f"refused: {name} ({origin}) can load or run code on this machine{allow}")
        elif name in RESERVED:
            found.append(f"{name} ({origin}) cannot be set here: {RESERVED[name]}")
        elif name not in rows:
            found.append(f"unknown property {name} = {shown} ({origin}){nearest(name, list(rows))}")
        elif rows[name].side == "C":
            found.append(f"{name} = {shown} ({origin}) is a consumer's property; a run sends")
        elif problem := rows[name].problem_with(value):
            found.append(f"{name} = {shown} ({origin}) {problem}")
    if not allow_unsafe:
        found += _unverified(properties)
    return found + _conflicts(properties)


def _unverified(properties: dict[str, tuple[str, str]]) -> list[str]:
    """TLS that does not ask who is there, which takes a flag of its own."""
    if tls_verified({name: value for name, (value, _) in properties.items()}) is not False:
        return []
    lax = {"enable.ssl.certificate.verification": "false", "ssl.endpoint.identification.algorithm": "none"}
    return [
        f"refused: {name} = {properties[name][0]} ({properties[name][1]}): whoever answers would be taken for the broker "
        "and given the password; to allow it: --allow-unsafe"
        for name, value in lax.items()
        if properties.get(name, ("", ""))[0] == value
    ]


def _conflicts(properties: dict[str, tuple[str, str]]) -> list[str]:
    """Properties that forbid each other; both are named, with the remedy."""
    given = {canonical(name): (name, value, origin) for name, (value, origin) in properties.items()}
    found: list[str] = []

    def fails(key: str, allowed: bool, remedy: str) -> None:
        if key in given and not allowed:
            name, value, origin = given[key]
            idempotence_origin = given["enable.idempotence"][2]
            found.append(
                f"{name} = {value} ({origin}) does not go with enable.idempotence = true ({idempotence_origin}); {remedy}"
            )

    def number(key: str) -> int | None:
        value = given.get(key, ("", "", ""))[1]
        return int(value) if re.fullmatch(r"-?[0-9]{1,18}", value) else None

    if given.get("enable.idempotence", ("", "false", ""))[1] == "true":
        acks, in_flight, retries = (
            number(key)
            for key in ("request.required.acks", "max.in.flight.requests.per.connection", "message.send.max.retries")
        )
        both = "set -X acks=all or -X enable.idempotence=false"
        fails("request.required.acks", acks in (-1, None), both)
        fails(
            "max.in.flight.requests.per.connection",
            in_flight is None or in_flight <= 5,
            "it keeps order for at most 5 in flight: set 5, or -X enable.idempotence=false",
        )
        fails("message.send.max.retries", retries is None or retries > 0, "it needs retries of at least 1")
    acks = number("request.required.acks")
    if acks is not None and acks not in (-1, 0, 1) and acks <= 1000:
        name, value, origin = given["request.required.acks"]
        found.append(f"{name} = {value} ({origin}) must be all (-1), 0 or 1: brokers refuse other values")
    timeout = number("message.timeout.ms")
    if timeout is not None and timeout < 1000:
        name, value, origin = given["message.timeout.ms"]
        found.append(f"{name} = {value} ({origin}) must be at least 1000: librdkafka looks once a second")
    batch, largest = number("batch.size"), number("message.max.bytes")
    if batch is not None and largest is not None and batch > largest:
        found.append(
            f"batch.size = {batch} ({given['batch.size'][2]}) exceeds message.max.bytes = {largest} "
            f"({given['message.max.bytes'][2]}), which then cuts batches: lower the one or raise the other"
        )
    return found
